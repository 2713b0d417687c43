"""One live run: a session, its clock, whoever watches it, and a recording if one was asked for.

A browser's camera makes a run of its own for every page; a file or a camera of this computer one that all pages watch.
"""

import json
import math
import threading
import time as clock
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectstream.multimodal.agent.feed import Feed
from affectstream.multimodal.agent.state import Happening
from affectstream.multimodal.dynamics.estimator import HORIZON
from affectstream.multimodal.live.brain import LiveBrain
from affectstream.multimodal.live.eeg_sources import EEGSource
from affectstream.multimodal.live.guide import Guide
from affectstream.multimodal.live.lsl_out import StateOutlet
from affectstream.multimodal.live.record import Recording, RecordingError
from affectstream.multimodal.live.session import AffectSession, Update
from affectstream.multimodal.live.wire import WireError, decode_jpeg, number, write_picture
from affectstream.multimodal.score import Encoders
from affectstream.multimodal.types import DIMENSIONS, Chunk, Observation

Watcher = Callable[[str | bytes], None]
GUIDED = 0.5  # s between two messages of the calibration
LATE = 2.0  # s after which a page's picture is not looked at any more
SILENT = 0.2  # s without a picture after which the state is told anyway
COUNTED = 2.0  # s over which pictures a second are counted
WORDS = 30.0  # s to wait for words to be heard
REMEMBERED = HORIZON - 1.0  # s for which it can be said what is known of a moment by now


class LiveRun:
    """A session that tells its watchers, in the words of affect-live/1, what becomes of what it is given.

    Times are seconds since ``opened``, a second of the monotonic clock. Recordings go to ``folder``. ``eeg`` is the source
    whose chunks come to :meth:`brain_waves`. Any thread may call.
    """

    def __init__(
        self,
        encoders: Encoders,
        folder: Path,
        *,
        frame_rate: float = 30.0,
        eeg: EEGSource | None = None,
    ) -> None:
        self.opened = clock.monotonic()
        self.folder = folder
        self.started = False  # what is not the page's own camera
        self._eeg = eeg
        self._brain, self._guide, self._told_guide = None, None, 0.0
        if eeg is not None:
            rest = [(begin + self._shift, end + self._shift) for begin, end in eeg.rest]
            self._brain = LiveBrain(eeg.names, eeg.rate, rest=rest, model=encoders.eeg_model)
            self._guide = Guide(self._brain)
        self._feed: Feed | None = None
        self._outlet: StateOutlet | None = None
        self.session = AffectSession(encoders, listener=self._told, frame_rate=frame_rate, brain=self._brain)
        self.recording: Recording | None = None
        self._lock = threading.RLock()
        self._watchers: list[Watcher] = []
        self._pictures: dict[float, bytes] = {}  # that wait to be looked at, while recording
        self._rows: list[Any] = []  # observed, and not yet told
        self._events: list[Any] = []
        self._looked: deque[float] = deque()
        self._dropped = 0
        self._said = 0.0

    def now(self) -> float:
        """Seconds since the run began."""
        return clock.monotonic() - self.opened

    def watch(self, watcher: Watcher) -> None:
        """Tell ``watcher`` every message from now on; it must not take its time."""
        with self._lock:
            self._watchers.append(watcher)

    def unwatch(self, watcher: Watcher) -> None:
        """Tell ``watcher`` no more."""
        with self._lock:
            if watcher in self._watchers:
                self._watchers.remove(watcher)

    def publish(self, feed: Feed, outlet: StateOutlet | None) -> None:
        """From now on the state goes to ``feed``, where a session begins, and to ``outlet``, until the run is closed."""
        with self._lock:
            feed.begin(clock.time() - self.now())
            self._feed, self._outlet = feed, outlet

    def say(self, message: dict[str, Any] | str | bytes) -> None:
        """Send ``message`` to all who watch."""
        said = json.dumps(message, separators=(",", ":")) if isinstance(message, dict) else message
        with self._lock:
            for watcher in self._watchers:
                watcher(said)

    def picture(self, time: float, jpeg: bytes) -> None:
        """A picture of ``time`` s from a page, decoded only if it is looked at; one that comes too late is let go."""
        if self.now() - time > LATE:
            self._told(Update("face", time, frame=time, let_go=True))
        else:
            self._look(time, jpeg, partial(decode_jpeg, jpeg))

    def show(self, time: float, jpeg: bytes, image: NDArray[np.uint8]) -> None:
        """A picture of ``time`` s that does not come from a page: ``image`` is looked at, and ``jpeg`` shown to all who watch."""
        self._look(time, jpeg, image)
        self.say(write_picture(time, jpeg))

    def _look(self, time: float, jpeg: bytes, image: NDArray[np.uint8] | Callable[[], NDArray[np.uint8]]) -> None:
        if self.session.encoders.face is None:
            return
        with self._lock:
            if self.recording is not None:
                self._pictures[time] = jpeg
        self.session.push_frame(time, image)

    def sound(self, time: float, samples: NDArray[np.float32], rate: int) -> None:
        """Sound, as :meth:`AffectSession.push_audio` takes it."""
        if self.session.encoders.speech is None:
            return
        with self._lock:
            if self.recording is not None:
                self.recording.sound(time, samples, rate)
        self.session.push_audio(time, samples, rate)

    def said(self, start: float, end: float, text: str) -> None:
        """Words, as :meth:`AffectSession.push_text` takes them."""
        if self.session.encoders.text is not None:
            self.session.push_text(start, end, text)

    def heed(self, start: float, end: float, text: str) -> None:
        """Words, as :meth:`said` takes them; returns when they are heard, and what was published of the last seconds knows them.

        Raises ValueError if words are not heard here, or could not be heard in time.
        """
        if self.session.encoders.text is None:
            raise ValueError("words are not heard here; add text to --modalities")
        self.session.push_text(start, end, text)
        if not self.session.drain(WORDS, "text"):
            raise ValueError(f"the words were not heard within {WORDS:g} s; try again")
        with self._lock:
            self._say_state(self.now(), None, [], 0.0)

    def brain_waves(self, chunk: Chunk) -> None:
        """A chunk of the EEG source, on its clock."""
        if self._eeg is not None and chunk.start + self._shift >= 0:
            self.session.push_eeg(chunk.start + self._shift, chunk.data, chunk.rate, self._eeg.names)

    def electrodes(self) -> dict[str, Any] | None:
        """What a page is told of the EEG at first."""
        if self._eeg is None or self._brain is None:
            return None
        return {"name": self._eeg.name, "electrodes": list(self._brain.names), "bands": list(self._brain.bands)}

    def calibrate(self, words: dict[str, Any]) -> None:
        """What the page says to the guided calibration; raises WireError for what it cannot be told."""
        guide, now = self._guide, self.now()
        if guide is None:
            raise WireError("calibrate without EEG; start with --eeg")
        with self._lock:
            match words.get("do"):
                case "begin":
                    guide.begin(now)
                case "next":
                    guide.next(now)
                case "cancel":
                    guide.cancel()
                case "rate":
                    vad = [number(words, name, -1, 1) for name in DIMENSIONS]
                    try:
                        guide.rate(now, vad)
                    except ValueError as error:
                        self.say({"type": "notice", "level": "info", "modality": "eeg", "text": str(error)})
                case other:
                    raise WireError(f"calibrate: do is {other!r}; wanted begin, next, rate or cancel")
            self._say_guide(now)

    def beat(self) -> None:
        """Move the clock on; to be called a few times a second, so that the state goes on where nothing comes."""
        now = self.now()
        ticks = self.session.advance(now)
        with self._lock:
            self._happened(ticks)
            if now - self._told_guide >= GUIDED:
                self._say_guide(now)
            if now - self._said >= SILENT:
                self._say_state(now, None, [], 0.0)

    def record(self, on: bool) -> None:
        """Begin or end a recording, and say where it is; raises RecordingError if it cannot be written."""
        with self._lock:
            if on and self.recording is None:
                self.recording = Recording(self.folder, self.now())
                self.say({"type": "recording", "on": True, "folder": str(self.recording.folder)})
                return
            if on or self.recording is None:
                return
            done, self.recording = self.recording, None
            self._pictures.clear()
        files: list[Path] = []
        try:
            files = done.finish(self.session, self.now())
        finally:
            self.say(
                {"type": "recording", "on": False, "folder": str(done.folder), "files": [f.name for f in files], "seconds": done.seconds}
            )  # fmt: skip

    @property
    def _shift(self) -> float:
        """What to add to the EEG's clock, s."""
        return 0.0 if self._eeg is None else self._eeg.opened - self.opened

    def _say_guide(self, now: float) -> None:
        if self._guide is None:
            return
        message = self._guide.tick(now)
        self._told_guide = now
        if message is not None:
            if message["step"] == "done" and self.recording is not None:
                self._guide.save(self.folder)
            self.say(message)

    def close(self) -> None:
        """End the run; a recording is finished first."""
        try:
            self.record(False)
        except RecordingError as error:
            self.say({"type": "notice", "level": "error", "modality": None, "text": str(error)})
        self.session.close()
        with self._lock:
            if self._outlet is not None:
                self._outlet.close()
            self._feed = self._outlet = None

    def _told(self, update: Update) -> None:
        """What the session says: called in the encoders' threads."""
        with self._lock:
            self._rows += [row for observation in update.rows for row in _rows(observation)]
            self._happened(update.ticks)
            jpeg = None if update.frame is None else self._pictures.pop(update.frame, None)
            if update.frame is not None and not update.let_go:  # pictures are looked at in order
                self._pictures = {time: kept for time, kept in self._pictures.items() if time > update.frame}
            if self.recording is not None:
                self.recording.hear(update, None if update.let_go else jpeg)
            if update.let_go:
                self._dropped += 1
                self.say({"type": "dropped", "frame": update.frame})
            elif update.frame is not None:
                self._looked.append(self.now())
                self._say_state(update.time, update.frame, update.faces, update.took)
            if update.modality == "eeg" and update.rows and self._brain is not None:
                panel = self._brain.panel()
                if panel is not None:
                    self.say(panel)
            if update.spoken is not None:
                start, end, text = update.spoken
                self._amend((start + end) / 2)
                self.say({"type": "words", "start": start, "end": end, "text": text})
            if update.trouble is not None:
                over = "; it is given up" if update.ended else ""
                level = "error" if update.ended else "warning"
                text = f"{update.modality} could not be read: {update.trouble}{over}"
                self.say({"type": "notice", "level": level, "modality": update.modality, "text": text})

    def _amend(self, since: float) -> None:
        """Words are heard of late: what was published from ``since`` s on is known better now."""
        if self._feed is not None:
            told = self._feed.told(since=max(since, self.now() - REMEMBERED))
            self._feed.amend(self.session.trace([one.time for one in told]))

    def _happened(self, ticks: list[Any]) -> None:
        if self.recording is not None:
            self.recording.tick(ticks)
        self._events += [event.to_dict() for tick in ticks for event in tick.events]

    def _say_state(self, time: float, frame: float | None, faces: list[Any], took: float) -> None:
        now = self.now()
        while self._looked and now - self._looked[0] > COUNTED:
            self._looked.popleft()
        state = self.session.state(time)
        rest = {
            "faces": [{"id": f.id, "main": f.main, "box": [round(v, 4) for v in f.box], "quality": round(f.quality, 3)} for f in faces],
            "rows": self._rows,
            "events": self._events,
            "rate": round(len(self._looked) / min(COUNTED, max(now, 0.5)), 1),
            "dropped": self._dropped,
            "server_ms": round(1000 * took, 1),
        }  # fmt: skip
        if self._outlet is not None:
            self._outlet.push(state, [Happening(**event) for event in self._events])
        if self._feed is not None:
            self._feed.put(state)
        self._rows, self._events, self._said = [], [], now
        head = json.dumps({"type": "state", "time": round(time, 6), "frame": frame}, separators=(",", ":"))
        tail = json.dumps(rest, separators=(",", ":"))
        self.say(f'{head[:-1]},"state":{state.to_json()},{tail[1:]}')


def _rows(observation: Observation) -> list[list[Any]]:
    """Rows as the wire has them: unknown is null."""
    return [
        [observation.source, round(time, 4), _plain(mean), _plain(sd), round(quality, 3)]
        for time, mean, sd, quality in zip(
            observation.time.tolist(), observation.mean, observation.sd, observation.quality.tolist(), strict=True
        )
    ]


def _plain(values: Any) -> list[float | None]:
    return [None if math.isnan(value) else round(value, 4) for value in values.tolist()]
