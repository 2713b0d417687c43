"""EmoBank: 10,062 English sentences rated for valence, arousal and dominance (Buechel and Hahn 2017, EACL).

Licence CC BY-SA 4.0: name the authors, and share what you make of the *data* under the same terms. The texts
are from the MASC corpus and the SemEval-2007 headlines. Ratings are on a 1 to 5 scale with 3 the neutral
point; here they are (x - 3) / 2, in [-1, 1], and small: the standard deviations are about .17, .13 and .10.

Read from ``emobank.csv`` (the official split and the combined ratings), ``reader.csv`` (what a sentence
evokes) and ``writer.csv`` (what its writer expresses). Every sentence stands alone and has no speaker.
"""

from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from affectstream.datasets.base import About
from affectstream.datasets.texts import Texts, read_table

Split = Literal["train", "dev", "test"]
PARTS = {"train": "train", "dev": "val", "test": "test"}

# The highest Pearson r any model can reach on the test split: square root of the labels' reliability, ICC(1, k).
CEILING = (0.893, 0.656, 0.651)


class EmoBank(Texts):
    """EmoBank, or one ``split`` of it, as a :class:`Corpus` of str signals with the sentence id as subject.

    ``text`` (n,) sentences as published, ``ids`` (n,); ``vad`` (n, 3) combined ratings; ``reader`` and ``writer`` (n, 3)
    ratings of one perspective, NaN where it has none. Raises FileNotFoundError if a file is not in
    ``folder``, ValueError if a rating lies outside 1 to 5, a row is broken or the split is empty.
    """

    ABOUT: ClassVar[About] = About(
        "EmoBank",
        "text",
        "10,062 English sentences; valence, arousal and dominance of readers and writers",
        "CC BY-SA 4.0",
        "https://github.com/JULIELab/EmoBank, folder corpus",
        ("emobank.csv", "reader.csv", "writer.csv"),
        shipped=True,
    )

    def __init__(self, folder: Path, split: Split | None = None) -> None:
        self.ABOUT.require(folder)
        path = folder / "emobank.csv"
        rows = [row for row in _read(path, "split", "text") if split in (None, row["split"])]
        if not rows:
            raise ValueError(f"{path} has no rows of split {split!r}; wanted train, dev or test")
        if wrong := next((row for row in rows if row["split"] not in PARTS), None):
            raise ValueError(
                f"{path}: sentence {wrong['id']!r} is of split {wrong['split']!r}; wanted train, dev or test"
            )
        self.ids: tuple[str, ...] = tuple(row["id"] for row in rows)
        self.text = tuple(row["text"] for row in rows)
        super().__init__(
            self.ids, part=[PARTS[row["split"]] for row in rows], vad=np.stack([_vad(row, path) for row in rows])
        )
        self.reader: NDArray[np.float32] = self._perspective(folder / "reader.csv")
        self.writer: NDArray[np.float32] = self._perspective(folder / "writer.csv")

    def _perspective(self, path: Path) -> NDArray[np.float32]:
        """Ratings (n, 3) of one perspective in the order of ``ids``."""
        rated = {row["id"]: _vad(row, path) for row in _read(path)}
        unknown = np.full(3, np.nan, np.float32)
        return np.stack([rated.get(i, unknown) for i in self.ids])


def _read(path: Path, *further: str) -> list[dict[str, str]]:
    return read_table(path, ("id", *further, *"VAD"))


def _vad(row: dict[str, str], path: Path) -> NDArray[np.float32]:
    given = [row[name] for name in "VAD"]
    try:
        ratings = np.array([float(value) for value in given], np.float32)
    except ValueError:
        ratings = np.full(3, np.nan, np.float32)
    if not ((ratings >= 1) & (ratings <= 5)).all():
        raise ValueError(
            f"{path}: sentence {row['id']!r} is rated {', '.join(given)}; wanted 1 to 5; is it EmoBank's file?"
        )
    return ((ratings - 3) / 2).astype(np.float32)
