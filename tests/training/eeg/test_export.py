"""An exported EEG network answers as the one it was made from, for any headset, and can be built again."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from affectstream.encoders.checkpoint import load
from affectstream.encoders.eeg.electrodes import positions
from affectstream.encoders.eeg.network import ElectrodeTransformer, Shape
from affectstream.encoders.network import LOG_VAR_RANGE
from affectstream.multimodal.montages import EPOC14, MUSE4, SEED62
from affectstream.multimodal.training.eeg.export import export_eeg
from affectstream.multimodal.training.export import Card, put_weights
from affectstream.multimodal.types import Facts

ANY = Shape(bands=5, labels=2, width=32, depth=2)
FIXED = Shape(EPOC14, labels=3, head="classes", width=32, depth=2)


def trained(shape: Shape) -> ElectrodeTransformer:
    torch.manual_seed(0)
    network = ElectrodeTransformer(shape)
    network.entropy_mean.uniform_(-5, 5)
    network.entropy_sd.uniform_(0.5, 2)
    return network.eval()


def card(shape: Shape) -> Card:
    facts = Facts(
        name="eeg-mine",
        modality="eeg",
        window=4.0,
        hop=0.5,
        rate=0.0,
        channels=len(shape.electrodes),
        contract={"bands": [[4, 8]] * shape.bands},
        labels=("low", "high", "other")[: shape.labels],
        value_range=(-1.0, 1.0),
        training_data="a test",
        licence="none",
    )
    return Card(facts, {"ccc": 0.1}, "not at all", "none", ("Anything.",))


@pytest.mark.parametrize("names", [(*SEED62, "Iz"), MUSE4, ("Cz",)], ids=len)
def test_one_file_hears_every_headset(tmp_path: Path, names: tuple[str, ...]) -> None:
    network = trained(ANY)
    checkpoint = load(export_eeg(network, card(ANY), tmp_path), contract=card(ANY).facts.contract)
    rng = np.random.default_rng(5)
    entropy = rng.standard_normal((5, len(names), 5)).astype(np.float32)
    present = (rng.random((5, len(names))) > 0.3).astype(np.float32)
    present[0], present[1] = 1, 0
    where = positions(names).astype(np.float32)[None]
    found = checkpoint.run({"entropy": entropy, "present": present, "positions": where})
    with torch.inference_mode():
        wanted = network(*(torch.from_numpy(value) for value in (entropy, present, where)))
    assert list(found) == ["mean", "log_var", "logits", "embedding"]
    for name, value in found.items():
        np.testing.assert_allclose(value, getattr(wanted, name).numpy(), atol=1e-4)
    assert (found["mean"][1] == 0).all() and (found["log_var"][1] == LOG_VAR_RANGE[1]).all()


def test_the_safetensors_and_the_card_build_the_network_again(tmp_path: Path) -> None:
    network = trained(FIXED)
    path = export_eeg(network, card(FIXED), tmp_path / "new")
    facts = load(path, contract=card(FIXED).facts.contract).facts
    body = json.loads(path.with_suffix(".json").read_text())
    assert body["onnx_difference"] <= 1e-4 and set(body["files"]) == {"eeg-mine.onnx", "eeg-mine.safetensors"}
    again = ElectrodeTransformer(Shape(**facts.extra["shape"])).eval()
    put_weights(again, load_file(path.with_suffix(".safetensors")))
    entropy, present = torch.randn(2, 14, 4), torch.ones(2, 14)
    assert torch.equal(again(entropy, present).logits, network(entropy, present).logits)
    assert tuple(facts.extra["shape"]["electrodes"]) == EPOC14


def test_facts_that_are_not_the_networks_are_refused(tmp_path: Path) -> None:
    good = card(ANY)
    for wrong, match in (
        ({"modality": "face"}, "modality 'face'; wanted 'eeg'"),
        ({"channels": 14}, "channels 14; wanted 0"),
        ({"labels": ("low",)}, "1 labels; the network has 2"),
    ):
        with pytest.raises(ValueError, match=match):
            export_eeg(trained(ANY), replace(good, facts=replace(good.facts, **wrong)), tmp_path)
    assert not list(tmp_path.iterdir())
