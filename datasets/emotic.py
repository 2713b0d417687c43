"""EMOTIC: people in everyday pictures, with what they seem to feel (Kosti, Alvarez, Recasens and Lapedriza 2019).

IEEE TPAMI 42(11), 2755-2766, arXiv 2003.13401. Research and education only, on request. Annotators saw the whole scene and
named any of 26 categories, and valence, arousal and dominance from 1 to 10: of the few corpora of pictures in which
people rated dominance. What is read here is the person's body without the scene.

Read as its owners ship it: ``Annotations/Annotations.mat`` with struct arrays ``train``, ``val`` and ``test``, one element
a picture (``filename``, ``folder``, ``person``), and the pictures as ``emotic/<folder>/<filename>``, where the folder is such as
``mscoco/images``.

- One annotator judged the training part, several the others: read are ``annotations_categories.categories`` and
  ``annotations_continuous`` in the first, ``combined_categories`` (what any of them named) and ``combined_continuous`` (the mean)
  in the others. Their ratings therefore spread less, and their categories are more.
- A person may lack categories or ratings, which are then NaN. Those with neither, and those whose box has no area, are
  left out.
- Boxes are x1, y1, x2, y2 in pixels, and reach past the picture's edge.
- Middle of the scale is 5.5, which becomes 0; 1 and 10 become -1 and 1.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from affectstream.datasets.base import PARTS, About, Corpus, read_picture
from affectstream.datasets.eeg import named, read_mat
from affectstream.multimodal.types import DIMENSIONS

CATEGORIES = (
    *("affection", "anger", "annoyance", "anticipation", "aversion", "confidence", "disapproval", "disconnection"),
    *("disquietment", "doubt/confusion", "embarrassment", "engagement", "esteem", "excitement", "fatigue", "fear"),
    *(
        "happiness",
        "pain",
        "peace",
        "pleasure",
        "sadness",
        "sensitivity",
        "suffering",
        "surprise",
        "sympathy",
        "yearning",
    ),
)
_FIELDS = {"train": ("annotations_categories", "annotations_continuous")}
_COMBINED = ("combined_categories", "combined_continuous")


class Emotic(Corpus):
    """EMOTIC: a person's body (H, W, 3) RGB uint8, yes and no to 26 ``marks``, rated VAD.

    ``box`` (n, 4) is x1, y1, x2, y2 in pixels. The subject is the picture: nobody is named, but people of one picture stay
    together.

    Raises FileNotFoundError if ``folder`` does not hold the corpus, ValueError for annotations that are not as published.
    """

    ABOUT: ClassVar[About] = About(
        name="EMOTIC",
        modality="face",
        what="34,000 people in 23,571 pictures: 26 categories, several at once; valence, arousal, dominance, 1 to 10",
        licence="its own terms: research and education only, no passing on",
        access="ask at s3.sunai.uoc.edu/emotic",
        holds=("Annotations/Annotations.mat", "emotic/*/images"),
    )

    def __init__(self, folder: Path) -> None:
        self.ABOUT.require(folder)
        path = folder / "Annotations" / "Annotations.mat"
        tables = named(read_mat(path), PARTS, str(path))
        people = [
            (part, *person)
            for part, table in zip(PARTS, tables, strict=True)
            for person in _people(table, part, f"{path}, {part}")
        ]
        part, subject, box, present, vad = zip(*people, strict=True) if people else [()] * 5
        self.files: list[Path] = [folder / "emotic" / name for name in subject]
        self.box: NDArray[np.int64] = np.array(box, np.int64).reshape(-1, 4)
        super().__init__(subject, part=part, vad=np.array(vad), marks=CATEGORIES, present=np.array(present))

    def signal(self, index: int) -> NDArray[np.uint8]:
        """The body of person ``index``, (H, W, 3) RGB uint8, as far as the picture shows it."""
        path = self.files[index]
        picture = read_picture(path)
        x1, y1, x2, y2 = self.box[index].tolist()
        body = picture[max(y1, 0) : y2, max(x1, 0) : x2]
        if not body.size:
            raise ValueError(
                f"{path} is {picture.shape[1]} x {picture.shape[0]}, and the box {x1, y1, x2, y2} outside of it; get the "
                "picture again"
            )
        return body


def _people(
    table: Any, part: str, where: str
) -> Iterator[tuple[str, list[int], NDArray[np.float32], NDArray[np.float32]]]:
    """Picture, box, marks (26,) and VAD (3,) of everybody of whom something is known."""
    categories, continuous = _FIELDS.get(part, _COMBINED)
    for k, picture in enumerate(_structs(table)):
        at = f"{where}({k + 1})"
        filename, where_to, persons = (_field(picture, name, at) for name in ("filename", "folder", "person"))
        name = f"{_text(where_to, at)}/{_text(filename, at)}"
        for person in _structs(persons):
            box = np.floor(np.asarray(_field(person, "body_bbox", at), np.float64).ravel())
            if box.shape != (4,) or not np.isfinite(box).all():
                raise ValueError(f"{at}, {name}: the box is {box.tolist()}; wanted x1, y1, x2, y2; get the file again")
            words = _field(person, categories, at)
            if part == "train":
                words = [_field(one, "categories", at) for one in _structs(words)]
            present = _marks([_text(word, at) for word in _flat(words)], at, name)
            vad = _vad(_field(person, continuous, at), at, name)
            empty = box[2] <= max(box[0], 0) or box[3] <= max(box[1], 0)
            if not empty and not (np.isnan(present).all() and np.isnan(vad).all()):
                yield name, [int(v) for v in box], present, vad


def _marks(words: list[str], at: str, name: str) -> NDArray[np.float32]:
    words = [word.lower() for word in words if word]
    if unknown := sorted(set(words) - set(CATEGORIES)):
        raise ValueError(f"{at}, {name}: a category is {unknown[0]!r}; wanted one of {', '.join(CATEGORIES)}")
    marks = np.array([word in words for word in CATEGORIES], np.float32)
    return marks if words else np.full_like(marks, np.nan)


def _vad(struct: Any, at: str, name: str) -> NDArray[np.float32]:
    ratings = np.full(3, np.nan)
    for one in _structs(struct):
        for k, dimension in enumerate(DIMENSIONS):
            value = np.asarray(_field(one, dimension, at), np.float64).ravel()
            ratings[k] = value[0] if len(value) else np.nan
    if (np.abs(ratings - 5.5) > 4.5).any():
        raise ValueError(f"{at}, {name}: valence, arousal, dominance are {ratings.tolist()}; wanted 1 to 10, or NaN")
    return ((ratings - 5.5) / 4.5).astype(np.float32)


def _structs(array: Any) -> list[Any]:
    """The elements of a MATLAB struct array; none of an empty array."""
    return list(np.asarray(array).ravel()) if np.asarray(array).dtype.names else []


def _field(struct: Any, name: str, at: str) -> Any:
    if name not in (struct.dtype.names or ()):
        raise ValueError(f"{at} has the fields {list(struct.dtype.names or ())}; wanted {name}; get the file again")
    return struct[name]


def _flat(cells: Any) -> list[Any]:
    """What stands in nested cells, in order."""
    if isinstance(cells, list) or np.asarray(cells).dtype == object:
        items = cells if isinstance(cells, list) else np.asarray(cells).ravel()
        return [inner for item in items for inner in _flat(item)]
    return [cells]


def _text(value: Any, at: str) -> str:
    array = np.asarray(value).ravel()
    if array.size and array.dtype.kind != "U":
        raise ValueError(f"{at} holds {value!r:.60} where a name was wanted; get the file again")
    return str(array[0]) if array.size else ""
