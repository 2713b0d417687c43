"""EEG corpora read from files written as they are published, wrong ones, and one that would do harm."""

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

from affectstream.datasets.annotated import Annotated
from affectstream.datasets.dasps import Dasps
from affectstream.datasets.deap import Deap, read_arrays
from affectstream.datasets.dreamer import Dreamer
from affectstream.datasets.eeg import Trial, Trials, from_scale, high_or_low, window_groups
from affectstream.datasets.faced import CLIP_EMOTION, ELECTRODES, SIGN, Faced
from affectstream.datasets.seed import Seed
from affectstream.datasets.seed4 import Seed4
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


def test_seed4(tmp_path: Path) -> None:
    written = eeg_files.write_seed4(tmp_path, np.random.default_rng(0), subjects=10, samples=5)
    corpus = Seed4(tmp_path)
    assert [corpus[k].where for k in range(0, len(corpus), 24)] == [
        (str(subject), session, "1") for subject in range(1, 11) for session in "123"
    ]
    readme = {  # in the words of the ReadMe: 0 neutral, 1 sad, 2 fear, 3 happy
        "1": [1, 2, 3, 0, 2, 0, 0, 1, 0, 1, 2, 1, 1, 1, 2, 3, 2, 2, 3, 3, 0, 3, 0, 3],
        "2": [2, 1, 3, 0, 0, 2, 0, 2, 3, 3, 2, 3, 2, 0, 1, 1, 2, 1, 0, 3, 0, 1, 3, 1],
        "3": [1, 2, 2, 1, 3, 3, 3, 1, 1, 2, 1, 0, 2, 3, 3, 0, 2, 3, 0, 0, 2, 0, 1, 0],
    }
    means = {"neutral": (0, 0, 0), "sadness": (-0.63, -0.27, -0.33), "fear": (-0.64, 0.6, -0.43)}
    means["happiness"] = (0.81, 0.51, 0.46)
    for session in "123":
        place = 24 * (3 * 9 + int(session) - 1)  # of subject 10
        trials = corpus[place : place + 24]
        assert [int(trial.rating[0]) for trial in trials] == readme[session]
        for clip, trial in enumerate(trials, 1):
            (array,) = (v for key, v in written["10", session].items() if key.endswith(f"_eeg{clip}"))
            np.testing.assert_allclose(trial.signal, array.T / 1e6, rtol=1e-6)
            assert trial.label == ("neutral", "sadness", "fear", "happiness")[readme[session][clip - 1]]
            np.testing.assert_allclose(trial.vad, means[str(trial.label)], atol=1e-6)
            assert (trial.vad_derived, trial.rate, trial.names, trial.baseline) == (True, 200, SEED62, None)
    assert sorted(readme["1"]) == sorted(readme["2"]) == sorted(readme["3"]) == sorted([0, 1, 2, 3] * 6)


def test_a_seed4_that_is_not_as_published_is_refused(tmp_path: Path) -> None:
    eeg_files.write_seed4(tmp_path, np.random.default_rng(0), subjects=1, samples=2)
    (path,) = (tmp_path / "eeg_raw_data" / "3").iterdir()
    savemat(path, {f"cz_eeg{k}": np.zeros((62, 3)) for k in range(1, 24)})
    with pytest.raises(ValueError, match=r"3/1_2016\S+mat has EEG .*wanted <initials>_eeg1 to _eeg24"):
        Seed4(tmp_path)[48]
    savemat(path, {f"cz_eeg{k}": np.zeros((3, 62)) for k in range(1, 25)})
    with pytest.raises(ValueError, match=r"cz_eeg1: EEG has shape \(62, 3\); wanted \(samples, 62\)"):
        Seed4(tmp_path)[48]
    (path.parent / "1_20991231.mat").write_bytes(path.read_bytes())
    with pytest.raises(ValueError, match=r"1_20991231.mat is a second file of subject 1 beside 1_2016"):
        Seed4(tmp_path)
    for other in path.parent.iterdir():
        other.unlink()
    with pytest.raises(FileNotFoundError, match=r"does not hold SEED-IV: there is no eeg_raw_data/3"):
        Seed4(tmp_path)


def test_faced(tmp_path: Path) -> None:
    signals, ratings = eeg_files.write_faced(tmp_path, np.random.default_rng(0), subjects=2)
    corpus = Faced(tmp_path)
    assert [corpus[k].where for k in (0, 27, 28, 55)] == [(s, "1", k) for s in ("000", "001") for k in ("1", "28")]
    for k in (0, 12, 27, 28, 40, 55):
        trial, signal, rating = corpus[k], signals[k // 28][k % 28], ratings[k // 28][k % 28]
        np.testing.assert_allclose(trial.signal, signal[:30].T / 1e6, rtol=1e-6)
        np.testing.assert_allclose(trial.rating, rating, rtol=1e-6)
        said = dict(zip(corpus.rating_names, rating, strict=True))
        np.testing.assert_allclose(trial.vad, [said["valence"] / 3.5 - 1, said["arousal"] / 3.5 - 1, np.nan], atol=1e-6)
        assert (trial.vad_derived, trial.rate, trial.names, trial.baseline) == (False, 250, ELECTRODES, None)
    # what the owners' Stimuli_info says of the clips 1 to 28
    kinds = ["anger"] * 3 + ["disgust"] * 3 + ["fear"] * 3 + ["sadness"] * 3 + ["neutral"] * 4 + ["amusement"] * 3
    kinds += ["inspiration"] * 3 + ["joy"] * 3 + ["tenderness"] * 3
    assert [trial.label for trial in corpus[:28]] == kinds == list(CLIP_EMOTION)
    assert [SIGN[kind] for kind in kinds] == [-1] * 12 + [0] * 4 + [1] * 12
    assert len(set(ELECTRODES)) == 30 and not {"A1", "A2"} & set(ELECTRODES)


def test_what_nobody_said_of_a_clip_of_faced_is_unknown(tmp_path: Path) -> None:
    _, ratings = eeg_files.write_faced(tmp_path, np.random.default_rng(0), subjects=2)
    said = [(k, ratings[0][k - 1] if k != 5 else np.zeros(0)) for k in range(1, 28)]  # 5 empty, 28 not there
    eeg_files.write_remarks(tmp_path / "Data/sub000/After_remarks.mat", said)
    (tmp_path / "Data/sub001/After_remarks.mat").unlink()
    trials = Faced(tmp_path)[:]
    assert [k + 1 for k in range(28) if np.isnan(trials[k].vad[0])] == [5, 28]
    assert all(np.isnan(trial.vad).all() and np.isnan(trial.rating).all() for trial in trials[28:])


@pytest.mark.parametrize(
    ("remarks", "why"),
    [
        ([(1, np.full(12, 8.0))], "clip 1: a rating is 8; wanted 0 to 7"),
        ([(1, np.zeros(11))], "clip 1.* has 11 ratings; wanted 12, or none"),
        ([(29, np.zeros(12))], r"a clip is \[29\S*\]; wanted each of 1 to 28 once"),
        ([(2, np.zeros(12))] * 2, r"a clip is \[2\S*\]; wanted each of 1 to 28 once"),
    ],
)
def test_remarks_that_are_not_as_published_are_refused(
    remarks: list[tuple[int, np.ndarray]], why: str, tmp_path: Path
) -> None:
    eeg_files.write_faced(tmp_path, np.random.default_rng(0), subjects=1)
    eeg_files.write_remarks(tmp_path / "Data/sub000/After_remarks.mat", remarks)
    with pytest.raises(ValueError, match="After_remarks.mat.*" + why):
        Faced(tmp_path)[0]


def test_a_faced_pickle_of_something_else_is_refused(tmp_path: Path) -> None:
    eeg_files.write_faced(tmp_path, np.random.default_rng(0), subjects=1)
    path = tmp_path / "Processed_data" / "sub000.pkl"
    path.write_bytes(pickle.dumps(np.zeros((32, 28, 9)), 4))
    with pytest.raises(ValueError, match=r"sub000.pkl: float64 \(32, 28, 9\); wanted floats \(28, 32, 7500\)"):
        Faced(tmp_path)[0]
    path.write_bytes(pickle.dumps(Harm(tmp_path / "harmed")))
    with pytest.raises(ValueError, match=r"sub000.pkl is no pickle of arrays \(it wants to run \w+.mkdir\)"):
        Faced(tmp_path)[0]
    assert not (tmp_path / "harmed").exists()
    savemat(tmp_path / "Data/sub000/After_remarks.mat", {"After_remark": 1.0})
    path.write_bytes(pickle.dumps(np.zeros((28, 32, 9)), 4))
    with pytest.raises(ValueError, match="After_remark has None; wanted structs with score and vid"):
        Faced(tmp_path)[0]
    path.unlink()
    with pytest.raises(FileNotFoundError, match="does not hold FACED: there is no Processed_data"):
        Faced(tmp_path)


def test_annotated_recordings(tmp_path: Path) -> None:
    signals = eeg_files.write_annotated(tmp_path, np.random.default_rng(0), subjects=2, trials=4)
    corpus = Annotated(tmp_path)
    assert [trial.where for trial in corpus] == [
        (f"0{s}", f"sub-0{s}/sub-0{s}_raw.fif", str(k))
        for s in (1, 2)
        for k in (1, 2, 3)  # the fourth has a blink
    ]
    for k, trial in enumerate(corpus):
        np.testing.assert_allclose(
            trial.signal, signals[k // 3][256 * (k % 3) : 256 * (k % 3) + 256], rtol=1e-5, atol=1e-12
        )
        assert (trial.names, trial.rate, trial.label) == (EPOC14, 128, ("calm", "tense")[k % 3 % 2])
        assert np.isnan(trial.vad).all()
    table = tmp_path / "ratings.csv"
    table.write_text("subject,trial,valence,arousal\n02,1,0.5,\n01,3,-1,1\n")
    some = Annotated(tmp_path, labels={"tense": "fear"}, electrodes=("O1", "AF3"))
    assert [(*trial.where[::2], trial.label) for trial in some] == [(s, "1", "fear") for s in ("01", "02")]
    np.testing.assert_allclose(some[0].signal, signals[0][256:512][:, [6, 0]], rtol=1e-5, atol=1e-12)
    rated = {trial.where[::2]: trial.vad.tolist() for trial in Annotated(tmp_path, ratings=table)}
    np.testing.assert_array_equal(rated["02", "1"], [0.5, np.nan, np.nan])
    np.testing.assert_array_equal(rated["01", "3"], [-1, 1, np.nan])
    assert np.isnan(rated["01", "1"]).all()


def test_whose_a_recording_is(tmp_path: Path) -> None:
    import mne

    def record(name: str, code: str | None) -> None:
        raw = mne.io.RawArray(np.zeros((1, 256)), mne.create_info(["Cz"], 128.0, "eeg"), verbose="error")
        raw.set_annotations(mne.Annotations([0.0], [1.0], ["calm"]))
        raw.info["subject_info"] = {"his_id": code} if code else None
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        raw.save(path, verbose="error")

    record("ann/one_raw.fif", None)
    record("ann/two_raw.fif", "X")
    record("bob_raw.fif", None)
    record("sub-07_raw.fif", "Eve Example")
    record("zoe/three_raw.fif", "p12")
    where = [trial.where[::2] for trial in Annotated(tmp_path)]
    assert where == [("ann", "1"), ("ann", "2"), ("bob_raw", "1"), ("07", "1"), ("p12", "1")]
    assert [trial.where for trial in Annotated(tmp_path / "bob_raw.fif")] == [("bob_raw", "bob_raw.fif", "1")]


@pytest.mark.parametrize("ending", ["edf", "vhdr", "set"])
def test_annotations_survive_other_formats(ending: str, tmp_path: Path) -> None:
    import mne

    data = np.random.default_rng(0).normal(0, 1e-5, (2, 512))
    raw = mne.io.RawArray(data, mne.create_info(["Cz", "Pz"], 128.0, "eeg"), verbose="error")
    raw.set_annotations(mne.Annotations([0.5, 2.0], [1.0, 1.5], ["calm", "tense"]))
    mne.export.export_raw(tmp_path / f"ann.{ending}", raw, verbose="error")
    trials = Annotated(tmp_path)[:]
    assert [len(trial.signal) for trial in trials] == [128, 192]
    assert [str(trial.label).split("/")[-1] for trial in trials] == ["calm", "tense"]  # BrainVision: Comment/calm
    np.testing.assert_allclose(trials[1].signal, data[:, 256:448].T, atol=2e-9)


RATED_WRONGLY = [
    ("subject,valence\n01,1\n", "has columns .*wanted subject, trial and any of"),
    ("subject,trial,valence\n09,1,0\n", "line 2: subject '09', trial '1' is no trial"),
    ("subject,trial,valence\n01,1,0\n01,1,0\n", "line 3: subject '01', trial '1' is there twice"),
    ("subject,trial,valence\n01,1,high\n", "line 2: .*'high'; wanted numbers from -1 to 1"),
    ("subject,trial,valence\n01,1,5\n", r"line 2: ratings \[5.0, nan, nan\]; wanted -1 to 1"),
]


@pytest.mark.parametrize(("text", "why"), RATED_WRONGLY)
def test_ratings_that_fit_no_trial_are_refused(text: str, why: str, tmp_path: Path) -> None:
    eeg_files.write_annotated(tmp_path, np.random.default_rng(0), subjects=1, trials=2)
    (tmp_path / "ratings.csv").write_text(text)
    with pytest.raises(ValueError, match="ratings.csv.*" + why):
        Annotated(tmp_path, ratings=tmp_path / "ratings.csv")


def test_recordings_without_trials_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no EEG recording in .*wanted files that end in .edf"):
        Annotated(tmp_path)
    eeg_files.write_annotated(tmp_path, np.random.default_rng(0), subjects=1, trials=2)
    with pytest.raises(FileNotFoundError, match=r"no ratings at .*nowhere.csv; wanted a CSV"):
        Annotated(tmp_path, ratings=tmp_path / "nowhere.csv")
    with pytest.raises(ValueError, match=r"no annotation that lasts, described as one of .'beep'.*'calm'"):
        Annotated(tmp_path, labels={"beep": "surprise"})
    with pytest.raises(ValueError, match="no stretch is annotated 'joy'"):
        Annotated(tmp_path, labels={"calm": "calm", "joy": "joy"})
    with pytest.raises(ValueError, match=r"_raw.fif has no electrodes \['Cz'\], but \['AF3'"):
        Annotated(tmp_path, electrodes=("Cz",))
    (tmp_path / "sub-02_raw.fif").write_bytes(b"no such thing")
    with pytest.raises(ValueError, match=r"sub-02_raw.fif cannot be read as a recording"):
        Annotated(tmp_path)


def test_every_corpus_says_what_its_folder_holds(tmp_path: Path) -> None:
    eeg_files.deap(tmp_path / "deap" / "s01.mat")
    (tmp_path / "dreamer").mkdir()
    eeg_files.dreamer(tmp_path / "dreamer" / "DREAMER.mat", subjects=1)
    eeg_files.seed(tmp_path / "seed", "1_20131027.mat", "djc")
    eeg_files.dasps(tmp_path / "dasps" / "S01.mat")
    eeg_files.write_annotated(tmp_path / "own", np.random.default_rng(0), subjects=1, trials=2)
    holds = {"deap": Deap, "dreamer": Dreamer, "seed": Seed, "dasps": Dasps, "own": Annotated}
    for name, corpus in holds.items():
        found = [other for other in holds if not corpus.ABOUT.missing(tmp_path / other)]
        assert found == [name] and corpus.ABOUT.modality == "eeg" and not corpus.ABOUT.shipped
