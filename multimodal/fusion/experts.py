"""Several uncertain opinions to one: a precision-weighted product of experts with a prior.

Each source that speaks at an instant is a Gaussian expert whose precision is scaled by its quality. The
product of Gaussians is exact under any missing subset: precisions add, means are averaged by precision, and
what is missing simply is not there. With nobody speaking the prior remains.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affectstream.multimodal.timeline import Reading
from affectstream.multimodal.types import Trace


@dataclass(frozen=True)
class Prior:
    """What is believed of valence, arousal and dominance before anything is seen."""

    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    sd: tuple[float, float, float] = (0.45, 0.45, 0.45)

    def __post_init__(self) -> None:
        if min(self.sd) <= 0:
            raise ValueError(f"prior sd is {self.sd}; wanted three values above 0")


@dataclass(frozen=True, eq=False)
class Fused:
    """The product at G instants.

    ``mean`` and ``variance`` (G, 3) with the prior; ``evidence_mean`` (G, 3), NaN where nobody speaks, and
    ``evidence_precision`` (G, 3), 0 there, without it: what a filter that has a prior of its own must be fed;
    ``quality`` (G,), the chance that at least one source reads true if each does so with its quality;
    ``share`` source to (G, 3), the part of the precision that each source holds (the rest is the prior's).
    """

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    evidence_mean: NDArray[np.float64]
    evidence_precision: NDArray[np.float64]
    quality: NDArray[np.float64]
    share: dict[str, NDArray[np.float64]]

    def trace(self, times: NDArray[np.float64], span: float) -> Trace:
        """As the trace "fused" on ``times`` (G,)."""
        return Trace("fused", time=times, mean=self.mean, variance=self.variance, quality=self.quality, span=span)


def fuse(readings: Mapping[str, Reading], count: int, prior: Prior) -> Fused:
    """Multiply the experts of ``readings``, each on the same ``count`` instants, and the ``prior``.

    >>> half = Reading(np.array([[0.6, 0, 0]]), np.full((1, 3), 0.1), np.ones(1))
    >>> fuse({"face": half, "text": half}, 1, Prior(sd=(1e6, 1, 1))).mean.round(3).tolist()
    [[0.6, 0.0, 0.0]]
    """
    precision = np.zeros((count, 3))
    weighted = np.zeros((count, 3))
    doubt = np.ones(count)
    held: dict[str, NDArray[np.float64]] = {}
    for source, reading in readings.items():
        if reading.mean.shape != (count, 3):
            raise ValueError(
                f"{source} speaks at {len(reading.mean)} instants; wanted {count}; put it on the same grid"
            )
        known = np.isfinite(reading.mean)
        own = np.where(known, reading.quality[:, None] / np.where(known, reading.variance, 1.0), 0.0)
        precision += own
        weighted += own * np.where(known, reading.mean, 0.0)
        doubt *= 1 - np.where(known.any(1), reading.quality, 0.0)
        held[source] = own
    prior_precision = np.array(prior.sd) ** -2.0
    total = precision + prior_precision
    with np.errstate(divide="ignore", invalid="ignore"):
        evidence = np.where(precision > 0, weighted / precision, np.nan)
    return Fused(
        mean=(weighted + prior_precision * prior.mean) / total,
        variance=1 / total,
        evidence_mean=evidence,
        evidence_precision=precision,
        quality=1 - doubt,
        share={source: own / total for source, own in held.items()},
    )
