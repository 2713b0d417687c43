"""FER2013: 35,887 grey faces of 48 pixels from the web (Goodfellow et al. 2013, arXiv 1307.0414), and FER+'s votes on them.

One label of seven a face, which is often wrong, from the contest; FER+ (Barsoum et al. 2016, arXiv 1608.01041) has ten
people's votes on each. The votes are MIT-licensed; nobody holds a licence for the pictures, which an image search found:
use them for research, and publish none.

Read from ``fer2013.csv`` as Kaggle ships it (``emotion,pixels,Usage``; 2,304 grey values a row) and, for the votes,
Microsoft's ``fer2013new.csv`` beside it. The two are joined row by row, as the latter's authors do: the number in a
picture's name there is not its row. Rows without a name are no faces and have votes for nothing else; of the 35,714 named
ones three have none for an expression either, and some have nine instead of ten.

The official split (Training, PublicTest, PrivateTest) leaks: a tenth of its test pictures (378 of FER+'s 3,573) have a
near copy in its training part. Exact copies, mirrored ones too, have one subject here, so that a split by subject keeps
them together; copies that were scaled or shifted stay apart, and so do two photographs of one person, for nobody in
them is named. A score on the official test part is therefore no measure of how well a network does on new faces.
"""

import csv
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from affectstream.datasets.base import About, Corpus
from affectstream.datasets.ferplus import derived_vad, shares
from affectstream.multimodal.terms import EXPRESSIONS

SIDE = 48  # pixels
EMOTIONS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")  # codes 0 to 6
USAGE = {"Training": "train", "PublicTest": "val", "PrivateTest": "test"}
VOTES = (*EXPRESSIONS, "unknown", "NF")


class Fer2013(Corpus):
    """FER2013 with the contest's labels: (48, 48) uint8 pictures, one-hot over :data:`EMOTIONS`; ``vad`` is NaN.

    ``image`` (n, 48, 48) holds all pictures, since one file does. The subject is the first picture that is the same.

    Raises FileNotFoundError if ``folder`` does not hold ``fer2013.csv``, ValueError for a row that is not as published.
    """

    ABOUT: ClassVar[About] = About(
        name="FER2013",
        modality="face",
        what="35,887 grey faces from the web, 48 px, one of seven expressions each",
        licence="none for the pictures: research use, not to be published",
        access="kaggle.com/c/challenges-in-representation-learning-facial-expression-recognition-challenge",
        holds=("fer2013.csv",),
    )

    def __init__(self, folder: Path) -> None:
        self.ABOUT.require(folder)
        code, self.image, part = _faces(folder / "fer2013.csv")
        share = np.eye(len(EMOTIONS), dtype=np.float32)[code]
        super().__init__(same_faces(self.image), part=part, labels=EMOTIONS, share=share)

    def signal(self, index: int) -> NDArray[np.uint8]:
        """Picture ``index``, (48, 48) uint8, grey."""
        return self.image[index]


class Fer2013Votes(Corpus):
    """FER2013 with FER+'s votes: (48, 48) uint8 pictures, shares of the votes over the eight expressions, derived VAD.

    What ten people called it, not what the contest did. ``vad`` is derived from the votes and no rating. Votes for unknown
    and not-a-face are left out of the shares, which are NaN where there were no others; rows without a picture's name are
    left out whole. ``votes`` (n, 10) are the counts over :data:`VOTES`, ``image`` (n, 48, 48) the pictures. The subject
    is as in :class:`Fer2013`.

    Raises FileNotFoundError if ``folder`` does not hold both files, ValueError for a row that is not as published, or
    where one file's rows are not the other's.
    """

    ABOUT: ClassVar[About] = About(
        name="FER2013 with FER+ votes",
        modality="face",
        what="35,714 grey faces from the web, 48 px, ten votes each over eight expressions",
        licence="votes MIT; none for the pictures: research use, not to be published",
        access="Fer2013's file, and fer2013new.csv from github.com/microsoft/FERPlus beside it",
        holds=("fer2013.csv", "fer2013new.csv"),
        shipped=True,  # as FER+: the one exception, named as research use on its card
    )
    vad_derived = True

    def __init__(self, folder: Path) -> None:
        self.ABOUT.require(folder)
        path = folder / "fer2013new.csv"
        usage, named, votes = _votes(path)
        _, image, part = _faces(folder / "fer2013.csv")
        if len(usage) != len(part) or (usage != part).any():
            raise ValueError(
                f"{path}: its {len(usage)} rows, by their Usage, are not the {len(part)} of fer2013.csv; wanted row for row "
                "the same pictures; get both files again, whole and in their own order"
            )
        self.image: NDArray[np.uint8] = image[named]
        self.votes: NDArray[np.uint8] = votes[named]
        share = shares(self.votes)
        subject = same_faces(self.image)
        super().__init__(subject, part=part[named], vad=derived_vad(share), labels=EXPRESSIONS, share=share)

    def signal(self, index: int) -> NDArray[np.uint8]:
        """Picture ``index``, (48, 48) uint8, grey."""
        return self.image[index]


def same_faces(image: NDArray[np.uint8]) -> NDArray[np.str_]:
    """For each of n pictures (n, H, W) the place of the first that equals it, or its mirror image, as text.

    >>> same_faces(np.array([[[1, 2]], [[2, 1]], [[1, 1]]], np.uint8)).tolist()
    ['0', '0', '2']
    """
    first: dict[bytes, int] = {}
    place = []
    for k, picture in enumerate(image):
        either = min(picture.tobytes(), picture[:, ::-1].tobytes())
        place.append(first.setdefault(hashlib.blake2b(either, digest_size=16).digest(), k))
    return np.array(place).astype(np.str_)


def _faces(path: Path) -> tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.str_]]:
    """Codes (n,), pictures (n, 48, 48) and parts (n,)."""
    code, image, part = [], [], []
    for line, (emotion, pixels, usage) in _rows(path, ("emotion", "pixels", "Usage")):
        if emotion not in "0123456" or len(emotion) != 1:
            raise ValueError(f"{path}, line {line}: emotion is {emotion!r}; wanted 0 to {len(EMOTIONS) - 1}")
        try:
            grey = np.fromstring(pixels, np.int64, sep=" ")
        except ValueError as error:
            raise ValueError(f"{path}, line {line}: {error}; wanted grey values") from error
        if len(grey) != SIDE * SIDE or grey.min() < 0 or grey.max() > 255:
            raise ValueError(
                f"{path}, line {line}: {len(grey)} grey values; wanted {SIDE * SIDE} of 0 to 255; get the file again"
            )
        code.append(int(emotion))
        image.append(grey.astype(np.uint8))
        part.append(_part(usage, path, line))
    return np.array(code, np.int64), np.array(image, np.uint8).reshape(-1, SIDE, SIDE), np.array(part, np.str_)


def _votes(path: Path) -> tuple[NDArray[np.str_], NDArray[np.bool_], NDArray[np.uint8]]:
    """Parts (n,), whether the row names a picture (n,), and votes (n, 10)."""
    part, named, votes = [], [], []
    for line, (usage, name, *counts) in _rows(path, ("Usage", "Image name", *VOTES)):
        if not all(count.isdecimal() and int(count) <= 10 for count in counts):
            raise ValueError(f"{path}, line {line}: votes are {','.join(counts)}; wanted ten counts of 0 to 10")
        part.append(_part(usage, path, line))
        named.append(name.strip() != "")
        votes.append([int(count) for count in counts])
    return np.array(part, np.str_), np.array(named, bool), np.array(votes, np.uint8).reshape(-1, len(VOTES))


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and rows of a table that must have just ``columns``."""
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        head = next(reader, [])
        if tuple(head) != columns:
            raise ValueError(f"{path} begins with {','.join(head)!r:.80}; wanted {','.join(columns)}")
        for row in reader:
            if len(row) != len(columns):
                raise ValueError(f"{path}, line {reader.line_num}: {len(row)} columns; wanted {len(columns)}")
            yield reader.line_num, row


def _part(usage: str, path: Path, line: int) -> str:
    if usage not in USAGE:
        raise ValueError(f"{path}, line {line}: Usage is {usage!r}; wanted {', '.join(USAGE)}")
    return USAGE[usage]
