"""Where live EEG comes from: a headset's LSL stream, a file played in real time, or a board that makes some up.

Whatever it is, it is asked for chunks of volts until it ends, and says on this machine's clock when its time began.
"""

import math
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np

from affectstream.multimodal.closing import Closing
from affectstream.multimodal.eeg.lsl import BUFFERED, open_lsl
from affectstream.multimodal.eeg.recordings import ENDINGS, is_recording, open_recording
from affectstream.multimodal.eeg.runs import Runs
from affectstream.multimodal.eeg.scoring import rest_stretches
from affectstream.multimodal.types import Chunk, SignalError

LSL = "lsl:"
SYNTHETIC = "synthetic"
_CHUNK = 0.1  # s of a file that are given at once
_PAUSE = 0.02  # s between two looks at the board


class EEGSource(Protocol):
    """A signal that comes as time goes by.

    ``name`` is how it was asked for; ``names`` are the electrodes, ``rate`` is in Hz; ``rest`` are the stretches,
    (begin s, end s), that are known to be rest; ``notes`` say what was mended or lost up to now; ``opened`` is the second
    of ``time.monotonic()`` at which the chunks' time is 0. :meth:`close` may be called from any thread, and ends
    :meth:`chunks`, which one thread asks for.
    """

    name: str
    names: tuple[str, ...]
    rate: float
    rest: tuple[tuple[float, float], ...]
    opened: float

    @property
    def notes(self) -> tuple[str, ...]: ...

    def chunks(self) -> Iterator[Chunk]:
        """The samples as they come: modality "eeg", (n, electrodes) float32 volts, NaN where there is no number."""
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def open_eeg(what: str) -> EEGSource:
    """The EEG called ``what``: "lsl:NAME", "synthetic", or the path of a recording, which is played in real time.

    Raises SignalError if it is none of these, is not there, cannot be read, or needs a package that is not installed.
    """
    if what.startswith(LSL):
        return open_lsl(what.removeprefix(LSL))
    if what == SYNTHETIC:
        return Synthetic()
    if is_recording(what):
        return Replay(Path(what))
    raise SignalError(
        f"{what!r} is no EEG that can be opened; wanted {LSL}NAME with the name of an LSL stream, {SYNTHETIC!r}, or the path "
        f"of a recording ({', '.join(ENDINGS)})"
    )


class _Closing(Closing):
    """A source that gives no more once it is closed."""

    def __init__(self) -> None:
        self._closed = threading.Event()

    def close(self) -> None:
        """Give no more."""
        self._closed.set()


class Replay(_Closing):
    """The recording ``path`` as if it were made now, ``speed`` times as fast (``inf``: as fast as it is asked for).

    ``rest`` are the stretches that its marks call rest. Raises SignalError as
    :func:`affectstream.multimodal.eeg.recordings.open_recording`, ValueError for a ``speed`` that is not positive.
    """

    def __init__(self, path: Path, *, speed: float = 1.0) -> None:
        if not speed > 0:
            raise ValueError(f"speed is {speed}; wanted a positive number, 1 for real time")
        super().__init__()
        self._recording = open_recording(path)
        self._speed = speed
        self.name = path.name
        self.names, self.rate = self._recording.names, self._recording.rate
        self.rest = rest_stretches(self._recording.marks, self._recording.duration)
        self.opened = time.monotonic()

    @property
    def notes(self) -> tuple[str, ...]:
        """What was mended in the file or left out of it."""
        return self._recording.notes

    def chunks(self) -> Iterator[Chunk]:
        """The samples, 0.1 s at once, each chunk when its last sample is due; late ones at once, so that nothing is lost."""
        for chunk in self._recording.chunks(_CHUNK):
            due = self.opened + (chunk.start + len(chunk) / chunk.rate) / self._speed
            if self._closed.wait(max(0.0, due - time.monotonic())):
                return
            yield chunk


class Synthetic(_Closing):
    """Brainflow's synthetic board: 16 electrodes of sines and noise, to try everything without a headset.

    No affect is in it. Raises SignalError if brainflow is not installed or the board is open in this process.
    """

    _free = threading.Lock()  # one board of a kind in a process; a second would take down the first as it fails

    def __init__(self) -> None:
        super().__init__()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # brainflow says that pkg_resources, which it uses, is old
                from brainflow.board_shim import BoardIds, BoardShim, BrainFlowInputParams
                from brainflow.exit_codes import BrainFlowError

                about: dict[str, Any] = BoardShim.get_board_descr(BoardIds.SYNTHETIC_BOARD)
        except ImportError as missing:
            raise SignalError(
                f"the synthetic EEG board cannot be opened ({missing}); wanted brainflow, and before Python 3.12 "
                "setuptools<81; pip install 'affectstream[live]'"
            ) from missing
        if not self._free.acquire(blocking=False):
            raise SignalError("the synthetic EEG board is open already; wanted one at a time; close the other first")
        self.name, self.rest = SYNTHETIC, ()
        self.names: tuple[str, ...] = tuple(about["eeg_names"].split(","))
        self.rate = float(about["sampling_rate"])
        self._picks: list[int] = about["eeg_channels"]
        self._stamp: int = about["timestamp_channel"]
        self._runs = Runs(self.rate)
        self._lock = threading.Lock()  # between a look at the board and its end
        self._left = np.empty((about["num_rows"], 0))  # what the board held when it was closed
        BoardShim.disable_board_logger()
        self._board: BoardShim | None = BoardShim(BoardIds.SYNTHETIC_BOARD, BrainFlowInputParams())
        try:
            self._board.prepare_session()
            self._board.start_stream(math.ceil(BUFFERED * self.rate))
        except BrainFlowError as error:
            self._board = None
            self._free.release()
            raise SignalError(
                f"the synthetic EEG board does not start ({error}); wanted brainflow whole; install it anew"
            ) from error
        self.opened = time.monotonic()
        self._origin = time.time()  # the board stamps by the wall clock

    @property
    def notes(self) -> tuple[str, ...]:
        """That it is synthetic, and what was lost up to now."""
        return ("the EEG is synthetic: it tells nothing of anybody", *self._runs.notes)

    def chunks(self) -> Iterator[Chunk]:
        """The samples that have come, every 20 ms, float32 volts; the first chunk holds 1 s.

        As with LSL a gapless run is counted evenly from its first second's median stamp. After :meth:`close` what was
        received before is still given.
        """
        over = False
        while not over:
            over = self._closed.wait(_PAUSE)
            with self._lock:
                if self._board is not None:
                    part = self._board.get_board_data()
                else:
                    part, self._left = self._left, self._left[:, :0]
            samples = (part[self._picks].T * 1e-6).astype(np.float32)
            for start, data in self._runs.take(part[self._stamp] - self._origin, samples, ended=over):
                yield Chunk("eeg", start, self.rate, data)

    def close(self) -> None:
        """Stop the board and set it free."""
        with self._lock:
            board, self._board = self._board, None
            if board is not None:
                self._left = board.get_board_data()
                board.stop_stream()
                board.release_session()
                self._free.release()
        super().close()
