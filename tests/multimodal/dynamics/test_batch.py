from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pykalman import KalmanFilter

from affectstream.multimodal.dynamics.batch import estimate
from affectstream.multimodal.dynamics.looks import Looks, looks_of
from affectstream.multimodal.dynamics.process import CoupledSDE, DampedOscillator, OrnsteinUhlenbeck, Process
from affectstream.multimodal.types import Trace

FIRST = OrnsteinUhlenbeck(baseline=(0.1, 0.0, -0.2))
SECOND = DampedOscillator(lag=(2.0, 3.0, 4.0), damping=(0.4, 1.0, 1.7), baseline=(0.1, 0.0, -0.2))
NO_GATE = 1e12


def as_matrices(process: OrnsteinUhlenbeck) -> CoupledSDE:
    """The same process, for which the general path is taken."""
    return CoupledSDE(-np.diag(1 / np.array(process.tau)), np.diag(np.square(process.sd)), np.array(process.baseline))


def trace(source: str, rate: float, seconds: float, seed: int, start: float = 0.0) -> Trace:
    rng = np.random.default_rng(seed)
    time = start + np.arange(round(seconds * rate)) / rate
    mean = np.clip(rng.normal(0, 0.4, (len(time), 3)), -1, 1)
    mean[rng.random(len(time)) < 0.15] = np.nan
    mean[rng.random(mean.shape) < 0.05] = np.nan
    quality = rng.uniform(0.2, 1.0, len(time))
    variance = rng.uniform(0.02, 0.2, mean.shape)
    return Trace(source, time=time, mean=mean, variance=variance, quality=quality, span=1 / rate)


@pytest.fixture(scope="module")
def looks() -> Looks:
    traces = [
        trace("face/0", 25, 8, 1),
        trace("speech", 4, 8, 2, 0.013),
        trace("text", 0.5, 8, 3),
        trace("voice", 3, 8, 4),
    ]
    return looks_of({t.source: t for t in traces})


@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("gate", [0.5, 9.0, NO_GATE])
def test_plain_floats_and_matrices_agree(looks: Looks, smooth: bool, gate: float) -> None:
    times = np.arange(-1.0, 10.0, 0.23)
    fast, slow = (estimate(looks, times, p, smooth=smooth, gate=gate) for p in (FIRST, as_matrices(FIRST)))
    np.testing.assert_allclose(fast.mean, slow.mean, atol=1e-11)
    np.testing.assert_allclose(fast.variance, slow.variance, atol=1e-11)
    np.testing.assert_allclose(fast.surprise, slow.surprise, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("process", [FIRST, SECOND, as_matrices(FIRST)])
def test_an_independent_library_filters_and_smooths_alike(process: Process) -> None:
    """pykalman, told the matrices of a random irregular model whose errors do not last."""
    rng = np.random.default_rng(7)
    times = np.cumsum(rng.uniform(0.02, 0.7, 60))
    seen, spread = np.clip(rng.normal(0, 0.4, (60, 3)), -1, 1), rng.uniform(0.02, 0.3, (60, 3))
    silent = rng.random(60) < 0.2
    seen[silent] = np.nan
    given = looks_of({"voice": Trace("voice", time=times, mean=seen, variance=spread, quality=1.0)})
    baseline, rest = process.stationary()
    size = len(baseline)
    steps = [process.transition(dt) for dt in np.diff(times)]
    kalman = KalmanFilter(
        transition_matrices=np.array([f for f, _ in steps]),
        transition_covariance=np.array([q for _, q in steps]),
        transition_offsets=np.array([baseline - f @ baseline for f, _ in steps]),
        observation_matrices=np.eye(3, size),
        observation_covariance=np.array([np.diag(v) for v in spread]),
        observation_offsets=np.zeros(3),
        initial_state_mean=baseline,
        initial_state_covariance=rest,
    )
    data = np.ma.masked_invalid(seen)
    for smooth, (mean, covariance) in (
        (False, _filtered(kalman, data, spread)),
        (True, _smoothed(kalman, data, spread)),
    ):
        got = estimate(given, times, process, smooth=smooth, gate=NO_GATE)
        np.testing.assert_allclose(got.mean, mean[:, :3], atol=1e-8)
        np.testing.assert_allclose(got.variance, covariance.diagonal(axis1=1, axis2=2)[:, :3], atol=1e-8)


def _filtered(kalman: Any, data: np.ma.MaskedArray, spread: NDArray[np.float64]) -> tuple:
    """pykalman has one observation covariance for all times, so it is stepped with each row's own."""
    mean, covariance = kalman.initial_state_mean, kalman.initial_state_covariance
    out = []
    for k, row in enumerate(data):
        first = k == 0
        one = KalmanFilter(
            transition_matrices=np.eye(len(mean)) if first else kalman.transition_matrices[k - 1],
            transition_covariance=np.zeros_like(covariance) if first else kalman.transition_covariance[k - 1],
            transition_offsets=np.zeros(len(mean)) if first else kalman.transition_offsets[k - 1],
            observation_matrices=kalman.observation_matrices,
            observation_covariance=np.diag(spread[k]),
            observation_offsets=np.zeros(3),
        )
        mean, covariance = one.filter_update(mean, covariance, row)
        out.append((mean, covariance))
    return np.array([m for m, _ in out]), np.array([c for _, c in out])


def _smoothed(kalman: Any, data: np.ma.MaskedArray, spread: NDArray[np.float64]) -> tuple:
    """One row's scale is taken into the observation matrix, which pykalman does let vary: y / s = (1 / s) x + e."""
    scale = 1 / np.sqrt(spread)
    size = len(kalman.initial_state_mean)
    scaled = KalmanFilter(
        transition_matrices=kalman.transition_matrices,
        transition_covariance=kalman.transition_covariance,
        transition_offsets=kalman.transition_offsets,
        observation_matrices=np.array([np.diag(s) @ np.eye(3, size) for s in scale]),
        observation_covariance=np.eye(3),
        observation_offsets=np.zeros(3),
        initial_state_mean=kalman.initial_state_mean,
        initial_state_covariance=kalman.initial_state_covariance,
    )
    return scaled.smooth(data * scale)


@pytest.mark.parametrize("process", [FIRST, SECOND])
@pytest.mark.parametrize("smooth", [False, True])
def test_the_rate_it_is_read_at_changes_nothing(looks: Looks, process: Process, smooth: bool) -> None:
    answers = {hz: estimate(looks, np.arange(0, 9 * hz) / hz, process, smooth=smooth) for hz in (5, 25, 60)}
    for hz in (25, 60):
        np.testing.assert_allclose(answers[hz].mean[:: hz // 5], answers[5].mean, atol=1e-9)
        np.testing.assert_allclose(answers[hz].variance[:: hz // 5], answers[5].variance, atol=1e-9)


def test_the_smoother_is_gaussian_regression_on_everything() -> None:
    rng = np.random.default_rng(9)
    times, asked = np.cumsum(rng.uniform(0.1, 1.0, 30)), np.linspace(-2, 20, 41)
    seen = np.clip(rng.normal(0, 0.4, (30, 3)), -1, 1)
    given = looks_of({"voice": Trace("voice", time=times, mean=seen, variance=np.full((30, 3), 0.1), quality=1.0)})
    got = estimate(given, asked, FIRST, smooth=True, gate=NO_GATE)
    for d in range(3):
        sd, tau, base = FIRST.sd[d], FIRST.tau[d], FIRST.baseline[d]
        own = sd**2 * np.exp(-abs(times[:, None] - times) / tau) + 0.1 * np.eye(30)
        across = sd**2 * np.exp(-abs(asked[:, None] - times) / tau)
        gain = across @ np.linalg.inv(own)
        np.testing.assert_allclose(got.mean[:, d], base + gain @ (seen[:, d] - base), atol=1e-9)
        np.testing.assert_allclose(got.variance[:, d], sd**2 - (gain * across).sum(1), atol=1e-9)


def test_hindsight_is_never_less_sure() -> None:
    given = looks_of({"face/0": trace("face/0", 25, 8, 1)})
    times = np.arange(0, 9, 0.1)
    before, after = (estimate(given, times, FIRST, smooth=s, gate=NO_GATE) for s in (False, True))
    assert (after.variance <= before.variance + 1e-12).all()
    assert (after.variance < 0.9 * before.variance).any()


@pytest.mark.parametrize("process", [FIRST, SECOND])
@pytest.mark.parametrize("smooth", [False, True])
def test_with_nothing_seen_it_rests(process: Process, smooth: bool) -> None:
    got = estimate(looks_of({}), np.array([0.0, 5.0]), process, smooth=smooth)
    np.testing.assert_allclose(got.mean, [[0.1, 0.0, -0.2]] * 2)
    np.testing.assert_allclose(got.variance, 0.45**2)
    assert got.surprise.shape == (0, 3)


def test_one_look_alone_is_smoothed_to_both_sides() -> None:
    given = looks_of({"text": Trace("text", time=[5.0], mean=[[0.6, 0.6, 0.6]], variance=[[0.01] * 3], quality=[1.0])})
    got = estimate(given, np.array([3.0, 5.0, 7.0]), FIRST, smooth=True)
    assert got.mean[0, 0] == pytest.approx(got.mean[2, 0]) and got.mean[1, 0] > got.mean[0, 0] > 0.1


def test_times_out_of_order_are_refused(looks: Looks) -> None:
    for times in ([1.0, 0.5], [0.0, np.nan]):
        with pytest.raises(ValueError, match="never decrease"):
            estimate(looks, np.array(times), FIRST, smooth=True)


def test_rows_of_one_time_are_averaged_and_silent_ones_left_out() -> None:
    rows = Trace(
        "face/0",
        time=[1.0, 1.0, 2.0, 3.0],
        mean=[[0.2, np.nan, 0.0], [0.6, 0.5, 0.0], [0.1, 0.1, 0.1], [np.nan] * 3],
        variance=np.full((4, 3), 0.1),
        quality=[1.0, 0.5, 0.0, 1.0],
        span=0.04,
    )
    got = looks_of({"face/0": rows})
    assert got.time.tolist() == [1.0] and got.arrival.tolist() == [1.02]
    np.testing.assert_allclose(got.mean, [[0.4, 0.5, 0.0]])
    np.testing.assert_allclose(got.variance, [[0.15, 0.2, 0.15]])
