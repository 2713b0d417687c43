"""DEAP: 32 people watch 40 music videos of a minute (Koelstra et al. 2012, IEEE Trans. Affective Computing 3(1), 18-31).

Under a signed agreement; it may not be passed on. Read from the preprocessed files as published, for Python
(``data_preprocessed_python/s01.dat``) or MATLAB (``data_preprocessed_matlab/s01.mat``): ``data`` (40 videos, 40
channels, 8064 samples at 128 Hz), of which the first 32 channels are EEG, in microvolts, and the first 3 s a rest;
``labels`` (40, 4) valence, arousal, dominance and liking, in that order, from 1 to 9. Trials stand in the order of
the videos, not in that in which they were shown.

The EEG was filtered to 4 to 45 Hz: what looks like delta below that is no brain wave.

The ``.dat`` files are pickles, which can run any program when they are read. Only what numpy needs to rebuild an array
is let through.
"""

import pickle
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from affectstream.datasets.base import About
from affectstream.datasets.eeg import Trial, Trials, from_scale, named, read_mat, volts
from affectstream.multimodal.montages import DEAP32

RATE = 128.0  # Hz
BASELINE = 384  # samples: 3 s
RATINGS = ("valence", "arousal", "dominance", "liking")
_ARRAY_PARTS = {
    *((f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}


class Deap(Trials):
    """DEAP as :class:`Trials`: subject "01", session "1", trials "1" to "40" by video, 3 s of baseline each.

    Raises FileNotFoundError if ``folder`` holds none of its files; ValueError, on reading, for one that is not as
    published or that wants to run something.
    """

    ABOUT: ClassVar[About] = About(
        "DEAP",
        "eeg",
        "EEG of 32 people, each watching 40 music videos; valence, arousal, dominance and liking from 1 to 9",
        "its own agreement, signed; no passing on",
        "the owners' form, Queen Mary University of London; data_preprocessed_python or data_preprocessed_matlab",
        ("s[0-9][0-9].[dm]at",),
    )

    def __init__(self, folder: Path) -> None:
        files = sorted(folder.glob("s[0-9][0-9].dat")) or sorted(folder.glob("s[0-9][0-9].mat"))
        if not files:
            raise FileNotFoundError(
                f"no DEAP in {folder}; wanted its data_preprocessed_python, with s01.dat and so on, or "
                "data_preprocessed_matlab, with s01.mat and so on"
            )
        super().__init__(files, 40, RATINGS, _trials)


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ARRAY_PARTS:
            raise pickle.UnpicklingError(f"it wants to run {module}.{name}")
        return super().find_class(module, name)


def read_arrays(path: Path) -> Any:
    """What a pickle of Python 2 or 3 holds, if that is arrays, numbers, text, and lists and dicts of them.

    Raises ValueError for one that is broken or names anything else, of which nothing is run.
    """
    with path.open("rb") as file:
        try:
            return _ArraysOnly(file, encoding="latin1").load()
        except Exception as error:  # a broken pickle raises whatever its bytes lead to
            raise ValueError(
                f"{path} is no pickle of arrays ({error}); do not open it by other means, and download it again"
            ) from error


def _trials(path: Path) -> list[Trial]:
    file = read_arrays(path) if path.suffix == ".dat" else read_mat(path)
    arrays = named(file if isinstance(file, dict) else {}, ("data", "labels"), str(path))
    data, labels = (np.asarray(array) for array in arrays)
    if data.ndim != 3 or data.shape[:2] != (40, 40) or data.shape[2] <= BASELINE or labels.shape != (40, 4):
        raise ValueError(
            f"{path}: data {data.shape}, labels {labels.shape}; wanted (40, 40, 8064) videos, channels, samples; (40, 4)"
        )
    vad = from_scale(labels, 9, str(path))[:, :3]
    eeg = [volts(video[: len(DEAP32)].T, len(DEAP32), str(path)) for video in data]
    return [
        Trial(
            path.stem[1:],
            "1",
            str(k + 1),
            eeg[k][BASELINE:],
            eeg[k][:BASELINE],
            DEAP32,
            RATE,
            vad[k],
            labels[k].astype(np.float32),
        )
        for k in range(40)
    ]
