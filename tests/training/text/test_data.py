"""Texts as data to train on, one corpus before another, MiniLM as a start, and the presets of text."""

import csv
import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer
from torch import nn

from affectstream.datasets.emobank import EmoBank
from affectstream.datasets.goemotions import GoEmotions
from affectstream.datasets.meld import Meld
from affectstream.datasets.semeval2018 import SemEval2018
from affectstream.encoders.checkpoint import checkpoint_folder
from affectstream.encoders.text.encoder import NAME, TextEncoder
from affectstream.encoders.text.features import features
from affectstream.encoders.text.network import LAYERS, POSITIONS, TextNetwork, load_text
from affectstream.multimodal.cli import main
from affectstream.multimodal.training.samples import Order
from affectstream.multimodal.training.text.data import Alike, Before, TextData
from affectstream.multimodal.training.text.train import from_minilm, is_frozen

_spec = importlib.util.spec_from_file_location("text_files", Path(__file__).parents[2] / "datasets" / "text_files.py")
assert _spec is not None and _spec.loader is not None
text_files: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(text_files)

ALONE, AFTER = "text/emobank.yaml", "text/goemotions_then_emobank.yaml"
TWO_STEPS = ("--data.batch", "8", "--trainer.limit_train_batches", "2", "--trainer.max_epochs", "1")
ON_CPU = ("--trainer.accelerator", "cpu")
BERT = {  # names in model.safetensors, written down from a published file's head
    "attention.self.query": "query",
    "attention.self.key": "key",
    "attention.self.value": "value",
    "attention.output.dense": "attended",
    "attention.output.LayerNorm": "attended_norm",
    "intermediate.dense": "wide",
    "output.dense": "narrow",
    "output.LayerNorm": "narrow_norm",
}


@pytest.fixture(scope="module")
def shipped() -> TextNetwork:
    return load_text(checkpoint_folder() / f"{NAME}.safetensors")


@pytest.fixture(scope="module")
def minilm(shipped: TextNetwork, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The layers of the shipped network as all-MiniLM-L6-v2 is published, with 512 positions and a pooler."""
    folder = tmp_path_factory.mktemp("minilm")
    own = {name: value.numpy() for name, value in shipped.state_dict().items()}
    segment = np.full((2, 384), 0.25, np.float32)
    positions = np.zeros((512, 384), np.float32)
    positions[:POSITIONS] = own["positions.weight"] - segment[0]
    theirs = {
        "embeddings.word_embeddings.weight": own["words.weight"],
        "embeddings.position_embeddings.weight": positions,
        "embeddings.token_type_embeddings.weight": segment,
        "embeddings.LayerNorm.weight": own["embedded_norm.weight"],
        "embeddings.LayerNorm.bias": own["embedded_norm.bias"],
        "pooler.dense.weight": np.zeros((384, 384), np.float32),
    }
    for k in range(LAYERS):
        for name, ours in BERT.items():
            for kind in ("weight", "bias"):
                theirs[f"encoder.layer.{k}.{name}.{kind}"] = own[f"blocks.{k}.{ours}.{kind}"]
    save_file(theirs, folder / "model.safetensors")
    return folder


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """EmoBank, GoEmotions and SemEval-2018 as published, of 24 texts a part."""
    folder, rng = tmp_path_factory.mktemp("corpora"), np.random.default_rng(0)
    roots = {name: folder / name for name in ("emobank", "goemotions", "semeval")}
    text_files.write_emobank(roots["emobank"], rng)
    text_files.write_goemotions(roots["goemotions"], rng)
    text_files.write_semeval2018(roots["semeval"], rng)
    return roots


def call(config: str, corpora: dict[str, Path], minilm: Path, out: Path, *more: str) -> int:
    roots = ["--data.root", str(corpora["emobank"])]
    if config == AFTER:
        roots += ["--data.before.root", str(corpora["goemotions"])]
    words = ["fit", "--config", config, *roots, "--model.network.minilm", str(minilm), "--out", str(out)]
    return main([*words, *TWO_STEPS, *ON_CPU, *more])


@pytest.fixture(scope="module")
def runs(corpora: dict[str, Path], minilm: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Where the presets' runs of two steps are."""
    folders = {config: tmp_path_factory.mktemp("run") for config in (ALONE, AFTER)}
    for config, folder in folders.items():
        assert call(config, corpora, minilm, folder) == 0
    return folders


def texts(corpora: dict[str, Path], before: Before | None = None, **settings: Any) -> TextData:
    """EmoBank, read, with its official fold chosen."""
    data = TextData(EmoBank, corpora["emobank"], before=before, **settings)
    data.read(Path("unused"))
    data.choose(data.folds()[0])
    return data


def marks_first(corpora: dict[str, Path], **settings: Any) -> Before:
    return Before(GoEmotions, corpora["goemotions"], **settings)


@pytest.mark.parametrize("config", [ALONE, AFTER])
def test_two_steps_of_the_presets(
    config: str, corpora: dict[str, Path], shipped: TextNetwork, runs: dict[str, Path]
) -> None:
    run = runs[config]
    found = json.loads((run / "results.json").read_text())
    assert found["data"]["corpus"] == "EmoBank" and found["samples"] == 24 and found["folds"] == {"done": [0], "of": 1}
    assert np.shape(found["numbers"]["figures"]["network"]["pcc"]) == (3, 3)
    assert "marks" not in found and "classes" not in found, "EmoBank knows none to measure by"
    # What is frozen is the start's still, the rest was trained; the standardisation is that of the training texts.
    weights = load_file(run / "fold-00" / "weights.safetensors")
    start = shipped.state_dict()
    for name, value in weights.items():
        if is_frozen(name):
            np.testing.assert_allclose(value, start[name].numpy(), atol=1e-6)
    assert abs(weights["blocks.5.wide.weight"] - start["blocks.5.wide.weight"].numpy()).max() > 1e-6
    heard = list(EmoBank(corpora["emobank"], "train").text)
    if config == AFTER:
        assert found["data"]["before"] == {
            "corpus": "GoEmotions", "learnt": "marks", "epochs": 1, "licence": "Apache-2.0",
        }  # fmt: skip
        heard += GoEmotions(corpora["goemotions"], "train").text
    np.testing.assert_allclose(weights["feature_mean"], features(heard).mean(0), atol=1e-5)
    # Every held-out text has a row, with its marks where marks are learnt.
    assert main(["predict", "--out", str(run)]) == 0
    with (run / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["subject"] for row in rows] == list(EmoBank(corpora["emobank"], "test").ids)
    assert len([name for name in rows[0] if name.startswith("mark_")]) == (28 if config == AFTER else 0)


def test_a_run_becomes_a_checkpoint_that_scoring_reads(
    corpora: dict[str, Path], runs: dict[str, Path], tmp_path: Path
) -> None:
    run = runs[AFTER]
    path = tmp_path / "mine" / f"{NAME}.onnx"
    assert main(["export", "--out", str(run), "--to", str(path)]) == 0
    card = json.loads(path.with_suffix(".json").read_text())
    assert "GoEmotions (Apache-2.0) then EmoBank (CC BY-SA 4.0)" in card["facts"]["training_data"]
    assert len(card["facts"]["extra"]["marks"]) == 28 and "numbers" in card["metrics"]
    encoder, said = TextEncoder.load(path.parent), "You never miss a letter."
    network = TextNetwork(marks=28)
    weights = load_file(run / "fold-00" / "weights.safetensors")
    network.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    tokens = torch.tensor([Tokenizer.from_file(str(path.with_suffix(".tokenizer.json"))).encode(said).ids])
    with torch.inference_mode():
        mean = network.eval()(tokens, torch.from_numpy(features([said]))).mean[0].numpy()
    spread = EmoBank(corpora["emobank"], "train").vad.std(0)
    np.testing.assert_allclose(encoder.gain, np.array([0.45, 0.28, 0.24]) / spread, atol=1e-3)
    assert np.all(np.sign(encoder.read(said).mean) == np.sign(mean))
    raw = encoder.checkpoint.run({"tokens": tokens.numpy(), "features": features([said])})
    np.testing.assert_allclose(raw["mean"][0], mean, atol=1e-5)


def test_emotions_of_dialogues_are_learnt_as_classes(minilm: Path, tmp_path: Path) -> None:
    text_files.write_meld(tmp_path / "meld", np.random.default_rng(0))
    more = ("--data.corpus", "affectstream.datasets.meld.Meld", "--data.learnt", "[labels]")
    more += ("--model.network.labels", "7")
    assert call(ALONE, {"emobank": tmp_path / "meld"}, minilm, tmp_path / "run", *more) == 0
    found = json.loads((tmp_path / "run" / "results.json").read_text())
    assert found["data"]["classes"] == list(Meld(tmp_path / "meld").labels) and "numbers" not in found
    assert found["samples"] == np.sum(found["classes"]["confusion"]) == 4 * 6


def test_texts_are_what_the_network_takes(corpora: dict[str, Path]) -> None:
    data, corpus = texts(corpora), EmoBank(corpora["emobank"])
    index = np.array([5, 0, 17])
    batch = data.samples.batch(index, 0)
    tokenizer = Tokenizer.from_file(str(checkpoint_folder() / f"{NAME}.tokenizer.json"))
    wanted = [tokenizer.encode(corpus.text[k]).ids for k in index]
    longest = max(map(len, wanted))
    assert batch.inputs["tokens"].tolist() == [ids + [0] * (longest - len(ids)) for ids in wanted]
    np.testing.assert_array_equal(batch.inputs["features"], features([corpus.text[k] for k in index]))
    np.testing.assert_array_equal(batch.vad, corpus.vad[index])
    np.testing.assert_array_equal(data.features(index), features([corpus.text[k] for k in index]))


def test_the_corpus_before_is_learnt_first_and_only_learnt(corpora: dict[str, Path]) -> None:
    data = texts(corpora, marks_first(corpora, epochs=2))
    emobank, goemotions = EmoBank(corpora["emobank"]), GoEmotions(corpora["goemotions"])
    assert data.marks == goemotions.marks and len(data.samples) == len(emobank) + len(goemotions)
    for part in ("train", "val", "test"):
        assert data.index(part).tolist() == np.flatnonzero(emobank.part == part).tolist()
    train = (len(emobank) + np.flatnonzero(goemotions.part == "train")).tolist()
    first, second, third = (data.pool(epoch) for epoch in range(3))
    assert sorted(first.tolist()) == sorted(second.tolist()) == train and first.tolist() != second.tolist()
    assert first.tolist() == data.pool(0).tolist() and third.tolist() == data.index("train").tolist()
    batch = data.samples.batch(first[:5], 0)
    assert batch.vad.isnan().all()
    np.testing.assert_array_equal(batch.marks, goemotions.present[first[:5] - len(emobank)])
    after = data.samples.batch(third[:5], 2)
    assert after.marks.shape == (5, 28) and after.marks.isnan().all()
    np.testing.assert_array_equal(after.vad, emobank.vad[third[:5]])


def test_a_small_corpus_before_is_gone_through_more_than_once(corpora: dict[str, Path], tmp_path: Path) -> None:
    text_files.write_goemotions(tmp_path, np.random.default_rng(1), each=9)
    pool = texts(corpora, Before(GoEmotions, tmp_path)).pool(0)
    assert len(pool) == 24 and set(np.bincount(pool - pool.min())) == {2, 3}


@pytest.mark.parametrize("before", [False, True])
def test_an_epoch_has_every_text_once_in_batches_of_like_length(before: bool, corpora: dict[str, Path]) -> None:
    data = texts(corpora, marks_first(corpora) if before else None, batch=5)
    batches = list(data.train_dataloader())
    seen = torch.cat([batch.inputs["features"] for batch in batches])
    wanted = data.samples.spelling[torch.from_numpy(data.pool(0))]
    assert sorted(map(tuple, seen.tolist())) == sorted(map(tuple, wanted.tolist()))
    assert [len(batch.vad) for batch in batches].count(5) == 4 and len(batches) == len(data.train_dataloader()) == 5


def test_the_order_follows_from_seed_and_epoch_and_is_taken_up_again() -> None:
    length = np.random.default_rng(0).integers(3, 60, 1000)

    def drawn(seed: int = 0, epoch: int = 0, done: int = 0, rank: int = 0, world: int = 1) -> list[list[int]]:
        order = Order(np.arange(1000), 32, seed, lambda: (epoch, done), rank=rank, world=world)
        alike = Alike(order, length)
        draws = list(alike)
        assert len(alike) == len(draws) + done and all(draw[0] == epoch for draw in draws)
        return [draw[1].tolist() for draw in draws]

    whole = drawn()
    assert sorted(k for batch in whole for k in batch) == list(range(1000))
    assert np.mean([np.ptp(length[batch]) for batch in whole]) < 8, "taken as they come it would be over 50"
    assert drawn() == whole and drawn(done=7) == whole[7:]
    assert drawn(seed=1) != whole and drawn(epoch=1) != whole
    parts = [drawn(rank=rank, world=3) for rank in range(3)]
    assert len({len(part) for part in parts}) == 1
    # 1000 does not go into three: two texts are trained on twice.
    assert sorted({k for part in parts for batch in part for k in batch}) == list(range(1000))
    assert sum(len(batch) for part in parts for batch in part) == 1002


def test_minilm_is_rounded_and_only_its_upper_layers_learn(minilm: Path, shipped: TextNetwork) -> None:
    spread = (0.2, 0.1, 0.05)
    network = from_minilm(minilm, spread, dropout=0.5, head_dropout=0.0, marks=2)
    learns = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    assert {name.split(".")[0] for name in learns} == {"blocks", "pooled_norm", "head"}
    assert {name.split(".")[1] for name in learns if name.startswith("blocks")} == {"3", "4", "5"}
    for name, value in network.state_dict().items():
        if is_frozen(name):
            torch.testing.assert_close(value, shipped.state_dict()[name], atol=1e-6, rtol=0)
    tokens = torch.tensor([[101, 2204, 2851, 102]])
    with torch.no_grad():
        one, two = (network.train().lower(tokens).states for _ in range(2))
        torch.testing.assert_close(one, two, atol=0, rtol=0)  # nothing of the frozen layers is dropped
        torch.testing.assert_close(one, shipped.lower(tokens).states, atol=1e-4, rtol=1e-4)
        answers = [network(tokens, torch.zeros(1, 18)) for _ in range(2)]
    assert not torch.equal(answers[0].mean, answers[1].mean), "the layers above are"
    assert answers[0].marks is not None and answers[0].marks.shape == (1, 2)
    # The head begins on the ratings' scale: the same before its gain as one of spread 1, and as unsure as that.
    plain = from_minilm(minilm, dropout=0.5, head_dropout=0.0, marks=2).eval()
    plain.head.load_state_dict(
        network.head.state_dict() | {name: getattr(plain.head, name) for name in ("gain", "widen")}
    )
    plain.pooled_norm.load_state_dict(network.pooled_norm.state_dict())
    with torch.no_grad():
        ours, ones = (one.eval()(tokens, torch.zeros(1, 18)) for one in (network, plain))
    torch.testing.assert_close(ours.mean.atanh(), ones.mean.atanh() * torch.tensor(spread))
    torch.testing.assert_close(ours.log_var.exp().sqrt(), ones.log_var.exp().sqrt() * torch.tensor(spread))


def test_another_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="all-MiniLM-L6-v2"):
        from_minilm(tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"not weights at all")
    with pytest.raises(ValueError, match=r"model.safetensors is not all-MiniLM-L6-v2 .*; wanted"):
        from_minilm(tmp_path)
    save_file({"embeddings.word_embeddings.weight": np.zeros((8, 8), np.float32)}, path)
    with pytest.raises(ValueError, match=r"is not all-MiniLM-L6-v2 \('embeddings.position_embeddings.weight'\)"):
        from_minilm(tmp_path)


@pytest.mark.parametrize(
    ("config", "words", "named"),
    [
        (ALONE, ("--data.root", "nowhere"), "nowhere does not hold EmoBank: there is no emobank.csv"),
        (ALONE, ("--data.learnt", "[marks]"), "EmoBank has no marks; learn something else (vad"),
        (ALONE, ("--model.network.minilm", "nowhere"), "no MiniLM weights at nowhere/model.safetensors"),
        (ALONE, ("--model.network.spread", "[0.1, 0, 0.1]"), "spread is [0.1, 0.0, 0.1]; wanted standard deviations"),
        (ALONE, ("--model.network.marks", "3"), "the network tells 3 marks and the data has 0"),
        (AFTER, ("--model.network.marks", "3"), "the network tells 3 marks and the data has 28"),
        (AFTER, ("--data.before.root", "nowhere"), "nowhere does not hold GoEmotions"),
        (AFTER, ("--data.before.epochs", "0"), "data.before.epochs is 0 and data.rare 0; wanted 1 or more"),
        (AFTER, ("--data.before.learnt", "[vad]"), "GoEmotions has no vad; learn something else (labels, marks"),
        (AFTER, ("--data.rare", "0.5"), "data.rare 0.5; wanted 1 or more, and 0"),
    ],
)
def test_a_wrong_call_is_named(
    config: str,
    words: tuple[str, ...],
    named: str,
    corpora: dict[str, Path],
    minilm: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call(config, corpora, minilm, tmp_path, *words) == 2
    error = capsys.readouterr().err
    assert error.startswith("affectstream fit: ") and named in error and "Traceback" not in error
    assert not list(tmp_path.glob("fold-*/answers.npz"))


def test_the_folder_of_the_corpus_before_must_be_given(
    corpora: dict[str, Path], minilm: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["fit", "--config", AFTER, "--data.root", str(corpora["emobank"]), "--out", str(tmp_path)]
    assert main([*words, "--model.network.minilm", str(minilm), *ON_CPU]) == 2
    assert capsys.readouterr().err == (
        "affectstream fit: data.before.root is not given; wanted the folder of the corpus that is learnt first\n"
    )


def test_corpora_with_other_marks_are_not_mixed(corpora: dict[str, Path]) -> None:
    data = TextData(SemEval2018, corpora["semeval"], ["vad", "marks"], before=Before(GoEmotions, corpora["goemotions"]))
    with pytest.raises(ValueError, match=r"SemEval-2018 .*and GoEmotions have other marks \(anger, anticipation"):
        data.read(Path("unused"))


def test_another_network_is_refused(corpora: dict[str, Path]) -> None:
    with pytest.raises(ValueError, match="the network is a Linear; TextData wants a TextNetwork"):
        texts(corpora).check(nn.Linear(1, 1))
