"""A recording in a page of JSON: what was found, what was not, and what each source said on the whole."""

from collections import Counter
from importlib.metadata import version
from typing import Any

import numpy as np

from affectstream.multimodal.agent.notice import NOTICE
from affectstream.multimodal.eeg.scoring import Brain
from affectstream.multimodal.report.recorded import events_page
from affectstream.multimodal.score import Result
from affectstream.multimodal.types import DIMENSIONS, Trace


def summarise(result: Result) -> dict[str, Any]:
    """The content of ``*.summary.json``: the same for the same input, so without dates and running times."""
    return {
        "schema": "affect-summary/1",
        "input": result.path.name,
        "duration": round(result.duration, 3),
        "hz": result.hz,
        "causal": result.causal,
        "found": _found(result),
        "missing": result.missing,
        "notes": result.notes,
        "sources": {source: _source(trace) for source, trace in result.traces.items()},
        "versions": {"affectstream": version("affectstream"), "table": "affect-table/1"},
        "weights": result.weights,
        "notice": NOTICE,
    }


def happened(result: Result) -> dict[str, Any]:
    """The content of ``*.events.json``."""
    return events_page(result.path.name, result.events, causal=result.causal)


def _found(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if result.faces.people:
        found["faces"] = [
            {
                "source": f"face/{track}",
                "first": round(person.first, 3),
                "last": round(person.last, 3),
                "frames": person.frames,
                "fused": track == result.main_face,
            }
            for track, person in sorted(result.faces.people.items())
        ]
    if result.brain is not None:
        found["eeg"] = _brain(result.brain)
    if result.events:
        found["events"] = dict(sorted(Counter(event.kind for event in result.events).items()))
    if result.words:
        found["utterances"] = len(result.words)
        found["words_from"] = "speech recognition" if result.recognised else "subtitles"
    return found


def _brain(brain: Brain) -> dict[str, Any]:
    """Electrodes, how well each could be read, and what the trace was made of."""
    read = brain.quality.mean(0) if len(brain.quality) else np.zeros(len(brain.recording.names))
    return {
        "how": brain.how,
        "rate": brain.recording.rate,
        "electrodes": {
            name: round(float(quality), 4) for name, quality in zip(brain.recording.names, read, strict=True)
        },
        "baseline": None
        if brain.model is not None
        else [[round(begin, 3), round(end, 3)] for begin, end in brain.rest] or "the whole recording",
    }


def _source(trace: Trace) -> dict[str, Any]:
    """Rows, share observed, and mean and spread over time of one trace; null where it never spoke."""
    seen = trace.mean[trace.observed]
    empty = np.full(3, np.nan)
    return {
        "rows": len(trace),
        "observed": round(float(trace.observed.mean()), 4) if len(trace) else 0.0,
        "mean": _named(seen.mean(0) if len(seen) else empty),
        "sd": _named(seen.std(0) if len(seen) else empty),
        "quality": round(float(trace.quality.mean()), 4) if len(trace) else 0.0,
    }


def _named(values: Any) -> dict[str, float | None]:
    return {name: None if np.isnan(v) else round(float(v), 4) for name, v in zip(DIMENSIONS, values, strict=True)}
