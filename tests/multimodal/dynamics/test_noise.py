"""What an answer that reckons with the prior already adds to it, alone and over time, against closed forms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affectstream.multimodal.combine import combine
from affectstream.multimodal.dynamics.noise import evidence
from affectstream.multimodal.dynamics.process import OrnsteinUhlenbeck
from affectstream.multimodal.types import Trace

SAID = np.array([0.2, -0.15, np.nan])


@given(mean=st.floats(-1, 1), sure=st.floats(0.05, 0.99), prior_mean=st.floats(-0.5, 0.5), prior_sd=st.floats(0.1, 1.0))
def test_prior_times_evidence_is_the_answer(mean: float, sure: float, prior_mean: float, prior_sd: float) -> None:
    variance = sure * prior_sd**2
    adds, its = evidence(np.array([mean]), np.array([variance]), np.array([prior_mean]), np.array([prior_sd]))
    precision = 1 / its + 1 / prior_sd**2
    np.testing.assert_allclose(1 / precision, variance, rtol=1e-9)
    np.testing.assert_allclose((adds / its + prior_mean / prior_sd**2) / precision, mean, atol=1e-9)


def test_evidence_is_the_ratio_of_two_densities() -> None:
    x = np.linspace(-4, 4, 8001)

    def density(mean: float, variance: float) -> np.ndarray:
        return np.exp(-((x - mean) ** 2) / (2 * variance))

    ratio = density(0.3, 0.1) / density(0.1, 0.16)
    ratio /= ratio.sum()
    mean, variance = evidence(np.array([0.3]), np.array([0.1]), np.array([0.1]), np.array([0.4]))
    assert (x * ratio).sum() == pytest.approx(mean[0], abs=1e-6)
    assert ((x - mean[0]) ** 2 * ratio).sum() == pytest.approx(variance[0], abs=1e-6)


@pytest.mark.parametrize("variance", [0.2025, 0.3, np.inf, np.nan])
def test_what_knows_no_more_than_the_prior_adds_nothing(variance: float) -> None:
    assert np.isnan(evidence(np.array([0.3]), np.array([variance]), np.zeros(1), np.array([0.45]))).all()


def eeg(sd: float, hop: float, quality: float = 0.6) -> Trace:
    """Two minutes of one answer."""
    time = np.arange(2, 122, hop)
    mean = np.tile(SAID, (len(time), 1))
    return Trace("eeg", time=time, mean=mean, variance=np.full(mean.shape, sd**2), quality=quality, span=4.0)


@pytest.mark.parametrize("hop", [0.25, 0.5, 2.0])
@pytest.mark.parametrize("sd", [0.44, 0.4, 0.35])
def test_a_lone_eeg_is_fused_as_it_is_and_many_answers_say_what_one_says(sd: float, hop: float) -> None:
    both = combine({"eeg": eeg(sd, hop)}, 10.0)
    np.testing.assert_allclose(both.fused.mean[:, :2], np.tile(SAID[:2], (len(both.fused), 1)), atol=1e-6)
    np.testing.assert_allclose(both.fused.sd, np.tile([sd, sd, 0.45], (len(both.fused), 1)), atol=1e-6)
    middle = slice(400, 800)  # five time constants from either end
    assert (both.state.sd[middle, :2] >= sd - 1e-6).all() and (both.state.sd[middle, :2] < 1.15 * sd).all()
    np.testing.assert_allclose(both.state.sd[middle, 2], 0.45, rtol=1e-9)
    # White noise of density r = 2 tau v under an Ornstein-Uhlenbeck process: the Wiener smoother's error, and its gain at rest.
    process = OrnsteinUhlenbeck()
    prior = process.sd[0] ** 2
    added = 1 / (1 / sd**2 - 1 / prior)
    smoothed = np.sqrt(prior / np.sqrt(1 + prior / added))
    np.testing.assert_allclose(both.state.sd[middle, :2], np.tile(smoothed, (400, 2)), rtol=0.02)
    np.testing.assert_allclose(both.state.mean[middle, :2].mean(0), SAID[:2], rtol=0.02)


@pytest.mark.parametrize("hop", [0.25, 0.5, 2.0])
def test_a_live_state_is_no_surer_than_in_hindsight_and_hardly_depends_on_the_hop(hop: float) -> None:
    live, later = (combine({"eeg": eeg(0.4, hop)}, 10.0, causal=causal).state for causal in (True, False))
    assert (live.sd[400:800, :2] > later.sd[400:800, :2]).all() and (live.sd[400:800, :2] < 0.45).all()
    steady = combine({"eeg": eeg(0.4, 0.5)}, 10.0, causal=True).state
    np.testing.assert_allclose(live.sd[400:800], steady.sd[400:800], rtol=0.01)


def test_the_quality_of_an_eeg_is_in_its_variance_already() -> None:
    poor, good = (combine({"eeg": eeg(0.4, 0.5, quality)}, 10.0) for quality in (0.3, 1.0))
    np.testing.assert_allclose(poor.fused.mean, good.fused.mean, atol=1e-12)
    np.testing.assert_allclose(poor.state.sd, good.state.sd, atol=1e-12)


def test_beside_a_face_the_eeg_does_not_bring_the_prior_again() -> None:
    """Two experts and one prior, multiplied by hand."""
    time = np.arange(2, 62, 0.5)
    said = np.full((len(time), 3), 0.5)
    face = Trace("face/0", time=time, mean=said, variance=np.full(said.shape, 0.04), quality=1.0, span=4.0)
    fused = combine({"face/0": face, "eeg": eeg(0.4, 0.5)}, 2.0, reach=(4.0, 58.0)).fused
    precision = 1 / 0.2025 + 1 / 0.04 + (1 / 0.16 - 1 / 0.2025)
    np.testing.assert_allclose(fused.variance[:, 0], 1 / precision, rtol=1e-6)
    np.testing.assert_allclose(fused.mean[:, 0], (0.5 / 0.04 + 0.2 / 0.16) / precision, rtol=1e-6)
