"""SemEval-2018 Task 1, English: tweets with valence, emotion intensities and eleven emotions (Mohammad et al. 2018, SemEval).

For research; the terms ask not to pass the tweets on. Read from ``SemEval2018-Task1-all-data.zip`` as unpacked, below
``English``: V-reg (``2018-Valence-reg-En-train.txt``, 2,567 tweets in all), EI-reg (``EI-reg-En-anger-train.txt`` and so on,
one file for each of four emotions) and E-c (``2018-E-c-En-train.txt``, 10,983 tweets); of the test parts the files that
end in ``-test-gold.txt``, for those without "gold" have no answers. Columns are parted by tabs, and quotes are text.

Scores come from comparing tweets (best-worst scaling): they order the tweets of one file, and 0.5 of valence is its middle
by construction of the scale, not a person's neutral. The tasks share tweets, which are one sample here: by part,
ID and text. The data of 2017 ("2017-En-...") are in the training parts.
"""

from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from affectstream.datasets.base import About
from affectstream.datasets.texts import Texts, read_table

INTENSITIES = ("anger", "fear", "happiness", "sadness")
EMOTIONS = (
    "anger",
    "anticipation",
    "disgust",
    "fear",
    "happiness",
    "love",
    "optimism",
    "pessimism",
    "sadness",
    "surprise",
    "trust",
)
PARTS = {"train": "train", "dev": "val", "test-gold": "test"}
_THEIRS = {"happiness": "joy"}
_SCORED = ("ID", "Tweet", "Affect Dimension", "Intensity Score")
_Key = tuple[str, str, str]


class SemEval2018(Texts):
    """The tweets of all parts: valence where it was scored, as 2 x - 1, arousal and dominance unknown.

    ``marks`` are :data:`EMOTIONS` (joy is called happiness), NaN for tweets that are not in E-c; no label at all is an answer
    too, "neutral or no emotion". ``intensity`` (n, 4) over :data:`INTENSITIES` in [0, 1], NaN where it was not scored:
    how strong the emotion is in tweets that were found by words of that emotion. The subject is the tweet's ID. Raises
    FileNotFoundError if ``folder`` lacks a file, ValueError for a score outside 0 to 1 or another broken row.
    """

    ABOUT: ClassVar[About] = About(
        "SemEval-2018 Task 1",
        "text",
        "English tweets; valence of 2,567, four intensities, eleven emotions of 10,983, several at once",
        "research; tweets not to be passed on",
        "https://competitions.codalab.org/competitions/17751, SemEval2018-Task1-all-data.zip",
        (
            "English/**/2018-Valence-reg-En-train.txt",
            "English/**/2018-E-c-En-train.txt",
            *(f"English/**/*EI-reg-En-{_THEIRS.get(name, name)}-train.txt" for name in INTENSITIES),
        ),
    )

    def __init__(self, folder: Path) -> None:
        self.ABOUT.require(folder)
        valence: dict[_Key, float] = {}
        marks: dict[_Key, list[float]] = {}
        strength: list[dict[_Key, float]] = [{} for _ in INTENSITIES]
        for name, part in PARTS.items():
            valence |= _scores(_file(folder, f"2018-Valence-reg-En-{name}.txt"), part, "valence")
            for known, emotion in zip(strength, INTENSITIES, strict=True):
                theirs = _THEIRS.get(emotion, emotion)
                known |= _scores(_file(folder, f"*EI-reg-En-{theirs}-{name}.txt"), part, theirs)
            marks |= _marks(_file(folder, f"2018-E-c-En-{name}.txt"), part)
        keys = list(dict.fromkeys(key for table in (valence, marks, *strength) for key in table))
        self.text = tuple(text for _, _, text in keys)
        self.intensity: NDArray[np.float32] = np.array(
            [[known.get(key, np.nan) for known in strength] for key in keys], np.float32
        )
        vad = np.full((len(keys), 3), np.nan, np.float32)
        vad[:, 0] = [2 * valence.get(key, np.nan) - 1 for key in keys]
        unmarked = [np.nan] * len(EMOTIONS)
        super().__init__(
            [tweet for _, tweet, _ in keys],
            part=[part for part, _, _ in keys],
            vad=vad,
            marks=EMOTIONS,
            present=[marks.get(key, unmarked) for key in keys],
        )


def _file(folder: Path, pattern: str) -> Path:
    found = sorted((folder / "English").rglob(pattern))
    if not found:
        raise FileNotFoundError(
            f"{folder / 'English'} holds no {pattern}; unpack the whole of {SemEval2018.ABOUT.access}"
        )
    return found[0]


def _scores(path: Path, part: str, dimension: str) -> dict[_Key, float]:
    """Score in [0, 1] by tweet."""
    scores: dict[_Key, float] = {}
    for row in read_table(path, _SCORED, "\t", quoted=False):
        where = f"{path}, tweet {row['ID']}"
        if row["Affect Dimension"] != dimension:
            raise ValueError(f"{where}: the dimension is {row['Affect Dimension']!r}; wanted {dimension}")
        try:
            score = float(row["Intensity Score"])
        except ValueError:
            score = np.nan
        if not 0 <= score <= 1:
            raise ValueError(
                f"{where}: the score is {row['Intensity Score']!r}; wanted 0 to 1; test files without gold have none"
            )
        scores[part, row["ID"], row["Tweet"]] = score
    return scores


def _marks(path: Path, part: str) -> dict[_Key, list[float]]:
    """Yes and no, (11,) over EMOTIONS, by tweet."""
    theirs = [_THEIRS.get(name, name) for name in EMOTIONS]
    marks: dict[_Key, list[float]] = {}
    for row in read_table(path, ("ID", "Tweet", *theirs), "\t", quoted=False):
        answers = [row[name] for name in theirs]
        if wrong := [answer for answer in answers if answer not in ("0", "1")]:
            raise ValueError(
                f"{path}, tweet {row['ID']}: an emotion is {wrong[0]!r}; wanted 0 or 1; test files without gold have none"
            )
        marks[part, row["ID"], row["Tweet"]] = [float(answer) for answer in answers]
    return marks
