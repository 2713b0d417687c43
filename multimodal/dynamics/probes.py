"""Measures of how a trajectory follows its input: delay, jitter, hysteresis, overshoot, recovery. numpy only."""

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def lag(signal: Values, driver: Values, step: float, *, reach: float = 4.0) -> float:
    """Seconds by which ``signal`` (n,) follows ``driver`` (n,) best, samples ``step`` s apart.

    The lag of greatest correlation from -1 to ``reach`` s, interpolated by a parabola; NaN where either is flat.

    >>> t = np.arange(0, 40, 0.1)
    >>> round(lag(np.sin(t - 0.73), np.sin(t), 0.1), 2)
    0.73
    """
    low, high = -round(1 / step), round(reach / step)
    shifts = range(max(low, 2 - len(signal)), min(high, len(signal) - 2) + 1)
    pairs = [
        (driver[: len(driver) - k], signal[k:]) if k >= 0 else (driver[-k:], signal[: len(signal) + k]) for k in shifts
    ]
    r = [float(np.corrcoef(a, b)[0, 1]) if np.ptp(a) > 0 and np.ptp(b) > 0 else np.nan for a, b in pairs]
    if np.isnan(r).all():
        return float("nan")
    best = int(np.nanargmax(r))
    offset = 0.0
    if 0 < best < len(r) - 1:
        curve = r[best - 1] - 2 * r[best] + r[best + 1]
        offset = (r[best - 1] - r[best + 1]) / (2 * curve) if curve < 0 else 0.0
    return (shifts[best] + offset) * step


def jitter(signal: Values, step: float) -> float:
    """Total variation of ``signal`` (n,) per second."""
    return float(abs(np.diff(signal)).sum() / (step * max(len(signal) - 1, 1)))


def hysteresis(driver: Values, signal: Values) -> float:
    """Area inside the closed path (``driver``, ``signal``), both (n,), by the shoelace formula, signed: positive where
    the signal trails behind. In units of pi U^2 / 2, the most that a first-order lag can reach on a sine of amplitude U."""
    reach = (driver.max() - driver.min()) / 2
    if reach == 0:
        return 0.0
    x, y = np.append(driver, driver[0]), np.append(signal, signal[0])
    area = 0.5 * float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum())
    return area / (np.pi * reach**2 / 2)


def overshoot(signal: Values, driver: Values) -> float:
    """How far ``signal`` goes beyond the range of ``driver``, 0 if it does not."""
    return max(0.0, float(signal.max() - driver.max()), float(driver.min() - signal.min()))


def recovery(signal: Values, level: float) -> int | None:
    """The first index from which ``signal`` (n,) stays at or above ``level`` to the end; None if it does not.

    >>> recovery(np.array([-0.5, 0.2, -0.1, 0.1, 0.3]), 0.0)
    3
    """
    below = np.flatnonzero(signal < level)
    first = int(below[-1]) + 1 if len(below) else 0
    return first if first < len(signal) else None


def debt(driver: Values, signal: Values, step: float) -> float:
    """Signed integral of ``driver`` - ``signal``, s: after a step of size U, U times the lag at slow changes."""
    return float((driver - signal).sum() * step)
