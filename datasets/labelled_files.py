"""Your own files and their labels: one table, ``labels.csv``, of sounds, pictures or texts.

A line a file, columns separated by commas, in any order. Only ``file`` (or ``text``) must be there; an empty cell is
unknown.

| column | what |
| --- | --- |
| ``file`` | the file, from the table's folder; wav, flac, aiff, mp3, ogg, flv; png, jpg, jpeg, bmp, webp; or txt in UTF-8 |
| ``text`` | the text itself, where there is no file; beside a file, what is said in it |
| ``subject`` | who it is of, whom a split must not divide; without it every file is of somebody else |
| ``trial`` | what of a subject a split must not divide either, such as a video of pictures |
| ``part`` | train, val or test; no subject may be in two |
| ``label`` | one word; the labels are all words there are, in order of the alphabet |
| ``valence``, ``arousal``, ``dominance`` | from -1 to 1 |
| ``mark:NAME`` | 1 or 0: a question of which several may be true at once |
"""

import csv
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from affectstream.datasets.base import PARTS, About, Corpus, one_hot, read_picture
from affectstream.datasets.clips import read_clip
from affectstream.multimodal.types import DIMENSIONS

KINDS = {
    "sound": (".wav", ".flac", ".aiff", ".mp3", ".ogg", ".flv"),
    "picture": (".png", ".jpg", ".jpeg", ".bmp", ".webp"),
    "text": (".txt",),
}
COLUMNS = ("file", "text", "subject", "trial", "part", "label", *DIMENSIONS)
MARK = "mark:"


class LabelledFiles(Corpus):
    """The table of a folder as a :class:`Corpus`; ``kind`` is "sound", "picture" or "text", ``text`` (n,) what is said.

    ``folder`` is where ``labels.csv`` lies, or a table of another name. Raises FileNotFoundError for no table or a file it
    names that is missing, ValueError that names the line of an unknown column's table, a cell outside its range, a file
    that is named twice or is of another kind than the first, or a subject in two parts.
    """

    ABOUT: ClassVar[About] = About(
        "Labelled files",
        "speech",
        "your own recordings, pictures or texts, and their labels in labels.csv",
        "yours",
        "docs: affectstream.datasets.labelled_files",
        ("labels.csv",),
    )

    def __init__(self, folder: Path) -> None:
        table = folder if folder.is_file() else folder / "labels.csv"
        if table != folder:
            self.ABOUT.require(folder)
        marks, rows = _rows(table)
        where = [f"{table}, line {line}" for line, _ in rows]
        cells = {name: [row.get(name, "") for _, row in rows] for name in COLUMNS}
        self.files = [table.parent / name if name else None for name in cells["file"]]
        self.text = tuple(cells["text"])
        self.kind = _kind(self.files, cells["text"], where)
        _check_words(cells, where)
        labels = tuple(sorted({*cells["label"]} - {""}))
        own = [name or f"line {line}" for name, (line, _) in zip(cells["file"], rows, strict=True)]
        super().__init__(
            [subject or name for subject, name in zip(cells["subject"], own, strict=True)],
            trial=cells["trial"],
            part=cells["part"],
            vad=np.stack([_numbers(cells[name], name, where) for name in DIMENSIONS], 1),
            labels=labels,
            share=one_hot(cells["label"], labels),
            marks=tuple(name.removeprefix(MARK) for name in marks),
            present=np.array([_numbers([row[n] for _, row in rows], n, where) for n in marks]).reshape(-1, len(rows)).T,
        )

    def signal(self, index: int) -> NDArray[np.generic] | str:
        """Sample ``index``: a sound (n,) float32 at 16 kHz, a picture (H, W, 3) RGB uint8, or a text."""
        path = self.files[index]
        if path is None:
            return self.text[index]
        if self.kind == "text":
            return _read_text(path)
        return read_clip(path) if self.kind == "sound" else read_picture(path)


def _rows(table: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """The columns of marks, and the lines with their numbers and every cell stripped."""
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            lines = [(reader.line_num, row) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{table} is no table ({error}); wanted columns separated by commas, in UTF-8") from error
    names = list(reader.fieldnames or ())
    wrong = [name for name in names if name not in COLUMNS and (not name.startswith(MARK) or name == MARK)]
    if wrong or len(set(names)) < len(names) or not {"file", "text"} & set(names):
        raise ValueError(
            f"{table} has columns {names}; wanted file or text, and any of {', '.join(COLUMNS[2:])}, {MARK}NAME, once each, "
            "separated by commas"
        )
    if not lines:
        raise ValueError(f"{table} has no lines below its columns; wanted one for each file")
    for line, row in lines:
        if None in row or None in row.values():
            raise ValueError(f"{table}, line {line} has not as many cells as there are columns, {len(names)}; mend it")
    return [n for n in names if n.startswith(MARK)], [(i, {k: v.strip() for k, v in row.items()}) for i, row in lines]


def _kind(files: list[Path | None], text: list[str], where: list[str]) -> str:
    """What the files are, all of one kind; every one is there, and once."""
    kind, seen = "", dict[Path, str]()
    for path, words, line in zip(files, text, where, strict=True):
        if path is None and not words:
            raise ValueError(f"{line} has no file and no text; wanted one of them")
        ending = ".txt" if path is None else path.suffix.lower()
        own = next((name for name, endings in KINDS.items() if ending in endings), "")
        if own == "" or own != (kind := kind or own):
            raise ValueError(
                f"{line}: {path or 'a text'} is of kind {own or 'unknown'}; wanted {kind or 'one'} of "
                f"{', '.join(x for name in KINDS if name == (kind or name) for x in KINDS[name])}, as in every other line"
            )
        if path is not None and path in seen:
            raise ValueError(f"{line} names {path}, which {seen[path]} names already; wanted every file once")
        if path is not None:
            if not path.is_file():
                raise FileNotFoundError(f"{line}: {path} is missing; paths go from the table's folder")
            seen[path] = line
    return kind


def _check_words(cells: dict[str, list[str]], where: list[str]) -> None:
    """Raise ValueError for a part of another name, or a subject in two."""
    seen: dict[str, tuple[str, str]] = {}
    for subject, part, line in zip(cells["subject"], cells["part"], where, strict=True):
        if part not in (*PARTS, ""):
            raise ValueError(f"{line}: the part is {part!r}; wanted {', '.join(PARTS)} or nothing")
        first, there = seen.setdefault(subject, (part, line)) if subject else (part, line)
        if first != part:
            raise ValueError(
                f"{line}: {subject} is in part {part!r}, and in {first!r} at {there}; wanted every subject in one part"
            )


def _numbers(cells: list[str], name: str, where: list[str]) -> NDArray[np.float64]:
    """A column (n,) of VAD or of a mark, NaN where it is empty."""
    mark = name.startswith(MARK)
    numbers = np.full(len(cells), np.nan)
    for k, cell in enumerate(cells):
        try:
            numbers[k] = float(cell or "nan")
        except ValueError:
            numbers[k] = np.inf
        if not (cell == "" or (numbers[k] in (0, 1) if mark else abs(numbers[k]) <= 1)):
            wanted = "1, 0 or nothing" if mark else "-1 to 1, or nothing where it is unknown"
            raise ValueError(f"{where[k]}: {name} is {cell!r}; wanted {wanted}")
    return numbers


def _read_text(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text in UTF-8 ({error}); save it as such") from error
    if not text:
        raise ValueError(f"{path} is empty; wanted a text; fill it, or leave its line out")
    return text
