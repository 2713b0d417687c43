"""GoEmotions: 54,263 Reddit comments, each with one or more of 27 emotions or neutral (Demszky et al. 2020, ACL).

Licence Apache-2.0. Read from ``data/original/{train,dev,test}.tsv`` (comment, label numbers joined by commas,
comment id) and ``data/original/labels.txt``. There are no valence, arousal or dominance ratings, and no
author names: the comment id is the subject.
"""

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from affectstream.datasets.base import Sample, Target

Split = Literal["train", "dev", "test"]


class GoEmotions:
    """One split of GoEmotions, as a sequence of :class:`Sample` with a str signal.

    ``text`` (n,) comments; ``present`` (n, 28) float32, 1 where a label of ``labels`` was given. A sample's
    label target is ``present`` scaled to sum to 1. Raises FileNotFoundError if a file is not in ``folder``.
    """

    def __init__(self, folder: Path, split: Split) -> None:
        source = folder / "data" / "original"
        for needed in (source / "labels.txt", source / f"{split}.tsv"):
            if not needed.is_file():
                raise FileNotFoundError(f"no GoEmotions file at {needed}; wanted labels.txt and {split}.tsv there")
        self.labels: tuple[str, ...] = tuple((source / "labels.txt").read_text(encoding="utf-8").split())
        # Comments may hold any quote or odd line separator: only the tab and the newline are structure.
        lines = (source / f"{split}.tsv").read_text(encoding="utf-8").rstrip("\n").split("\n")
        rows = [line.split("\t") for line in lines]
        self.text: tuple[str, ...] = tuple(row[0] for row in rows)
        self.ids: tuple[str, ...] = tuple(row[2] for row in rows)
        self.present: NDArray[np.float32] = np.zeros((len(rows), len(self.labels)), np.float32)
        for i, row in enumerate(rows):
            self.present[i, [int(k) for k in row[1].split(",")]] = 1

    def __len__(self) -> int:
        return len(self.text)

    def __getitem__(self, index: int) -> Sample:
        given = self.present[index]
        unknown = np.full(3, np.nan, np.float32)
        return Sample(self.text[index], Target(unknown, given / given.sum()), self.ids[index])
