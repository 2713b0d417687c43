"""How affect moves between two looks at it: linear stochastic differential equations, solved exactly.

The transition and the noise it adds are closed forms of the time step, so a step of one second and a
thousand steps of a millisecond are the same, and nothing depends on a frame rate.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class OrnsteinUhlenbeck:
    """First order: each dimension falls back to its ``baseline`` with time constant ``tau`` (s).

    dX = (baseline - X) dt / tau + sqrt(2 / tau) sd dW, whose stationary spread is ``sd`` (Kuppens, Oravecz
    and Tuerlinckx 2010: home base, regulation, variability). The three values of each are valence, arousal, dominance.
    """

    tau: tuple[float, float, float] = (8.0, 5.0, 12.0)
    sd: tuple[float, float, float] = (0.45, 0.45, 0.45)
    baseline: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        if min(self.tau) <= 0 or min(self.sd) <= 0:
            raise ValueError(f"tau is {self.tau} s, sd is {self.sd}; wanted values above 0")

    def stationary(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean (3,) and covariance (3, 3) long after the last observation."""
        return np.array(self.baseline), np.diag(np.square(self.sd))

    def transition(self, dt: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """F (3, 3) and Q (3, 3) of a step of ``dt`` >= 0 seconds: x' - b = F (x - b) + noise of covariance Q.

        Q = P - F P F' with the stationary covariance P: exact for any dt, zero for dt = 0.

        >>> F, Q = OrnsteinUhlenbeck(tau=(2, 2, 2)).transition(2 * np.log(2))
        >>> float(F[0, 0].round(12)), float((Q[0, 0] / 0.45**2).round(12))
        (0.5, 0.75)
        """
        if dt < 0:
            raise ValueError(f"time goes back by {-dt:.6g} s; wanted a step of 0 or more")
        rate = dt / np.array(self.tau)
        return np.diag(np.exp(-rate)), np.diag(-np.expm1(-2 * rate) * np.square(self.sd))
