"""Rewards for an agent that learns, from how the person's affect moved: one a turn, with how sure it is.

A simulated person's own emotion score has been used so (RLVER, arXiv 2507.03112); here it is an estimate of a real one's, so
it comes with its error. As differences of a potential (Ng, Harada and Russell 1999, undiscounted), rewards of turns that follow
each other sum to the last value minus the first, whatever lies between. numpy only.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affectstream.multimodal.agent.errors import KNOWN, change_variance
from affectstream.multimodal.types import Trace

REACH = 1.0  # s from an instant within which the state must have been seen


@dataclass(frozen=True, eq=False)
class TurnRewards:
    """``reward`` (n,) of n turns and its standard deviation ``sd`` (n,); ``parts`` (n, 3), unweighted, of valence, arousal and
    dominance. NaN, never 0, where either end of a turn was not seen, or both are one instant."""

    reward: NDArray[np.float64]
    sd: NDArray[np.float64]
    parts: NDArray[np.float64]


def turn_rewards(
    trace: Trace,
    turns: Sequence[tuple[float, float]],
    *,
    weights: tuple[float, float, float] = (1, 0, 0),
    potential: bool = True,
) -> TurnRewards:
    """Rewards of ``turns``, each from the second in which the agent begins to the one in which the person has reacted.

    ``trace`` is the person's "state". With ``potential`` a turn's part is its change, from the state nearest to its start to the one
    nearest to its end, and its sd that of a difference of two errors, alike if they are near, independent if they are further
    apart than errors last (:mod:`.errors`). Without, it is the mean state during the turn, and its sd the root of the mean
    variance, as errors of neighbours are one error. ``weights`` (valence, arousal, dominance) make a reward of the parts; errors of
    dimensions are taken to be independent. Raises ValueError for a turn that does not rise and for weights that are not finite.

    >>> time, mean = [0.0, 10.0, 20.0], [[0.0, 0.2, 0.0], [-0.5, 0.2, 0.0], [0.25, 0.2, 0.0]]
    >>> trace = Trace("state", time=time, mean=mean, variance=[[0.01] * 3] * 3, quality=1.0)
    >>> turn_rewards(trace, [(0, 10), (10, 20), (20, 40)]).reward.tolist()
    [-0.5, 0.75, nan]
    """
    spans = np.array(turns, np.float64).reshape(-1, 2)
    rising = np.isfinite(spans).all(1) & (spans[:, 1] > spans[:, 0])
    if not rising.all():
        start, end = spans[~rising][0]
        raise ValueError(f"a turn goes from {start} to {end} s; wanted finite times, the end after the start")
    share = np.array(weights, np.float64)
    if share.shape != (3,) or not np.isfinite(share).all():
        raise ValueError(f"weights are {weights!r}; wanted three finite numbers, for valence, arousal and dominance")
    seen = np.flatnonzero(np.isfinite(trace.mean).all(1) & (trace.quality >= KNOWN))
    time, mean, variance = trace.time[seen], trace.mean[seen], trace.variance[seen]
    parts, spread = (_changes if potential else _means)(time, mean, variance, spans)
    return TurnRewards(parts @ share, np.sqrt(spread @ np.square(share)), parts)


def _changes(
    time: NDArray[np.float64], mean: NDArray[np.float64], variance: NDArray[np.float64], spans: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Change from start to end (n, 3) and its variance."""
    if not len(time):
        return np.full((len(spans), 3), np.nan), np.full((len(spans), 3), np.nan)
    after = np.clip(np.searchsorted(time, spans), 1, max(len(time) - 1, 1))
    before = after - 1
    after = np.minimum(after, len(time) - 1)
    row = np.where(spans - time[before] <= time[after] - spans, before, after)
    start, end = row.T
    near = ((np.abs(time[row] - spans).max(1) <= REACH) & (start < end))[:, None]
    apart = (time[end] - time[start])[:, None]
    spread = change_variance(variance[start], variance[end], apart)
    return np.where(near, mean[end] - mean[start], np.nan), np.where(near, spread, np.nan)


def _means(
    time: NDArray[np.float64], mean: NDArray[np.float64], variance: NDArray[np.float64], spans: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean during each turn (n, 3) and the mean variance."""
    parts, spread = np.full((len(spans), 3), np.nan), np.full((len(spans), 3), np.nan)
    for k, (first, last) in enumerate(np.searchsorted(time, spans)):
        if first < last:
            parts[k], spread[k] = mean[first:last].mean(0), variance[first:last].mean(0)
    return parts, spread
