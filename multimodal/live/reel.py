"""Pictures and sound as they came, kept on disk, and at the end put together as a film; nothing is encoded anew."""

import heapq
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from affectstream.multimodal.live.sound import GAP
from affectstream.multimodal.live.wire import jpeg_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.packet import Packet

MILLI = Fraction(1, 1000)


class Reel:
    """What is to be in a film, in two files of ``folder``: JPEGs and 16-bit mono sound, each with its times in s."""

    def __init__(self, folder: Path) -> None:
        self._jpegs, self._sound = folder / "pictures.part", folder / "sound.part"
        self._pictures: list[tuple[float, int]] = []  # time, bytes
        self._pieces: list[tuple[float, int]] = []  # time, samples
        self._due = -np.inf
        self.size: tuple[int, int] | None = None
        self.rate = 0

    def picture(self, time: float, jpeg: bytes) -> None:
        """Add a picture; one that is not later than the last is left out."""
        if self._pictures and time <= self._pictures[-1][0]:
            return
        self.size = self.size or jpeg_size(jpeg)
        with self._jpegs.open("ab") as file:
            file.write(jpeg)
        self._pictures.append((time, len(jpeg)))

    def sound(self, time: float, samples: NDArray[np.float32], rate: int) -> None:
        """Add sound (n,) in [-1, 1]; that of another rate than the first is left out.

        It goes on where the last ended unless it comes clearly later: what comes too early would overlap.
        """
        self.rate = self.rate or rate
        if rate != self.rate or not len(samples):
            return
        begin = time if time > self._due + GAP else self._due
        with self._sound.open("ab") as file:
            file.write(np.clip(samples * 32768, -32768, 32767).astype("<i2").tobytes())
        self._pieces.append((begin, len(samples)))
        self._due = begin + len(samples) / rate

    def finish(self, path: Path) -> bool:
        """Write the film (Matroska) to ``path`` and remove the parts; False if there was nothing."""
        if not self._pictures and not self._pieces:
            return False
        import av

        with av.open(str(path), "w", format="matroska") as container:
            tracks = []
            if self.size is not None:
                video = cast(Any, container.add_stream("mjpeg", rate=30))
                video.width, video.height = self.size
                video.pix_fmt, video.time_base = "yuvj420p", MILLI
                tracks.append(_packets(video, self._jpegs, self._pictures, 1))
            if self._pieces:
                audio = cast(Any, container.add_stream("pcm_s16le", rate=self.rate, layout="mono"))
                audio.time_base = MILLI
                tracks.append(_packets(audio, self._sound, self._pieces, 2))
            for packet in heapq.merge(*tracks, key=lambda packet: packet.pts or 0):
                container.mux(packet)
        self._jpegs.unlink(missing_ok=True)
        self._sound.unlink(missing_ok=True)
        return True


def _packets(stream: Any, path: Path, index: list[tuple[float, int]], width: int) -> "Iterator[Packet]":
    """The parts in ``path``, each with its time and its number of units of ``width`` bytes, as packets of ``stream``."""
    from av.packet import Packet

    with path.open("rb") as file:
        for time, count in index:
            packet = Packet(file.read(count * width))
            packet.stream, packet.time_base = stream, MILLI
            packet.pts = packet.dts = round(1000 * time)
            packet.is_keyframe = True
            yield packet
