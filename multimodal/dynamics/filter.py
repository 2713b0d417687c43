"""What is known of a person's affect now: a Kalman filter that takes observations at any time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from affectstream.multimodal.dynamics.noise import Difference, difference
from affectstream.multimodal.dynamics.process import Process

GATE = 9.0  # squared surprise, in variances, above which an observation is believed less


@dataclass(frozen=True, eq=False)
class Look:
    """One observation of one ``source``: ``mean`` (3,), NaN where a dimension is unknown, and its error ``variance`` (3,).

    ``lasting`` (s) is the time constant of its errors, 0 if every look errs afresh.
    """

    source: str
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    lasting: float = 0.0

    def __post_init__(self) -> None:
        known = ~np.isnan(self.mean)
        if np.isinf(self.mean).any():
            raise ValueError(f"{self.source}: observed mean is {self.mean}; wanted finite values, or NaN for unknown")
        if not (np.isfinite(self.variance) & (self.variance > 0))[known].all():
            raise ValueError(
                f"{self.source}: observation variance is {self.variance}; wanted positive finite values where the "
                "mean is known"
            )
        if not 0 <= self.lasting < np.inf:
            raise ValueError(f"{self.source}: its errors last {self.lasting} s; wanted 0 or more, and finite")


class Heard(NamedTuple):
    """The last look of a source that was believed, dimension by dimension: ``time`` (s), ``mean`` and ``variance``
    (3,), NaN where there was none."""

    time: NDArray[np.float64]
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]


class Anchor(NamedTuple):
    """Belief about affect at the last update: ``time`` (s), ``mean`` (n,), ``covariance`` (n, n), and its covariance
    with affect now, ``cross`` (n, n), rows now. What lasting errors are told apart by."""

    time: float
    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    cross: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Posterior:
    """Belief about affect at ``time`` (s): ``mean`` (n,) and ``covariance`` (n, n), moved by ``process``.

    Valence, arousal, dominance come first, their velocities, if the process has them, after. ``held`` source
    to (3,) is the part of the precision that each source has brought and time has left; ``heard`` what each
    source said last; ``past`` what the last update taught about the moment of the one before, which a
    smoother goes back by. Changed only by :meth:`advance`, :meth:`until` and :meth:`update`; each returns a new one. The mean is
    not clipped: what is reported is, what is integrated must not be.
    """

    process: Process
    time: float
    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    anchor: Anchor
    held: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    heard: Mapping[str, Heard] = field(default_factory=dict)
    past: Anchor | None = None

    @classmethod
    def rest(cls, process: Process, time: float) -> Self:
        """Before anything was observed: the stationary state."""
        mean, covariance = process.stationary()
        return cls(process, time, mean, covariance, Anchor(time, mean, covariance, covariance))

    @property
    def variance(self) -> NDArray[np.float64]:
        """Variance (3,) of valence, arousal, dominance."""
        return self.covariance.diagonal()[:3]

    @property
    def shares(self) -> dict[str, NDArray[np.float64]]:
        """Part of the precision (3,) that each source holds; what is missing to 1 is the prior's."""
        return {source: part * self.variance for source, part in self.held.items()}

    def age(self, source: str) -> float:
        """Seconds since ``source`` was heard and believed; infinite if never."""
        times = self.heard[source].time if source in self.heard else np.full(3, np.nan)
        return np.inf if np.isnan(times).all() else float(self.time - np.nanmax(times))

    def advance(self, dt: float) -> Self:
        """``dt`` >= 0 seconds on, with nothing observed: back towards the baseline, and less sure."""
        return self._moved(dt, self.time + dt)

    def until(self, time: float) -> Self:
        """:meth:`advance` to the second ``time`` itself, which ``self.time + dt`` may miss by rounding."""
        return self._moved(time - self.time, time)

    def _moved(self, dt: float, time: float) -> Self:
        transition, noise = self.process.transition(dt)
        baseline, rest = self.process.stationary()
        mean = baseline + transition @ (self.mean - baseline)
        covariance = transition @ self.covariance @ transition.T + noise
        left = _gained(covariance, rest) / np.maximum(_gained(self.covariance, rest), 1e-300)
        return replace(
            self,
            time=time,
            mean=mean,
            covariance=covariance,
            anchor=self.anchor._replace(cross=transition @ self.anchor.cross),
            held={source: part * left for source, part in self.held.items()},
        )

    def update(self, looks: Sequence[Look], *, gate: float = GATE) -> Self:
        """After ``looks`` at this time, whose order does not matter.

        What a look shares with its source's last one counts once (see :mod:`.noise`); several of one source
        at one time are averaged, so that a sample that comes twice counts once. A look whose surprise exceeds
        ``gate`` variances is softened, not dropped: its variance grows until its surprise is the gate's, and
        the next look of its source is compared with the one before it. Each is judged against the belief before any of them.
        """
        taken: list[tuple[int, float, float, float]] = []  # dimension, rho, what is seen of x - rho x0, variance
        brought: dict[str, NDArray[np.float64]] = {}
        heard = dict(self.heard)
        for look in _merged(looks):
            z, rho, variance = self._against_last(look)
            surprise, unsure = self._judged(z, rho, variance)
            soft = np.maximum(surprise / gate, 1.0)
            spread = variance + (soft - 1) * unsure
            known = np.isfinite(z)
            taken += zip(
                np.flatnonzero(known).tolist(), *(part[known].tolist() for part in (rho, z, spread)), strict=True
            )
            brought[look.source] = np.where(known, (1 - np.minimum(rho, 1)) ** 2 / spread, 0.0)
            heard[look.source] = self._believed(look, np.flatnonzero(soft == 1))
        if not taken:
            return self
        size = len(self.mean)
        both = np.concatenate([self.mean, self.anchor.mean])  # now, and at the last update
        joint = np.empty((2 * size, 2 * size))
        joint[:size, :size], joint[:size, size:] = self.covariance, self.anchor.cross
        joint[size:, :size], joint[size:, size:] = self.anchor.cross.T, self.anchor.covariance
        for d, rho, z, spread in taken:  # whose errors are independent, so that they may come one by one
            shared = joint[d] - rho * joint[size + d]
            gain = shared / (shared[d] - rho * shared[size + d] + spread)
            both += gain * (z - both[d] + rho * both[size + d])
            joint -= gain[:, None] * shared
        joint = (joint + joint.T) / 2
        mean, after = both[:size], joint[:size, :size]
        past = Anchor(self.anchor.time, both[size:], joint[size:, size:], joint[:size, size:])
        total = sum(brought.values())
        grown = np.maximum(1 / after.diagonal()[:3] - 1 / self.variance, 0) / np.where(total > 0, total, np.inf)
        held = dict(self.held)
        for source, own in brought.items():
            held[source] = held.get(source, np.zeros(3)) + own * grown
        anchor = Anchor(self.time, mean, after, after)
        return replace(self, mean=mean, covariance=after, anchor=anchor, held=held, heard=heard, past=past)

    def surprise(self, look: Look) -> NDArray[np.float64]:
        """Normalised innovation squared (3,) of ``look`` given its source's last one, NaN where unknown; 1 on average."""
        return self._judged(*self._against_last(look))[0]

    def _judged(
        self, z: NDArray[np.float64], rho: NDArray[np.float64], variance: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Squared surprise (3,) of ``z``, an observation of x(now) - ``rho`` x(before), and the variance it is measured by."""
        crossed = self.anchor.cross.diagonal()[:3]
        unsure = self.variance - 2 * rho * crossed + rho**2 * self.anchor.covariance.diagonal()[:3] + variance
        return (z - self.mean[:3] + rho * self.anchor.mean[:3]) ** 2 / unsure, unsure

    def _against_last(self, look: Look) -> Difference:
        last = self.heard.get(look.source)
        if last is None:
            return Difference(look.mean, np.zeros(3), look.variance)
        moved = drift(self.process, self.anchor.time - last.time)
        return difference(
            look.mean, look.variance, last.mean, last.variance,
            dt=self.time - last.time, lasting=look.lasting, moved=moved,
        )  # fmt: skip

    def _believed(self, look: Look, rows: NDArray[np.int64]) -> Heard:
        """What to compare the source's next look with: this one in the dimensions ``rows``, else the one before."""
        nothing = np.full(3, np.nan)
        last = self.heard.get(look.source, Heard(nothing, nothing, nothing))
        time, mean, variance = (part.copy() for part in last)
        time[rows], mean[rows], variance[rows] = self.time, look.mean[rows], look.variance[rows]
        return Heard(time, mean, variance)


def drift(process: Process, dt: NDArray[np.float64]) -> NDArray[np.float64]:
    """Variance (3,) of how far each dimension moves in its ``dt`` (3,) seconds of its stationary course; 0 for NaN."""
    _, rest = process.stationary()
    moved = np.zeros(3)
    for step in set(dt[np.isfinite(dt)].tolist()):
        transition, _ = process.transition(step)
        moved = np.where(dt == step, 2 * (rest - transition @ rest).diagonal()[:3], moved)
    return moved


def _merged(looks: Sequence[Look]) -> list[Look]:
    """One look a source: several are averaged."""
    by_source: dict[str, list[Look]] = {}
    for look in looks:
        by_source.setdefault(look.source, []).append(look)
    return [same[0] if len(same) == 1 else _average(same) for same in by_source.values()]


def _average(looks: list[Look]) -> Look:
    known = np.isfinite([look.mean for look in looks])
    count = np.maximum(known.sum(0), 1)

    def mean(values: list[NDArray[np.float64]]) -> NDArray[np.float64]:
        return np.where(known.any(0), np.where(known, values, 0.0).sum(0) / count, np.nan)

    return Look(looks[0].source, mean([k.mean for k in looks]), mean([k.variance for k in looks]), looks[0].lasting)


def _gained(covariance: NDArray[np.float64], rest: NDArray[np.float64]) -> NDArray[np.float64]:
    """Precision (3,) beyond that of the stationary state."""
    return np.maximum(1 / covariance.diagonal()[:3] - 1 / rest.diagonal()[:3], 0)
