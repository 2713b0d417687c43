"""AffectNet: faces from the web, annotated by hand with expression, valence and arousal (Mollahosseini et al. 2019).

IEEE Transactions on Affective Computing 10(1), 18-31. For research only, under a signed agreement; pictures and labels may
not be passed on. One annotator a face: two agreed on the expression of 61 % of those that both saw. There is no dominance.

It was handed out in two forms. Now (:class:`AffectNet`), 224-pixel crops with eight expressions, 287,651 to train and
3,999 to validate: ``train_set/images/<n>.jpg`` and ``train_set/annotations/<n>_exp.npy``, ``_val.npy``, ``_aro.npy`` and
``_lnd.npy`` (68 points, not read), the same in ``val_set``. Each file holds a single value, as text or as a float. Before
(:class:`AffectNetLists`), wider pictures of any size with a box each, and also such as show none of the eight expressions:
``Manually_Annotated_file_lists/{training,validation}.csv`` and ``Manually_Annotated_Images``. The numbers of the one form
are not the names of the other.

Codes are 0 neutral, 1 happy, 2 sad, 3 surprise, 4 fear, 5 disgust, 6 anger, 7 contempt; in the lists also 8 none, 9 uncertain
and 10 no face. A valence or arousal of -2 means that there is none.

The test part was never published: what its owners call validation is the only one held out, and is part "test" here, with
no part "val". Published figures are its best epoch (CAGE's too), chosen on the very faces they are reported on; hold a
part of the training faces out to choose on. Nobody is named: each picture is a subject of its own, and one
person may stand on both sides.
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affectstream.datasets.affectnet_index import numbered_labels
from affectstream.datasets.base import About, Corpus, read_picture

EXPRESSIONS = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")  # codes 0 to 7
PARTS = {"train_set": "train", "val_set": "test"}
LISTS = {"training.csv": "train", "validation.csv": "test"}
COLUMNS = (
    *("subDirectory_filePath", "face_x", "face_y", "face_width", "face_height"),
    *("facial_landmarks", "expression", "valence", "arousal"),
)
LICENCE = "its own agreement, signed: research only, no passing on"
ACCESS = "ask at mohammadmahoor.com/pages/databases/affectnet"


class AffectNet(Corpus):
    """AffectNet as crops: (H, W, 3) RGB uint8, one-hot over the first ``classes`` of :data:`EXPRESSIONS`, dominance NaN.

    With seven classes faces of contempt are left out. Without ``cache`` every start reads some 875,000 small files, which
    takes minutes; with it, a folder that need not exist, only the first does, and later ones read an index kept there, until
    a file is added to the annotations or taken away.

    Raises FileNotFoundError if ``folder`` does not hold the corpus or a label is missing, ValueError for a label that is
    broken or out of its range.
    """

    ABOUT: ClassVar[About] = About(
        name="AffectNet",
        modality="face",
        what="291,650 faces from the web, 224 px: eight expressions, valence and arousal",
        licence=LICENCE,
        access=ACCESS,
        holds=tuple(f"{part}/{what}" for part in PARTS for what in ("images", "annotations")),
    )

    def __init__(self, folder: Path, classes: Literal[7, 8] = 8, cache: Path | None = None) -> None:
        self.ABOUT.require(folder)
        labels = EXPRESSIONS[: _checked(classes)]
        tables = {part: numbered_labels(folder / part / "annotations", cache) for part in PARTS}
        kept = {part: table[table[:, 1] < classes] for part, table in tables.items()}
        self.files: list[Path] = [
            folder / part / "images" / f"{int(n)}.jpg" for part, table in kept.items() for n in table[:, 0]
        ]
        part = np.repeat([*PARTS.values()], [len(table) for table in kept.values()])
        subject = [f"{file.parts[-3]}/{file.stem}" for file in self.files]
        every = np.concatenate([*kept.values()])
        share = shares(every[:, 1], classes)
        super().__init__(subject, part=part, vad=known(every[:, 2], every[:, 3]), labels=labels, share=share)

    def signal(self, index: int) -> NDArray[np.uint8]:
        """Face ``index``, (H, W, 3) RGB uint8, 224 x 224 as published."""
        return read_picture(self.files[index])


class AffectNetLists(Corpus):
    """AffectNet as its lists of the faces annotated by hand: (H, W, 3) RGB uint8, cut to the list's box.

    As :class:`AffectNet`; what shows none of the eight expressions has NaN labels, and is left out where it has no
    valence and arousal either. A row without a box keeps its whole picture.

    Raises FileNotFoundError if ``folder`` does not hold the corpus, ValueError for a row that is not as published.
    """

    ABOUT: ClassVar[About] = About(
        name="AffectNet, lists",
        modality="face",
        what="420,299 pictures of faces from the web, 414,799 and 5,500: expressions, valence and arousal, and a box",
        licence=LICENCE,
        access=ACCESS + "; this form is no longer handed out",
        holds=(*(f"Manually_Annotated_file_lists/{name}" for name in LISTS), "Manually_Annotated_Images"),
    )

    def __init__(self, folder: Path, classes: Literal[7, 8] = 8) -> None:
        self.ABOUT.require(folder)
        self.folder: Path = folder / "Manually_Annotated_Images"
        labels = EXPRESSIONS[: _checked(classes)]
        names: list[str] = []
        parts: list[str] = []
        numbers: list[tuple[float, ...]] = []
        for file, part in LISTS.items():
            for name, row in _rows(folder / "Manually_Annotated_file_lists" / file):
                if row[4] != 7 or classes == 8:
                    names.append(name)
                    parts.append(part)
                    numbers.append(row)
        table = np.array(numbers, np.float64).reshape(-1, 7)
        share, vad = shares(table[:, 4], classes), known(table[:, 5], table[:, 6])
        some = ~(np.isnan(share).all(1) & np.isnan(vad).all(1))
        self.names: NDArray[np.str_] = np.array(names, np.str_)[some]
        self.box: NDArray[np.int64] = table[some, :4].astype(np.int64)  # (n, 4) x, y, width, height in pixels
        super().__init__(self.names, part=np.array(parts)[some], vad=vad[some], labels=labels, share=share[some])

    def signal(self, index: int) -> NDArray[np.uint8]:
        """Face ``index``, (H, W, 3) RGB uint8."""
        path = self.folder / str(self.names[index])
        picture = read_picture(path)
        x, y, width, height = (int(v) for v in self.box[index])
        if width <= 0 or height <= 0:
            return picture
        face = picture[max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)]
        if not face.size:
            raise ValueError(
                f"{path} is {picture.shape[1]} x {picture.shape[0]}, its box {width} x {height} at ({x}, {y}) outside of it; "
                "get the picture again"
            )
        return face


def known(valence: ArrayLike, arousal: ArrayLike) -> NDArray[np.float32]:
    """Valence (n,) and arousal (n,) as VAD (n, 3): NaN for dominance, and for both where either is -2.

    >>> known([0.5, -2], [-0.25, -2]).tolist()
    [[0.5, -0.25, nan], [nan, nan, nan]]
    """
    vad = np.stack([valence, arousal, np.full(np.shape(valence), np.nan)], 1).astype(np.float32)
    vad[(vad == -2).any(1)] = np.nan
    return vad


def shares(code: NDArray[np.floating], classes: int) -> NDArray[np.float32]:
    """Codes (n,) as shares (n, classes), NaN for a code that is none of them.

    >>> shares(np.array([1.0, 9.0]), 2).tolist()
    [[0.0, 1.0], [nan, nan]]
    """
    share = (code[:, None] == np.arange(classes)).astype(np.float32)
    share[code >= classes] = np.nan
    return share


def _checked(classes: int) -> int:
    if classes not in (7, 8):
        raise ValueError(f"classes is {classes}; wanted 7, without contempt, or 8")
    return classes


def _rows(path: Path) -> Iterator[tuple[str, tuple[float, ...]]]:
    """Names, and box x, y, width, height, code, valence and arousal. Some copies of the lists have lost their header."""
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        for row in reader:
            if reader.line_num == 1 and tuple(row) == COLUMNS:
                continue
            try:
                if len(row) != len(COLUMNS):
                    raise ValueError(f"{len(row)} columns")
                box = (0.0 if text == "NULL" else float(text) for text in row[1:5])
                numbers = (*box, *(float(text) for text in row[6:]))
                if numbers[4] not in range(11) or any(v != -2 and not -1 <= v <= 1 for v in numbers[5:]):
                    raise ValueError(f"expression, valence and arousal {', '.join(row[6:])}")
            except ValueError as error:
                raise ValueError(
                    f"{path}, line {reader.line_num}: {error}; wanted {','.join(COLUMNS)}, the expression 0 to 10, "
                    "valence and arousal -1 to 1 or -2"
                ) from error
            yield row[0], numbers
