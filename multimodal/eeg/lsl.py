"""EEG as it is recorded: a stream of the Lab Streaming Layer (LSL) becomes the Chunks that a file of it would give.

Samples are pulled through MNE-LSL's low-level inlet, which hands out each once and with its stamp; its ring buffer
(StreamLSL) overwrites what nobody fetched and says nothing. An inlet whose stream has ended refuses what it still
holds, so a thread empties it all the time and the samples wait here.

Stamps jitter and samples get lost on the way (Kothe et al. 2025, "The lab streaming layer for synchronized multimodal
recording"). As in recordings, a gapless run is counted evenly from its first second's median stamp, and ends where
time is lost for good.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from affectstream.multimodal.closing import Closing
from affectstream.multimodal.eeg.recordings import RATES
from affectstream.multimodal.eeg.runs import Runs
from affectstream.multimodal.eeg.signal import Electrodes, described_electrodes, listed
from affectstream.multimodal.types import Chunk, SignalError

if TYPE_CHECKING:
    from mne_lsl.lsl import StreamInlet

BUFFERED = 120.0  # s that wait for a slow reader before the oldest are lost
SILENCE = 3.0  # s without a sample after which a stream is asked whether it is still there
LOOK = 1.0  # s that streams have to answer who they are
_PAUSE = 0.02  # s between two looks into the inlet
_ASK = 2.0  # s at least for the clock, of which the first answer takes 0.6 s


class LiveRecording(Closing):
    """A stream of EEG that is being received: what is in it, and through :meth:`chunks` its samples.

    ``name`` is "lsl:" and the stream's; ``names`` are the electrodes in the order of the columns, in 10-20 spelling where they
    are known; ``rate`` is in Hz, as the stream calls it; ``rest`` is empty, as a stream marks none. ``opened`` is the second of ``time.monotonic()`` at which chunks' time is 0. Made by
    :func:`open_lsl`. It is its own context manager, and :meth:`close` may be called from any thread.
    """

    rest: tuple[tuple[float, float], ...] = ()

    def __init__(
        self,
        name: str,
        inlet: "StreamInlet",
        uid: str,
        electrodes: Electrodes,
        rate: float,
        opened: float,
        origin: float,
    ) -> None:
        self.name = f"lsl:{name}"
        self.names = electrodes.names
        self.rate = rate
        self.opened = opened
        self._origin = origin
        self._electrodes = electrodes
        self._notes = list(electrodes.notes)
        self._runs = Runs(rate)
        self._waiting: deque[tuple[NDArray[np.float64], NDArray[np.float32]]] = deque()
        self._count = 0  # samples in _waiting
        self._lost = 0  # samples, for which there was no room
        self._ready: deque[tuple[float, NDArray[np.float32]]] = deque()  # placed, and not yet given
        self._over = False
        self._told = threading.Condition()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._receive, args=(inlet, uid), name="affectstream-lsl", daemon=True)
        self._thread.start()

    @property
    def notes(self) -> tuple[str, ...]:
        """In plain words, what was mended, left out or lost up to now."""
        notes = [*self._notes, *self._runs.notes]
        if self._lost:
            notes.append(
                f"{self._lost / self.rate:.1f} s of samples were lost, as the reader was too slow and more than "
                f"{BUFFERED:g} s waited for it"
            )
        return tuple(notes)

    def chunks(self) -> Iterator[Chunk]:
        """The samples as they come: modality "eeg", ``data`` (n, channels) float32 in volts, what is not finite NaN.

        ``start`` is seconds since the stream was opened, on the clock of the machine that sends, brought to ours by
        LSL's time correction. The first chunk of a run holds at least 1 s where there is as much, so that jitter does
        not shift it; the others hold what has come since. A run ends where samples were lost, and where its even count
        and the clock are 0.1 s apart.

        Ends when the stream does, also if it is silent and no longer answers, or after :meth:`close`; what was received
        before is still given. Every sample is given once, whoever asks; ask from one thread. Raises SignalError if the
        stream's rate is so far from what it calls it that hardly a window of EEG would be whole.
        """
        over = False
        while not over:
            with self._told:
                self._told.wait_for(lambda: self._waiting or self._over)
                parts, over = list(self._waiting), self._over
                self._waiting.clear()
                self._count = 0
            stamps = np.concatenate([np.empty(0), *(stamps for stamps, _ in parts)])
            none = np.empty((0, len(self.names)), np.float32)
            data = np.concatenate([none, *(data for _, data in parts)])
            self._ready.extend(self._runs.take(stamps, data, ended=over))
            while self._ready:
                start, samples = self._ready.popleft()
                yield Chunk("eeg", start, self.rate, samples)

    def close(self) -> None:
        """Stop receiving."""
        self._closed.set()
        if threading.current_thread() is not self._thread:
            self._thread.join(5)

    def _receive(self, inlet: "StreamInlet", uid: str) -> None:
        """Empty ``inlet`` of the stream ``uid`` until there is no more; the thread."""
        heard = time.monotonic()
        try:
            while not self._closed.wait(_PAUSE):
                # By powers of two, as the inlet keeps a buffer for every number that it was asked for; and for one if
                # there is none, as only a pull tells that the stream is lost.
                count = max(1, inlet.samples_available)
                raw, stamps = inlet.pull_chunk(0.0, 1 << count.bit_length() - 1)
                if len(stamps):
                    heard = time.monotonic()
                    self._keep(raw, stamps + (inlet.time_correction(_ASK) - self._origin))
                elif time.monotonic() - heard > SILENCE:
                    # Not every app that stops closes its connection, and a machine that was unplugged cannot.
                    if uid not in {stream.uid for _ in range(2) for stream in _streams()}:
                        self._notes.append("the stream ended: it was silent and is no longer there")
                        break
                    heard = time.monotonic()
        except (RuntimeError, TimeoutError) as error:
            self._notes.append(f"the stream ended: {str(error).rstrip('.')}")
        finally:
            with self._told:
                self._over = True
                self._told.notify_all()

    def _keep(self, raw: Any, stamps: NDArray[np.float64]) -> None:
        """Let samples ``raw`` (n, channels of the stream), taken at ``stamps`` (n,) s, wait for the reader."""
        with np.errstate(over="ignore", invalid="ignore"):
            data = (raw[:, self._electrodes.picks] * self._electrodes.scale).astype(np.float32)
        data[~np.isfinite(data)] = np.nan
        with self._told:
            self._waiting.append((stamps, data))
            self._count += len(stamps)
            while (over := self._count - round(BUFFERED * self.rate)) > 0:
                stamps, data = self._waiting.popleft()
                lost = min(over, len(stamps))
                if lost < len(stamps):
                    self._waiting.appendleft((stamps[lost:], data[lost:]))
                self._count -= lost
                self._lost += lost
            self._told.notify_all()


def open_lsl(name: str, *, timeout: float = 10.0) -> LiveRecording:
    """Begin to receive the LSL stream called ``name``, waiting up to about ``timeout`` s for it to appear.

    Where several have the name, it is the one of type EEG. A stream that says no unit is taken as microvolts, and has a
    note of it. Raises SignalError if MNE-LSL is not installed, if there is no such stream or more than one, if it does
    not answer, has no EEG channel, or no even rate above 40 Hz and up to 100 kHz; ValueError for a ``timeout`` that is
    not positive.
    """
    if not (timeout > 0 and math.isfinite(timeout)):
        raise ValueError(f"timeout is {timeout} s; wanted a positive number")
    try:
        from mne_lsl.lsl import StreamInlet, local_clock
    except ImportError as missing:
        raise SignalError(
            f"the LSL stream {name!r} cannot be opened, as MNE-LSL is not installed; pip install 'affectstream[live]'"
        ) from missing

    found = _found(name, timeout)
    source = f"the LSL stream {name!r}"
    if found.dtype == "string" or not RATES[0] < found.sfreq <= RATES[1]:
        what = "text" if found.dtype == "string" else f"{found.sfreq:g} samples a second (0: not evenly)"
        raise SignalError(
            f"{source} sends {what}; wanted numbers, more than {RATES[0]:g} a second and at most {RATES[1]:g}; "
            "choose the stream of the EEG itself"
        )
    inlet = StreamInlet(found, recover=False)
    origin, opened = local_clock(), time.monotonic()
    patience = max(timeout, _ASK)
    try:
        inlet.open_stream(patience)
        info = inlet.get_sinfo(patience)
        inlet.time_correction(patience)
    except (RuntimeError, TimeoutError) as error:
        raise SignalError(
            f"{source} is there but does not answer ({error}); wanted its samples and its clock; start it again, and let "
            "TCP and UDP 16572 to 16604 through the firewall"
        ) from error
    electrodes = described_electrodes(source, _described(info))
    return LiveRecording(name, inlet, info.uid, electrodes, info.sfreq, opened, origin)


def _found(name: str, timeout: float) -> Any:
    """The stream called ``name``."""
    deadline = time.monotonic() + timeout
    while True:
        there = _streams()
        named = [stream for stream in there if stream.name == name]
        if named or time.monotonic() >= deadline:
            break
    eeg = [stream for stream in named if stream.stype.lower() == "eeg"] or named
    if len(eeg) == 1:
        return eeg[0]
    if eeg:
        raise SignalError(
            f"{len(eeg)} LSL streams are called {name!r}; wanted one; give them different names, or stop the others"
        )
    shown = listed(sorted(f"{stream.name!r} ({stream.stype or 'no type'})" for stream in there), 20)
    raise SignalError(
        f"no LSL stream is called {name!r}; there {'are ' + shown if there else 'is none at all'}; start the headset's "
        "app and let it stream, or give one of these names"
    )


def _streams() -> Any:
    """The streams that there are."""
    from mne_lsl.lsl import resolve_streams

    return resolve_streams(LOOK)


def _described(info: Any) -> list[tuple[str, str, str]]:
    """(label, type, unit) of every channel of the stream; "ch1", "ch2" and so on, and empty, where it does not say."""
    columns = []
    for said in (info.get_channel_names(), info.get_channel_types(), info.get_channel_units()):
        whole = said if said and len(said) == info.n_channels else [""] * info.n_channels
        columns.append([text or "" for text in whole])
    return [
        (label.strip() or f"ch{at + 1}", kind.strip(), unit)
        for at, (label, kind, unit) in enumerate(zip(*columns, strict=True))
    ]
