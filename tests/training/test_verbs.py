"""The verbs beside fit, on a small run of faces: they answer as the run did, elsewhere too, and refuse what is another's."""

import csv
import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from scipy.special import softmax
from sklearn.metrics import accuracy_score, average_precision_score, f1_score, log_loss

from affectstream.datasets.ferplus import FerPlus
from affectstream.encoders.checkpoint import load, verified
from affectstream.multimodal import metrics
from affectstream.multimodal.cli import main
from affectstream.multimodal.training.floors import both_f1, cross_entropy, marks_f1, mean_average_precision

_spec = importlib.util.spec_from_file_location("face_files", Path(__file__).parents[1] / "datasets" / "face_files.py")
assert _spec is not None and _spec.loader is not None
face_files: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(face_files)

SHORT = (
    *("--data.batch", "8", "--data.workers", "0", "--data.gentle_from", "1", "--trainer.max_epochs", "2"),
    *("--trainer.accelerator", "cpu"),
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ferplus")
    face_files.write_ferplus(folder, np.random.default_rng(0))
    return folder


@pytest.fixture(scope="module")
def run(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    assert (
        main(["fit", "--config", "face/ferplus_small.yaml", "--data.root", str(corpus), "--out", str(out), *SHORT]) == 0
    )
    return out


def known(corpus: Path, part: str) -> FerPlus:
    return FerPlus(corpus, part)  # pyright: ignore[reportArgumentType]


def test_test_says_again_what_fit_said(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {name: (run / name).read_bytes() for name in ("results.json", "results.png")}
    assert main(["test", "--out", str(run)]) == 0
    assert (run / "results.json").read_bytes() == before["results.json"]
    assert "network" in capsys.readouterr().out


def test_the_figures_are_scikit_learns(run: Path, corpus: Path) -> None:
    found = json.loads((run / "results.json").read_text())
    test, train = known(corpus, "test"), known(corpus, "train")
    rated = np.isfinite(test.share).all(1)
    with np.load(run / "fold-00" / "answers.npz") as kept:
        logits, mean, log_var = (kept[name] for name in ("logits", "mean", "log_var"))
    assert len(logits) == rated.sum() == found["samples"]
    truth, share = test.share[rated].argmax(1), test.share[rated]
    figures = found["classes"]["figures"]["network"]
    assert figures["accuracy"][0] == pytest.approx(accuracy_score(truth, logits.argmax(1)), abs=1e-4)
    nats = -(share * np.log(softmax(logits.astype(float), 1))).sum(1).mean()
    assert figures["cross_entropy"][0] == pytest.approx(nats, abs=1e-4)
    numbers = found["numbers"]["figures"]["network"]
    for key, wanted in {
        "ccc": metrics.ccc(mean, test.vad[rated]),
        "coverage_90": metrics.coverage(mean, np.exp(log_var), test.vad[rated]),
        "nll": metrics.gaussian_nll(mean, np.exp(log_var), test.vad[rated]),
        "sagr": metrics.sagr(mean, test.vad[rated]),
    }.items():
        np.testing.assert_allclose(numbers[key][0], wanted, atol=1e-4)
    seen = np.concatenate([train.vad, known(corpus, "val").vad])
    seen = seen[np.isfinite(seen).all(1)]
    assert found["numbers"]["figures"]["mean"]["rmse"][0] == pytest.approx(
        np.sqrt(((seen.mean(0) - test.vad[rated]) ** 2).mean(0)), abs=1e-4
    )
    assert sum(entry["samples"] for entry in found["classes"]["reliability"]) == rated.sum()


def test_validate_is_about_what_was_chosen_by(run: Path, corpus: Path) -> None:
    assert main(["validate", "--out", str(run)]) == 0
    found = json.loads((run / "validation.json").read_text())
    assert found["samples"] == np.isfinite(known(corpus, "val").share).all(1).sum()
    # Calibrated on this part, so that nine of ten lie within; a tenth of 24 is coarse.
    np.testing.assert_allclose(found["numbers"]["figures"]["network"]["coverage_90"][0], 0.9, atol=0.06)
    assert (run / "validation.png").exists() and (run / "results.json").exists()


def test_predict_writes_a_row_for_each_sample(run: Path) -> None:
    assert main(["predict", "--out", str(run), "--part", "train"]) == 0
    with (run / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 24 and rows[0].keys() >= {"sample", "subject", "valence", "valence_sd", "p_happiness"}
    shares = np.array([[float(row[name]) for name in row if name.startswith("p_")] for row in rows])
    np.testing.assert_allclose(shares.sum(1), 1, atol=1e-4)
    assert {row["subject"][:5] for row in rows} == {"train"}


def test_export_makes_a_checkpoint_that_says_what_it_is_worth(run: Path, corpus: Path, tmp_path: Path) -> None:
    place = tmp_path / "new" / "mine.onnx"
    assert main(["export", "--out", str(run), "--to", str(place)]) == 0
    card = json.loads(verified(place).with_suffix(".json").read_text())
    assert card["metrics"] == json.loads((run / "results.json").read_text())
    opened = load(place, contract=card["facts"]["contract"])
    assert opened.facts.labels == known(corpus, "test").labels and "official test part" in opened.facts.training_data
    crops = np.random.default_rng(0).random((3, 1, 64, 64), np.float32)
    assert opened.run({"crops": crops})["logits"].shape == (3, 8)
    assert onnxruntime.InferenceSession(str(place)).get_inputs()[0].name == "crops"


def test_another_run_starts_from_given_weights(run: Path, corpus: Path, tmp_path: Path) -> None:
    weights = run / "fold-00" / "weights.safetensors"
    words = ["fit", "--config", "face/ferplus_small.yaml", "--data.root", str(corpus), *SHORT, "--model.lr", "1e-9",
             "--calibrate", "false", "--model.eta_min", "1e-10", "--model.weight_decay", "0"]  # fmt: skip
    losses = []
    for name, more in (("fresh", []), ("on", ["--start", str(weights)])):
        assert main([*words, "--out", str(tmp_path / name), *more]) == 0
        with (tmp_path / name / "fold-00" / "metrics.csv").open() as file:
            losses.append(float(list(csv.DictReader(file))[-1]["val_loss"]))
    assert losses[1] < losses[0], "what was learnt is not forgotten at a rate of nothing"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["test", "--out", "{run}", "--model.network.init_args.labels", "7"], "holds another network"),
        (["test", "--out", "{run}", "--weights", "{corpus}/ferplus_test.npz"], "is no whole .safetensors file"),
        (["test", "--out", "{run}", "--weights", "nowhere.safetensors"], "there are no weights at nowhere.safetensors"),
        (["test", "--out", "{corpus}"], "there is no run in {corpus} (no config.yaml)"),
        (["test", "--out", "{run}", "--folds", "3"], "there is no fold 3; wanted some of 0 to 0"),
        (["export", "--out", "{run}", "--to", "mine.pt"], "wanted a name that ends in .onnx"),
        (["validate", "--out", "{run}", "--data.split", "leaky_window_kfold", "--data.parts_to_choose_by", "0",
          "--weights", "{run}/fold-00/weights.safetensors"], "no validation part"),
        (["fit", "--config", "face/ferplus_small.yaml", "--data.root", "{run}", "--out", "{run}/new"],
         "does not hold FER+: there is no ferplus_train.npz"),
        (["fit", "--config", "face/ferplus_small.yaml", "--data.root", "{corpus}", "--out", "{run}/new",
          "--data.learnt", "[marks]"], "FER+ has no marks; learn something else (labels, vad; data.learnt)"),
        (["fit", "--config", "face/ferplus_small.yaml", "--data.root", "{corpus}", "--out", "{run}/new",
          "--data.contract.side", "96"], "the network takes crops of 64 px with 1 channels"),
        (["fit", "--config", "face/ferplus_small.yaml", "--data.root", "{corpus}", "--out", "{run}/new",
          "--data.variation", "cage"], "wants colour"),
    ],
)  # fmt: skip
def test_a_wrong_call_is_named(
    words: list[str], named: str, run: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([word.format(run=run, corpus=corpus) for word in words]) in (1, 2)
    error = capsys.readouterr().err
    assert (
        error.startswith(f"affectstream {words[0]}: ")
        and named.format(run=run, corpus=corpus) in error
        and "Traceback" not in error
    )
    assert not (run / "new" / "fold-00").exists()


def table(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """Pictures of one's own, and labels.csv."""
    folder.mkdir()
    for k, row in enumerate(rows):
        face_files.picture(folder / f"{k}.jpg", np.random.default_rng(k))
        row["file"] = f"{k}.jpg"
    with (folder / "labels.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["file", *[name for name in rows[0] if name != "file"]])
        writer.writeheader()
        writer.writerows(rows)
    return folder


MINE = """
data:
  class_path: affectstream.multimodal.training.face.data.FaceData
  init_args: {{corpus: affectstream.datasets.labelled_files.LabelledFiles, root: {root}, framing: whole, split: grouped_kfold,
              parts: 3, learnt: [vad], workers: {workers}}}
model:
  network: {{class_path: affectstream.encoders.face.network.FaceNetwork, init_args: {{labels: 0}}}}
  lr: 0.001
trainer: {{max_epochs: 1, accelerator: cpu}}
"""


def rows_of(people: int = 6, each: int = 4) -> list[dict[str, Any]]:
    draw = np.random.default_rng(0)
    return [
        {
            "subject": f"p{k % people}",
            "valence": round(draw.uniform(-1, 1), 3),
            "arousal": round(draw.uniform(-1, 1), 3),
        }
        for k in range(people * each)
    ]


def test_ones_own_pictures_are_trained_on_with_ten_lines(tmp_path: Path) -> None:
    root = table(tmp_path / "mine", rows_of())
    (tmp_path / "mine.yaml").write_text(MINE.format(root=root, workers=0))
    assert main(["fit", "--config", str(tmp_path / "mine.yaml"), "--out", str(tmp_path / "out")]) == 0
    found = json.loads((tmp_path / "out" / "results.json").read_text())
    assert found["folds"]["of"] == 3 and found["subjects"] == 6 and found["samples"] == 24
    assert found["numbers"]["figures"]["network"]["ccc"][0][2] is None, "nobody rated dominance"


@pytest.mark.parametrize(
    ("spoil", "named", "steps"),
    [
        (lambda root: (root / "3.jpg").unlink(), "3.jpg", False),
        (lambda root: (root / "3.jpg").write_bytes((root / "3.jpg").read_bytes()[:200]), "3.jpg is no whole picture", True),
        (lambda root: (root / "labels.csv").write_text((root / "labels.csv").read_text().replace("p0,", "p0,7", 1)),
         "-1 to 1", False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("workers", [0, 1])
def test_a_broken_corpus_is_one_clear_error(
    spoil: Any, named: str, steps: bool, workers: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = table(tmp_path / "mine", rows_of())
    spoil(root)
    (tmp_path / "mine.yaml").write_text(MINE.format(root=root, workers=workers))
    assert main(["fit", "--config", str(tmp_path / "mine.yaml"), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert named in error and len(error.strip().splitlines()) == 1 and "Traceback" not in error
    assert (tmp_path / "out" / "fold-00").exists() == steps, "what can be known before the first step is"


def test_people_in_two_parts_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row | {"part": "test" if k >= 12 else "train"} for k, row in enumerate(rows_of())]
    root = table(tmp_path / "mine", rows)
    (tmp_path / "mine.yaml").write_text(MINE.format(root=root, workers=0).replace("grouped_kfold", "official"))
    assert main(["fit", "--config", str(tmp_path / "mine.yaml"), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert "p0" in error and "Traceback" not in error
    assert not (tmp_path / "out" / "fold-00").exists()


def test_floors_are_scikit_learns() -> None:
    draw = np.random.default_rng(0)
    chance, marks = draw.random((60, 4)), (draw.random((60, 4)) > 0.6).astype(float)
    marks[draw.random(marks.shape) < 0.2] = np.nan
    marks[:, 3] = 0  # never asked for: neither figure counts it
    known = [np.isfinite(column) for column in marks.T]
    yes: Any = [f1_score(marks[k, m], chance[k, m] > 0.5) for m, k in enumerate(known[:3])]
    no: Any = [f1_score(1 - marks[k, m], chance[k, m] < 0.5) for m, k in enumerate(known)]
    precision = [average_precision_score(marks[k, m], chance[k, m]) for m, k in enumerate(known[:3])]
    assert marks_f1(chance, marks) == pytest.approx(np.mean(yes))
    assert both_f1(chance, marks) == pytest.approx((np.mean(yes) + np.mean(no)) / 2)
    assert mean_average_precision(chance, marks) == pytest.approx(np.mean(precision))
    scores, label = draw.normal(size=(30, 3)), draw.integers(0, 3, 30)
    assert cross_entropy(scores, np.eye(3)[label]) == pytest.approx(log_loss(label, softmax(scores, 1)))
