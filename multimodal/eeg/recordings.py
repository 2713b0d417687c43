"""Recordings of EEG: a file of any common format becomes Chunks of volts, in order, in bounded memory.

Times are seconds from the recording's first sample. EDF, BDF, GDF, EEGLAB, BrainVision, FIF and CNT are read
through MNE (:mod:`affectstream.multimodal.eeg.through_mne`), XDF through pyxdf
(:mod:`affectstream.multimodal.eeg.xdf`). Of what a header says of the person and the day, nothing is kept.
"""

import math
import operator
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectstream.multimodal.eeg.signal import Mark, Parts, Reader, Run, Signal, listed
from affectstream.multimodal.eeg.through_mne import read_mne
from affectstream.multimodal.eeg.xdf import read_xdf
from affectstream.multimodal.types import Chunk, SignalError

__all__ = ["ENDINGS", "Mark", "Recording", "is_recording", "open_recording"]

_XDF = (".xdf", ".xdf.gz", ".xdfz")
ENDINGS = (".edf", ".bdf", ".gdf", ".set", ".vhdr", ".fif", ".fif.gz", ".cnt", *_XDF)
RATES = (40.0, 100_000.0)  # Hz; at 40 and below nothing is left of beta
SHORTEST = 1.0  # s
_BLOCK = 10.0  # s read from the file at once, at least
_LOOK = 60  # s in which the size of the signal is measured
_BELIEVED = (5e-8, 1e-2)  # V; an amplitude outside is a mistaken unit
_USUAL = 2e-5  # V


@dataclass(frozen=True, eq=False)
class Recording:
    """An EEG file that can be read: what is in it, and through :meth:`chunks` its samples.

    ``names`` are the electrodes in the order of the columns, in 10-20 spelling ("Fp1", "Cz") where they are known,
    else as in the file. ``rate`` is in Hz; ``duration`` in s, from the first sample to the last, with the gaps.
    ``marks`` are the file's annotations, in order. ``notes`` say in plain words what was mended or left out.
    ``runs`` are the stretches without a gap, and ``read`` gives the samples of any, (n, channels) in volts.
    """

    path: Path
    names: tuple[str, ...]
    rate: float
    duration: float
    marks: tuple[Mark, ...]
    notes: tuple[str, ...]
    runs: tuple[Run, ...] = field(repr=False)
    read: Reader = field(repr=False)

    def chunks(self, seconds: float = 10.0) -> Iterator[Chunk]:
        """The samples, ``seconds`` a chunk: modality "eeg", ``data`` (n, channels) float32 in volts.

        ``start`` is the time of a chunk's first sample. A chunk ends early where the recording has a gap, and the next
        begins after it. What is not finite is NaN. Raises SignalError where the file turns out to be damaged, and
        ValueError if a chunk would hold less than one sample.
        """
        if not math.isfinite(seconds * self.rate) or round(seconds * self.rate) < 1:
            raise ValueError(f"seconds is {seconds} at {self.rate:g} Hz; wanted chunks of at least one sample")
        return self._chunks(round(seconds * self.rate))

    def _chunks(self, size: int) -> Iterator[Chunk]:
        block = size * max(1, math.ceil(_BLOCK * self.rate / size))
        stretches = [
            (run, at, min(at + block, run.first + run.count))
            for run in self.runs
            for at in range(run.first, run.first + run.count, block)
        ]
        samples = self.read([(at, end) for _, at, end in stretches])
        for (run, at, _), data in zip(stretches, samples, strict=True):
            with np.errstate(over="ignore"):
                data = data.astype(np.float32)
            data[~np.isfinite(data)] = np.nan
            for k in range(0, len(data), size):
                yield Chunk("eeg", run.start + (at - run.first + k) / self.rate, self.rate, data[k : k + size])


def is_recording(path: str | Path) -> bool:
    """Does the name of ``path`` end as an EEG recording's?

    >>> is_recording("session.EDF"), is_recording("s01_raw.fif.gz"), is_recording("talk.mp4")
    (True, True, False)
    """
    return _ending(Path(path)) is not None


def open_recording(path: str | Path) -> Recording:
    """Open ``path`` and say what is in it; the samples are read later, by :meth:`Recording.chunks`.

    A signal whose size shows that its unit is off by 1e3 or 1e6 is mended and the recording has a note of it. Raises
    SignalError if the file cannot be read, holds trials in place of a recording, is shorter than 1 s, has no EEG
    channel or no sampling rate between 40 Hz and 100 kHz.
    """
    path = Path(path)
    ending = _ending(path)
    if ending is None:
        raise SignalError(
            f"{path} is no EEG recording by its name; wanted one of {', '.join(ENDINGS)}; export it as EDF"
        )
    if not path.is_file():
        raise SignalError(f"{path} {'is a folder' if path.is_dir() else 'does not exist'}; wanted an EEG recording")
    if not path.stat().st_size:
        raise SignalError(f"{path} is empty; wanted an EEG recording; copy or export it again")
    signal = read_xdf(path) if ending in _XDF else read_mne(path)
    if not RATES[0] < signal.rate <= RATES[1]:
        raise SignalError(
            f"{path} says that it has {signal.rate:g} samples a second; wanted more than {RATES[0]:g} and at most "
            f"{RATES[1]:g}; mend the sampling rate in its header, or export it again"
        )
    length = sum(run.count for run in signal.runs) / signal.rate
    if length < SHORTEST:
        raise SignalError(f"{path} holds {length:.3g} s of EEG; wanted at least {SHORTEST:g} s; record for longer")
    last, power = signal.runs[-1], _off_by(signal)
    return Recording(
        path=path,
        names=signal.names,
        rate=signal.rate,
        duration=last.start + last.count / signal.rate,
        marks=tuple(sorted(signal.marks, key=operator.attrgetter("time"))),
        notes=(*signal.notes, *([_mended(power)] if power else []), *_gaps(signal)),
        runs=signal.runs,
        read=_scaled(signal.read, 1000.0**-power) if power else signal.read,
    )


def _ending(path: Path) -> str | None:
    name = path.name.lower()
    return next((ending for ending in ENDINGS if name.endswith(ending)), None)


def _scaled(read: Reader, factor: float) -> Reader:
    def scaled(parts: Parts) -> Iterator[NDArray[np.floating[Any]]]:
        return (samples * factor for samples in read(parts))

    return scaled


def _off_by(signal: Signal) -> int:
    """By which power of 1000 the numbers are too large for volts; 0 if they are right, or if there is no telling.

    The amplitude of a channel is the median over the first seconds of the median distance from each second's median,
    so that offset, drift and artefacts do not count; that of the recording is the median over the channels that have
    any.
    The last second is read as well: a file that is cut short is refused here, and not after it has been scored.
    """
    second = round(signal.rate)
    starts = (at for run in signal.runs for at in range(run.first, run.first + run.count - second + 1, second))
    last = signal.runs[-1].first + signal.runs[-1].count
    stretches = [*((at, at + second) for at in islice(starts, _LOOK)), (max(0, last - second), last)]
    spreads = [_spread(samples) for samples in signal.read(stretches)]
    channels = [np.median(column[column > 0]) for column in np.transpose(spreads) if (column > 0).any()]
    if not channels:
        return 0
    amplitude = 1.4826 * float(np.median(channels))
    if _BELIEVED[0] <= amplitude <= _BELIEVED[1]:
        return 0
    return int(np.clip(round(math.log(amplitude / _USUAL, 1000)), -2, 3))


def _spread(samples: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Of each channel of ``samples`` (n, channels), the median distance from its median; 0 where any is not finite."""
    good = np.where(np.isfinite(samples).all(0), samples, 0.0)
    return np.median(abs(good - np.median(good, 0)), 0)


def _mended(power: int) -> str:
    if power > 0:
        unit = ("millivolts", "microvolts", "nanovolts")[power - 1]
        return f"the numbers are {1000**power:,} times too large for EEG in volts; taken as {unit}"
    return f"the numbers are {1000**-power:,} times too small for EEG; multiplied by that"


def _gaps(signal: Signal) -> list[str]:
    """A note on the gaps, if there are any."""
    ends = [run.start + run.count / signal.rate for run in signal.runs]
    gaps = [(end, run.start - end) for end, run in zip(ends, signal.runs[1:], strict=False)]
    gaps = [(end, length) for end, length in gaps if length * signal.rate > 0.5]
    if not gaps:
        return []
    count = f"{len(gaps)} gap{'s' if len(gaps) > 1 else ''}"
    missing = sum(length for _, length in gaps)
    return [
        f"{count} of {missing:.1f} s in all, after {listed([f'{end:.1f} s' for end, _ in gaps])}; nothing was put there"
    ]
