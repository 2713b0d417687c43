"""EEG in XDF files, as LabRecorder writes them from LSL: through pyxdf, on the clock that it makes all streams share.

Samples of a stream come with the times at which they were stamped, which jitter, and now and then samples are lost.
Here a stream becomes stretches of evenly spaced samples: a stretch ends where time is lost for good, and not where
samples were only late, and its times are the straight line through its stamps.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectstream.multimodal.eeg.signal import (
    Mark,
    Parts,
    Run,
    Signal,
    described_electrodes,
    in_order,
    listed,
    place,
    stays_late,
)
from affectstream.multimodal.types import SignalError

LOST = 4  # samples; fewer are no gap
JITTER = 4  # standard deviations of the stamps that a gap exceeds
_DRIFT = 0.02  # s over the longest stretch, by which the rate in the header may be off before it is measured instead

Stream = dict[str, Any]


def read_xdf(path: Path) -> Signal:
    """The electrodes of the EEG stream of ``path``, and its marker streams as marks.

    Where there are several EEG streams, it is that with most electrodes of the 10-20 system, and the longest of
    these. Raises SignalError if pyxdf cannot read it, or if it has no stream of EEG.
    """
    notes: list[str] = []
    streams = _loaded(path, notes)
    stream = _eeg_stream(path, streams, notes)
    picks, names, scale, said = described_electrodes(str(path), _channels(stream))
    notes += said
    stamps = np.asarray(stream["time_stamps"], np.float64)
    nominal = float(_text(stream["info"], "nominal_srate"))
    timed = int(np.isfinite(stamps).sum())
    if timed < max(2, len(stamps)):
        raise SignalError(
            f"{path} has {len(stamps)} samples of EEG, {timed} of them with a time; wanted samples with times; record it again"
        )
    rate, runs = _evenly(stamps, nominal)
    if abs(rate / nominal - 1) > 0.01:
        notes.append(f"the stream calls its rate {nominal:g} Hz; by its clock it is {rate:.3f} Hz")
    data = np.asarray(stream["time_series"])
    origin = runs[0].start
    marks = tuple(mark for other in streams if other is not stream for mark in _marks(other, origin))
    runs = in_order((Run(run.start - origin, run.first, run.count) for run in runs), rate)
    twice = len(stamps) - sum(run.count for run in runs)
    if twice:
        notes.append(f"left out, as their times lie in what was recorded before: {twice} samples")

    def read(parts: Parts) -> Iterator[NDArray[np.floating[Any]]]:
        return (data[first:end, picks] * scale for first, end in parts)

    return Signal(names, rate, runs, marks, tuple(notes), read)


def _loaded(path: Path, notes: list[str]) -> list[Stream]:
    """Streams of EEG, or if none is called so all regular ones, and of marks; times are synchronised, not yet even."""
    import pyxdf

    held: dict[int, bytearray] = {}

    def hold(values: Any, stamps: Any, header: Stream, number: int) -> tuple[Any, Any, Stream]:
        """Keep the numbers of a chunk once; pyxdf would keep them twice, the second time as the whole they make."""
        if number not in sampled:
            return values, stamps, header
        held.setdefault(number, bytearray()).extend(values.astype(np.float32).tobytes())
        return np.empty((len(stamps), 0)), stamps, header

    try:
        with _heard("pyxdf") as said:
            infos = pyxdf.resolve_streams(str(path))
            regular = [i for i in infos if i["channel_format"] != "string" and float(i["nominal_srate"]) > 0]
            chosen = [i for i in regular if (i["type"] or "").lower() == "eeg"] or regular
            marks = [i for i in infos if i["channel_format"] == "string" or "mark" in (i["type"] or "").lower()]
            sampled = {i["stream_id"] for i in chosen}
            wanted = sorted(sampled | {i["stream_id"] for i in marks})
            streams = []
            if sampled:
                streams, _ = pyxdf.load_xdf(str(path), wanted, on_chunk=hold, dejitter_timestamps=False)
        for stream in streams:
            if (number := stream["info"]["stream_id"]) in held:
                numbers = np.frombuffer(held[number], np.float32).reshape(
                    -1, int(_text(stream["info"], "channel_count"))
                )
                stream["time_series"] = numbers[: len(stream["time_stamps"])]
    except Exception as error:
        raise SignalError(
            f"{path} cannot be read as .xdf ({type(error).__name__}: {error}); wanted a whole file; copy it again"
        ) from error
    if not sampled:
        there = [f"{i['name']} ({i['type']}, {i['nominal_srate']:g} Hz)" for i in infos] or ["no stream at all"]
        raise SignalError(
            f"{path} has no evenly sampled stream, but {listed(there)}; wanted one of EEG; record it again"
        )
    if any("corrupt" in line or "Error reading" in line for line in said):
        notes.append("the file is damaged or cut short; what is whole was read")
    return streams


@contextmanager
def _heard(name: str) -> Iterator[list[str]]:
    """What the logger ``name`` says meanwhile, which is not printed."""
    said: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: said.append(record.getMessage())
    logger = logging.getLogger(name)
    before = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield said
    finally:
        logger.removeHandler(handler)
        logger.propagate = before


def _eeg_stream(path: Path, streams: Sequence[Stream], notes: list[str]) -> Stream:
    def known(stream: Stream) -> int:
        return sum(place(label) is not None for label, _, _ in _channels(stream))

    def called(stream: Stream) -> str:
        return _text(stream["info"], "name")

    numeric = [s for s in streams if _text(s["info"], "channel_format") != "string"]
    found = [s for s in numeric if _text(s["info"], "type").lower() == "eeg"] or [s for s in numeric if known(s) > 1]
    found = [s for s in found if len(s["time_stamps"])] or found
    if not found:
        there = [f"{called(s)} ({_text(s['info'], 'type')})" for s in streams]
        raise SignalError(f"{path} has no EEG stream, but {listed(there)}; wanted a stream of type EEG; record one")
    best = max(found, key=lambda s: (known(s), len(s["time_stamps"])))
    if len(found) > 1:
        notes.append(f"of {len(found)} EEG streams, {called(best)} was read")
    return best


def _channels(stream: Stream) -> list[tuple[str, str, str]]:
    """(label, type, unit) of every channel; "ch1", "ch2" and so on, and empty, where the header does not say."""
    count = int(_text(stream["info"], "channel_count"))
    described = (stream["info"].get("desc") or [None])[0]
    groups = (described.get("channels") or [None])[0] if isinstance(described, dict) else None
    entries: list[Any] = list(groups.get("channel") or []) if isinstance(groups, dict) else []
    entries = [entry if isinstance(entry, dict) else {} for entry in entries] if len(entries) == count else [{}] * count
    return [
        (_text(entry, "label") or f"ch{at + 1}", _text(entry, "type"), _text(entry, "unit"))
        for at, entry in enumerate(entries)
    ]


def _text(entry: dict[str, Any], key: str) -> str:
    """The text of an element of a header, of which pyxdf makes lists."""
    values = entry.get(key)
    return str(values[0]).strip() if values and values[0] is not None else ""


def _marks(stream: Stream, origin: float) -> list[Mark]:
    """The samples of a stream of marks; none of a stream that is sampled evenly and not of text."""
    text = _text(stream["info"], "channel_format") == "string"
    if not text and float(_text(stream["info"], "nominal_srate") or 0) > 0:
        return []
    return [
        Mark(float(time) - origin, 0.0, " ".join(str(value) for value in values))
        for time, values in zip(stream["time_stamps"], stream["time_series"], strict=True)
    ]


def _evenly(stamps: NDArray[np.float64], nominal: float) -> tuple[float, list[Run]]:
    """The rate in Hz of samples stamped ``stamps`` (n,) s, and their gapless stretches."""
    second = min(max(1, round(nominal)), len(stamps) - 1)
    step = float(np.median(stamps[second:] - stamps[:-second])) / second
    if not step > 0:
        step = 1 / nominal
    late = stamps - step * np.arange(len(stamps))  # constant, but for jitter, where nothing is lost
    whole = late[: len(late) // second * second].reshape(-1, second)
    jitter = 1.4826 * float(np.median(abs(whole - np.median(whole, 1, keepdims=True))))
    least = max(LOST * step, JITTER * jitter)
    breaks = [0]
    for at in np.flatnonzero(abs(np.diff(late)) > least) + 1:
        if stays_late(late, int(at), breaks[-1], second, least):
            breaks.append(int(at))
    pieces = list(zip(breaks, [*breaks[1:], len(stamps)], strict=True))
    spans = [(b - a, _slope(stamps[a:b])) for a, b in pieces if b - a > 1]
    lasted = sum(n * slope for n, slope in spans)
    measured = sum(n for n, _ in spans) / lasted if lasted > 0 else nominal
    longest = max(b - a for a, b in pieces)
    rate = nominal if abs(longest / nominal - longest / measured) < _DRIFT else measured
    # Of a stretch of given rate, the line that fits best passes through the middle of its stamps.
    return rate, [Run(float(stamps[a:b].mean() - (b - a - 1) / 2 / rate), a, b - a) for a, b in pieces]


def _slope(stamps: NDArray[np.float64]) -> float:
    """Seconds from sample to sample of the line through ``stamps`` (n,) that fits best."""
    index = np.arange(len(stamps)) - (len(stamps) - 1) / 2
    return float(index @ (stamps - stamps.mean()) / (index @ index))
