"""Errors that last: what a new sample says beyond the last one of its source.

Errors of successive frames are alike. With errors that fade with a time constant, y - rho y0 is free of what
the last sample y0 already had wrong, so it can be taken in as if it were the first (measurement differencing,
Bryson and Henrikson 1968): it looks at x - rho x0, affect now and affect then. Numpy only; scalars or arrays.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Seconds that the errors of a modality last. What an EEG says amiss of a person it says for minutes: averaged over trials of
# a minute it is hardly more often right than at any moment.
LASTING = {"face": 0.5, "speech": 1.0, "text": 0.5, "eeg": 120.0}
GRAIN = 0.01  # share of an error's variance that is new in every sample, so that no frame is taken for exact

Values = NDArray[np.float64]


class Difference(NamedTuple):
    """An observation ``z`` of x(now) - ``rho`` x(before) with error ``variance``, all (..., 3)."""

    z: Values
    rho: Values
    variance: Values


def difference(
    now: Values,
    variance: Values,
    before: Values,
    variance_before: Values,
    *,
    dt: Values | float,
    lasting: Values | float,
    moved: Values | float = 0.0,
) -> Difference:
    """What ``now`` says beyond ``before``, ``dt`` seconds earlier from the same source.

    ``now`` and ``before`` with their error variances (..., 3), NaN where unknown; errors last ``lasting`` s (0: they do
    not). ``moved`` is the variance of how far affect went between ``before`` and the moment that stands for it.
    Where ``before`` is unknown, ``now`` stands for itself. What the two errors share has the smaller of their
    variances: the larger has an error of its own on top. (Were it the same error in another size, two looks would give affect away.)
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        kept = np.where(np.asarray(lasting) > 0, np.exp(-np.asarray(dt) / np.asarray(lasting)), 0.0)
        rho = np.where(np.isfinite(before), kept * np.minimum(variance / variance_before, 1.0), 0.0)
    old = np.where(rho > 0, rho**2 * variance_before, 0.0)
    fresh = (1 - GRAIN) * (variance - old) + GRAIN * (variance + old)
    z = now - np.where(rho > 0, rho * np.where(rho > 0, before, 0.0), 0.0)
    return Difference(z, rho, fresh + rho**2 * moved)
