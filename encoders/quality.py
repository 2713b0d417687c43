"""What all encoders mean by quality: how far a signal could be read, in [0, 1], multiplied onto a precision by fusion."""

import numpy as np
from numpy.typing import NDArray


def ramp(value: float, low: float, high: float) -> float:
    """0 up to ``low``, 1 from ``high``, a smooth cubic between.

    >>> [ramp(x, 0.0, 1.0) for x in (-1.0, 0.5, 2.0)]
    [0.0, 0.5, 1.0]
    """
    x = min(max((float(value) - low) / (high - low), 0.0), 1.0)
    return x * x * (3 - 2 * x)


def doubted(
    mean: NDArray[np.float64],
    variance: NDArray[np.float64],
    sure: float | NDArray[np.float64],
    prior_sd: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and variance (3,) if the reading is right with chance ``sure``, and else nothing is known; or rows of them.

    Knowing nothing is mean 0 and a variance of at least ``prior_sd``^2 and never below the reading's own.

    >>> mean, variance = doubted(np.ones(3), np.zeros(3), 0.5, np.ones(3))
    >>> mean.tolist(), variance.tolist()
    ([0.5, 0.5, 0.5], [0.75, 0.75, 0.75])
    """
    unread = np.maximum(prior_sd**2, variance)
    return sure * mean, sure * variance + (1 - sure) * (unread + sure * mean**2)
