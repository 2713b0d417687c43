"""Corpora of faces as crops to train on, varied as a camera would or as CAGE does."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from affectstream.datasets.base import Corpus
from affectstream.encoders.checkpoint import checkpoint_folder
from affectstream.encoders.face.crop import CropContract, crop, face_matrix
from affectstream.encoders.face.detect import Detector
from affectstream.encoders.face.network import FaceNetwork
from affectstream.multimodal.training.corpus_data import CorpusData, Learnt, Opener
from affectstream.multimodal.training.data import Split
from affectstream.multimodal.training.export import run_card, to_onnx, write_checkpoint
from affectstream.multimodal.training.face.augment import Augment, find_points, published, whole_points
from affectstream.multimodal.training.face.torchvision_weights import begin
from affectstream.multimodal.training.samples import Batch, Index, Samples
from affectstream.multimodal.types import Facts
from affectstream.multimodal.whole import draft

Framing = Literal["points", "whole"]
Variation = Literal["camera", "cage", "none"]
COPY = 16  # pixels: the side of the pictures that neighbours are found by


class Pictures(Samples):
    """The pictures ``kept`` of a ``corpus`` as ``crops`` (B, C, side, side), float in [0, 1].

    Framed by their five ``points`` (n, 5, 2), or whole where there are none, and varied by ``variation``. A share ``mix`` of the
    batches is mixed up pairwise (Zhang et al. 2018, arXiv 1710.09412); from epoch ``gentle_from`` on there is no mixing and
    less is spoiled.
    """

    def __init__(
        self,
        corpus: Corpus,
        kept: Index,
        points: NDArray[np.float32] | None,
        contract: CropContract,
        targets: tuple[Tensor, Tensor, Tensor],
        *,
        variation: Variation = "none",
        mix: float = 0.0,
        gentle_from: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(*targets)
        self.corpus, self.kept, self.points, self.contract = corpus, kept, points, contract
        self.variation, self.mix, self.gentle_from, self.seed = variation, mix, gentle_from, seed

    def inputs(self, index: Index, epoch: int | None) -> dict[str, Tensor]:
        crops = torch.from_numpy(np.stack([self._crop(int(k), epoch) for k in index])).permute(0, 3, 1, 2)
        return {"crops": crops.float().div_(255).contiguous(memory_format=torch.channels_last)}

    def batch(self, index: Index, epoch: int | None) -> Batch:
        batch = super().batch(index, epoch)
        if epoch is None or not self.mix or self._gentle(epoch):
            return batch
        rng = np.random.default_rng([self.seed, epoch, *np.asarray(index).tolist()])
        if rng.random() >= self.mix:
            return batch
        keep, other = float(rng.beta(0.4, 0.4)), batch.take(torch.from_numpy(rng.permutation(len(index))))
        mixed = {name: torch.lerp(other.inputs[name], value, keep) for name, value in batch.inputs.items()}
        parts = [torch.lerp(b, a, keep) for a, b in zip(batch[1:], other[1:], strict=True)]
        return Batch(mixed, *parts)

    def _gentle(self, epoch: int) -> bool:
        return self.gentle_from is not None and epoch >= self.gentle_from

    def _crop(self, k: int, epoch: int | None) -> NDArray[np.uint8]:
        """Sample ``k`` as (side, side, C)."""
        image = self.corpus.signal(int(self.kept[k]))
        assert isinstance(image, np.ndarray)
        picture, points = np.asarray(image, np.uint8), None if self.points is None else self.points[k]
        if epoch is not None and self.variation == "camera":
            rng = np.random.default_rng([self.seed, epoch, k])
            at = whole_points(picture) if points is None else points
            return Augment(self.contract, rng, spoil=0.3 if self._gentle(epoch) else 1.0)(picture, at)
        framed = framed_crop(picture, points, self.contract)
        if epoch is not None and self.variation == "cage":
            return published(framed, np.random.default_rng([self.seed, epoch, k]))
        return framed


def framed_crop(
    picture: NDArray[np.uint8], points: NDArray[np.floating] | None, contract: CropContract
) -> NDArray[np.uint8]:
    """A face (side, side, C) uint8 as scoring frames it by its ``points`` (5, 2); the whole picture, resized, without."""
    if points is not None:
        return crop(picture, face_matrix(points, contract), contract)
    if picture.ndim == 3 and contract.colour == "grey":
        picture = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
    if picture.ndim == 2 and contract.colour == "rgb":
        picture = np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB), np.uint8)
    size, shrinks = (contract.side, contract.side), max(picture.shape[:2]) > contract.side
    if picture.shape[:2] != size:
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        picture = np.asarray(cv2.resize(picture, size, interpolation=how), np.uint8)
    return picture.reshape(*size, contract.channels)


class FaceData(CorpusData):
    """Pictures of a ``corpus`` (:class:`affectstream.multimodal.training.corpus_data.CorpusData`) as crops for a FaceNetwork.

    ``contract`` is what a crop is. They are framed by five face "points", found once by the shipped detector as scoring does, or
    are the "whole" pictures, for corpora that ship crops. Training varies them as a "camera" would, as "cage" does, or not at all
    ("none"); ``mix`` of the batches are mixed up pairwise, and from epoch ``gentle_from`` on there is no mixing and less is spoiled.
    """

    samples: Pictures

    def __init__(
        self,
        corpus: Opener,
        root: Path,
        learnt: Sequence[Learnt] = ("labels", "vad"),
        contract: CropContract = CropContract(),  # noqa: B008 (frozen)
        framing: Framing = "points",
        variation: Variation = "camera",
        mix: float = 0.0,
        gentle_from: int | None = None,
        split: Split = "official",
        parts: int = 5,
        parts_to_choose_by: int = 10,
        batch: int = 64,
        seed: int = 0,
        workers: int = 0,
        rare: float = 0.0,
    ) -> None:
        super().__init__(
            corpus,
            root,
            learnt,
            split=split,
            folds_of=parts,
            parts_to_choose_by=parts_to_choose_by,
            batch=batch,
            seed=seed,
            workers=workers,
            rare=rare,
        )
        if not 0 <= mix <= 1:
            raise ValueError(f"mix is {mix:g}; wanted a share of the batches, 0 to 1")
        if variation == "cage" and contract.colour != "rgb":
            raise ValueError("variation cage wants colour; set contract.colour to rgb")
        self.contract, self.framing = contract, framing
        self.variation: Variation = variation
        self.mix, self.gentle_from = mix, gentle_from

    def make_samples(self, vad: Tensor, labels: Tensor, marks: Tensor, cache: Path) -> Pictures:
        points = self._points(cache) if self.framing == "points" else None
        return Pictures(
            self.corpus,
            self.kept,
            points,
            self.contract,
            (vad, labels, marks),
            variation=self.variation,
            mix=self.mix,
            gentle_from=self.gentle_from,
            seed=self.seed,
        )

    def _points(self, cache: Path) -> NDArray[np.float32]:
        """Face points of all samples, found once."""
        stamp = hashlib.sha256(f"{self.corpus.ABOUT.name} {self.root.resolve()} {self.kept.tolist()}".encode())
        path = cache / f"points-{stamp.hexdigest()[:16]}.npy"
        if not path.exists():
            detector = Detector(checkpoint_folder() / "yunet.onnx", threshold=0.5)
            shown = tqdm(self.kept.tolist(), "finding faces", unit=" pictures", disable=None)
            pictures = (np.asarray(self.corpus.signal(k), np.uint8) for k in shown)
            points = find_points(pictures, detector, len(self.kept))
            with draft(path) as name:
                np.save(name, points)
        return np.load(path)

    def features(self, index: Index) -> NDArray[np.floating]:
        def small(crop: Tensor) -> NDArray[np.float32]:
            shrunk = cv2.resize(crop.mean(0).numpy(), (COPY, COPY), interpolation=cv2.INTER_AREA)
            return np.asarray(shrunk, np.float32).ravel()

        return np.stack([small(self.samples.inputs(np.array([k]), None)["crops"][0]) for k in index])

    def check(self, network: nn.Module) -> None:
        """Raises ValueError for a network that is none of faces, or wants other crops."""
        if not isinstance(network, FaceNetwork):
            raise ValueError(f"the network is a {type(network).__name__}; FaceData wants a FaceNetwork")  # noqa: TRY004
        got, wanted = network.contract, (self.contract.side, self.contract.channels)
        if got != wanted:
            raise ValueError(
                f"the network takes crops of {got[0]} px with {got[1]} channels; the data's contract makes {wanted[0]} px with "
                f"{wanted[1]}; set data.contract or model.network"
            )

    def begin(self, network: nn.Module, path: Path) -> None:
        """From ours, from torchvision's ImageNet weights or from CAGE's file, as
        :func:`affectstream.multimodal.training.face.torchvision_weights.begin` has it."""
        assert isinstance(network, FaceNetwork)  # check has seen to it
        begin(network, path)

    def export(self, network: nn.Module, held: str, path: Path, figures: dict[str, Any]) -> None:
        assert isinstance(network, FaceNetwork)  # check has seen to it
        side, channels = network.contract
        to_onnx(network, {"crops": torch.rand(2, channels, side, side)}, {"crops": {0: "batch"}}, path)
        facts = Facts(
            name=path.stem,
            modality="face",
            window=0.0,
            hop=0.0,
            rate=0.0,
            channels=channels,
            contract=asdict(self.contract) | ({} if self.framing == "points" else {"framing": "whole"}),
            labels=self.classes,
            value_range=(-1.0, 1.0),
            training_data=f"{self.corpus.ABOUT.name}, but for {held}",
            licence=f"that of the data: {self.corpus.ABOUT.licence}",
            extra=self.about()
            | {
                "embedding": network.head.hidden.out_features,
                "parameters": sum(p.numel() for p in network.parameters()),
            },
        )
        index = self.index("test")[:200]
        real = [
            self.samples.inputs(part, None)["crops"].contiguous().numpy()
            for part in np.array_split(index, 10)
            if len(part)
        ]
        tensors = {name: value.numpy() for name, value in network.state_dict().items()}
        card = run_card(facts, self.split, held, figures)
        write_checkpoint(network, tensors, path, card, [{"crops": part} for part in real])
