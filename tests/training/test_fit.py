"""Runs of two steps on generated corpora, their tables against scikit-learn, resumption, and the presets."""

import csv
import importlib.util
import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pytorch_lightning import Trainer
from safetensors.numpy import load_file
from scipy.io import savemat
from scipy.signal import butter, lfilter
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.nn import functional

from affectstream.datasets.dreamer import Dreamer
from affectstream.datasets.eeg import Trial
from affectstream.encoders.eeg.entropy import DEFAULT, RBTRANSFORMER
from affectstream.encoders.eeg.network import PUBLISHED, Classes, ElectrodeTransformer, Shape
from affectstream.encoders.eeg.trunk import Trunk
from affectstream.encoders.network import Affect
from affectstream.multimodal.cli import main
from affectstream.multimodal.montages import EPOC14, MUSE4
from affectstream.multimodal.training import eeg_data
from affectstream.multimodal.training.asked import Asked, find_config
from affectstream.multimodal.training.eeg_data import EEGData, load_windows, rest, trial_entropy
from affectstream.multimodal.training.losses import affect_loss
from affectstream.multimodal.training.module import AffectModule
from affectstream.multimodal.training.samples import Batch, Rows
from affectstream.multimodal.types import SignalError
from affectstream.multimodal.whole import draft, write_text

_spec = importlib.util.spec_from_file_location("eeg_files", Path(__file__).parents[1] / "datasets" / "eeg_files.py")
assert _spec is not None and _spec.loader is not None
eeg_files: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(eeg_files)

HONEST, LEAKY = "eeg/rbtransformer_dreamer.yaml", "eeg/rbtransformer_dreamer_leaky.yaml"
TWO_STEPS = ("--data.batch", "32", "--trainer.limit_train_batches", "2", "--trainer.max_epochs", "1")
ON_CPU = ("--trainer.accelerator", "cpu")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """DREAMER as published, of three people, with clips just long enough for a window or two, and 2.5 s of rest."""
    folder = tmp_path_factory.mktemp("dreamer")
    people = eeg_files.dreamer(folder / "DREAMER.mat", subjects=3)
    rng = np.random.default_rng(1)
    for person, high in zip(people, (15, 3, 9), strict=True):  # the commonest of two is not that of the third
        person["ScoreArousal"] = rng.permutation(np.r_[np.full(high, 4.0), np.full(18 - high, 2.0)])[:, None]
        person["EEG"] = {
            "baseline": eeg_files.cells([rng.normal(4200, 20, (320, 14)) for _ in range(18)]),
            "stimuli": eeg_files.cells([rng.normal(4200, 20, (512 + 117 * (k % 3), 14)) for k in range(18)]),
        }
    whole = {"Data": eeg_files.cells(people).T, "EEG_SamplingRate": 128.0}
    savemat(folder / "DREAMER.mat", {"DREAMER": whole | {"EEG_Electrodes": eeg_files.cells(list(EPOC14)).T}})
    return folder


def call(config: str, corpus: Path, out: Path, *more: str) -> int:
    return main(["fit", "--config", config, "--data.root", str(corpus), "--out", str(out), *TWO_STEPS, *ON_CPU, *more])


@pytest.fixture(scope="module")
def honest(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("honest")
    assert call(HONEST, corpus, out) == 0
    return out


def windows(corpus: Path, **settings: Any) -> EEGData:
    """What the honest preset trains on, read."""
    data = EEGData("dreamer", corpus, "arousal", definition="rbtransformer", baseline="rbtransformer", **settings)
    data.read(corpus / "features")
    return data


def test_an_honest_run_end_to_end(honest: Path, corpus: Path) -> None:
    found = json.loads((honest / "results.json").read_text())
    assert found["samples"] == 3 * 6 * (1 + 2 + 3) and found["subjects"] == 3
    assert found["folds"] == {"done": [0, 1, 2], "of": 3}
    assert not found["data"]["leaky"] and np.sum(found["classes"]["confusion"]) == found["samples"]
    tested = np.concatenate([np.load(honest / f"fold-0{k}" / "answers.npz")["test"] for k in range(3)])
    assert sorted(tested.tolist()) == list(range(found["samples"]))
    kinds = {path.suffix for path in honest.rglob("*") if path.is_file() and "tfevents" not in path.name}
    assert kinds == {".json", ".png", ".yaml", ".csv", ".npz", ".safetensors"}, (
        "users load no pickles, and no drafts are left"
    )
    network = ElectrodeTransformer(PUBLISHED["dreamer"])
    weights = load_file(honest / "fold-01" / "weights.safetensors")
    network.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    # What is standardised by is of the other two subjects, and there of the part that is trained on.
    data = windows(corpus, middle_is_high=True)
    held = data.groups.subject[data.folds()[1].test]
    assert set(held) == {"2"}
    data.choose(data.folds()[1])
    trained = data.look().inputs["entropy"].double()
    torch.testing.assert_close(network.entropy_mean.double(), trained.mean(0), atol=1e-5, rtol=1e-5)


def test_the_table_is_that_of_scikit_learn(honest: Path, corpus: Path) -> None:
    figures = json.loads((honest / "results.json").read_text())["classes"]["figures"]
    trials = Dreamer(corpus)
    parts = [trial_entropy(trial, EPOC14, RBTRANSFORMER, "rbtransformer") for trial in trials]
    x = np.concatenate(parts).reshape(-1, 14 * 4)
    y = np.repeat([int(trial.rating[1] >= 3) for trial in trials], [len(part) for part in parts])
    who = np.repeat([trial.subject for trial in trials], [len(part) for part in parts])
    macro_f1: Any = f1_score
    said = {name: np.full(len(y), -1) for name in ("network", "majority", "nearest_neighbour")}
    for k, one in enumerate(("1", "2", "3")):
        test, train = who == one, who != one
        with np.load(honest / f"fold-0{k}" / "answers.npz") as kept:
            said["network"][kept["test"]] = kept["logits"].argmax(1)
        said["majority"][test] = np.bincount(y[train]).argmax()
        nearest = make_pipeline(StandardScaler(), KNeighborsClassifier(1)).fit(x[train], y[train])
        said["nearest_neighbour"][test] = nearest.predict(x[test])
    for name, guess in said.items():
        f1 = macro_f1(y, guess, average="macro", zero_division=0)
        wanted = [accuracy_score(y, guess), balanced_accuracy_score(y, guess), f1]
        got = [figures[name][key][0] for key in ("accuracy", "balanced_accuracy", "macro_f1")]
        np.testing.assert_allclose(got, wanted, atol=1e-4)
        for value, low, high in (cell for key, cell in figures[name].items() if key != "cross_entropy"):
            assert low <= value <= high
    assert abs(figures["coin_flips"]["accuracy"][0] - 0.5) < 0.1


def test_a_run_that_was_broken_off_goes_on_and_comes_to_the_same(
    honest: Path, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(HONEST, corpus, tmp_path, "--folds", "1") == 0
    part = json.loads((tmp_path / "results.json").read_text())
    assert part["folds"] == {"done": [1], "of": 3}
    assert part["classes"]["figures"]["network"]["accuracy"][1:] == [None, None], "one subject says nothing of others"
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "fold-01").iterdir()}
    (tmp_path / "fold-02").mkdir()
    (tmp_path / "fold-02" / "metrics.csv").write_text("epoch,step\n")  # broken off here
    capsys.readouterr()
    assert call(HONEST, corpus, tmp_path) == 0
    assert "fold 2 of 3 (subject 2): there already" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "fold-01").iterdir()} == before
    assert (tmp_path / "results.json").read_bytes() == (honest / "results.json").read_bytes()
    for k in range(3):
        ours, theirs = (load_file(folder / f"fold-0{k}" / "weights.safetensors") for folder in (tmp_path, honest))
        assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)


def test_runs_of_two_configurations_are_not_mixed(
    honest: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (honest / "results.json").read_bytes()
    assert call(HONEST, corpus, honest, "--data.learnt", "valence") == 2
    assert "holds a run of another configuration (now: learnt: valence)" in capsys.readouterr().err
    assert (honest / "results.json").read_bytes() == before


def test_answers_to_other_windows_are_not_taken(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(HONEST, corpus, tmp_path, "--folds", "0") == 0
    path = tmp_path / "fold-00" / "answers.npz"
    arrays = dict(np.load(path))
    np.savez(path, **arrays | {"test": arrays["test"] + 1})
    capsys.readouterr()
    assert call(HONEST, corpus, tmp_path, "--folds", "0") == 2
    assert "answers other samples than this split tests" in capsys.readouterr().err


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "a.txt"
    write_text(path, "old")
    with pytest.raises(OSError, match="full"), draft(path) as name:
        name.write_text("ne")
        raise OSError("the disk is full")
    assert path.read_text() == "old" and list(path.parent.iterdir()) == [path]
    write_text(path, "new")
    assert path.read_text() == "new" and list(path.parent.iterdir()) == [path]


def test_the_leaky_run_says_so(corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(LEAKY, corpus, tmp_path) == 0
    out = capsys.readouterr().out
    assert out.startswith("LEAKY: this split puts parts of one trial") and out.count("docs/eeg-leakage.md") == 2
    assert "\n  LEAKY " in out and "coin flips" in out
    found = json.loads((tmp_path / "results.json").read_text())
    assert found["data"]["leaky"] and found["folds"]["of"] == 5
    rows = list(csv.DictReader((tmp_path / "fold-00" / "metrics.csv").open()))
    assert rows and "val_loss" not in rows[0], "as published there is nothing to choose by"


def test_ratings_are_learnt_as_numbers(corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shape = ("--model.network.shape.head", "affect", "--model.network.shape.labels", "0")
    assert call(HONEST, corpus, tmp_path, "--data.learnt", "vad", "--data.split", "grouped_kfold",
                "--data.parts", "2", *shape) == 0  # fmt: skip
    found = json.loads((tmp_path / "results.json").read_text())
    assert set(found["numbers"]["figures"]) == {"network", "mean", "nearest_neighbour"}
    assert np.shape(found["numbers"]["figures"]["network"]["ccc"]) == (3, 3) and "classes" not in found
    vad = np.concatenate([np.load(tmp_path / f"fold-0{k}" / "answers.npz")["mean"] for k in range(2)])
    assert vad.shape == (108, 3) and (abs(vad) < 1).all()
    assert "dominance" in capsys.readouterr().out


def test_the_weights_of_the_lowest_validation_loss_count(corpus: Path, tmp_path: Path) -> None:
    # Steps far too long: the loss rises again after some epoch.
    more = ("--folds", "0", "--trainer.max_epochs", "6", "--model.lr", "0.02", "--patience", "9")
    assert call(HONEST, corpus, tmp_path, *more) == 0
    rows = csv.DictReader((tmp_path / "fold-00" / "metrics.csv").open())
    losses = [float(row["val_loss"]) for row in rows if row["val_loss"]]
    assert len(losses) == 6 and min(losses) < losses[-1]
    data = windows(corpus, middle_is_high=True, batch=1000)
    data.choose(data.folds()[0])
    (val,) = data.val_dataloader()
    module = AffectModule(ElectrodeTransformer(PUBLISHED["dreamer"]), label_smoothing=0.12).eval()
    weights = load_file(tmp_path / "fold-00" / "weights.safetensors")
    module.network.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    loss = module.loss(module(val.inputs), val.vad, val.labels).item()
    assert loss == pytest.approx(min(losses), abs=1e-5)


@pytest.mark.parametrize("split", ["leave_one_subject_out", "grouped_kfold", "within_subject_trials"])
def test_validation_shares_no_trial_with_training_or_test(corpus: Path, split: Any) -> None:
    data = windows(corpus, split=split, parts=2)
    trials = data.groups.trials
    for fold in data.folds():
        assert fold.val is not None
        parts = [fold.train, fold.val, fold.test]
        assert len(set(map(int, np.concatenate(parts)))) == sum(map(len, parts))
        seen = [set(trials[part].tolist()) for part in parts]
        assert not (seen[0] & seen[1] or seen[0] & seen[2] or seen[1] & seen[2])
        if split != "within_subject_trials" and len(set(data.groups.subject[np.r_[fold.train, fold.val]])) > 1:
            who = [set(data.groups.subject[part].tolist()) for part in parts]
            assert not who[0] & who[1]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--data.rooot", "x"), "rooot"),
        (("--model.lrr", "3"), "model.lrr"),
        (("--trainer.max_epoch", "3"), "trainer.max_epoch"),
        (("--model.network.shape.widht", "3"), "widht"),
        (("--data.corpus", "dremer"), "'dreamer', 'deap'"),
        (("--config", "eeg/rbtransformer_dreamr.yaml"), HONEST),
        (("--model.label_smoothing", "1.5"), "label_smoothing is 1.5; wanted 0 to less than 1"),
        (("--data.definition", "default"), "wanted both from one paper"),
        (("--data.parts_to_choose_by", "1"), "wanted 2 or more, or 0"),
        (("--trainer.max_epochs", "0"), "trainer.max_epochs is 0; wanted 1 or more"),
        (("--trainer.accelerator", "moo"), "moo"),
        (("--folds", "0", "7"), "there is no fold 7; wanted some of 0 to 2"),
        (("--data.learnt", "label"), "dreamer has no label"),
        (("--data.learnt", "vad"), "the network tells 2 classes and the data has 0"),
        (("--model.network.shape.labels", "3"), "the network tells 3 classes and the data has 2"),
        (("--model.network.shape.electrodes", str([*EPOC14[1:], EPOC14[0]])), "in this order"),
        (("--data.root", "nowhere"), "no nowhere; wanted DREAMER.mat"),
        (("--data.corpus", "annotated"), "corpus annotated with 0 electrodes; wanted data.electrodes"),
        (("--form", "2"), "the configuration is of form 2; this affectstream"),
        (("--start", "nowhere.safetensors"), "there are no weights at nowhere.safetensors"),
        (("--data.split", "across_sessions"), "wanted two or more"),
    ],
)
def test_a_wrong_call_is_named(
    words: tuple[str, ...], named: str, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(HONEST, corpus, tmp_path, *words) == 2
    error = capsys.readouterr().err
    assert error.startswith("affectstream fit: ") and named in error and "Traceback" not in error
    assert not (tmp_path / "results.json").exists()
    assert not list(tmp_path.glob("fold-*/answers.npz"))


def test_an_unknown_key_in_a_file_is_named(corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = Path(str(find_config(HONEST))).read_text()
    for key, other in (("label_smoothing", "label_smoothness"), ("middle_is_high", "middle_is_hi"), ("depth", "deep")):
        (tmp_path / "mine.yaml").write_text(text.replace(f"{key}:", f"{other}:"))
        assert call(str(tmp_path / "mine.yaml"), corpus, tmp_path / "out") == 2
        assert other in capsys.readouterr().err


def test_without_torch_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['torch'] = None; from affectstream.multimodal.cli import main; sys.exit(main(['fit']))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 2 and "pip install 'affectstream[train]'" in done.stderr
    assert "Traceback" not in done.stderr


PRESETS = {
    "dreamer": ("dreamer", 662_530),
    "deap": ("deap", 664_834),
    "seed": ("seed", 668_803),
}


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """DEAP and SEED of two people, a window each trial."""
    folder = tmp_path_factory.mktemp("others")
    rng = np.random.default_rng(0)
    for k, (deap, seed) in enumerate((("s01.dat", "1_20131027.mat"), ("s02.dat", "2_20140404.mat"))):
        eeg_files.deap(folder / "deap" / deap, samples=384 + 512, seed=k)
        eeg_files.seed(folder / "seed", seed, "djc")
        savemat(folder / "seed" / seed, {f"djc_eeg{trial}": rng.normal(0, 10, (62, 800)) for trial in range(1, 16)})
    return folder


@pytest.mark.parametrize(("preset", "leaky"), [(p, leaky) for p in ("deap", "seed") for leaky in (False, True)])
def test_two_steps_of_the_other_presets(preset: str, leaky: bool, others: Path, tmp_path: Path) -> None:
    config = f"eeg/rbtransformer_{preset}{'_leaky' if leaky else ''}.yaml"
    assert call(config, others / preset, tmp_path, "--folds", "0", "--data.batch", "8") == 0
    found = json.loads((tmp_path / "results.json").read_text())
    assert found["data"]["corpus"] == preset and found["data"]["leaky"] == leaky
    assert found["folds"] == {"done": [0], "of": 5 if leaky else 2}
    assert found["data"]["classes"] == {"deap": ["low", "high"], "seed": ["negative", "neutral", "positive"]}[preset]
    chance = found["classes"]["figures"]["coin_flips"]["balanced_accuracy"][0]
    assert chance == pytest.approx(1 / len(found["data"]["classes"]), abs=0.1), "a window a trial: nothing to leak"


def test_a_network_for_any_headset_becomes_a_trunk(corpus: Path, tmp_path: Path) -> None:
    assert call("eeg/any_headset_dreamer.yaml", corpus, tmp_path, "--folds", "0", "--data.parts", "3") == 0
    found = json.loads((tmp_path / "results.json").read_text())
    assert found["data"]["learnt"] == "vad" and set(found["numbers"]["figures"]) >= {"network", "mean"}
    place = tmp_path / "shared" / "any.onnx"
    assert main(["export", "--out", str(tmp_path), "--to", str(place)]) == 0
    assert {path.name for path in place.parent.iterdir()} == {"any.onnx", "any.safetensors", "any.json"}
    card = json.loads(place.with_suffix(".json").read_text())
    assert card["metrics"]["numbers"] == found["numbers"], "what was measured on what was held out is on the card"
    trunk = Trunk.load(place)
    trunk.check(DEFAULT)
    assert trunk.facts.channels == 0 and "subjects, part 1 of 3" in trunk.facts.training_data
    entropy = np.random.default_rng(0).normal(-12, 1, (2, 4, 5))
    assert np.isfinite(trunk.embed(entropy, np.ones((2, 4)), MUSE4)).all()


def test_recordings_of_ones_own_are_a_corpus(tmp_path: Path) -> None:
    """Annotated files, three electrodes of them, and a network built for these."""
    eeg_files.write_annotated(tmp_path / "mine", np.random.default_rng(0), subjects=3, trials=6, seconds=4.5)
    shape = {"electrodes": ["AF3", "F7", "O1"], "bands": 5, "labels": 2, "head": "classes", "depth": 1}
    words = ["--data.corpus", "annotated", "--data.electrodes", "[AF3, F7, O1]", "--data.learnt", "label",
             "--data.definition", "default", "--data.baseline", "none", "--model.network.init_args.shape",
             json.dumps(shape)]  # fmt: skip
    assert call(HONEST, tmp_path / "mine", tmp_path / "out", *words) == 0
    found = json.loads((tmp_path / "out" / "results.json").read_text())
    assert found["data"]["classes"] == ["calm", "tense"] and found["folds"]["of"] == 3
    assert found["data"]["electrodes"] == ["AF3", "F7", "O1"]


@pytest.mark.parametrize(("name", "learnt", "classes"), [("seed4", "label", 4), ("faced", "valence", 2)])
def test_the_other_corpora_of_eeg_become_windows(name: str, learnt: Any, classes: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    if name == "seed4":
        eeg_files.write_seed4(tmp_path, rng, subjects=2, samples=800)
    else:
        eeg_files.write_faced(tmp_path, rng, subjects=2, samples=1000)
    data = EEGData(name, tmp_path, learnt)  # pyright: ignore[reportArgumentType]
    data.read(tmp_path / "features")
    assert len(data.classes) == classes and len(set(data.groups.subject)) == 2
    assert data.features(np.arange(2)).shape == (2, len(data.electrodes) * 5)
    assert len(data.folds()) == 2


@pytest.mark.parametrize("corpus_name", PRESETS)
def test_presets_are_the_published_network_and_differ_in_the_split(corpus_name: str) -> None:
    shape, count = PRESETS[corpus_name]
    asked = []
    for name in (f"eeg/rbtransformer_{corpus_name}.yaml", f"eeg/rbtransformer_{corpus_name}_leaky.yaml"):
        words = ["--config", name, "--data.root", "x", "--out", "y"]
        call = Asked("fit", "", words)
        asked.append(call.config)
        network = call.module().network
        assert network.shape == PUBLISHED[shape]
        assert sum(p.numel() for p in network.parameters()) == count
    flat = [{key: str(value) for key, value in vars(one.as_flat()).items()} for one in asked]
    assert flat[0].keys() == flat[1].keys()
    assert {key.split(".")[-1] for key in flat[0] if flat[0][key] != flat[1][key]} == {
        "config", "split", "parts_to_choose_by",
    }  # fmt: skip
    heads = [Path(str(find_config(str(one.config[0])))).read_text() for one in asked]
    assert "LEAKS" in heads[1] and "leaks" in heads[0] and all("SMOTE" in head for head in heads)


def test_a_rest_is_averaged_before_it_is_measured() -> None:
    """Against a loop: seconds averaged, mean and sd of all electrodes taken off, each band filtered from rest."""
    signal = np.random.default_rng(0).normal(3, 1e-5, (3 * 128 + 50, 2))
    second = np.zeros((128, 2))
    for k in range(3):
        second += signal[128 * k : 128 * (k + 1)] / 3
    second = (second - second.mean()) / second.std()
    got = rest(signal, 128.0, RBTRANSFORMER)
    for c in range(2):
        for b, (_, low, high) in enumerate(RBTRANSFORMER.bands):
            polynomials: Any = butter(5, (low, high), "bandpass", fs=128)
            passed = lfilter(polynomials[0], polynomials[1], second[:, c])
            assert got[c, b] == pytest.approx(0.5 * math.log2(2 * math.pi * math.e * np.var(passed)), abs=1e-5)
    with pytest.raises(SignalError, match=r"the baseline lasts 0.5 s; wanted 1 s or more"):
        rest(signal[:64], 128.0, RBTRANSFORMER)


def test_electrodes_are_put_in_order_and_a_bad_trial_is_named() -> None:
    rng = np.random.default_rng(0)
    signal = rng.normal(0, 1e-5, (600, 3)).astype(np.float32)
    vad = np.zeros(3, np.float32)
    trial = Trial("ann", "2", "7", signal, None, ("F3", "F4", "Cz"), 128.0, vad, vad)
    turned = replace(trial, signal=signal[:, [2, 0, 1]], names=("Cz", "F3", "F4"))
    wanted = trial_entropy(trial, ("F3", "F4", "Cz"), DEFAULT, "none")
    np.testing.assert_allclose(trial_entropy(turned, ("F3", "F4", "Cz"), DEFAULT, "none"), wanted, atol=1e-6)
    with pytest.raises(SignalError, match=r"subject ann, session 2, trial 7: recording lasts 0.781 s"):
        trial_entropy(replace(trial, signal=signal[:100]), trial.names, DEFAULT, "none")
    with pytest.raises(SignalError, match=r"trial 7: there is no baseline in this corpus"):
        trial_entropy(trial, trial.names, RBTRANSFORMER, "rbtransformer")


def test_features_are_computed_once_for_the_same_files(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Path] = []

    def reader(path: Path) -> Dreamer:
        calls.append(path)
        return Dreamer(path)

    monkeypatch.setitem(eeg_data.CORPORA, "dreamer", (reader, EPOC14))
    first = load_windows("dreamer", corpus, DEFAULT, "none", tmp_path)
    again = load_windows("dreamer", corpus, DEFAULT, "none", tmp_path)
    assert len(calls) == 1 and all(np.array_equal(first[name], again[name]) for name in first)
    other = load_windows("dreamer", corpus, replace(DEFAULT, base="bits"), "none", tmp_path)
    assert len(calls) == 2
    np.testing.assert_allclose(other["entropy"], first["entropy"] / math.log(2), rtol=1e-5)
    (corpus / "DREAMER.mat").touch()
    load_windows("dreamer", corpus, DEFAULT, "none", tmp_path)
    assert len(calls) == 3, "another file, for all that is known"


@pytest.mark.parametrize(
    ("learnt", "classes", "kept"),
    [("label", ("calm", "glad"), "acd"), ("valence", ("low", "high"), "bcd"), ("vad", (), "abcd")],
)
def test_trials_of_which_it_is_unknown_are_left_out(
    learnt: Any, classes: tuple[str, ...], kept: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"a": (np.nan, 0.5, "glad"), "b": (1.0, np.nan, None), "c": (0.0, np.nan, "calm"), "d": (-1.0, 0.0, "calm")}
    rng = np.random.default_rng(0)
    trials = [
        Trial(name, "1", "1", rng.normal(0, 1e-5, (512 + 64 * k, 14)).astype(np.float32), None, EPOC14, 128.0,
              np.array([valence, arousal, np.nan], np.float32), np.zeros(1, np.float32), label)
        for k, (name, (valence, arousal, label)) in enumerate(said.items())
    ]  # fmt: skip
    monkeypatch.setitem(eeg_data.CORPORA, "dasps", (lambda _: trials, EPOC14))
    data = EEGData("dasps", tmp_path, learnt)
    data.read(tmp_path / "features")
    assert data.classes == classes
    who = [
        name for k, name in enumerate("abcd") for _ in range(k + 1) if name in kept
    ]  # k + 1 windows, half a second apart
    assert data.groups.subject.tolist() == who
    wanted = [trial_entropy(trial, EPOC14, DEFAULT, "none") for trial in trials if trial.subject in kept]
    assert isinstance(data.samples, Rows)
    np.testing.assert_array_equal(data.samples.rows["entropy"], np.concatenate(wanted))
    if learnt == "vad":
        np.testing.assert_array_equal(data.samples.vad, np.array([trials["abcd".index(name)].vad for name in who]))
        assert data.samples.labels.shape == (10, 0)
        return
    names = {"label": {"a": "glad", "c": "calm", "d": "calm"}, "valence": {"b": "high", "c": "low", "d": "low"}}[learnt]
    assert [classes[k] for k in data.samples.labels.argmax(1)] == [names[name] for name in who]
    assert data.samples.vad.isnan().all()


def classes_module(**settings: Any) -> AffectModule:
    return AffectModule(ElectrodeTransformer(Shape(("Cz",), 1, 3, "classes", depth=1)), **settings)


@given(st.integers(1, 6), st.floats(0, 0.9), st.integers(0, 3), st.integers(0, 1000))
def test_cross_entropy_is_torchs_and_samples_without_a_label_do_not_matter(
    n: int, smoothing: float, unknown: int, seed: int
) -> None:
    draw = torch.Generator().manual_seed(seed)
    logits, label = torch.randn(n + unknown, 3, generator=draw), torch.randint(0, 3, (n,), generator=draw)
    labels = torch.cat([functional.one_hot(label, 3).float(), torch.full((unknown, 3), torch.nan)])
    vad = torch.full((n + unknown, 3), torch.nan)
    got = classes_module(label_smoothing=smoothing).loss(Classes(logits, logits), vad, labels)
    wanted = functional.cross_entropy(logits[:n], label, label_smoothing=smoothing)
    torch.testing.assert_close(got, wanted)


def test_balanced_classes_weigh_the_same_in_all() -> None:
    module = classes_module(balanced=True)
    label = torch.tensor([0, 0, 0, 0, 1, 1, 2])
    labels = torch.cat([functional.one_hot(label, 3).float(), torch.full((1, 3), torch.nan)])
    inputs = {"entropy": torch.randn(8, 1, 1), "present": torch.ones(8, 1)}
    module.prepare(Batch(inputs, torch.full((8, 3), torch.nan), labels, torch.empty(8, 0)))
    logits = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
    each = functional.cross_entropy(logits[:7], label, reduction="none")
    wanted = torch.stack([each[label == k].mean() for k in range(3)]).mean()  # the mean over classes of each one's mean
    torch.testing.assert_close(module.loss(Classes(logits, logits), torch.full((8, 3), torch.nan), labels), wanted)


def test_ratings_and_labels_are_learnt_together_where_both_are_known() -> None:
    draw = torch.Generator().manual_seed(0)
    mean, log_var, logits = torch.randn(3, 5, 3, generator=draw).tanh()
    answer = Affect(mean, log_var, logits, torch.zeros(5, 1))
    vad, labels = torch.rand(5, 3, generator=draw), torch.eye(3)[[0, 1, 2, 0, 1]]
    vad[1] = torch.nan
    torch.testing.assert_close(classes_module().loss(answer, vad, labels), affect_loss(answer, vad, labels))


def test_the_rate_falls_along_a_cosine() -> None:
    module = classes_module(lr=1e-3, eta_min=1e-6)
    module.trainer = Trainer(max_epochs=300, logger=False, enable_checkpointing=False, accelerator="cpu")
    (optimizer,), (schedule,) = module.configure_optimizers()
    assert optimizer.defaults["weight_decay"] == 1e-3
    rates = []
    for _ in range(301):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    wanted = 1e-6 + (1e-3 - 1e-6) * (1 + np.cos(np.pi * np.arange(301) / 300)) / 2
    np.testing.assert_allclose(rates, wanted, rtol=1e-6, atol=1e-12)
