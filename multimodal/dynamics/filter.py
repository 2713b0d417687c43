"""What is known of a person's affect now: a Kalman filter that takes observations at any time."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from affectstream.multimodal.dynamics.process import OrnsteinUhlenbeck
from affectstream.multimodal.types import Trace


@dataclass(frozen=True, eq=False)
class Posterior:
    """Belief about affect at ``time`` (s): ``mean`` (3,) and ``covariance`` (3, 3), moved by ``process``.

    Changed only by :meth:`advance` and :meth:`update`; each returns a new one. The mean is not clipped: what
    is reported is, what is integrated must not be.
    """

    process: OrnsteinUhlenbeck
    time: float
    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]

    @classmethod
    def rest(cls, process: OrnsteinUhlenbeck, time: float) -> Self:
        """Before anything was observed: the stationary state."""
        return cls(process, time, *process.stationary())

    def advance(self, dt: float) -> Self:
        """``dt`` >= 0 seconds on, with nothing observed: back towards the baseline, and less sure."""
        transition, noise = self.process.transition(dt)
        baseline = np.array(self.process.baseline)
        mean = baseline + transition @ (self.mean - baseline)
        return type(self)(self.process, self.time + dt, mean, transition @ self.covariance @ transition.T + noise)

    def update(self, mean: NDArray[np.float64], variance: NDArray[np.float64]) -> Self:
        """After an observation at this time: ``mean`` (3,), NaN where a dimension is unknown, and ``variance`` (3,).

        Raises ValueError for a known mean with a variance that is not positive and finite.
        """
        known = np.isfinite(mean)
        if not known.any():
            return self
        spread = variance[known]
        if not (np.isfinite(spread) & (spread > 0)).all():
            raise ValueError(
                f"observation variance is {variance}; wanted positive finite values where the mean is known"
            )
        look = np.eye(len(self.mean))[known]
        innovation = look @ self.covariance @ look.T + np.diag(spread)
        gain = np.linalg.solve(innovation, look @ self.covariance).T
        moved = self.mean + gain @ (mean[known] - look @ self.mean)
        left = np.eye(len(self.mean)) - gain @ look  # Joseph form: stays symmetric and positive
        covariance = left @ self.covariance @ left.T + gain @ np.diag(spread) @ gain.T
        return type(self)(self.process, self.time, moved, covariance)


def correlation_inflation(dt: float, lasting: float) -> float:
    """By how much to widen errors that last: (1 + phi) / (1 - phi) with phi = exp(-dt / ``lasting``).

    Errors of successive frames are alike; a filter that takes them for independent is far too sure. With
    this factor on each variance, the mean of many AR(1) errors gets its true variance.
    """
    return 1 / np.tanh(dt / (2 * lasting))


def filter_grid(
    times: NDArray[np.float64],
    mean: NDArray[np.float64],
    precision: NDArray[np.float64],
    process: OrnsteinUhlenbeck,
    *,
    lasting: float = 0.5,
) -> Trace:
    """Filter observations on a grid into the trace "state": what a live run would have said at each instant.

    ``times`` (G,) seconds, evenly spaced; ``mean`` (G, 3), NaN where unknown; ``precision`` (G, 3), one over
    the error variance; ``lasting`` (s) is how long an error lasts. Quality is the share of the stationary
    variance, averaged over dimensions, that has been resolved.
    """
    step = float(times[1] - times[0]) if len(times) > 1 else lasting
    with np.errstate(divide="ignore"):
        variance = correlation_inflation(step, lasting) / precision
    means, variances = np.empty((len(times), 3)), np.empty((len(times), 3))
    belief = Posterior.rest(process, float(times[0]) if len(times) else 0.0)
    for i, time in enumerate(times):
        belief = belief.advance(float(time) - belief.time).update(mean[i], variance[i])
        means[i], variances[i] = belief.mean[:3], belief.covariance.diagonal()[:3]
    resolved = 1 - (variances / np.square(process.sd)).mean(1)
    return Trace(
        "state",
        time=times,
        mean=np.clip(means, -1, 1),
        variance=variances,
        quality=np.clip(resolved, 0, 1),
        span=step,
    )
