"""Recordings of your own: any EEG file that MNE reads, or a folder of them, in which annotations say what was felt
when.

Every annotation that lasts is a trial, its description the label. Read: EDF, BDF, GDF, EEGLAB (``.set``), BrainVision
(``.vhdr``), FIF and Neuroscan (``.cnt``), each in volts as MNE gives them.

Whose a recording is: ``sub-01`` in its name or folders (as BIDS has it); else the code in its header; else its folder,
if it lies in one below the folder given; else its name. Some programs write a person's name where the code belongs:
name the files or folders ``sub-01`` and so on, and the header is not looked at.

As in MNE, annotations whose description begins with "bad" or "edge" are no trials, and trials that overlap a "bad" one
are left out. A marker without a duration is no trial either.
"""

import csv
import re
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from affectstream.datasets.base import About
from affectstream.datasets.eeg import Trial, Trials
from affectstream.multimodal.types import DIMENSIONS

if TYPE_CHECKING:
    from mne.io import BaseRaw

ENDINGS = (".edf", ".bdf", ".gdf", ".set", ".vhdr", ".fif", ".fif.gz", ".cnt")
_SUBJECT = re.compile(r"(?:^|[/_])sub-([A-Za-z0-9]+)")
_NOBODY = ("", "x", "0", "mne_anonymize")  # codes that say that there is none


@dataclass(frozen=True)
class _Stretch:
    path: Path
    first: int  # sample
    end: int  # sample after the last
    text: str
    subject: str
    session: str
    trial: str


class Annotated(Trials):
    """A recording or a folder of them as :class:`Trials`, one for each annotated stretch.

    ``labels`` maps descriptions to labels, and only stretches with one of them are trials; without it every description
    is a label. ``electrodes`` names the channels to keep, in that order, by default the EEG channels that are not
    marked bad; they must be the same in every file. ``ratings`` is a CSV with ``subject,trial`` and any of
    ``valence,arousal,dominance`` in [-1, 1], empty where unknown; a trial without a line has none. Subjects are named
    as the module says, a session is a file, and a subject's trials are counted from "1" on through all of its files in
    the order of their names.

    Raises FileNotFoundError if there is no recording; ValueError for one that cannot be read, without such a stretch,
    or with other electrodes, for a description that no file has, and for a line of ratings that fits no trial or is out
    of range.
    """

    ABOUT: ClassVar[About] = About(
        "annotated recordings",
        "eeg",
        "EEG files of your own with annotations: EDF, BDF, GDF, EEGLAB, BrainVision, FIF, Neuroscan",
        "yours",
        f"a file or a folder of files that end in {', '.join(ENDINGS)}",
        ("**/*.[bcefgsv][dehin][dft]*",),
    )

    def __init__(
        self,
        path: Path,
        *,
        labels: Mapping[str, str] | None = None,
        electrodes: Sequence[str] | None = None,
        ratings: Path | None = None,
    ) -> None:
        files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.name.lower().endswith(ENDINGS))
        if not files:
            raise FileNotFoundError(f"no EEG recording in {path}; wanted files that end in {', '.join(ENDINGS)}")
        stretches: list[_Stretch] = []
        counts: Counter[str] = Counter()
        self._electrodes = tuple(electrodes or ())
        for file in files:
            with _opened(file) as raw:
                names = _names(raw)
                self._electrodes = self._electrodes or names
                if missing := [name for name in self._electrodes if name not in raw.ch_names]:
                    raise ValueError(
                        f"{file} has no electrodes {missing}, but {list(raw.ch_names)}; name those that all files have"
                    )
                subject = _subject(file, path, raw)
                for first, end, text in _stretches(file, raw, labels):
                    counts[subject] += 1
                    session = file.relative_to(path).as_posix() if file != path else file.name
                    stretches.append(_Stretch(file, first, end, text, subject, session, str(counts[subject])))
        if unused := sorted(set(labels or ()) - {stretch.text for stretch in stretches}):
            raise ValueError(f"{path}: no stretch is annotated {unused[0]!r}; wanted descriptions that the files have")
        self._labels = labels
        self._vad = _read_ratings(ratings, {(s.subject, s.trial) for s in stretches}) if ratings else {}
        super().__init__(stretches, 1, DIMENSIONS, self._trials)

    def _trials(self, stretch: _Stretch) -> list[Trial]:
        with _opened(stretch.path) as raw:
            picks = np.array([raw.ch_names.index(name) for name in self._electrodes])
            try:
                data = np.asarray(raw.get_data(picks, stretch.first, stretch.end, verbose="error")).T.astype(np.float32)
            except Exception as error:
                raise ValueError(f"{stretch.path} is damaged ({error}); wanted a whole file; copy it again") from error
            rate = float(raw.info["sfreq"])
        if not np.isfinite(data).all():
            raise ValueError(
                f"{stretch.path}, trial {stretch.trial}: samples are not finite; annotate the stretch as bad"
            )
        vad = self._vad.get((stretch.subject, stretch.trial), np.full(3, np.nan, np.float32))
        label = self._labels[stretch.text] if self._labels else stretch.text
        where = stretch.subject, stretch.session, stretch.trial
        return [Trial(*where, data, None, self._electrodes, rate, vad, vad, label)]


def _opened(path: Path) -> "BaseRaw":
    import mne

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return mne.io.read_raw(path, preload=False, verbose="error")
    except Exception as error:  # MNE raises whatever the broken bytes lead it to
        raise ValueError(
            f"{path} cannot be read as a recording ({error}); wanted a whole EEG file; copy it again"
        ) from error


def _names(raw: "BaseRaw") -> tuple[str, ...]:
    kinds = zip(raw.ch_names, raw.get_channel_types(), strict=True)
    return tuple(name for name, kind in kinds if kind == "eeg" and name not in raw.info["bads"])


def _subject(file: Path, path: Path, raw: "BaseRaw") -> str:
    below = file.relative_to(path).as_posix() if file != path else file.name
    if named := _SUBJECT.search(below):
        return named[1]
    code = str((raw.info["subject_info"] or {}).get("his_id") or "").strip()
    if code.lower() not in _NOBODY:
        return code
    return below.split("/")[0] if "/" in below else file.name.split(".")[0]


def _stretches(file: Path, raw: "BaseRaw", labels: Mapping[str, str] | None) -> list[tuple[int, int, str]]:
    """First sample, sample after the last, and description of every trial in ``raw``."""
    rate, marks = float(raw.info["sfreq"]), raw.annotations
    columns = zip(marks.onset - raw.first_time, marks.duration, marks.description, strict=True)
    found = [(round(onset * rate), round((onset + length) * rate), str(text)) for onset, length, text in columns]
    bad = [(first, end) for first, end, text in found if text.lower().startswith("bad")]
    kept = [
        (max(first, 0), min(end, raw.n_times), text)
        for first, end, text in found
        if not text.lower().startswith(("bad", "edge"))
        and (labels is None or text in labels)
        and min(end, raw.n_times) > max(first, 0)
        and not any(first < other_end and other_first < end for other_first, other_end in bad)
    ]
    if not kept:
        wanted = "of any description" if labels is None else f"described as one of {list(labels)}"
        there = sorted({text for *_, text in found})
        raise ValueError(
            f"{file} has no annotation that lasts, {wanted}, in a good stretch, but {there}; annotate from when to when "
            "each label holds"
        )
    return kept


def _read_ratings(path: Path, trials: set[tuple[str, str]]) -> dict[tuple[str, str], NDArray[np.float32]]:
    """Valence, arousal and dominance (3,) by subject and trial."""
    if not path.is_file():
        raise FileNotFoundError(f"no ratings at {path}; wanted a CSV with subject,trial,{','.join(DIMENSIONS)}")
    ratings: dict[tuple[str, str], NDArray[np.float32]] = {}
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        header = set(reader.fieldnames or ())
        if not {"subject", "trial"} <= header or not header & set(DIMENSIONS):
            raise ValueError(f"{path} has columns {reader.fieldnames}; wanted subject, trial and any of {DIMENSIONS}")
        for row in reader:
            where, line = (row["subject"] or "", row["trial"] or ""), f"{path}, line {reader.line_num}"
            if where not in trials or where in ratings:
                again = "is there twice" if where in ratings else "is no trial"
                raise ValueError(
                    f"{line}: subject {where[0]!r}, trial {where[1]!r} {again}; wanted each of {sorted(trials)} once"
                )
            try:
                vad = np.array([float(row.get(name) or "nan") for name in DIMENSIONS], np.float32)
            except ValueError as error:
                raise ValueError(f"{line}: {error}; wanted numbers from -1 to 1, or nothing") from error
            if (np.abs(vad) > 1).any():
                raise ValueError(
                    f"{line}: ratings {vad.tolist()}; wanted -1 to 1, or nothing; bring them to that scale"
                )
            ratings[where] = vad
    return ratings
