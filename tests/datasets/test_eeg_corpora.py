"""DEAP, DREAMER, SEED and DASPS read from files written as they are published, wrong ones, and one that would do harm."""

import importlib.util
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy.io import loadmat, savemat

from affectstream.datasets.dasps import Dasps
from affectstream.datasets.deap import Deap, read_arrays
from affectstream.datasets.dreamer import Dreamer
from affectstream.datasets.eeg import Trial, Trials, from_scale, high_or_low, window_groups
from affectstream.datasets.seed import Seed
from affectstream.datasets.splits import leave_one_subject_out
from affectstream.multimodal.montages import DEAP32, EPOC14, SEED62

_spec = importlib.util.spec_from_file_location("eeg_files", Path(__file__).with_name("eeg_files.py"))
assert _spec is not None and _spec.loader is not None
eeg_files: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(eeg_files)


@pytest.mark.parametrize("ending", ["dat", "mat"])
def test_deap(tmp_path: Path, ending: str) -> None:
    files = {name: eeg_files.deap(tmp_path / f"{name}.{ending}", seed=k) for k, name in enumerate(("s02", "s01"))}
    corpus = Deap(tmp_path)
    assert len(corpus) == 80
    assert corpus.rating_names == ("valence", "arousal", "dominance", "liking")
    for k in (0, 39, 40, 79):
        trial, (name, video) = corpus[k], (("s01", k) if k < 40 else ("s02", k - 40))
        data, labels = files[name]["data"], files[name]["labels"]
        assert trial.where == (name[1:], "1", str(video + 1))
        assert (trial.rate, trial.signal.dtype, trial.signal.shape) == (128, np.float32, (400 - 384, 32))
        assert trial.baseline is not None and trial.baseline.shape == (3 * 128, 32)
        np.testing.assert_allclose(trial.baseline[5, 31], data[video, 31, 5] / 1e6, rtol=1e-6)
        np.testing.assert_allclose(trial.signal[0, 2], data[video, 2, 384] / 1e6, rtol=1e-6)
        np.testing.assert_allclose(trial.rating, labels[video], rtol=1e-6)
        np.testing.assert_allclose(trial.vad, [(labels[video, j] - 5) / 4 for j in range(3)], atol=1e-6)


def test_deap_is_in_the_order_of_geneva() -> None:
    """Left half from front to back, then the right half; the original recordings of Twente go otherwise."""

    assert len(set(DEAP32)) == 32
    assert (DEAP32[0], DEAP32[15], DEAP32[16], DEAP32[18], DEAP32[31]) == ("Fp1", "Pz", "Fp2", "Fz", "O2")
    sides = ["z" if name[-1] == "z" else "right" if int(name[-1]) % 2 == 0 else "left" for name in DEAP32]
    assert sides[:14] == ["left"] * 14 and sides.count("right") == 14


def test_dreamer(tmp_path: Path) -> None:
    people = eeg_files.dreamer(tmp_path / "DREAMER.mat")
    corpus = Dreamer(tmp_path)
    assert [trial.where for trial in corpus] == [(s, "1", str(k + 1)) for s in ("1", "2") for k in range(18)]
    for k in (0, 17, 18, 35):
        trial, person, clip = corpus[k], people[k // 18], k % 18
        assert trial.baseline is not None
        np.testing.assert_allclose(trial.signal, person["EEG"]["stimuli"][clip, 0] / 1e6, rtol=1e-6)
        np.testing.assert_allclose(trial.baseline, person["EEG"]["baseline"][clip, 0] / 1e6, rtol=1e-6)
        scores = [person[f"Score{name}"][clip, 0] for name in ("Valence", "Arousal", "Dominance")]
        np.testing.assert_array_equal(trial.rating, scores)
        np.testing.assert_allclose(trial.vad, [(score - 3) / 2 for score in scores])
        assert (trial.names, trial.rate) == (EPOC14, 128)


def test_the_written_dreamer_opens_as_people_open_the_real_one(tmp_path: Path) -> None:
    people = eeg_files.dreamer(tmp_path / "DREAMER.mat")
    whole = loadmat(tmp_path / "DREAMER.mat")["DREAMER"]
    clip = whole[0, 0]["Data"][0, 1]["EEG"][0, 0]["stimuli"][0, 0][4, 0]
    np.testing.assert_array_equal(clip, people[1]["EEG"]["stimuli"][4, 0])


def test_seed(tmp_path: Path) -> None:
    for k, name in enumerate(("10_20131130", "2_20140419", "2_20140404")):
        eeg_files.seed(tmp_path, f"{name}.mat", "abc", seed=k)
    arrays = eeg_files.seed(tmp_path, "2_20140413.mat", "djc", seed=9)
    corpus = Seed(tmp_path)
    assert [corpus[k].where for k in range(0, 60, 15)] == [
        (*s, "1") for s in (("2", "1"), ("2", "2"), ("2", "3"), ("10", "1"))
    ]
    trials = corpus[15:30]
    assert [trial.label for trial in trials[:3]] == ["positive", "neutral", "negative"]
    for clip, trial in enumerate(trials, 1):
        np.testing.assert_allclose(trial.signal, arrays[f"djc_eeg{clip}"].T / 1e6, rtol=1e-6)
        assert trial.vad[0] == trial.rating[0] == {"negative": -1, "neutral": 0, "positive": 1}[str(trial.label)]
        assert np.isnan(trial.vad[1:]).all() and trial.vad_derived
        assert (trial.rate, len(trial.names), trial.baseline) == (200, 62, None)


def test_the_electrodes_of_seed_go_from_front_to_back() -> None:
    """Rows in order of the standard positions; only the two over the cerebellum have none."""
    import mne

    known = mne.channels.get_builtin_montages()
    montage = "colin27_1005" if "colin27_1005" in known else "standard_1005"  # its name from MNE 1.13 on, and before
    place = mne.channels.make_standard_montage(montage).get_positions()["ch_pos"]
    assert {name for name in SEED62 if name not in place} == {"CB1", "CB2"}
    for row in (SEED62[:3], SEED62[5:14], SEED62[14:23], SEED62[23:32], SEED62[32:41], SEED62[41:50]):
        assert (np.diff([place[name][0] for name in row]) > 0).all()  # from left to right
    middle = [place[name][1] for name in SEED62 if name.endswith("z")]
    assert (np.diff(middle) < 0).all()


def test_dasps(tmp_path: Path) -> None:
    eeg_files.dasps(tmp_path / "S02.mat", seed=1)
    arrays = eeg_files.dasps(tmp_path / "S01.mat")
    corpus = Dasps(tmp_path)
    assert [trial.trial for trial in corpus[:12]] == [*"112233445566"]
    for k, trial in enumerate(corpus[:12]):
        np.testing.assert_allclose(trial.signal, arrays["data"][k] / 1e6, rtol=1e-5)
        valence, arousal = arrays["labels"][:, k]
        np.testing.assert_allclose(trial.vad, [(valence - 5) / 4, (arousal - 5) / 4, np.nan])
        np.testing.assert_array_equal(trial.rating, [valence, arousal, *arrays["hamilton"].ravel()])
        assert (trial.rate, trial.names) == (128, EPOC14)


class Harm:
    """A pickle of this makes a folder when it is read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_that_would_run_something_is_refused(tmp_path: Path, protocol: int) -> None:
    harm = {"data": np.array([Harm(tmp_path / "harmed")], object), "labels": np.ones((40, 4))}
    (tmp_path / "s01.dat").write_bytes(pickle.dumps(harm, protocol))
    with pytest.raises(ValueError, match=r"s01.dat is no pickle of arrays \(it wants to run \w+.mkdir\)"):
        Deap(tmp_path)[0]
    assert not (tmp_path / "harmed").exists()
    pickle.loads((tmp_path / "s01.dat").read_bytes())  # what any other reader does
    assert (tmp_path / "harmed").exists()


@pytest.mark.parametrize("name", ["builtins eval", "__builtin__ eval", "numpy load", "numpy.core.multiarray fromfile"])
def test_nothing_but_the_parts_of_an_array_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "x.dat").write_bytes(b"c" + name.replace(" ", "\n").encode() + b"\n.")
    with pytest.raises(ValueError, match="it wants to run " + name.replace(" ", ".")):
        read_arrays(tmp_path / "x.dat")


@pytest.mark.parametrize("protocol", range(5))  # the fifth names numpy's function for buffers; no DEAP is that young
def test_arrays_pickled_by_today_s_python_are_read(tmp_path: Path, protocol: int) -> None:
    value = {"data": np.arange(6.0).reshape(2, 3), "one": np.float32(2), "text": ["µ", 1, None]}
    (tmp_path / "x.dat").write_bytes(pickle.dumps(value, protocol))
    read = read_arrays(tmp_path / "x.dat")
    np.testing.assert_array_equal(read["data"], value["data"])
    assert (read["one"], read["text"]) == (2, ["µ", 1, None])


def spoilt_deap(folder: Path, **changes: Any) -> None:
    savemat(folder / "s01.mat", {**eeg_files.deap(folder / "s01.mat"), **changes})


def spoilt_dasps(folder: Path, **changes: Any) -> None:
    with h5py.File(folder / "S01.mat", "w") as file:
        for key, value in {**eeg_files.dasps(folder / "other.mat"), **changes}.items():
            if value is not None:
                file[key] = value


SPOILT: list[tuple[type[Trials], Callable[[Path], Any], str]] = [
    (Deap, lambda f: spoilt_deap(f, data=np.zeros((40, 32, 400))), r"s01.mat: data \(40, 32, 400\).*wanted \(40, 40"),
    (Deap, lambda f: spoilt_deap(f, labels=np.full((40, 4), 9.5)), "s01.mat: a rating is 9.5; wanted 1 to 9"),
    (Deap, lambda f: spoilt_deap(f, labels=np.full((40, 4), np.nan)), "s01.mat: a rating is nan"),
    (Deap, lambda f: spoilt_deap(f, data=np.full((40, 40, 400), np.nan)), "s01.mat: 12800 samples are not finite"),
    (Deap, lambda f: savemat(f / "s01.mat", {"data": np.zeros(3)}), r"s01.mat has no \['labels'\], but \['data'\]"),
    (Deap, lambda f: (f / "s01.mat").write_bytes(b"no such thing"), "s01.mat cannot be read as a MATLAB file"),
    (Deap, lambda f: (f / "s01.dat").write_bytes(b"no such thing"), "s01.dat is no pickle of arrays"),
    (Deap, lambda f: (f / "s01.dat").write_bytes(pickle.dumps([1])), r"s01.dat has no \['data', 'labels'\], but \[\]"),
    (Dreamer, lambda f: savemat(f / "DREAMER.mat", {"x": 1}), r"DREAMER.mat has no \['DREAMER'\]"),
    (Dreamer, lambda f: savemat(f / "DREAMER.mat", {"DREAMER": {"Data": 1}}), "wanted a struct with EEG_SamplingRate"),
    (Seed, lambda f: (eeg_files.seed(f, "1_20131027.mat", "djc"), savemat(f / "1_20131027.mat", {"djc_eeg1": 1})), "wanted <initials>_eeg1 to"),
    (Seed, lambda f: (eeg_files.seed(f, "1_20131027.mat", "djc"), savemat(f / "1_20131027.mat", {f"djc_eeg{k}": np.zeros((9, 62)) for k in range(1, 16)})), r"djc_eeg1: EEG has shape \(62, 9\); wanted \(samples, 62\)"),
    (Seed, lambda f: (eeg_files.seed(f, "1_20131027.mat", "djc"), savemat(f / "label.mat", {"label": [[2] * 15]})), "label.mat: label is .*; wanted 15 of -1, 0 and 1"),
    (Dasps, lambda f: spoilt_dasps(f, data=np.zeros((14, 20, 12))), r"S01.mat: data \(14, 20, 12\)"),
    (Dasps, lambda f: spoilt_dasps(f, labels=np.arange(24.0).reshape(2, 12)), "have different ratings"),
    (Dasps, lambda f: spoilt_dasps(f, labels=np.zeros((2, 12))), "S01.mat: a rating is 0; wanted 1 to 9"),
    (Dasps, lambda f: spoilt_dasps(f, hamilton=None), r"S01.mat has no \['hamilton'\]"),
    (Dasps, lambda f: (f / "S01.mat").write_bytes(b"no such thing"), "S01.mat cannot be read as MATLAB 7.3"),
]  # fmt: skip


@pytest.mark.parametrize(("corpus", "write", "why"), SPOILT)
def test_a_file_that_is_not_as_published_is_refused(
    corpus: type[Any], write: Callable[[Path], Any], why: str, tmp_path: Path
) -> None:
    write(tmp_path)
    with pytest.raises(ValueError, match=why):
        corpus(tmp_path)[0]


@pytest.mark.parametrize("part", ["EEG", "ScoreArousal", "stimuli", "fourteen", "six"])
def test_a_dreamer_that_is_not_as_published_is_refused(part: str, tmp_path: Path) -> None:
    (person,) = eeg_files.dreamer(tmp_path / "DREAMER.mat", subjects=1)
    if part in ("EEG", "ScoreArousal"):
        del person[part]
        why = f"subject 1: .* wanted a struct with {part}"
    elif part == "stimuli":
        person["EEG"]["stimuli"] = person["EEG"]["stimuli"][:17]
        why = r"clips, rests and scores number \[17, 18, 18\]; wanted 18"
    elif part == "fourteen":
        person["EEG"]["baseline"][3, 0] = np.zeros((9, 13))
        why = r"subject 1, baseline 4: EEG has shape \(9, 13\)"
    else:
        person["ScoreValence"][0, 0] = 6
        why = "subject 1: a rating is 6; wanted 1 to 5"
    whole = {
        "Data": eeg_files.cells([person]).T,
        "EEG_SamplingRate": 128.0,
        "EEG_Electrodes": eeg_files.cells([*EPOC14]).T,
    }
    savemat(tmp_path / "DREAMER.mat", {"DREAMER": whole})
    with pytest.raises(ValueError, match=why):
        Dreamer(tmp_path)


@pytest.mark.parametrize(
    ("corpus", "wanted"),
    [(Deap, "data_preprocessed_python"), (Dreamer, "DREAMER.mat"), (Seed, "Preprocessed_EEG"), (Dasps, "Raw data.mat")],
)
def test_another_folder_is_refused(corpus: type[Any], wanted: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=f"wanted .*{wanted}"):
        corpus(tmp_path)


def test_one_file_is_open_at_a_time_and_only_when_asked_for() -> None:
    opened: list[str] = []

    def read(name: str) -> list[Trial]:
        opened.append(name)
        empty = np.zeros((1, 1), np.float32)
        return [Trial(name, "1", str(k), empty, None, ("Cz",), 1.0, empty[0], empty[0]) for k in range(3)]

    corpus = Trials(["a", "b"], 3, ("x",), read)
    assert (len(corpus), opened) == (6, [])
    assert [trial.where for trial in corpus] == [(s, "1", str(k)) for s in "ab" for k in range(3)]
    assert opened == ["a", "b"]
    assert corpus[-1] is corpus[5] and corpus[-6].subject == "a"
    with pytest.raises(IndexError, match="trial 6 of 6"):
        corpus[6]


def test_windows_of_a_corpus_are_split_by_its_trials(tmp_path: Path) -> None:
    for name in ("S01", "S02", "S03"):
        eeg_files.dasps(tmp_path / f"{name}.mat")
    corpus = Dasps(tmp_path)
    groups = window_groups([trial.where for trial in corpus], [5] * len(corpus))
    assert len(groups) == 3 * 12 * 5
    assert len(set(groups.trials.tolist())) == 3 * 6  # both stretches of a situation are one
    assert [fold.held for fold in leave_one_subject_out(groups)] == ["subject 01", "subject 02", "subject 03"]
    with pytest.raises(ValueError, match="1 trials, but counts of windows for 2"):
        window_groups([corpus[0].where], [1, 2])


def test_the_middle_of_a_scale() -> None:
    five = from_scale([1, 2, 3, 4, 5], 5, "here")
    nine = from_scale([1, 4.99, 5, 5.01, 9], 9, "here")
    assert five.tolist() == [-1, -0.5, 0, 0.5, 1]
    for values in (five, nine):
        assert high_or_low(values).tolist() == [0, 0, 0, 1, 1]
        assert high_or_low(values, middle_is_high=True).tolist() == [0, 0, 1, 1, 1]
