"""The preset of CREMA-D's votes: two steps on votes as they are published, and what it trains on."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from affectstream.datasets.cremad_votes import CremadVotes
from affectstream.multimodal.cli import main
from affectstream.multimodal.fusion.learned import LearnedFusion, Saying
from affectstream.multimodal.timeline import Reading
from affectstream.multimodal.training.asked import Asked
from affectstream.multimodal.training.fusion.data import INPUTS, VotesData, VotesNetwork
from affectstream.multimodal.training.fusion.train import Aims, Recipe
from affectstream.multimodal.training.fusion.votes import Simulation, exact
from affectstream.multimodal.training.weights import put_in, read_weights

_spec = importlib.util.spec_from_file_location("av_files", Path(__file__).parents[2] / "datasets" / "av_files.py")
assert _spec is not None and _spec.loader is not None
av_files: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(av_files)

PRESET = "fusion/cremad_votes.yaml"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("votes")
    av_files.write_cremad_votes(folder, np.random.default_rng(0))
    return folder


@pytest.fixture(scope="module")
def run(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    words = ["--config", PRESET, "--data.root", str(root), "--out", str(out), "--data.batch", "8"]
    short = ["--trainer.limit_train_batches", "2", "--trainer.max_epochs", "1", "--trainer.accelerator", "cpu"]
    assert main(["fit", *words, *short]) == 0
    return out


def read(root: Path, **settings: Any) -> VotesData:
    data = VotesData(root, batch=8, **settings)
    data.read(root)
    data.choose(data.folds()[0])
    return data


def test_two_steps_of_the_preset(run: Path) -> None:
    found = json.loads((run / "results.json").read_text())
    assert set(found["numbers"]["figures"]) == {"network", "mean", "nearest_neighbour"} and found["samples"] == 24
    assert found["classes"]["figures"]["network"].keys() >= {"accuracy", "macro_f1"}
    assert found["data"]["learnt"] == "labels, vad_derived" and not found["data"]["leaky"]


def test_the_prior_is_of_the_training_actors_and_intervals_of_the_validation_actors(run: Path, root: Path) -> None:
    weights, _ = read_weights(run / "fold-00" / "weights.safetensors")
    train = CremadVotes(root, "train")
    np.testing.assert_allclose(weights["fusion.prior_mean"], train.vad.mean(0), rtol=1e-6)
    np.testing.assert_allclose(weights["fusion.prior_log_var"].exp(), train.vad.var(0), rtol=1e-5)
    network = VotesNetwork()
    put_in(network, weights, run).eval()
    votes = CremadVotes(root, "val")
    for present in (("face",), ("speech",), ("face", "speech")):
        said = exact(votes, present)
        with torch.inference_mode():
            answer = network(**{name: getattr(said, name) for name in INPUTS})
        covered = (abs(said.vad - answer.mean) <= 1.6449 * (answer.log_var / 2).exp()).double().mean(0)
        assert (abs(covered - 0.9) <= 1.5 / len(votes)).all(), (present, covered)


def test_what_is_exported_is_what_scoring_opens(run: Path, root: Path) -> None:
    place = run / "shared" / "fusion-cremad.onnx"
    assert main(["export", "--out", str(run), "--to", str(place)]) == 0
    shipped = LearnedFusion.load(place.parent)
    network = put_in(VotesNetwork(), read_weights(run / "fold-00" / "weights.safetensors")[0], run).eval()
    said = exact(CremadVotes(root, "test"))
    with torch.inference_mode():
        wanted = network(**{name: getattr(said, name)[:1] for name in INPUTS})
    each = {
        name: Saying(
            Reading(said.mean[:1, m].double().numpy(), said.log_var[:1, m].exp().double().numpy(), np.ones(1)),
            said.expression[:1, m].numpy(),
        )
        for m, name in enumerate(("face", "speech"))
    }
    _, blend = shipped.step(shipped.initial(), each)
    np.testing.assert_allclose(blend.mean, wanted.mean, atol=1e-5)
    card = json.loads(place.with_suffix(".json").read_text())
    assert "numbers" in card["metrics"] and "CREMA-D" in card["facts"]["training_data"]


def test_a_batch_follows_from_seed_epoch_and_clips(root: Path) -> None:
    samples, index = read(root).samples, np.array([3, 1, 7])
    one, same = samples.batch(index, 4), read(root).samples.batch(index, 4)
    assert one.vad.shape == (3, 3, 3) and one.inputs["presence"].shape == (3, 3, 2) and one.labels.shape == (3, 3, 6)
    torch.testing.assert_close(one.inputs, same.inputs, rtol=0, atol=0, equal_nan=True)
    torch.testing.assert_close(one.vad[:, 0], samples.vad[index], rtol=0, atol=0)
    for other in (
        samples.batch(index, 5),
        samples.batch(np.array([3, 1, 8]), 4),
        read(root, seed=1).samples.batch(index, 4),
    ):
        assert not torch.equal(one.inputs["mean"][:2], other.inputs["mean"][:2])


def test_what_is_tested_on_is_never_met_in_training(root: Path) -> None:
    data, spoiled = read(root), read(root)
    unseen = np.setdiff1d(np.arange(len(data.groups)), data.index("train"))
    for counts in spoiled.samples.votes.votes.values():
        counts[unseen] = [[0, 0, 0, 99, 0, 0]]
    index = data.index("train")
    for epoch in range(5):
        one, other = data.samples.batch(index, epoch), spoiled.samples.batch(index, epoch)
        torch.testing.assert_close(one.inputs, other.inputs, rtol=0, atol=0, equal_nan=True)
    with pytest.raises(ValueError, match=f"clip {unseen[0]} is none of the {len(index)} that may be met"):
        data.samples.batch(unseen, 0)


def test_sequences_are_walked_through_as_a_stream_is(root: Path) -> None:
    data = read(root)
    batch = data.samples.batch(np.arange(5), 0)
    network = VotesNetwork(width=8, memory=4, members=2).eval()
    network.expect(data.samples.vad)
    with torch.inference_mode():
        answer = network(**batch.inputs)
        memory = network.fusion.initial(5)
        for t in range(3):
            parts = network.fusion.parts(**{name: batch.inputs[name][:, t] for name in INPUTS}, memory=memory)
            memory = parts.answer.memory
            torch.testing.assert_close(answer.mean[5 * t : 5 * t + 5], parts.answer.mean)
            torch.testing.assert_close(answer.logits[5 * t : 5 * t + 5].exp(), parts.joint.exp().mean(0))
        loss = network.loss(answer, batch.vad, batch.labels)
        wrong = network.loss(answer, batch.vad.flip(1), batch.labels)
    assert torch.isfinite(loss) and loss != wrong


def test_the_preset_is_the_shipped_networks_recipe() -> None:
    asked = Asked("fit", "", ["--config", PRESET, "--data.root", "x", "--out", "y"])
    recipe, module, config = Recipe(), asked.module(), asked.config
    assert isinstance(module.network, VotesNetwork) and module.network.aims == Aims()
    assert isinstance(asked.data, VotesData) and asked.data.simulation == Simulation()
    assert (module.lr, module.weight_decay, config["model"]["average"]) == (recipe.rate, recipe.decay, recipe.average)
    assert asked.data.batch == recipe.batch
    assert sum(p.numel() for p in module.network.parameters()) == 62_518, "as on the card"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--data.simulation.steps", "1"), "wanted 2 steps or more"),
        (("--data.simulation.fewest", "9", "--data.simulation.most", "3"), "9 to 3 voters"),
        (("--data.simulation.stepps", "3"), "stepps"),
        (("--data.root", "nowhere"), "nowhere does not hold CREMA-D votes"),
        (("--model.network", "affectstream.multimodal.training.fusion.av_network.StretchFusion",
          "--model.network.sources", "2"), "wants a VotesNetwork"),
    ],
)  # fmt: skip
def test_a_wrong_call_is_named(
    words: tuple[str, ...], named: str, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", "--config", PRESET, "--data.root", str(root), "--out", str(tmp_path), *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith("affectstream fit: ") and named in error and "Traceback" not in error
