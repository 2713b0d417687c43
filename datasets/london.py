"""Face Research Lab London Set: the same people, neutral and smiling, in colour (DeBruine and Jones 2017, CC BY 4.0).

A test set: nothing here is ever trained on. Read from ``london.csv`` and ``london/<id>_<expression>.jpg``.
"""

import csv
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from affectstream.datasets.base import About, Corpus, one_hot, read_picture

EXPRESSIONS = ("neutral", "smiling")


class London(Corpus):
    """The photographs, (H, W, 3) RGB uint8, one-hot over :data:`EXPRESSIONS`; the subject is the person's id.

    All are part "test", by our own rule; there are no ratings, so ``vad`` is NaN. ``rows`` are the table's.

    Raises FileNotFoundError if ``folder`` does not hold the set, ValueError for a table with other columns or expressions.
    """

    ABOUT: ClassVar[About] = About(
        name="Face Research Lab London Set",
        modality="face",
        what="portraits of 102 people, each neutral and smiling; a test set",
        licence="CC BY 4.0",
        access="figshare, doi 10.6084/m9.figshare.5047666; cropped as docs/DATASETS.md says",
        holds=("london.csv", "london/*.jpg"),
        shipped=True,
    )

    def __init__(self, folder: Path) -> None:
        self.ABOUT.require(folder)
        self.folder = folder
        table = folder / "london.csv"
        with table.open(newline="", encoding="utf-8") as file:
            self.rows = list(csv.DictReader(file))
        if not self.rows or not {"face_id", "expression"} <= self.rows[0].keys():
            raise ValueError(f"{table} has no rows with face_id and expression; get the London set again")
        try:
            share = one_hot([row["expression"] for row in self.rows], EXPRESSIONS)
        except ValueError as error:
            raise ValueError(f"{table}: {error}") from error
        super().__init__([row["face_id"] for row in self.rows], part="test", labels=EXPRESSIONS, share=share)

    def signal(self, index: int) -> NDArray[np.uint8]:
        """Photograph ``index``, (H, W, 3) RGB uint8."""
        row = self.rows[index]
        return read_picture(self.folder / "london" / f"{row['face_id']}_{row['expression']}.jpg")
