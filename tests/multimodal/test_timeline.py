import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike

from affectstream.multimodal.timeline import grid, read_at
from affectstream.multimodal.types import Trace


def trace(
    time: ArrayLike, mean: ArrayLike, *, variance: ArrayLike = 0.04, quality: ArrayLike = 1.0, span: ArrayLike = 0.0
) -> Trace:
    rows = len(np.asarray(time))
    return Trace(
        "face/0",
        time=time,
        mean=np.broadcast_to(np.reshape(mean, (-1, 1)), (rows, 3)),
        variance=np.broadcast_to(np.reshape(variance, (-1, 1)), (rows, 3)),
        quality=quality,
        span=span,
    )


def test_grid_holds_every_multiple_once() -> None:
    times = grid(0.0, 2.0, 10)
    np.testing.assert_allclose(times, np.arange(21) / 10, atol=1e-12)


def test_a_long_window_speaks_as_long_as_it_lasts_and_not_before() -> None:
    reading = read_at(trace([2.0], [0.5], span=1.0), grid(0, 4, 10), 10)
    speaking = grid(0, 4, 10)[np.isfinite(reading.mean[:, 0])]
    assert (speaking[0], speaking[-1]) == pytest.approx((1.5, 2.5), abs=0.051)
    assert np.nanmax(reading.quality) == 1 and reading.quality[0] == 0


def test_rows_of_one_cell_are_weighted_by_quality_over_variance_and_do_not_add_up() -> None:
    times = grid(0, 1, 1)
    reading = read_at(trace([0.8, 1.2], [0.2, 0.6], variance=[0.1, 0.3], quality=[1.0, 0.5]), times, 1)
    weight = np.array([1 / 0.1, 0.5 / 0.3])
    assert reading.mean[1, 0] == pytest.approx((weight @ [0.2, 0.6]) / weight.sum())
    assert reading.variance[1, 0] == pytest.approx(1.5 / weight.sum())  # between 0.1 and 0.3, not below
    assert reading.quality[1] == pytest.approx(0.75)


def test_a_row_that_saw_nothing_lowers_the_quality_and_leaves_the_mean() -> None:
    reading = read_at(trace([0.9, 1.1], [0.4, np.nan], variance=[0.1, np.nan]), grid(0, 1, 1), 1)
    assert reading.mean[1, 0] == pytest.approx(0.4)
    assert reading.quality[1] == pytest.approx(0.5)


def test_nothing_at_all_gives_silence() -> None:
    reading = read_at(trace([], []), grid(0, 1, 10), 10)
    assert np.isnan(reading.mean).all() and not reading.quality.any()


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 2), st.floats(-1, 1)), min_size=1, max_size=12))
def test_against_a_plain_loop(rows: list[tuple[float, float, float]]) -> None:
    rows.sort()
    time, span, mean = (np.array(column) for column in zip(*rows, strict=True))
    rate, times = 4.0, grid(0, 5, 4.0)
    got = read_at(trace(time, mean, span=span), times, rate)
    for g, at in enumerate(times):
        gap = abs(time - at) - span / 2 - 0.5 / rate
        if (abs(gap) < 1e-6).any():
            continue  # a window that ends on a cell's edge: either is right
        touching = mean[gap < 0]
        if len(touching):
            assert got.mean[g, 0] == pytest.approx(touching.mean(), abs=1e-9)
        else:
            assert np.isnan(got.mean[g, 0])


def test_a_rate_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="wanted more than 0"):
        grid(0, 1, 0)
