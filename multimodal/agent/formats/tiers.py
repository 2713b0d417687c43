"""Traces, events and words as annotations that a person can read: stretches of whole milliseconds with a few words."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from affectstream.multimodal.agent.formats.recorded import UNSAID_SD
from affectstream.multimodal.dynamics.events import Event, Kind
from affectstream.multimodal.terms import EXPRESSIONS, term_posterior
from affectstream.multimodal.types import DIMENSIONS, Trace

PRECISION = 0.05  # by which the mean and the standard deviation of a row may differ from what its annotation says
DWELL = 2.0  # s over which a label is taken
_ROUNDING = 0.005  # of two decimals, part of the precision
_LEAST = 0.00102  # s that a row speaks for, so that it has a millisecond of its own
_TOUCH = 2  # ms between windows that are taken to touch

_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)"
_VALUE = re.compile(rf"\s*({_NUMBER})(?:\s*(?:±|\+/-)\s*({_NUMBER}))?\s*", re.ASCII)
_DIMENSION = f"({'|'.join(DIMENSIONS)})"
_ENDING = r" \(([\d.e+-]+), p ([\d.e+-]+)\)"
_SIDED = re.compile(rf"(onset of|end of|shift to|recovery from) (high|low) {_DIMENSION}{_ENDING}")
_DISCORD = re.compile(rf"discord: (.+) shows more {_DIMENSION} than (.+){_ENDING}")
_KINDS: dict[str, Kind] = {"onset of": "onset", "end of": "offset", "shift to": "shift", "recovery from": "recovery"}


class Note(NamedTuple):
    """An annotation: what is said of ``begin`` to ``end``, ms."""

    begin: int
    end: int
    text: str


def cells(trace: Trace) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Begin and end (T,), ms, of the stretch that each row speaks for: its window, and where windows overlap up to halfway.

    A row has none (its end is not after its begin) if it lies before 0 or shares its millisecond with another.
    """
    half = np.maximum(trace.span / 2, _LEAST / 2)
    left, right = trace.time - half, trace.time + half
    between = (trace.time[1:] + trace.time[:-1]) / 2
    until, since = np.maximum(between, left[1:]), np.minimum(between, right[:-1])  # the same where windows overlap
    right[:-1], left[1:] = np.minimum(right[:-1], until), np.maximum(left[1:], since)
    begin, end = (np.floor(1000 * edge + 1e-6).astype(np.int64) for edge in (left, right))
    return np.maximum(begin, 0), end


def value_notes(trace: Trace, dimension: int) -> Iterator[Note]:
    """Stretches over which ``dimension`` stays within :data:`PRECISION` of what is said, such as '+0.31 ±0.12'."""
    begins, ends = (edge.tolist() for edge in cells(trace))
    mean, sd = trace.mean[:, dimension].tolist(), trace.sd[:, dimension].tolist()
    known = np.isfinite(trace.mean[:, dimension]).tolist()
    width = 2 * (PRECISION - _ROUNDING)
    begin = end = -1
    low = high = least = most = 0.0
    for row, is_known in enumerate(known):
        if not is_known or ends[row] <= begins[row]:
            continue
        m, s = mean[row], sd[row]
        bounds = (min(low, m), max(high, m), min(least, s), max(most, s))
        if (
            end >= 0
            and begins[row] - end < _TOUCH
            and bounds[1] - bounds[0] <= width
            and bounds[3] - bounds[2] <= width
        ):
            low, high, least, most = bounds
        else:
            if end >= 0:
                yield Note(begin, min(end, begins[row]), _value(low, high, least, most))
            begin, low, high, least, most = begins[row], m, m, s, s
        end = ends[row]
    if end >= 0:
        yield Note(begin, end, _value(low, high, least, most))


def _value(low: float, high: float, least: float, most: float) -> str:
    return f"{(low + high) / 2:+.2f} ±{max((least + most) / 2, 0.01):.2f}"


def value_of(text: str) -> tuple[float, float] | None:
    """Mean and standard deviation that ``text`` says, or None; without a deviation, that of knowing nothing.

    >>> value_of("+0.31 ±0.12"), value_of("happy")
    ((0.31, 0.12), None)
    """
    found = _VALUE.fullmatch(text)
    if found is None:
        return None
    mean, sd = float(found[1]), UNSAID_SD if found[2] is None else float(found[2])
    return (mean, sd) if abs(mean) <= 1 and sd > 0 else None


def label_notes(trace: Trace) -> Iterator[Note]:
    """The likeliest expression in each :data:`DWELL` seconds, stretches of the same as one; where all is known."""
    begins, ends = cells(trace)
    rows = np.flatnonzero(np.isfinite(trace.mean).all(1) & (ends > begins))
    if not len(rows):
        return
    chance = term_posterior(trace.mean[rows], trace.variance[rows])
    block = ((trace.time[rows] - trace.time[rows[0]]) // DWELL).astype(np.int64)
    starts = np.flatnonzero(np.diff(block, prepend=-1))
    labels = [EXPRESSIONS[int(k)] for k in np.add.reduceat(chance, starts).argmax(1)]
    note: Note | None = None
    for label, first, last in zip(labels, starts, [*(starts[1:] - 1), len(rows) - 1], strict=True):
        begin, end = int(begins[rows[first]]), int(ends[rows[last]])
        if note is not None and note.text == label and begin - note.end < _TOUCH:
            note = note._replace(end=end)
            continue
        if note is not None:
            yield note
        note = Note(begin, end, label)
    if note is not None:
        yield note


def event_note(event: Event) -> Note:
    """``event`` from when it began to when it was found, such as 'onset of high valence (0.51, p 0.999)'."""
    return _note(event.time, event.found, f"{event.phrase()} ({event.magnitude:.3g}, p {event.p:.3g})")


def event_of(note: Note) -> Event | None:
    """The inverse of :func:`event_note`, to three digits; None if ``note`` says no event."""
    time, found = note.begin / 1000, note.end / 1000
    if match := _SIDED.fullmatch(note.text):
        words, side, dimension, size, p = match.groups()
        return Event(_KINDS[words], time, found, dimension, 1 if side == "high" else -1, float(size), float(p))
    if match := _DISCORD.fullmatch(note.text):
        higher, dimension, lower, size, p = match.groups()
        return Event("discord", time, found, dimension, 0, float(size), float(p), (higher, lower))
    return None


def word_note(start: float, end: float, text: str) -> Note:
    """Words from ``start`` to ``end`` (s)."""
    return _note(start, end, text)


def _note(start: float, end: float, text: str) -> Note:
    begin = max(round(1000 * start), 0)
    return Note(begin, max(round(1000 * end), begin + 1), text)


def layers(notes: Iterable[Note]) -> list[list[Note]]:
    """``notes`` in as few rows as need be for none to overlap another, the earliest first."""
    rows: list[list[Note]] = []
    for note in sorted(notes):
        row = next((row for row in rows if row[-1].end <= note.begin), None)
        if row is None:
            rows.append([note])
        else:
            row.append(note)
    return rows


def steps(notes: Sequence[Sequence[tuple[int, int, float, float]]]) -> tuple[NDArray[np.float64], ...]:
    """Three sequences of (begin ms, end ms, mean, sd), one for each dimension, as rows: time, span (s), mean, sd (n, 3).

    A row is a stretch over which none of the three changes, and something is known.
    """
    edges = np.unique([edge for part in notes for begin, end, *_ in part for edge in (begin, end)])
    mean, sd = np.full((len(edges) - 1, 3), np.nan), np.full((len(edges) - 1, 3), np.nan)
    for d, part in enumerate(notes):
        for begin, end, value, spread in part:
            rows = slice(*np.searchsorted(edges, (begin, end)))
            mean[rows, d], sd[rows, d] = value, spread
    seen = np.isfinite(mean).any(1)
    return (edges[1:] + edges[:-1])[seen] / 2000, np.diff(edges)[seen] / 1000, mean[seen], sd[seen]
