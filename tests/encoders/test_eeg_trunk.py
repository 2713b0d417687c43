"""A trunk gives the network's own embeddings, whatever headset, and is refused if it is not what it should be."""

from pathlib import Path

import numpy as np
import pytest
import torch

from affectstream.encoders.checkpoint import CheckpointError, checkpoint_folder
from affectstream.encoders.eeg.electrodes import positions
from affectstream.encoders.eeg.entropy import DEFAULT, RBTRANSFORMER
from affectstream.encoders.eeg.network import ElectrodeTransformer, Shape
from affectstream.encoders.eeg.trunk import Trunk
from affectstream.encoders.network import Affect
from affectstream.multimodal.montages import EPOC14, MUSE4
from affectstream.multimodal.training.eeg.export import export_eeg
from affectstream.multimodal.training.export import Card
from affectstream.multimodal.types import Facts, SignalError

NAMES = (*MUSE4, "Fz", "Pz")


def exported(folder: Path, electrodes: tuple[str, ...] = ()) -> tuple[ElectrodeTransformer, Path]:
    torch.manual_seed(3)
    network = ElectrodeTransformer(Shape(electrodes, bands=5, width=32, depth=1)).eval()
    facts = Facts(
        "toy", "eeg", 4.0, 0.5, 0.0, len(electrodes), {"entropy": DEFAULT.contract()}, (), (-1.0, 1.0), "noise", "none"
    )
    return network, export_eeg(network, Card(facts, {}, "not trained", "none", ()), folder)


@pytest.mark.parametrize("electrodes", [(), EPOC14])
def test_embeddings_are_the_networks(tmp_path: Path, electrodes: tuple[str, ...]) -> None:
    network, path = exported(tmp_path, electrodes)
    names = NAMES if not electrodes else (*EPOC14[::-1][:10], "Cz")
    rng = np.random.default_rng(0)
    entropy = rng.standard_normal((3, len(names), 5))
    quality = rng.uniform(0.3, 1, (3, len(names)))
    quality[1, 2] = 0.0
    entropy[1, 2] = np.nan
    found = Trunk.load(path).embed(entropy, quality, names)
    order = list(electrodes or names)
    ready, present = np.zeros((3, len(order), 5)), np.zeros((3, len(order)))
    for k, name in enumerate(order):
        if name in names:
            ready[:, k], present[:, k] = entropy[:, names.index(name)], quality[:, names.index(name)]
    where = None if electrodes else torch.from_numpy(positions(order)).float()[None]
    with torch.inference_mode():
        answer = network(torch.from_numpy(ready).float(), torch.from_numpy(present).float(), where)
    assert isinstance(answer, Affect)
    np.testing.assert_allclose(found, answer.embedding.numpy(), atol=1e-5)


def test_what_is_no_trunk_is_refused(tmp_path: Path) -> None:
    _, path = exported(tmp_path)
    trunk = Trunk.load(path)
    trunk.check(DEFAULT)
    with pytest.raises(SignalError, match="it would be fed"):
        trunk.check(RBTRANSFORMER)
    with pytest.raises(CheckpointError, match="holds no network"):
        Trunk.of(path.read_bytes()[:500], "half")
    face = checkpoint_folder() / "face-small.onnx"
    with pytest.raises(CheckpointError, match="is a network for face, face-small"):
        Trunk.load(face)
    with pytest.raises(CheckpointError, match="does not say what it is"):
        Trunk.of((checkpoint_folder() / "yunet.onnx").read_bytes(), "yunet")
    with pytest.raises(CheckpointError, match="wanted weights and their card"):
        Trunk.load(tmp_path / "absent.onnx")
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(CheckpointError, match="its card says"):
        Trunk.load(path)
