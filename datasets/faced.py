"""FACED: 123 people watch 28 film clips of nine emotions (Chen, Wang, Huang, Hu, Shen and Zhang 2023, Scientific Data
10, 740).

From Synapse (syn50614194), after registration. Read from the folder that holds ``Processed_data``: ``sub000.pkl`` to
``sub122.pkl``, each a pickle of one array (28 clips, 32 channels, 7500 samples: the last 30 s at 250 Hz) in microvolts,
0.05 to 47 Hz, average reference; clips in the order of their index, not in that in which they were shown. What each
said of them is in ``Data/sub000/After_remarks.mat`` and so on: ``After_remark`` (28, 1), one struct for each clip in
the order shown, with ``vid`` its index and ``score`` twelve ratings from 0 to 7, empty where there is none. Without
that file the ratings are unknown.

The label is what the clip was chosen for; a fifth of the people's own valences lie on the other side of the scale. The
last two of the 32 channels sit on the mastoids and are left out: they are A1 and A2 for half of the people and carry
the names of eye electrodes for the others. Which electrode is which is not in the ``.pkl``; :data:`ELECTRODES` is the
order of the second cohort, in which the owners' ``Electrode_Location.xlsx`` puts everybody.

A pickle can run any program when it is read. Only what numpy needs to rebuild an array is let through.
"""

from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from affectstream.datasets.base import About
from affectstream.datasets.deap import read_arrays
from affectstream.datasets.eeg import Trial, Trials, from_scale, named, read_mat, volts

RATE = 250.0  # Hz
CLIPS = 28
CHANNELS = 32
ELECTRODES = (
    *("Fp1", "Fp2", "Fz", "F3", "F4", "F7", "F8", "FC1", "FC2", "FC5", "FC6", "Cz", "C3", "C4", "T7", "T8"),
    *("CP1", "CP2", "CP5", "CP6", "Pz", "P3", "P4", "P7", "P8", "PO3", "PO4", "Oz", "O1", "O2"),
)
EMOTIONS = ("anger", "disgust", "fear", "sadness", "neutral", "amusement", "inspiration", "joy", "tenderness")
CLIP_EMOTION = tuple(name for name in EMOTIONS for _ in range(4 if name == "neutral" else 3))  # (28,)
SIGN = {name: int(np.sign(place - 4)) for place, name in enumerate(EMOTIONS)}  # negative -1, neutral 0, positive 1
RATINGS = (
    *("joy", "tenderness", "inspiration", "amusement", "anger", "disgust", "fear", "sadness"),
    *("arousal", "valence", "familiarity", "liking"),
)


class Faced(Trials):
    """FACED as :class:`Trials`: subjects "000" to "122", session "1", trials "1" to "28" by clip, 30 electrodes.

    ``label`` is the clip's, one of :data:`EMOTIONS`, of which :data:`SIGN` makes negative, neutral and positive.
    Valence and arousal are the person's rating, 0 to 7 as [-1, 1], NaN where there is none; dominance is unknown.
    ``rating`` (12,) has the columns :data:`RATINGS`. There is no baseline.

    Raises FileNotFoundError if ``folder`` does not hold the files; ValueError, on reading, for one that is not as
    published or that wants to run something.
    """

    ABOUT: ClassVar[About] = About(
        "FACED",
        "eeg",
        "EEG of 123 people, each watching 28 film clips; nine emotions, and twelve ratings from 0 to 7",
        "Synapse's terms; a copy on NEMAR (nm000112) says CC BY 4.0",
        "Synapse, syn50614194; the folder with Processed_data and Data",
        ("Processed_data/sub[0-9][0-9][0-9].pkl",),
    )

    def __init__(self, folder: Path) -> None:
        self.ABOUT.require(folder)
        super().__init__(sorted(folder.glob(self.ABOUT.holds[0])), CLIPS, RATINGS, _trials)


def _trials(path: Path) -> list[Trial]:
    data = np.asarray(read_arrays(path))
    if data.ndim != 3 or data.shape[:2] != (CLIPS, CHANNELS) or data.dtype.kind != "f":
        raise ValueError(f"{path}: {data.dtype} {data.shape}; wanted floats (28, 32, 7500) clips, channels, samples")
    subject = path.stem[3:]
    rating = _ratings(path.parents[1] / "Data" / path.stem / "After_remarks.mat")
    valence, arousal = RATINGS.index("valence"), RATINGS.index("arousal")
    vad = np.full((CLIPS, 3), np.nan, np.float32)
    known = ~np.isnan(rating[:, 0])
    vad[known, :2] = from_scale(rating[known][:, [valence, arousal]], 7, f"ratings of {path.stem}", low=0)
    return [
        Trial(
            subject,
            "1",
            str(k + 1),
            volts(data[k, : len(ELECTRODES)].T, len(ELECTRODES), f"{path}, clip {k + 1}"),
            None,
            ELECTRODES,
            RATE,
            vad[k],
            rating[k],
            CLIP_EMOTION[k],
        )
        for k in range(CLIPS)
    ]


def _ratings(path: Path) -> NDArray[np.float32]:
    """Ratings (28, 12) by clip, NaN where there are none."""
    rating = np.full((CLIPS, len(RATINGS)), np.nan, np.float32)
    if not path.is_file():
        return rating
    (remarks,) = named(read_mat(path), ("After_remark",), str(path))
    if not {"score", "vid"} <= set(remarks.dtype.names or ()):
        raise ValueError(f"{path}: After_remark has {remarks.dtype.names}; wanted structs with score and vid")
    seen: set[int] = set()
    for remark in remarks.ravel():
        vid, score = np.asarray(remark["vid"]).ravel(), np.asarray(remark["score"]).ravel()
        if vid.size != 1 or vid[0] not in range(1, CLIPS + 1) or vid[0] in seen:
            raise ValueError(f"{path}: a clip is {vid.tolist()}; wanted each of 1 to {CLIPS} once; copy the file again")
        clip = int(vid[0])
        seen.add(clip)
        if score.size not in (0, len(RATINGS)):
            raise ValueError(f"{path}: clip {clip} has {score.size} ratings; wanted {len(RATINGS)}, or none")
        if score.size:
            from_scale(score, 7, f"{path}, clip {clip}", low=0)
            rating[clip - 1] = score
    return rating
