"""Samples to train on: batches of partial targets, in memory or made as they are wanted, in an order that can be taken up again."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

Index = NDArray[np.intp]
Draw = tuple[int | None, Index]  # the epoch, None where nothing is varied, and the samples of a batch


class Batch(NamedTuple):
    """B samples: ``inputs``, what the network's forward takes, by name, (B, ...) each; ``vad`` (B, 3) valence, arousal and
    dominance in [-1, 1], NaN where unknown; ``labels`` (B, K) a distribution over K classes, NaN where unknown, K 0 where
    no classes are learnt; ``marks`` (B, M) yes and no, 1 and 0, to M questions, NaN where unknown."""

    inputs: dict[str, Tensor]
    vad: Tensor
    labels: Tensor
    marks: Tensor

    def take(self, index: Any) -> Self:
        """The samples ``index``."""
        inputs = {name: value[index] for name, value in self.inputs.items()}
        return type(self)(inputs, self.vad[index], self.labels[index], self.marks[index])


class Samples(ABC):
    """n samples: all their targets, in memory, as in :class:`Batch`, and their inputs batch by batch."""

    def __init__(self, vad: Tensor, labels: Tensor, marks: Tensor | None = None) -> None:
        self.vad, self.labels = vad, labels
        self.marks = torch.empty(len(vad), 0) if marks is None else marks

    def __len__(self) -> int:
        return len(self.vad)

    @abstractmethod
    def inputs(self, index: Index, epoch: int | None) -> dict[str, Tensor]:
        """What the network takes of the samples ``index``: varied, always alike in the same ``epoch``, or as it is (None).

        Raises FileNotFoundError or ValueError that names the file of a sample that cannot be read.
        """

    def batch(self, index: Index, epoch: int | None) -> Batch:
        """The samples ``index``."""
        at = torch.from_numpy(np.asarray(index))
        return Batch(self.inputs(index, epoch), self.vad[at], self.labels[at], self.marks[at])


class Rows(Samples):
    """Samples whose inputs are in memory, and not varied."""

    def __init__(self, rows: dict[str, Tensor], vad: Tensor, labels: Tensor, marks: Tensor | None = None) -> None:
        super().__init__(vad, labels, marks)
        self.rows = rows

    def inputs(self, index: Index, epoch: int | None) -> dict[str, Tensor]:
        at = torch.from_numpy(np.asarray(index))
        return {name: value[at] for name, value in self.rows.items()}


class Order(Sampler[Draw]):
    """In which order the samples ``index`` are trained on: shuffled anew in every epoch, by ``seed`` and the epoch alone.

    ``place`` tells the epoch, and how many batches of it are done already: it is asked whenever a pass begins, so that a
    run that was broken off goes on with the very next batch. With ``chance`` (n,), summing to 1, samples are drawn by it
    and some of them twice. ``pool``, if given, says which samples an epoch has, as many as ``index``. Of ``world`` processes each takes every
    ``world``-th of ``batch`` x ``world`` samples; the last ones are filled up from the first, so that all have equally many.
    """

    def __init__(
        self,
        index: Index,
        batch: int,
        seed: int,
        place: Callable[[], tuple[int, int]],
        *,
        chance: NDArray[np.floating] | None = None,
        pool: Callable[[int], Index] | None = None,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.index, self.batch, self.seed, self.place = index, batch, seed, place
        self.chance, self.pool, self.rank, self.world = chance, pool, rank, world

    def __len__(self) -> int:
        return math.ceil(len(self.index) / (self.batch * self.world))

    def __iter__(self) -> Iterator[Draw]:
        epoch, done = self.place()
        samples = self.index if self.pool is None else self.pool(epoch)
        rng = np.random.default_rng([self.seed, epoch])
        order = rng.permutation(samples) if self.chance is None else rng.choice(samples, len(samples), p=self.chance)
        if spare := -len(order) % self.world:
            order = np.concatenate([order, np.resize(order, spare)])
        step = self.batch * self.world
        for k in range(done, len(self)):
            yield epoch, order[k * step : (k + 1) * step][self.rank :: self.world]


class InOrder(Sampler[Draw]):
    """The samples ``index`` one after the other, as they are."""

    def __init__(self, index: Index, batch: int) -> None:
        self.parts = np.array_split(index, range(batch, len(index), batch))

    def __len__(self) -> int:
        return len(self.parts)

    def __iter__(self) -> Iterator[Draw]:
        return iter([(None, part) for part in self.parts])


class _Batches(Dataset[Batch]):
    """A whole batch is one item, so none is put together from B small ones."""

    def __init__(self, samples: Samples) -> None:
        self.samples = samples

    def __getitem__(self, draw: Draw) -> Batch:
        epoch, index = draw
        return self.samples.batch(index, epoch)


def loader(samples: Samples, order: Order | InOrder, workers: int) -> DataLoader[Batch]:
    """Batches in ``order``, made by so many ``workers`` beside this process; 0 for by itself."""
    return DataLoader(
        _Batches(samples),
        batch_size=None,
        sampler=order,
        num_workers=workers,
        persistent_workers=workers > 0,
        multiprocessing_context="fork" if workers else None,
    )


def some_of(index: Sequence[int] | Index, most: int, seed: int) -> Index:
    """``index``, or ``most`` of it drawn by ``seed``, ascending: what a look at a part of a large corpus is a look at."""
    index = np.asarray(index, np.intp)
    if len(index) <= most:
        return index
    return np.sort(np.random.default_rng(seed).choice(index, most, replace=False))
