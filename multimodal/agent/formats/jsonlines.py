"""JSON Lines (affect-lines/1): one object a line, in the order of time, to be written and read as a stream.

The first line is a header; then come rows ``{"source", "time", "span", "vad", "sd", "quality"}``, ``{"event": {...}}`` and
``{"words": {"start", "end", "text"}}``. ``vad`` is null where nothing was observed, and one of its values where that was not; a row
may have ``labels``, probabilities by name.
"""

import heapq
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np

from affectstream.multimodal.agent.formats.recorded import Recorded, Utterance, checked_event
from affectstream.multimodal.dynamics.events import Event
from affectstream.multimodal.types import Trace
from affectstream.multimodal.whole import draft

SCHEMA = "affect-lines/1"
LONGEST = 2**16  # bytes of a line that is read


def write_jsonlines(recorded: Recorded, path: Path) -> list[str]:
    """Write ``recorded`` to ``path``, line by line; returns what of it is not written, which is nothing.

    Times are rounded to a microsecond, all else to six decimals, standard deviations to seven digits.
    """
    with draft(path) as name, name.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(lines(recorded))
    return []


def lines(recorded: Recorded) -> Iterator[str]:
    """The lines of ``recorded``, each with its line end, in the order of time: rows by their centre, events as they are found."""
    yield header_line(recorded.media, list(recorded.traces))
    parts = [_rows(trace) for trace in recorded.traces.values()]
    parts.append(iter(sorted(((event.found, event_line(event)) for event in recorded.events), key=lambda one: one[0])))
    parts.append(iter(sorted(((words.end, words_line(words)) for words in recorded.words), key=lambda one: one[0])))
    for _, line in heapq.merge(*parts, key=lambda one: one[0]):
        yield line


def header_line(media: str = "", sources: list[str] | None = None) -> str:
    """The first line: the schema, the recording, and the sources in their order, as far as they are known."""
    return _line({"schema": SCHEMA, "unit": "time s; affect in [-1, 1]", "media": media, "sources": sources or []})


def _rows(trace: Trace) -> Iterator[tuple[float, str]]:
    for row in range(len(trace)):
        yield float(trace.time[row]), row_line(trace, row)


def row_line(trace: Trace, row: int) -> str:
    """One row of ``trace``."""
    mean, sd = trace.mean[row].tolist(), np.sqrt(trace.variance[row]).tolist()
    known = np.isfinite(trace.mean[row]).tolist()
    values: dict[str, Any] = {
        "source": trace.source,
        "time": round(float(trace.time[row]), 6),
        "span": round(float(trace.span[row]), 6),
        "vad": [round(v, 6) if k else None for v, k in zip(mean, known, strict=True)] if any(known) else None,
        "sd": [float(f"{s:.7g}") if k else None for s, k in zip(sd, known, strict=True)] if any(known) else None,
        "quality": round(float(trace.quality[row]), 6),
    }
    if trace.labels is not None:
        chance = [None if np.isnan(p) else round(p, 6) for p in trace.labels[row].tolist()]
        values["labels"] = dict(zip(trace.label_names, chance, strict=True))
    return _line(values)


def event_line(event: Event) -> str:
    """One event."""
    return _line({"event": event.to_dict()})


def words_line(words: Utterance) -> str:
    """One utterance."""
    return _line({"words": words._asdict()})


def _line(values: dict[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False, allow_nan=False) + "\n"


def read_jsonlines(path: Path) -> Recorded:
    """What :func:`write_jsonlines`, or a stream of such lines, wrote to ``path``. Rows of a source are sorted by time.

    Keys that are not known are passed over. Raises ValueError, with the number of the line, for one that is longer
    than 64 KiB or is not what it should be.
    """
    objects = _objects(path)
    _, header = next(objects, (0, {}))
    if header.get("schema") != SCHEMA:
        raise ValueError(f"{path} begins with the schema {header.get('schema')!r}; wanted {SCHEMA}")
    events: list[Event] = []
    words: list[Utterance] = []
    line = 1
    try:
        rows: dict[str, list[_Row]] = {str(source): [] for source in header.get("sources", [])}
        for number, values in objects:
            line = number
            if "event" in values:
                events.append(checked_event(values["event"]))
            elif "words" in values:
                said = values["words"]
                words.append(Utterance(_number(said["start"]), _number(said["end"]), str(said["text"])))
            else:
                rows.setdefault(str(values["source"]), []).append(_row(values))
        traces = {source: _trace(source, found) for source, found in rows.items() if found}
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        what = f"lacks {error}" if isinstance(error, KeyError) else f"is not what it should be: {error}"
        raise ValueError(f"{path}, up to line {line}, {what}; wanted a line of {SCHEMA}") from error
    return Recorded(traces, tuple(events), tuple(words), str(header.get("media") or ""))


def _objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Number and content of each line that is not empty."""
    with path.open("rb") as file:
        number = 0
        while line := file.readline(LONGEST + 1):
            number += 1
            if len(line) > LONGEST:
                raise ValueError(f"{path}, line {number}, is longer than {LONGEST} bytes; wanted a line of {SCHEMA}")
            if not line.strip():
                continue
            try:
                values = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"), parse_constant=_refuse)
                if not isinstance(values, dict):
                    raise TypeError("no object")
            except (ValueError, TypeError, RecursionError) as error:
                raise ValueError(
                    f"{path}, line {number}, is no object in JSON ({error}); wanted a line of {SCHEMA}"
                ) from error
            yield number, values


class _Row(NamedTuple):
    time: float
    span: float
    quality: float
    mean: list[float]
    sd: list[float]
    labels: dict[str, float]


def _row(values: dict[str, Any]) -> _Row:
    vad, sd = (values[key] if values[key] is not None else [None] * 3 for key in ("vad", "sd"))
    if not (isinstance(vad, list) and isinstance(sd, list) and len(vad) == len(sd) == 3):
        raise ValueError(f"vad is {vad!r:.60} and sd {sd!r:.60}; wanted three values each, or null")
    time, span, quality = (_number(values[key]) for key in ("time", "span", "quality"))
    labels = {str(name): _maybe(chance) for name, chance in (values.get("labels") or {}).items()}
    return _Row(time, span, quality, [_maybe(v) for v in vad], [_maybe(v) for v in sd], labels)


def _trace(source: str, rows: list[_Row]) -> Trace:
    rows.sort(key=lambda row: row.time)
    names = tuple(dict.fromkeys(name for row in rows for name in row.labels))
    return Trace(
        source,
        time=[row.time for row in rows],
        mean=[row.mean for row in rows],
        variance=np.square([row.sd for row in rows]),
        quality=[row.quality for row in rows],
        span=[row.span for row in rows],
        labels=[[row.labels.get(name, np.nan) for name in names] for row in rows] if names else None,
        label_names=names,
    )


def _maybe(value: Any) -> float:
    return np.nan if value is None else _number(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r:.60} is there; wanted a number")
    return float(value)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number in JSON")
