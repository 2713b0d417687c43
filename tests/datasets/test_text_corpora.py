"""Corpora of text and dialogue, read from files in the form in which theirs are published."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from affectstream.datasets.base import Corpus
from affectstream.datasets.dailydialog import DailyDialog
from affectstream.datasets.emobank import EmoBank
from affectstream.datasets.emorynlp import EmoryNlp
from affectstream.datasets.goemotions import GoEmotions
from affectstream.datasets.meld import Meld
from affectstream.datasets.peld import Peld
from affectstream.datasets.semeval2018 import SemEval2018
from affectstream.datasets.texts import mended, read_table
from affectstream.multimodal.terms import EXPRESSIONS

_spec = importlib.util.spec_from_file_location("text_files", Path(__file__).with_name("text_files.py"))
assert _spec is not None and _spec.loader is not None
text_files: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(text_files)

OURS = {
    "train": "train",
    "trn": "train",
    "dev": "val",
    "validation": "val",
    "test": "test",
    "tst": "test",
    "test-gold": "test",
}
JOY = {"joy": "happiness"}


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def flat(written: dict[str, list[Any]]) -> list[tuple[str, Any]]:
    """Part, in our names, and row of everything written, in order."""
    return [(OURS[part], row) for part, rows in written.items() for row in rows]


def names(corpus: Corpus) -> list[str]:
    """Each sample's one label, or "?" where it is unknown."""
    return ["?" if np.isnan(share).any() else corpus.labels[int(share.argmax())] for share in corpus.share]


def all_known_of(corpus: Corpus) -> None:
    """What holds of every corpus without ratings: shares are one-hot or unknown, and no VAD is made up."""
    known = corpus.share[~np.isnan(corpus.share).any(1)]
    assert np.array_equal(known.max(1), np.ones(len(known))) and np.array_equal(known.sum(1), np.ones(len(known)))
    assert np.isnan(corpus.vad).all()


@pytest.mark.parametrize("raw", [False, True])
def test_meld(tmp_path: Path, rng: np.random.Generator, raw: bool) -> None:
    rows = flat(text_files.write_meld(tmp_path, rng, raw=raw))
    corpus = Meld(tmp_path)
    assert corpus.text == tuple(row["Utterance"] for _, row in rows), (
        "quotes and dots are mended in whichever way they broke"
    )
    assert corpus.part.tolist() == [part for part, _ in rows]
    assert names(corpus) == [JOY.get(row["Emotion"], row["Emotion"]) for _, row in rows]
    assert corpus.sentiment.tolist() == [row["Sentiment"] for _, row in rows]
    assert corpus.speaker.tolist() == [row["Speaker"] for _, row in rows]
    assert corpus.turn.tolist() == [row["Utterance_ID"] for _, row in rows]
    assert corpus.dialogue.tolist() == [f"{part}/{row['Dialogue_ID']}" for part, row in rows]
    assert len(set(corpus.dialogue)) == 12, "each part numbers its dialogues from 0"
    assert corpus.subject.tolist() == corpus.trial.tolist() == corpus.dialogue.tolist()
    assert set(corpus.labels) == set(EXPRESSIONS) - {"contempt"}
    assert (corpus[3].signal, corpus[3].subject) == (rows[3][1]["Utterance"], "train/0")
    all_known_of(corpus)


def test_meld_saved_by_a_spreadsheet_in_cp1252(tmp_path: Path, rng: np.random.Generator) -> None:
    rows = text_files.write_meld(tmp_path, rng)["dev"]
    path = tmp_path / "dev_sent_emo.csv"
    path.write_bytes(path.read_bytes().decode().encode("cp1252"))
    corpus = Meld(tmp_path)
    assert [corpus.text[i] for i in np.flatnonzero(corpus.part == "val")] == [row["Utterance"] for row in rows]


def test_mending_leaves_right_text_alone() -> None:
    right = "\u201cDéjà vu\u201d, she said \u2013 naïve \u2014 isn\u2019t it\u2018\u2026 ü€"
    assert mended(right) == mended(f"{right} 日本").removesuffix(" 日本") == right
    assert mended(right.encode("cp1252").decode("latin-1")) == right
    assert mended("a\xa0b\x81") == "a b"


def test_emorynlp(tmp_path: Path, rng: np.random.Generator) -> None:
    written = text_files.write_emorynlp(tmp_path, rng)
    rows = flat(written)
    corpus = EmoryNlp(tmp_path)
    theirs = {"Joyful": "happiness", "Mad": "anger", "Sad": "sadness", "Scared": "fear"}
    assert corpus.text == tuple(row["transcript"] for _, row in rows)
    assert corpus.part.tolist() == [part for part, _ in rows]
    assert names(corpus) == [theirs.get(row["emotion"], row["emotion"].lower()) for _, row in rows]
    assert corpus.dialogue.tolist() == [row["utterance_id"][:11] for _, row in rows]
    assert corpus.turn.tolist() == [int(row["utterance_id"][-3:]) for _, row in rows]
    assert corpus.speaker[1] == "Rachel Green, Ross Geller"
    assert len(set(corpus.subject)) == 12, "scene 1 of two episodes is two scenes"
    all_known_of(corpus)
    text_files.write_emorynlp_tables(tmp_path / "tables", written)
    table = EmoryNlp(tmp_path / "tables")
    for name in ("text", "labels"):
        assert getattr(table, name) == getattr(corpus, name)
    for name in ("part", "dialogue", "turn", "speaker", "subject", "trial", "share"):
        np.testing.assert_array_equal(getattr(table, name), getattr(corpus, name))


@pytest.mark.parametrize("inner", [False, True])
def test_dailydialog(tmp_path: Path, rng: np.random.Generator, inner: bool) -> None:
    written = text_files.write_dailydialog(tmp_path, rng)
    if inner:  # an unpacker that makes a folder for each archive
        for part in written:
            (tmp_path / part).rename(tmp_path / "x")
            (tmp_path / part).mkdir()
            (tmp_path / "x").rename(tmp_path / part / part)
    said = [
        (OURS[part], k, turn, *one)
        for part in written
        for k, d in enumerate(written[part])
        for turn, one in enumerate(d)
    ]
    corpus = DailyDialog(tmp_path)
    order = ("neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise")
    assert corpus.labels == order
    assert corpus.text == tuple(text for *_, text, _ in said)
    assert names(corpus) == [order[number] for *_, number in said]
    assert corpus.dialogue.tolist() == [f"{part}/{k}" for part, k, *_ in said]
    assert corpus.turn.tolist() == [turn for _, _, turn, *_ in said]
    assert corpus.unaligned == () and set(corpus.speaker) == {""}
    again = set(corpus.dialogue[corpus.repeated].tolist())
    assert again == {"train/0", "test/4"}, "the same but for case and a comma"
    assert len(set(corpus.trial)) == 14 and set(corpus.trial[corpus.repeated]) == {corpus.trial[0]}
    assert corpus.subject.tolist() == corpus.trial.tolist()
    all_known_of(corpus)


def test_emotions_that_do_not_fit_a_dialogue_are_nobodys(tmp_path: Path, rng: np.random.Generator) -> None:
    text_files.write_dailydialog(tmp_path, rng, unaligned=True)
    corpus = DailyDialog(tmp_path)
    assert corpus.unaligned == ("val/1",)
    assert [name == "?" for name in names(corpus)] == [name == "val/1" for name in corpus.dialogue]
    all_known_of(corpus)


def test_peld(tmp_path: Path, rng: np.random.Generator) -> None:
    rows = text_files.write_peld(tmp_path, rng)
    corpus = Peld(tmp_path)
    assert corpus.text == tuple(row["Utterance_3"] for row in rows)
    assert corpus.context == tuple((row["Utterance_1"], row["Utterance_2"]) for row in rows)
    assert names(corpus) == [JOY.get(row["Emotion_3"], row["Emotion_3"]) for row in rows]
    assert corpus.earlier[:, 1].tolist() == [JOY.get(row["Emotion_2"], row["Emotion_2"]) for row in rows]
    assert corpus.subject.tolist() == [row["Speaker_1"] for row in rows]
    assert corpus.partner.tolist() == [row["Speaker_2"] for row in rows]
    assert set(corpus.part) == {""}, "the authors' split is not in the file"
    np.testing.assert_allclose(
        corpus.personality[corpus.subject == "Ross"][0], [0.722, 0.489, 0.6, 0.533, 0.356], rtol=1e-6
    )
    assert corpus.turn[:9].tolist() == [0, 1, 2, 3] * 2 + [0]
    assert corpus.dialogue[-1] == "6" and corpus.trial[-1] == corpus.trial[0], (
        "a long utterance quoted later is the same one"
    )
    assert len(set(corpus.dialogue)) == 7 and len(set(corpus.trial)) == 6
    all_known_of(corpus)


def test_semeval2018(tmp_path: Path, rng: np.random.Generator) -> None:
    rows = flat(text_files.write_semeval2018(tmp_path, rng))
    corpus = SemEval2018(tmp_path)
    assert len(corpus) == len(rows) == 72, "a tweet of several tasks is one sample"
    place = {tweet: i for i, tweet in enumerate(corpus.subject.tolist())}
    assert corpus.marks == ("anger", "anticipation", "disgust", "fear", "happiness", "love", "optimism", "pessimism", "sadness", "surprise", "trust")  # fmt: skip
    for part, row in rows:
        i = place[row["id"]]
        assert (corpus.text[i], corpus.part[i]) == (row["text"], part)
        valence = np.nan if row["valence"] is None else (row["valence"] - 0.5) * 2
        np.testing.assert_allclose(corpus.vad[i], [valence, np.nan, np.nan], rtol=1e-5)
        np.testing.assert_array_equal(corpus.present[i], [np.nan] * 11 if row["marks"] is None else row["marks"])
        known = [row["intensity"].get(name, np.nan) for name in ("anger", "fear", "joy", "sadness")]
        np.testing.assert_allclose(corpus.intensity[i], known, rtol=1e-6)


def test_one_id_with_two_texts_is_two_samples_of_one_subject(tmp_path: Path, rng: np.random.Generator) -> None:
    rows = text_files.write_semeval2018(tmp_path, rng)["train"]
    path = tmp_path / "English/E-c/2018-E-c-En-train.txt"
    path.write_bytes(path.read_bytes().replace(rows[1]["text"].encode(), b"Another text."))
    corpus = SemEval2018(tmp_path)
    first, second = np.flatnonzero(corpus.subject == rows[1]["id"])
    assert (corpus.text[first], corpus.text[second]) == (rows[1]["text"], "Another text.")
    assert np.isnan(corpus.present[first]).all() and np.isnan(corpus.vad[second]).all()


def test_emobank_whole(tmp_path: Path, rng: np.random.Generator) -> None:
    rows = text_files.write_emobank(tmp_path, rng)
    corpus = EmoBank(tmp_path)
    assert corpus.part.tolist() == [OURS[row["split"]] for row in rows]
    assert corpus.text == tuple(row["text"] for row in rows) and corpus.text[0] == "NaN"
    np.testing.assert_allclose(corpus.vad, [[row[d] / 2 - 1.5 for d in "VAD"] for row in rows], atol=1e-6)
    np.testing.assert_allclose(corpus.reader - corpus.vad, 0.125, atol=1e-6)
    assert np.isnan(corpus.writer[0]).all() and not np.isnan(corpus.writer[1:]).any()
    dev = EmoBank(tmp_path, "dev")
    assert dev.ids == tuple(row["id"] for row in rows if row["split"] == "dev") and set(dev.part) == {"val"}


def test_goemotions_whole(tmp_path: Path, rng: np.random.Generator) -> None:
    rows = flat(text_files.write_goemotions(tmp_path, rng))
    corpus = GoEmotions(tmp_path)
    assert corpus.text == tuple(row["text"] for _, row in rows)
    assert corpus.part.tolist() == [part for part, _ in rows]
    assert corpus.marks == corpus.labels and corpus.marks[17] == "joy"
    for i, (_, row) in enumerate(rows):
        assert np.flatnonzero(corpus.present[i]).tolist() == row["labels"]
        np.testing.assert_allclose(corpus.share[i], corpus.present[i] / len(row["labels"]))
    assert np.array_equal(corpus[5].target.marks, corpus.present[5])
    assert np.isnan(corpus.vad).all()


def edit(path: Path, old: str, new: str) -> None:
    """Replace the first ``old`` in a file, byte for byte."""
    data = path.read_bytes().decode()
    assert old in data
    path.write_bytes(data.replace(old, new, 1).encode())


def cut(path: Path, left: int) -> None:
    """Leave the last bytes of a file away."""
    path.write_bytes(path.read_bytes()[:-left])


Spoil = Callable[[Path], object]
SPOILT: list[tuple[type[Corpus], str, Spoil, str]] = [
    (Meld, "meld", lambda f: edit(f / "dev_sent_emo.csv", "Sentiment", "Sense"), "dev_sent_emo.csv has columns .*; wanted also Sentiment"),
    (Meld, "meld", lambda f: edit(f / "dev_sent_emo.csv", ",3,19,", ",3,"), "dev_sent_emo.csv, line 2: 10 fields; wanted 11; copy"),
    (Meld, "meld", lambda f: edit(f / "dev_sent_emo.csv", ",positive,", ",glad,"), "dev_sent_emo.csv, utterance .*: the sentiment is 'glad'; wanted one of neg"),
    (Meld, "meld", lambda f: edit(f / "test_sent_emo.csv", ",0,1,3,19", ",0,one,3,19"), "test_sent_emo.csv, utterance one of dialogue 0: Utterance_ID is 'one'; wanted a whole"),
    (Meld, "meld", lambda f: cut(f / "test_sent_emo.csv", 6), "test_sent_emo.csv, line 25: unexpected end of data; copy"),
    (Meld, "meld", lambda f: (f / "test_sent_emo.csv").write_bytes(b" \n"), "test_sent_emo.csv is empty; copy"),
    (Meld, "meld", lambda f: (f / "test_sent_emo.csv").write_bytes(b"Sr No.\x81\n1"), "test_sent_emo.csv is no text in utf-8-sig or cp1252"),
    (EmoryNlp, "emorynlp", lambda f: cut(f / "json/emotion-detection-dev.json", 30), "emotion-detection-dev.json is no JSON of episodes and scenes"),
    (EmoryNlp, "emorynlp", lambda f: (f / "json/emotion-detection-dev.json").write_text("[1]"), "emotion-detection-dev.json is no JSON of episodes"),
    (EmoryNlp, "emorynlp", lambda f: edit(f / "json/emotion-detection-trn.json", '"transcript"', '"text"'), "utterance s01_e01_c01_u001 of scene s01_e01_c01 has no transcript"),
    (EmoryNlp, "emorynlp", lambda f: edit(f / "json/emotion-detection-trn.json", "_u001", "_uX"), "utterance_id is 'X'; wanted a whole number"),
    (Meld, "meld", lambda f: edit(f / "dev_sent_emo.csv", ",disgust,", ",dislike,"), "dev_sent_emo.csv, utterance .*: the emotion is 'dislike'; wanted one of neutral"),
    (EmoryNlp, "emorynlp", lambda f: edit(f / "json/emotion-detection-tst.json", '"Scared"', '"scared"'), "tst.json, utterance .*: the emotion is 'scared'; wanted one of Neutral"),
    (Peld, "peld", lambda f: edit(f / "data/Dyadic_PELD.tsv", "\tfear\t", "\tdread\t"), "Dyadic_PELD.tsv, row .*: the emotion is 'dread'; wanted one of neutral"),
    (DailyDialog, "dailydialog", lambda f: edit(f / "test/dialogues_emotion_test.txt", " ", " 7 "), "dialogues_emotion_test.txt, line 1: an emotion is '7'; wanted 0 to 6"),
    (DailyDialog, "dailydialog", lambda f: edit(f / "test/dialogues_test.txt", "\n", " "), "dialogues_test.txt has 4 dialogues, dialogues_emotion_test.txt 5 lines"),
    (Peld, "peld", lambda f: edit(f / "data/Dyadic_PELD.tsv", "0.648", "6.48"), r"Dyadic_PELD.tsv, row 1: the personality is '\[6.48, .*wanted five numbers from 0 to 1"),
    (Peld, "peld", lambda f: edit(f / "data/Dyadic_PELD.tsv", "[0.648", "[[0.648"), "row 1: the personality is .*wanted five"),
    (Peld, "peld", lambda f: edit(f / "data/Dyadic_PELD.tsv", "\nJoey\t", "\nGunther\t"), "row 2: Speaker_1 is 'Gunther'; wanted one of Chandler"),
    (SemEval2018, "semeval2018", lambda f: edit(f / "English/V-reg/2018-Valence-reg-En-dev.txt", "\t0.", "\t1."), "2018-Valence-reg-En-dev.txt, tweet 2018-En-de000: the score is '1.*wanted 0 to 1"),
    (SemEval2018, "semeval2018", lambda f: edit(f / "English/V-reg/2018-Valence-reg-En-dev.txt", "\t0.", "\tNONE"), "the score is 'NONE.*test files without gold have none"),
    (SemEval2018, "semeval2018", lambda f: edit(f / "English/EI-reg/test-gold/2018-EI-reg-En-joy-test-gold.txt", "\tjoy\t", "\tfear\t"), "joy-test-gold.txt, tweet .*: the dimension is 'fear'; wanted joy"),
    (SemEval2018, "semeval2018", lambda f: edit(f / "English/E-c/2018-E-c-En-dev.txt", "\t0\t", "\tNONE\t"), "E-c-En-dev.txt, tweet 2018-En-de001: an emotion is 'NONE'; wanted 0 or 1"),
    (EmoBank, "emobank", lambda f: edit(f / "emobank.csv", ",train,", ",trial,"), "emobank.csv: sentence '.*' is of split 'trial'; wanted train, dev or test"),
    (EmoBank, "emobank", lambda f: edit(f / "reader.csv", '"0.4"', '"0.4'), "reader.csv, line .*: .*; copy the file again"),
    (EmoBank, "emobank", lambda f: edit(f / "writer.csv", "V", "v"), "writer.csv has columns id, v, A, D, .*; wanted also V"),
    (GoEmotions, "goemotions", lambda f: edit(f / "data/original/dev.tsv", "\ted00000", ""), "dev.tsv, line 1: 2 fields; wanted a comment, its label numbers and its id"),
    (GoEmotions, "goemotions", lambda f: edit(f / "data/original/dev.tsv", "\ted00000", ",28\ted00000"), "dev.tsv, line 1: a label is '28'; wanted numbers from 0 to 27"),
]  # fmt: skip


@pytest.mark.parametrize(("corpus", "writer", "spoil", "why"), SPOILT)
def test_what_is_not_as_published_is_refused(
    corpus: type[Any], writer: str, spoil: Spoil, why: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    getattr(text_files, f"write_{writer}")(tmp_path, rng)
    assert len(corpus(tmp_path)) > 0
    spoil(tmp_path)
    with pytest.raises(ValueError, match=why):
        corpus(tmp_path)


def test_speakers_are_read_and_never_run(tmp_path: Path, rng: np.random.Generator) -> None:
    text_files.write_emorynlp_tables(tmp_path, text_files.write_emorynlp(tmp_path / "json", rng))
    edit(tmp_path / "emorynlp_dev_final.csv", "['", f"[__import__('os').mkdir('{tmp_path / 'made'}') or '")
    with pytest.raises(ValueError, match=r"emorynlp_dev_final.csv, .*wanted a list such as \['Rachel Green'\]"):
        EmoryNlp(tmp_path)
    assert not (tmp_path / "made").exists()


READERS: list[tuple[type[Any], str, str]] = [
    (Meld, "meld", "test_sent_emo.csv"),
    (Meld, "meld", "train_sent_emo.csv"),
    (EmoryNlp, "emorynlp", "json/emotion-detection-tst.json"),
    (DailyDialog, "dailydialog", "validation/dialogues_emotion_validation.txt"),
    (Peld, "peld", "data/Dyadic_PELD.tsv"),
    (SemEval2018, "semeval2018", "English/E-c/2018-E-c-En-train.txt"),
    (SemEval2018, "semeval2018", "English/E-c/2018-E-c-En-test-gold.txt"),
    (EmoBank, "emobank", "writer.csv"),
    (GoEmotions, "goemotions", "data/original/test.tsv"),
]


@pytest.mark.parametrize(("corpus", "writer", "file"), READERS)
def test_a_missing_file_is_named(
    corpus: type[Any], writer: str, file: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    getattr(text_files, f"write_{writer}")(tmp_path, rng)
    (tmp_path / file).unlink()
    with pytest.raises(FileNotFoundError, match=Path(file).name):
        corpus(tmp_path)


@pytest.mark.parametrize("corpus", sorted({reader for reader, *_ in READERS}, key=str))
def test_another_folder_is_refused_with_what_was_wanted_and_where_to_get_it(corpus: type[Any], tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as refused:
        corpus(tmp_path)
    about = corpus.ABOUT
    assert (
        str(tmp_path) in str(refused.value) and about.name in str(refused.value) and about.access in str(refused.value)
    )
    assert all(pattern in str(refused.value) for pattern in about.holds)


@pytest.mark.parametrize(
    ("corpus", "writer"), sorted({(reader, writer) for reader, writer, _ in READERS}, key=lambda pair: pair[1])
)
def test_every_part_is_large_enough_to_train_on(
    corpus: type[Any], writer: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    getattr(text_files, f"write_{writer}")(tmp_path, rng)
    read = corpus(tmp_path)
    assert not read.ABOUT.missing(tmp_path)
    for part in set(read.part.tolist()):
        inside = read.part == part
        assert inside.sum() >= 24 and len(set(read.subject[inside])) >= 4, part


def test_a_table_without_quoting_keeps_its_quotes(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes('\ufeffa\tb\r\n"one\ttwo\u2028"\r\n\r\n'.encode())
    assert read_table(path, ("a", "b"), "\t", quoted=False) == [{"a": '"one', "b": 'two\u2028"'}]
    path.write_text("a\tb\n")
    with pytest.raises(ValueError, match=r"x\.txt has no rows below its head"):
        read_table(path, ("a",), "\t", quoted=False)
