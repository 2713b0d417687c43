"""Data that is trained and tested on fold by fold: what ``affectstream fit`` needs of any modality."""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pytorch_lightning import LightningDataModule
from torch import nn
from torch.utils.data import DataLoader

from affectstream.datasets.splits import (
    Fold,
    Groups,
    across_sessions,
    grouped_kfold,
    leaky_window_kfold,
    leave_one_session_out,
    leave_one_subject_out,
    official,
    within_subject_trials,
)
from affectstream.multimodal.training.samples import Batch, Index, InOrder, Order, Samples, loader, some_of
from affectstream.multimodal.training.weights import put_in, read_weights

Split = Literal[
    "official",
    "leave_one_subject_out",
    "leave_one_session_out",
    "grouped_kfold",
    "within_subject_trials",
    "across_sessions",
    "leaky_window_kfold",
    "leaky_official",
]
Part = Literal["train", "val", "test"]
LOOK = 20_000  # samples at most that standardisations and neighbours are taken from, where signals must be opened


def seen(fold: Fold, part: Part) -> Index:
    """What a floor that is measured on ``part`` may know: what was trained on, and what was chosen by unless it is that."""
    return fold.train if fold.val is None or part == "val" else np.union1d(fold.train, fold.val)


class AffectData(LightningDataModule):
    """Samples, whose they are, and how they are split.

    :meth:`read` comes first and once, then :meth:`choose` for each fold. ``groups`` says whose each of the n samples is, ``part``
    (n,) the official split, "" where there is none, ``classes`` names the labels (K of them, or none), ``marks`` the M
    yes-or-no questions, ``leaky`` whether the split puts trials on both sides.

    ``split`` by name (:mod:`affectstream.datasets.splits`), into ``folds_of`` parts where it has parts, dealt by ``seed``. A network is
    chosen by a validation part: the official one, or one in ``parts_to_choose_by`` of the training part by subject, or by trial
    where there is one subject; 0 for none: the last epoch counts. Batches hold ``batch`` samples, for each of several processes, and
    are made by so many ``workers`` beside it. ``rare`` above 0 draws samples of rare classes more often, by the class's
    count to the power of minus ``rare``.

    Raises ValueError for settings that contradict each other.
    """

    samples: Samples
    groups: Groups
    part: NDArray[np.str_]
    classes: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()

    def __init__(
        self,
        *,
        split: Split,
        folds_of: int,
        parts_to_choose_by: int,
        batch: int,
        seed: int,
        workers: int = 0,
        rare: float = 0.0,
    ) -> None:
        super().__init__()
        if parts_to_choose_by == 1 or parts_to_choose_by < 0:
            raise ValueError(f"parts_to_choose_by is {parts_to_choose_by}; wanted 2 or more, or 0 for no validation")
        if batch < 1 or workers < 0 or rare < 0:
            raise ValueError(f"batch {batch}, workers {workers}, rare {rare:g}; wanted 1, 0 and 0 or more")
        self.split: Split = split
        self.folds_of, self.parts_to_choose_by = folds_of, parts_to_choose_by
        self.batch, self.seed, self.workers, self.rare = batch, seed, workers, rare
        self.leaky = split.startswith("leaky")
        self._fold: Fold | None = None

    @abstractmethod
    def read(self, cache: Path) -> None:
        """Make ``samples``, ``groups``, ``part``, ``classes`` and ``marks``; what is costly is kept in the folder ``cache``."""

    @abstractmethod
    def features(self, index: Index) -> NDArray[np.floating]:
        """Features (m, d) of the samples ``index``, finite, by which the floors look for the nearest neighbour."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """What the samples are, as JSON-able values: "corpus" and "learnt", and whatever else a reader of results must know."""

    @abstractmethod
    def check(self, network: nn.Module) -> None:
        """Raise ValueError if ``network`` cannot be meant for these samples, although its inputs may have the shape."""

    def begin(self, network: nn.Module, path: Path) -> None:
        """Give ``network`` the weights ``path`` to start from; FileNotFoundError or ValueError if they are not there or another's."""
        put_in(network, read_weights(path)[0], path)

    @abstractmethod
    def export(self, network: nn.Module, held: str, path: Path, figures: dict[str, Any]) -> None:
        """Write a trained ``network``, which never saw what was ``held`` out and of which ``figures`` were measured there, to
        ``path`` (.onnx), and beside it its ``.safetensors`` and its card (:mod:`affectstream.multimodal.training.export`)."""

    def about(self) -> dict[str, Any]:
        """:meth:`describe`, and the names and the split."""
        return self.describe() | {
            "classes": list(self.classes),
            "marks": list(self.marks),
            "split": self.split,
            "leaky": self.leaky,
        }

    def folds(self) -> list[Fold]:
        """All folds of the split. Raises ValueError where the corpus has too few subjects, sessions or trials for it, no
        official split, or one that puts a subject on two sides."""
        dealt = {"folds": self.folds_of, "seed": self.seed}
        splitters: dict[Split, Callable[[Groups], Iterator[Fold]]] = {
            "official": partial(official, parts=self.part),
            "leave_one_subject_out": leave_one_subject_out,
            "leave_one_session_out": leave_one_session_out,
            "grouped_kfold": partial(grouped_kfold, **dealt),
            "within_subject_trials": partial(within_subject_trials, **dealt),
            "across_sessions": across_sessions,
            "leaky_window_kfold": partial(leaky_window_kfold, **dealt),
            "leaky_official": partial(official, parts=self.part, leaky=True),
        }
        return [self._validated(fold) for fold in splitters[self.split](self.groups)]

    def _validated(self, fold: Fold) -> Fold:
        """``fold`` with a validation part."""
        if fold.val is not None or not self.parts_to_choose_by:
            return fold
        groups = self.groups.take(fold.train)
        people = len(np.unique(groups.subject))
        if people > 1:
            inner = next(grouped_kfold(groups, min(self.parts_to_choose_by, people), self.seed))
        else:
            trials = len(np.unique(groups.trials))
            inner = next(within_subject_trials(groups, min(self.parts_to_choose_by, trials), self.seed))
        return Fold(fold.held, fold.train[inner.train], fold.test, fold.train[inner.test])

    def choose(self, fold: Fold) -> None:
        """Train, validate and test on ``fold`` from here on."""
        self._fold = fold

    def index(self, part: Part) -> Index:
        """The samples of a part of the chosen fold; none in "val" if it has no validation part."""
        assert self._fold is not None, "choose a fold first"
        if part == "val":
            return np.empty(0, np.intp) if self._fold.val is None else self._fold.val
        return self._fold.train if part == "train" else self._fold.test

    @property
    def validates(self) -> bool:
        """Has the chosen fold a validation part?"""
        return len(self.index("val")) > 0

    def look(self) -> Batch:
        """What the chosen fold trains on, or a large part of it: whatever is fitted is fitted on these."""
        return self.samples.batch(some_of(self.index("train"), LOOK, self.seed), None)

    def pool(self, epoch: int) -> Index:
        """The samples of one ``epoch`` of training, as many as there are in "train"."""
        return self.index("train")

    def chance(self) -> NDArray[np.float64] | None:
        """How often each training sample is drawn (n,), summing to 1; None for once an epoch."""
        share = np.nan_to_num(self.shares()[self.index("train")].astype(np.float64))
        if not self.rare or not share.any():
            return None
        count = share.sum(0)
        weight = share @ np.where(count > 0, count.max() / np.maximum(count, 1e-12), 0) ** self.rare
        weight[weight == 0] = weight[weight > 0].mean()  # of unknown class: as often as the others on average
        return weight / weight.sum()

    def shares(self) -> NDArray[np.floating]:
        """The classes (n, K) by which rare samples are drawn more often, NaN where unknown."""
        return self.samples.labels.numpy()

    def train_dataloader(self) -> DataLoader[Batch]:
        world = self.trainer.world_size if self.trainer else 1
        order = Order(
            self.index("train"),
            self.batch,
            self.seed,
            self._place,
            chance=self.chance(),
            pool=self.pool,
            rank=self.trainer.global_rank if self.trainer else 0,
            world=world,
        )
        return loader(self.samples, order, self.workers)

    def val_dataloader(self) -> Any:
        return self.part_loader("val") if self.validates else []

    def part_loader(self, part: Part) -> DataLoader[Batch]:
        """A part of the chosen fold as it is, in order."""
        return loader(self.samples, InOrder(self.index(part), self.batch), self.workers)

    def _place(self) -> tuple[int, int]:
        """The trainer's epoch, and the batches of it that are done."""
        if self.trainer is None:
            return 0, 0
        fitting = self.trainer.fit_loop
        current: Any = fitting.epoch_loop.batch_progress.current
        return self.trainer.current_epoch, current.processed if fitting.restarting else 0
