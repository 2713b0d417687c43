"""Probes against brute force, hand-made paths and closed forms."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from affectstream.multimodal.dynamics import probes

Array = NDArray[np.float64]

lists = st.lists(st.integers(-8, 8).map(lambda i: i / 8), min_size=1, max_size=30)


def wander(n: int, seed: int) -> Array:
    """A smooth path without period."""
    noise = np.random.default_rng(seed).normal(size=n + 60)
    return np.convolve(noise, np.hanning(61), "valid")[:n]


@pytest.mark.parametrize("shift", [-9, -3, 0, 1, 17, 40])
def test_lag_of_a_shifted_path_is_the_shift(shift: int) -> None:
    path = wander(500, 1)
    signal, driver = (path[50 - shift : 450 - shift], path[50:450])
    assert probes.lag(3 * signal - 1, driver, 0.1) == pytest.approx(shift * 0.1, abs=1e-3)


def best_shift(signal: Array, driver: Array, low: int, high: int) -> int:
    """The shift of greatest correlation, pair by pair."""
    n, found = len(signal), {}
    for k in range(low, high + 1):
        pairs = [(driver[i], signal[i + k]) for i in range(n) if 0 <= i + k < n]
        a, b = (np.array(side) - np.mean(side) for side in zip(*pairs, strict=True))
        found[k] = float((a * b).sum() / math.sqrt((a * a).sum() * (b * b).sum()))
    return max(found, key=lambda k: found[k])


@pytest.mark.parametrize("seed", range(8))
def test_lag_is_within_half_a_sample_of_brute_force(seed: int) -> None:
    driver = wander(160, seed)
    signal = 0.6 * np.roll(driver, 3 * seed - 8) + 0.2 * wander(160, seed + 100)
    assert abs(probes.lag(signal, driver, 0.1) / 0.1 - best_shift(signal, driver, -10, 40)) <= 0.5


def test_lag_between_samples_is_interpolated() -> None:
    t = np.arange(0, 60, 0.1)
    assert probes.lag(np.sin(t - 1.234), np.sin(t), 0.1) == pytest.approx(1.234, abs=0.01)
    assert probes.lag(np.sin(t + 0.456), np.sin(t), 0.1) == pytest.approx(-0.456, abs=0.01)


def test_lag_beyond_reach_is_not_found() -> None:
    path = wander(500, 2)
    assert probes.lag(path[:400], path[70:470], 0.1, reach=8.0) == pytest.approx(7.0, abs=1e-3)
    assert probes.lag(path[:400], path[70:470], 0.1, reach=4.0) <= 4.0


@pytest.mark.parametrize(("signal", "driver"), [(np.ones(50), wander(50, 0)), (wander(50, 0), np.zeros(50))])
def test_lag_of_something_flat_is_unknown(signal: Array, driver: Array) -> None:
    assert math.isnan(probes.lag(signal, driver, 0.1))


def test_lag_of_a_constant_whose_mean_is_rounded_is_unknown() -> None:
    assert np.full(25, 0.2).std() > 0
    assert math.isnan(probes.lag(np.full(25, 0.2), np.sin(np.arange(25)), 1.0))


def test_lag_of_few_samples_is_a_number() -> None:
    assert probes.lag(np.array([0.0, 0.0, 1.0, 0.0]), np.array([0.0, 1.0, 0.0, 0.0]), 1.0) == pytest.approx(
        1.0, abs=0.5
    )


def test_jitter_is_total_variation_a_second() -> None:
    assert probes.jitter(np.array([0.0, 1.0, 0.5, 0.5, -0.5]), 0.5) == pytest.approx(2.5 / 2.0)
    assert probes.jitter(np.linspace(-1, 1, 101), 0.1) == pytest.approx(0.2)
    assert probes.jitter(np.array([0.7]), 0.1) == 0.0


def test_hysteresis_of_a_square_is_its_area() -> None:
    """Driver up first, signal after it: the signal trails, and the path runs against the clock."""
    driver, signal = np.array([-1.0, 1.0, 1.0, -1.0]), np.array([-1.0, -1.0, 1.0, 1.0])
    assert probes.hysteresis(driver, signal) == pytest.approx(4 / (math.pi / 2))
    assert probes.hysteresis(driver[::-1], signal[::-1]) == pytest.approx(-4 / (math.pi / 2))


def test_hysteresis_of_a_triangle_in_other_units() -> None:
    driver, signal = np.array([0.0, 0.5, 0.5]), np.array([0.0, 0.0, 0.3])
    assert probes.hysteresis(driver, signal) == pytest.approx(0.5 * 0.5 * 0.3 / (math.pi * 0.25**2 / 2))


@pytest.mark.parametrize("behind", [-0.7, 0.0, 0.3, math.pi / 2])
def test_hysteresis_of_an_ellipse_is_the_sine_of_its_phase(behind: float) -> None:
    t = np.arange(4000) * 2 * math.pi / 4000
    driver, signal = 0.8 * np.sin(t) + 0.1, 0.6 * np.sin(t - behind)
    wanted = math.pi * 0.8 * 0.6 * math.sin(behind) / (math.pi * 0.8**2 / 2)
    assert probes.hysteresis(driver, signal) == pytest.approx(wanted, abs=1e-4)


def test_what_follows_at_once_has_no_hysteresis() -> None:
    path = wander(200, 3)
    assert probes.hysteresis(path, 2 * path + 0.1) == pytest.approx(0.0, abs=1e-12)
    assert probes.hysteresis(np.zeros(200), path) == 0.0


@pytest.mark.parametrize(
    ("signal", "beyond"), [([0.0, 1.3, 0.9], 0.3), ([-0.4, 1.1, 0.5], 0.4), ([0.2, 0.9, 0.5], 0.0), ([0.0, 1.0], 0.0)]
)
def test_overshoot_is_how_far_the_range_is_left(signal: list[float], beyond: float) -> None:
    assert probes.overshoot(np.array(signal), np.array([0.0, 1.0, 0.5])) == pytest.approx(beyond)


@given(lists, st.integers(-9, 9).map(lambda i: i / 8))
def test_recovery_is_the_first_index_from_which_all_is_above(signal: list[float], level: float) -> None:
    from_here = [k for k in range(len(signal)) if all(value >= level for value in signal[k:])]
    assert probes.recovery(np.array(signal), level) == (from_here[0] if from_here else None)


@pytest.mark.parametrize(
    ("signal", "first"),
    [([0.1, 0.2], 0), ([-0.1, -0.2], None), ([0.5, -0.1], None), ([-0.1, 0.0], 1), ([0.4, -0.1, 0.1, 0.2], 2)],
)
def test_recovery_never_always_and_late(signal: list[float], first: int | None) -> None:
    assert probes.recovery(np.array(signal), 0.0) == first


def test_debt_is_signed_and_in_seconds() -> None:
    t = np.arange(0, 20, 0.01)
    assert probes.debt(np.ones(len(t)), 1 - np.exp(-t / 1.5), 0.01) == pytest.approx(1.5, rel=0.01)
    assert probes.debt(np.array([0.0, 0.0]), np.array([1.0, 2.0]), 0.5) == -1.5
    assert probes.debt(np.array([1.0, 0.0]), np.array([0.0, 1.0]), 0.5) == 0.0
