import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import norm

from affectstream.multimodal.fusion.experts import Prior, fuse
from affectstream.multimodal.timeline import Reading

VALUES = arrays(np.float64, (4, 3), elements=st.floats(-1, 1))
SPREADS = arrays(np.float64, (4, 3), elements=st.floats(0.01, 1))


def reading(mean, variance, quality=1.0) -> Reading:
    mean = np.asarray(mean, float).reshape(-1, 3)
    return Reading(mean, np.broadcast_to(variance, mean.shape), np.broadcast_to(quality, len(mean)))


def test_the_product_is_the_one_found_by_multiplying_densities() -> None:
    x = np.linspace(-4, 4, 80001)
    density = norm.pdf(x, 0, 0.45) * norm.pdf(x, 0.7, 0.2) * norm.pdf(x, -0.1, 0.3)
    density /= density.sum()
    mean = (x * density).sum()
    fused = fuse({"face": reading([0.7] * 3, 0.04), "text": reading([-0.1] * 3, 0.09)}, 1, Prior())
    assert fused.mean[0, 0] == pytest.approx(mean, abs=1e-8)
    assert fused.variance[0, 0] == pytest.approx(((x - mean) ** 2 * density).sum(), abs=1e-8)


@settings(deadline=None)
@given(VALUES, SPREADS, VALUES, SPREADS)
def test_a_missing_expert_is_the_same_as_none(a, va, b, vb) -> None:
    silent = Reading(np.full((4, 3), np.nan), np.full((4, 3), np.nan), np.zeros(4))
    with_silent = fuse({"face": reading(a, va), "text": reading(b, vb), "eeg": silent}, 4, Prior())
    without = fuse({"text": reading(b, vb), "face": reading(a, va)}, 4, Prior())
    np.testing.assert_allclose(with_silent.mean, without.mean, atol=1e-12)
    np.testing.assert_allclose(with_silent.variance, without.variance, atol=1e-12)


@settings(deadline=None)
@given(VALUES, SPREADS, st.floats(0, 1))
def test_shares_and_the_priors_part_make_one_and_the_mean_stays_between(a, va, quality) -> None:
    prior = Prior()
    fused = fuse({"face": reading(a, va, quality), "text": reading(-a, va)}, 4, prior)
    of_prior = np.array(prior.sd) ** -2 * fused.variance
    np.testing.assert_allclose(sum(fused.share.values()) + of_prior, 1)
    assert (abs(fused.mean) <= abs(a) + 1e-12).all()
    assert (fused.variance <= np.square(prior.sd) + 1e-12).all()


def test_nobody_speaking_leaves_the_prior() -> None:
    fused = fuse({}, 2, Prior(mean=(0.1, 0.0, -0.1)))
    np.testing.assert_allclose(fused.mean, [[0.1, 0, -0.1]] * 2)
    np.testing.assert_allclose(fused.variance, 0.45**2)
    assert not fused.share and not fused.quality.any()


def test_quality_zero_counts_for_nothing_and_half_for_half() -> None:
    none = fuse({"face": reading([0.9] * 3, 0.04, 0.0)}, 1, Prior())
    assert none.mean[0, 0] == 0
    half = fuse({"face": reading([0.9] * 3, 0.04, 0.5)}, 1, Prior())
    whole = fuse({"face": reading([0.9] * 3, 0.08, 1.0)}, 1, Prior())
    assert half.mean[0, 0] == pytest.approx(whole.mean[0, 0])


def test_another_grid_is_refused() -> None:
    with pytest.raises(ValueError, match="same grid"):
        fuse({"face": reading([0.0] * 3, 1)}, 5, Prior())
    with pytest.raises(ValueError, match="above 0"):
        Prior(sd=(0.4, 0.0, 0.4))
