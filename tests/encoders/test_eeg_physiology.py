"""The two textbook signs against their definitions written out, and the laws they must keep."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from affectstream.encoders.eeg.physiology import (
    AFFECT_SD,
    FARTHEST,
    LEAST,
    READABLE,
    SKILL,
    SPREAD_FLOOR,
    Baseline,
    Signs,
    affect,
    baseline_of,
    level,
    signs,
)

BANDS = ("delta", "theta", "alpha", "beta", "gamma")
NAMES = ("Fz", "F3", "F4", "Fp1", "Fp2", "O1")


def table(seed: int = 0, windows: int = 7, names: tuple[str, ...] = NAMES) -> tuple[NDArray[np.float64], ...]:
    """Power (w, C, B) in squared volts over some decades, and quality (w, C), a third of it below what can be read."""
    rng = np.random.default_rng(seed)
    power = 10 ** rng.uniform(-13, -10, (windows, len(names), len(BANDS)))
    return power, rng.uniform(0, 3 * READABLE, (windows, len(names)))


@pytest.mark.parametrize("seed", range(5))
def test_the_signs_are_their_definition_written_out(seed: int) -> None:
    power, quality = table(seed)
    found = signs(power, quality, NAMES, BANDS)
    for w in range(len(power)):
        above = weight_a = best_a = 0.0
        for left, right in (("F3", "F4"), ("Fp1", "Fp2")):
            one, other = NAMES.index(left), NAMES.index(right)
            sure = min(quality[w, one], quality[w, other])
            if sure >= READABLE:
                above += sure * (math.log(power[w, other, 2]) - math.log(power[w, one, 2]))
                weight_a, best_a = weight_a + sure, best_a + sure**2
        active = weight_b = best_b = 0.0
        for c in range(len(NAMES)):
            if quality[w, c] >= READABLE:
                _, _, alpha, beta, gamma = power[w, c]
                share = (beta + gamma) / power[w, c].sum()
                active += quality[w, c] * 0.5 * (math.log(beta / alpha) + math.log(share))
                weight_b, best_b = weight_b + quality[w, c], best_b + quality[w, c] ** 2
        expected = [above / weight_a if weight_a else np.nan, active / weight_b if weight_b else np.nan]
        np.testing.assert_allclose(found.value[w], expected, rtol=1e-12, atol=1e-12)
        sure = [best_a / weight_a if weight_a else 0.0, best_b / weight_b if weight_b else 0.0]
        np.testing.assert_allclose(found.quality[w], sure, rtol=1e-12)


@given(gain=st.floats(1e-3, 1e3), seed=st.integers(0, 99))
def test_gain_does_not_matter(gain: float, seed: int) -> None:
    power, quality = table(seed)
    one, other = signs(power, quality, NAMES, BANDS), signs(gain * power, quality, NAMES, BANDS)
    np.testing.assert_allclose(other.value, one.value, atol=1e-9)
    np.testing.assert_array_equal(other.quality, one.quality)


@given(seed=st.integers(0, 99))
def test_swapped_sides_turn_the_sign_of_asymmetry_alone(seed: int) -> None:
    power, quality = table(seed)
    turned = ("Fz", "F4", "F3", "Fp2", "Fp1", "O1")
    one, other = signs(power, quality, NAMES, BANDS), signs(power, quality, turned, BANDS)
    np.testing.assert_array_equal(other.value[:, 0], -one.value[:, 0])
    np.testing.assert_array_equal(other.value[:, 1], one.value[:, 1])
    np.testing.assert_array_equal(other.quality, one.quality)


def test_more_alpha_on_the_right_is_a_higher_asymmetry_and_more_beta_a_higher_activation() -> None:
    power, quality = np.full((1, 6, 5), 1e-11), np.ones((1, 6))
    still = signs(power, quality, NAMES, BANDS).value[0]
    right = power.copy()
    right[:, NAMES.index("F4"), 2] *= 2
    assert signs(right, quality, NAMES, BANDS).value[0, 0] == pytest.approx(still[0] + math.log(2) / 2)
    fast = power.copy()
    fast[:, :, 3] *= 2
    assert signs(fast, quality, NAMES, BANDS).value[0, 1] > still[1] + math.log(2) / 2


def test_without_a_frontal_pair_there_is_no_asymmetry_and_unreadable_electrodes_say_nothing() -> None:
    power, quality = table()
    lone = signs(power, np.ones(quality.shape), ("Fz", "F3", "C4", "Cz", "Pz", "O1"), BANDS)
    assert np.isnan(lone.value[:, 0]).all() and (lone.quality[:, 0] == 0).all() and np.isfinite(lone.value[:, 1]).all()
    none = signs(power, np.full(quality.shape, 0.99 * READABLE), NAMES, BANDS)
    assert np.isnan(none.value).all() and (none.quality == 0).all()
    mended = power.copy()
    mended[:, 5] = 0.0  # no power at all, at an electrode that cannot be read
    quality = np.ones(quality.shape)
    quality[:, 5] = 0.0
    np.testing.assert_allclose(
        signs(mended, quality, NAMES, BANDS).value, signs(power, quality, NAMES, BANDS).value, atol=1e-12
    )


def test_bands_without_alpha_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="wanted alpha, gamma too"):
        signs(np.ones((1, 6, 2)), np.ones((1, 6)), NAMES, ("delta", "beta"))


def test_the_baseline_is_the_median_and_its_spread_that_of_a_normal() -> None:
    value = np.random.default_rng(3).normal([1.0, -2.0], [0.3, 0.7], (20_000, 2))
    value[::7, 0] = np.nan
    value[::50] += 40.0  # artefacts
    found = baseline_of(Signs(value, np.ones(value.shape)), overlap=8.0)
    np.testing.assert_allclose(found.centre, [1.0, -2.0], atol=0.05)
    np.testing.assert_allclose(found.spread, [0.3, 0.7], rtol=0.05)
    np.testing.assert_allclose(found.windows, np.isfinite(value).sum(0) / 8)
    steady = baseline_of(Signs(np.ones((30, 2)), np.ones((30, 2))), overlap=1.0)
    assert (steady.spread > 0).all()
    nothing = baseline_of(Signs(np.full((3, 2), np.nan), np.zeros((3, 2))), overlap=1.0)
    assert np.isnan(nothing.centre).all() and (nothing.windows == 0).all()


@given(
    values=st.lists(
        st.tuples(*[st.sampled_from([-3.0, 0.1, 0.1 + 1e-12, 7.3]) | st.floats(-5, 5) | st.just(np.nan)] * 2)
    ),
    cuts=st.lists(st.integers(0, 40), min_size=1, max_size=5),
)
def test_a_baseline_that_grows_is_bit_for_bit_that_of_all(values: list[tuple[float, float]], cuts: list[int]) -> None:
    """Against numpy's median; equal values, gaps and pieces of any size."""
    table = np.array(values, np.float64).reshape(-1, 2)
    known: tuple[NDArray[np.float64], ...] = (np.empty(0), np.empty(0))
    found = Baseline(*np.empty((3, 2)))
    for part in np.split(table, sorted(cuts)):
        known, found = level(known, Signs(part, np.ones(part.shape)), overlap=8.0)
    for k in range(2):
        there = table[:, k][np.isfinite(table[:, k])]
        np.testing.assert_array_equal(known[k], np.sort(there))
        assert found.windows[k] == len(there) / 8
        if len(there):
            assert found.centre[k] == np.median(there)
            assert found.spread[k] == max(1.4826 * np.median(abs(there - np.median(there))), SPREAD_FLOOR)
        else:
            assert np.isnan(found.centre[k]) and np.isnan(found.spread[k])


def test_affect_is_skill_times_distance_with_the_variance_that_is_left() -> None:
    baseline = Baseline(np.array([0.1, -1.0]), np.array([0.2, 0.5]), np.array([1e9, 1e9]))
    value = np.array([[0.1, -1.0], [0.3, -1.5], [9.0, -99.0], [np.nan, np.nan]])
    mean, variance = affect(Signs(value, np.ones(value.shape)), baseline)
    unit = SKILL * AFFECT_SD
    expected = [[0, 0], [unit, -unit], [FARTHEST * unit, -FARTHEST * unit], [np.nan] * 2]
    np.testing.assert_allclose(mean[:, :2], expected, atol=1e-9)
    np.testing.assert_allclose(variance[:3, :2], AFFECT_SD**2 - unit**2, rtol=1e-6)
    assert np.isnan(mean[:, 2]).all() and np.isnan(variance[:, 2]).all()


def test_that_skill_is_right_in_as_many_trials_as_its_comment_says() -> None:
    """What makes the intervals honest: drawn from the model, they cover, and the side is right in 56 % of the draws."""
    rng = np.random.default_rng(0)
    truth = rng.normal(0, AFFECT_SD, 200_000)
    sign = SKILL * truth / AFFECT_SD + math.sqrt(1 - SKILL**2) * rng.standard_normal(len(truth))
    mean, variance = affect(
        Signs(np.stack([sign, sign], 1), np.ones((len(sign), 2))), Baseline(np.zeros(2), np.ones(2), np.full(2, 1e9))
    )
    assert (mean[:, 0] * truth > 0).mean() == pytest.approx(0.5 + math.asin(SKILL) / math.pi, abs=0.005)
    inside = abs(truth - mean[:, 0]) < 1.6449 * np.sqrt(variance[:, 0])
    assert inside.mean() == pytest.approx(0.9, abs=0.005)


@given(sure=st.floats(0, 1), windows=st.floats(LEAST, 1e4), far=st.floats(-5, 5))
def test_doubt_and_a_young_baseline_widen_and_never_turn_an_answer(sure: float, windows: float, far: float) -> None:
    def answer(quality: float, count: float) -> tuple[float, float]:
        found = Signs(np.full((1, 2), far), np.full((1, 2), quality))
        mean, variance = affect(found, Baseline(np.zeros(2), np.ones(2), np.full(2, count)))
        return float(mean[0, 0]), float(variance[0, 0])

    best, doubtful = answer(1.0, 1e9), answer(sure, windows)
    assert doubtful[0] == pytest.approx(sure * best[0]) and doubtful[1] >= best[1] - 1e-12
    assert np.isnan(answer(1.0, LEAST - 0.01)[0])
