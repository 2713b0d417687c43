"""EmoBank: 10,062 English sentences rated for valence, arousal and dominance (Buechel and Hahn 2017, EACL).

Licence CC BY-SA 4.0: name the authors, and share what you make of the *data* under the same terms. The texts
are from the MASC corpus and the SemEval-2007 headlines. Ratings are on a 1 to 5 scale with 3 the neutral
point; here they are (x - 3) / 2, in [-1, 1], and small: the standard deviations are about .17, .13 and .10.

Read from ``emobank.csv`` (the official split and the combined ratings), ``reader.csv`` (what a sentence
evokes) and ``writer.csv`` (what its writer expresses). Every sentence stands alone and has no speaker.
"""

import csv
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from affectstream.datasets.base import Sample, Target

Split = Literal["train", "dev", "test"]

# The highest Pearson r any model can reach on the test split: square root of the labels' reliability, ICC(1, k).
CEILING = (0.893, 0.656, 0.651)


class EmoBank:
    """One split of EmoBank, as a sequence of :class:`Sample` with a str signal and the sentence id as subject.

    ``text`` (n,) sentences as published; ``vad`` (n, 3) combined ratings; ``reader`` and ``writer`` (n, 3)
    ratings of one perspective, NaN where it has none. Raises FileNotFoundError if a file is not in
    ``folder``, ValueError if a rating lies outside 1 to 5 or the split is empty.
    """

    def __init__(self, folder: Path, split: Split) -> None:
        rows = [row for row in _read(folder / "emobank.csv") if row["split"] == split]
        if not rows:
            raise ValueError(f"{folder / 'emobank.csv'} has no rows of split {split!r}; wanted train, dev or test")
        self.ids: tuple[str, ...] = tuple(row["id"] for row in rows)
        self.text: tuple[str, ...] = tuple(row["text"] for row in rows)
        self.vad: NDArray[np.float32] = np.stack([_vad(row) for row in rows])
        self.reader = self._perspective(folder / "reader.csv")
        self.writer = self._perspective(folder / "writer.csv")

    def _perspective(self, path: Path) -> NDArray[np.float32]:
        """Ratings (n, 3) of one perspective in the order of ``ids``."""
        rated = {row["id"]: _vad(row) for row in _read(path)}
        unknown = np.full(3, np.nan, np.float32)
        return np.stack([rated.get(i, unknown) for i in self.ids])

    def __len__(self) -> int:
        return len(self.text)

    def __getitem__(self, index: int) -> Sample:
        return Sample(self.text[index], Target(self.vad[index], np.empty(0, np.float32)), self.ids[index])


def _read(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file, every field a str: csv, unlike pandas, leaves a sentence that looks like NaN alone."""
    if not path.is_file():
        raise FileNotFoundError(
            f"no EmoBank file at {path}; wanted emobank.csv, reader.csv and writer.csv in one folder"
        )
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _vad(row: dict[str, str]) -> NDArray[np.float32]:
    ratings = np.array([float(row[name]) for name in "VAD"], np.float32)
    if not ((ratings >= 1) & (ratings <= 5)).all():
        raise ValueError(f"EmoBank sentence {row['id']!r} is rated {ratings.tolist()}; wanted 1 to 5")
    return ((ratings - 3) / 2).astype(np.float32)
