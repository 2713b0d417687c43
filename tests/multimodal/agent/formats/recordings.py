"""Recordings drawn at random, with what a real one may have: gaps, half-known rows, jitter, equal times, odd names."""

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from affectstream.multimodal.agent.formats.recorded import Recorded, Utterance
from affectstream.multimodal.dynamics.events import Event
from affectstream.multimodal.types import Trace

SOURCES = ("face/0", "speech", "state", "text", "eeg", "odd & <name>")
EVENTS = (
    Event("onset", 1.25, 1.5, "valence", -1, 0.4125, 0.9375),
    Event("shift", 1.25, 1.5, "valence", -1, 0.4125, 0.9375),
    Event("offset", 2.5, 2.75, "arousal", 1, -0.0625, 0.875),
    Event("recovery", 3.0, 3.5, "valence", -1, 0.0625, 0.75),
    Event("discord", 3.25, 4.0, "dominance", 0, 3.5, 0.00125, ("face/0", "text")),
)
WORDS = (Utterance(0.5, 1.25, 'She said <no> & "never"'), Utterance(1.0, 2.5, "né\nnée ±"), Utterance(3.0, 3.5, "-->"))


def times(rng: np.random.Generator, rows: int, apart: float) -> NDArray[np.float64]:
    """Moments (rows,) in s at least ``apart``: as a camera, a clock, or whatever comes along, has them."""
    step = rng.choice([0.1, 1001 / 30000, 0.4, 0.04])
    even = rng.uniform(0, 5) + np.arange(rows) * step
    return [
        even,
        even.round(3),
        even + np.cumsum(rng.choice([0.0, 0.25], rows, p=[0.9, 0.1])),
        rng.uniform(0, 5) + np.cumsum(rng.choice([apart, 0.003, 0.1, 2.0, 30.0], rows)),
    ][rng.integers(4)]


def draw_trace(source: str, rows: int, seed: int, *, apart: float = 0.0, labels: bool = False) -> Trace:
    """``rows`` rows of ``source``."""
    rng = np.random.default_rng(seed)
    mean = np.clip(np.cumsum(rng.normal(0, 0.04, (rows, 3)), 0) + rng.uniform(-1, 1, 3), -1, 1)
    mean[rng.random(rows) < rng.choice([0.0, 0.2])] = np.nan
    if rng.random() < 0.3:
        mean[:, 2] = np.nan
    if rng.random() < 0.2:
        mean[rng.random((rows, 3)) < 0.2] = np.nan
    sd = rng.uniform(0.001, 0.8, 3) * rng.uniform(0.9, 1.1, (rows, 3))
    return Trace(
        source,
        time=times(rng, rows, apart),
        mean=mean,
        variance=np.where(np.isnan(mean), np.nan, sd**2),
        quality=rng.random(rows) if rng.random() < 0.5 else np.ones(rows),
        span=rng.choice([0.0, 0.1, 2.0]) if rng.random() < 0.5 else rng.random(rows),
        labels=rng.dirichlet(np.ones(2), rows) if labels else None,
        label_names=("joy", "anger") if labels else (),
    )


@st.composite
def recordings(draw: st.DrawFn, *, apart: float = 0.0, labels: bool = False) -> Recorded:
    """Some of the sources, each with at least one row, of which at least one of all is observed."""
    sources = draw(st.lists(st.sampled_from(SOURCES), min_size=1, max_size=4, unique=True))
    traces = {
        source: draw_trace(source, draw(st.integers(1, 40)), draw(st.integers(0, 2**32)), apart=apart, labels=labels)
        for source in sources
    }
    first = traces[sources[0]]
    if not first.observed.any():
        traces[sources[0]] = draw_trace(sources[0], 3, 5, labels=labels)
    events = tuple(
        draw(st.lists(st.sampled_from(EVENTS), unique=True).map(lambda few: [e for e in EVENTS if e in few]))
    )
    words = tuple(draw(st.lists(st.sampled_from(WORDS), unique=True).map(sorted)))
    return Recorded(traces, events, words, draw(st.sampled_from(["", "talk.mp4", "a talk & more.wav"])))


def observed(recorded: Recorded) -> dict[str, Trace]:
    """The traces without rows in which nothing was observed, and those that have any others."""
    rows = {source: np.flatnonzero(trace.observed) for source, trace in recorded.traces.items()}
    return {source: recorded.traces[source].take(at) for source, at in rows.items() if len(at)}
