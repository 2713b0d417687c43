"""SEED: 15 people watch 15 Chinese film clips, three times over (Zheng and Lu 2015, IEEE Trans. Auton. Ment. Dev. 7(3)).

Under a signed agreement; it may not be passed on. Read from ``Preprocessed_EEG`` as published: ``1_20131027.mat`` and
so on, a file for each person and day, with arrays ``djc_eeg1`` to ``djc_eeg15`` (62 channels, samples), the initials
varying, in microvolts; and ``label.mat``, ``label`` (1, 15) of -1, 0 and 1.

The published signals are at 200 Hz, although recorded at 1000, and low-passed at 75: features reckoned for 128 or 1000 Hz
have their bands elsewhere. The label is the clip's, the same for everybody and every day, and no rating. A network
that knows the clip knows it, and :func:`affectstream.datasets.splits.across_sessions` does not keep the clips apart.
"""

import re
from pathlib import Path
from typing import ClassVar

import numpy as np

from affectstream.datasets.base import About
from affectstream.datasets.eeg import Trial, Trials, named, read_mat, volts
from affectstream.multimodal.montages import SEED62

RATE = 200.0  # Hz
CLIPS = 15
LABELS = {-1: "negative", 0: "neutral", 1: "positive"}
_NAME = re.compile(r"(\d+)_(\d{8})\.mat")


class Seed(Trials):
    """SEED as :class:`Trials`: subjects "1" to "15", sessions "1" to "3" by date, trials "1" to "15" by clip.

    The valence is the label, -1, 0 or 1, and marked as derived; arousal and dominance are unknown. There is no
    baseline. Raises FileNotFoundError if ``folder`` does not hold the files; ValueError for one that is not as
    published.
    """

    ABOUT: ClassVar[About] = About(
        "SEED",
        "eeg",
        "EEG of 15 people on three days, each watching 15 film clips; negative, neutral, positive: the clip's label",
        "its own agreement, signed; no passing on",
        "the owners' form, BCMI, Shanghai Jiao Tong University; Preprocessed_EEG",
        ("[0-9]*_[0-9]*.mat", "label.mat"),
    )

    def __init__(self, folder: Path) -> None:
        found = [(match, path) for path in folder.glob("*.mat") if (match := _NAME.fullmatch(path.name))]
        labels = folder / "label.mat"
        if not found or not labels.is_file():
            raise FileNotFoundError(
                f"no SEED in {folder}; wanted its Preprocessed_EEG, with 1_20131027.mat and so on, and label.mat"
            )
        days: dict[int, list[str]] = {}
        for match, _ in found:
            days.setdefault(int(match[1]), []).append(match[2])
        files = [
            (str(subject), str(session + 1), folder / f"{subject}_{day}.mat")
            for subject in sorted(days)
            for session, day in enumerate(sorted(days[subject]))
        ]
        (label,) = named(read_mat(labels), ("label",), str(labels))
        self._label = np.asarray(label).ravel()
        if len(self._label) != CLIPS or not np.isin(self._label, list(LABELS)).all():
            raise ValueError(f"{labels}: label is {self._label.tolist()}; wanted {CLIPS} of -1, 0 and 1")
        super().__init__(files, CLIPS, ("label",), self._trials)

    def _trials(self, file: tuple[str, str, Path]) -> list[Trial]:
        subject, session, path = file
        arrays = read_mat(path)
        numbered = {int(key.rsplit("_eeg", 1)[1]): key for key in arrays if re.fullmatch(r".*_eeg\d+", key)}
        if sorted(numbered) != list(range(1, CLIPS + 1)):
            raise ValueError(f"{path} has EEG {sorted(numbered.values())}; wanted <initials>_eeg1 to _eeg{CLIPS}")
        return [
            Trial(
                subject,
                session,
                str(clip),
                volts(np.asarray(arrays.pop(numbered[clip])).T, len(SEED62), f"{path}, {numbered[clip]}"),
                None,
                SEED62,
                RATE,
                np.array([label, np.nan, np.nan], np.float32),
                np.array([label], np.float32),
                LABELS[int(label)],
                vad_derived=True,
            )
            for clip, label in enumerate(self._label, 1)
        ]
