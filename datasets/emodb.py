"""EmoDB: 535 utterances of ten German actors (Burkhardt, Paeschke, Rolfes, Sendlmeier and Weiss 2005, Interspeech).

Licence CC0 1.0 or CC BY 4.0, sources differ; credit meets both. Ten everyday sentences in seven emotions, five women
and five men, 16 kHz. Only what listeners recognised in at least eight of ten cases was kept.

Read from the sound files by their names, as the corpus ships them (``03a01Fa.wav``: speaker 03, sentence a01, F for
Freude, take a), in any folder; and from ``index.csv``, where there is one, the listeners' ``recog`` in per cent.
"""

import csv
import re
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from affectstream.datasets.base import About, one_hot
from affectstream.datasets.clips import Clip, Clips, recordings

EMOTIONS = ("anger", "boredom", "disgust", "fear", "happiness", "neutral", "sadness")
LETTERS = {
    "W": "anger",  # Wut
    "L": "boredom",  # Langeweile
    "E": "disgust",  # Ekel
    "A": "fear",  # Angst
    "F": "happiness",  # Freude
    "N": "neutral",
    "T": "sadness",  # Trauer
}
_NAME = re.compile(r"(\d\d)([ab]\d\d)([WLEAFNT])[a-z]?")


class EmoDB(Clips):
    """EmoDB as :class:`Clips`.

    A clip that a share p of the listeners recognised is p of its emotion, and what they took it for is not known:
    the rest is spread evenly over the other six. Without ``index.csv`` p is 1.

    Raises FileNotFoundError if ``folder`` holds no EmoDB, ValueError for a recording whose name is not EmoDB's or a
    line of ``index.csv`` that is broken.
    """

    ABOUT: ClassVar[About] = About(
        "EmoDB",
        "speech",
        "535 utterances of 10 German actors: seven emotions, and how many listeners recognised each",
        "CC0 1.0 or CC BY 4.0, sources differ",
        "zenodo.org/records/17651657, or emodb.bilderbar.info",
        ("**/[01][0-9][ab][0-9][0-9][WLEAFNT]*.*",),
        shipped=True,
    )

    def __init__(self, folder: Path) -> None:
        self.ABOUT.require(folder)
        clips = [_clip(path) for path in recordings(folder, "EmoDB's sound files, such as wav/03a01Fa.wav")]
        known = _recognised(folder / "index.csv")
        emotion = [clip.emotion for clip in clips]
        hit = one_hot(emotion, EMOTIONS)
        p = np.array([known.get(clip.path.stem, 1.0) for clip in clips])[:, None]
        super().__init__(clips, EMOTIONS, p * hit + (1 - p) * (1 - hit) / (len(EMOTIONS) - 1))
        self.recognised: NDArray[np.float64] = p[:, 0]


def _clip(path: Path) -> Clip:
    match = _NAME.fullmatch(path.stem)
    if match is None:
        raise ValueError(f"{path} is not named as EmoDB names its files; wanted names such as 03a01Fa.wav")
    return Clip(path, match[1], match[2], LETTERS[match[3]])


def _recognised(path: Path) -> dict[str, float]:
    """Share of listeners who named the emotion acted, by file name without ending."""
    if not path.is_file():
        return {}
    known = {}
    with path.open(newline="", encoding="utf-8") as file:
        for line, row in enumerate(csv.DictReader(file), 2):
            try:
                known[Path(row["file"]).stem] = share = float(row["recog"]) / 100
            except (KeyError, TypeError, ValueError):
                share = -1.0
            if not 0 <= share <= 1:
                raise ValueError(f"{path}, line {line} is {row}; wanted file, and recog from 0 to 100; mend the line")
    return known
