"""What a server has to offer: the networks, opened once; a source of pictures; EEG; and the runs that go on now."""

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from affectstream.multimodal.agent.feed import Feed
from affectstream.multimodal.agent.notice import NOTICE
from affectstream.multimodal.live.eeg_sources import EEGSource
from affectstream.multimodal.live.lsl_out import StateOutlet
from affectstream.multimodal.live.replay import Replay, Written
from affectstream.multimodal.live.run import LiveRun
from affectstream.multimodal.live.sources import Camera, Film
from affectstream.multimodal.live.wire import VERSION
from affectstream.multimodal.score import Encoders
from affectstream.multimodal.types import DIMENSIONS, SignalError


class Stage:
    """``encoders`` and a ``source``, None for each page's own camera; recordings go to ``folder``.

    ``eeg`` is a source of EEG that all runs hear. One run's state is published in ``feed``, and with ``publish`` over LSL too: that of the run which
    was there first; when it leaves, that of the next, or of nobody. With ``at_once`` the source begins before a page is opened.
    """

    def __init__(
        self,
        encoders: Encoders,
        folder: Path,
        *,
        source: Film | Camera | Replay | Written | None = None,
        eeg: EEGSource | None = None,
        publish: bool = False,
        at_once: bool = False,
    ) -> None:
        self.encoders, self.folder, self.source, self.eeg, self.publish = encoders, folder, source, eeg, publish
        self.at_once = at_once
        self.feed = Feed("a browser's camera" if source is None else f"{source.kind}: {source.name}")
        self._lock = threading.Lock()
        self._runs: list[LiveRun] = []
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._shared: LiveRun | None = None

    def start(self) -> None:
        """Begin to hear the EEG, to play a table, and whatever else begins at once."""
        source = self.source
        if self.eeg is not None:
            self._go(self._hear_eeg)
        if isinstance(source, Replay):
            self._go(lambda: source.play(self.feed, self._over))
        elif self.at_once and source is not None:
            self.consented(self.run_for_page()[0])

    def run_for_page(self) -> tuple[LiveRun, bool]:
        """The run that a new page watches, and whether it is its own; raises SignalError if there is nothing to watch."""
        if isinstance(self.source, Replay):
            raise SignalError(f"{self.source.name} is played to agents only; read /state or /stream")
        with self._lock:
            if self.source is not None and self._shared is not None:
                return self._shared, False
            rate = 30.0 if self.source is None else self.source.frame_rate
            run = LiveRun(self.encoders, self.folder, frame_rate=rate, eeg=self.eeg)
            if not self._runs:
                self._publish(run)
            self._runs.append(run)
            if self.source is not None:
                self._shared = run
            return run, self.source is None

    def consented(self, run: LiveRun) -> None:
        """Somebody agreed: the source of ``run``, if it is a film or a camera here, begins unless it has."""
        with self._lock:
            source = self.source
            if source is None or isinstance(source, Replay) or run.started:
                return
            run.started = True
        self._go(lambda: source.play(run, self._over))

    def leave(self, run: LiveRun) -> None:
        """The page of ``run`` is gone."""
        with self._lock:
            first = run in self._runs[:1]
            if run in self._runs:
                self._runs.remove(run)
        run.close()
        if first:
            with self._lock:
                if self._runs:
                    self._publish(self._runs[0])
                else:
                    self.feed.begin(None)

    def hear_text(self, text: str, start: float, end: float) -> None:
        """The person whose state is published said ``text`` from ``start`` to ``end`` s; returns when it is heard.

        Raises ValueError if nobody is there, if words are not heard, and for what is still to come.
        """
        with self._lock:
            run = self._runs[0] if self._runs else None
        if run is None:
            raise ValueError("there is nobody to hear; wait until a page is open, or start with --source text")
        if not start <= end <= run.now():
            raise ValueError(f"text from {start:.1f} to {end:.1f} s; wanted a stretch of this session that is over")
        run.heed(max(start, 0.0), max(end, 0.0), text)

    def beat(self) -> None:
        """Move every run's clock on."""
        for run in list(self._runs):
            run.beat()

    def welcome(self, run: LiveRun) -> dict[str, Any]:
        """The first message to a page."""
        kind, name = ("browser", "your camera") if self.source is None else (self.source.kind, self.source.name)
        return {
            "type": "welcome",
            "version": VERSION,
            "source": {"kind": kind, "name": name},
            "eeg": run.electrodes(),
            "dimensions": list(DIMENSIONS),
            "notice": NOTICE,
            "folder": str(self.folder.resolve()),
        }

    def close(self) -> None:
        """End all runs; recordings are finished."""
        self._over.set()
        if self.eeg is not None:
            self.eeg.close()
        for run in list(self._runs):
            run.close()
        self.feed.close()
        for thread in self._threads:
            thread.join(5)

    def _publish(self, run: LiveRun) -> None:
        run.publish(self.feed, StateOutlet(opened=run.opened) if self.publish else None)

    def _go(self, what: Callable[[], None]) -> None:
        thread = threading.Thread(target=what, name="affectstream-source", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _hear_eeg(self) -> None:
        assert self.eeg is not None
        why = "ended"
        try:
            for chunk in self.eeg.chunks():
                for run in list(self._runs):
                    with contextlib.suppress(RuntimeError):  # it has just been closed
                        run.brain_waves(chunk)
        except SignalError as error:
            why = f"ended: {error}"
        for run in list(self._runs):
            text = f"the EEG of {self.eeg.name} {why}"
            run.say({"type": "notice", "level": "warning", "modality": "eeg", "text": text})
