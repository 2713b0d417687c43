"""Corpora of texts as word pieces to train on, batch by batch of like length; one corpus may be learnt before another."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader

from affectstream.datasets.base import About
from affectstream.encoders.checkpoint import checkpoint_folder
from affectstream.encoders.text.encoder import NAME
from affectstream.encoders.text.features import features
from affectstream.encoders.text.network import TextNetwork
from affectstream.multimodal.training.corpus_data import CorpusData, Learnt, Opener
from affectstream.multimodal.training.data import LOOK, Split
from affectstream.multimodal.training.export import run_card, to_onnx, write_checkpoint
from affectstream.multimodal.training.samples import Batch, Draw, Index, Order, Samples, loader, some_of
from affectstream.multimodal.training.text.export import text_facts
from affectstream.multimodal.training.text.prepared import open_tokenizer, padded, similar_lengths, tokens_of

VOCABULARY = checkpoint_folder() / f"{NAME}.tokenizer.json"  # MiniLM's


class Words(Samples):
    """n texts as a TextNetwork takes them: ``tokens`` (B, longest of the batch) int64, 0 where padded, and ``features`` (B, 18)
    of their ``spelling``. Nothing is varied."""

    def __init__(
        self, tokens: list[NDArray[np.int64]], spelling: Tensor, vad: Tensor, labels: Tensor, marks: Tensor
    ) -> None:
        super().__init__(vad, labels, marks)
        self.tokens, self.spelling = tokens, spelling
        self.length = np.array([len(pieces) for pieces in tokens], np.int64)

    def inputs(self, index: Index, epoch: int | None) -> dict[str, Tensor]:
        at = np.asarray(index)
        return {"tokens": padded([self.tokens[k] for k in at]), "features": self.spelling[torch.from_numpy(at)]}


def one_after_another(first: Words, second: Words) -> Words:
    """The samples of both; what only one of them has a table of is unknown, NaN, in the other."""
    vad = torch.cat([first.vad, second.vad])
    tables = [_stacked(first.labels, second.labels), _stacked(first.marks, second.marks)]
    return Words(first.tokens + second.tokens, torch.cat([first.spelling, second.spelling]), vad, *tables)


def _stacked(first: Tensor, second: Tensor) -> Tensor:
    width = max(first.shape[1], second.shape[1])
    return torch.cat([t if t.shape[1] else torch.full((len(t), width), torch.nan) for t in (first, second)])


class Alike(Order):
    """``order``, but for batches of texts of like ``length`` (n,), of which little is padding; again by its seed and the epoch alone.

    Of EmoBank's sentences in batches of 32, taken as they come, 65 % of what is computed would be padding; so it is 12.
    """

    def __init__(self, order: Order, length: NDArray[np.int64]) -> None:
        super().__init__(order.index, order.batch, order.seed, order.place, rank=order.rank, world=order.world)
        self.length = length
        self.whole = Order(
            order.index,
            len(order.index),
            order.seed,
            lambda: (order.place()[0], 0),
            chance=order.chance,
            pool=order.pool,
            rank=order.rank,
            world=order.world,
        )

    def __iter__(self) -> Iterator[Draw]:
        epoch, done = self.place()
        ((_, samples),) = self.whole
        rng = np.random.default_rng([self.seed, epoch])
        for at in islice(similar_lengths(self.length[samples], self.batch, rng), done, None):
            yield epoch, samples[at]


@dataclass(frozen=True)
class Before:
    """The ``corpus`` in the folder ``root``, whose targets ``learnt`` are learnt for so many ``epochs`` before another's. Each has as
    many of its samples, drawn anew, as the other trains on. Raises ValueError if that is no epoch."""

    corpus: Opener
    root: Path | None = None  # it must be given; None, so that a preset can leave it open
    learnt: Sequence[Learnt] = ("marks",)
    epochs: int = 1


class TextData(CorpusData):
    """Texts of a ``corpus`` (:class:`affectstream.multimodal.training.corpus_data.CorpusData`), in English, for a TextNetwork.

    They are cut into MiniLM's word pieces, at most 128 of them, and are as the corpus has them: nothing is cleaned away.
    With ``before`` another corpus is learnt first; only its training part is, where it has one, and it is never validated or
    tested on. What each corpus does not know is unknown in its samples.
    """

    samples: Words
    earlier: Index  # samples of the corpus before; they come after all others
    before_about: About

    def __init__(
        self,
        corpus: Opener,
        root: Path,
        learnt: Sequence[Learnt] = ("vad",),
        before: Before | None = None,
        split: Split = "official",
        parts: int = 5,
        parts_to_choose_by: int = 10,
        batch: int = 32,
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
        self.before = before

    def read(self, cache: Path) -> None:
        """Raises what CorpusData's does, for either corpus, and ValueError if the two have classes or marks of other names, or
        for a corpus before without its folder, without an epoch, or with ``rare``."""
        self.earlier = np.empty(0, np.intp)
        if self.before is None:
            return super().read(cache)
        if self.before.root is None:
            raise ValueError("data.before.root is not given; wanted the folder of the corpus that is learnt first")
        if self.before.epochs < 1 or self.rare:
            raise ValueError(
                f"data.before.epochs is {self.before.epochs} and data.rare {self.rare:g}; wanted 1 or more, and 0, as the corpus "
                "before may not know the classes; or leave before out"
            )
        super().read(cache)
        other = TextData(self.before.corpus, self.before.root, self.before.learnt)
        other.read(cache)
        for name in ("classes", "marks"):
            ours, theirs = getattr(self, name), getattr(other, name)
            if ours and theirs and ours != theirs:
                raise ValueError(
                    f"{self.corpus.ABOUT.name} and {other.corpus.ABOUT.name} have other {name} ({', '.join(ours[:3])} ... and "
                    f"{', '.join(theirs[:3])} ...); wanted the same, or learn those of one of them (data.learnt, data.before.learnt)"
                )
            setattr(self, name, ours or theirs)
        self.before_about = other.corpus.ABOUT
        train = other.part == "train"
        self.earlier = len(self.samples) + np.flatnonzero(train if train.any() else ~train)
        self.samples = one_after_another(self.samples, other.samples)

    def make_samples(self, vad: Tensor, labels: Tensor, marks: Tensor, cache: Path) -> Words:
        texts = [str(self.corpus.signal(int(k))) for k in self.kept]
        tokens = tokens_of(texts, open_tokenizer(VOCABULARY))
        return Words(tokens, torch.from_numpy(features(texts)), vad, labels, marks)

    def pool(self, epoch: int) -> Index:
        train = self.index("train")
        if self.before is None or epoch >= self.before.epochs:
            return train
        rng, rounds = np.random.default_rng([self.seed, epoch]), -(-len(train) // len(self.earlier))
        return np.concatenate([rng.permutation(self.earlier) for _ in range(rounds)])[: len(train)]

    def look(self) -> Batch:
        index = np.union1d(self.index("train"), self.pool(0))
        return self.samples.batch(some_of(index, LOOK, self.seed), None)

    def train_dataloader(self) -> DataLoader[Batch]:
        order = super().train_dataloader().sampler
        assert isinstance(order, Order)
        return loader(self.samples, Alike(order, self.samples.length), self.workers)

    def features(self, index: Index) -> NDArray[np.floating]:
        """What the spelling and VADER say, (m, 18): the neighbour is one in those, as the lexicon's floor is."""
        return self.samples.spelling.numpy()[index]

    def describe(self) -> dict[str, Any]:
        if self.before is None:
            return super().describe()
        about = self.before_about
        first = {"corpus": about.name, "learnt": ", ".join(self.before.learnt), "epochs": self.before.epochs}
        return super().describe() | {"before": first | {"licence": about.licence}}

    def check(self, network: nn.Module) -> None:
        """Raises ValueError for a network that is none of texts."""
        if isinstance(network, TextNetwork):
            return
        raise ValueError(f"the network is a {type(network).__name__}; TextData wants a TextNetwork")

    def export(self, network: nn.Module, held: str, path: Path, figures: dict[str, Any]) -> None:
        """Its weights stay float32, as they were measured; beside them goes the tokenizer that scoring needs."""
        assert isinstance(network, TextNetwork)  # check has seen to it
        words = path.with_suffix(".tokenizer.json")
        shutil.copyfile(VOCABULARY, words)
        index = self.index("test")[:200]
        parts = [self.samples.inputs(part, None) for part in np.array_split(index, min(10, len(index)))]
        free = {"tokens": {0: "batch", 1: "length"}, "features": {0: "batch"}}
        to_onnx(network, parts[0], free, path)
        names = [self.corpus.ABOUT] if self.before is None else [self.before_about, self.corpus.ABOUT]
        facts = text_facts(
            path.stem,
            words,
            self.samples.vad[torch.from_numpy(self.index("train"))].numpy(),
            training_data=" then ".join(f"{about.name} ({about.licence})" for about in names) + f", but for {held}",
            licence="that of the data, and Apache-2.0 (all-MiniLM-L6-v2)",
            labels=self.classes,
            more=self.about() | {"parameters": sum(p.numel() for p in network.parameters())},
        )
        tensors = {name: value.numpy() for name, value in network.state_dict().items()}
        checks = [{name: value.numpy() for name, value in part.items()} for part in parts]
        write_checkpoint(network, tensors, path, run_card(facts, self.split, held, figures), checks, beside=[words])
