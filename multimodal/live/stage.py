"""What a server has to offer: the networks, opened once; a source of pictures; EEG; and the runs that go on now."""

import contextlib
import threading
from pathlib import Path
from typing import Any

from affectstream.multimodal.agent.notice import NOTICE
from affectstream.multimodal.live.eeg_sources import EEGSource
from affectstream.multimodal.live.run import LiveRun
from affectstream.multimodal.live.sources import Camera, Film
from affectstream.multimodal.live.wire import VERSION
from affectstream.multimodal.score import Encoders
from affectstream.multimodal.types import DIMENSIONS, SignalError


class Stage:
    """``encoders`` and a ``source`` of pictures, None for each page's own camera; recordings go to ``folder``.

    ``eeg`` is a source of EEG that all runs hear; with ``publish`` the state of the first page's run goes out over LSL.
    """

    def __init__(
        self,
        encoders: Encoders,
        folder: Path,
        *,
        source: Film | Camera | None = None,
        eeg: EEGSource | None = None,
        publish: bool = False,
    ) -> None:
        self.encoders, self.folder, self.source, self.eeg, self.publish = encoders, folder, source, eeg, publish
        self._lock = threading.Lock()
        self._runs: list[LiveRun] = []
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._shared: LiveRun | None = None

    def start(self) -> None:
        """Begin to hear the EEG."""
        if self.eeg is not None:
            self._go(self._hear_eeg)

    def run_for_page(self) -> tuple[LiveRun, bool]:
        """The run that a new page watches, and whether it is its own."""
        with self._lock:
            if self.source is not None and self._shared is not None:
                return self._shared, False
            rate = 30.0 if self.source is None else self.source.frame_rate
            publish = self.publish and not self._runs
            run = LiveRun(self.encoders, self.folder, frame_rate=rate, eeg=self.eeg, publish=publish)
            self._runs.append(run)
            if self.source is not None:
                self._shared = run
            return run, self.source is None

    def consented(self, run: LiveRun) -> None:
        """Somebody agreed: the source of ``run``, if it is a film or a camera here, begins unless it has."""
        with self._lock:
            if self.source is None or run.started:
                return
            run.started = True
        source = self.source
        self._go(lambda: source.play(run, self._over))

    def leave(self, run: LiveRun) -> None:
        """The page of ``run`` is gone."""
        with self._lock:
            if run in self._runs:
                self._runs.remove(run)
        run.close()

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
        for thread in self._threads:
            thread.join(5)

    def _go(self, what: Any) -> None:
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
