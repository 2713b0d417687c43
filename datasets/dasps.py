"""DASPS: 23 people are told of six frightening situations, and imagine them (Baghdadi et al. 2019, arXiv 1901.02942).

Free to download from IEEE DataPort, but without a licence that would let it be passed on. Read from the files named
``S01.mat`` and so on (MATLAB 7.3, in ``Raw data.mat``), which hold besides the signals what the person said: ``data``
(12 stretches of 15 s, 1920 samples at 128 Hz, 14 channels) in microvolts, as HDF5 has it; ``labels`` (2, 12) valence
and arousal from 1 to 9; ``hamilton`` (2, 1) the Hamilton anxiety score before and after, 0 to 56. In spite of the
folder's name they are filtered to 4 to 45 Hz. The EDF files beside them hold neither ratings nor where a stretch begins,
and first names in their headers; they are not read.

Each situation gives two stretches, of telling and of imagining, with one answer for both: they are one trial. Only
four of the 276 valences lie above the middle of the scale, and 158 of the arousals: a majority guess looks clever here.
"""

from pathlib import Path
from typing import ClassVar

import numpy as np

from affectstream.datasets.base import About
from affectstream.datasets.eeg import Trial, Trials, from_scale, named, volts
from affectstream.multimodal.montages import EPOC14

RATE = 128.0  # Hz
STRETCHES = 12
RATINGS = ("valence", "arousal", "anxiety before", "anxiety after")


class Dasps(Trials):
    """DASPS as :class:`Trials`: subjects "01" to "23", session "1", two stretches for each of the trials "1" to "6".

    Dominance is unknown, and there is no baseline. Raises FileNotFoundError if ``folder`` holds none of the files;
    ValueError, on reading, for one that is not as published.
    """

    ABOUT: ClassVar[About] = About(
        "DASPS",
        "eeg",
        "EEG of 23 people in six frightening situations; valence and arousal from 1 to 9, Hamilton anxiety score",
        "free to download, no licence given",
        "IEEE DataPort; 'Raw data.mat'",
        ("S[0-9][0-9].mat",),
    )

    def __init__(self, folder: Path) -> None:
        files = sorted(folder.glob("S[0-9][0-9].mat"))
        if not files:
            raise FileNotFoundError(f"no DASPS in {folder}; wanted its 'Raw data.mat', with S01.mat and so on")
        super().__init__(files, STRETCHES, RATINGS, _trials)


def _trials(path: Path) -> list[Trial]:
    import h5py

    try:
        with h5py.File(path) as file:
            arrays = named(file, ("data", "labels", "hamilton"), str(path))
            data, labels, anxiety = (np.asarray(array) for array in arrays)
    except OSError as error:
        raise ValueError(f"{path} cannot be read as MATLAB 7.3 ({error}); copy it again") from error
    if (
        data.ndim != 3
        or data.shape[::2] != (STRETCHES, len(EPOC14))
        or labels.shape != (2, STRETCHES)
        or anxiety.size != 2
    ):
        raise ValueError(
            f"{path}: data {data.shape}, labels {labels.shape}, hamilton {anxiety.shape}; wanted "
            f"({STRETCHES}, samples, {len(EPOC14)}), (2, {STRETCHES}), (2, 1)"
        )
    if (labels[:, ::2] != labels[:, 1::2]).any():
        raise ValueError(f"{path}: the two stretches of a situation have different ratings; wanted one for both")
    vad = from_scale(labels, 9, str(path))
    return [
        Trial(
            path.stem[1:],
            "1",
            str(k // 2 + 1),
            volts(data[k], len(EPOC14), str(path)),
            None,
            EPOC14,
            RATE,
            np.array([*vad[:, k], np.nan], np.float32),
            np.array([*labels[:, k], *anxiety.ravel()], np.float32),
        )
        for k in range(STRETCHES)
    ]
