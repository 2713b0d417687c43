"""What is trained, for every modality: batches of partial targets, data that comes in folds, and one Lightning module."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_lightning import LightningDataModule, LightningModule
from torch import Tensor, nn
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler, Sampler, SequentialSampler

from affectstream.datasets.splits import Fold, Groups
from affectstream.encoders.network import Affect
from affectstream.multimodal.training.losses import affect_loss, soft_cross_entropy


class Batch(NamedTuple):
    """B samples: ``inputs``, what the network's forward takes, by name, (B, ...) each; ``vad`` (B, 3) valence, arousal and
    dominance in [-1, 1], NaN where unknown; ``labels`` (B, K) a distribution over K classes, NaN where unknown, K 0 where
    no classes are learnt."""

    inputs: dict[str, Tensor]
    vad: Tensor
    labels: Tensor

    def take(self, index: Any) -> "Batch":
        """The samples ``index``."""
        return Batch({name: value[index] for name, value in self.inputs.items()}, self.vad[index], self.labels[index])


class Rows(Dataset[Batch]):
    """Samples held in memory. A whole batch is one item, so none is put together from B small ones."""

    def __init__(self, samples: Batch) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples.vad)

    def __getitem__(self, index: Sequence[int]) -> Batch:
        return self.samples.take(torch.as_tensor(index))


class FoldData(LightningDataModule):
    """Data that is trained and tested on fold by fold; what ``affectstream fit`` needs of any modality.

    :meth:`read` comes first and once, then :meth:`choose` for each fold. ``groups`` says whose each of the n samples is,
    ``classes`` names the labels (K of them, or none), ``leaky`` whether the split puts trials on both sides.
    """

    samples: Batch
    groups: Groups
    classes: tuple[str, ...]
    leaky: bool = False
    _parts: dict[str, Batch]

    def __init__(self, batch: int, seed: int) -> None:
        super().__init__()
        self.batch, self.seed = batch, seed

    @abstractmethod
    def read(self, cache: Path) -> None:
        """Make ``samples``, ``groups`` and ``classes``; what is costly is kept in the folder ``cache``."""

    @abstractmethod
    def folds(self) -> list[Fold]:
        """The folds of the split: indices of samples."""

    @abstractmethod
    def validation(self, train: NDArray[np.intp]) -> Fold | None:
        """``train`` split again, for a network to be chosen by; places within ``train``. None for no validation."""

    @abstractmethod
    def features(self) -> NDArray[np.floating]:
        """Each sample's features (n, d), finite, by which the floors look for the nearest neighbour."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """What the samples are, as JSON-able values: it goes into the results and beside the weights."""

    @abstractmethod
    def check(self, network: nn.Module) -> None:
        """Raise ValueError if ``network`` cannot be meant for these samples, although its inputs may have the shape."""

    @abstractmethod
    def save(self, network: nn.Module, held: str, folder: Path) -> None:
        """Write a trained ``network``, which never saw what was ``held`` out, to ``weights.*`` in ``folder``: to train on, and
        to run without torch."""

    def choose(self, fold: Fold) -> None:
        """Train, validate and test on ``fold`` from here on."""
        inner = self.validation(fold.train)
        train = fold.train if inner is None else fold.train[inner.train]
        self._parts = {"train": self.samples.take(train), "test": self.samples.take(fold.test)}
        if inner is not None:
            self._parts["val"] = self.samples.take(fold.train[inner.test])

    @property
    def validates(self) -> bool:
        """Has the chosen fold a validation part?"""
        return "val" in self._parts

    def train_samples(self) -> Batch:
        """Everything that the chosen fold trains on: whatever is fitted is fitted on these."""
        return self._parts["train"]

    def train_dataloader(self) -> DataLoader[Batch]:
        return self._loader("train", shuffled=True)

    def val_dataloader(self) -> Any:
        return self._loader("val") if self.validates else []

    def test_dataloader(self) -> DataLoader[Batch]:
        return self._loader("test")

    def predict_dataloader(self) -> DataLoader[Batch]:
        return self._loader("test")

    def _loader(self, part: str, shuffled: bool = False) -> DataLoader[Batch]:
        rows = Rows(self._parts[part])
        order: Sampler[int] = SequentialSampler(rows)
        if shuffled:
            order = RandomSampler(rows, generator=torch.Generator().manual_seed(self.seed))
        return DataLoader(rows, batch_size=None, sampler=BatchSampler(order, self.batch, drop_last=False))


class AffectModule(LightningModule):
    """Any network that answers with :class:`affectstream.encoders.network.Affect`, or with ``logits`` alone, in training.

    Where a sample has a label, cross-entropy (with ``label_smoothing``, and with ``balanced`` each class weighted by how rare it
    is in training); where it has ratings and the network tells them, beta-NLL + (1 - CCC) / 2
    (:func:`affectstream.multimodal.training.losses.affect_loss`). AdamW with ``lr`` and ``weight_decay``, the rate falling
    along a cosine to ``eta_min`` in the trainer's ``max_epochs``, a step an epoch. The defaults are RBTransformer's
    (arXiv 2511.13954). Raises ValueError for a smoothing outside [0, 1).
    """

    class_weight: Tensor

    def __init__(
        self,
        network: nn.Module,
        lr: float = 1e-3,
        weight_decay: float = 1e-3,
        eta_min: float = 1e-6,
        label_smoothing: float = 0.0,
        balanced: bool = False,
    ) -> None:
        super().__init__()
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"label_smoothing is {label_smoothing:g}; wanted 0 to less than 1, such as 0.12")
        self.network = network
        self.lr, self.weight_decay, self.eta_min = lr, weight_decay, eta_min
        self.label_smoothing, self.balanced = label_smoothing, balanced
        self.register_buffer("class_weight", torch.ones(()), persistent=False)

    def prepare(self, train: Batch) -> None:
        """Fit on the training samples what is not learnt by gradient: the network's standardisation, if it has one
        (``standardise``, called with the inputs), and the classes' weights.

        Raises ValueError if the network's answer does not fit the samples, before a step is lost on it.
        """
        standardise = getattr(self.network, "standardise", None)
        if standardise is not None:
            standardise(**train.inputs)
        self.network.eval()
        with torch.no_grad():
            answer = self.network(**train.take(slice(1)).inputs)
        self.network.train()
        told = 0 if answer.logits is None else answer.logits.shape[1]
        if train.labels.shape[1] != told:
            raise ValueError(
                f"the network tells {told} classes and the data has {train.labels.shape[1]}; set the network's labels to "
                "as many as are learnt (0, with the head affect, for ratings)"
            )
        if not told and not isinstance(answer, Affect):
            raise ValueError("the network tells no ratings, and ratings are to be learnt; give it the head affect")
        if self.balanced and told:
            share = torch.nanmean(train.labels, 0)
            self.class_weight = 1 / (told * share.clamp(min=1 / len(train.labels)))

    def loss(self, answer: Any, vad: Tensor, labels: Tensor) -> Tensor:
        """The loss () of the network's ``answer`` for targets as in :class:`Batch`."""
        wanted = None
        if labels.shape[1]:
            smooth = (1 - self.label_smoothing) * labels + self.label_smoothing / labels.shape[1]
            wanted = smooth * self.class_weight
        if isinstance(answer, Affect):
            return affect_loss(answer, vad, wanted)
        assert wanted is not None  # prepare has seen to it
        return soft_cross_entropy(answer.logits, wanted)

    def forward(self, inputs: Mapping[str, Tensor]) -> Any:
        return self.network(**inputs)

    def training_step(self, batch: Batch, _: int) -> Tensor:
        return self._step("train", batch)

    def validation_step(self, batch: Batch, _: int) -> None:
        self._step("val", batch)

    def predict_step(self, batch: Batch, _: int) -> dict[str, Tensor]:
        """The answer's parts by name, in float32 on the CPU; the embedding is left out."""
        answer = self(batch.inputs)._asdict()
        kept = {name: value for name, value in answer.items() if value is not None and name != "embedding"}
        return {name: value.float().cpu() for name, value in kept.items()}

    def configure_optimizers(self) -> Any:
        epochs = self.trainer.max_epochs
        if epochs is None or epochs < 1:
            raise ValueError(f"trainer.max_epochs is {epochs}; wanted 1 or more, along which the rate falls")
        optimizer = torch.optim.AdamW(self.parameters(), self.lr, weight_decay=self.weight_decay)
        return [optimizer], [torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs, self.eta_min)]

    def _step(self, part: str, batch: Batch) -> Tensor:
        loss = self.loss(self(batch.inputs), batch.vad, batch.labels)
        self.log(f"{part}_loss", loss, on_step=False, on_epoch=True, prog_bar=True, batch_size=len(batch.vad))
        return loss


def concatenated(parts: Iterator[Any] | Sequence[Any]) -> dict[str, NDArray[np.float32]]:
    """What :meth:`AffectModule.predict_step` gave, batch after batch, as one array by name."""
    listed = list(parts)
    return {name: torch.cat([part[name] for part in listed]).numpy() for name in listed[0]}
