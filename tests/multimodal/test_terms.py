"""Terms as Gaussians, against scipy's densities and a row of the published labels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import multivariate_normal, norm

from affectstream.multimodal.terms import EXPRESSIONS, expected_vad, term_posterior

Array = NDArray[np.float64]

# mean and sd of valence, arousal, dominance as printed; neutral is put at the origin
RATED: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "neutral": ((0.0, 0.0, 0.0), (0.15, 0.15, 0.15)),
    "happiness": ((0.81, 0.51, 0.46), (0.21, 0.26, 0.38)),
    "surprise": ((0.40, 0.67, -0.13), (0.30, 0.27, 0.38)),
    "sadness": ((-0.63, -0.27, -0.33), (0.23, 0.34, 0.22)),
    "anger": ((-0.51, 0.59, 0.25), (0.20, 0.33, 0.39)),
    "disgust": ((-0.60, 0.35, 0.11), (0.20, 0.41, 0.34)),
    "fear": ((-0.64, 0.60, -0.43), (0.20, 0.32, 0.27)),
    "contempt": ((-0.23, 0.31, 0.18), (0.39, 0.33, 0.29)),
}
# correlations valence-dominance, arousal-dominance, valence-arousal
TIED = {
    "neutral": (0.10, 0.10, 0.05),
    "happiness": (0.75, 0.25, 0.15),
    "surprise": (0.05, 0.65, 0.35),
    "sadness": (0.65, 0.55, 0.75),
    "anger": (-0.45, 0.75, 0.55),
    "disgust": (-0.55, 0.35, 0.25),
    "fear": (-0.25, 0.85, 0.65),
    "contempt": (0.35, 0.45, 0.25),
}
RELEASED = {  # valence -.177, arousal -.078; the dominance -.0414 is what their row implies
    "happiness": 0.0,
    "contempt": 0.676702,
    "surprise": 0.001326,
    "anger": 0.0,
    "disgust": 0.005543,
    "fear": 0.0,
    "sadness": 0.316429,
    "neutral": 0.0,
}
points = st.tuples(*[st.floats(-1, 1)] * 3)


def shares(density: dict[str, float]) -> list[float]:
    total = sum(density.values())
    return [density[name] / total for name in EXPRESSIONS]


def independent(point: tuple[float, float, float], wider: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> list[float]:
    """By Bayes, dimension by dimension."""
    density = {}
    for name, (mean, sd) in RATED.items():
        spread = [(s**2 + w) ** 0.5 for s, w in zip(sd, wider, strict=True)]
        density[name] = float(np.prod([norm.pdf(p, m, s) for p, m, s in zip(point, mean, spread, strict=True)]))
    return shares(density)


def tied(name: str) -> tuple[Array, Array]:
    """Mean and covariance of the published code, which has its own neutral and no eigenvalue below 1e-6."""
    mean, sd = RATED[name] if name != "neutral" else ((0.1,) * 3, (0.05,) * 3)
    vd, ad, va = TIED[name]
    printed = np.diag(sd) @ np.array([[1, va, vd], [va, 1, ad], [vd, ad, 1]]) @ np.diag(sd)
    values, vectors = np.linalg.eigh(printed)
    kept = [max(float(s), 1e-6) * np.outer(v, v) for s, v in zip(values, vectors.T, strict=True)]
    return np.array(mean), np.sum(kept, axis=0)


def log_density(point: tuple[float, ...], mean: Array, cover: Array) -> float:
    return float(multivariate_normal.logpdf(point, mean, cover))  # pyright: ignore[reportArgumentType]


def test_expected_vad_is_the_mean_weighted_by_share() -> None:
    share = dict(zip(EXPRESSIONS, (0.1, 0.2, 0.05, 0.25, 0.15, 0.05, 0.1, 0.1), strict=True))
    wanted = [sum(weight * RATED[name][0][d] for name, weight in share.items()) for d in range(3)]
    np.testing.assert_allclose(expected_vad(list(share.values())), wanted, atol=1e-12)


def test_expected_vad_by_hand() -> None:
    """.25 of sadness and .75 of fear."""
    wanted = [-0.25 * 0.63 - 0.75 * 0.64, -0.25 * 0.27 + 0.75 * 0.60, -0.25 * 0.33 - 0.75 * 0.43]
    np.testing.assert_allclose(expected_vad([0.25, 0.75], ["sadness", "fear"]), wanted, atol=1e-12)
    np.testing.assert_allclose(expected_vad([3.0, 9.0], ["sadness", "fear"]), wanted, atol=1e-12)


def test_expected_vad_of_many_rows_is_that_of_each() -> None:
    share = np.random.default_rng(0).random((4, 5, 8))
    together = expected_vad(share)
    assert together.shape == (4, 5, 3)
    for k in range(4):
        for j in range(5):
            np.testing.assert_allclose(together[k, j], expected_vad(share[k, j]), atol=1e-12)


def test_nothing_expected_is_the_origin() -> None:
    np.testing.assert_array_equal(expected_vad(np.zeros(8)), np.zeros(3))


@settings(deadline=None, max_examples=40)
@given(points)
def test_independent_posterior_is_a_product_of_normals(point: tuple[float, float, float]) -> None:
    np.testing.assert_allclose(term_posterior(point), independent(point), atol=1e-10)


@settings(deadline=None, max_examples=25)
@given(points, st.tuples(*[st.floats(0, 2)] * 3))
def test_what_is_not_known_widens_every_term(
    point: tuple[float, float, float], wider: tuple[float, float, float]
) -> None:
    np.testing.assert_allclose(term_posterior(point, wider), independent(point, wider), atol=1e-10)


def test_uncertainty_is_convolved_with_the_terms() -> None:
    """The densities integrated over where the affect may be, on a grid, one dimension at a time."""
    point, variance = np.array([-0.3, 0.4, 0.1]), np.array([0.04, 0.09, 0.02])
    z = np.linspace(-8, 8, 4001)
    density = {}
    for name, (mean, sd) in RATED.items():
        factors = []
        for d in range(3):
            at = point[d] + z * variance[d] ** 0.5
            factors.append(float(np.trapezoid(norm.pdf(z) * norm.pdf(at, mean[d], sd[d]), z)))
        density[name] = float(np.prod(factors))
    np.testing.assert_allclose(term_posterior(point, variance), shares(density), atol=1e-9)


def test_tied_uncertainty_is_convolved_with_the_terms() -> None:
    """How likely the point is around each draw of a term, on average."""
    point, variance = np.array([-0.3, 0.4, 0.1]), np.array([0.04, 0.09, 0.02])
    rng = np.random.default_rng(4)
    density = {}
    for name in EXPRESSIONS:
        draws = rng.multivariate_normal(*tied(name), size=200_000)
        density[name] = float(norm.pdf(point, draws, variance**0.5).prod(-1).mean())
    np.testing.assert_allclose(term_posterior(point, variance, covariance="bneto2026"), shares(density), atol=4e-3)


@settings(deadline=None, max_examples=40)
@given(points)
def test_tied_posterior_is_of_multivariate_normals(point: tuple[float, float, float]) -> None:
    log = {name: log_density(point, *tied(name)) for name in EXPRESSIONS}
    top = max(log.values())
    wanted = shares({name: float(np.exp(value - top)) for name, value in log.items()})
    np.testing.assert_allclose(term_posterior(point, covariance="bneto2026"), wanted, atol=1e-6)


@settings(deadline=None, max_examples=25)
@given(points, st.tuples(*[st.floats(0, 2)] * 3))
def test_tied_terms_widen_too(point: tuple[float, float, float], wider: tuple[float, float, float]) -> None:
    log = {
        name: log_density(point, mean, cover + np.diag(wider))
        for name, (mean, cover) in ((name, tied(name)) for name in EXPRESSIONS)
    }
    top = max(log.values())
    wanted = shares({name: float(np.exp(value - top)) for name, value in log.items()})
    np.testing.assert_allclose(term_posterior(point, wider, covariance="bneto2026"), wanted, atol=1e-6)


def test_tied_posterior_is_the_released_row() -> None:
    chance = term_posterior([-0.177, -0.078, -0.0414], names=list(RELEASED), covariance="bneto2026")
    np.testing.assert_allclose(chance, list(RELEASED.values()), atol=5e-4)


@pytest.mark.parametrize(
    ("valence", "arousal", "row"),
    [
        (-0.176846, -0.0776398, RELEASED.values()),
        (-0.135501, 0.00483933, [0.0, 0.756111, 0.003835, 0.0, 0.002446, 0.0, 0.237203, 0.000405]),
    ],
)
def test_tied_posterior_is_the_released_row_for_one_dominance(valence: float, arousal: float, row: list[float]) -> None:
    """Pictures 0 and 1001 of the validation set. Their dominance was not released: it is the one number free to fit eight."""
    points = np.array([[valence, arousal, d] for d in np.arange(-0.05, 0, 1e-5)])
    off = abs(term_posterior(points, names=list(RELEASED), covariance="bneto2026") - list(row)).max(1)
    assert off.min() < 5e-5


def test_independent_posterior_is_not_the_released_row() -> None:
    chance = term_posterior([-0.177, -0.078, -0.0414], names=list(RELEASED))
    assert abs(chance - list(RELEASED.values())).max() > 0.3


@pytest.mark.parametrize("name", EXPRESSIONS)
@pytest.mark.parametrize("variance", [0.0, 0.05])
def test_at_its_own_mean_a_term_is_likeliest(name: str, variance: float) -> None:
    own = [float(other == name) for other in EXPRESSIONS]
    chance = term_posterior(expected_vad(own), variance)
    assert EXPRESSIONS[int(chance.argmax())] == name


@settings(deadline=None)
@given(
    st.tuples(*[st.floats(-50, 50)] * 3),
    st.tuples(*[st.floats(0, 1e6)] * 3),
    st.sampled_from(["diagonal", "bneto2026"]),
)
def test_chances_sum_to_one_however_far_off(
    point: tuple[float, float, float], variance: tuple[float, float, float], covariance: str
) -> None:
    chance = term_posterior(point, variance, covariance=covariance)  # pyright: ignore[reportArgumentType]
    assert chance.shape == (8,) and (chance >= 0).all()
    assert chance.sum() == pytest.approx(1.0, abs=1e-12)


def test_of_unknown_affect_nothing_is_said() -> None:
    """With a spread far beyond that of the terms all are about as likely."""
    np.testing.assert_allclose(term_posterior([0.3, 0.1, -0.2], 1e4), 1 / 8, atol=1e-4)


def test_some_terms_share_as_they_do_among_all() -> None:
    names = ["fear", "neutral", "anger"]
    every: dict[str, float] = dict(zip(EXPRESSIONS, term_posterior([-0.4, 0.4, -0.1], 0.02), strict=True))
    some = term_posterior([-0.4, 0.4, -0.1], 0.02, names=names)
    np.testing.assert_allclose(some, np.array([every[n] for n in names]) / sum(every[n] for n in names), atol=1e-12)


@pytest.mark.parametrize("covariance", ["diagonal", "bneto2026"])
def test_many_points_are_as_each_alone(covariance: str) -> None:
    rng = np.random.default_rng(1)
    mean, variance = rng.uniform(-1, 1, (3, 4, 3)), rng.uniform(0, 0.2, (3, 4, 3))
    chance = term_posterior(mean, variance, covariance=covariance)  # pyright: ignore[reportArgumentType]
    assert chance.shape == (3, 4, 8)
    alone = term_posterior(mean[2, 1], variance[2, 1], covariance=covariance)  # pyright: ignore[reportArgumentType]
    np.testing.assert_allclose(chance[2, 1], alone, atol=1e-12)


@pytest.mark.parametrize("covariance", ["diagonal", "bneto2026"])
def test_a_wider_neutral_takes_more_of_what_is_near(covariance: str) -> None:
    near = [0.25, -0.2, 0.2]
    some = [
        term_posterior(near, covariance=covariance, neutral_sd=sd)[0]  # pyright: ignore[reportArgumentType]
        for sd in (0.05, 0.1, 0.2)
    ]
    assert some[0] < some[1] < some[2]


def test_the_neutral_width_is_that_given() -> None:
    point = (0.2, 0.1, -0.1)
    density = {
        name: float(np.prod(norm.pdf(point, mean, (0.3,) * 3 if name == "neutral" else sd)))
        for name, (mean, sd) in RATED.items()
    }
    np.testing.assert_allclose(term_posterior(point, neutral_sd=0.3), shares(density), atol=1e-12)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="terms are joy, fear; wanted some of neutral, happiness"):
        term_posterior([0, 0, 0], names=["joy", "fear"])
    with pytest.raises(ValueError, match="terms are joy; wanted"):
        expected_vad([1.0], ["joy"])
    with pytest.raises(ValueError, match="terms are none; wanted"):
        term_posterior([0, 0, 0], names=[])


def test_unknown_covariance_is_refused() -> None:
    with pytest.raises(ValueError, match="covariance is 'full'; wanted 'diagonal' or 'bneto2026'"):
        term_posterior([0, 0, 0], covariance="full")  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("sd", [0.0, -0.1, float("nan")])
def test_neutral_without_width_is_refused(sd: float) -> None:
    with pytest.raises(ValueError, match=r"neutral sd is .*; wanted more than 0"):
        term_posterior([0, 0, 0], neutral_sd=sd)
