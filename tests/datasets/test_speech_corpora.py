"""Corpora of speech read from folders written as they are published, with their traps, and from wrong ones."""

import csv
import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import soundfile

from affectstream.datasets.base import Corpus
from affectstream.datasets.cremad import CremaD
from affectstream.datasets.emodb import EmoDB
from affectstream.datasets.iemocap import Iemocap
from affectstream.datasets.labelled_files import LabelledFiles
from affectstream.datasets.msp_podcast import MspPodcast
from affectstream.datasets.nemo import Nemo
from affectstream.datasets.ravdess import Ravdess
from affectstream.datasets.savee import Savee
from affectstream.datasets.tess import Tess
from affectstream.multimodal.terms import EXPRESSIONS, FURTHER_MEAN, TERM_MEAN

_spec = importlib.util.spec_from_file_location("speech_files", Path(__file__).with_name("speech_files.py"))
assert _spec is not None and _spec.loader is not None
files: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(files)

ACTED: list[tuple[type[Any], Callable[..., list[dict[str, Any]]]]] = [
    (EmoDB, files.write_emodb),
    (Nemo, files.write_nemo),
    (Ravdess, files.write_ravdess),
    (Tess, files.write_tess),
    (Savee, files.write_savee),
    (CremaD, files.write_cremad),
]
RATED: list[tuple[type[Any], Callable[..., list[dict[str, Any]]]]] = [
    (Iemocap, files.write_iemocap),
    (MspPodcast, files.write_msp_podcast),
]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def term(name: str) -> list[float]:
    if name == "calm":
        return [np.nan] * 3
    return list(FURTHER_MEAN[name] if name in FURTHER_MEAN else TERM_MEAN[EXPRESSIONS.index(name)])


@pytest.mark.parametrize(("kind", "write"), ACTED, ids=lambda value: value.__name__)
def test_acted_speech(kind: type[Any], write: Any, tmp_path: Path, rng: np.random.Generator) -> None:
    rows = write(tmp_path, rng)
    corpus = kind(tmp_path)
    assert [clip.path.name for clip in corpus.clips] == [row["path"].name for row in rows]
    for name, column in (("speaker", corpus.subject), ("sentence", corpus.trial), ("emotion", corpus.emotion)):
        assert column.tolist() == [row[name] for row in rows]
    assert [corpus.labels[k] for k in corpus.label] == [row["emotion"] for row in rows]
    assert corpus.vad_derived and set(corpus.part.tolist()) == {""}
    assert {row["emotion"] for row in rows} == set(corpus.labels)
    if kind in (Nemo, Ravdess, Tess, Savee):
        hot = [[float(label == row["emotion"]) for label in corpus.labels] for row in rows]
        np.testing.assert_array_equal(corpus.share, hot)
        np.testing.assert_allclose(corpus.vad, [term(row["emotion"]) for row in rows], atol=1e-6)
    for i in (0, len(rows) - 1):
        sample, (samples, rate) = corpus[i], soundfile.read(rows[i]["path"])
        assert (sample.subject, abs(len(sample.signal) - len(samples) * 16000 / rate) <= 1) == (
            rows[i]["speaker"],
            True,
        )
        np.testing.assert_allclose(np.std(np.asarray(sample.signal)), samples.std(), rtol=0.05)


@pytest.mark.parametrize(("kind", "write"), ACTED + RATED, ids=lambda value: value.__name__)
def test_what_a_corpus_says_of_itself_finds_it(kind: type[Any], write: Any, tmp_path: Path, rng: Any) -> None:
    assert kind.ABOUT.modality == "speech" and kind.ABOUT.licence and kind.ABOUT.access
    assert set(kind.ABOUT.missing(tmp_path)) == set(kind.ABOUT.holds)
    with pytest.raises(FileNotFoundError, match=f"does not hold {kind.ABOUT.name}: there is no .*; wanted the folder"):
        kind(tmp_path)
    write(tmp_path, rng)
    assert kind.ABOUT.missing(tmp_path) == ()
    others = [other for other, _ in ACTED + RATED if other is not kind and not other.ABOUT.missing(tmp_path)]
    assert not others


def test_weights_of_two_corpora_may_be_passed_on() -> None:
    kinds = (*(kind for kind, _ in ACTED + RATED), LabelledFiles)
    assert {kind.ABOUT.name for kind in kinds if kind.ABOUT.shipped} == {"EmoDB", "CREMA-D"}


def test_savee_in_one_folder(tmp_path: Path, rng: np.random.Generator) -> None:
    rows = files.write_savee(tmp_path, rng, flat=True)
    corpus = Savee(tmp_path)
    assert [(c.speaker, c.sentence, c.emotion) for c in corpus.clips] == [
        (row["speaker"], row["sentence"], row["emotion"]) for row in rows
    ]


def test_emodb_as_listeners_heard_it(tmp_path: Path, rng: np.random.Generator) -> None:
    rows = files.write_emodb(tmp_path, rng)
    corpus = EmoDB(tmp_path)
    for share, row in zip(corpus.share, rows, strict=True):
        for value, label in zip(share, corpus.labels, strict=True):
            p = row["recognised"]
            assert value == pytest.approx(p if label == row["emotion"] else (1 - p) / 6, abs=1e-6)


def test_cremad_as_it_was_heard(tmp_path: Path, rng: np.random.Generator) -> None:
    """From the counts; from the most named; and, without either, as it was meant. Not as it was seen."""
    rows = files.write_cremad(tmp_path, rng)
    corpus = CremaD(tmp_path)
    counted = [[n / sum(row["votes"][0]) for n in row["votes"][0]] for row in rows]
    assert corpus.voted
    np.testing.assert_allclose(corpus.share, counted, atol=1e-6)
    np.testing.assert_allclose(corpus.vad, np.array(counted) @ [term(name) for name in corpus.labels], atol=1e-6)
    assert "1040_ITH_SAD_X.wav" in [clip.path.name for clip in corpus.clips]
    results = tmp_path / "processedResults"
    (results / "tabulatedVotes.csv").unlink()
    most = [[(letter in row["most"][0]) / len(row["most"][0]) for letter in "ADFHNS"] for row in rows]
    np.testing.assert_allclose(CremaD(tmp_path).share, most, atol=1e-6)
    lines = (results / "summaryTable.csv").read_text().splitlines()
    (results / "summaryTable.csv").write_text("\n".join(line for line in lines if "1001_IEO_ANG_LO" not in line))
    fewer = CremaD(tmp_path)
    assert np.isnan(fewer.share[0]).all() and np.isnan(fewer.vad[0]).all() and fewer.label[0] == 0
    np.testing.assert_allclose(fewer.share[1:], most[1:], atol=1e-6)
    (results / "summaryTable.csv").unlink()
    meant = CremaD(tmp_path)
    assert not meant.voted
    np.testing.assert_array_equal(meant.share, np.eye(6)[corpus.label])


def write_flash(path: Path, seconds: float = 1.0) -> None:
    """A Flash video without pictures: 440 Hz on two channels, of which the second is silent, as MP3 at 44.1 kHz."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    tone = (0.5 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * 44100)) / 44100)).astype(np.float32)
    with av.open(str(path), "w", format="flv") as out:
        track: Any = out.add_stream("mp3", rate=44100, layout="stereo")
        frame = av.AudioFrame.from_ndarray(np.stack([tone, 0 * tone]), format="fltp", layout="stereo")
        frame.sample_rate = 44100
        for packet in [*track.encode(frame), *track.encode(None)]:
            out.mux(packet)


def test_cremad_from_its_videos(tmp_path: Path) -> None:
    path = tmp_path / "VideoFlash" / "1001_DFA_ANG_XX.flv"
    write_flash(path)
    corpus = CremaD(tmp_path)
    samples = corpus.signal(0)
    assert corpus.emotion.tolist() == ["anger"] and len(samples) == pytest.approx(16000, abs=1600)
    spectrum = abs(np.fft.rfft(samples))
    assert spectrum.argmax() * 16000 / len(samples) == pytest.approx(440, abs=2)
    assert abs(samples[4000:12000]).max() == pytest.approx(0.25, abs=0.02)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match=r"1001_DFA_ANG_XX.flv is cut short: 0.* of 1.* s are there"):
        corpus.signal(0)


def test_the_real_cremad(shared_data: Path, tmp_path: Path) -> None:
    shutil.copytree(shared_data / "clips" / "cremad", tmp_path / "VideoFlash")
    corpus = CremaD(tmp_path)
    assert corpus.emotion.tolist() == list(corpus.emotions) and set(corpus.subject.tolist()) == {"1001"}
    assert len(corpus.signal(0)) / 16000 == pytest.approx(2.27, abs=0.05)


def test_iemocap(tmp_path: Path, rng: np.random.Generator) -> None:
    rows = files.write_iemocap(tmp_path, rng)
    four, nine = Iemocap(tmp_path), Iemocap(tmp_path, classes=9)
    assert four.labels == ("anger", "happiness", "neutral", "sadness") and len(nine.labels) == 9
    merged = {"ang": "anger", "hap": "happiness", "exc": "happiness", "neu": "neutral", "sad": "sadness"}
    apart = {**merged, "exc": "excitement", "fru": "frustration", "sur": "surprise"}
    for corpus, names in ((four, merged), (nine, apart)):
        assert [clip.path for clip in corpus.clips] == [row["path"] for row in rows]
        assert corpus.emotion.tolist() == [names.get(row["code"], "") for row in rows]
        assert np.isnan(corpus.share).all(1).tolist() == [row["code"] not in names for row in rows]
        assert not corpus.vad_derived
        for vad, row in zip(corpus.vad[1:], rows[1:], strict=True):
            np.testing.assert_allclose(vad, [(x - 3) / 2 for x in row["rating"]], atol=1e-6)
        assert corpus.vad[0].tolist() == [1, 1, -1]  # 5.5, 5.0, 0.5
    assert four.session.tolist() == [row["session"] for row in rows]
    assert four.subject.tolist() == [row["speaker"] for row in rows]
    assert four.trial.tolist() == [row["sentence"] for row in rows]
    assert sorted(set(four.subject.tolist())) == [f"Ses0{k}{letter}" for k in range(1, 6) for letter in "FM"]
    by_session = [set(four.subject[four.session == k].tolist()) for k in "12345"]
    assert all(len(people) == 2 for people in by_session) and len(set.union(*by_session)) == 10


@pytest.mark.parametrize("test", ["Test1", "Test2"])
@pytest.mark.parametrize("old", [False, True])
def test_msp_podcast(test: Any, old: bool, tmp_path: Path, rng: np.random.Generator) -> None:
    rows = [r for r in files.write_msp_podcast(tmp_path, rng) if r["split"] in ("Train", "Development", test)]
    if old:
        text = (tmp_path / "Labels" / "labels_consensus.csv").read_text().replace("Development", "Validation")
        (tmp_path / "Labels" / "labels_consensus.csv").unlink()
        (tmp_path / "Labels" / "labels_concensus.csv").write_text(text)
        (tmp_path / "Audios").rename(tmp_path / "Audio")
    corpus = MspPodcast(tmp_path, test=test)
    assert [clip.path.name for clip in corpus.clips] == [row["path"].name for row in rows]
    assert corpus.part.tolist() == ["train"] * 24 + ["val"] * 24 + ["test"] * 24
    letters = {"A": "anger", "S": "sadness", "H": "happiness", "U": "surprise", "F": "fear", "D": "disgust"}
    letters |= {"C": "contempt", "N": "neutral"}
    assert corpus.emotion.tolist() == [letters.get(row["emotion"], "") for row in rows]
    assert np.isnan(corpus.share).any(1).tolist() == [row["emotion"] in "OX" for row in rows]
    for vad, row in zip(corpus.vad, rows, strict=True):
        arousal, valence, dominance = [(float(x or "nan") - 4) / 3 for x in row["rating"]]
        np.testing.assert_allclose(vad, [valence, arousal, dominance], atol=1e-6)
    assert np.isnan(corpus.vad).sum() == 3
    unknown = [k for k, row in enumerate(rows) if row["speaker"] == "Unknown"]
    assert len(unknown) == 4 and len(set(corpus.subject[unknown].tolist())) == 4
    known = np.delete(np.arange(72), unknown)
    assert corpus.subject[known].tolist() == [rows[k]["speaker"] for k in known]
    assert corpus.trial[0] == "MSP-PODCAST_0000" and len(set(corpus.trial[:24].tolist())) == 4
    assert len(corpus[3].signal) == 4800


def test_labelled_sounds(tmp_path: Path, rng: np.random.Generator) -> None:
    rows = files.write_labelled_files(tmp_path, rng)
    for corpus in (LabelledFiles(tmp_path), LabelledFiles(tmp_path / "labels.csv")):
        assert (len(corpus), corpus.kind, corpus.labels, corpus.marks) == (72, "sound", ("anger", "joy"), ("loud",))
        assert corpus.subject.tolist() == [row["speaker"] for row in rows]
        assert corpus.part.tolist() == [row["part"] for row in rows]
        np.testing.assert_allclose(corpus.vad, [row["rating"] for row in rows], atol=1e-6)
        assert corpus.present[:, 0].tolist() == [row["loud"] for row in rows]
        for share, row in zip(corpus.share, rows, strict=True):
            hot = {"anger": [1, 0], "joy": [0, 1], "": [np.nan, np.nan]}
            np.testing.assert_array_equal(share, hot[row["emotion"]])
        np.testing.assert_allclose(
            np.asarray(corpus.signal(5), np.float32), soundfile.read(rows[5]["path"])[0], atol=1e-6
        )


def table(folder: Path, *lines: str) -> Path:
    (folder / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def test_labelled_pictures_and_texts(tmp_path: Path) -> None:
    """Columns in any order, and most of them not there; without subjects every file is of somebody else."""
    picture = np.zeros((4, 6, 3), np.uint8)
    picture[..., 0] = 200
    cv2.imwrite(str(tmp_path / "a.png"), picture[..., ::-1])
    (tmp_path / "b.txt").write_text("Grüße\n", encoding="utf-8")
    faces = LabelledFiles(table(tmp_path, "valence,file,trial", " 0.5 , a.png ,film"))
    np.testing.assert_array_equal(faces.signal(0), picture)
    np.testing.assert_array_equal(faces.vad, np.array([[0.5, np.nan, np.nan]], np.float32))
    assert (faces.kind, faces.labels, faces.marks, faces.share.shape, faces.present.shape) == (
        "picture",
        (),
        (),
        (1, 0),
        (1, 0),
    )
    assert (faces.subject.tolist(), faces.trial.tolist()) == (["a.png"], ["film"])
    texts = LabelledFiles(table(tmp_path, "text,file,mark:sad,mark:glad", '"Well, yes",,1,', ",b.txt,0,1"))
    assert [texts.signal(k) for k in (0, 1)] == ["Well, yes", "Grüße"] and texts.kind == "text"
    np.testing.assert_array_equal(texts.present, np.array([[1, np.nan], [0, 1]], np.float32))
    assert len(set(texts.subject.tolist())) == 2
    (tmp_path / "b.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=r"b.txt is no text in UTF-8"):
        texts.signal(1)
    (tmp_path / "b.txt").write_text(" \n")
    with pytest.raises(ValueError, match=r"b.txt is empty"):
        texts.signal(1)


LABELLED: list[tuple[list[str], str]] = [
    (["file,lable", "a.wav,joy"], r"columns \['file', 'lable'\]; wanted file or text, and any of subject, trial"),
    (["file;label", "a.wav;joy"], "separated by commas"),
    (["file,mark:", "a.wav,1"], "mark:NAME"),
    (["label", "joy"], "wanted file or text"),
    (["file,label,label", "a.wav,joy,joy"], "once each"),
    (["file,label", "a.wav"], "line 2 has not as many cells as there are columns, 2"),
    (["file,label", "a.wav,joy,anger"], "line 2 has not as many cells as there are columns, 2"),
    (["file,valence", "a.wav,0", "b.wav,1.5"], "line 3: valence is '1.5'; wanted -1 to 1"),
    (["file,arousal", "a.wav,high"], "line 2: arousal is 'high'; wanted -1 to 1"),
    (["file,dominance", "a.wav,nan"], "line 2: dominance is 'nan'; wanted -1 to 1"),
    (["file,mark:loud", "a.wav,2"], "line 2: mark:loud is '2'; wanted 1, 0 or nothing"),
    (["file,part", "a.wav,dev"], "line 2: the part is 'dev'; wanted train, val, test"),
    (
        ["file,subject,part", "a.wav,Ann,train", "b.wav,Ann,test"],
        "line 3: Ann is in part 'test', and in 'train' at .*line 2",
    ),
    (["file", "a.wav", "a.wav"], "line 3 names .*a.wav, which .*line 2 names already"),
    (["file", "a.wav", "c.txt"], "line 3: .*c.txt is of kind text; wanted sound of .wav"),
    (["file", "labels.csv"], "line 2: .*labels.csv is of kind unknown; wanted one of .wav"),
    (["file,label", ",joy"], "line 2 has no file and no text"),
    (["file"], "labels.csv has no lines below its columns"),
]


@pytest.mark.parametrize(("lines", "why"), LABELLED)
def test_a_broken_table_of_files_is_refused(
    lines: list[str], why: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    for name in ("a.wav", "b.wav"):
        files.write_sound(tmp_path / name, rng)
    (tmp_path / "c.txt").write_text("words")
    with pytest.raises(ValueError, match=why):
        LabelledFiles(table(tmp_path, *lines))


def test_no_table_and_no_file_are_told(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "nowhere.csv"):
        with pytest.raises(FileNotFoundError, match=r"does not hold Labelled files: there is no labels.csv"):
            LabelledFiles(place)
    with pytest.raises(
        FileNotFoundError, match=r"labels.csv, line 2: .*a.wav is missing; paths go from the table's folder"
    ):
        LabelledFiles(table(tmp_path, "file", "a.wav"))
    (tmp_path / "labels.csv").write_bytes("file,text\n,Größe\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"labels.csv is no table .*in UTF-8"):
        LabelledFiles(tmp_path)


def spoil(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="latin-1")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="latin-1")


def first_turn(change: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    def spoilt(folder: Path) -> None:
        path = folder / "Session1" / "dialog" / "EmoEvaluation" / "Ses01F_impro01.txt"
        lines = path.read_text(encoding="latin-1").splitlines()
        path.write_text(
            "\n".join([*lines[:2], "\t".join(change(lines[2].split("\t"))), *lines[3:]]), encoding="latin-1"
        )

    return spoilt


def msp(column: str, value: str) -> Callable[[Path], None]:
    def spoilt(folder: Path) -> None:
        path = folder / "Labels" / "labels_consensus.csv"
        rows = list(csv.DictReader(path.open(newline="")))
        rows[2][column] = value
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)

    return spoilt


SOUND = Path("AudioWAV") / "1001_IEO_ANG_LO.wav"
VOTES = Path("processedResults") / "tabulatedVotes.csv"
TOP = Path("processedResults") / "summaryTable.csv"
SPOILT: list[tuple[Any, Any, Callable[[Path], Any], type[Exception], str]] = [
    (Ravdess, files.write_ravdess, lambda f: (f / "Actor_01" / "03-01-09-01-01-01-01.wav").touch(), ValueError, "03-01-09.*emotions 01 to 08"),
    (Ravdess, files.write_ravdess, lambda f: (f / "Actor_25.wav").touch(), ValueError, "wanted names such as 03-01-06"),
    (Tess, files.write_tess, lambda f: (f / "OAF_back_bored.wav").touch(), ValueError, "OAF_back_bored.wav is not named as TESS"),
    (Savee, files.write_savee, lambda f: (f / "a01.wav").touch(), ValueError, "a01.wav is not named as SAVEE.* of speakers DC, JE"),
    (Savee, files.write_savee, lambda f: (f / "AudioData" / "AudioData" / "DC" / "a01.wav").write_bytes(b""), ValueError, "one recording by name, but differ"),
    (CremaD, files.write_cremad, lambda f: (f / SOUND).rename(f / "AudioWAV" / "1001_IEO_BAD_LO.wav"), ValueError, "1001_IEO_BAD_LO.wav is not named as CREMA-D"),
    (CremaD, files.write_cremad, lambda f: (f / "AudioWAV").rename(f / "Audio"), FileNotFoundError, r"wanted AudioWAV/\*.wav or VideoFlash"),
    (CremaD, files.write_cremad, lambda f: spoil(f / VOTES, '"fileName"', '"clip"'), ValueError, r"tabulatedVotes.csv has columns .*wanted also \['fileName'\]"),
    (CremaD, files.write_cremad, lambda f: spoil(f / VOTES, '"100001",', '"100001",-'), ValueError, "tabulatedVotes.csv, line 2: the votes are .*wanted counts of ADFHNS"),
    (CremaD, files.write_cremad, lambda f: ((f / VOTES).unlink(), spoil(f / TOP, '"2","1001_IEO_DIS_LO","', '"2","1001_IEO_DIS_LO","Q:')), ValueError, "summaryTable.csv, line 3: the vote is 'Q:"),
    (Iemocap, files.write_iemocap, first_turn(lambda x: [*x[:2], "joy", x[3]]), ValueError, "Ses01F_impro01.txt, line 3 is .*joy.*; wanted"),
    (Iemocap, files.write_iemocap, first_turn(lambda x: x[:3]), ValueError, "Ses01F_impro01.txt, line 3 is .*; wanted"),
    (Iemocap, files.write_iemocap, first_turn(lambda x: [*x[:3], "[6.0, 1.0, 1.0]"]), ValueError, r"line 3: the ratings are \[6.0, 1.0, 1.0\]; wanted 1 to 5"),
    (Iemocap, files.write_iemocap, first_turn(lambda x: [x[0], x[1].replace("impro01", "impro02"), *x[2:]]), ValueError, "a turn of Ses01F_impro01"),
    (Iemocap, files.write_iemocap, lambda f: shutil.rmtree(f / "Session5" / "sentences" / "wav" / "Ses05F_impro01"), FileNotFoundError, "Ses05F_impro01_F000.wav is missing, and 11 more of the 120"),
    (MspPodcast, files.write_msp_podcast, msp("EmoVal", "7.5"), ValueError, "labels_consensus.csv, line 4: EmoVal is '7.5'; wanted 1 to 7"),
    (MspPodcast, files.write_msp_podcast, msp("EmoDom", "much"), ValueError, "line 4: EmoDom is 'much'; wanted 1 to 7"),
    (MspPodcast, files.write_msp_podcast, msp("EmoClass", "Z"), ValueError, "line 4: EmoClass is 'Z'; wanted one of A, C"),
    (MspPodcast, files.write_msp_podcast, msp("Split_Set", "Test9"), ValueError, "line 4: Split_Set is 'Test9'; wanted one of Train"),
    (MspPodcast, files.write_msp_podcast, msp("SpkrID", ""), ValueError, "line 4 is .*; wanted a FileName and a SpkrID"),
    (MspPodcast, files.write_msp_podcast, lambda f: spoil(f / "Labels" / "labels_consensus.csv", "EmoAct", "Act"), ValueError, r"wanted also \['EmoAct'\]"),
    (MspPodcast, files.write_msp_podcast, lambda f: (f / "Audios" / "MSP-PODCAST_0000_0003.wav").unlink(), FileNotFoundError, "MSP-PODCAST_0000_0003.wav is missing, and 0 more"),
    (lambda f: Iemocap(f, classes=5), files.write_iemocap, lambda f: None, ValueError, "classes is 5; wanted 4 or 9"),  # pyright: ignore[reportArgumentType]
    (lambda f: MspPodcast(f, test="Test3"), files.write_msp_podcast, lambda f: None, ValueError, "test is 'Test3'; wanted 'Test1' or 'Test2'"),  # pyright: ignore[reportArgumentType]
]  # fmt: skip


@pytest.mark.parametrize(("read", "write", "spoilt", "error", "why"), SPOILT)
def test_a_folder_that_is_not_as_published_is_refused(
    read: Callable[[Path], Corpus],
    write: Any,
    spoilt: Callable[[Path], Any],
    error: type[Exception],
    why: str,
    tmp_path: Path,
    rng: np.random.Generator,
) -> None:
    write(tmp_path, rng)
    spoilt(tmp_path)
    with pytest.raises(error, match=why):
        read(tmp_path)
