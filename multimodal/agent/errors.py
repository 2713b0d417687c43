"""How the errors of a state belong together: those of neighbouring instants are one error, those far apart are not.

The errors of a steady filter of an Ornstein-Uhlenbeck process are themselves such a process, and forget faster than affect
does: at the rate 1/tau + P/r, which by the steady state of its Riccati equation, P/r = 2 (sd^2 - P) / (tau P), is
(2 sd^2 / P - 1) / tau, with the filter's variance P, the process's variance sd^2 and the noise r of what is looked at (Kalman
and Bucy 1961, J. Basic Eng. 83, 95-108). Where nothing is known, P = sd^2, it is affect's own 1/tau. numpy only.
"""

import numpy as np
from numpy.typing import NDArray

from affectstream.multimodal.dynamics.process import OrnsteinUhlenbeck

PROCESS = OrnsteinUhlenbeck()  # what "state" is estimated with
KNOWN = 0.05  # quality of a state, the share of variance resolved, below which it says nothing but what was known in advance


def memory(variance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Seconds (..., 3) that the errors of a state of ``variance`` (..., 3) last: the time constant of their correlation.

    >>> memory(np.array([0.45, 0.45, 0.2]) ** 2).round(2).tolist()
    [8.0, 5.0, 1.32]
    """
    return np.array(PROCESS.tau) / np.maximum(2 * np.square(PROCESS.sd) / variance - 1, 1)


def change_variance(
    before: NDArray[np.float64], after: NDArray[np.float64], apart: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    """Variance (..., 3) of the difference of two states of variances ``before`` and ``after``, ``apart`` seconds (..., 1) apart."""
    shared = np.exp(-apart / memory((before + after) / 2))
    return before + after - 2 * shared * np.sqrt(before * after)


def sum_variance(
    time: NDArray[np.float64], weight: NDArray[np.float64], variance: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Variance (3,) of the sum of states at ``time`` (n,), rising, each times its ``weight`` (n, 3); in O(n)."""
    size = weight * np.sqrt(variance)
    kept = np.exp(-np.diff(time)[:, None] / memory(variance.mean(0)))
    total, carried = np.square(size).sum(0), np.zeros(3)
    for k in range(1, len(time)):
        carried = kept[k - 1] * (carried + size[k - 1])
        total = total + 2 * size[k] * carried
    return total
