from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from affectstream.multimodal.agent.errors import PROCESS
from affectstream.multimodal.agent.reward import turn_rewards
from affectstream.multimodal.types import Trace


def states(rows: int = 100, rate: float = 5.0, seed: int = 0, unseen: Any = ()) -> Trace:
    rng = np.random.default_rng(seed)
    quality = np.full(rows, 0.9)
    quality[list(unseen)] = 0.0
    mean = np.clip(np.cumsum(rng.normal(0, 0.1, (rows, 3)), 0), -1, 1)
    return Trace(
        "state", time=np.arange(rows) / rate, mean=mean, variance=rng.uniform(0.01, 0.1, (rows, 3)), quality=quality
    )


@given(st.lists(st.floats(0.5, 19), min_size=3, max_size=12, unique=True), st.integers(0, 50))
def test_rewards_of_turns_that_follow_each_other_sum_to_the_last_value_minus_the_first(
    cuts: list[float], seed: int
) -> None:
    trace, edges = states(seed=seed), sorted({round(5 * c) / 5 for c in cuts})
    assume(len(edges) > 1)
    weights = (0.7, -0.4, 0.2)
    found = turn_rewards(trace, list(pairwise(edges)), weights=weights)
    first, last = (int(np.abs(trace.time - edge).argmin()) for edge in (edges[0], edges[-1]))
    assert found.parts.sum(0) == pytest.approx(trace.mean[last] - trace.mean[first])
    assert found.reward.sum() == pytest.approx((trace.mean[last] - trace.mean[first]) @ weights)


def test_change_and_level_by_a_loop() -> None:
    trace, turns = states(), [(0.9, 4.05), (4.05, 4.9), (7.0, 19.0), (2.0, 12.0)]
    weights = (1.0, 0.5, 0.0)
    change, level = (turn_rewards(trace, turns, weights=weights, potential=p) for p in (True, False))
    for k, (start, end) in enumerate(turns):
        i, j = (min(range(100), key=lambda r, at=at: abs(trace.time[r] - at)) for at in (start, end))
        part = trace.mean[j] - trace.mean[i]
        variance = np.zeros(3)
        for d in range(3):
            a, b = trace.variance[i, d], trace.variance[j, d]
            lasting = PROCESS.tau[d] / (2 * PROCESS.sd[d] ** 2 / ((a + b) / 2) - 1)
            shared = np.exp(-(trace.time[j] - trace.time[i]) / lasting)
            variance[d] = a + b - 2 * shared * np.sqrt(a * b)
        assert change.parts[k] == pytest.approx(part) and change.reward[k] == pytest.approx(part[0] + part[1] / 2)
        assert change.sd[k] == pytest.approx(np.sqrt(variance[0] + variance[1] / 4))
        during = [r for r in range(100) if start <= trace.time[r] < end]
        assert level.parts[k] == pytest.approx(np.mean([trace.mean[r] for r in during], 0))
        spread = np.mean([trace.variance[r] for r in during], 0)
        assert level.sd[k] == pytest.approx(np.sqrt(spread[0] + spread[1] / 4))


def test_errors_of_ends_far_apart_are_independent_and_of_near_ones_alike() -> None:
    trace = Trace(
        "state", time=[0.0, 0.01, 90.0], mean=np.zeros((3, 3)), variance=np.full((3, 3), 0.04), quality=np.full(3, 0.9)
    )
    near, far = turn_rewards(trace, [(0.0, 0.01), (0.01, 90.0)]).sd
    assert near < 0.04 and far == pytest.approx(np.sqrt(0.08))


def test_what_was_not_seen_is_nan_and_never_nothing() -> None:
    trace = states(unseen=range(40, 61))  # 8 to 12 s
    turns = [(1.0, 5.0), (5.0, 10.0), (10.0, 15.0), (15.0, 19.0), (8.4, 11.6), (30.0, 40.0), (3.0, 3.05)]
    change, level = (turn_rewards(trace, turns, potential=p) for p in (True, False))
    unknown = [False, True, True, False, False, True, True]
    assert np.isnan(change.reward).tolist() == unknown
    assert np.isnan(level.reward).tolist() == [False, False, False, False, True, True, False]
    for found in (change, level):
        assert (np.isnan(found.sd) == np.isnan(found.reward)).all()
        assert (np.isnan(found.parts).all(1) == np.isnan(found.reward)).all()
        assert not (found.reward[~np.isnan(found.reward)] == 0).any()
    nothing = Trace("state", time=[], mean=np.empty((0, 3)), variance=np.empty((0, 3)), quality=[])
    assert np.isnan(turn_rewards(nothing, [(0, 1)]).reward).all()
    assert turn_rewards(trace, []).reward.shape == (0,) and turn_rewards(trace, []).parts.shape == (0, 3)


def test_one_row_alone_is_no_change() -> None:
    one = Trace("state", time=[1.0], mean=[[0.5, 0, 0]], variance=[[0.01] * 3], quality=[0.9])
    assert np.isnan(turn_rewards(one, [(0.5, 1.5)]).reward).all()
    assert turn_rewards(one, [(0.5, 1.5)], potential=False).reward.tolist() == [0.5]


@pytest.mark.parametrize("turn", [(2.0, 2.0), (3.0, 1.0), (np.nan, 1.0), (0.0, np.inf)])
def test_a_turn_must_rise(turn: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="the end after the start"):
        turn_rewards(states(), [(0.0, 1.0), turn])


def test_weights_must_be_numbers() -> None:
    for bad in ((1, 0), (np.nan, 0, 0)):
        with pytest.raises(ValueError, match="three finite numbers"):
            turn_rewards(states(), [(0.0, 1.0)], weights=bad)  # pyright: ignore[reportArgumentType]
