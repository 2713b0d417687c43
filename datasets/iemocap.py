"""IEMOCAP: 10,039 turns of ten actors in pairs, improvised and scripted (Busso et al. 2008, Lang. Resour. Eval. 42, 335-359).

Under a signed agreement, for research; it may not be passed on. Twelve hours in five sessions, each of one woman and one
man who meet in no other: the usual folds leave a session out. 16 kHz. At least two people rated every turn.

Read from the folder as released (``IEMOCAP_full_release``, which holds ``Session1`` to ``Session5``):
``Session1/dialog/EmoEvaluation/Ses01F_impro01.txt`` has a line
``[6.2901 - 8.2357]<tab>Ses01F_impro01_F000<tab>neu<tab>[2.5000, 2.5000, 2.5000]`` for each turn, with means of valence,
activation and dominance from 1 to 5, and between these lines those of the raters, which are not read; the sound of that
turn is ``Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav``. Who speaks is told by the last part of the
name, F000; the F before it is who wore the markers in that dialogue.

Raters went beyond the scale: four means of valence are 5.5 and three of dominance 0.5. They are taken for 5 and 1.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from affectstream.datasets.base import About
from affectstream.datasets.clips import Clip, Clips, require_files

NAMES = {
    "ang": "anger",
    "dis": "disgust",
    "exc": "excitement",
    "fea": "fear",
    "fru": "frustration",
    "hap": "happiness",
    "neu": "neutral",
    "sad": "sadness",
    "sur": "surprise",
}
NO_LABEL = ("xxx", "oth")  # raters did not agree; none of these
FOUR = {"ang": "anger", "exc": "happiness", "hap": "happiness", "neu": "neutral", "sad": "sadness"}
BEYOND = 0.5  # by which a mean rating may leave its scale of 1 to 5
_NUMBER = r"(-?\d+\.?\d*)"
_TURN = re.compile(
    rf"\[[\d.]+ - [\d.]+\]\t((Ses0[1-5])[FM]_\w+)_([FM])(\w+)\t([a-z]{{3}})\t\[{', '.join([_NUMBER] * 3)}\]\s*"
)


class Iemocap(Clips):
    """IEMOCAP as :class:`Clips`, with ratings of valence, arousal and dominance: speakers "Ses01F" to "Ses05M".

    ``classes`` 4 is the convention of the literature: anger, happiness (with excitement), neutral, sadness; 9 keeps
    excitement apart and adds disgust, fear, frustration and surprise. A turn of another emotion, or on whose emotion the
    raters did not agree, has ratings and no label. ``session`` (n,) is "1" to "5"; the sentence, and so the trial, is the
    dialogue.

    Raises FileNotFoundError if ``folder`` holds no IEMOCAP or lacks the sound of a turn, ValueError for a line that is not
    as published or a rating far outside its scale.
    """

    ABOUT: ClassVar[About] = About(
        "IEMOCAP",
        "speech",
        "10,039 turns of ten actors in pairs: nine emotions; valence, arousal and dominance, 1 to 5",
        "its own agreement, signed; no passing on",
        "sail.usc.edu/iemocap",
        ("Session[1-5]/dialog/EmoEvaluation/Ses*.txt", "Session[1-5]/sentences/wav/*/*.wav"),
    )

    def __init__(self, folder: Path, classes: Literal[4, 9] = 4) -> None:
        self.ABOUT.require(folder)
        if classes not in (4, 9):
            raise ValueError(f"classes is {classes}; wanted 4 or 9")
        names = FOUR if classes == 4 else NAMES
        files = sorted(folder.glob("Session[1-5]/dialog/EmoEvaluation/Ses*.txt"))
        turns = [turn for file in files for turn in _turns(file, names)]
        clips = [clip for clip, _ in turns]
        require_files(clips)
        ratings = np.array([rating for _, rating in turns]).reshape(-1, 3)
        vad = (np.clip(ratings, 1, 5) - 3) / 2
        super().__init__(
            clips, tuple(sorted(set(names.values()))), vad=vad, session=[clip.speaker[4] for clip in clips]
        )


def _turns(file: Path, names: dict[str, str]) -> Iterator[tuple[Clip, list[float]]]:
    """Each turn of a dialogue, and its valence, activation and dominance."""
    for number, line in enumerate(file.read_text(encoding="latin-1").splitlines(), 1):
        if not line.startswith("["):
            continue
        turn = _TURN.fullmatch(line)
        if turn is None or turn[1] != file.stem or turn[5] not in (*NAMES, *NO_LABEL):
            raise ValueError(
                f"{file}, line {number} is {line!r}; wanted [start - end], a turn of {file.stem}, an emotion such as neu and "
                "[valence, activation, dominance] between tabs; get the file again"
            )
        rating = [float(turn[k]) for k in (6, 7, 8)]
        if not all(1 - BEYOND <= value <= 5 + BEYOND for value in rating):
            raise ValueError(f"{file}, line {number}: the ratings are {rating}; wanted 1 to 5; get the file again")
        path = file.parents[2] / "sentences" / "wav" / turn[1] / f"{turn[1]}_{turn[3]}{turn[4]}.wav"
        yield Clip(path, turn[2] + turn[3], turn[1], names.get(turn[5], "")), rating
