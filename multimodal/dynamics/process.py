"""How affect moves between two looks at it: linear stochastic differential equations, solved exactly.

The transition and the noise it adds are closed forms of the time step, so a step of one second and a
thousand steps of a millisecond are the same, and nothing depends on a frame rate. The state holds valence,
arousal and dominance first; what follows (their velocities) is never observed directly.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Triple = tuple[float, float, float]


class Process(Protocol):
    """What an estimator needs to know of a process with n states."""

    def stationary(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean (n,) and covariance (n, n) long after the last observation."""
        ...

    def transition(self, dt: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """F (n, n) and Q (n, n) of a step of ``dt`` >= 0 seconds: x' - b = F (x - b) + noise of covariance Q.

        Q = P - F P F' with the stationary covariance P: exact for any dt, zero for dt = 0.
        Raises ValueError for a step back.
        """
        ...


@dataclass(frozen=True)
class OrnsteinUhlenbeck:
    """First order: each dimension falls back to its ``baseline`` with time constant ``tau`` (s).

    dX = (baseline - X) dt / tau + sqrt(2 / tau) sd dW, whose stationary spread is ``sd`` (Kuppens, Oravecz
    and Tuerlinckx 2010: home base, regulation, variability). The three values of each are valence, arousal, dominance.

    >>> F, Q = OrnsteinUhlenbeck(tau=(2, 2, 2)).transition(2 * np.log(2))
    >>> float(F[0, 0].round(12)), float((Q[0, 0] / 0.45**2).round(12))
    (0.5, 0.75)
    """

    tau: Triple = (8.0, 5.0, 12.0)
    sd: Triple = (0.45, 0.45, 0.45)
    baseline: Triple = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        _check_positive(tau=self.tau, sd=self.sd)

    @cached_property
    def _rest(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        mean, covariance = np.array(self.baseline, np.float64), np.diag(np.square(self.sd))
        for array in (mean, covariance):
            array.setflags(write=False)
        return mean, covariance

    def stationary(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return self._rest

    def transition(self, dt: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        _check_step(dt)
        steps = [dt / tau for tau in self.tau]
        kept, noise = np.zeros((2, 3, 3))
        for d, (step, sd) in enumerate(zip(steps, self.sd, strict=True)):
            kept[d, d] = math.exp(-step)
            noise[d, d] = -math.expm1(-2 * step) * sd * sd
        return kept, noise


@dataclass(frozen=True)
class DampedOscillator:
    """Second order: affect with inertia, pulled to its ``baseline`` like a damped spring.

    x'' = w^2 (baseline - x) - 2 z w x' + noise, with damping z and w = 2 z / lag, so that ``lag`` (s) is the
    delay with which slow changes are followed, the same as the time constant of a first-order process.
    States are the three positions, then the three velocities (1/s); ``sd`` is the positions' stationary
    spread. Damping below 1 overshoots, above 1 creeps.
    """

    lag: Triple = (8.0, 5.0, 12.0)
    damping: Triple = (0.8, 0.8, 0.8)
    sd: Triple = (0.45, 0.45, 0.45)
    baseline: Triple = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        _check_positive(lag=self.lag, damping=self.damping, sd=self.sd)

    @property
    def frequency(self) -> NDArray[np.float64]:
        """Undamped angular frequency w (3,), rad/s."""
        return 2 * np.array(self.damping) / np.array(self.lag)

    def stationary(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        spread = np.square(self.sd)
        return np.array([*self.baseline, 0, 0, 0], np.float64), np.diag([*spread, *(spread * self.frequency**2)])

    def transition(self, dt: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        _check_step(dt)
        step = spring(self.frequency, np.array(self.damping), dt)  # (3, 2, 2)
        turned = np.block([[np.diag(step[:, i, j]) for j in (0, 1)] for i in (0, 1)])
        return turned, _added(turned, self.stationary()[1])


@dataclass(frozen=True, eq=False)
class CoupledSDE:
    """Dimensions that pull on each other: dX = ``drift`` (X - b) dt + noise, solved by the matrix exponential.

    ``drift`` (n, n) in 1/s, n >= 3, every eigenvalue with a negative real part; ``covariance`` (n, n) is the
    stationary one; ``baseline`` (n,). A first-order process with a 3 x 3 coupling has n = 3; with velocities
    n = 6. Raises ValueError if the drift does not settle, or if no noise could give that covariance.
    """

    drift: NDArray[np.float64]
    covariance: NDArray[np.float64]
    baseline: NDArray[np.float64]

    def __post_init__(self) -> None:
        size = len(self.baseline)
        if size < 3 or self.drift.shape != (size, size) or self.covariance.shape != (size, size):
            raise ValueError(
                f"drift {self.drift.shape}, covariance {self.covariance.shape}, baseline {self.baseline.shape}; "
                "wanted (n, n), (n, n) and (n,) with n at least 3"
            )
        slowest = float(np.linalg.eigvals(self.drift).real.max())
        if not slowest < 0:
            raise ValueError(
                f"an eigenvalue of the drift has real part {slowest:.3g}; wanted all below 0, or it never settles"
            )
        flow = self.drift @ self.covariance
        least = float(np.linalg.eigvalsh(-(flow + flow.T)).min())
        if not np.allclose(self.covariance, self.covariance.T) or least < -1e-9 * abs(flow).max():
            raise ValueError(
                f"no noise gives this drift this covariance (least eigenvalue of the diffusion {least:.3g}); "
                "wanted a symmetric covariance P with -(A P + P A') positive semidefinite"
            )

    def stationary(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return self.baseline, self.covariance

    def transition(self, dt: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        from scipy.linalg import expm

        _check_step(dt)
        turned = np.asarray(expm(self.drift * dt), np.float64)
        return turned, _added(turned, self.covariance)


def spring(frequency: NDArray[np.float64], damping: NDArray[np.float64], dt: float) -> NDArray[np.float64]:
    """The exact step (..., 2, 2) of [x, x'] under x'' = -w^2 x - 2 z w x', for w = ``frequency`` and z = ``damping`` (...).

    One formula serves under-, critically and over-damped: with s = w^2 (z^2 - 1), exp(-z w dt) times
    cosh(sqrt(s) dt) and sinh(sqrt(s) dt) / sqrt(s), which are cos and sin for s < 0, and dt where s = 0. Both
    are kept as products with the decay, so that no dt overflows.
    """
    pull = damping * frequency
    square = frequency**2 * (damping**2 - 1)
    root = np.sqrt(abs(square))
    small = root * dt < 1e-3
    over = square > 0
    safe = np.where(small, 1.0, root)
    slow = np.where(over, frequency**2 / np.where(over, pull + root, 1.0), 0.0)  # z w - root without cancellation
    decay = np.exp(-pull * dt)
    high, low = np.exp(-slow * dt), np.exp(-(pull + root) * dt)
    turn = square * dt * dt  # at most 1e-6 where the series is used, which is then exact to 1e-20
    even = np.where(
        small, decay * (1 + turn / 2 + turn**2 / 24), np.where(over, (high + low) / 2, decay * np.cos(root * dt))
    )
    odd = np.where(
        small,
        decay * dt * (1 + turn / 6 + turn**2 / 120),
        np.where(over, (high - low) / 2, decay * np.sin(root * dt)) / safe,
    )
    rows = [[even + pull * odd, odd], [-(frequency**2) * odd, even - pull * odd]]
    return np.stack([np.stack(row, -1) for row in rows], -2)


def _added(turned: NDArray[np.float64], covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Q = P - F P F', exactly symmetric and without the tiny negative variances of rounding."""
    noise = covariance - turned @ covariance @ turned.T
    noise = (noise + noise.T) / 2
    np.fill_diagonal(noise, np.maximum(noise.diagonal(), 0))
    return noise


def _check_positive(**values: Triple) -> None:
    for name, value in values.items():
        if len(value) != 3 or not all(0 < v < np.inf for v in value):
            raise ValueError(f"{name} is {value}; wanted three finite values above 0")


def _check_step(dt: float) -> None:
    if not dt >= 0:
        raise ValueError(f"time goes back by {-dt:.6g} s; wanted a step of 0 or more")
