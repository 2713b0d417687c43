"""FER+ as data to train on, how its faces are varied, and the networks that learn from them."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from affectstream.datasets.ferplus import FerPlus, derived_vad
from affectstream.encoders.checkpoint import checkpoint_folder
from affectstream.encoders.face.crop import TEMPLATE, CropContract
from affectstream.encoders.face.network import FaceNetwork, Size
from affectstream.multimodal.terms import TERM_MEAN
from affectstream.multimodal.training.export import largest_difference
from affectstream.multimodal.training.face.augment import Augment
from affectstream.multimodal.training.face.data import FaceData

RNG = np.random.default_rng(0)


def shipped() -> FaceNetwork:
    network = FaceNetwork()
    network.load_state_dict(load_file(checkpoint_folder() / "face-small.safetensors"))
    return network.eval()


def ferplus_folder(folder: Path, kind: NDArray[np.integer]) -> Path:
    """A made-up FER+ of black pictures, each voted to be of one ``kind``."""
    for split in ("train", "val", "test"):
        group = np.array([f"{split}{i}" for i in range(len(kind))])
        votes = 10 * np.eye(10, dtype=np.uint8)[kind]
        np.savez(
            folder / f"ferplus_{split}.npz", image=np.zeros((len(kind), 48, 48), np.uint8), votes=votes, group=group
        )
    return folder


def test_derived_vad_is_the_expected_term() -> None:
    share = RNG.dirichlet(np.ones(8), 10)
    by_hand = [sum(p * TERM_MEAN[k] for k, p in enumerate(row)) for row in share]
    np.testing.assert_allclose(derived_vad(share), by_hand, atol=1e-6)


def test_rare_expressions_are_drawn_more_often_and_common_ones_still_most(tmp_path: Path) -> None:
    kind = RNG.choice(8, 4000, p=[0.6, 0.2, 0.1, 0.05, 0.02, 0.01, 0.01, 0.01])
    data = FaceData(FerPlus, ferplus_folder(tmp_path, kind), framing="whole", rare=0.35)
    data.read(tmp_path / "cache")
    data.choose(data.folds()[0])
    chance, share = data.chance(), np.eye(8)[kind]
    assert chance is not None and chance.sum() == pytest.approx(1)
    drawn = chance @ share
    assert drawn[0] == drawn.max() < share.mean(0)[0] and drawn[7] > 2 * share.mean(0)[7]


@pytest.mark.parametrize("spoil", [0.0, 1.0])
def test_augmentation_gives_crops_of_the_contract_the_same_for_the_same_seed(spoil: float) -> None:
    contract = CropContract()
    image = RNG.integers(0, 256, (48, 48), np.uint8)
    points = (TEMPLATE * 48 - 0.5).astype(np.float32)
    one, two = (Augment(contract, np.random.default_rng(7), spoil) for _ in range(2))
    for _ in range(20):
        crop = one(image, points)
        assert crop.shape == (64, 64, 1) and crop.dtype == np.uint8
        np.testing.assert_array_equal(crop, two(image, points))


def test_both_sizes_answer_in_range_and_have_the_size_they_claim() -> None:
    sizes: list[tuple[Size, int, int, float]] = [("small", 1, 64, 3.1), ("cage", 3, 224, 30.7)]
    for size, channels, side, millions in sizes:
        network = FaceNetwork(size).eval()
        assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(millions, rel=0.03)
        with torch.inference_mode():
            answer = network(torch.rand(1, channels, side, side))
        assert answer.logits is not None and answer.logits.shape == (1, 8)
        assert answer.mean.shape == answer.log_var.shape == (1, 3) and (answer.mean.abs() <= 1).all()


def test_the_shipped_network_and_its_onnx_agree_on_real_faces(shared_data: Path, tmp_path: Path) -> None:
    data = FaceData(FerPlus, shared_data / "face", framing="whole")
    data.read(tmp_path)
    crops = data.samples.inputs(np.arange(200), None)["crops"].contiguous().numpy()
    path = checkpoint_folder() / "face-small.onnx"
    assert largest_difference(shipped(), path, [{"crops": c} for c in np.split(crops, 10)]) <= 1e-4


def test_the_shipped_network_and_its_onnx_agree_on_noise() -> None:
    crops = RNG.random((16, 1, 64, 64), np.float32)
    assert largest_difference(shipped(), checkpoint_folder() / "face-small.onnx", [{"crops": crops}]) <= 1e-4


def test_a_missing_split_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="ferplus_val"):
        FerPlus(tmp_path, "val")
    assert dataclasses.asdict(CropContract())["side"] == 64
