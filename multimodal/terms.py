"""Words for affect: eight expressions as regions of valence, arousal and dominance, there and back. numpy only.

Means are the term ratings of Russell and Mehrabian (1977, J. Res. Personality 11, 273-294); standard
deviations those of the code behind "Revisiting Emotions Representation" (Cardia Neto, Ferrari and Berretti
2026, arXiv 2602.06778), which has -.21 for the dominance of fear where the ratings have -.43. Neutral is not
among the rated terms: it is put at the origin, and how wide it is is a choice (:data:`NEUTRAL_SD`); the paper
has it at .1 in every dimension and .05 wide, which leaves it nearly nothing.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

EXPRESSIONS = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
NEUTRAL_SD = 0.15
PUBLISHED_NEUTRAL = (0.1, 0.05)  # mean and sd in every dimension, with "bneto2026"

TERM_MEAN = np.array(
    [
        [0.0, 0.0, 0.0],
        [0.81, 0.51, 0.46],
        [0.40, 0.67, -0.13],
        [-0.63, -0.27, -0.33],
        [-0.51, 0.59, 0.25],
        [-0.60, 0.35, 0.11],
        [-0.64, 0.60, -0.43],
        [-0.23, 0.31, 0.18],
    ]
)
TERM_SD = np.array(
    [
        [np.nan, np.nan, np.nan],  # NEUTRAL_SD, or what the caller says
        [0.21, 0.26, 0.38],
        [0.30, 0.27, 0.38],
        [0.23, 0.34, 0.22],
        [0.20, 0.33, 0.39],
        [0.20, 0.41, 0.34],
        [0.20, 0.32, 0.27],
        [0.39, 0.33, 0.29],
    ]
)
# Correlations valence-dominance, arousal-dominance, valence-arousal of the same paper's released labels; set by hand there.
TERM_CORRELATION = np.array(
    [
        [0.10, 0.10, 0.05],
        [0.75, 0.25, 0.15],
        [0.05, 0.65, 0.35],
        [0.65, 0.55, 0.75],
        [-0.45, 0.75, 0.55],
        [-0.55, 0.35, 0.25],
        [-0.25, 0.85, 0.65],
        [0.35, 0.45, 0.25],
    ]
)

# Further terms of the same ratings, which have a mean but no region of their own here.
FURTHER_MEAN = {"boredom": (-0.65, -0.62, -0.33)}

Covariance = Literal["diagonal", "bneto2026"]


def expected_vad(share: ArrayLike, names: Sequence[str] = EXPRESSIONS) -> NDArray[np.float64]:
    """Expected term VAD (..., 3) of shares (..., K) of ``names``; they need not sum to 1.

    Raises ValueError for a name that is neither one of :data:`EXPRESSIONS` nor of :data:`FURTHER_MEAN`.

    >>> expected_vad([0.5, 0.5], ["neutral", "happiness"]).round(3).tolist()
    [0.405, 0.255, 0.23]
    """
    weight = np.asarray(share, np.float64)
    mean = np.array([FURTHER_MEAN[n] if n in FURTHER_MEAN else TERM_MEAN[_rows([n])[0]] for n in names])
    return weight / np.maximum(weight.sum(-1, keepdims=True), 1e-12) @ mean


def term_posterior(
    mean: ArrayLike,
    variance: ArrayLike = 0.0,
    *,
    names: Sequence[str] = EXPRESSIONS,
    covariance: Covariance = "diagonal",
    neutral_sd: float | None = None,
) -> NDArray[np.float64]:
    """Chance (..., K) of each of ``names`` for affect known as ``mean`` (..., 3) with ``variance`` (..., 3).

    Each term is a Gaussian with equal prior; what is not known of the affect widens every one of them. With
    "bneto2026" the terms' dimensions are correlated and neutral lies as in that paper, else they are
    independent and neutral lies at the origin. ``neutral_sd`` makes neutral wider or narrower.

    >>> chance = term_posterior([0.7, 0.4, 0.4])
    >>> EXPRESSIONS[int(chance.argmax())], float(chance.sum().round(12))
    ('happiness', 1.0)
    """
    if covariance not in ("diagonal", "bneto2026"):
        raise ValueError(f"covariance is {covariance!r}; wanted 'diagonal' or 'bneto2026'")
    if neutral_sd is not None and not neutral_sd > 0:
        raise ValueError(f"neutral sd is {neutral_sd}; wanted more than 0")
    rows = _rows(names)
    where, wide = (0.0, NEUTRAL_SD) if covariance == "diagonal" else PUBLISHED_NEUTRAL
    unrated = np.isnan(TERM_SD[rows])
    sd = np.where(unrated, wide if neutral_sd is None else neutral_sd, TERM_SD[rows])
    point = np.asarray(mean, np.float64)[..., None, :] - np.where(unrated, where, TERM_MEAN[rows])  # (..., K, 3)
    spread = np.broadcast_to(np.asarray(variance, np.float64), np.shape(mean))[..., None, :]
    if covariance == "diagonal":
        total = sd**2 + spread
        log = -0.5 * (point**2 / total + np.log(total)).sum(-1)
    else:
        full = _correlated(sd, TERM_CORRELATION[rows]) + spread[..., None] * np.eye(3)
        _, size = np.linalg.slogdet(full)
        solved = np.linalg.solve(full, point[..., None])[..., 0]
        log = -0.5 * ((point * solved).sum(-1) + size)
    chance = np.exp(log - log.max(-1, keepdims=True))
    return chance / chance.sum(-1, keepdims=True)


def _correlated(sd: NDArray[np.float64], correlation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Covariances (K, 3, 3), the nearest that are positive: eigenvalues of at least 1e-6."""
    vd, ad, va = correlation.T
    one = np.ones_like(vd)
    matrix = np.stack([np.stack(row, -1) for row in ([one, va, vd], [va, one, ad], [vd, ad, one])], -2)
    values, vectors = np.linalg.eigh(matrix * sd[:, :, None] * sd[:, None, :])
    return (vectors * np.maximum(values, 1e-6)[:, None, :]) @ vectors.transpose(0, 2, 1)


def _rows(names: Sequence[str]) -> list[int]:
    unknown = sorted(set(names) - set(EXPRESSIONS))
    if unknown or not len(names):
        raise ValueError(f"terms are {', '.join(names) or 'none'}; wanted some of {', '.join(EXPRESSIONS)}")
    return [EXPRESSIONS.index(name) for name in names]
