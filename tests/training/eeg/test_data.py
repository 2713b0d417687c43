"""EEG as data to train on, the presets of EEG, and recordings of one's own."""

import importlib.util
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat
from scipy.signal import butter, lfilter

from affectstream.datasets.dreamer import Dreamer
from affectstream.datasets.eeg import Trial
from affectstream.encoders.eeg.entropy import DEFAULT, RBTRANSFORMER
from affectstream.encoders.eeg.network import PUBLISHED
from affectstream.encoders.eeg.trunk import Trunk
from affectstream.multimodal.cli import main
from affectstream.multimodal.montages import EPOC14, MUSE4
from affectstream.multimodal.training.asked import Asked, find_config
from affectstream.multimodal.training.eeg import data as eeg_data
from affectstream.multimodal.training.eeg.data import EEGData, load_windows, rest, trial_entropy
from affectstream.multimodal.training.samples import Rows
from affectstream.multimodal.types import SignalError

_spec = importlib.util.spec_from_file_location("eeg_files", Path(__file__).parents[2] / "datasets" / "eeg_files.py")
assert _spec is not None and _spec.loader is not None
eeg_files: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(eeg_files)

HONEST = "eeg/rbtransformer_dreamer.yaml"
TWO_STEPS = ("--data.batch", "32", "--trainer.limit_train_batches", "2", "--trainer.max_epochs", "1")
ON_CPU = ("--trainer.accelerator", "cpu")
PRESETS = {
    "dreamer": ("dreamer", 662_530),
    "deap": ("deap", 664_834),
    "seed": ("seed", 668_803),
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return eeg_files.write_short_dreamer(tmp_path_factory.mktemp("dreamer"))


def call(config: str, corpus: Path, out: Path, *more: str) -> int:
    return main(["fit", "--config", config, "--data.root", str(corpus), "--out", str(out), *TWO_STEPS, *ON_CPU, *more])


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
