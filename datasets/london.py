"""Face Research Lab London Set: the same people, neutral and smiling, in colour (DeBruine and Jones 2017, CC BY 4.0).

A test set: nothing here is ever trained on. Read from ``london.csv`` and ``london/<id>_<expression>.jpg``.
"""

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affectstream.datasets.base import Sample, Target

EXPRESSIONS = ("neutral", "smiling")


class London:
    """The photographs, as a sequence of :class:`Sample`: (H, W, 3) RGB uint8, one-hot over :data:`EXPRESSIONS`.

    The subject is the person's id. Raises FileNotFoundError if ``london.csv`` is not in ``folder``.
    """

    def __init__(self, folder: Path) -> None:
        table = folder / "london.csv"
        if not table.exists():
            raise FileNotFoundError(f"no London set at {table}; wanted it as docs/DATASETS.md says")
        self.folder = folder
        with table.open(newline="") as file:
            self.rows = list(csv.DictReader(file))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Sample:
        row = self.rows[index]
        label = np.array([row["expression"] == name for name in EXPRESSIONS], np.float32)
        target = Target(np.full(3, np.nan, np.float32), label)
        return Sample(self._picture(f"{row['face_id']}_{row['expression']}.jpg"), target, row["face_id"])

    def _picture(self, name: str) -> NDArray[np.uint8]:
        import cv2

        path = self.folder / "london" / name
        picture = cv2.imread(str(path))
        if picture is None:
            raise FileNotFoundError(f"{path} is missing or no picture; get the London set again")
        return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB).astype(np.uint8)
