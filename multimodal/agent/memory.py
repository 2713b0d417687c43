"""Mood-congruent memory: of what is similar in meaning, that comes to mind first which felt as it feels now.

After Emotional RAG (arXiv 2410.23041), which adds the similarity of emotions to that of meaning, or sorts by it what
meaning has found, and compares emotions by their angle. Here they are compared by distance: near the origin an angle
says nothing (and at it, there is none), and mild sadness is not despair. Works on any vector store's similarities.
"""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

WIDTH = 0.5  # distance in VAD at which two states are alike by e^-1/2, about that between sadness and disgust
SHORTLIST = 4  # times as many as wanted are found by meaning, before affect sorts them


class Recalled(NamedTuple):
    """What comes to mind, most of all first: ``indices`` (k,) of the memories, and their ``scores`` (k,)."""

    indices: NDArray[np.intp]
    scores: NDArray[np.float64]


def recall(
    similarity: ArrayLike,
    memories_vad: ArrayLike,
    vad: ArrayLike,
    *,
    weight: float = 0.5,
    how: Literal["combined", "sequential"] = "combined",
    most: int = 5,
) -> Recalled:
    """The ``most`` memories that come to mind in the state ``vad`` (3,), of n with ``similarity`` (n,) in meaning to what is
    asked, and ``memories_vad`` (n, 3), how they felt.

    "combined" scores similarity + ``weight`` x likeness of affect; "sequential" takes four times as many by similarity, and
    sorts those by likeness of affect alone. A memory whose affect is not known (NaN) is like none. Equal ones come in
    their order. Raises ValueError for shapes that do not fit, or values that are not finite.

    >>> recall([0.8, 0.8, 0.3], [[0.7, 0.3, 0.2], [-0.6, -0.2, -0.3], [-0.6, -0.2, -0.3]], [-0.5, 0, -0.2], most=2).indices.tolist()
    [1, 0]
    """
    meaning, felt, now = (np.asarray(a, np.float64) for a in (similarity, memories_vad, vad))
    if meaning.ndim != 1 or felt.shape != (len(meaning), 3) or now.shape != (3,):
        raise ValueError(
            f"similarity, memories and state have shapes {meaning.shape}, {felt.shape}, {now.shape}; wanted (n,), (n, 3), (3,)"
        )
    if not np.isfinite(meaning).all() or not np.isfinite(now).all() or np.isinf(felt).any():
        raise ValueError("similarity or state is not finite; wanted numbers, and NaN only for a memory's affect")
    if how not in ("combined", "sequential") or not 0 <= weight < np.inf or most < 1:
        raise ValueError(
            f"how is {how!r}, weight {weight}, most {most}; wanted 'combined' or 'sequential', at least 0, and at least 1"
        )
    alike = likeness(felt, now)
    if how == "combined":
        score, pool = meaning + weight * alike, np.arange(len(meaning))
    else:
        score, pool = alike, np.sort(np.argsort(-meaning, kind="stable")[: SHORTLIST * most])
    best = pool[np.argsort(-score[pool], kind="stable")[:most]]
    return Recalled(best, score[best])


def likeness(felt: NDArray[np.float64], now: NDArray[np.float64]) -> NDArray[np.float64]:
    """How alike (n,), 0 to 1, states ``felt`` (n, 3) are to ``now`` (3,): exp(-d^2 / 2 WIDTH^2) of their distance d; 0 where
    one is not known.

    >>> likeness(np.array([[0.0, 0.0, 0.0], [0.5, 0.0, 0.0]]), np.zeros(3)).round(4).tolist()
    [1.0, 0.6065]
    """
    return np.nan_to_num(np.exp(-np.square(felt - now).sum(-1) / (2 * WIDTH**2)), nan=0.0)
