from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from affectstream.multimodal.dynamics import noise
from affectstream.multimodal.dynamics.filter import Look, Posterior
from affectstream.multimodal.dynamics.process import DampedOscillator, OrnsteinUhlenbeck, Process

PROCESS = OrnsteinUhlenbeck(tau=(8.0, 5.0, 12.0), sd=(0.45, 0.4, 0.3), baseline=(0.1, 0.0, -0.1))
SPRING = DampedOscillator(lag=(2.0, 3.0, 4.0), damping=(0.5, 1.0, 1.5))
NO_GATE = 1e12


def look(value: float | list[float], variance: float = 0.1, source: str = "face", lasting: float = 0.0) -> Look:
    return Look(source, np.broadcast_to(np.array(value, float), 3), np.full(3, variance), lasting)


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors that are AR(1) and nothing else."""
    monkeypatch.setattr(noise, "GRAIN", 0.0)


@settings(deadline=None, max_examples=40)
@given(st.sampled_from([PROCESS, SPRING]), st.lists(st.floats(1e-4, 2.0), min_size=1, max_size=30))
def test_many_short_steps_are_one_long_step(process: Process, steps: list[float]) -> None:
    start = Posterior.rest(process, 0.0).update([look([0.8, -0.5, 0.3], 0.05, lasting=0.5)])
    short = start
    for dt in steps:
        short = short.advance(dt)
    long = start.advance(sum(steps))
    for a, b in ((short, long), (short.update([look(0.2, lasting=0.5)]), long.update([look(0.2, lasting=0.5)]))):
        np.testing.assert_allclose(a.mean, b.mean, atol=1e-10)
        np.testing.assert_allclose(a.covariance, b.covariance, atol=1e-10)
        np.testing.assert_allclose(a.shares["face"], b.shares["face"], atol=1e-9)


def test_a_step_of_no_time_changes_nothing() -> None:
    start = Posterior.rest(PROCESS, 3.0).update([look([0.8, np.nan, 0.3])])
    again = start.advance(0.0)
    np.testing.assert_array_equal(again.mean, start.mean)
    np.testing.assert_array_equal(again.covariance, start.covariance)


def test_observations_of_one_instant_may_come_in_any_order() -> None:
    looks = [
        look(0.5, 0.1, "face"),
        look(-0.9, 0.01, "text"),
        look([0.9, np.nan, -2.0], 0.05, "speech"),
        look(0.4, 0.2),
    ]
    start = Posterior.rest(PROCESS, 0.0).update(looks).advance(0.04)
    one, *others = [start.update(order) for order in permutations(looks)]
    for other in others:
        np.testing.assert_allclose(other.mean, one.mean, atol=1e-12)
        np.testing.assert_allclose(other.covariance, one.covariance, atol=1e-12)


def regression(
    times: NDArray[np.float64], seen: NDArray[np.float64], cover: NDArray[np.float64], errors: NDArray[np.float64]
) -> tuple[float, float]:
    """Mean and variance of the last instant by Gaussian regression on all of ``seen`` (n,), NaN for unknown."""
    known = np.flatnonzero(np.isfinite(seen))
    gain = cover[-1, known] @ np.linalg.inv((cover + errors)[np.ix_(known, known)])
    return float(gain @ seen[known]), float(cover[-1, -1] - gain @ cover[known, -1])


def test_with_errors_of_their_own_it_is_gaussian_regression_on_all_looks() -> None:
    rng = np.random.default_rng(3)
    times = np.cumsum(rng.uniform(0.01, 0.5, 40))
    seen = rng.normal(size=(40, 3)) * 0.3
    seen[10:20] = np.nan
    seen[30, 1] = np.nan
    spread = rng.uniform(0.05, 0.3, 40)
    belief = Posterior.rest(PROCESS, times[0])
    for k, time in enumerate(times):
        belief = belief.advance(time - belief.time).update([look(list(seen[k]), spread[k])], gate=NO_GATE)
    for d in range(3):
        cover = PROCESS.sd[d] ** 2 * np.exp(-abs(times[:, None] - times) / PROCESS.tau[d])
        mean, variance = regression(times, seen[:, d] - PROCESS.baseline[d], cover, np.diag(spread))
        assert belief.mean[d] - PROCESS.baseline[d] == pytest.approx(mean, abs=1e-10)
        assert belief.variance[d] == pytest.approx(variance, abs=1e-10)


@pytest.mark.usefixtures("exact")
def test_with_lasting_errors_it_is_gaussian_regression_with_their_covariance() -> None:
    """Two sources, always heard together, whose errors are AR(1) with time constants of their own: exact."""
    rng = np.random.default_rng(4)
    times = np.cumsum(rng.uniform(0.02, 0.2, 30))
    seen = rng.normal(size=(30, 2)) * 0.3
    spread, lasting = np.array([0.09, 0.2]), np.array([0.5, 2.0])
    belief = Posterior.rest(PROCESS, times[0])
    for k, time in enumerate(times):
        both = [look(seen[k, m], spread[m], name, lasting[m]) for m, name in enumerate(("face", "speech"))]
        belief = belief.advance(time - belief.time).update(both, gate=NO_GATE)
    apart = abs(times[:, None] - times)
    for d in range(3):
        cover = PROCESS.sd[d] ** 2 * np.exp(-apart / PROCESS.tau[d])
        errors = [spread[m] * np.exp(-apart / lasting[m]) for m in range(2)]
        whole = np.block([[cover + errors[0], cover], [cover, cover + errors[1]]])
        ahead = np.concatenate([cover[-1], cover[-1]])
        gain = ahead @ np.linalg.inv(whole)
        want = gain @ (seen.T.ravel() - PROCESS.baseline[d]) + PROCESS.baseline[d]
        assert belief.mean[d] == pytest.approx(want, abs=1e-9)
        assert belief.variance[d] == pytest.approx(PROCESS.sd[d] ** 2 - gain @ ahead, abs=1e-9)


def test_a_sample_that_comes_twice_counts_once() -> None:
    start = Posterior.rest(PROCESS, 0.0)
    once, twice = start.update([look(0.5)]), start.update([look(0.5), look(0.5)])
    np.testing.assert_array_equal(once.mean, twice.mean)
    np.testing.assert_array_equal(once.covariance, twice.covariance)


def test_a_thousand_frames_of_one_second_do_not_make_certain() -> None:
    """Frames whose errors last are worth what the mean of so many AR(1) errors is."""
    slow = OrnsteinUhlenbeck(tau=(1e6, 1e6, 1e6), sd=(10.0, 10.0, 10.0))
    belief = Posterior.rest(slow, 0.0)
    for _ in range(1000):
        belief = belief.advance(0.001).update([look(0.3, 0.09, lasting=0.5)])
    phi = np.exp(-0.001 / 0.5)
    wanted = 0.09 / (1 + 999 * (1 - phi) / (1 + phi))
    assert wanted < belief.variance[0] < 3 * wanted
    assert belief.variance[0] > 50 * 0.09 / 1000


def test_an_outlier_is_softened_and_the_next_look_not_compared_with_it() -> None:
    belief = Posterior.rest(PROCESS, 0.0)
    for _ in range(50):
        belief = belief.advance(0.04).update([look(0.0, 0.02, lasting=0.5)])
    calm = belief.advance(0.04)
    wild = look(1.0, 0.02, lasting=0.5)
    assert calm.surprise(wild).min() > 9
    hit, free = calm.update([wild]), calm.update([wild], gate=NO_GATE)
    assert 0 < hit.mean[0] < 0.5 * free.mean[0]
    assert hit.heard["face"].time.max() == belief.time
    after = hit.advance(0.04).update([look(0.0, 0.02, lasting=0.5)])
    assert abs(after.mean[0]) < 0.1
    assert after.heard["face"].time.min() == after.time


def test_surprise_is_one_on_average_when_the_model_is_true() -> None:
    rng = np.random.default_rng(5)
    transition, noise_added = PROCESS.transition(0.5)
    x = np.array(PROCESS.baseline)
    belief, seen = Posterior.rest(PROCESS, 0.0), []
    for _ in range(3000):
        x = (
            PROCESS.baseline
            + transition @ (x - PROCESS.baseline)
            + rng.normal(size=3) * np.sqrt(noise_added.diagonal())
        )
        belief = belief.advance(0.5)
        one = look(list(x + rng.normal(size=3) * 0.3), 0.09)
        seen.append(belief.surprise(one))
        belief = belief.update([one], gate=NO_GATE)
    assert np.mean(seen) == pytest.approx(1.0, abs=0.05)


def test_shares_and_the_priors_part_make_one() -> None:
    belief = Posterior.rest(PROCESS, 0.0)
    for k in range(20):
        belief = belief.advance(0.1).update(
            [look(0.3, 0.1, "face"), look([0.1, np.nan, 0.2], 0.3, "text")][: 1 + k % 2]
        )
    for later in (belief, belief.advance(3.0)):
        of_prior = later.variance / np.square(PROCESS.sd)
        np.testing.assert_allclose(sum(later.shares.values()) + of_prior, 1, atol=1e-9)
    assert belief.shares["text"][1] == 0
    assert belief.age("text") < belief.advance(3.0).age("text") == pytest.approx(3.0, abs=0.2)
    assert belief.age("eeg") == np.inf


def test_silence_returns_to_the_baseline_and_grows_uncertain() -> None:
    later = Posterior.rest(PROCESS, 0.0).update([look(0.9, 1e-3)]).advance(1000.0)
    np.testing.assert_allclose(later.mean, PROCESS.baseline, atol=1e-9)
    np.testing.assert_allclose(later.covariance, np.diag(np.square(PROCESS.sd)), atol=1e-9)


def test_an_observation_of_nothing_changes_nothing() -> None:
    start = Posterior.rest(PROCESS, 0.0)
    assert start.update([look(np.nan)]) is start and start.update([]) is start


@pytest.mark.parametrize("variance", [0.0, -1.0, np.inf, np.nan])
def test_an_impossible_variance_is_refused(variance: float) -> None:
    with pytest.raises(ValueError, match="positive finite"):
        look(0.0, variance)


def test_impossible_means_and_lasting_times_are_refused() -> None:
    with pytest.raises(ValueError, match="finite values"):
        look(np.inf)
    with pytest.raises(ValueError, match="errors last"):
        look(0.0, lasting=-1.0)
