"""A recording of a live run: the pictures that were looked at and the sound, as they came, and the tables that ``score`` writes.

Pictures are kept as the JPEGs that a page sent, so that ``affectstream score --causal`` of the film sees what the live run saw;
of a film or a camera of this computer, as they were shown. The film counts in milliseconds, so that what is done
again after some time may be done one picture earlier or later.
"""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectstream.encoders.face.encoder import FaceState
from affectstream.multimodal.causal import Tick
from affectstream.multimodal.combine import state_trace
from affectstream.multimodal.dynamics.events import Event
from affectstream.multimodal.dynamics.process import OrnsteinUhlenbeck
from affectstream.multimodal.live.reel import Reel
from affectstream.multimodal.live.session import AffectSession, Update
from affectstream.multimodal.media import Media, probe
from affectstream.multimodal.report.write import write_result
from affectstream.multimodal.score import Result, main_face, weights_of
from affectstream.multimodal.timeline import TICK
from affectstream.multimodal.types import Observation, SignalError, Trace

NAME = "live"  # of the files in the folder
PARTS = 500


class RecordingError(Exception):
    """A recording that cannot be written; says why."""


class Recording:
    """What is being recorded, from ``begin`` s on, in a folder of its own in ``parent``; it appears there when it is finished.

    Times in the film and the tables count from ``begin``.
    """

    def __init__(self, parent: Path, begin: float) -> None:
        self.folder = parent / f"{NAME}-{datetime.now().astimezone():%Y%m%d-%H%M%S-%f}"
        self.begin, self.seconds = begin, 0.0
        try:
            parent.mkdir(parents=True, exist_ok=True)
            self._part = Path(tempfile.mkdtemp(prefix=".recording-", dir=parent))
        except OSError as error:
            raise RecordingError(
                f"cannot record into {parent}: {error.strerror}; choose another folder with --out"
            ) from error
        self._reel = Reel(self._part)
        self._rows: dict[str, list[Observation]] = {}
        # time, mean (3) and variance (3) of the state, and of what was fused, with its quality
        self._ticks: list[tuple[float, ...]] = []
        self._events: list[Event] = []
        self._words: list[tuple[float, float, str]] = []
        self._failed: OSError | None = None

    def sound(self, time: float, samples: NDArray[np.float32], rate: int) -> None:
        """Sound as it comes."""
        if time >= self.begin:
            self._keep(self._reel.sound, time - self.begin, samples, rate)

    def hear(self, update: Update, jpeg: bytes | None) -> None:
        """What became of what was pushed; ``jpeg`` the picture that was looked at."""
        if jpeg is not None and update.frame is not None and update.frame >= self.begin:
            self._keep(self._reel.picture, update.frame - self.begin, jpeg)
        for row in update.rows:
            _gather(self._rows.setdefault(row.source, []), row.without_embedding())
        if update.spoken is not None:
            self._words.append(update.spoken)

    def tick(self, ticks: Sequence[Tick]) -> None:
        """The state, ten times a second."""
        for tick in ticks:
            if tick.time >= self.begin:
                fused = tick.fused
                parts = (tick.mean, tick.variance, fused.mean[0], fused.variance[0], fused.quality)
                self._ticks.append((tick.time, *np.concatenate(parts).tolist()))
                self._events += [replace(e, time=e.time - self.begin, found=e.found - self.begin) for e in tick.events]

    def finish(self, session: AffectSession, end: float) -> list[Path]:
        """Write all, and let the folder appear; returns its files. Raises RecordingError; nothing is then left behind."""
        from av.error import FFmpegError

        self.seconds = round(end - self.begin, 3)
        try:
            if self._failed is not None:
                raise self._failed
            film = self._part / f"{NAME}.mkv"
            media = probe(film) if self._reel.finish(film) else Media(self.seconds, None, None, ())
            if self._words:
                (self._part / f"{NAME}.srt").write_text(subtitles(self._words, self.begin), encoding="utf-8")
            result = self._result(session, film, media)
            if result is not None:
                write_result(result, self._part, NAME)
            self._part.rename(self.folder)
        except (OSError, FFmpegError, SignalError) as error:
            raise RecordingError(f"the recording in {self.folder.parent} was lost: {error}") from error
        finally:
            shutil.rmtree(self._part, ignore_errors=True)
        return sorted(self.folder.iterdir())

    def _keep(self, write: Any, *what: Any) -> None:
        try:
            write(*what)
        except OSError as error:
            self._failed = error

    def _result(self, session: AffectSession, film: Path, media: Media) -> Result | None:
        """What ``score`` would call the result; None if nothing was observed."""
        traces = {source: self._moved(Trace.join(self._rows[source])) for source in sorted(self._rows)}
        traces = {source: trace for source, trace in traces.items() if len(trace)}
        if not traces or not self._ticks:
            return None
        ticks = np.array(sorted(self._ticks))  # two threads may have told them in either order
        time, mean, variance = ticks[:, 0] - self.begin, ticks[:, 1:4], ticks[:, 4:7]
        traces |= {
            "fused": Trace(
                "fused", time=time, mean=ticks[:, 7:10], variance=ticks[:, 10:13], quality=ticks[:, 13], span=1 / TICK
            ),
            "state": state_trace(time, mean, variance, OrnsteinUhlenbeck(), 1 / TICK),
        }
        people = {
            track: replace(person, first=max(person.first - self.begin, 0.0), last=person.last - self.begin)
            for track, person in session.people().items()
            if f"face/{track}" in traces
        }
        return Result(
            path=film,
            media=media,
            hz=TICK,
            causal=True,
            traces=traces,
            events=sorted(self._events, key=lambda event: event.found),
            words=[(start - self.begin, end - self.begin, text) for start, end, text in self._words],
            recognised=False,
            faces=FaceState(people=people),
            brain=None,
            main_face=main_face(traces),
            missing={},
            notes=["a recording of a live run, in which the state had begun before the film"],
            weights=weights_of(session.encoders, recognised=False),
            seconds=self.seconds,
        )

    def _moved(self, trace: Trace) -> Trace:
        """``trace`` from the beginning of the recording on, on its clock."""
        trace = trace.take(np.flatnonzero(trace.time >= self.begin))
        return Trace(
            trace.source,
            time=trace.time - self.begin,
            **{name: getattr(trace, name) for name in ("mean", "variance", "quality", "span", "labels")},
            label_names=trace.label_names,
        )


def subtitles(words: Sequence[tuple[float, float, str]], begin: float) -> str:
    """``words``, (start s, end s, text) each, as SubRip of a film that begins at ``begin`` s.

    >>> subtitles([(61.5, 63.0, "Well!")], 60.0)
    '1\\n00:00:01,500 --> 00:00:03,000\\nWell!\\n'
    """
    lines = []
    for k, (start, end, text) in enumerate(words):
        stamps = " --> ".join(_stamp(max(time - begin, 0.0)) for time in (start, end))
        lines.append(f"{k + 1}\n{stamps}\n{' '.join(text.split())}\n")
    return "\n".join(lines)


def _stamp(time: float) -> str:
    milli = round(1000 * time)
    return f"{milli // 3_600_000:02d}:{milli // 60_000 % 60:02d}:{milli // 1000 % 60:02d},{milli % 1000:03d}"


def _gather(parts: list[Trace], row: Trace) -> None:
    """Add ``row`` to the ``parts`` of its trace; many small ones are made one, which needs a tenth of the memory."""
    parts.append(row)
    if len(parts) > PARTS:
        parts[:] = [Trace.join(parts)]
