"""What the corpora of text share: samples that are texts, dialogues turn by turn, and tables of which no row is guessed.

A dialogue's turns stand in their order. Where the same people talk in every official part, a split by speaker is none:
there the dialogue is what a split must not divide, and the speaker is a column of its own.
"""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affectstream.datasets.base import Corpus, one_hot


class Texts(Corpus):
    """A corpus whose signals are texts, ``text`` (n,), which whoever inherits it sets."""

    text: tuple[str, ...]

    def signal(self, index: int) -> str:
        """Text ``index``."""
        return self.text[index]


@dataclass(frozen=True)
class Turn:
    """One utterance: its ``text``, its ``emotion`` or "", the ``dialogue`` it is of, its place in it, who says it, and ``part``."""

    text: str
    emotion: str
    dialogue: str
    turn: int
    speaker: str
    part: str


class Dialogues(Texts):
    """Turns as samples: the emotion, where known, is one of ``labels``; nothing is known of ``vad``.

    ``dialogue`` (n,) names, ``turn`` (n,) int64 ascending within a dialogue, with gaps where turns were left out of the
    corpus, ``speaker`` (n,) names or "". Subject and trial are the dialogue, unless ``whole`` (n,) names what must
    stay whole.
    """

    def __init__(self, turns: Sequence[Turn], labels: tuple[str, ...], whole: ArrayLike | None = None) -> None:
        self.text = tuple(turn.text for turn in turns)
        self.dialogue: NDArray[np.str_] = np.array([turn.dialogue for turn in turns], np.str_)
        self.turn: NDArray[np.int64] = np.array([turn.turn for turn in turns], np.int64)
        self.speaker: NDArray[np.str_] = np.array([turn.speaker for turn in turns], np.str_)
        kept = self.dialogue if whole is None else whole
        share = one_hot([turn.emotion for turn in turns], labels)
        super().__init__(kept, trial=kept, part=[turn.part for turn in turns], labels=labels, share=share)


def read_text(path: Path, encodings: Sequence[str] = ("utf-8-sig",)) -> str:
    """A text file in the first of ``encodings`` that fits, its line ends as they are.

    Raises FileNotFoundError if it is missing, ValueError if it is empty or in none of them.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; get the corpus again and keep its files as they are shipped")
    data = path.read_bytes()
    if not data.strip():
        raise ValueError(f"{path} is empty; copy it again")
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise ValueError(f"{path} is no text in {' or '.join(encodings)}; copy it again, without converting it")


def read_table(
    path: Path,
    columns: Sequence[str],
    delimiter: str = ",",
    *,
    quoted: bool = True,
    encodings: Sequence[str] = ("utf-8-sig",),
) -> list[dict[str, str]]:
    """Rows of a table with a head, every field a str: a sentence that looks like NaN is a sentence.

    ``quoted`` fields may hold the delimiter and line ends; otherwise only these are structure, and quotes are text.
    Raises FileNotFoundError if the file is missing; ValueError for a head without ``columns``, a row with too many or
    too few fields or an open quote, as in a file that was cut short, or no rows.
    """
    text = read_text(path, encodings)
    if quoted:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        try:
            rows = [(reader.line_num, row) for row in reader]
        except csv.Error as error:
            raise ValueError(f"{path}, line {reader.line_num}: {error}; copy the file again") from error
    else:
        rows = [(k, line.removesuffix("\r").split(delimiter)) for k, line in enumerate(text.split("\n"), 1)]
    rows = [(line, row) for line, row in rows if any(row)]
    head = rows[0][1]
    if missing := [name for name in columns if name not in head]:
        raise ValueError(
            f"{path} has columns {', '.join(head)}; wanted also {', '.join(missing)}; is it the file as shipped?"
        )
    for line, row in rows:
        if len(row) != len(head):
            raise ValueError(f"{path}, line {line}: {len(row)} fields; wanted {len(head)}; copy the file again")
    if len(rows) == 1:
        raise ValueError(f"{path} has no rows below its head; copy it again")
    return [dict(zip(head, row, strict=True)) for _, row in rows[1:]]


def whole_number(value: str, name: str, where: str) -> int:
    """``value`` as a number from 0; ValueError that names the column ``name`` and ``where`` for anything else."""
    if not (value.isascii() and value.isdigit()):
        raise ValueError(f"{where}: {name} is {value!r}; wanted a whole number; is the file as shipped?")
    return int(value)


def renamed(value: str, names: dict[str, str], where: str) -> str:
    """Our name of the label ``value``; ValueError that names ``where`` if it is none of the corpus's."""
    if value not in names:
        raise ValueError(
            f"{where}: the emotion is {value!r}; wanted one of {', '.join(names)}; is the file as shipped?"
        )
    return names[value]


def mended(text: str) -> str:
    """``text`` with the marks that a wrong encoding made of Windows' quotes, dashes and dots set right.

    Both wrong ways occur: cp1252 read as Latin-1, which leaves control characters, and UTF-8 read as cp1252. Hard
    spaces become plain ones.

    >>> mended("It\\x92s") == mended("It\u00e2\u20ac\u2122s") == "It\u2019s"
    True
    """
    text = re.sub("\u00e2\u20ac.", lambda match: _as_utf8(match[0]), text)
    text = re.sub("[\x80-\x9f]", lambda match: match[0].encode("latin-1").decode("cp1252", "ignore"), text)
    return text.replace("\xa0", " ")


def _as_utf8(three: str) -> str:
    data = b"".join(_byte(character) for character in three)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return three


def _byte(character: str) -> bytes:
    for encoding in ("cp1252", "latin-1"):  # cp1252 leaves five bytes out, which then stay as they are
        try:
            return character.encode(encoding)
        except UnicodeEncodeError:
            continue
    return character.encode("utf-8")
