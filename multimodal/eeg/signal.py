"""What every reader of EEG files finds, whatever the format, and which of a file's channels are electrodes."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from affectstream.encoders.eeg.electrodes import spellings
from affectstream.multimodal.types import SignalError

Parts = Iterable[tuple[int, int]]  # stretches of a file: the first sample, and the sample after the last
Reader = Callable[[Parts], Iterator[NDArray[np.floating[Any]]]]


@dataclass(frozen=True)
class Mark:
    """What somebody or something wrote beside the signal: at ``time`` s, for ``duration`` s (0: an instant)."""

    time: float
    duration: float
    text: str


@dataclass(frozen=True)
class Run:
    """A stretch without a gap: ``count`` samples from the file's sample ``first`` on, taken at ``start`` s."""

    start: float
    first: int
    count: int


@dataclass(frozen=True, eq=False)
class Signal:
    """The electrodes of a file as its format gives them: nothing is checked yet, and nothing mended.

    ``read`` takes stretches and yields the samples of each, (n, channels) in volts.
    """

    names: tuple[str, ...]
    rate: float
    runs: tuple[Run, ...]
    marks: tuple[Mark, ...]
    notes: tuple[str, ...]
    read: Reader


_EARS = {"A1", "A2", "M1", "M2"}  # also the first electrodes of BioSemi's caps, so that they alone say nothing

# Around the place: "EEG Fp1-REF", "C3-A2", "Fc5..", and the numbers that tell two of one name apart.
_BEFORE = re.compile(r"^EEG[\s_:-]*", re.IGNORECASE)
_AFTER = re.compile(r"[\s_:-]+(REF\d?|LE|AR|AVG?|AVE|CAR|[AM][12]|A1A2|M1M2|\d+)$", re.IGNORECASE)

# Names of what is no electrode on the head. Formats without channel types (EDF, BDF) call all of it EEG.
_OTHER = re.compile(
    r"E[CKMO]G|[VH]EO|EXG|ERG|GSR|EDA|BVP|PPG|PLET|PULSE|RESP|AIRFLOW|SPO2|SAO2|OSAT|TEMP(?!ORAL)|CHIN|SNOR|"
    r"STATUS|TRIG|STIM|STI ?\d|MARK|EVENT|ANNOT|COUNT|INTERPOL|PACKET|TIME|SYNC|BUTTON|PHOT|DIODE|LIGHT|AUDIO|"
    r"CQ|GYR|ACC|MAG[XYZ_ ]|\bMOT|QUAT|BATT|SATURATION|HIGHBIT|AUX|\bDC ?\d|\bBIP|"
    r"\b(REF|GND|CMS|DRL|MIC|HR|PR|[LR]OC)\b",
    re.IGNORECASE,
)


def place(label: str) -> str | None:
    """The 10-5 name of the electrode that a file calls ``label``, or None if it is none.

    >>> [place(label) for label in ("EEG FP1-REF", "Fc5..", "T3", "C3-A2", "Fp1-F7", "ECG")]
    ['Fp1', 'FC5', 'T7', 'C3', None, None]
    """
    return spellings().get(_bare(label).lower())


def _bare(label: str) -> str:
    """``label`` without what it says of the signal and the reference."""
    return _AFTER.sub("", _BEFORE.sub("", label.strip()).strip(" .")).strip(" .")


def electrodes(labels: Sequence[str]) -> tuple[dict[int, str], tuple[str, ...]]:
    """Which of the channels a file calls ``labels`` are electrodes: {position: name}, and notes on the others.

    Names are those of the 10-5 system where they are known, else as in the file. Channels are left out whose names
    say that they are something else, and all but the first of a name. There may be none.
    """
    known = [place(label) for label in labels]
    none = not {name for name in known if name} - _EARS
    if none:
        known = [None] * len(labels)
    kept: dict[int, str] = {}
    other, twice = [], []
    for at, (label, name) in enumerate(zip(labels, known, strict=True)):
        name = name or label.strip()
        if known[at] is None and _OTHER.search(_bare(label)):
            other.append(label)
        elif name in kept.values():
            twice.append(label)
        else:
            kept[at] = name
    notes = []
    if other:
        notes.append(f"left out, as their names are no electrode's: {listed(other)}")
    if twice:
        notes.append(f"left out, as another channel has the same name: {listed(twice)}")
    if none and kept:
        notes.append(f"no name is of the 10-20 system, and names are as in the file: {listed(list(kept.values()))}")
    return kept, tuple(notes)


# LSL and XDF say a channel's unit in words, which nothing prescribes; MNE-LSL says the power of ten of volts.
_UNITS = {"v": 1.0, "mv": 1e-3, "uv": 1e-6, "nv": 1e-9}
_WORDS = {"micro": "u", "milli": "m", "nano": "n", "µ": "u", "μ": "u", "volts": "v", "volt": "v"}


def volts(unit: str) -> float:
    """How many volts ``unit`` is, or NaN.

    >>> volts("microvolts"), volts("mV"), volts("-6"), volts("0"), volts("")
    (1e-06, 0.001, 1e-06, 1.0, nan)
    """
    short = unit.lower().strip()
    if short in ("0", "-3", "-6", "-9"):
        return float(f"1e{short}")
    for word, letter in _WORDS.items():
        short = short.replace(word, letter)
    return _UNITS.get(short.strip(), np.nan)


class Electrodes(NamedTuple):
    """The C electrodes of a stream: ``picks``, their positions; ``names``; ``scale`` (C,), their unit in volts; notes."""

    picks: list[int]
    names: tuple[str, ...]
    scale: NDArray[np.float64]
    notes: tuple[str, ...]


def described_electrodes(source: str, described: Sequence[tuple[str, str, str]]) -> Electrodes:
    """The electrodes among the channels that ``source`` describes by (label, type, unit), each empty if it is not said.

    Where no unit is known, it is taken to be microvolts. Raises SignalError if there is no electrode.
    """
    labels = [label for label, _, _ in described]
    typed = [at for at, (_, kind, _) in enumerate(described) if kind.lower() in ("", "eeg")]
    typed = typed or list(range(len(labels)))
    notes = []
    others = [f"{described[at][0]} ({described[at][1]})" for at in range(len(labels)) if at not in typed]
    if others:
        notes.append(f"left out, as the stream says that they are no EEG: {listed(others)}")
    kept, more = electrodes([labels[at] for at in typed])
    if not kept:
        raise SignalError(
            f"{source} has no EEG channel, but {listed(labels, 40)}; wanted electrodes; name them in the stream"
        )
    picks = [typed[at] for at in kept]
    scale = np.array([volts(described[at][2]) for at in picks])
    if np.isnan(scale).any():
        notes.append("the stream does not say in what unit it is; taken as microvolts")
        scale = np.where(np.isnan(scale), 1e-6, scale)
    return Electrodes(picks, tuple(kept.values()), scale, (*notes, *more))


def stays_late(late: NDArray[np.float64], at: int, first: int, second: int, least: float) -> bool:
    """Were samples lost before sample ``at``, and not only late?

    ``late`` (n,) s is by how much each sample's stamp lies behind an even count. A sample that was late is followed by
    some that are early; of lost ones the delay stays. So what counts is whether the medians of the ``second`` samples
    before, from ``first`` on, and after differ by more than ``least`` s.
    """
    before, after = late[max(first, at - second) : at], late[at : at + second]
    return bool(abs(np.median(after) - np.median(before)) > least)


def in_order(runs: Iterable[Run], rate: float) -> tuple[Run, ...]:
    """``runs`` at ``rate`` Hz without what lies in the time of an earlier one."""
    kept: list[Run] = []
    for run in runs:
        due = kept[-1].start + kept[-1].count / rate if kept else run.start
        late = max(0, int(np.ceil((due - run.start) * rate - 0.5)))
        if late < run.count:
            kept.append(Run(max(run.start + late / rate, due), run.first + late, run.count - late))
    return tuple(kept)


def listed(words: Sequence[str], most: int = 8) -> str:
    """``words`` with commas, the first ``most`` of them."""
    left = len(words) - most
    return ", ".join(words[:most]) + (f" and {left} more" if left > 0 else "")
