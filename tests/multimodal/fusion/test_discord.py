import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import minimize_scalar

from affectstream.multimodal.fusion.discord import discord
from affectstream.multimodal.fusion.experts import Prior, fuse
from affectstream.multimodal.fusion.intersection import intersection_weight
from affectstream.multimodal.timeline import Reading


def reading(mean, variance=0.04, quality=1.0) -> Reading:
    mean = np.asarray(mean, float).reshape(-1, 3)
    return Reading(mean, np.broadcast_to(variance, mean.shape), np.broadcast_to(quality, len(mean)))


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(0.01, 0.5)), min_size=2, max_size=5))
def test_the_statistic_is_cochrans_q(said) -> None:
    mean, variance = np.array(said).T
    found = discord({f"s{k}": reading([m] * 3, v) for k, (m, v) in enumerate(said)}, 1)
    middle = (mean / variance).sum() / (1 / variance).sum()
    q = ((mean - middle) ** 2 / variance).sum()
    assert found.chi2[0, 0] == pytest.approx(q, abs=1e-9)
    assert found.p[0, 0] == pytest.approx(stats.chi2.sf(q, len(said) - 1), abs=1e-12)
    assert found.freedom[0, 0] == len(said) - 1


def test_chances_are_uniform_where_errors_alone_differ() -> None:
    rng = np.random.default_rng(0)
    sources = {name: reading(rng.normal(0, sd, (4000, 3)), sd**2) for name, sd in (("a", 0.1), ("b", 0.2), ("c", 0.3))}
    found = discord(sources, 4000)
    assert stats.kstest(found.p.ravel(), "uniform").pvalue > 0.001
    assert (found.overall < 0.01).mean() < 0.015


def test_quality_widens_what_a_source_allows() -> None:
    sharp = discord({"face": reading([0.5] * 3), "text": reading([-0.3] * 3)}, 1)
    dull = discord({"face": reading([0.5] * 3, quality=0.1), "text": reading([-0.3] * 3)}, 1)
    assert sharp.p[0, 0] < 0.01 < dull.p[0, 0]


def test_who_disagrees_on_what() -> None:
    found = discord(
        {"face": reading([0.8, 0.1, 0.0]), "speech": reading([-0.5, 0.2, 0.0]), "eeg": reading([np.nan] * 3)}, 1
    )
    pair, dimension, z = found.worst(0) or ((), -1, 0.0)
    assert pair == ("face", "speech") and dimension == 0
    assert z == pytest.approx(1.3 / np.sqrt(0.08))


@pytest.mark.parametrize(
    "sources", [{}, {"face": reading([0.5] * 3)}, {"face": reading([0.5] * 3), "text": reading([0.9] * 3, quality=0)}]
)
def test_alone_there_is_no_discord(sources) -> None:
    found = discord(sources, 1)
    assert found.p.tolist() == [[1, 1, 1]] and found.widen.tolist() == [[1, 1, 1]] and found.worst(0) is None


def test_discord_widens_the_fused_variance_by_the_birge_ratio_and_only_there() -> None:
    far = fuse({"face": reading([0.9, 0.1, 0.0]), "eeg": reading([-0.5, 0.1, 0.0])}, 1, Prior(sd=(1e4, 1e4, 1e4)))
    chi2 = (1.4**2) / 0.08
    assert far.variance[0, 0] == pytest.approx(0.02 * chi2, rel=1e-6)
    assert far.variance[0, 1] == pytest.approx(0.02, rel=1e-6)
    assert far.mean[0, 0] == pytest.approx(0.2, abs=1e-6)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0.5, 50), min_size=6, max_size=6))
def test_the_intersection_has_the_least_determinant(values) -> None:
    one, other = np.array(values[:3]), np.array(values[3:])
    weight = float(intersection_weight(one[None], other[None])[0])

    def size(w: float) -> float:
        return float(-np.log(w * one + (1 - w) * other).sum())

    assert 0 <= weight <= 1
    assert size(weight) <= minimize_scalar(size, bounds=(0, 1), method="bounded").fun + 1e-6


def test_an_intersection_never_claims_more_than_is_known_whatever_is_shared() -> None:
    """For any correlation of the two errors, the true variance of the combination is at most the claimed one."""
    one, other = np.array([10.0, 4.0, 6.0]), np.array([5.0, 8.0, 6.0])
    weight = float(intersection_weight(one[None], other[None])[0])
    total = weight * one + (1 - weight) * other
    gain = weight * one / total
    for correlation in (-0.9, 0.0, 0.5, 1.0):
        true = gain**2 / one + (1 - gain) ** 2 / other + 2 * gain * (1 - gain) * correlation / np.sqrt(one * other)
        assert (true <= 1 / total + 1e-12).all()


def test_voice_and_words_are_intersected_and_others_multiplied() -> None:
    same = reading([0.5] * 3)
    wide = Prior(sd=(1e4, 1e4, 1e4))
    assert fuse({"speech": same, "text": same}, 1, wide).variance[0, 0] == pytest.approx(0.04, rel=1e-6)
    assert fuse({"face/0": same, "text": same}, 1, wide).variance[0, 0] == pytest.approx(0.02, rel=1e-6)
    silent = reading([np.nan] * 3)
    assert fuse({"speech": silent, "text": same}, 1, wide).variance[0, 0] == pytest.approx(0.04, rel=1e-6)
