import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectstream.multimodal.dynamics.batch import estimate
from affectstream.multimodal.dynamics.estimator import Estimator, LateError, causal_beliefs
from affectstream.multimodal.dynamics.filter import Look
from affectstream.multimodal.dynamics.looks import Looks, looks_of
from affectstream.multimodal.dynamics.process import DampedOscillator, OrnsteinUhlenbeck
from affectstream.multimodal.dynamics.simulate import simulate

PROCESS = OrnsteinUhlenbeck(baseline=(0.1, 0.0, -0.2))
SPRING = DampedOscillator(lag=(2.0, 3.0, 4.0))


@pytest.fixture(scope="module")
def looks() -> Looks:
    return looks_of(simulate(5, 12.0)[2])


def fed(looks: Looks, order, process=PROCESS, horizon: float = 60.0) -> Estimator:
    estimator = Estimator(process, start=-1.0, horizon=horizon)
    for i in order:
        estimator.add(float(looks.time[i]), looks.look(i))
    return estimator


@settings(deadline=None, max_examples=8)
@given(st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(looks: Looks, random) -> None:
    order = list(range(60))
    random.shuffle(order)
    mixed, sorted_ = fed(looks, order), fed(looks, range(60))
    for time in (0.5, 1.7, 3.0, 9.0):
        np.testing.assert_allclose(mixed.at(time).mean, sorted_.at(time).mean, atol=1e-12)
        np.testing.assert_allclose(mixed.at(time).covariance, sorted_.at(time).covariance, atol=1e-12)


@pytest.mark.parametrize("process", [PROCESS, SPRING])
def test_live_is_the_batch(looks: Looks, process) -> None:
    estimator = fed(looks, range(len(looks)), process)
    times = np.array([0.3, 2.0, 5.55, 11.0, 14.0])
    now, later = (estimate(looks, times, process, smooth=s) for s in (False, True))
    for k, time in enumerate(times.tolist()):
        belief = estimator.at(time)
        np.testing.assert_allclose(belief.mean[:3], now.mean[k], atol=1e-10)
        np.testing.assert_allclose(belief.variance, now.variance[k], atol=1e-10)
        mean, covariance = estimator.smoothed(time)
        np.testing.assert_allclose(mean[:3], later.mean[k], atol=1e-9)
        np.testing.assert_allclose(covariance.diagonal()[:3], later.variance[k], atol=1e-9)


def test_asking_changes_nothing(looks: Looks) -> None:
    estimator = fed(looks, range(50))
    before = json.dumps(estimator.snapshot())
    first = estimator.at(3.0)
    estimator.smoothed(0.7)
    again = estimator.at(3.0)
    np.testing.assert_array_equal(first.mean, again.mean)
    assert json.dumps(estimator.snapshot()) == before


@pytest.mark.parametrize("process", [PROCESS, SPRING])
def test_a_snapshot_gives_the_same_bits_back_and_goes_on_alike(looks: Looks, process) -> None:
    estimator = fed(looks, range(120), process, horizon=2.0)
    text = json.dumps(estimator.snapshot())
    again = Estimator.restore(json.loads(text))
    assert json.dumps(again.snapshot()) == text
    for e in (estimator, again):
        e.add(float(looks.time[121]), looks.look(121))
        e.add(float(looks.time[120]), looks.look(120))
    time = float(looks.time[121]) + 0.4
    np.testing.assert_array_equal(estimator.at(time).mean, again.at(time).mean)
    np.testing.assert_array_equal(estimator.at(time).covariance, again.at(time).covariance)


@pytest.mark.parametrize("bad", [{}, {"process": {"kind": "Nothing"}}, {"process": {"kind": "OrnsteinUhlenbeck"}}])
def test_what_is_no_snapshot_is_refused(bad: dict) -> None:
    with pytest.raises(ValueError, match="not a snapshot"):
        Estimator.restore(bad)


def test_too_late_is_refused_and_leaves_all_as_it_was(looks: Looks) -> None:
    estimator = fed(looks, range(100), horizon=1.0)
    before = json.dumps(estimator.snapshot())
    with pytest.raises(LateError, match="behind the latest"):
        estimator.add(estimator.oldest - 0.01, looks.look(0))
    with pytest.raises(LateError, match="edge"):
        estimator.add(estimator.oldest, looks.look(0))
    for time in (np.nan, np.inf):
        with pytest.raises(ValueError, match="finite seconds"):
            estimator.add(time, looks.look(0))
    with pytest.raises(LateError, match="wanted a time from"):
        estimator.at(estimator.oldest - 1)
    assert json.dumps(estimator.snapshot()) == before
    assert 1.0 <= estimator.time - estimator.oldest < 3.0


def test_a_clock_that_jumps_ahead_is_rest_in_between(looks: Looks) -> None:
    estimator = fed(looks, range(50))
    estimator.add(1e7, Look("face", np.full(3, 0.5), np.full(3, 0.1), 0.5))
    belief = estimator.at(1e7)
    alone = Estimator(PROCESS, start=1e7 - 1)
    alone.add(1e7, Look("face", np.full(3, 0.5), np.full(3, 0.1), 0.5))
    np.testing.assert_allclose(belief.mean, alone.at(1e7).mean, atol=1e-9)
    assert np.isfinite(belief.covariance).all()


def test_the_first_look_may_be_at_the_start_or_before_it() -> None:
    for time in (0.0, -5.0):
        estimator = Estimator(PROCESS)
        estimator.add(time, Look("face", np.full(3, 0.5), np.full(3, 0.1)))
        assert estimator.at(time).mean[0] > 0.3


def test_a_look_that_knows_nothing_is_passed_over(looks: Looks) -> None:
    estimator = fed(looks, range(20))
    before = json.dumps(estimator.snapshot())
    estimator.add(1.0, Look("face", np.full(3, np.nan), np.full(3, np.nan), 0.5))
    assert json.dumps(estimator.snapshot()) == before


def test_memory_is_bounded_by_the_horizon() -> None:
    estimator = Estimator(PROCESS, horizon=2.0)
    for k in range(2000):
        estimator.add(0.1 + k * 0.04, Look("face", np.full(3, 0.2), np.full(3, 0.1), 0.5))
    assert len(json.dumps(estimator.snapshot())) < 30_000


def test_causal_beliefs_know_only_what_had_arrived(looks: Looks) -> None:
    times = np.arange(0.0, 12.0, 0.5)
    beliefs = causal_beliefs(looks, times, PROCESS)
    for time, belief in zip(times, beliefs, strict=True):
        arrived = np.flatnonzero(looks.arrival <= time)
        want = fed(looks, arrived).at(float(time))
        np.testing.assert_allclose(belief.mean, want.mean, atol=1e-12)
        np.testing.assert_allclose(belief.variance, want.variance, atol=1e-12)


def test_an_horizon_must_be_finite() -> None:
    with pytest.raises(ValueError, match="horizon"):
        Estimator(PROCESS, horizon=np.inf)


def test_moments_as_near_as_numbers_can_be_are_smoothed_over() -> None:
    estimator = Estimator(PROCESS, start=1.0)
    for time in (1.5, float(np.nextafter(1.5, 2))):
        estimator.add(time, Look("face", np.full(3, 0.2), np.full(3, 0.1), 0.5))
    mean, covariance = estimator.smoothed(1.5)
    np.testing.assert_allclose(mean[:3], estimator.at(1.6).mean[:3], atol=0.02)
    assert np.isfinite(covariance).all()
