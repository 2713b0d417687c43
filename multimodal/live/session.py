"""A live session of one person: frames, sound, words and brain waves are pushed as they come, and the state can be asked for.

It is the fold of offline scoring, with somebody else making the chunks: a file pushed through gives what ``affectstream
score --causal`` gives. Encoders run in threads of their own; nothing that is pushed is kept.
"""

import threading
import time as clock
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affectstream.encoders.face.encoder import FaceState, Person
from affectstream.multimodal.agent.state import AffectState
from affectstream.multimodal.causal import Tick, Unfolding
from affectstream.multimodal.closing import Closing
from affectstream.multimodal.combine import state_trace
from affectstream.multimodal.live.brain import LiveBrain
from affectstream.multimodal.live.clock import TickClock
from affectstream.multimodal.live.sound import Sound
from affectstream.multimodal.live.worker import Worker
from affectstream.multimodal.score import Encoders, open_encoders
from affectstream.multimodal.timeline import TICK
from affectstream.multimodal.types import Chunk, Observation, SignalError, Trace

FRAMES, PIECES = 1, 200  # what may wait: one picture; of sound and EEG some seconds


class SeenFace(NamedTuple):
    """A face of the last picture: its track's ``id``, whether it is the ``main`` one, its ``box`` x, y, width, height in
    parts of the picture, and its ``quality`` in [0, 1]."""

    id: int
    main: bool
    box: tuple[float, float, float, float]
    quality: float


@dataclass(frozen=True, eq=False)
class Update:
    """What became of one thing that was pushed.

    ``modality``; ``time`` s up to which it is now heard; ``rows`` that were observed; ``ticks`` that became due, in which are
    the state ten times a second and the events; of a picture ``frame``, its time, the ``faces`` in it, or ``let_go``, if a
    fresher one came before it was looked at; ``spoken`` (start s, end s, text); ``trouble``, a sentence, if it could not be
    heard, and ``ended`` if nothing of this modality will be heard any more; ``took`` s from push to now.
    """

    modality: str
    time: float
    rows: list[Observation] = field(default_factory=list)
    ticks: list[Tick] = field(default_factory=list)
    frame: float | None = None
    faces: list[SeenFace] = field(default_factory=list)
    let_go: bool = False
    spoken: tuple[float, float, str] | None = None
    trouble: str | None = None
    ended: bool = False
    took: float = 0.0


class _Pushed(NamedTuple):
    """One thing that was pushed, and the second of the monotonic clock at which it was."""

    what: Any
    at: float


class AffectSession(Closing):
    """One person, live.

    >>> import numpy as np
    >>> with AffectSession() as session:
    ...     session.push_text(0.0, 1.5, "What a wonderful day!")
    ...     heard = session.drain()
    ...     state = session.state(2.0)
    >>> state.vad.valence > 0.1
    True

    Times are seconds on one clock of the caller's, which only has to be the same for all modalities. ``encoders`` are those of
    :func:`affectstream.multimodal.score.open_encoders` (all shipped ones by default), and can be shared by sessions;
    ``listener`` is told of every :class:`Update`, in the thread that made it; ``frame_rate`` (Hz) is the camera's nominal
    one; ``brain`` judges the EEG, by default one made for the electrodes that are pushed. Pictures never queue: a fresher one takes the place of one that waits. Sound and EEG are never dropped: where too much
    waits, ``push_`` waits. Every method may be called from any thread.
    """

    def __init__(
        self,
        encoders: Encoders | None = None,
        *,
        subject: str = "user",
        listener: Callable[[Update], None] | None = None,
        frame_rate: float = 30.0,
        brain: LiveBrain | None = None,
    ) -> None:
        if not 0 < frame_rate < np.inf:
            raise ValueError(f"frame_rate is {frame_rate} Hz; wanted a positive number")
        self.encoders = open_encoders() if encoders is None else encoders
        self.subject, self.frame_rate = subject, frame_rate
        self._listener = listener
        self._lock = threading.RLock()  # of what follows
        self._clock = TickClock()
        self._unfolding: Unfolding | None = None
        self._workers: dict[str, Worker[_Pushed]] = {}
        self._states: dict[str, Any] = {}
        self._sound = Sound()
        self._brain = brain
        self._closed = False

    def push_frame(self, time: float, image: NDArray[np.uint8] | Callable[[], NDArray[np.uint8]]) -> None:
        """A picture (H, W, 3) uint8 RGB, upright, taken at ``time`` s; or a function that decodes it, called only if it is looked at."""
        begin = _finite(time, "frame") - 0.5 / self.frame_rate
        self._push("face", (time, image), begin, room=FRAMES)

    def push_audio(self, time: float, samples: ArrayLike, rate: int) -> None:
        """Sound (n,) mono in [-1, 1] at ``rate`` Hz, whose first sample was heard at ``time`` s.

        A piece that begins within 0.1 s of where the last ended goes on from there; else the sound had a gap.
        """
        heard = np.asarray(samples, np.float32)
        if heard.ndim != 1 or not 1000 <= rate <= 384_000:
            raise ValueError(f"sound has shape {heard.shape} at {rate} Hz; wanted mono (n,) at 1000 to 384000 Hz")
        self._push("speech", (_finite(time, "sound"), heard, int(rate)), time)

    def push_eeg(self, time: float, samples: ArrayLike, rate: float, names: Sequence[str]) -> None:
        """EEG (n, C) in volts at ``rate`` Hz of the electrodes ``names`` (C,), whose first sample was taken at ``time`` s."""
        data = np.asarray(samples, np.float32)
        if data.ndim != 2 or data.shape[1] != len(names):
            raise ValueError(f"EEG has shape {data.shape}; wanted (n, {len(names)}), one column for each electrode")
        self._push("eeg", (_finite(time, "EEG"), data, float(rate), tuple(names)), time)

    def push_text(self, start: float, end: float, text: str) -> None:
        """Words that were said from ``start`` to ``end`` s."""
        if not _finite(start, "text") <= _finite(end, "text"):
            raise ValueError(f"text lasts from {start} to {end} s; wanted an end that is not before its start")
        self._push("text", (start, end, text), start)

    def state(self, time: float | None = None) -> AffectState:
        """The state at ``time`` s, by default as far as anything was heard; asking changes nothing.

        Raises LateError (a ValueError) for a time more than ten seconds ago.
        """
        with self._lock:
            now = self._clock.now if time is None else time
            unfolding = self._unfolding or Unfolding(subject=self.subject)
            return unfolding.state(now if np.isfinite(now) else 0.0)

    def trace(self, times: Sequence[float]) -> Trace:
        """What is known by now of ``times`` (T,) s, rising, as the trace "state"; raises LateError as :meth:`state` does."""
        with self._lock:
            unfolding = self._unfolding or Unfolding(subject=self.subject)
            beliefs = [unfolding.belief(time) for time in times]
        mean = np.array([belief.mean[:3] for belief in beliefs]).reshape(-1, 3)
        variance = np.array([belief.variance for belief in beliefs]).reshape(-1, 3)
        return state_trace(np.asarray(times, np.float64), mean, variance, unfolding.process, 1 / TICK)

    def advance(self, time: float) -> list[Tick]:
        """Say that it is ``time`` s now, though nothing may have been heard; returns the ticks that became due."""
        with self._lock:
            self._clock.advance(time)
            return self._tick()

    def end(self, modality: str) -> None:
        """``modality`` ("face", "speech", "eeg") stops; what was heard of it counts, and it may begin again."""
        if modality in self._workers:
            self._push(modality, None, self._clock.now)

    def people(self) -> dict[int, Person]:
        """Whom the face encoder has seen so far, by track."""
        state: FaceState | None = self._states.get("face")
        return {} if state is None else dict(state.people)

    def full(self, modality: str) -> bool:
        """Whether pushing more of ``modality`` would have to wait."""
        worker = self._workers.get(modality)
        return worker is not None and worker.full()

    def drain(self, timeout: float | None = None, modality: str | None = None) -> bool:
        """Wait until all that was pushed, or all of one ``modality``, is heard, at most ``timeout`` s; whether it is."""
        workers = dict(self._workers)
        return all(worker.drain(timeout) for name, worker in workers.items() if modality in (None, name))

    def close(self) -> None:
        """Stop; what waits is let go."""
        self._closed = True
        for worker in list(self._workers.values()):
            worker.close()

    def _push(self, modality: str, what: Any, begin: float, *, room: int = PIECES) -> None:
        if getattr(self.encoders, modality) in (None, False):
            raise ValueError(f"got {modality}, whose encoder is not open; open it: open_encoders(['{modality}', ...])")
        with self._lock:
            if self._closed:
                raise RuntimeError("the session is closed; begin another")
            self._clock.begin(begin)
            worker = self._workers.get(modality)
            if worker is None:
                work: dict[str, Callable[[Any], Update]] = {
                    "face": self._see, "speech": self._listen, "eeg": self._sense, "text": self._read
                }  # fmt: skip
                worker = self._workers[modality] = Worker(
                    modality,
                    partial(self._work, modality, work[modality]),
                    partial(self._fail, modality),
                    room=room,
                    fresh=modality == "face",
                    let_go=self._let_go if modality == "face" else None,
                )
        worker.put(_Pushed(what, clock.monotonic()))

    def _work(self, modality: str, work: Callable[[Any], Update], pushed: _Pushed) -> None:
        update = self._stop(modality) if pushed.what is None else work(pushed.what)
        with self._lock:
            if update.ended:
                self._clock.end(modality)
            elif modality != "text":  # which comes when it comes
                self._clock.reach(modality, update.time)
            self._clock.advance(update.time)
            if self._unfolding is None:
                self._unfolding = Unfolding(subject=self.subject, start=self._clock.first - 1.0)
            self._unfolding.hear(update.rows)
            ticks = self._tick()
        self._tell(replace(update, ticks=ticks, took=clock.monotonic() - pushed.at))

    def _tick(self) -> list[Tick]:
        if self._unfolding is None:
            return []
        return [self._unfolding.tick(time) for time in self._clock.due()]

    def _tell(self, update: Update) -> None:
        if self._listener is not None and not self._closed:
            self._listener(update)

    def _fail(self, modality: str, error: Exception, last: bool) -> None:
        """The encoder begins anew with what comes next, unless it has failed too often."""
        with self._lock:
            self._states.pop(modality, None)
            self._clock.end(modality)
        what = str(error) if isinstance(error, SignalError | ValueError) else f"{type(error).__name__}: {error}"
        self._tell(Update(modality, self._clock.now, trouble=what, ended=last))

    def _let_go(self, pushed: _Pushed) -> None:
        if pushed.what is not None:
            self._tell(Update("face", self._clock.now, frame=pushed.what[0], let_go=True))

    def _see(self, what: tuple[float, NDArray[np.uint8] | Callable[[], NDArray[np.uint8]]]) -> Update:
        time, image = what
        picture: NDArray[np.uint8] = image() if callable(image) else image
        encoder = self.encoders.face
        assert encoder is not None
        chunk = Chunk("face", time, self.frame_rate, picture[None])
        state, rows = encoder.observe(self._states.get("face", encoder.initial()), chunk)
        self._states["face"] = state
        return Update("face", time + 0.5 / self.frame_rate, rows, frame=time, faces=self._faces(state, rows, picture))

    def _faces(self, state: FaceState, rows: list[Observation], picture: NDArray[np.uint8]) -> list[SeenFace]:
        height, width = picture.shape[:2]
        quality = {row.source: float(row.quality[-1]) for row in rows}
        main = None if self._unfolding is None else self._unfolding.attention.main
        faces = []
        for track in state.tracks.present():
            x, y, w, h = (track.box / [width, height, width, height]).tolist()
            source = f"face/{track.id}"
            faces.append(SeenFace(track.id, source == (main or source), (x, y, w, h), quality.get(source, 0.0)))
        return faces

    def _listen(self, what: tuple[float, NDArray[np.float32], int]) -> Update:
        encoder = self.encoders.speech
        assert encoder is not None
        state, rows = self._states.get("speech", encoder.initial()), []
        for chunk in self._sound.push(*what):
            state, observations = encoder.observe(state, chunk)
            rows += observations
        self._states["speech"] = state
        return Update("speech", self._sound.until, rows)

    def _sense(self, what: tuple[float, NDArray[np.float32], float, tuple[str, ...]]) -> Update:
        time, samples, rate, names = what
        if self._brain is None or (self._brain.names, self._brain.rate) != (names, rate):
            self._brain = LiveBrain(names, rate, model=self.encoders.eeg_model)
        rows = self._brain.observe(Chunk("eeg", time, rate, samples))
        return Update("eeg", time + len(samples) / rate, rows)

    def _read(self, what: tuple[float, float, str]) -> Update:
        encoder = self.encoders.text
        assert encoder is not None
        start, end, text = what
        words = np.array([text], np.str_)
        chunk = Chunk("text", start, 0.0, words, time=np.array([start]), duration=np.array([end - start]))
        state, rows = encoder.observe(self._states.get("text", encoder.initial()), chunk)
        self._states["text"] = state
        return Update("text", end, rows, spoken=what)

    def _stop(self, modality: str) -> Update:
        """End the run of ``modality``: what its encoder still holds comes out."""
        rows: list[Observation] = []
        encoder = self.encoders.speech
        if modality == "speech" and encoder is not None:
            state = self._states.pop("speech", encoder.initial())
            for chunk in self._sound.finish():
                state, observations = encoder.observe(state, chunk)
                rows += observations
            self._states["speech"], observations = encoder.finish(state)
            rows += observations
        return Update(modality, max(self._clock.now, 0.0) if not rows else self._sound.until, rows, ended=True)


def _finite(time: float, what: str) -> float:
    if not np.isfinite(time):
        raise ValueError(f"{what} at {time} s; wanted finite seconds")
    return float(time)
