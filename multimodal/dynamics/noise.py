"""Errors that last: what a new sample says beyond the last one of its source.

Errors of successive frames are alike. With errors that fade with a time constant, y - rho y0 is free of what
the last sample y0 already had wrong, so it can be taken in as if it were the first (measurement differencing,
Bryson and Henrikson 1968): it looks at x - rho x0, affect now and affect then. Numpy only; scalars or arrays.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LASTING = {"face": 0.5, "speech": 1.0, "text": 0.5, "eeg": 2.0}  # s that the errors of a modality last
# Modalities whose answers are shrunk towards what is believed of anybody, because they know little of one person at one
# moment. Next to the prior such an answer counts for what it adds to it (:func:`evidence`), or the prior would count twice; and
# many of them know hardly more than one: averaged over trials of a minute, an EEG is hardly more often right.
SHRUNK = {"eeg": 0.5}  # modality to s between its answers
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


def evidence(mean: Values, variance: Values, prior_mean: Values, prior_sd: Values) -> tuple[Values, Values]:
    """What an answer of ``mean`` and ``variance`` (..., 3) adds to the prior that it reckons with already.

    The mean and variance which, multiplied with a Gaussian of ``prior_mean`` and ``prior_sd`` (3,), give the answer: the
    division of two Gaussians. The mean may lie far outside [-1, 1]. NaN where the answer knows no more than the prior.

    >>> mean, variance = evidence(np.array([0.5]), np.array([0.5]), np.array([0.0]), np.array([1.0]))
    >>> mean.tolist(), variance.tolist()
    ([1.0], [1.0])
    """
    prior = np.asarray(prior_sd) ** -2.0
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = 1 / variance - prior
        added = precision > 1e-6 * prior
        shifted = (mean / variance - prior * np.asarray(prior_mean)) / precision
        return np.where(added, shifted, np.nan), np.where(added, 1 / precision, np.nan)
