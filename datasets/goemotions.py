"""GoEmotions: 54,263 Reddit comments, each with one or more of 27 emotions or neutral (Demszky et al. 2020, ACL).

Licence Apache-2.0. Read from ``data/original/{train,dev,test}.tsv`` (comment, label numbers joined by commas,
comment id) and ``data/original/labels.txt``. There are no valence, arousal or dominance ratings, and no
author names: the comment id is the subject.
"""

from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from affectstream.datasets.base import About
from affectstream.datasets.texts import Texts, read_text

Split = Literal["train", "dev", "test"]
PARTS: dict[Split, str] = {"train": "train", "dev": "val", "test": "test"}


class GoEmotions(Texts):
    """GoEmotions, or one ``split`` of it, as a :class:`Corpus` of str signals.

    ``text`` and ``ids`` (n,) comments; ``marks`` are the names of the 28 labels and ``present`` (n, 28) float32, 1 where one
    was given. ``labels`` are the same names, a sample's label target ``present`` scaled to sum to 1. Raises
    FileNotFoundError if a file is not in ``folder``, ValueError for a line without a comment, labels and an id.
    """

    ABOUT: ClassVar[About] = About(
        "GoEmotions",
        "text",
        "54,263 Reddit comments; 27 emotions and neutral, several at once",
        "Apache-2.0",
        "https://github.com/monologg/GoEmotions-pytorch, after google-research/goemotions",
        ("data/original/labels.txt", "data/original/train.tsv"),
        shipped=True,
    )

    def __init__(self, folder: Path, split: Split | None = None) -> None:
        self.ABOUT.require(folder)
        source = folder / "data" / "original"
        names = tuple(read_text(source / "labels.txt").split())
        text: list[str] = []
        given: list[list[int]] = []
        ids: list[str] = []
        part: list[str] = []
        for name in PARTS if split is None else (split,):
            path = source / f"{name}.tsv"
            # Comments may hold any quote or odd line separator: only the tab and the newline are structure.
            for k, line in enumerate(read_text(path).rstrip("\n").split("\n"), 1):
                comment, numbers, comment_id = _fields(line, f"{path}, line {k}", len(names))
                text.append(comment)
                given.append(numbers)
                ids.append(comment_id)
                part.append(PARTS[name])
        self.text = tuple(text)
        self.ids: tuple[str, ...] = tuple(ids)
        present: NDArray[np.float32] = np.zeros((len(text), len(names)), np.float32)
        for row, numbers in zip(present, given, strict=True):
            row[numbers] = 1
        share = present / present.sum(1, keepdims=True)
        super().__init__(self.ids, part=part, labels=names, share=share, marks=names, present=present)


def _fields(line: str, where: str, count: int) -> tuple[str, list[int], str]:
    fields = line.removesuffix("\r").split("\t")
    if len(fields) != 3:
        raise ValueError(
            f"{where}: {len(fields)} fields; wanted a comment, its label numbers and its id; copy the file again"
        )
    numbers = fields[1].split(",")
    if wrong := [number for number in numbers if not (number.isdigit() and int(number) < count)]:
        raise ValueError(
            f"{where}: a label is {wrong[0]!r}; wanted numbers from 0 to {count - 1}, as labels.txt has names"
        )
    return fields[0], [int(number) for number in numbers], fields[2]
