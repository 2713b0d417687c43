import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from affectstream.multimodal.dynamics.filter import Posterior, correlation_inflation, filter_grid
from affectstream.multimodal.dynamics.process import OrnsteinUhlenbeck

PROCESS = OrnsteinUhlenbeck(tau=(8.0, 5.0, 12.0), sd=(0.45, 0.4, 0.3), baseline=(0.1, 0.0, -0.1))


def test_transition_and_noise_are_those_of_van_loans_matrix_exponential() -> None:
    dt = 0.73
    drift = -np.diag(1 / np.array(PROCESS.tau))
    noise = np.diag(2 / np.array(PROCESS.tau) * np.square(PROCESS.sd))
    block = expm(np.block([[-drift, noise], [np.zeros((3, 3)), drift.T]]) * dt)
    transition, added = PROCESS.transition(dt)
    np.testing.assert_allclose(transition, block[3:, 3:].T, atol=1e-12)
    np.testing.assert_allclose(added, block[3:, 3:].T @ block[:3, 3:], atol=1e-12)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(1e-4, 2.0), min_size=1, max_size=30))
def test_many_short_steps_are_one_long_step(steps: list[float]) -> None:
    start = Posterior.rest(PROCESS, 0.0).update(np.array([0.8, -0.5, 0.3]), np.array([0.05, 0.1, 0.2]))
    short = start
    for dt in steps:
        short = short.advance(dt)
    long = start.advance(sum(steps))
    np.testing.assert_allclose(short.mean, long.mean, atol=1e-10)
    np.testing.assert_allclose(short.covariance, long.covariance, atol=1e-10)


def test_a_step_of_no_time_changes_nothing_and_back_is_refused() -> None:
    start = Posterior.rest(PROCESS, 3.0).update(np.array([0.8, np.nan, 0.3]), np.array([0.05, 1.0, 0.2]))
    again = start.advance(0.0)
    np.testing.assert_array_equal(again.mean, start.mean)
    np.testing.assert_array_equal(again.covariance, start.covariance)
    with pytest.raises(ValueError, match="goes back"):
        start.advance(-0.1)


@settings(deadline=None, max_examples=50)
@given(st.permutations([(0.5, 0.1), (-0.2, 0.3), (0.9, 0.05), (np.nan, 1.0)]))
def test_observations_of_one_instant_may_come_in_any_order(order) -> None:
    def after(observations) -> Posterior:
        belief = Posterior.rest(PROCESS, 0.0)
        for mean, variance in observations:
            belief = belief.update(np.full(3, mean), np.full(3, variance))
        return belief

    one, other = after(order), after([(0.5, 0.1), (-0.2, 0.3), (0.9, 0.05), (np.nan, 1.0)])
    np.testing.assert_allclose(one.mean, other.mean, atol=1e-12)
    np.testing.assert_allclose(one.covariance, other.covariance, atol=1e-12)


def test_the_filter_is_gaussian_regression_on_all_observations_so_far() -> None:
    rng = np.random.default_rng(3)
    times = np.arange(40) / 10
    seen = rng.normal(size=(40, 3)) * 0.3
    seen[10:20] = np.nan
    precision = np.where(np.isnan(seen), 0.0, 1 / 0.2)
    got = filter_grid(times, seen, precision, PROCESS, lasting=0.5)
    noise = 0.2 * correlation_inflation(0.1, 0.5)
    for d in range(3):
        cover = PROCESS.sd[d] ** 2 * np.exp(-abs(times[:, None] - times) / PROCESS.tau[d])
        for last in (5, 15, 39):
            known = np.flatnonzero(np.isfinite(seen[: last + 1, d]))
            gain = cover[last, known] @ np.linalg.inv(cover[np.ix_(known, known)] + noise * np.eye(len(known)))
            mean = PROCESS.baseline[d] + gain @ (seen[known, d] - PROCESS.baseline[d])
            assert got.mean[last, d] == pytest.approx(mean, abs=1e-9)
            assert got.variance[last, d] == pytest.approx(cover[last, last] - gain @ cover[known, last], abs=1e-9)


def test_silence_returns_to_the_baseline_and_grows_uncertain() -> None:
    belief = Posterior.rest(PROCESS, 0.0).update(np.full(3, 0.9), np.full(3, 1e-3))
    later = belief.advance(1000.0)
    np.testing.assert_allclose(later.mean, PROCESS.baseline, atol=1e-9)
    np.testing.assert_allclose(later.covariance, np.diag(np.square(PROCESS.sd)), atol=1e-9)


def test_inflation_is_that_of_the_mean_of_correlated_errors() -> None:
    dt, lasting, n = 0.04, 0.25, 20000
    phi = np.exp(-dt / lasting)
    lag = np.arange(1, n)
    variance_of_mean = (1 + 2 * ((1 - lag / n) * phi**lag).sum()) / n
    assert correlation_inflation(dt, lasting) == pytest.approx(n * variance_of_mean, rel=1e-3)


@pytest.mark.parametrize("variance", [0.0, -1.0, np.inf, np.nan])
def test_an_impossible_variance_is_refused(variance: float) -> None:
    with pytest.raises(ValueError, match="positive finite"):
        Posterior.rest(PROCESS, 0.0).update(np.zeros(3), np.full(3, variance))
