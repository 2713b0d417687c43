"""When the modalities disagree more than their errors allow: "face positive, words negative"."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincc

from affectstream.multimodal.timeline import Reading

LEVEL = 0.01  # chance below which a disagreement is not put down to errors


@dataclass(frozen=True, eq=False)
class Discord:
    """Disagreement of M sources at G instants.

    ``chi2`` (G, 3) is the sum over sources of (m - mean)^2 / variance about their precision-weighted mean,
    ``freedom`` (G, 3) its degrees of freedom M - 1, ``p`` (G, 3) the chance of so much by errors alone, 1
    where fewer than two speak. ``widen`` (G, 3) is the Birge ratio chi2 / (M - 1) where p is below
    :data:`LEVEL`, else 1: what the fused variance must be multiplied by to be believed.
    ``z`` (G, pairs, 3) is each pair's difference in standard deviations, signed, NaN where one is silent; ``pairs`` their names.
    """

    chi2: NDArray[np.float64]
    freedom: NDArray[np.float64]
    p: NDArray[np.float64]
    widen: NDArray[np.float64]
    z: NDArray[np.float64]
    pairs: tuple[tuple[str, str], ...]

    @property
    def overall(self) -> NDArray[np.float64]:
        """One chance (G,) for all three dimensions: the least of them times three (Bonferroni), at most 1."""
        return np.minimum(3 * self.p.min(1), 1.0)

    def worst(self, row: int) -> tuple[tuple[str, str], int, float] | None:
        """The pair, dimension (0, 1, 2) and z of the greatest difference at instant ``row``; None if all are silent.

        z is positive where the first of the pair is higher.
        """
        size = abs(self.z[row])
        if not np.isfinite(size).any():
            return None
        pair, dimension = np.unravel_index(int(np.nanargmax(size)), size.shape)
        return self.pairs[int(pair)], int(dimension), float(self.z[row, pair, dimension])


def discord(readings: Mapping[str, Reading], count: int) -> Discord:
    """Disagreement of ``readings``, all on the same ``count`` instants (Cochran's Q with known variances).

    >>> happy = Reading(np.array([[0.8, 0, 0]]), np.full((1, 3), 0.01), np.ones(1))
    >>> angry = Reading(np.array([[-0.6, 0, 0]]), np.full((1, 3), 0.01), np.ones(1))
    >>> found = discord({"face": happy, "text": angry}, 1)
    >>> found.worst(0), bool(found.overall[0] < 1e-9)
    ((('face', 'text'), 0, 9.899494936611665), True)
    """
    names = tuple(readings)
    shape = (len(names), count, 3)
    mean, variance = np.full(shape, np.nan), np.full(shape, np.nan)
    for k, reading in enumerate(readings.values()):
        heard = reading.quality > 0
        mean[k][heard] = reading.mean[heard]
        variance[k][heard] = reading.variance[heard] / reading.quality[heard, None]
    known = np.isfinite(mean)
    precision = np.where(known, 1 / np.where(known, variance, 1.0), 0.0)
    value = np.where(known, mean, 0.0)
    total = precision.sum(0)
    middle = (precision * value).sum(0) / np.where(total > 0, total, 1.0)
    chi2 = (precision * (value - middle) ** 2).sum(0)
    freedom = np.maximum(known.sum(0) - 1, 0)
    p = np.where(freedom > 0, gammaincc(np.maximum(freedom, 1) / 2, chi2 / 2), 1.0)
    widen = np.where(p < LEVEL, np.maximum(chi2 / np.maximum(freedom, 1), 1.0), 1.0)
    pairs = [(i, j) for i in range(len(names)) for j in range(i + 1, len(names))]
    z = np.full((count, len(pairs), 3), np.nan)
    for k, (i, j) in enumerate(pairs):
        z[:, k] = (mean[i] - mean[j]) / np.sqrt(variance[i] + variance[j])
    return Discord(chi2, freedom, p, widen, z, tuple((names[i], names[j]) for i, j in pairs))
