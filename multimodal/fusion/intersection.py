"""Two sources that share errors, as a voice and its words do: covariance intersection.

A product of experts would count what both have wrong twice. Covariance intersection (Julier and Uhlmann 1997)
raises each Gaussian to a power, the powers summing to 1, and never claims more than is known whatever the
correlation may be.
"""

import numpy as np
from numpy.typing import NDArray

SHARING = (("speech", "text"),)  # pairs of sources whose errors are not independent


def intersection_weight(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """The power (G,) of the first of two experts with precisions ``one`` and ``other`` (G, 3), 0 where unknown.

    One power serves the three dimensions; it makes the determinant of the result's covariance least. The
    other's power is 1 minus it. Where only one speaks, that one's power is 1.

    >>> intersection_weight(np.array([[4.0, 1, 1]]), np.array([[4.0, 1, 1]])).round(3).tolist()
    [0.5]
    """
    silent_one, silent_other = ~(one > 0).any(1), ~(other > 0).any(1)
    tiny = 1e-12 * (one + other).max(1, initial=1.0, keepdims=True)
    a, b = one + tiny, other + tiny
    low, high = np.zeros(len(one)), np.ones(len(one))
    for _ in range(40):  # the log determinant is concave, so its slope falls and is halved towards 0
        middle = (low + high) / 2
        slope = ((a - b) / (middle[:, None] * a + (1 - middle[:, None]) * b)).sum(1)
        low, high = np.where(slope > 0, middle, low), np.where(slope > 0, high, middle)
    weight = np.where(abs(a - b).max(1) < 1e-9 * (a + b).max(1), 0.5, (low + high) / 2)
    return np.where(silent_other, 1.0, np.where(silent_one, 0.0, weight))
