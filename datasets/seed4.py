"""SEED-IV: 15 people watch 72 Chinese film clips, 24 on each of three days.

Zheng, Liu, Lu, Lu and Cichocki 2019, IEEE Trans. Cybernetics 49(3), 1110-1122. Under a signed agreement; it may not be
passed on. Read from the folder that holds ``eeg_raw_data``, as published: ``eeg_raw_data/1/1_20160518.mat`` and so on,
a folder for each session and a file for each person, with arrays ``cz_eeg1`` to ``cz_eeg24`` (62 channels, samples),
the initials varying, taken to be in microvolts, at 200 Hz although recorded at 1000.

The labels are in no file but the ReadMe: the same for everybody, and other ones in each session. They say which emotion
a clip was chosen for, and are nobody's rating. Unlike SEED's, no clip is shown on two days, so
:func:`affectstream.datasets.splits.across_sessions` keeps the clips apart; splits by subject do not.
"""

import re
from pathlib import Path
from typing import ClassVar

import numpy as np

from affectstream.datasets.base import About
from affectstream.datasets.eeg import Trial, Trials, read_mat, volts
from affectstream.multimodal.montages import SEED62
from affectstream.multimodal.terms import expected_vad

RATE = 200.0  # Hz
CLIPS = 24
EMOTIONS = ("neutral", "sadness", "fear", "happiness")  # 0 to 3 of the ReadMe
SESSIONS = {"1": "123020010121112322330303", "2": "213002023323201121030131", "3": "122133311210233023002010"}
_NAME = re.compile(r"(\d+)_(\d{8})\.mat")


class Seed4(Trials):
    """SEED-IV as :class:`Trials`: subjects "1" to "15", sessions "1" to "3", trials "1" to "24" by clip.

    ``label`` is one of :data:`EMOTIONS`, ``rating`` (1,) its number 0 to 3. The valence, arousal and dominance are term
    means of the label (Russell and Mehrabian 1977, neutral at 0) and marked as derived. There is no baseline.

    Raises FileNotFoundError if ``folder`` does not hold the files; ValueError for a person with two files in a session
    and, on reading, for one that is not as published.
    """

    ABOUT: ClassVar[About] = About(
        "SEED-IV",
        "eeg",
        "EEG of 15 people on three days, each watching 72 film clips; neutral, sad, fear, happy: the clip's label",
        "its own agreement, signed; no passing on",
        "the owners' form, BCMI, Shanghai Jiao Tong University; the folder with eeg_raw_data",
        tuple(f"eeg_raw_data/{session}/[0-9]*_[0-9]*.mat" for session in SESSIONS),
    )

    def __init__(self, folder: Path) -> None:
        self.ABOUT.require(folder)
        files: dict[tuple[int, str], Path] = {}
        for session in SESSIONS:
            for path in sorted((folder / "eeg_raw_data" / session).glob("*.mat")):
                if match := _NAME.fullmatch(path.name):
                    where = int(match[1]), session
                    if where in files:
                        raise ValueError(
                            f"{path} is a second file of subject {match[1]} beside {files[where].name}; wanted one"
                        )
                    files[where] = path
        ordered = [(str(subject), session, files[subject, session]) for subject, session in sorted(files)]
        super().__init__(ordered, CLIPS, ("label",), _trials)


def _trials(file: tuple[str, str, Path]) -> list[Trial]:
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
            expected_vad(np.eye(len(EMOTIONS))[label], EMOTIONS).astype(np.float32),
            np.array([label], np.float32),
            EMOTIONS[label],
            vad_derived=True,
        )
        for clip, label in enumerate(map(int, SESSIONS[session]), 1)
    ]
