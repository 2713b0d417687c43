"""Every preset of faces: what it builds, and two steps of it on faces in the published formats."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from affectstream.encoders.face.network import FaceNetwork
from affectstream.multimodal.cli import main
from affectstream.multimodal.training.asked import Asked
from affectstream.multimodal.training.losses import Weights

_spec = importlib.util.spec_from_file_location("face_files", Path(__file__).parents[2] / "datasets" / "face_files.py")
assert _spec is not None and _spec.loader is not None
face_files: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(face_files)

SHORT = (
    *("--data.batch", "2", "--data.workers", "0", "--trainer.limit_train_batches", "2"),
    *("--trainer.max_epochs", "1", "--trainer.accelerator", "cpu"),
)
WRITERS = {
    "affectnet": "write_affectnet",
    "emotic": "write_emotic",
    "affwild2": "write_affwild2",
    "ferplus": "write_ferplus",
}
FEW = {"affectnet": {"count": 8}, "emotic": {"pictures": 7}, "affwild2": {"frames": 6}, "ferplus": {"count": 12}}
# of each preset: what is told, and how many numbers it learns
PRESETS = {
    "cage_affectnet7_discrete": ({"classes"}, 30_412_744 - 3 * 512),
    "cage_affectnet7_combined": ({"classes", "numbers"}, 30_412_744 - 512),
    "cage_affectnet7_va": ({"numbers"}, 30_412_744 - 8 * 512),
    "cage_affectnet8_discrete": ({"classes"}, 30_412_744 - 2 * 512),
    "cage_affectnet8_combined": ({"classes", "numbers"}, 30_412_744),
    "cage_affectnet8_va": ({"numbers"}, 30_412_744 - 8 * 512),
    "cage_emotic": ({"marks", "numbers"}, 30_412_744 + (26 + 3 - 10) * 512),
    "affwild2_va": ({"numbers"}, 30_412_744 + (6 - 10) * 512 + 6),
    "affwild2_multitask": ({"classes", "numbers", "marks"}, 30_412_744 + (8 + 6 + 12 - 10) * 512 + 26),
    "ferplus_small": ({"classes", "numbers"}, None),
}


# These go through two steps as well, but not every time: each has a sibling with the same network and data.
LIKE_ANOTHER = (
    "cage_affectnet7_discrete",
    "cage_affectnet7_combined",
    "cage_affectnet7_va",
    "cage_affectnet8_discrete",
    "cage_affectnet8_va",
    "affwild2_multitask",
)


def corpus_of(preset: str) -> str:
    return next(name for name in WRITERS if name in preset)


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("faces")
    for name, writer in WRITERS.items():
        (root / name).mkdir()
        getattr(face_files, writer)(root / name, np.random.default_rng(0), **FEW[name])
    return root


def words_of(preset: str, corpora: Path, out: Path) -> list[str]:
    return ["--config", f"face/{preset}.yaml", "--data.root", str(corpora / corpus_of(preset)), "--out", str(out)]


@pytest.mark.parametrize("preset", PRESETS)
def test_what_every_preset_builds(preset: str, corpora: Path, tmp_path: Path) -> None:
    count = PRESETS[preset][1]
    network = Asked("fit", "", words_of(preset, corpora, tmp_path)).module().network
    assert isinstance(network, FaceNetwork)
    assert count is None or sum(p.numel() for p in network.parameters()) == count


@pytest.mark.parametrize(
    "preset", [pytest.param(name, marks=[pytest.mark.slow] * (name in LIKE_ANOTHER)) for name in PRESETS]
)
def test_two_steps_of_every_preset(preset: str, corpora: Path, tmp_path: Path) -> None:
    words, tasks = words_of(preset, corpora, tmp_path), PRESETS[preset][0]
    module = Asked("fit", "", words).module()
    assert main(["fit", *words, *SHORT]) == 0
    found = json.loads((tmp_path / "results.json").read_text())
    assert tasks == {name for name in ("classes", "numbers", "marks") if name in found}
    trained = load_file(tmp_path / "fold-00" / "weights.safetensors")
    fresh = module.network.state_dict()
    assert trained.keys() == fresh.keys()
    assert (tmp_path / "fold-00" / "curve.png").exists()


def test_cages_losses_and_weights_are_the_papers() -> None:
    asked = {name: Asked("fit", "", ["--config", f"face/cage_affectnet8_{name}.yaml", "--data.root", "x", "--out", "y"])
             for name in ("discrete", "combined", "va")}  # fmt: skip
    modules = {name: one.module() for name, one in asked.items()}
    nothing = {"beta_nll": 0.0, "disagreement": 0.0}
    assert modules["discrete"].weights == Weights(**nothing)
    assert modules["combined"].weights == Weights(**nothing, squared=5)
    assert modules["va"].weights == Weights(beta_nll=0, disagreement=1, squared=3)
    # Counts of AffectNet's training part (Mollahosseini et al. 2019, table 3), in its own order: what is rare weighs more,
    # and every weight is as one over the count, within what filtering has changed.
    counts = torch.tensor([74874.0, 134415, 25459, 14090, 6378, 3803, 24882, 3750])
    weights = modules["combined"].class_weight
    share = weights * counts / (weights * counts).mean()
    assert ((share - 1).abs() < 0.06).all()
