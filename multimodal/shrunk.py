"""Answers that were shrunk towards what is believed of anybody, and what they add to it (see ``SHRUNK`` in dynamics/noise.py)."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from affectstream.multimodal.dynamics.looks import Looks
from affectstream.multimodal.dynamics.noise import SHRUNK, evidence
from affectstream.multimodal.dynamics.process import OrnsteinUhlenbeck
from affectstream.multimodal.fusion.experts import Prior
from affectstream.multimodal.timeline import Reading
from affectstream.multimodal.types import Trace


def added(reading: Reading, source: str, prior: Prior) -> Reading:
    """The ``reading`` of ``source``; of a shrunk modality what it adds to the ``prior``, its quality being in that already."""
    if _kind(source) not in SHRUNK:
        return reading
    mean, variance = evidence(reading.mean, reading.variance, np.array(prior.mean), np.array(prior.sd))
    return Reading(mean, variance * reading.quality[:, None], reading.quality)


def unweighted(trace: Trace) -> Trace:
    """``trace`` of a shrunk modality as if its quality were 1, for its variance has it already; others as they are."""
    if _kind(trace.source) not in SHRUNK:
        return trace
    return Trace(
        trace.source,
        time=trace.time,
        mean=trace.mean,
        variance=trace.variance,
        quality=trace.observed.astype(np.float64),
        span=trace.span,
    )


def reckoned(looks: Looks, known: Mapping[str, Trace], prior: Prior, process: OrnsteinUhlenbeck) -> Looks:
    """``looks`` in which those of shrunk modalities count for what they add to the ``prior``.

    However often these come, they say in two time constants of the ``process`` as much as one of them: white noise whose power in
    that time is the variance of one. An answer that does not change is then believed in hindsight as much as one of it, neither
    more nor less, and the state is a little less sure. How often an answer comes is the time since the one before it in
    ``known``, the traces, which hold the looks' rows at least; of the first it is the modality's own pace.
    """
    out = looks
    for k, name in enumerate(looks.names):
        rows = looks.source == k
        if _kind(name) not in SHRUNK or not rows.any():
            continue
        trace = known[name]
        times = trace.time[trace.observed & (trace.quality > 0)]
        at = np.searchsorted(times, looks.time)
        before = np.where(at > 0, times[np.maximum(at - 1, 0)], looks.time - SHRUNK[_kind(name)])
        many = np.maximum(2 * np.array(process.tau) / (looks.time - before)[:, None], 1.0)
        mean, variance = evidence(looks.mean, looks.variance, np.array(prior.mean), np.array(prior.sd))
        out = replace(
            out,
            mean=np.where(rows[:, None], mean, out.mean),
            variance=np.where(rows[:, None], variance * many, out.variance),
            lasting=np.where(rows, 0.0, out.lasting),
        )
    return out


def _kind(source: str) -> str:
    return source.partition("/")[0]
