"""Aff-Wild2's label files, one line a frame, and its folders of pictures."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATINGS = ("valence", "arousal")
EXPRESSIONS = ("neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise", "other")  # codes 0 to 7
AU8 = ("AU1", "AU2", "AU4", "AU6", "AU12", "AU15", "AU20", "AU25")
AU12 = ("AU1", "AU2", "AU4", "AU6", "AU7", "AU10", "AU12", "AU15", "AU23", "AU24", "AU25", "AU26")
HEADERS = {"va": (RATINGS,), "expr": (EXPRESSIONS[:7], EXPRESSIONS), "au": (AU8, AU12)}


@dataclass(frozen=True, eq=False)
class Labels:
    """What a file says, and for which official ``part``: the names of its header, and ``values`` (frames, names), NaN where unknown.

    Valence and arousal in [-1, 1]; expressions one-hot; action units 1 or 0.
    """

    part: str
    header: tuple[str, ...]
    values: NDArray[np.float32]


def read_labels(path: Path, task: str, part: str) -> Labels:
    """A label file of ``task``, one of :data:`HEADERS`; ValueError that names the line which is not as published."""
    lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").rstrip().split("\n")]
    header = next(
        (names for names in HEADERS[task] if ",".join(names).lower() == lines[0].replace(" ", "").lower()), None
    )
    if header is None:
        wanted = " or ".join(",".join(names) for names in HEADERS[task])
        raise ValueError(f"{path} begins with {lines[0]!r:.80}; wanted {wanted}; get the labels again")
    width = 1 if task == "expr" else len(header)
    values = _numbers(lines[1:], width, path)
    if task == "va":
        wrong, wanted = ~((np.abs(values) <= 1) | (values == -5)), "-1 to 1, or -5 for unknown"
    else:
        highest = len(header) - 1 if task == "expr" else 1
        wrong, wanted = ~np.isin(values, range(-1, highest + 1)), f"0 to {highest}, or -1 for unknown"
    if wrong.any():
        line, column = np.argwhere(wrong)[0]
        raise ValueError(f"{path}, line {line + 2}: {values[line, column]:g}; wanted {wanted}; get the labels again")
    if task == "va":
        values[(values == -5).any(1)] = np.nan
    elif task == "au":
        values[values == -1] = np.nan
    else:
        code = values[:, 0]
        values = np.where(code[:, None] >= 0, code[:, None] == np.arange(len(header)), np.nan)
    return Labels(part, header, values.astype(np.float32))


def _numbers(lines: list[str], width: int, path: Path) -> NDArray[np.float64]:
    """Lines (n,) as numbers (n, width)."""
    try:
        # An empty line would be skipped, and all that follows it be about the wrong frame.
        numbers = (
            np.loadtxt(lines, delimiter=",", comments=None, ndmin=2) if lines and all(lines) else np.empty((0, width))
        )
        if numbers.shape == (len(lines), width):
            return numbers
    except ValueError:
        pass
    for k, line in enumerate(lines):
        if re.fullmatch(rf"([^,]+,){{{width - 1}}}[^,]+", line) is None or not all(map(_is_number, line.split(","))):
            raise ValueError(f"{path}, line {k + 2}: {line!r:.60}; wanted {width} numbers; get the labels again")
    raise ValueError(f"{path} cannot be read; wanted {width} numbers a line; get the labels again")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def pictures(folder: Path, video: str) -> tuple[Path, NDArray[np.int64]]:
    """The folder of a video's pictures and their numbers, ascending.

    Raises FileNotFoundError if ``folder`` has none for it.
    """
    for faces in sorted(folder.glob("cropped_aligned*")):
        if (faces / video).is_dir():
            with os.scandir(faces / video) as entries:
                stems = [entry.name.removesuffix(".jpg") for entry in entries if entry.name.endswith(".jpg")]
            return faces / video, np.array(
                sorted(int(stem) for stem in stems if stem.isdecimal() and int(stem)), np.int64
            )
    raise FileNotFoundError(
        f"{folder} has labels of the video {video}, but no cropped_aligned/{video}; unpack its pictures, or make an empty folder of "
        "that name to go without"
    )
