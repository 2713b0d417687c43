"""Affect as it unfolds: what is known at each moment from what was heard by then.

Every row of a trace is heard of at the end of its window. Offline scoring with ``causal`` and a live run do the same here: the one
gives all rows at once (:func:`causal_looks`, :func:`heard`), the other as they come (:class:`Unfolding`).
"""

import itertools
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from affectstream.multimodal.agent.state import AffectState, Tracker
from affectstream.multimodal.dynamics.estimator import HORIZON, Estimator, add_in_order
from affectstream.multimodal.dynamics.events import Disagreement, Event
from affectstream.multimodal.dynamics.filter import Posterior
from affectstream.multimodal.dynamics.looks import Looks, looks_of
from affectstream.multimodal.dynamics.process import OrnsteinUhlenbeck
from affectstream.multimodal.fusion.discord import Discord
from affectstream.multimodal.fusion.experts import Fused, Prior, fuse
from affectstream.multimodal.shrunk import added, reckoned, unweighted
from affectstream.multimodal.timeline import ROUNDING, TICK, read_heard
from affectstream.multimodal.types import Trace

LEAST_POWER = 1e-3  # a look is never believed less than by this factor
REMEMBERED = 10.0  # s, time constant of how long a face counts for having been there
CLEARLY = 1.2  # by how much another face must have been there more to become the one that is fused


def heard(traces: Mapping[str, Trace], moments: NDArray[np.float64], cell: float, prior: Prior) -> Fused:
    """What the ``traces`` say together at ``moments`` (G,) s to one who hears each row at its window's end.

    Rows of the last ``cell`` seconds are averaged (:func:`affectstream.multimodal.timeline.read_heard`).
    """
    readings = {source: added(read_heard(trace, moments, cell), source, prior) for source, trace in traces.items()}
    return fuse(readings, len(moments), prior)


def causal_looks(
    new: Mapping[str, Trace], known: Mapping[str, Trace], prior: Prior, process: OrnsteinUhlenbeck
) -> Looks:
    """The rows of ``new`` as looks, each believed as far as all that is ``known`` agrees when it is heard of.

    Where sources share errors or disagree, every look counts less: its variance is divided by its source's power
    (:class:`affectstream.multimodal.fusion.experts.Fused`) at its arrival. ``known`` holds at least the rows of ``new``.
    """
    looks = looks_of({source: unweighted(trace) for source, trace in new.items()})
    looks = reckoned(looks, known, prior, process)
    if not len(looks):
        return looks
    moments, at = np.unique(looks.arrival, return_inverse=True)
    power = heard(known, moments, 1 / TICK, prior).power
    own = np.stack([power[looks.names[source]][k] for source, k in zip(looks.source, at, strict=True)])
    return replace(looks, variance=looks.variance / np.maximum(own, LEAST_POWER))


def disagreement_at(found: Discord, row: int) -> Disagreement | None:
    """The sources' disagreement at instant ``row``; None where fewer than two speak."""
    chance = float(found.overall[row])
    worst = found.worst(row) if chance < 1 else None
    return None if worst is None else Disagreement(chance, *worst)


@dataclass(frozen=True)
class Attention:
    """Which face is looked at: how long and well each was there (``weight``) up to ``time``, and the ``main`` one."""

    weight: Mapping[str, float] = field(default_factory=dict)
    time: float = -np.inf
    main: str | None = None


def attend(attention: Attention, faces: Mapping[str, Trace]) -> tuple[Attention, dict[str, Trace]]:
    """Take in rows of ``faces``, source to trace, all later than those before; also returns the rows that are fused.

    At each moment these are those of the face that was there most of late: quality times seconds, fading with
    :data:`REMEMBERED`. Another takes its place when it was there clearly more.
    """
    there = {source: np.where(trace.observed, trace.quality * trace.span, 0.0) for source, trace in faces.items()}
    rows = sorted((time, source, k) for source, trace in faces.items() for k, time in enumerate(trace.time.tolist()))
    weight, last, main = dict(attention.weight), attention.time, attention.main
    picked: dict[str, list[int]] = {}
    for time, together in itertools.groupby(rows, key=operator.itemgetter(0)):
        seen = [(source, k) for _, source, k in together]
        fade = float(np.exp((last - time) / REMEMBERED)) if np.isfinite(last) else 1.0
        weight = {source: held * fade for source, held in weight.items() if held * fade > 1e-9}
        for source, k in seen:
            weight[source] = weight.get(source, 0.0) + float(there[source][k])
        first = max(sorted(weight), key=weight.__getitem__)
        if main not in weight or weight[first] > CLEARLY * weight[main]:
            main = first
        for source, k in seen:
            if source == main:
                picked.setdefault(source, []).append(k)
        last = time
    return Attention(weight, last, main), {source: faces[source].take(at) for source, at in picked.items()}


def attended(traces: Mapping[str, Trace]) -> dict[str, Trace]:
    """``traces`` with those rows of faces that a live run fuses."""
    faces = {source: trace for source, trace in traces.items() if source.startswith("face/")}
    return attend(Attention(), faces)[1] | {s: trace for s, trace in traces.items() if s not in faces}


@dataclass(frozen=True, eq=False)
class Tick:
    """One instant: ``fused``, what the sources say (G = 1); ``mean`` and ``variance`` (3,) of the state; new ``events``."""

    time: float
    fused: Fused
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    events: list[Event]


class Unfolding:
    """One person's affect, told row by row: :meth:`hear` what encoders say, :meth:`tick` the clock on, ask for the :meth:`state`.

    What is known at a tick is what had been heard by then, in whatever order and however early it was told, so that a
    run gives the same whatever the speed of its encoders. Rows told after the tick at which they were due are taken in at the next.
    Between ticks the state knows all that was told.
    """

    def __init__(self, *, subject: str = "user", start: float = 0.0) -> None:
        self.process = OrnsteinUhlenbeck()
        self._tracker = Tracker(subject=subject, process=self.process, start=start)
        self.attention = Attention()
        self._prior = Prior(self.process.baseline, self.process.sd)
        self._known: dict[str, Trace] = {}
        self._waiting: dict[str, Trace] = {}  # told, and not yet taken in
        self._ahead: Estimator | None = None  # what is known when these are taken in too, ...
        self._unread: dict[str, Trace] = {}  # ... but for those that were told since it was asked for

    def hear(self, observations: Sequence[Trace]) -> None:
        """Take in what one encoder said of one chunk; of several faces the main one."""
        told = {o.source: o.without_embedding() for o in observations if len(o)}
        faces = {source: trace for source, trace in told.items() if source.startswith("face/")}
        if faces:
            self.attention, main = attend(self.attention, faces)
            told = main | {source: trace for source, trace in told.items() if source not in faces}
        if not told:
            return
        latest = max((_arrival(trace).max() for trace in self._waiting.values()), default=-np.inf)
        if min(_arrival(trace).min() for trace in told.values()) <= latest + ROUNDING:
            self._ahead = None  # these change how far those that wait are believed
        for source, trace in told.items():
            for held in (self._known, self._waiting, self._unread):
                held[source] = Trace.join([held[source], trace]) if source in held else trace

    def tick(self, time: float) -> Tick:
        """Move state, mood and events on to ``time`` (s), never before the last one, and say what is known then."""
        due: dict[str, Trace] = {}
        for source, trace in list(self._waiting.items()):
            over = _arrival(trace) <= time + ROUNDING
            if over.all():
                due[source] = self._waiting.pop(source)
            elif over.any():
                due[source], self._waiting[source] = trace.take(np.flatnonzero(over)), trace.take(np.flatnonzero(~over))
        self._take_in(due, self._tracker.estimator)
        self._ahead = None
        fused = heard(self._known, np.array([time]), 1 / TICK, self._prior)
        events = self._tracker.tick(time, disagreement_at(fused.discord, 0))
        belief = self._tracker.estimator.at(time)
        self._forget(time)
        return Tick(time, fused, belief.mean[:3], belief.variance, events)

    def state(self, time: float) -> AffectState:
        """The state at ``time`` (s) from all that was told; mood and events are those of the last tick.

        Raises LateError for a time that is forgotten. Asking changes nothing.
        """
        return self._tracker.state(time, self._knowing())

    def belief(self, time: float) -> Posterior:
        """What is known by now of ``time`` (s) from all looks up to then; raises LateError for a time that is forgotten."""
        return self._knowing().at(time)

    def _knowing(self) -> Estimator:
        if self._ahead is None:
            self._ahead, self._unread = self._tracker.estimator.copy(), dict(self._waiting)
        self._take_in(self._unread, self._ahead)
        self._unread = {}
        return self._ahead

    def _take_in(self, new: Mapping[str, Trace], estimator: Estimator) -> None:
        add_in_order(estimator, causal_looks(new, self._known, self._prior, self.process))

    def _forget(self, time: float) -> None:
        """Let go of rows that can no longer matter, now and then."""
        for source, trace in self._known.items():
            over = trace.time + 1.5 * trace.span + 1 / TICK < time - HORIZON
            over[np.flatnonzero(trace.observed)[-1:]] = False  # the next may be reckoned from it
            if over.sum() > len(trace) / 2:
                self._known[source] = trace.take(np.flatnonzero(~over))


def _arrival(trace: Trace) -> NDArray[np.float64]:
    """When each row (T,) is heard of, s."""
    return trace.time + trace.span / 2
