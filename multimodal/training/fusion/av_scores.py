"""What the shipped encoders say of a video, twice a second, made once and kept."""

import hashlib
import json
import warnings
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from affectstream.encoders.checkpoint import checkpoint_folder
from affectstream.encoders.face.encoder import FaceEncoder
from affectstream.encoders.speech.encoder import SpeechEncoder
from affectstream.encoders.text.encoder import TextEncoder
from affectstream.multimodal.fusion.learned import EMOTIONS, six_shares
from affectstream.multimodal.signals import Media, SignalWarning, probe, read_audio, read_subtitles, read_video
from affectstream.multimodal.timeline import grid, read_at
from affectstream.multimodal.types import Chunk, Observation, SignalError, Trace
from affectstream.multimodal.whole import save_arrays

HZ = 2.0  # instants a second
LOOKS = 5.0  # pictures a second that faces are looked for in
WEIGHTS = ("face-small", "yunet", "speech-emodb", "whisper-base-3", "text-minilm")
VERSION = 1  # of what is kept; it changes when the same file would give other numbers
View = Literal["whole", "left", "right"]  # of the picture


class Said(NamedTuple):
    """What M sources say at G instants, 1 / :data:`HZ` s apart from 0 s on.

    ``mean`` and ``log_var`` (G, M, 3), valence, arousal, dominance in [-1, 1] and their log-variance; ``emotions`` (G, M, 6),
    shares of :data:`EMOTIONS`; NaN where unknown; ``presence`` (G, M) in [0, 1], how far the signal could be read, 0 where it is
    silent. All float32.
    """

    mean: NDArray[np.float32]
    log_var: NDArray[np.float32]
    emotions: NDArray[np.float32]
    presence: NDArray[np.float32]


class Scorer:
    """Scores videos: a face in each of the ``views``, the voice and the words, which are the sources, in this order.

    Of a view's faces the one seen longest and best counts. Words come with the corpus, from a text track of the file, or an
    .srt or .vtt file beside it. What was said of a file is kept in the folder ``cache``, by the files' names, sizes and dates.
    """

    def __init__(self, views: Sequence[View], cache: Path) -> None:
        self.views, self.cache = tuple(views), cache
        cards = b"".join((checkpoint_folder() / f"{name}.json").read_bytes() for name in WEIGHTS)
        self._weights = hashlib.sha256(cards).hexdigest()

    @cached_property
    def face(self) -> FaceEncoder:
        return FaceEncoder.load()

    @cached_property
    def speech(self) -> SpeechEncoder:
        return SpeechEncoder.load()

    @cached_property
    def text(self) -> TextEncoder:
        return TextEncoder.load()

    def __call__(self, path: Path, transcript: str = "") -> Said:
        """What is said of the video ``path``, of which the ``transcript``, if any, is all that is spoken, at a time unknown.

        Raises SignalError or OSError for a file that cannot be read.
        """
        files = [(p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in (path, *_beside(path))]
        key = [VERSION, self._weights, self.views, files, transcript]
        kept = self.cache / f"said-{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]}.npz"
        if not kept.exists():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SignalWarning)  # what is whole of a damaged file counts
                said = self._score(path, transcript)
            save_arrays(kept, said._asdict())
        with np.load(kept) as file:
            return Said(*(file[name] for name in Said._fields))

    def _score(self, path: Path, transcript: str) -> Said:
        media = probe(path)
        traces: list[Trace | None] = []
        traces += self._faces(path) if media.video is not None else [None] * len(self.views)
        traces.append(self._voice(path) if media.audio is not None else None)
        ends = [float(t.time[-1] + t.span[-1] / 2) for t in traces if t is not None and len(t)]
        end = media.duration or max(ends, default=0.0)
        words = _words(path, media, transcript, end)
        traces.append(None if words is None else self._joined(self.text.observe(self.text.initial(), words)[1]))
        times = grid(0.0, end, HZ)
        columns = [_column(trace, times) for trace in traces]
        return Said(*(np.stack(part, 1) for part in zip(*columns, strict=True)))

    def _faces(self, path: Path) -> list[Trace | None]:
        """The main face of each view."""
        states = [self.face.initial() for _ in self.views]
        found: list[dict[str, list[Observation]]] = [{} for _ in self.views]
        for chunk in thinned(read_video(path), LOOKS):
            for v, view in enumerate(self.views):
                states[v], rows = self.face.observe(states[v], seen_from(chunk, view))
                for row in rows:
                    found[v].setdefault(row.source, []).append(row.without_embedding())
        faces = [[Trace.join(rows) for rows in by_track.values()] for by_track in found]
        return [max(tracks, key=lambda t: float((t.quality * t.span).sum()), default=None) for tracks in faces]

    def _voice(self, path: Path) -> Trace | None:
        state, found = self.speech.initial(), []
        try:
            for chunk in read_audio(path, seconds=10.0):
                state, rows = self.speech.observe(state, chunk)
                found += rows
        except SignalError:  # the pictures may still be good
            return None
        return self._joined([*found, *self.speech.finish(state)[1]])

    @staticmethod
    def _joined(rows: Sequence[Observation]) -> Trace | None:
        return Trace.join([row.without_embedding() for row in rows]) if rows else None


def thinned(chunks: Iterable[Chunk], hz: float) -> Iterator[Chunk]:
    """At most ``hz`` pictures a second of the ``chunks``: the first of each slot of time."""
    last = -np.inf
    for chunk in chunks:
        slot = np.floor(chunk.times * hz + 1e-6)
        kept = np.flatnonzero(slot > np.maximum.accumulate(np.concatenate([[last], slot]))[:-1])
        last = max(last, float(slot.max()))
        if len(kept):
            yield Chunk("face", float(chunk.times[kept[0]]), hz, chunk.data[kept], time=chunk.times[kept])


def seen_from(chunk: Chunk, view: View) -> Chunk:
    """The part ``view`` of the pictures (n, H, W, 3) of ``chunk``."""
    half = chunk.data.shape[2] // 2
    part = {"whole": slice(None), "left": slice(0, half), "right": slice(half, None)}[view]
    return Chunk("face", chunk.start, chunk.rate, np.ascontiguousarray(chunk.data[:, :, part]), time=chunk.time)


def on_grid(time: NDArray[np.floating], vad: NDArray[np.floating], size: int) -> NDArray[np.float32]:
    """Ratings ``vad`` (T, 3) at the ``time`` (T,) in s as their means at ``size`` instants (G, 3); NaN where there is none.

    >>> on_grid(np.array([0.0, 0.2, 0.3]), np.array([[0.0], [1.0], [0.5]]).repeat(3, 1), 2)[:, 0].tolist()
    [0.5, 0.5]
    """
    cell = np.floor(time * HZ + 0.5).astype(int)
    inside = (cell >= 0) & (cell < size)
    cell, vad = cell[inside], vad[inside]
    known = np.isfinite(vad)
    columns = range(vad.shape[1])
    total = np.stack([np.bincount(cell, np.where(known[:, d], vad[:, d], 0), minlength=size) for d in columns], 1)
    count = np.stack([np.bincount(cell[known[:, d]], minlength=size) for d in columns], 1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)


def _beside(path: Path) -> list[Path]:
    return [beside for ending in (".srt", ".vtt") if (beside := path.with_suffix(ending)).is_file()]


def _words(path: Path, media: Media, transcript: str, end: float) -> Chunk | None:
    """What is said, as utterances; None if it is not known."""
    if transcript:
        return Chunk("text", 0.0, 0.0, np.array([transcript]), time=np.zeros(1), duration=np.array([end]))
    source = path if media.text else next(iter(_beside(path)), None)
    return None if source is None else read_subtitles(source)


def _column(trace: Trace | None, times: NDArray[np.float64]) -> Said:
    """What one source says at the ``times`` (G,), as :class:`Said` without its axis of sources."""
    size = len(times)
    if trace is None or not len(trace):
        unknown = np.full((size, 3), np.nan, np.float32)
        return Said(unknown, unknown, np.full((size, 6), np.nan, np.float32), np.zeros(size, np.float32))
    reading = read_at(trace, times, HZ)
    heard = np.isfinite(reading.mean).all(1) & (reading.quality > 0)
    emotions = np.full((size, 6), np.nan)
    if trace.labels is not None and set(EMOTIONS) <= set(trace.label_names):
        share = six_shares(trace.labels, trace.label_names)
        halves = [_like(trace, share[:, part]) for part in (slice(0, 3), slice(3, 6))]
        emotions = np.concatenate([read_at(half, times, HZ).mean for half in halves], 1)
    return Said(
        np.where(heard[:, None], reading.mean, np.nan).astype(np.float32),
        np.where(heard[:, None], np.log(reading.variance), np.nan).astype(np.float32),
        np.where(heard[:, None], emotions, np.nan).astype(np.float32),
        np.where(heard, np.clip(reading.quality, 0, 1), 0).astype(np.float32),
    )


def _like(trace: Trace, values: NDArray[np.floating]) -> Trace:
    """A trace of other ``values`` (T, 3) at the same times, of the same quality."""
    ones = np.ones((len(trace), 3))
    return Trace(trace.source, time=trace.time, mean=values, variance=ones, quality=trace.quality, span=trace.span)
