"""Files in the exact form in which the EEG corpora are published: keys, nesting, dtypes, order of axes.

Only their signals are short, and noise. Every writer returns what it wrote, in the units of the corpus.
"""

import io
import pickle
import struct
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from scipy.io import savemat

from affectstream.multimodal.montages import EPOC14

Arrays = dict[str, NDArray[Any]]


def deap(path: Path, samples: int = 400, seed: int = 0) -> Arrays:
    """``s01.dat`` as Python 2 pickled it, or ``s01.mat``: data (40, 40, samples), labels (40, 4), float64."""
    rng = np.random.default_rng(seed)
    arrays = {"data": rng.normal(0, 10, (40, 40, samples)), "labels": rng.uniform(1, 9, (40, 4)).round(2)}
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".mat":
        savemat(path, arrays)
    else:
        path.write_bytes(python2_pickle(arrays))
    return arrays


def python2_pickle(value: Any) -> bytes:
    """``value`` as Python 2's cPickle and numpy 1 wrote it with protocol 2: all text as bytes, and numpy.core."""

    def save_bytes(pickler: Any, text: str | bytes) -> None:
        raw = text.encode("latin1") if isinstance(text, str) else text
        pickler.write(pickle.BINSTRING + struct.pack("<i", len(raw)) + raw)
        pickler.memoize(text)

    python: Any = pickle._Pickler  # pyright: ignore[reportAttributeAccessIssue]
    dispatch = {**python.dispatch, str: save_bytes, bytes: save_bytes}
    buffer = io.BytesIO()
    type("Python2", (python,), {"dispatch": dispatch})(buffer, protocol=2).dump(value)
    return buffer.getvalue().replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")


def dreamer(path: Path, subjects: int = 2, seed: int = 0) -> list[dict[str, Any]]:
    """``DREAMER.mat``: a struct whose ``Data`` is a row of cells, one struct a person; cells (18, 1) of (n, 14)."""
    rng = np.random.default_rng(seed)
    people = []
    for _ in range(subjects):
        person: dict[str, Any] = {"Age": "25", "Gender": "female"}
        for signal, columns in (("EEG", 14), ("ECG", 2)):
            person[signal] = {
                part: cells([rng.normal(4200, 20, (int(rng.integers(9, 20)), columns)) for _ in range(18)])
                for part in ("baseline", "stimuli")
            }
        for name in ("ScoreValence", "ScoreArousal", "ScoreDominance"):
            person[name] = rng.integers(1, 6, (18, 1)).astype(np.float64)
        people.append(person)
    whole = {
        "Data": cells(people).T,
        "EEG_SamplingRate": 128.0,
        "ECG_SamplingRate": 256.0,
        "EEG_Electrodes": cells(list(EPOC14)).T,
        "noOfSubjects": float(subjects),
        "noOfVideoSequences": 18.0,
    }
    savemat(path, {"DREAMER": whole}, do_compression=True)
    return people


def write_short_dreamer(folder: Path) -> Path:
    """DREAMER as published, of three people, with clips just long enough for a window or two, and 2.5 s of rest."""
    people = dreamer(folder / "DREAMER.mat", subjects=3)
    rng = np.random.default_rng(1)
    for person, high in zip(people, (15, 3, 9), strict=True):  # the commonest of two is not that of the third
        person["ScoreArousal"] = rng.permutation(np.r_[np.full(high, 4.0), np.full(18 - high, 2.0)])[:, None]
        person["EEG"] = {
            "baseline": cells([rng.normal(4200, 20, (320, 14)) for _ in range(18)]),
            "stimuli": cells([rng.normal(4200, 20, (512 + 117 * (k % 3), 14)) for k in range(18)]),
        }
    whole = {"Data": cells(people).T, "EEG_SamplingRate": 128.0}
    savemat(folder / "DREAMER.mat", {"DREAMER": whole | {"EEG_Electrodes": cells(list(EPOC14)).T}})
    return folder


def cells(values: list[Any]) -> NDArray[np.object_]:
    """A MATLAB column of cells, (n, 1)."""
    column = np.empty((len(values), 1), object)
    for k, value in enumerate(values):
        column[k, 0] = value
    return column


def seed(folder: Path, name: str, initials: str, seed: int = 0) -> Arrays:
    """``1_20131027.mat`` with ``djc_eeg1`` to ``djc_eeg15`` (62, n) float64, and ``label.mat``."""
    rng = np.random.default_rng(seed)
    arrays = {f"{initials}_eeg{k}": rng.normal(0, 10, (62, int(rng.integers(9, 20)))) for k in range(1, 16)}
    folder.mkdir(parents=True, exist_ok=True)
    savemat(folder / name, arrays)
    savemat(folder / "label.mat", {"label": np.array([[1, 0, -1, -1, 0, 1, -1, 0, 1, 1, 0, -1, 0, 1, -1]], np.int16)})
    return arrays


def dasps(path: Path, samples: int = 20, seed: int = 0) -> Arrays:
    """``S01.mat`` in MATLAB 7.3, as HDF5 shows it: data (12, n, 14) float32, labels (2, 12), hamilton (2, 1)."""
    rng = np.random.default_rng(seed)
    arrays = {
        "data": rng.normal(0, 10, (12, samples, 14)).astype(np.float32),
        "labels": np.repeat(rng.integers(1, 10, (2, 6)), 2, axis=1).astype(np.float64),
        "hamilton": rng.integers(7, 45, (2, 1)).astype(np.float64),
        "situation": np.array([[ord(c)] for c in "exam"], np.uint16),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w", userblock_size=512) as file:
        for key, value in arrays.items():
            file[key] = value
    return arrays


def write_seed4(
    folder: Path, rng: np.random.Generator, subjects: int = 4, samples: int = 20
) -> dict[tuple[str, str], Arrays]:
    """``eeg_raw_data/1/1_20160518.mat`` and so on with ``cz_eeg1`` to ``cz_eeg24`` (62, n) float64, by subject and
    session."""
    written: dict[tuple[str, str], Arrays] = {}
    for session in ("1", "2", "3"):
        for subject in range(1, subjects + 1):
            initials = ("cz", "ha", "hql", "ldy", "ly", "mhw")[subject % 6]
            arrays = {f"{initials}_eeg{k}": rng.normal(0, 10, (62, samples + k % 3)) for k in range(1, 25)}
            path = folder / "eeg_raw_data" / session / f"{subject}_2016{int(session) + 4:02}{10 + subject}.mat"
            path.parent.mkdir(parents=True, exist_ok=True)
            savemat(path, arrays)
            written[str(subject), session] = arrays
    return written


def write_faced(
    folder: Path, rng: np.random.Generator, subjects: int = 4, samples: int = 40
) -> tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]:
    """``Processed_data/sub000.pkl`` (28, 32, n) float64 and ``Data/sub000/After_remarks.mat``: signals, and ratings
    (28, 12).

    The ratings stand in the order of the clips; in the file, in that in which they were shown.
    """
    signals, ratings = [], []
    for subject in range(subjects):
        signals.append(rng.normal(0, 10, (28, 32, samples)))
        ratings.append(rng.uniform(0, 7, (28, 12)).round(2))
        shown = rng.permutation(28)
        pickled, remarks = (folder / part for part in ("Processed_data", f"Data/sub{subject:03}"))
        pickled.mkdir(parents=True, exist_ok=True)
        remarks.mkdir(parents=True, exist_ok=True)
        (pickled / f"sub{subject:03}.pkl").write_bytes(pickle.dumps(signals[-1], 4))
        write_remarks(remarks / "After_remarks.mat", [(int(k) + 1, ratings[-1][k]) for k in shown])
    return signals, ratings


def write_remarks(path: Path, remarks: list[tuple[int, NDArray[np.float64]]]) -> None:
    """``After_remark`` (28, 1) of structs, one for each clip shown and what was said of it, none if the array is
    empty."""
    rows = np.empty((len(remarks), 1), [(name, object) for name in ("score", "trial", "vid")])
    for k, (clip, score) in enumerate(remarks):
        rows[k, 0] = (score.reshape(1, -1) if score.size else np.zeros((0, 0)), float(k + 1), float(clip))
    savemat(path, {"After_remark": rows})


def write_annotated(
    folder: Path,
    rng: np.random.Generator,
    subjects: int = 4,
    trials: int = 24,
    ending: str = "_raw.fif",
    seconds: float = 2.0,
) -> list[NDArray[np.float64]]:
    """``sub-01/sub-01_raw.fif`` and so on, each ``seconds`` calm and tense by turns at 128 Hz, EEG (n, 14) in volts.

    With a marker that does not last, a bad stretch within the last trial, an ECG, and a start 3 s after the clock's.
    """
    import mne

    signals = []
    for subject in range(1, subjects + 1):
        data = rng.normal(0, 1e-5, (len(EPOC14) + 1, round(trials * seconds * 128) + 64))
        kinds = ["eeg"] * len(EPOC14) + ["ecg"]
        info = mne.create_info([*EPOC14, "ECG"], 128.0, kinds)  # pyright: ignore[reportArgumentType]
        raw = mne.io.RawArray(data, info, first_samp=384, verbose="error")
        onset = [seconds * k for k in range(trials)]
        text = [("calm", "tense")[k % 2] for k in range(trials)]
        marks = mne.Annotations(
            [*onset, 1.0, onset[-1] + 1], [seconds] * trials + [0, 0.5], [*text, "beep", "BAD_blink"]
        )
        raw.set_annotations(marks)
        path = folder / f"sub-{subject:02}" / f"sub-{subject:02}{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        raw.save(path, verbose="error")
        signals.append(data[: len(EPOC14)].T)
    return signals
