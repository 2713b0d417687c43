"""EEG files that MNE reads: EDF, BDF, GDF, EEGLAB, BrainVision, FIF, Neuroscan.

A file is open only while it is read, and of what MNE knows of it only the samples and the marks are kept.
"""

import gzip
import logging
import shutil
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from affectstream.multimodal.eeg.edf import ANNOTATIONS, pieces, read_header
from affectstream.multimodal.eeg.signal import Mark, Parts, Run, Signal, electrodes, listed
from affectstream.multimodal.types import SignalError

if TYPE_CHECKING:
    from mne.io import BaseRaw

_SKIP = "BAD_ACQ_SKIP"  # how MNE says that nothing was recorded; the samples are there, and mean nothing

# What MNE warns of that a user should know, by a part of the warning. The others say nothing of the samples, or tell
# of the person or the day.
_TOLD = {
    "does not match the file size": "the file is cut short, or was not closed: its header has another length",
    "incorrect for record length": "the header gives no length of a record; 1 s was assumed",
    "MarkerFile": "the file of markers that the header names is missing",
    "'boundary' events": "pieces were cut out before the file was written: where marks say boundary, time was lost",
    "onset that is NaN": "marks without a time were left out",
    "outside data range": "marks outside the recording were left out",
    "the correct file name": "the file of samples has another name than the header says",
}


def read_mne(path: Path) -> Signal:
    """The electrodes of ``path``; raises SignalError if MNE cannot read it, or if it has none."""
    if path.name.lower().endswith((".edf", ".bdf")):
        return _edf(path)
    with _opened(path) as (raw, notes):
        names, types = raw.ch_names, raw.get_channel_types()
        sensors = [at for at, kind in enumerate(types) if kind == "eeg" and names[at] not in raw.info["bads"]]
        others = [f"{name} ({kind})" for name, kind in zip(names, types, strict=True) if kind != "eeg"]
        bad = [name for name in raw.info["bads"] if types[names.index(name)] == "eeg"]
        kept, more = electrodes([names[at] for at in sensors])
        if not kept:
            raise _no_electrode(path, [f"{name} ({kind})" for name, kind in zip(names, types, strict=True)])
        if others:
            notes.append(f"left out, as the file says that they are no EEG: {listed(others)}")
        if bad:
            notes.append(f"left out, as the file says that they are bad: {listed(bad)}")
        rate, marks = float(raw.info["sfreq"]), _marks(raw)
        runs = _recorded(raw.n_times, rate, marks)
    picks = [sensors[at] for at in kept]
    return Signal(
        tuple(kept.values()), rate, runs, _written(marks), (*notes, *more), lambda parts: _samples(path, picks, parts)
    )


def _edf(path: Path) -> Signal:
    """:func:`read_mne` for EDF and BDF.

    MNE would resample channels of other rates, each stretch by itself, and close the gaps of a discontinuous file; so
    only electrodes of one rate are opened, and the times come from the records.
    """
    try:
        header = read_header(path)
        if path.stat().st_size < header.offset + header.width * sum(header.counts):
            raise ValueError("it ends before its first record")
    except ValueError as error:
        raise _unreadable(path, error) from error
    signals = [at for at, label in enumerate(header.labels) if label not in ANNOTATIONS]
    found, notes = electrodes([header.labels[at] for at in signals])
    kept = {signals[at]: name for at, name in found.items()}
    if not kept:
        raise _no_electrode(path, [header.labels[at] for at in signals])

    def leave_out(channels: list[int], why: str) -> tuple[str, ...]:
        return (f"left out, {why}: {listed([kept.pop(at) for at in channels])}",) if channels else ()

    strange = [at for at in kept if header.units[at] and not header.units[at].upper().endswith("V")]
    if len(strange) < len(kept):
        notes += leave_out(strange, "as they are not in volts")
    common, _ = Counter(header.counts[at] for at in kept).most_common(1)[0]
    if common < 1:
        raise SignalError(
            f"{path} says that a record has {common} samples of an electrode; wanted a sampling rate; export it again"
        )
    notes += leave_out([at for at in kept if header.counts[at] != common], "as most are sampled at another rate")

    labels = [header.labels[at] for at in kept]
    opened = [at for at, label in enumerate(header.labels) if label in labels]  # MNE opens all that share a label
    picks = [opened.index(at) for at in kept]
    with _opened(path, include=labels) as (raw, told):
        rate, count, marks = float(raw.info["sfreq"]), int(raw.n_times), _marks(raw)
    runs = _recorded(count, rate, marks)
    if header.broken and header.seconds > 0:
        runs, marks = pieces(path, header, count // common, common)  # MNE drops marks that lie after count samples

    def read(parts: Parts) -> Iterator[NDArray[np.floating[Any]]]:
        return _samples(path, picks, parts, include=labels)

    return Signal(tuple(kept.values()), rate, runs, _written(marks), (*told, *notes), read)


@contextmanager
def _opened(path: Path, **how: Any) -> "Iterator[tuple[BaseRaw, list[str]]]":
    """``path`` opened by MNE without names and dates, and notes on what it warned of."""
    logger = logging.getLogger("mne")
    logger.disabled = True  # it says once more what it warns of
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            raw = _read(path, **how)
            raw.anonymize(verbose="error")
    except Exception as error:
        raise _unreadable(path, error) from error
    finally:
        logger.disabled = False
    said = " ".join(str(warning.message) for warning in warned)
    try:
        yield raw, [note for part, note in _TOLD.items() if part in said]
    finally:
        raw.close()


def _read(path: Path, **how: Any) -> "BaseRaw":
    """What MNE makes of ``path``. The text of EDF+ should be UTF-8, and of older programs is Latin 1."""
    import mne

    try:
        return mne.io.read_raw(path, preload=False, verbose="warning", **how)
    except Exception as error:
        if "latin1" not in str(error):
            raise
        return mne.io.read_raw(path, preload=False, verbose="warning", encoding="latin1", **how)


def _samples(path: Path, picks: list[int], parts: Parts, **how: Any) -> Iterator[NDArray[np.floating[Any]]]:
    """The samples of each of ``parts`` (first, after the last), (n, channels) in volts."""
    with _unpacked(path) as plain, _opened(plain, **how) as (raw, _):
        for first, end in parts:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    data = raw.get_data(np.array(picks), first, end, verbose="error")
            except Exception as error:
                raise SignalError(
                    f"{path} is damaged {first / raw.info['sfreq']:.1f} s after its start ({error}); wanted a whole "
                    "file; copy or export it again"
                ) from error
            yield np.asarray(data).T


@contextmanager
def _unpacked(path: Path) -> Iterator[Path]:
    """``path``, or, if it is packed, a copy that is not: in a packed file, every stretch is sought from its start."""
    if path.suffix.lower() != ".gz":
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / path.name[: -len(".gz")]
        with gzip.open(path) as packed, plain.open("wb") as copy:
            shutil.copyfileobj(packed, copy, 1 << 20)
        yield plain


def _marks(raw: "BaseRaw") -> tuple[Mark, ...]:
    """Annotations, timed from the first sample; MNE counts from when the acquisition began."""
    found = raw.annotations
    columns = zip(found.onset, found.duration, found.description, strict=True)
    return tuple(Mark(float(onset) - raw.first_time, float(length), str(text)) for onset, length, text in columns)


def _recorded(count: int, rate: float, marks: Iterable[Mark]) -> tuple[Run, ...]:
    """What lies between the stretches of ``count`` samples that ``marks`` say were skipped."""
    good = np.ones(count + 2, bool)
    good[[0, -1]] = False
    for mark in marks:
        if mark.text == _SKIP:
            first, end = round(mark.time * rate), round((mark.time + mark.duration) * rate)
            good[1 + max(0, first) : 1 + max(0, min(count, end))] = False
    edges = np.flatnonzero(np.diff(good.astype(np.int8))).reshape(-1, 2)
    return tuple(Run(float(first / rate), int(first), int(end - first)) for first, end in edges)


def _written(marks: Iterable[Mark]) -> tuple[Mark, ...]:
    """``marks`` without those that say what was skipped."""
    return tuple(mark for mark in marks if mark.text != _SKIP)


def _no_electrode(path: Path, channels: Iterable[str]) -> SignalError:
    return SignalError(
        f"{path} has no EEG channel, but {listed(list(channels), 40)}; wanted electrodes; name them as on the cap "
        "(Fp1, Cz, ...) and mark them as EEG where the format can"
    )


def _unreadable(path: Path, error: Exception) -> SignalError:
    """What is wrong with ``path``, of which MNE says ``error``."""
    said = str(error).strip().split("\n")[0]
    if "number of trials" in said or (path.name.lower().endswith((".fif", ".fif.gz")) and _holds(path) == "epochs"):
        return SignalError(f"{path} holds trials cut from a recording; wanted the recording; save it before it is cut")
    if isinstance(error, FileNotFoundError):
        return SignalError(
            f"{path} needs a second file that is not there ({error.filename or said}); wanted both in one folder, under "
            "the names they were written with; copy both"
        )
    kind = ".fif.gz" if path.suffix == ".gz" else path.suffix
    return SignalError(
        f"{path} cannot be read as {kind} ({type(error).__name__}: {said}); wanted a whole EEG recording; copy it "
        "again, or export it as EDF from the program that wrote it"
    )


def _holds(path: Path) -> str | None:
    """What a FIF file holds: "raw", "epochs" or something else."""
    import mne

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return mne.what(path)
