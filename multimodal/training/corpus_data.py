"""A corpus as data to train on: what is learnt of it, and who its samples are of."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from affectstream.datasets.base import Corpus
from affectstream.datasets.splits import Groups
from affectstream.multimodal.training.data import AffectData, Split
from affectstream.multimodal.training.samples import Index, Samples

Learnt = Literal["labels", "vad", "marks"]
Opener = Callable[[Path], Corpus]


class CorpusData(AffectData):
    """Samples of the ``corpus`` in the folder ``root``: a reader of :mod:`affectstream.datasets`, or one of yours, called with it.

    ``learnt`` names the targets: "labels", "vad" (in results "vad_derived", where the corpus says that it is), "marks". Samples of
    which none of them is known are left out. The other settings are those of
    :class:`affectstream.multimodal.training.data.AffectData`.
    """

    corpus: Corpus
    kept: Index

    def __init__(
        self,
        corpus: Opener,
        root: Path,
        learnt: Sequence[Learnt],
        *,
        split: Split,
        folds_of: int,
        parts_to_choose_by: int,
        batch: int,
        seed: int,
        workers: int,
        rare: float,
    ) -> None:
        super().__init__(
            split=split,
            folds_of=folds_of,
            parts_to_choose_by=parts_to_choose_by,
            batch=batch,
            seed=seed,
            workers=workers,
            rare=rare,
        )
        if not learnt:
            raise ValueError("learnt is empty; wanted one or more of labels, vad, marks")
        self.opener, self.root, self.learnt = corpus, root, tuple(learnt)

    @abstractmethod
    def make_samples(self, vad: Tensor, labels: Tensor, marks: Tensor, cache: Path) -> Samples:
        """The samples ``self.kept`` of ``self.corpus``, with their targets; what is costly is kept in the folder ``cache``."""

    def read(self, cache: Path) -> None:
        """Raises FileNotFoundError for a folder that does not hold the corpus, ValueError for targets it does not have, or
        files that are not as published."""
        corpus = self.corpus = self.opener(self.root)
        tables = {"labels": corpus.share, "vad": corpus.vad, "marks": corpus.present}
        known = np.zeros(len(corpus), bool)
        for name, table in tables.items():
            if name not in self.learnt:
                continue
            if not np.isfinite(table).any():
                has = [other for other, values in tables.items() if np.isfinite(values).any()]
                raise ValueError(
                    f"{corpus.ABOUT.name} has no {name}; learn something else ({', '.join(has)}; data.learnt)"
                )
            known |= np.isfinite(table).any(1)
        self.kept = np.flatnonzero(known)
        _require_files(corpus, self.kept)
        self.classes = corpus.labels if "labels" in self.learnt else ()
        self.marks = corpus.marks if "marks" in self.learnt else ()
        self.groups = Groups(corpus.subject[self.kept], corpus.session[self.kept], corpus.trial[self.kept])
        self.part = corpus.part[self.kept]
        taken = {name: torch.from_numpy(np.array(table[self.kept], np.float32)) for name, table in tables.items()}
        taken["vad"] = taken["vad"] if "vad" in self.learnt else torch.full((len(self.kept), 3), torch.nan)
        taken |= {name: taken[name][:, :0] for name in ("labels", "marks") if name not in self.learnt}
        self.samples = self.make_samples(taken["vad"], taken["labels"], taken["marks"], cache)

    def shares(self) -> NDArray[np.floating]:
        return self.corpus.share[self.kept]  # also where the labels are not learnt

    def describe(self) -> dict[str, Any]:
        derived = "vad_derived" if self.corpus.vad_derived else "vad"
        return {
            "corpus": self.corpus.ABOUT.name,
            "learnt": ", ".join(derived if name == "vad" else name for name in self.learnt),
            "licence": self.corpus.ABOUT.licence,
        }


def _require_files(corpus: Corpus, kept: Index) -> None:
    """Raise FileNotFoundError if a file that will be opened is not there: not after a day of training."""
    files: Sequence[Path | None] = getattr(corpus, "files", ())
    named = [files[k] for k in kept.tolist()] if files else []
    missing = [path for path in named if path is not None and not path.is_file()]
    if missing:
        raise FileNotFoundError(
            f"{len(missing)} of {len(named)} files of {corpus.ABOUT.name} are missing, such as {missing[0]}; get the corpus again, "
            "or take them out of its labels"
        )
