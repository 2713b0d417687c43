"""All that was seen and heard of one person, as one fused trace, one state, and what happened.

Fusion asks what the sources say of one instant; the estimator what is known of the person then, from all
instants. Both are told what the other needs: where sources share errors or disagree, every look counts less.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from affectstream.multimodal.causal import LEAST_POWER, attended, causal_looks, disagreement_at, heard
from affectstream.multimodal.dynamics.batch import estimate
from affectstream.multimodal.dynamics.estimator import causal_beliefs
from affectstream.multimodal.dynamics.events import Event, Watch, watch
from affectstream.multimodal.dynamics.looks import Looks, looks_of
from affectstream.multimodal.dynamics.process import OrnsteinUhlenbeck
from affectstream.multimodal.fusion.discord import Discord
from affectstream.multimodal.fusion.experts import Fused, Prior, fuse
from affectstream.multimodal.shrunk import added, reckoned, unweighted
from affectstream.multimodal.timeline import TICK, grid, read_at
from affectstream.multimodal.types import Trace


@dataclass(frozen=True, eq=False)
class Combined:
    """``fused`` and ``state``, traces at the rate asked for, and the ``events``, in the order they were found."""

    fused: Trace
    state: Trace
    events: list[Event]


def combine(
    traces: Mapping[str, Trace],
    hz: float,
    *,
    reach: tuple[float, float] | None = None,
    causal: bool = False,
) -> Combined:
    """Fuse the ``traces`` of one person ``hz`` times a second, and estimate the state.

    With ``causal``, as a live run would have: every window is heard of at its end, nothing is known of what comes later,
    and of several faces the one is taken that was there most of late. Without, the state at each instant comes from all looks,
    earlier and later. ``reach`` is the first and the last second to speak of, by default those of the traces.
    """
    process = OrnsteinUhlenbeck()
    prior = Prior(process.baseline, process.sd)
    begin, end = reach_of(traces.values()) if reach is None else reach
    times, ticks = grid(begin, end, hz), grid(begin, end, TICK)
    asked = np.union1d(times, ticks)
    if causal:
        told = attended(traces)
        fused = heard(told, times, 1 / hz, prior)
        compared = fused if hz == TICK else heard(told, ticks, 1 / TICK, prior)
        beliefs = causal_beliefs(causal_looks(told, told, prior, process), asked, process)
        mean = np.array([b.mean[:3] for b in beliefs]).reshape(-1, 3)
        variance = np.array([b.variance for b in beliefs]).reshape(-1, 3)
    else:
        fused = _fused(traces, times, hz, prior)
        compared = fused if hz == TICK else _fused(traces, ticks, TICK, prior)
        looks = looks_of({source: unweighted(trace) for source, trace in traces.items()})
        looks = reckoned(looks, traces, prior, process)
        answer = estimate(lowered(looks, compared.power, ticks), asked, process, smooth=True)
        mean, variance = answer.mean, answer.variance
    at, tick = np.searchsorted(asked, times), np.searchsorted(asked, ticks)
    state = state_trace(times, mean[at], variance[at], process, 1 / hz)
    events = find_events(ticks, mean[tick], np.sqrt(variance[tick]), process, compared.discord)
    return Combined(fused.trace(times, 1 / hz), state, events)


def reach_of(traces: Iterable[Trace]) -> tuple[float, float]:
    """The first and the last second that any window of ``traces``, one or more, touches."""
    ends = [(float(t.time[0] - t.span[0] / 2), float(t.time[-1] + t.span[-1] / 2)) for t in traces if len(t)]
    return min(begin for begin, _ in ends), max(end for _, end in ends)


def lowered(looks: Looks, power: Mapping[str, NDArray[np.float64]], ticks: NDArray[np.float64]) -> Looks:
    """``looks`` with their variances divided by their source's ``power`` (T, 3), averaged over the ticks of their window."""
    if not len(ticks):
        return looks
    half = looks.arrival - looks.time
    first = np.clip(np.round((looks.time - half - ticks[0]) * TICK), 0, len(ticks) - 1).astype(int)
    last = np.clip(np.round((looks.arrival - ticks[0]) * TICK), first, len(ticks) - 1).astype(int)
    own = np.ones((len(looks), 3))
    for k, source in enumerate(looks.names):
        rows = np.flatnonzero(looks.source == k)
        total = np.concatenate([np.zeros((1, 3)), np.cumsum(power[source], 0)])
        own[rows] = (total[last[rows] + 1] - total[first[rows]]) / (last[rows] + 1 - first[rows])[:, None]
    return replace(looks, variance=looks.variance / np.maximum(own, LEAST_POWER))


def find_events(
    ticks: NDArray[np.float64],
    mean: NDArray[np.float64],
    sd: NDArray[np.float64],
    process: OrnsteinUhlenbeck,
    disagreement: Discord | None = None,
) -> list[Event]:
    """Events of the estimates ``mean`` and ``sd`` (T, 3) at ``ticks`` (T,), and of the sources' ``disagreement`` then."""
    memory, events = Watch(), []
    for k, time in enumerate(ticks.tolist()):
        quarrel = None if disagreement is None else disagreement_at(disagreement, k)
        memory, found = watch(memory, time, mean[k], sd[k], baseline=process.baseline, disagreement=quarrel)
        events += found
    return events


def state_trace(
    times: NDArray[np.float64],
    mean: NDArray[np.float64],
    variance: NDArray[np.float64],
    process: OrnsteinUhlenbeck,
    span: float,
) -> Trace:
    """Estimates ``mean`` and ``variance`` (G, 3) as the trace "state".

    What is reported is clipped to [-1, 1]. Quality is the share of the stationary variance, averaged over
    dimensions, that has been resolved.
    """
    resolved = 1 - (variance / np.square(process.sd)).mean(1)
    return Trace(
        "state",
        time=times,
        mean=np.clip(mean, -1, 1),
        variance=variance,
        quality=np.clip(resolved, 0, 1),
        span=span,
    )


def _fused(traces: Mapping[str, Trace], times: NDArray[np.float64], hz: float, prior: Prior) -> Fused:
    return fuse({s: added(read_at(trace, times, hz), s, prior) for s, trace in traces.items()}, len(times), prior)
