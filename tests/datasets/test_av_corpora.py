"""Audio-visual corpora read from files written as they are published, and wrong ones."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from scipy.io import loadmat, savemat

from affectstream.datasets.bah import Bah
from affectstream.datasets.cremad_votes import CremadVotes
from affectstream.datasets.eav import ELECTRODES, Eav, EavEeg
from affectstream.datasets.eeg import window_groups
from affectstream.datasets.omg_empathy import OmgEmpathy

_spec = importlib.util.spec_from_file_location("av_files", Path(__file__).with_name("av_files.py"))
assert _spec is not None and _spec.loader is not None
av_files: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(av_files)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def frames_of(path: str) -> int:
    with av.open(path) as file:
        return sum(1 for _ in file.decode(video=0))


def test_omg_empathy(tmp_path: Path) -> None:
    written = av_files.write_omg_empathy(tmp_path, rng(), subjects=10, frames=3)
    corpus = OmgEmpathy(tmp_path)
    rows = [
        (part, str(subject), str(story))
        for part, stories in (("train", (2, 4, 5, 8)), ("val", (1,)), ("test", (3, 6, 7)))
        for subject in range(1, 11)  # 10 after 9, not after 1
        for story in stories
    ]
    assert list(zip(corpus.part, corpus.subject, corpus.trial, strict=True)) == rows
    names = {"train": "Training", "val": "Validation", "test": "Testing"}
    for k in (0, 39, 40, 49, 50, 79):
        part, subject, story = rows[k]
        valence = written[names[part], int(subject), int(story)]
        time, vad = corpus.trace(k)
        np.testing.assert_allclose(time, [0, 0.04, 0.08], atol=1e-12)
        np.testing.assert_allclose(vad[:, 0], valence, atol=1e-6)
        np.testing.assert_allclose(corpus[k].target.vad, [sum(valence) / 3, np.nan, np.nan], atol=1e-6)
        assert np.isnan(vad[:, 1:]).all()
        assert corpus.signal(k) == str(tmp_path / names[part] / "Videos" / f"Subject_{subject}_Story_{story}.mp4")
    assert frames_of(corpus.signal(0)) == len(corpus.trace(0)[0])


def test_test_stories_of_omg_empathy_may_be_without_annotations(tmp_path: Path) -> None:
    av_files.write_omg_empathy(tmp_path, rng(), subjects=1, frames=2)
    (tmp_path / "Testing/Annotations/Subject_1_Story_6.csv").unlink()
    corpus = OmgEmpathy(tmp_path)
    unknown = np.flatnonzero(np.isnan(corpus.vad[:, 0]))
    assert [(corpus.part[k], corpus.trial[k]) for k in unknown] == [("test", "6")]
    time, vad = corpus.trace(int(unknown[0]))
    assert (time.shape, vad.shape) == ((0,), (0, 3))
    for path in sorted((tmp_path / "Testing").rglob("*.*")):
        path.unlink()
    assert set(OmgEmpathy(tmp_path).part) == {"train", "val"}


OMG_SPOILT: list[tuple[str, str | None, type[Exception], str]] = [
    ("Training/Annotations/Subject_1_Story_2.csv", None, FileNotFoundError, "Subject_1_Story_2.csv is missing"),
    (
        "Training/Annotations/Subject_1_Story_2.csv",
        "arousal\n0.5\n",
        ValueError,
        "begins with 'arousal'.*wanted valence",
    ),
    ("Training/Annotations/Subject_1_Story_2.csv", "valence\n", ValueError, "has 0 lines more"),
    ("Training/Annotations/Subject_1_Story_2.csv", "", ValueError, "begins with ''"),
    ("Training/Annotations/Subject_1_Story_2.csv", "valence\n0\n1.5\n", ValueError, "line 3: valence is '1.5'; wanted"),
    ("Training/Annotations/Subject_1_Story_2.csv", "valence\n0\n\n1\n", ValueError, "line 3: valence is ''"),
    ("Training/Annotations/Subject_1_Story_2.csv", "valence\nnan\n", ValueError, "line 2: valence is 'nan'"),
    ("Training/Videos/Listener_1.mp4", "x", ValueError, "Listener_1.mp4 is not named.*wanted Subject_1_Story_1.mp4"),
]


@pytest.mark.parametrize(("name", "text", "error", "why"), OMG_SPOILT)
def test_an_omg_empathy_that_is_not_as_published_is_refused(
    name: str, text: str | None, error: type[Exception], why: str, tmp_path: Path
) -> None:
    av_files.write_omg_empathy(tmp_path, rng(), subjects=1, frames=2)
    (tmp_path / name).unlink(missing_ok=True)
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(error, match=why):
        OmgEmpathy(tmp_path)


def test_bah(tmp_path: Path) -> None:
    written = av_files.write_bah(tmp_path, rng(), people=2, questions=3, frames=2)
    corpus = Bah(tmp_path)
    assert len(corpus) == len(written) == 18
    assert corpus.marks == ("ambivalence_hesitancy",) and len(set(corpus.trial)) == 18
    for k, (part, video, label, said) in enumerate(written):
        assert (corpus.part[k], corpus.subject[k]) == (part, video.split("/")[1])
        assert corpus[k].target.marks.tolist() == [label] and np.isnan(corpus[k].target.vad).all()
        assert corpus[k].signal == str(tmp_path / "data" / video) and Path(corpus.signal(k)).is_file()
        assert corpus.transcript[k] == said
    assert any(" " in corpus.signal(k) for k in range(18)) and any(said.count(",") > 1 for said in corpus.transcript)


LINE = "Videos/1/Visite_1/a.mp4,1,Yes.\n"


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ("Videos/1/Visite_1/a.mp4,2,Yes.\n", r"train.txt, line 1: 'Videos/1.*wanted Videos/<participant>"),
        (LINE + "Videos/1/Visite_1/b.mp4\n", "train.txt, line 2: 'Videos/1/Visite_1/b.mp4'; wanted"),
        ("Videos/../../a.mp4,1,Yes.\n", "line 1: .*wanted Videos/<participant>"),
        (LINE + "\n" + LINE, r"lists Videos/1/Visite_1/a.mp4 twice"),
        (
            "Videos/82655/Visite_1/a.mp4,1,Yes.\n",
            "val.txt, line 1: 82655 is also in train.txt; wanted lists of one release",
        ),
    ],
)
def test_lists_of_bah_that_are_not_as_published_are_refused(lines: str, why: str, tmp_path: Path) -> None:
    av_files.write_bah(tmp_path, rng(), people=1, questions=1, frames=1)
    (tmp_path / "data/split/train.txt").write_text(lines)
    with pytest.raises(ValueError, match=why):
        Bah(tmp_path)


def test_eav(tmp_path: Path) -> None:
    written = av_files.write_eav(tmp_path, rng(), subjects=2, samples=3, frames=2)
    corpus, eeg = Eav(tmp_path), EavEeg(tmp_path)
    assert len(corpus) == len(eeg) == 400 and set(corpus.part) == {""}
    known = {"Neutral": (0, 0, 0), "Sadness": (-0.63, -0.27, -0.33), "Anger": (-0.51, 0.59, 0.25)}
    known |= {"Happiness": (0.81, 0.51, 0.46), "Calmness": (np.nan,) * 3}
    for k in (0, 1, 2, 199, 200, 201, 399):
        subject, instance = str(k // 200 + 1), k % 200 + 1
        signals, said = written[subject]
        task, emotion = said[instance - 1]
        trial = eeg[k]
        assert (corpus.subject[k], corpus.instance[k], corpus.task[k]) == (subject, instance, task.lower())
        assert Path(corpus.signal(k)).name.startswith(f"{instance:03}_Trial_") and emotion in corpus.signal(k)
        assert corpus.labels[int(corpus.share[k].argmax())] == trial.label == emotion.lower()
        assert corpus.share[k].sum() == 1
        np.testing.assert_allclose(corpus.vad[k], known[emotion], atol=1e-6)
        np.testing.assert_allclose(trial.vad, known[emotion], atol=1e-6)
        np.testing.assert_allclose(trial.signal, signals[:, :, instance - 1] / 1e6, rtol=1e-6)
        assert trial.where == (subject, "1", corpus.trial[k]) and trial.rating[1] == (task == "Speaking")
        assert (trial.vad_derived, trial.rate, trial.names) == (True, 500, ELECTRODES)
        if task == "Speaking":
            assert Path(corpus.sound(k)).name.startswith(f"{instance:03}_Trial_") and corpus.sound(k).endswith(
                "_Aud.wav"
            )
        else:
            with pytest.raises(FileNotFoundError, match="has no sound in Audio"):
                corpus.sound(k)
    groups = window_groups([trial.where for trial in eeg], [2] * 400)
    assert np.bincount(groups.trials).tolist() == [4] * 200  # what is listened to and what is answered stay together


def test_the_folders_of_eav_may_be_numbered_with_two_digits(tmp_path: Path) -> None:
    av_files.write_eav(tmp_path, rng(), subjects=1, samples=2, frames=1)
    home = (tmp_path / "subject1").rename(tmp_path / "subject01")
    for path in (home / "EEG").iterdir():
        path.rename(path.with_name(path.name.replace("subject1", "subject01")))
    assert set(Eav(tmp_path).subject) == {"1"} and EavEeg(tmp_path)[0].subject == "1"


def spoilt_eeg(home: Path, **changes: Any) -> None:
    for ending in ("", "_label"):
        path = home / "EEG" / f"subject1_eeg{ending}.mat"
        arrays = {key: value for key, value in loadmat(path).items() if not key.startswith("__")}
        arrays |= {key: value for key, value in changes.items() if key in arrays}
        savemat(path, arrays)


def spoilt_name(home: Path, instance: int, name: str) -> None:
    (path,) = (home / "Video").glob(f"{instance:03}_*")
    path.rename(path.with_name(name))


EAV_SPOILT: list[tuple[Callable[[Path], Any], type[Any], str]] = [
    (lambda f: spoilt_name(f, 1, "film.mp4"), Eav, "film.mp4 is not named as EAV names its files; wanted 001_Trial_01"),
    (lambda f: spoilt_name(f, 1, "001_Trial_01_Listening_Joy.mp4"), Eav, "Joy.mp4 is not named as EAV names"),
    (lambda f: spoilt_name(f, 1, "002_Trial_01_Listening_Anger.mp4"), Eav, "is a second file of instance 002 beside"),
    (lambda f: spoilt_name(f, 2, "002_Trial_02_Listening_Anger.mp4"), Eav, "_Aud.wav and 002_.* differ; wanted one"),
    (lambda f: spoilt_eeg(f, seg1=np.zeros((200, 30, 3))), EavEeg, r"EEG \(200, 30, 3\); wanted \(10000, 30, 200\)"),
    (lambda f: spoilt_eeg(f, seg1=np.full((3, 30, 200), np.nan)), EavEeg, "instance 1: 90 samples are not finite"),
    (lambda f: spoilt_eeg(f, label=np.zeros((10, 200))), EavEeg, "wanted .10, 200. with a single 1"),
    (lambda f: spoilt_eeg(f, label=np.repeat([[1]] + [[0]] * 9, 200, 1)), EavEeg, "wanted what .*mp4 says"),
    (
        lambda f: savemat(f / "EEG/subject1_eeg.mat", {"x": 1}),
        EavEeg,
        r"subject1_eeg.mat has no \['seg'\], but \['x'\]",
    ),
]


@pytest.mark.parametrize(("spoil", "corpus", "why"), EAV_SPOILT)
def test_an_eav_that_is_not_as_published_is_refused(
    spoil: Callable[[Path], Any], corpus: type[Any], why: str, tmp_path: Path
) -> None:
    av_files.write_eav(tmp_path, rng(), subjects=1, samples=3, frames=1)
    spoil(tmp_path / "subject1")
    with pytest.raises(ValueError, match=why):
        corpus(tmp_path)[0]


def test_a_person_of_eav_without_eeg_is_named(tmp_path: Path) -> None:
    av_files.write_eav(tmp_path, rng(), subjects=2, samples=2, frames=1)
    (tmp_path / "subject2/EEG/subject2_eeg.mat").unlink()
    with pytest.raises(FileNotFoundError, match=r"subject2_eeg.mat is missing"):
        EavEeg(tmp_path)[200]


def test_cremad_votes_are_a_corpus(tmp_path: Path) -> None:
    rows = av_files.write_cremad_votes(tmp_path, rng())
    corpus = CremadVotes(tmp_path)
    assert list(zip(corpus.subject, corpus.trial, corpus.part, strict=True)) == [
        (str(row["actor"]), row["clip"], row["role"]) for row in rows
    ]
    val = CremadVotes(tmp_path, "val")
    assert set(val.part) == {"val"} and len(val) == 24
    np.testing.assert_array_equal(val.share, corpus.share[corpus.part == "val"])
    counts = [rows[30][f"av_{letter}"] for letter in "ADFHNS"]
    np.testing.assert_allclose(corpus.share[30], np.array(counts) / sum(counts), atol=1e-6)
    assert corpus.labels[int(corpus.share[30].argmax())] == "anger"  # the first clip of an actor, and most agree


@pytest.mark.parametrize(
    ("corpus", "write", "video"),
    [(OmgEmpathy, "write_omg_empathy", "Training/Videos"), (Bah, "write_bah", "data/Videos")],
)
def test_a_missing_video_is_named_when_it_is_asked_for(
    corpus: type[Any], write: str, video: str, tmp_path: Path
) -> None:
    getattr(av_files, write)(tmp_path, rng(), 1, frames=1)
    gone = corpus(tmp_path)
    Path(gone.signal(1)).unlink()
    again = corpus(tmp_path)
    assert len(again) == len(gone)
    with pytest.raises(FileNotFoundError, match=f"{video}.*mp4 is missing"):
        again.signal(1)


@pytest.mark.parametrize(
    ("corpus", "wanted"),
    [
        (OmgEmpathy, "OMG-Empathy: there is no Training/Videos"),
        (Bah, "BAH: there is no data/Videos"),
        (Eav, "EAV: there is no subject"),
        (EavEeg, "EAV: there is no subject"),
        (CremadVotes, r"CREMA-D votes: there is no cremad_votes.csv.gz"),
    ],
)
def test_another_folder_is_refused(corpus: type[Any], wanted: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=f"does not hold {wanted}"):
        corpus(tmp_path)
