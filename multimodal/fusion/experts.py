"""Several uncertain opinions to one: a precision-weighted product of experts with a prior.

Each source that speaks at an instant is a Gaussian expert whose precision is scaled by its quality. The
product of Gaussians is exact under any missing subset: precisions add, means are averaged by precision, and
what is missing simply is not there. With nobody speaking the prior remains. Sources that share errors are
not multiplied but intersected, and where the sources disagree more than their errors allow, the product is
widened until it can be believed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affectstream.multimodal.fusion.discord import Discord, discord
from affectstream.multimodal.fusion.intersection import SHARING, intersection_weight
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

    ``mean`` and ``variance`` (G, 3) with the prior; ``quality`` (G,), the chance that at least one source
    reads true if each does so with its quality; ``share`` source to (G, 3), the part of the precision that
    each source holds (the rest is the prior's); ``power`` source to (G, 3), by how much each source's
    precision was lowered, for shared errors and for discord; ``discord`` how far the sources disagree.
    """

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    quality: NDArray[np.float64]
    share: dict[str, NDArray[np.float64]]
    power: dict[str, NDArray[np.float64]]
    discord: Discord

    def trace(self, times: NDArray[np.float64], span: float) -> Trace:
        """As the trace "fused" on ``times`` (G,)."""
        return Trace("fused", time=times, mean=self.mean, variance=self.variance, quality=self.quality, span=span)


def fuse(readings: Mapping[str, Reading], count: int, prior: Prior) -> Fused:
    """Multiply the experts of ``readings``, each on the same ``count`` instants, and the ``prior``.

    >>> half = Reading(np.array([[0.6, 0, 0]]), np.full((1, 3), 0.1), np.ones(1))
    >>> fuse({"face": half, "text": half}, 1, Prior(sd=(1e6, 1, 1))).mean.round(3).tolist()
    [[0.6, 0.0, 0.0]]
    """
    for source, reading in readings.items():
        if reading.mean.shape != (count, 3):
            raise ValueError(
                f"{source} speaks at {len(reading.mean)} instants; wanted {count}; put it on the same grid"
            )
    own = {source: precision_of(reading) for source, reading in readings.items()}
    found = discord(readings, count)
    power = dict.fromkeys(readings, 1 / found.widen)
    for one, other in SHARING:
        if one in own and other in own:
            weight = intersection_weight(own[one], own[other])[:, None]
            power[one], power[other] = power[one] * weight, power[other] * (1 - weight)
    prior_precision = np.array(prior.sd) ** -2.0
    total = np.tile(prior_precision, (count, 1))
    weighted = np.tile(prior_precision * prior.mean, (count, 1))
    doubt = np.ones(count)
    for source, reading in readings.items():
        own[source] = own[source] * power[source]
        total = total + own[source]
        weighted = weighted + own[source] * np.where(own[source] > 0, reading.mean, 0.0)
        doubt = doubt * (1 - np.where((own[source] > 0).any(1), reading.quality, 0.0))
    return Fused(
        mean=weighted / total,
        variance=1 / total,
        quality=1 - doubt,
        share={source: part / total for source, part in own.items()},
        power=power,
        discord=found,
    )


def precision_of(reading: Reading) -> NDArray[np.float64]:
    """Quality over variance (G, 3), 0 where nothing is said."""
    known = np.isfinite(reading.mean)
    return np.where(known, reading.quality[:, None] / np.where(known, reading.variance, 1.0), 0.0)
