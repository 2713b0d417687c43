"""Metrics against independent implementations, their laws, and their edges."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from affectstream.multimodal import metrics

Array = NDArray[np.float64]

# Multiples of 1/64 in [-1, 1]: sums are exact, and ties, zeros and constant columns come up often.
values = st.integers(-64, 64).map(lambda i: i / 64)


@st.composite
def pairs(draw: st.DrawFn, least: int = 2, most: int = 30) -> tuple[Array, Array]:
    """Two arrays (n, 3) without gaps."""
    shape = (draw(st.integers(least, most)), 3)
    return draw(arrays(np.float64, shape, elements=values)), draw(arrays(np.float64, shape, elements=values))


def same(wanted: Any) -> Any:
    """``wanted`` within 1e-9; NaN only for NaN."""
    return pytest.approx(wanted, rel=1e-9, abs=1e-9, nan_ok=True)


def loop_ccc(p: list[float], t: list[float]) -> float:
    """Lin's definition, number by number."""
    n = len(p)
    mean_p, mean_t = math.fsum(p) / n, math.fsum(t) / n
    var_p = math.fsum((a - mean_p) ** 2 for a in p) / n
    var_t = math.fsum((b - mean_t) ** 2 for b in t) / n
    cov = math.fsum((a - mean_p) * (b - mean_t) for a, b in zip(p, t, strict=True)) / n
    below = var_p + var_t + (mean_p - mean_t) ** 2
    return 2 * cov / below if below else math.nan


@given(pairs())
def test_ccc_is_lins_definition(pair: tuple[Array, Array]) -> None:
    p, t = pair
    wanted = [loop_ccc(list(a), list(b)) for a, b in zip(p.T, t.T, strict=True)]
    assert metrics.ccc(p, t).tolist() == same(wanted)


@given(pairs())
def test_ccc_is_one_minus_mse_over_mse_at_random(pair: tuple[Array, Array]) -> None:
    p, t = pair
    at_random = ((p[:, None] - t[None]) ** 2).mean((0, 1))  # every prediction with every target
    assume((at_random > 0).all())
    wanted = 1 - ((p - t) ** 2).mean(0) / at_random
    assert metrics.ccc(p, t) == same(wanted)


@given(pairs())
def test_ccc_is_symmetric_and_below_the_correlation(pair: tuple[Array, Array]) -> None:
    p, t = pair
    ccc, pcc = metrics.ccc(p, t), metrics.pcc(p, t)
    assert ccc == same(metrics.ccc(t, p))
    known = ~np.isnan(pcc)
    assert (abs(ccc[known]) <= abs(pcc[known]) + 1e-12).all()
    assert (ccc[known] * pcc[known] >= -1e-12).all()


@given(pairs(), st.floats(0.1, 10), st.floats(-5, 5))
def test_ccc_ignores_a_change_of_unit_but_not_of_one_side(
    pair: tuple[Array, Array], scale: float, shift: float
) -> None:
    p, t = pair
    assume((p.std(0) > 0).all() and (t.std(0) > 0).all())
    ccc, pcc = metrics.ccc(p, t), metrics.pcc(p, t)
    assert metrics.ccc(scale * p + shift, scale * t + shift) == pytest.approx(ccc, rel=1e-6, abs=1e-9)
    assert metrics.pcc(scale * p + shift, t) == pytest.approx(pcc, rel=1e-6, abs=1e-9)
    far = abs(metrics.ccc(p + 100, t))
    assert (far <= abs(ccc) + 1e-12).all() and (far < 0.01).all()


@given(pairs())
def test_pcc_is_scipys(pair: tuple[Array, Array]) -> None:
    p, t = pair
    for got, a, b in zip(metrics.pcc(p, t), p.T, t.T, strict=True):
        if len(set(a)) == 1 or len(set(b)) == 1:
            assert math.isnan(got)
        else:
            assert got == same(scipy.stats.pearsonr(a, b)[0])


@given(pairs(least=1))
def test_errors_are_scikit_learns(pair: tuple[Array, Array]) -> None:
    p, t = pair
    mse = sklearn.metrics.mean_squared_error(t, p, multioutput="raw_values")
    assert metrics.rmse(p, t) == same(np.sqrt(mse))
    assert metrics.mae(p, t) == same(sklearn.metrics.mean_absolute_error(t, p, multioutput="raw_values"))
    assert (metrics.rmse(p, t) >= metrics.mae(p, t) - 1e-12).all()


@given(pairs(least=1))
def test_sagr_counts_signs(pair: tuple[Array, Array]) -> None:
    p, t = pair
    for got, a, b in zip(metrics.sagr(p, t), p.T, t.T, strict=True):
        agree = sum((x > 0 and y > 0) or (x < 0 and y < 0) or (x == 0 and y == 0) for x, y in zip(a, b, strict=True))
        assert got == same(agree / len(a))


@given(pairs(least=1), st.floats(1e-3, 10))
def test_nll_is_scipys(pair: tuple[Array, Array], variance: float) -> None:
    m, t = pair
    v = variance * (1.5 + m)
    wanted = -scipy.stats.norm.logpdf(t, m, np.sqrt(v)).mean(0)
    assert metrics.gaussian_nll(m, v, t) == same(wanted)


@given(pairs(least=1), st.floats(0.01, 0.99))
def test_coverage_is_scipys_interval(pair: tuple[Array, Array], p: float) -> None:
    m, t = pair
    v = 0.1 * (1.5 + m)
    low, high = scipy.stats.norm.interval(p, m, np.sqrt(v))
    assume((abs(t - low) > 1e-9).all() and (abs(t - high) > 1e-9).all())
    assert metrics.coverage(m, v, t, p=p) == same(((low <= t) & (t <= high)).mean(0))


@pytest.mark.parametrize("p", [0.5, 0.9, 0.99])
def test_coverage_of_exact_gaussians_is_p(p: float) -> None:
    rng = np.random.default_rng(1)
    mean, sd = rng.normal(size=(100_000, 3)), rng.uniform(0.1, 2, (100_000, 3))
    got = metrics.coverage(mean, sd**2, rng.normal(mean, sd), p=p)
    assert got == pytest.approx(np.full(3, p), abs=5 * math.sqrt(p * (1 - p) / 100_000))


def test_nll_is_least_for_the_true_variance() -> None:
    rng = np.random.default_rng(2)
    target = rng.normal(0, 0.5, (50_000, 1))
    nll = [metrics.gaussian_nll(np.zeros_like(target), np.full_like(target, v), target)[0] for v in (0.2, 0.25, 0.3)]
    assert nll[1] == min(nll)


REGRESSION: list[Callable[[Array, Array], Array]] = [
    metrics.ccc,
    metrics.pcc,
    metrics.rmse,
    metrics.mae,
    metrics.sagr,
    lambda p, t: metrics.gaussian_nll(p, np.full_like(p, 0.2), t),
    lambda p, t: metrics.coverage(p, np.full_like(p, 0.2), t),
]


@pytest.mark.parametrize("metric", REGRESSION)
@given(pair=pairs(), data=st.data())
def test_unknown_targets_are_left_out_of_their_column_only(
    metric: Callable[[Array, Array], Array], pair: tuple[Array, Array], data: st.DataObject
) -> None:
    p, t = pair
    gap = data.draw(arrays(bool, t.shape))
    p, t = np.where(gap, np.nan, p), np.where(gap, np.nan, t)  # a prediction may be missing there too
    got = metric(p, t)
    for j in range(3):
        here = ~gap[:, j]
        wanted = metric(p[here, j, None], t[here, j, None])[0] if here.any() else math.nan
        assert got[j] == same(wanted)


@pytest.mark.parametrize("metric", REGRESSION)
def test_no_known_target_is_nan(metric: Callable[[Array, Array], Array]) -> None:
    assert np.isnan(metric(np.zeros((4, 2)), np.full((4, 2), np.nan))).all()
    assert np.isnan(metric(np.zeros((0, 2)), np.zeros((0, 2)))).all()


@pytest.mark.parametrize("metric", REGRESSION)
def test_a_gap_in_the_prediction_is_refused(metric: Callable[[Array, Array], Array]) -> None:
    with pytest.raises(ValueError, match="prediction is NaN where the target is known"):
        metric(np.array([[np.nan], [0.1]]), np.zeros((2, 1)))


@pytest.mark.parametrize("shapes", [((3,), (3,)), ((3, 2), (3, 3)), ((3, 2), (2, 2))])
def test_other_shapes_are_refused(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match=r"wanted the same \(n, d\)"):
        metrics.ccc(np.zeros(shapes[0]), np.zeros(shapes[1]))


def test_constant_columns() -> None:
    flat, slope = np.full((3, 1), 0.1), np.array([[0.1], [0.2], [0.6]])
    assert np.isnan(metrics.ccc(flat, flat)).all()
    assert metrics.ccc(flat, flat + 0.5).tolist() == [0]
    assert metrics.ccc(flat, slope).tolist() == [0] == metrics.ccc(slope, flat).tolist()
    assert np.isnan([metrics.pcc(flat, slope), metrics.pcc(slope, flat), metrics.pcc(flat, flat)]).all()
    assert np.isnan(metrics.ccc(slope[:1], slope[:1])).all(), "one row shows no agreement"


def test_variance_and_probability_are_checked() -> None:
    zero = np.zeros((2, 1))
    for metric in (metrics.gaussian_nll, metrics.coverage):
        with pytest.raises(ValueError, match="variance reaches 0"):
            metric(zero, zero, zero)
    with pytest.raises(ValueError, match="p is 90"):
        metrics.coverage(zero, zero + 1, zero, p=90)


@st.composite
def categories(draw: st.DrawFn, least: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    n = draw(st.integers(1, 40))
    return draw(arrays(np.int64, n, elements=st.integers(0, 4))), draw(
        arrays(np.int64, n, elements=st.integers(least, 4))
    )


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true", "ignore:A single label was found")
@given(categories())
def test_categories_are_scikit_learns(pair: tuple[NDArray[np.int64], NDArray[np.int64]]) -> None:
    p, t = pair
    assert metrics.accuracy(p, t) == same(sklearn.metrics.accuracy_score(t, p))
    assert metrics.uar(p, t) == same(sklearn.metrics.balanced_accuracy_score(t, p))
    assert metrics.macro_f1(p, t) == same(sklearn.metrics.f1_score(t, p, average="macro"))


CATEGORICAL = [metrics.accuracy, metrics.uar, metrics.macro_f1]


@pytest.mark.parametrize("metric", CATEGORICAL)
@given(pair=categories(least=-1))
def test_unknown_categories_are_left_out(
    metric: Callable[..., float], pair: tuple[NDArray[np.int64], NDArray[np.int64]]
) -> None:
    p, t = pair
    known = t != -1
    assert metric(p, t) == same(metric(p[known], t[known]))


def test_an_unpredicted_class_counts_and_an_absent_one_does_not() -> None:
    prediction, target = np.array([0, 0, 0, 3]), np.array([0, 0, 2, 0])
    assert metrics.uar(prediction, target) == pytest.approx((2 / 3 + 0) / 2)
    assert metrics.macro_f1(prediction, target) == pytest.approx((4 / 6 + 0 + 0) / 3)


@pytest.mark.parametrize("metric", CATEGORICAL)
def test_categories_without_targets_are_nan_and_others_are_refused(metric: Callable[..., float]) -> None:
    assert math.isnan(metric(np.array([1, 2]), np.array([-1, -1])))
    assert math.isnan(metric([], []))
    with pytest.raises(ValueError, match="wanted whole numbers"):
        metric([0.2, 0.8], [0, 1])
    with pytest.raises(ValueError, match="differ in shape"):
        metric([0, 1], [0, 1, 2])


@given(st.data(), st.integers(2, 40))
def test_auc_is_scikit_learns_and_the_share_of_pairs_won(data: st.DataObject, n: int) -> None:
    score = data.draw(arrays(np.float64, n, elements=values))
    positive = data.draw(arrays(bool, n))
    assume(positive.any() and not positive.all())
    won = [(a > b) + 0.5 * (a == b) for a in score[positive] for b in score[~positive]]
    got = metrics.auc(score, positive)
    assert got == same(np.mean(won))
    assert got == same(sklearn.metrics.roc_auc_score(positive, score))
    assert metrics.auc(-score, positive) == same(1 - got)


def test_auc_edges() -> None:
    assert math.isnan(metrics.auc([0.1, 0.2], [True, True]))
    assert math.isnan(metrics.auc([], []))
    with pytest.raises(ValueError, match="1 of 2 scores are NaN"):
        metrics.auc([np.nan, 0.2], [True, False])
    with pytest.raises(ValueError, match="differ in shape"):
        metrics.auc([0.1, 0.2], [True])


def column_mean(x: Array) -> Array:
    return x.mean(0)


def test_bootstrap_is_scipys_percentile_interval() -> None:
    x = np.random.default_rng(3).normal(size=(200, 2)) * [1, 5]
    low, high = metrics.bootstrap(column_mean, x, repeats=4000, level=0.9)
    wanted = scipy.stats.bootstrap(
        (x,), np.mean, axis=0, n_resamples=4000, confidence_level=0.9, method="percentile", rng=4
    ).confidence_interval
    error = 0.1 * x.std(0) / math.sqrt(200)  # an end of the interval is known to about 0.04 standard errors
    assert (abs(low - wanted.low) < error).all() and (abs(high - wanted.high) < error).all()


def test_bootstrap_draws_rows_of_all_arrays_together() -> None:
    x = np.random.default_rng(5).normal(size=(50, 1))
    low, high = metrics.bootstrap(metrics.mae, x, x + 0.25, repeats=50)
    assert low == pytest.approx([0.25]) and high == pytest.approx([0.25])


def test_bootstrap_of_groups_knows_that_copies_are_no_evidence() -> None:
    x = np.random.default_rng(6).normal(size=(60, 1))
    copies, who = np.repeat(x, 9, axis=0), np.repeat([f"s{i}" for i in range(60)], 9)
    alone = metrics.bootstrap(column_mean, x, repeats=400)
    grouped = metrics.bootstrap(column_mean, copies, groups=who, repeats=400)
    careless = metrics.bootstrap(column_mean, copies, repeats=400)
    width = [float((high - low)[0]) for low, high in (alone, grouped, careless)]
    assert width[1] == pytest.approx(width[0], rel=0.2)
    assert width[2] == pytest.approx(width[0] / 3, rel=0.2)


def test_bootstrap_keeps_a_group_whole_wherever_its_rows_lie() -> None:
    who = np.array([2, 0, 1, 0, 2, 2])
    rows = np.arange(6)
    seen: list[list[int]] = []

    def note(at: NDArray[np.int64]) -> float:
        seen.append(sorted(at.tolist()))
        return 0.0

    metrics.bootstrap(note, rows, groups=who, repeats=30)
    groups = {0: [1, 3], 1: [2], 2: [0, 4, 5]}
    possible = [sorted(groups[a] + groups[b] + groups[c]) for a in groups for b in groups for c in groups]
    assert all(draw in possible for draw in seen) and len({tuple(s) for s in seen}) > 3


def test_bootstrap_is_repeatable_and_brackets_a_scalar() -> None:
    score, positive = np.random.default_rng(7).normal(size=40), np.arange(40) < 20
    one, two = (metrics.bootstrap(metrics.auc, score, positive, repeats=100, seed=9) for _ in range(2))
    other = metrics.bootstrap(metrics.auc, score, positive, repeats=100, seed=10)
    assert one == two != other
    assert one[0].shape == () and one[0] < metrics.auc(score, positive) < one[1]


def test_bootstrap_leaves_undefined_draws_out() -> None:
    few = np.array([[0.0, 0.0], [0.0, 1.0]])  # half of the draws hold one row twice: no correlation
    low, high = metrics.bootstrap(metrics.pcc, few, few, repeats=50)
    assert np.isnan([low[0], high[0]]).all() and low[1] == high[1] == 1


def test_bootstrap_checks_its_input() -> None:
    with pytest.raises(ValueError, match=r"\[2, 3\] rows"):
        metrics.bootstrap(metrics.mae, np.zeros((2, 1)), np.zeros((3, 1)))
    with pytest.raises(ValueError, match=r"\[2, 3\] rows"):
        metrics.bootstrap(column_mean, np.zeros((2, 1)), groups=[0, 1, 2])
    with pytest.raises(ValueError, match=r"\[0\] rows"):
        metrics.bootstrap(column_mean, np.zeros((0, 1)))
    with pytest.raises(ValueError, match="level is 95"):
        metrics.bootstrap(column_mean, np.zeros((2, 1)), level=95)
