"""Where a live run's pictures and sound come from: the browser, a film played in real time, or a camera of this computer."""

import threading
import time as clock
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectstream.multimodal.live.run import LiveRun
from affectstream.multimodal.media import probe
from affectstream.multimodal.signals import read_audio, read_video
from affectstream.multimodal.subtitles import read_subtitles
from affectstream.multimodal.types import SignalError

SHOWN = 480  # px, width of the pictures that a page is shown
PIECE = 0.05  # s of sound at a time
AGAIN = 2.0  # s until a camera that went is looked for again


class Film:
    """The film at ``path``, played once in real time; its words are those of ``subtitles``, or of its own text track."""

    kind = "file"

    def __init__(self, path: Path, subtitles: Path | None = None) -> None:
        self.path, self.name, self.media = path, path.name, probe(path)
        self.frame_rate = 30.0 if self.media.video is None else self.media.video.rate or 30.0
        text = subtitles or (path if self.media.text else None)
        self._words = None if text is None else read_subtitles(text)

    def play(self, run: LiveRun, over: threading.Event) -> None:
        """Give ``run`` what the film has, each at its time, until it ends or ``over`` is set."""
        begin = np.ceil(run.now() * 10) / 10  # where a tick is, so that the ticks are those of scoring
        parts: list[Iterator[tuple[float, Callable[[], None]]]] = []
        if self.media.video is not None:
            parts.append(self._pictures(run, begin))
        if self.media.audio is not None:
            parts.append(self._sound(run, begin))
        if self._words is not None:
            parts.append(self._said(run, begin))
        players = [threading.Thread(target=_perform, args=(part, run, over), daemon=True) for part in parts]
        for player in players:
            player.start()
        for player in players:
            player.join()
        if not over.is_set():
            for modality in ("face", "speech"):
                run.session.end(modality)
            run.say({"type": "notice", "level": "info", "modality": None, "text": f"{self.name} is over"})

    def _pictures(self, run: LiveRun, begin: float) -> Iterator[tuple[float, Callable[[], None]]]:
        for chunk in read_video(self.path, frames=2):
            for time, image in zip((chunk.times + begin).tolist(), chunk.data, strict=True):
                yield time, _shower(run, time, image)

    def _sound(self, run: LiveRun, begin: float) -> Iterator[tuple[float, Callable[[], None]]]:
        for chunk in read_audio(self.path, seconds=PIECE):
            start = chunk.start + begin

            def hear(start: float = start, samples: Any = chunk.data, rate: int = int(chunk.rate)) -> None:
                run.sound(start, samples, rate)

            yield start + len(chunk) / chunk.rate, hear

    def _said(self, run: LiveRun, begin: float) -> Iterator[tuple[float, Callable[[], None]]]:
        words = self._words
        assert words is not None
        lasting = np.zeros(len(words)) if words.duration is None else words.duration
        said = zip((words.times + begin).tolist(), lasting.tolist(), words.data, strict=True)
        for start, length, text in sorted(said, key=lambda word: word[0] + word[1]):

            def say(start: float = start, end: float = start + length, text: str = str(text)) -> None:
                run.said(start, end, text)

            yield start + length, say


class Camera:
    """Camera ``number`` of this computer, through OpenCV; without sound."""

    kind = "camera"
    frame_rate = 30.0

    def __init__(self, number: int) -> None:
        self.number, self.name = number, f"camera {number}"
        device = self._open()  # to see whether it is there; it is left alone until somebody agrees
        if device is None:
            raise SignalError(
                f"camera {number} cannot be opened; wanted one of this computer's; try another number, or --source browser"
            )
        device.release()

    def _open(self) -> Any:
        import cv2

        device = cv2.VideoCapture(self.number)
        return device if device.isOpened() else None

    def play(self, run: LiveRun, over: threading.Event) -> None:
        """Give ``run`` pictures until ``over`` is set; a camera that goes is looked for again."""
        device = self._open()
        while not over.is_set():
            there, picture = (False, None) if device is None else device.read()
            if there and picture is not None:
                time = run.now()
                _shower(run, time, np.ascontiguousarray(picture[..., ::-1]))()
                continue
            if device is not None:
                device.release()
                run.session.end("face")
                text = f"{self.name} gives no more pictures; it is looked for again"
                run.say({"type": "notice", "level": "warning", "modality": "face", "text": text})
            over.wait(AGAIN)
            device = self._open()
        if device is not None:
            device.release()


def _perform(part: Iterator[tuple[float, Callable[[], None]]], run: LiveRun, over: threading.Event) -> None:
    """Do each of ``part`` at its time."""
    try:
        for time, act in part:
            if over.wait(max(run.opened + time - clock.monotonic(), 0)):
                return
            act()
    except (SignalError, RuntimeError, ValueError) as error:
        run.say({"type": "notice", "level": "error", "modality": None, "text": str(error)})


def _shower(run: LiveRun, time: float, image: NDArray[np.uint8]) -> Callable[[], None]:
    def show() -> None:
        import cv2

        height, width = image.shape[:2]
        scale = min(1.0, SHOWN / width)
        small = image if scale == 1 else cv2.resize(image, (SHOWN, round(height * scale)), interpolation=cv2.INTER_AREA)
        _, jpeg = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])
        run.show(time, jpeg.tobytes(), image)

    return show
