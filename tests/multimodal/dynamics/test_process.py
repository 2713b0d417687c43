import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm, solve_continuous_lyapunov

from affectstream.multimodal.dynamics.process import CoupledSDE, DampedOscillator, OrnsteinUhlenbeck, Process, spring

DRIFT = np.array([[-0.2, 0.1, 0.0], [-0.05, -0.3, 0.08], [0.02, 0.0, -0.1]])
COUPLED = CoupledSDE(DRIFT, solve_continuous_lyapunov(DRIFT, -np.diag([0.05, 0.08, 0.03])), np.array([0.1, 0.0, -0.2]))


def oscillator(damping: float) -> DampedOscillator:
    return DampedOscillator(lag=(2.0, 5.0, 9.0), damping=(damping, 2 * damping, 0.7), sd=(0.4, 0.3, 0.2))


@pytest.mark.parametrize("process", [OrnsteinUhlenbeck(), oscillator(0.3), oscillator(1.0), COUPLED])
@pytest.mark.parametrize("dt", [0.0, 0.001, 0.73, 40.0])
def test_step_is_that_of_van_loans_matrix_exponential(process: Process, dt: float) -> None:
    """Independent of F and Q: drift and diffusion are written out here and integrated by one block exponential."""
    _, rest = process.stationary()
    size = len(rest)
    if isinstance(process, OrnsteinUhlenbeck):
        drift = -np.diag(1 / np.array(process.tau))
    elif isinstance(process, DampedOscillator):
        w, z = process.frequency, np.array(process.damping)
        drift = np.block([[np.zeros((3, 3)), np.eye(3)], [-np.diag(w**2), -np.diag(2 * z * w)]])
    else:
        drift = DRIFT
    diffusion = -(drift @ rest + rest @ drift.T)
    step = min(dt, 1.0)  # the block form itself loses digits on long steps
    transition, noise = process.transition(step)
    block = expm(np.block([[-drift, diffusion], [np.zeros((size, size)), drift.T]]) * step)
    np.testing.assert_allclose(transition, block[size:, size:].T, atol=1e-11)
    np.testing.assert_allclose(noise, block[size:, size:].T @ block[:size, size:], atol=1e-11)
    far, spread = process.transition(dt)
    assert np.isfinite(far).all() and np.linalg.eigvalsh(spread).min() > -1e-12


@settings(deadline=None, max_examples=60)
@given(st.floats(0.2, 3.0), st.lists(st.floats(1e-4, 2.0), min_size=1, max_size=20))
def test_many_steps_are_one_for_any_damping(damping: float, steps: list[float]) -> None:
    process = oscillator(damping)
    mean, covariance = np.arange(6) / 5.0, np.diag([0.1, 0.2, 0.3, 0.1, 0.0, 0.2])
    whole, added = process.transition(sum(steps))
    one = whole @ mean, whole @ covariance @ whole.T + added
    for dt in steps:
        transition, noise = process.transition(dt)
        mean, covariance = transition @ mean, transition @ covariance @ transition.T + noise
    np.testing.assert_allclose(mean, one[0], atol=1e-10)
    np.testing.assert_allclose(covariance, one[1], atol=1e-10)


@pytest.mark.parametrize("damping", [0.2, 0.5, 1.0, 2.0, 3.0])
def test_250_steps_of_4_ms_are_one_of_a_second(damping: float) -> None:
    process = oscillator(damping)
    whole, added = process.transition(1.0)
    transition, noise = process.transition(0.004)
    product, total = np.eye(6), np.zeros((6, 6))
    for _ in range(250):
        product, total = transition @ product, transition @ total @ transition.T + noise
    np.testing.assert_allclose(product, whole, atol=1e-10)
    np.testing.assert_allclose(total, added, atol=1e-10)


@settings(deadline=None, max_examples=100)
@given(st.floats(0.01, 20.0), st.floats(0.01, 20.0), st.floats(0.0, 100.0))
def test_the_spring_is_the_matrix_exponential_near_and_far_from_critical(w: float, z: float, dt: float) -> None:
    for damping in (z, 1.0, 1.0 + 1e-9, 1.0 - 1e-5):
        exact = expm(np.array([[0, 1], [-(w**2), -2 * damping * w]]) * dt)
        got = spring(np.array([w]), np.array([damping]), dt)[0]
        np.testing.assert_allclose(got, exact, atol=1e-9 * max(1.0, w, 1 / w))


def test_a_very_long_step_ends_at_rest_however_overdamped() -> None:
    assert abs(spring(np.array([5.0]), np.array([50.0]), 1e6)).max() < 1e-12


@pytest.mark.parametrize("process", [OrnsteinUhlenbeck(), oscillator(0.8), COUPLED])
def test_a_step_of_no_time_changes_nothing_and_back_is_refused(process: Process) -> None:
    transition, noise = process.transition(0.0)
    np.testing.assert_array_equal(transition, np.eye(len(transition)))
    np.testing.assert_allclose(noise, 0, atol=1e-16)
    for dt in (-0.1, np.nan):
        with pytest.raises(ValueError, match="goes back"):
            process.transition(dt)


def test_a_lag_of_the_oscillator_is_how_far_it_trails_a_slow_ramp() -> None:
    """Under x'' = w^2 (u - x) - 2 z w x' a ramp u = t is followed 2 z / w late, which `lag` is."""
    process = oscillator(0.6)
    w, z = process.frequency, np.array(process.damping)
    np.testing.assert_allclose(2 * z / w, process.lag)


@pytest.mark.parametrize("bad", [{"tau": (0.0, 1, 1)}, {"sd": (1, -1, 1)}, {"tau": (1, np.inf, 1)}, {"sd": (1, 1)}])
def test_impossible_parameters_are_refused(bad: dict) -> None:
    with pytest.raises(ValueError, match="above 0"):
        OrnsteinUhlenbeck(**bad)
    with pytest.raises(ValueError, match="above 0"):
        DampedOscillator(**{"lag" if name == "tau" else name: value for name, value in bad.items()})


def test_couplings_that_cannot_be_are_refused() -> None:
    rest = np.eye(3)
    with pytest.raises(ValueError, match="never settles"):
        CoupledSDE(np.diag([-1.0, -1.0, 0.1]), rest, np.zeros(3))
    with pytest.raises(ValueError, match="no noise gives"):
        CoupledSDE(np.array([[-1.0, 5.0, 0], [0, -1.0, 0], [0, 0, -1.0]]), rest, np.zeros(3))
    with pytest.raises(ValueError, match="wanted"):
        CoupledSDE(-np.eye(2), np.eye(2), np.zeros(2))
