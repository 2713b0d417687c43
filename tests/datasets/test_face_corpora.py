"""Corpora of faces read from folders written as they are published, and wrong ones."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from scipy.io import loadmat

from affectstream.datasets.affectnet import AffectNet, AffectNetLists
from affectstream.datasets.affwild2 import AffWild2
from affectstream.datasets.baffectnet import BAffectNet
from affectstream.datasets.base import Corpus
from affectstream.datasets.emotic import Emotic
from affectstream.datasets.fer2013 import Fer2013, Fer2013Votes
from affectstream.datasets.ferplus import FerPlus
from affectstream.datasets.london import London
from affectstream.datasets.rafdb import RafDb

_spec = importlib.util.spec_from_file_location("face_files", Path(__file__).with_name("face_files.py"))
assert _spec is not None and _spec.loader is not None
files: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(files)

NAN = float("nan")
HAPPY, SURPRISED = (0.81, 0.51, 0.46), (0.40, 0.67, -0.13)  # term means, as published


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def rgb(path: Path) -> Any:
    picture = cv2.imread(str(path))
    assert picture is not None
    return picture[:, :, ::-1]


def label(corpus: Corpus, i: int) -> str | None:
    share = corpus.share[i]
    return None if np.isnan(share).all() else corpus.labels[int(share.argmax())] if share.sum() == 1 else "several"


NAMES8 = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")


@pytest.mark.parametrize("classes", [8, 7])
def test_affectnet(tmp_path: Path, rng: np.random.Generator, classes: Any) -> None:
    rows = [row for row in files.write_affectnet(tmp_path, rng) if row[2] < classes]
    corpus = AffectNet(tmp_path, classes)
    assert len(corpus) == len(rows) == 6 * classes
    assert corpus.labels == NAMES8[:classes]
    for i, (name, number, code, valence, arousal) in enumerate(rows):
        assert corpus.part[i] == {"train_set": "train", "val_set": "test"}[name]
        assert label(corpus, i) == NAMES8[code]
        wanted = [NAN] * 3 if valence == -2 else [valence, arousal, NAN]
        np.testing.assert_allclose(corpus.vad[i], wanted, atol=1e-6)
        np.testing.assert_array_equal(corpus.signal(i), rgb(tmp_path / name / "images" / f"{number}.jpg"))
    assert len(set(corpus.subject.tolist())) == len(rows)  # number 7 of one set is not number 7 of the other


def test_affectnet_is_read_once_if_it_may_keep_an_index(tmp_path: Path, rng: np.random.Generator) -> None:
    files.write_affectnet(tmp_path / "corpus", rng)
    annotations, cache = tmp_path / "corpus" / "train_set" / "annotations", tmp_path / "new" / "cache"
    first = AffectNet(tmp_path / "corpus", cache=cache)
    kept = sorted(path.name for path in cache.iterdir())
    assert len(kept) == 2 and all(name.endswith(".npz") for name in kept)
    (annotations / "0_val.npy").write_bytes(b"broken")  # in place: the folder still lists the same files
    again = AffectNet(tmp_path / "corpus", cache=cache)
    np.testing.assert_array_equal(again.vad, first.vad)
    np.testing.assert_array_equal(again.share, first.share)
    with pytest.raises(ValueError, match=r"0_val.npy holds no single number"):
        AffectNet(tmp_path / "corpus")
    np.save(annotations / "0_val.npy", np.array("0.5"))
    for kind, value in (("exp", "3"), ("val", "0.25"), ("aro", "-1")):
        np.save(annotations / f"5000_{kind}.npy", np.array(value))
    more = AffectNet(tmp_path / "corpus", cache=cache)
    assert len(more) == len(first) + 1 and more.vad[0, 0] == 0.5 and more.vad[24].tolist()[:2] == [0.25, -1]
    (cache / kept[0]).write_bytes(b"broken")
    with pytest.raises(ValueError, match=f"{kept[0]} is no index of AffectNet's labels .* delete it"):
        AffectNet(tmp_path / "corpus", cache=cache)


@pytest.mark.parametrize("classes", [8, 7])
def test_affectnet_lists(tmp_path: Path, rng: np.random.Generator, classes: Any) -> None:
    rows = files.write_affectnet_lists(tmp_path, rng)
    rows = [row for row in rows if int(row["expression"]) <= 8 and not (row["expression"] == "7" and classes == 7)]
    corpus = AffectNetLists(tmp_path, classes)  # 9 and 10, uncertain and no face, have nothing; 8, none, has ratings
    assert len(corpus) == len(rows) == 6 * (classes + 1)
    for i, row in enumerate(rows):
        assert corpus.part[i] == {"training": "train", "validation": "test"}[row["list"]]
        code = int(row["expression"])
        assert label(corpus, i) == (None if code == 8 else NAMES8[code])
        np.testing.assert_allclose(corpus.vad[i], [float(row["valence"]), float(row["arousal"]), NAN], atol=1e-6)
        x, whole = int(row["face_x"]), rgb(tmp_path / "Manually_Annotated_Images" / row["subDirectory_filePath"])
        np.testing.assert_array_equal(corpus.signal(i), whole[4:48, x : x + 30])


def test_affectnet_lists_keeps_a_picture_without_a_box(tmp_path: Path, rng: np.random.Generator) -> None:
    files.write_affectnet_lists(tmp_path, rng)
    path = tmp_path / "Manually_Annotated_file_lists" / "training.csv"
    head, first, *rest = path.read_text().split("\n")
    path.write_text("\n".join([head, first.replace(",6,4,30,60,", ",NULL,NULL,NULL,NULL,"), *rest]))
    corpus = AffectNetLists(tmp_path)
    assert [corpus.signal(i).shape for i in (0, 1)] == [(48, 44, 3), (44, 30, 3)]


def test_baffectnet(tmp_path: Path, rng: np.random.Generator) -> None:
    written = files.write_baffectnet(tmp_path, rng)
    corpus = BAffectNet(tmp_path)
    assert len(corpus) == len(written) == 56
    assert corpus.labels == NAMES8
    order = ("happiness", "contempt", "surprise", "anger", "disgust", "fear", "sadness", "neutral")
    for i, ((name, number), row) in enumerate(written.items()):
        assert corpus.subject[i] == f"{name}/{number}"
        assert corpus.part[i] == {"train_set": "train", "val_set": "test"}[name]
        assert dict(zip(corpus.labels, corpus.share[i], strict=True)) == pytest.approx(
            dict(zip(order, row, strict=True))
        )
        valence = float(np.load(tmp_path / name / "annotations" / f"{number}_val.npy"))
        assert corpus.vad[i, 0] == pytest.approx(NAN if valence == -2 else valence, nan_ok=True)
        assert np.isnan(corpus.vad[i, 2])
    np.testing.assert_array_equal(corpus.signal(3), rgb(tmp_path / "train_set" / "images" / "28.jpg"))


def test_the_published_row_of_baffectnet_is_in_its_order(tmp_path: Path, rng: np.random.Generator) -> None:
    files.write_baffectnet(tmp_path, rng)
    row = "0.000000,0.676702,0.001326,0.000000,0.005543,0.000000,0.316429,0.000000\n"
    (tmp_path / "val_set" / "annotations" / "0_prob_rank_universal.txt").write_text(row)
    corpus = BAffectNet(tmp_path)
    at = corpus.subject.tolist().index("val_set/0")
    assert corpus.share[at, [NAMES8.index(n) for n in ("contempt", "sadness", "neutral")]].round(
        2
    ).tolist() == pytest.approx([0.68, 0.32, 0])


@pytest.mark.parametrize("edition", [2020, 2022])
def test_affwild2(tmp_path: Path, rng: np.random.Generator, edition: int) -> None:
    written = files.write_affwild2(tmp_path, rng, edition)
    corpus = AffWild2(tmp_path)
    expressions = ["neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise", "other"]
    expressions = expressions[: 7 if edition == 2020 else 8]
    assert corpus.labels == tuple(expressions)
    assert corpus.marks == tuple((files.AU8 if edition == 2020 else files.AU12).split(","))
    wanted = {}
    for task, videos in written.items():
        for video, (part, rows) in videos.items():
            for number, row in enumerate(rows, 1):
                if number != 3 and (part == "val" or not video.startswith("20-24")):
                    wanted.setdefault((video, number), {})[task] = row
    unknown = {
        key for key, said in wanted.items() if key[1] == 4 or (key[1] == 2 and "au" not in said and "expr" not in said)
    }
    assert {(corpus.videos[v], f) for v, f in zip(corpus.video, corpus.frame, strict=True)} == wanted.keys() - unknown
    for i, (video, number) in enumerate(sorted(wanted.keys() - unknown)):
        said = wanted[video, number]
        assert (corpus.videos[corpus.video[i]], corpus.frame[i]) == (video, number)
        assert corpus.subject[i] == video.replace("_left", "").replace("_right", "")
        assert corpus.part[i] == ("val" if video[:2] in ("10", "11", "13", "20", "vi") else "train")
        va = said.get("va", [-5, -5])
        np.testing.assert_allclose(corpus.vad[i], [NAN] * 3 if -5 in va else [*va, NAN], atol=1e-6)
        code = said.get("expr", [-1])[0]
        assert label(corpus, i) == (None if code == -1 else expressions[code])
        np.testing.assert_array_equal(
            corpus.present[i], [NAN if v == -1 else v for v in said.get("au", [-1] * len(corpus.marks))]
        )
    late = list(corpus.videos).index("4-30-1920x1080")
    assert [number for video, number in zip(corpus.video, corpus.frame, strict=True) if video == late] == [
        1,
        2,
        5,
        6,
        7,
        8,
        9,
    ]
    at = int(np.flatnonzero(corpus.video == late)[-1])
    path = tmp_path / "cropped_aligned_new_50_vids" / "4-30-1920x1080" / "00009.jpg"
    np.testing.assert_array_equal(corpus.signal(at), rgb(path))


def test_a_task_of_affwild2_alone_has_its_own_official_split(tmp_path: Path, rng: np.random.Generator) -> None:
    files.write_affwild2(tmp_path, rng)
    expressions = AffWild2(tmp_path, ("expr",))
    assert set(expressions.part[expressions.subject == "20-24-1920x1080"].tolist()) == {"train"}
    assert not np.isnan(expressions.share).any() and expressions.marks == () and np.isnan(expressions.vad).all()
    ratings = AffWild2(tmp_path, ("va",))
    assert set(ratings.part[ratings.subject == "20-24-1920x1080"].tolist()) == {"val"}
    assert (ratings.labels, ratings.present.shape) == ((), (len(ratings), 0))
    together = AffWild2(tmp_path)
    held = set(together.subject[together.part == "val"].tolist())
    assert held & set(together.subject[together.part == "train"].tolist()) == set()


def test_emotic(tmp_path: Path, rng: np.random.Generator) -> None:
    written = files.write_emotic(tmp_path, rng)
    people = [(part, k, p) for part, everybody in written.items() for k, p in enumerate(everybody) if k not in (2, 3)]
    corpus = Emotic(tmp_path)
    assert len(corpus) == len(people) == 3 * 30
    assert len(corpus.marks) == 26
    for i, (part, k, person) in enumerate(people):
        assert (corpus.part[i], corpus.subject[i]) == (part, person["picture"])
        np.testing.assert_allclose(corpus.vad[i], [(v - 1) / 9 * 2 - 1 for v in person["ratings"]], atol=1e-6)
        named = {corpus.marks[j] for j in range(26) if corpus.present[i, j] == 1}
        assert named == {word.lower() for word in person["words"]}
        assert np.isnan(corpus.present[i]).all() == (k == 1)
        whole = rgb(tmp_path / "emotic" / person["picture"])
        np.testing.assert_array_equal(corpus.signal(i), whole if k == 1 else whole[5:35, 10:30])


def test_the_written_emotic_opens_as_people_open_the_real_one(tmp_path: Path, rng: np.random.Generator) -> None:
    """By position, as public code does: picture 4 is its people; of these 1 is words, or each annotator's, and 2 combined."""
    written = files.write_emotic(tmp_path, rng)
    whole = loadmat(tmp_path / "Annotations" / "Annotations.mat")
    picture = whole["train"][0][7]
    assert f"{picture[1][0]}/{picture[0][0]}" == written["train"][14]["picture"]
    assert [word[0] for word in picture[4][0][1][1][0, 0][0][0]] == written["train"][15]["words"]
    assert [v[0, 0] for v in picture[4][0][1][2][0, 0]] == written["train"][15]["ratings"]
    person = whole["test"][0][7][4][0][1]
    assert [word[0] for word in person[2][0]] == written["test"][15]["words"]
    assert [v[0, 0] for v in person[4][0, 0]] == written["test"][15]["ratings"]


def test_fer2013(tmp_path: Path, rng: np.random.Generator) -> None:
    rows = files.write_fer2013(tmp_path, rng)
    names = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
    corpus = Fer2013(tmp_path)
    assert len(corpus) == len(rows) == 78
    for i, (usage, emotion, image, _) in enumerate(rows):
        assert corpus.part[i] == {"Training": "train", "PublicTest": "val", "PrivateTest": "test"}[usage]
        assert label(corpus, i) == names[emotion]
        np.testing.assert_array_equal(corpus.signal(i), image)
    same = np.flatnonzero(corpus.subject == corpus.subject[0])
    assert same.tolist() == [0, 50, 51, 76, 77]  # copies and mirror images, in all three parts
    assert len(set(corpus.subject.tolist())) == 78 - 4
    assert np.isnan(corpus.vad).all()


def test_fer2013_with_votes(tmp_path: Path, rng: np.random.Generator) -> None:
    rows = [row for row in files.write_fer2013(tmp_path, rng) if row[3][9] != 10]
    corpus = Fer2013Votes(tmp_path)
    assert len(corpus) == len(rows) == 75
    assert corpus.labels == files.FERPLUS[:8]
    for i, (_, _, image, votes) in enumerate(rows):
        np.testing.assert_array_equal(corpus.signal(i), image)
        np.testing.assert_array_equal(corpus.votes[i], votes)
        np.testing.assert_allclose(
            corpus.share[i], [v / sum(votes[:8]) if sum(votes[:8]) else NAN for v in votes[:8]], rtol=1e-6
        )
    assert [int((corpus.subject == corpus.subject[k]).sum()) for k in (0, 1, 74)] == [5, 1, 5]


def test_ferplus(tmp_path: Path, rng: np.random.Generator) -> None:
    written = files.write_ferplus(tmp_path, rng)
    written["val"][1] = [0, 6, 2, 0, 0, 0, 0, 0, 2, 0]
    with np.load(tmp_path / "ferplus_val.npz") as file:
        arrays = {**file, "votes": written["val"]}
    np.savez(tmp_path / "ferplus_val.npz", **arrays)
    one, whole = FerPlus(tmp_path, "val"), FerPlus(tmp_path)
    assert (len(one), len(whole), whole.part.tolist()) == (26, 78, ["train"] * 25 + ["val"] * 26 + ["test"] * 27)
    assert one.labels == files.FERPLUS[:8]
    np.testing.assert_array_equal(whole.image[25:51], one.image)
    np.testing.assert_array_equal(one.votes, written["val"])
    np.testing.assert_allclose(one.share[1], [0, 0.75, 0.25, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(
        one.vad[1], [0.75 * a + 0.25 * b for a, b in zip(HAPPY, SURPRISED, strict=True)], atol=1e-6
    )
    assert np.isnan(one.share[0]).all() and np.isnan(one.vad[0]).all()  # votes for no expression at all
    sample = one[3]
    assert (sample.subject, one.group[3], sample.signal.shape) == ("val1", "val1", (48, 48))  # pyright: ignore[reportAttributeAccessIssue]
    np.testing.assert_array_equal(sample.target.labels, one.share[3])


def test_london(tmp_path: Path, rng: np.random.Generator) -> None:
    rows = files.write_london(tmp_path, rng)
    corpus = London(tmp_path)
    assert [(str(corpus.subject[i]), label(corpus, i)) for i in range(24)] == rows
    assert set(corpus.part.tolist()) == {"test"} and np.isnan(corpus.vad).all()
    np.testing.assert_array_equal(corpus[5].signal, rgb(tmp_path / "london" / "004_smiling.jpg"))


@pytest.mark.parametrize("pictures", ["aligned", "original"])
def test_rafdb(tmp_path: Path, rng: np.random.Generator, pictures: Any) -> None:
    rows = files.write_rafdb(tmp_path, rng)
    names = {1: "surprise", 2: "fear", 3: "disgust", 4: "happiness", 5: "sadness", 6: "anger", 7: "neutral"}
    corpus = RafDb(tmp_path, pictures)
    assert len(corpus) == 56
    for i, (name, code) in enumerate(rows):
        assert (corpus.part[i], corpus.subject[i], label(corpus, i)) == (name.split("_")[0], name, names[code])
    file = "train_00002_aligned.jpg" if pictures == "aligned" else "train_00002.jpg"
    np.testing.assert_array_equal(corpus.signal(1), rgb(tmp_path / "basic" / "Image" / pictures / file))


def edit(name: str, old: str, new: str) -> Callable[[Path], Any]:
    """Change the first ``old`` of a text file."""

    def change(folder: Path) -> None:
        text = (folder / name).read_bytes().decode()
        assert old in text
        (folder / name).write_bytes(text.replace(old, new, 1).encode())

    return change


def value(name: str, new: Any) -> Callable[[Path], Any]:
    return lambda folder: np.save(folder / name, new)


def spoilt_emotic(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], Any]:
    """Write an EMOTIC of one picture in each part, the second person of the first changed."""

    def spoil(folder: Path) -> None:
        person = files._person("train", [10, 5, 30, 35], ["Peace"], np.array([1.0, 5.5, 10.0]))
        change(person)
        other = files._person("val", [10, 5, 30, 35], ["Peace"], np.array([1.0, 5.5, 10.0]))
        base = {"filename": "a.jpg", "folder": "mscoco/images"}
        tables = {"train": files.structs([base | {"person": files.structs([person])}])}
        tables |= {part: files.structs([base | {"person": files.structs([other])}]) for part in ("val", "test")}
        files.savemat(folder / "Annotations" / "Annotations.mat", tables)

    return spoil


TRAIN, LIST = "train_set/annotations", "Manually_Annotated_file_lists/training.csv"
UNIVERSAL, RAF = "train_set/annotations/7_prob_rank_universal.txt", "basic/EmoLabel/list_patition_label.txt"
VA, EXPR = "VA_Estimation_Challenge/Train_Set/2-30-640x360.txt", "EXPR_Recognition_Challenge/Train_Set/2-30-640x360.txt"
AU = "AU_Detection_Challenge/Validation_Set/video12.txt"
SPOILT: list[tuple[str, type[Any], Callable[[Path], Any], str]] = [
    ("affectnet", AffectNet, value(f"{TRAIN}/7_exp.npy", np.array("11")), "7_exp.npy is 11; wanted .* 0 to 10"),
    ("affectnet", AffectNet, value(f"{TRAIN}/7_val.npy", np.array("1.5")), "7_val.npy is 1.5; wanted -1 to 1, or -2"),
    ("affectnet", AffectNet, value(f"{TRAIN}/7_aro.npy", np.array(NAN)), "7_aro.npy is nan; wanted -1 to 1, or -2"),
    ("affectnet", AffectNet, value(f"{TRAIN}/7_aro.npy", np.zeros(2)), "7_aro.npy holds no single number"),
    ("affectnet", AffectNet, value(f"{TRAIN}/7_aro.npy", np.array({1})), "7_aro.npy holds no single number .*pickle"),
    ("affectnet", AffectNet, value(f"{TRAIN}/x_exp.npy", np.array("1")), "x_exp.npy is not numbered"),
    ("affectnet_lists", AffectNetLists, edit(LIST, ",0,", ",11,"), "training.csv, line 2: .*wanted .*0 to 10"),
    ("affectnet_lists", AffectNetLists, edit(LIST, ",6,4,30", ",6,4"), "training.csv, line 2: 8 columns"),
    ("affectnet_lists", AffectNetLists, edit(LIST, ",6,4,30", ",6,4,wide"), "training.csv, line 2: .*'wide'"),
    ("affectnet_lists", AffectNetLists, edit(LIST, "subDir", "dir"), "training.csv, line 1: could not convert"),
    ("baffectnet", BAffectNet, edit(UNIVERSAL, ",", " "), "7_prob_rank_universal.txt holds .* wanted eight shares"),
    ("baffectnet", BAffectNet, edit(UNIVERSAL, "0.", "-0."), "7_prob_rank_universal.txt holds"),
    ("baffectnet", BAffectNet, lambda f: (f / UNIVERSAL).write_text("0.2" + ",0.2" * 7), "universal.txt holds .*sum to 1"),
    ("baffectnet", BAffectNet, lambda f: (f / UNIVERSAL).write_text("0,1" + ",0" * 13), "universal.txt holds .*eight"),
    ("affwild2", AffWild2, edit(VA, "valence,arousal", "arousal,valence"), "2-30-640x360.txt begins with 'arousal,valence'"),
    ("affwild2", AffWild2, edit(VA, "\n", "\n3,0\n"), "2-30-640x360.txt, line 2: 3; wanted -1 to 1, or -5"),
    ("affwild2", AffWild2, edit(VA, "\n", "\n\n"), "2-30-640x360.txt, line 2: ''; wanted 2 numbers"),
    ("affwild2", AffWild2, edit(VA, "\n", "\n0.5\n"), "2-30-640x360.txt, line 2: '0.5'; wanted 2 numbers"),
    ("affwild2", AffWild2, edit(VA, "\n", "\n0,nan\n"), "2-30-640x360.txt, line 2: nan; wanted -1 to 1"),
    ("affwild2", AffWild2, edit(EXPR, "\n", "\n8\n"), "2-30-640x360.txt, line 2: 8; wanted 0 to 7, or -1"),
    ("affwild2", AffWild2, edit(EXPR, ",Other", ""), "2-30-640x360.txt, line 9: 7; wanted 0 to 6, or -1"),
    ("affwild2", AffWild2, lambda f: (f / EXPR).write_text(f"{files.EXPR7}\n0\n"), r"files of \[7, 8\] names a header"),
    ("affwild2", AffWild2, edit(AU, "\n", "\nx" + ",0" * 11 + "\n"), "video12.txt, line 2: 'x,0,.*wanted 12 numbers"),
    ("affwild2", AffWild2, edit(AU, "\n", "\n2" + ",0" * 11 + "\n"), "video12.txt, line 2: 2; wanted 0 to 1, or -1"),
    ("affwild2", AffWild2, lambda f: (f / AU).rename(f / AU.replace("video12", "4-30-1920x1080")), "is in two parts"),
    ("emotic", Emotic, lambda f: (f / "Annotations/Annotations.mat").write_bytes(b"no"), "cannot be read as a MATLAB file"),
    ("emotic", Emotic, lambda f: files.savemat(f / "Annotations/Annotations.mat", {"train": 1}), r"has no \['val', 'test'\]"),
    ("emotic", Emotic, spoilt_emotic(lambda p: p.pop("body_bbox")), r"train\(1\) has the fields .*wanted body_bbox"),
    ("emotic", Emotic, spoilt_emotic(lambda p: p.update(body_bbox=np.ones(3))), r"train\(1\), mscoco/images/a.jpg: the box is"),
    ("emotic", Emotic, spoilt_emotic(lambda p: p["annotations_continuous"]["arousal"].fill(11.0)), "wanted 1 to 10, or NaN"),
    ("emotic", Emotic, spoilt_emotic(lambda p: p["annotations_categories"]["categories"].fill("Joy")), "category is 'joy'"),
    ("fer2013", Fer2013, edit("fer2013.csv", "\n0,", "\n7,"), "fer2013.csv, line 2: emotion is '7'; wanted 0 to 6"),
    ("fer2013", Fer2013, edit("fer2013.csv", "\n0,", "\n0,1 "), "fer2013.csv, line 2: 2305 grey values; wanted 2304"),
    ("fer2013", Fer2013, edit("fer2013.csv", "\n0,", "\n0,300"), "fer2013.csv, line 2: 2304 grey values; .* 0 to 255"),
    ("fer2013", Fer2013, edit("fer2013.csv", "\n0,", "\n0,x"), "fer2013.csv, line 2: .*; wanted grey values"),
    ("fer2013", Fer2013, edit("fer2013.csv", ",Training", ",Train"), "line 2: Usage is 'Train'; wanted Training"),
    ("fer2013", Fer2013, edit("fer2013.csv", ",Training", ""), "fer2013.csv, line 2: 2 columns; wanted 3"),
    ("fer2013", Fer2013, edit("fer2013.csv", "emotion,pixels,Usage", "emotion,Usage,pixels"), "wanted emotion,pixels,Usage"),
    ("fer2013", Fer2013Votes, edit("fer2013new.csv", "Training,fer0000000.png,", "Training,f.png,9"), "line 2: votes are 9"),
    ("fer2013", Fer2013Votes, edit("fer2013new.csv", "Training", "PublicTest"), "78 rows, by their Usage, are not the 78"),
    ("fer2013", Fer2013Votes, lambda f: shorten(f / "fer2013new.csv"), "77 rows, by their Usage, are not the 78"),
    ("ferplus", FerPlus, lambda f: np.savez(f / "ferplus_val.npz", image=1), "ferplus_val.npz holds no image, votes and group"),
    ("ferplus", FerPlus, lambda f: (f / "ferplus_val.npz").write_bytes(b"no"), "ferplus_val.npz holds no image, votes"),
    ("ferplus", FerPlus, lambda f: np.savez(f / "ferplus_val.npz", image=np.ones((2, 48, 48)), votes=np.ones((2, 8)), group=["a", "b"]), r"votes \(2, 8\), group \(2,\); wanted"),
    ("london", London, edit("london.csv", ",neutral,", ",angry,"), "london.csv: a label is 'angry'; wanted one of neutral"),
    ("london", London, edit("london.csv", "face_id", "face"), "london.csv has no rows with face_id and expression"),
    ("rafdb", RafDb, edit(RAF, ".jpg 1", ".jpg 0"), "list_patition_label.txt, line 1: 'train_00001.jpg 0'; wanted .* 1 to 7"),
    ("rafdb", RafDb, edit(RAF, ".jpg 1", ".jpg"), "line 1: 'train_00001.jpg'; wanted"),
    ("rafdb", RafDb, edit(RAF, "train_00002", "train_00001"), "names train_00001.jpg twice"),
]  # fmt: skip


def shorten(path: Path) -> None:
    path.write_text("\n".join(path.read_text().splitlines()[:-1]))


@pytest.mark.parametrize(("name", "corpus", "spoil", "why"), SPOILT)
def test_a_label_that_is_not_as_published_is_refused(
    name: str, corpus: type[Any], spoil: Callable[[Path], Any], why: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    getattr(files, f"write_{name}")(tmp_path, rng)
    corpus(tmp_path)
    spoil(tmp_path)
    with pytest.raises(ValueError, match=why):
        corpus(tmp_path)


MISSING: list[tuple[str, type[Any], str, str]] = [
    (
        "affectnet",
        AffectNet,
        f"{TRAIN}/7_aro.npy",
        "7_aro.npy is missing; each picture has an _exp, a _val and an _aro",
    ),
    ("baffectnet", BAffectNet, f"{TRAIN}/7_val.npy", "7_val.npy is missing"),
    ("affwild2", AffWild2, "cropped_aligned/video12", "no cropped_aligned/video12; unpack its pictures"),
    (
        "affwild2",
        AffWild2,
        "AU_Detection_Challenge",
        "0 of AU_Set, AU_Detection_Challenge; wanted one, for the task 'au'",
    ),
    ("rafdb", RafDb, "basic/Image/aligned", "aligned is missing; unpack aligned.zip there"),
    (
        "affectnet",
        AffectNet,
        "val_set/images",
        "does not hold AffectNet: there is no val_set/images; wanted .*mohammadmahoor",
    ),
    ("affectnet_lists", AffectNetLists, LIST, "there is no Manually_Annotated_file_lists/training.csv"),
    ("baffectnet", BAffectNet, "val_set/annotations", "no val_set/annotations/.*_prob_rank_universal.txt"),
    ("affwild2", AffWild2, "cropped_aligned", "there is no cropped_aligned"),
    ("emotic", Emotic, "Annotations/Annotations.mat", "there is no Annotations/Annotations.mat"),
    ("fer2013", Fer2013, "fer2013.csv", "there is no fer2013.csv"),
    ("fer2013", Fer2013Votes, "fer2013new.csv", "there is no fer2013new.csv"),
    ("ferplus", FerPlus, "ferplus_test.npz", "there is no ferplus_test.npz"),
    ("london", London, "london.csv", "there is no london.csv"),
    ("rafdb", RafDb, RAF, "there is no basic/EmoLabel/list_patition_label.txt"),
]


@pytest.mark.parametrize(("name", "corpus", "part", "why"), MISSING)
def test_what_is_missing_is_named(
    name: str, corpus: type[Any], part: str, why: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    getattr(files, f"write_{name}")(tmp_path, rng)
    assert corpus.ABOUT.missing(tmp_path) == ()
    (tmp_path / part).rename(tmp_path / "elsewhere")
    with pytest.raises(FileNotFoundError, match=why):
        corpus(tmp_path)


PICTURES: list[tuple[str, type[Any], str]] = [
    ("affectnet", AffectNet, "train_set/images/0.jpg"),
    ("affectnet_lists", AffectNetLists, "Manually_Annotated_Images/0/training00000.JPG"),
    ("baffectnet", BAffectNet, "train_set/images/0.jpg"),
    ("affwild2", AffWild2, "cropped_aligned/1-30-1280x720/00001.jpg"),
    ("emotic", Emotic, "emotic/mscoco/images/train0000.jpg"),
    ("london", London, "london/002_neutral.jpg"),
    ("rafdb", RafDb, "basic/Image/aligned/train_00001_aligned.jpg"),
]


@pytest.mark.parametrize(("name", "corpus", "first"), PICTURES)
def test_a_picture_that_is_cut_short_or_missing_is_named(
    name: str, corpus: type[Any], first: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    getattr(files, f"write_{name}")(tmp_path, rng)
    read, path = corpus(tmp_path), tmp_path / first
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match=f"{path.name} is no whole picture"):
        read.signal(0)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=f"{path.name} is missing; the labels name it"):
        read.signal(0)


@pytest.mark.parametrize(("name", "corpus", "first"), [PICTURES[1], PICTURES[4]], ids=["a face's box", "a body's box"])
def test_a_box_outside_its_picture_is_named(
    name: str, corpus: type[Any], first: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    getattr(files, f"write_{name}")(tmp_path, rng)
    files.picture(tmp_path / first, rng, 4, 5)
    with pytest.raises(ValueError, match=f"{Path(first).name} is 5 x 4, .*outside of it"):
        corpus(tmp_path).signal(0)


def test_choices_that_there_are_not(tmp_path: Path, rng: np.random.Generator) -> None:
    wrong: Any = 6
    files.write_affectnet(tmp_path, rng)
    with pytest.raises(ValueError, match="classes is 6; wanted 7"):
        AffectNet(tmp_path, wrong)
    files.write_affwild2(tmp_path, rng)
    wrong = ("mood",)
    with pytest.raises(ValueError, match="a task is 'mood'; wanted some of va, expr, au"):
        AffWild2(tmp_path, wrong)
    with pytest.raises(ValueError, match="there are no tasks"):
        AffWild2(tmp_path, ())


WRITTEN: list[tuple[str, type[Any], set[str]]] = [
    ("affectnet", AffectNet, {"train", "test"}),
    ("affectnet_lists", AffectNetLists, {"train", "test"}),
    ("baffectnet", BAffectNet, {"train", "test"}),
    ("affwild2", AffWild2, {"train", "val"}),
    ("emotic", Emotic, {"train", "val", "test"}),
    ("fer2013", Fer2013, {"train", "val", "test"}),
    ("fer2013", Fer2013Votes, {"train", "val", "test"}),
    ("ferplus", FerPlus, {"train", "val", "test"}),
    ("london", London, {"test"}),
    ("rafdb", RafDb, {"train", "test"}),
]


@pytest.mark.parametrize(("name", "corpus", "parts"), WRITTEN)
def test_what_is_written_is_enough_to_train_on(
    name: str, corpus: type[Any], parts: set[str], tmp_path: Path, rng: np.random.Generator
) -> None:
    getattr(files, f"write_{name}")(tmp_path, rng)
    read = corpus(tmp_path)
    assert set(read.part.tolist()) == parts
    for part in parts:
        assert (read.part == part).sum() >= 24 and len(set(read.subject[read.part == part].tolist())) >= 4
