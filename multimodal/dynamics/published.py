"""The published ways to give a model's affect a memory, turn by turn, as a character in continuous time.

All are linear recursions on turns; the character has the same poles: s = ln(lambda) / T for turns T seconds
long, frequency |s| and damping -Re s / |s|. A recursion that rings does so here too, and is warned of.
"""

import math
import warnings
from typing import Any

import numpy as np

from affectstream.multimodal.dynamics.character import Character

RINGING = 0.4  # damping below which a step is overshot by more than a quarter


def smoothing(alpha: float, *, turn: float = 1.0, **rest: Any) -> Character:
    """x <- (1 - alpha) x + alpha u: exponential smoothing, the first order of arXiv 2601.16087.

    Raises ValueError unless 0 < alpha < 1.

    >>> round(smoothing(0.15).lag, 3)
    6.153
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha}; wanted more than 0 and less than 1")
    return Character(lag=-turn / math.log1p(-alpha), damping=None, **rest)


def heavy_ball(alpha: float, momentum: float, *, turn: float = 1.0, **rest: Any) -> Character:
    """v <- momentum v + alpha (u - x); x <- x + v: the textbook's momentum.

    Raises ValueError unless |momentum| < 1 and 0 < alpha < 2 (1 + momentum), where it is stable.
    """
    if not (abs(momentum) < 1 and 0 < alpha < 2 * (1 + momentum)):
        raise ValueError(
            f"alpha {alpha}, momentum {momentum} is unstable; wanted |momentum| < 1 and 0 < alpha < 2 (1 + momentum)"
        )
    return _matched(1 + momentum - alpha, momentum, turn, rest)


def smoothed_momentum(alpha: float, momentum: float, *, turn: float = 1.0, **rest: Any) -> Character:
    """x <- alpha u + (1 - alpha) (x + momentum (x - x before)): a transcription of arXiv 2601.16087's second order.

    Raises ValueError where it is unstable.
    """
    trace, det = (1 - alpha) * (1 + momentum), (1 - alpha) * momentum
    if not (abs(det) < 1 and alpha > 0 and 1 + (1 - alpha) * (1 + 2 * momentum) > 0):
        raise ValueError(f"alpha {alpha}, momentum {momentum} is unstable; wanted alpha in (0, 1), momentum in [0, 1)")
    return _matched(trace, det, turn, rest)


def velocity_smoothing(alpha: float, beta: float, *, turn: float = 1.0, **rest: Any) -> Character:
    """z <- alpha u + (1 - alpha) x; v <- beta (z - x) + (1 - beta) v; x <- z + v: the form in its author's later code.

    Raises ValueError where it is unstable.
    """
    trace, det = (1 - alpha - alpha * beta) + (1 - beta), (1 - alpha) * (1 - beta)
    if not (alpha * beta > 0 and alpha + beta < 2 and abs(det) < 1):
        raise ValueError(f"alpha {alpha}, beta {beta} is unstable; wanted both above 0 and a sum below 2")
    return _matched(trace, det, turn, rest)


def _matched(trace: float, det: float, turn: float, rest: dict[str, Any]) -> Character:
    """The character whose poles are the roots of l^2 - trace l + det."""
    poles = np.asarray(np.roots([1.0, -trace, det]), np.complex128)
    real = abs(poles.imag).max() < 1e-12
    if real and poles.real.min() <= 1e-12:
        raise ValueError(
            f"the recursion's roots are {np.round(poles.real, 4).tolist()}; wanted none at or below 0, since nothing "
            "continuous flips from turn to turn; lower alpha"
        )
    rates = np.log(poles) / turn
    frequency = math.sqrt(abs(rates[0] * rates[1]))
    damping = float(-rates.real.sum() / (2 * frequency))
    if damping < RINGING:
        warnings.warn(
            f"damping is {damping:.2f}: a step will be overshot by "
            f"{100 * math.exp(-math.pi * damping / math.sqrt(1 - damping**2)):.0f} %; lower the momentum, or set damping "
            "to .7 or more",
            stacklevel=3,
        )
    return Character(lag=2 * damping / frequency, damping=damping, **rest)
