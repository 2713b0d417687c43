"""MSP-Podcast: a quarter of a million turns from podcasts (Lotfian and Busso 2019, IEEE Trans. Affective Comp. 10(4), 471-483).

Under an agreement that an institution signs; it may not be passed on. Speech as it was said, of some thousands of
speakers, 16 kHz; at least five people rated each turn.

Read from the folder as released: ``Labels/labels_consensus.csv`` (``labels_concensus.csv`` in older releases) with the
columns FileName, EmoClass, EmoAct, EmoVal, EmoDom, SpkrID, Gender and Split_Set, and ``Audios/MSP-PODCAST_0001_0008.wav``
(``Audio`` in older ones). Ratings are means from 1 to 7, with arousal first. EmoClass is a letter; O, another emotion, and
X, no agreement, are no label. Development is called Validation in older releases.

Test1 is the usual test set. Test2 was drawn from other podcasts, at random and not by a retrieval of emotions, so that
figures on the two are not comparable. Test3's labels are kept by the owners: its turns are left out.
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from affectstream.datasets.base import About
from affectstream.datasets.clips import Clip, Clips, require_files

LETTERS = {
    "A": "anger",
    "C": "contempt",
    "D": "disgust",
    "F": "fear",
    "H": "happiness",
    "N": "neutral",
    "S": "sadness",
    "U": "surprise",
}
NO_LABEL = ("O", "X")
EMOTIONS = tuple(LETTERS.values())
SPLITS = {"Train": "train", "Development": "val", "Validation": "val", "Test1": "test", "Test2": "test"}
RATINGS = ("EmoVal", "EmoAct", "EmoDom")  # in our order; the table has arousal first
COLUMNS = ("FileName", "EmoClass", *RATINGS, "SpkrID", "Split_Set")


class MspPodcast(Clips):
    """MSP-Podcast as :class:`Clips`, with ratings of valence, arousal and dominance, and its official parts.

    ``test`` says which test set is the part "test"; the turns of the others are left out. The sentence, and so the trial,
    is the podcast. A speaker whom the owners could not name ("Unknown") is taken for one who speaks in that turn only,
    which may put one person's turns into two folds of a split of your own; the official parts are the owners'.

    Raises FileNotFoundError if ``folder`` holds no MSP-Podcast or lacks the sound of a turn, ValueError for a line that is
    not as published or a rating outside its scale.
    """

    ABOUT: ClassVar[About] = About(
        "MSP-Podcast",
        "speech",
        "some 260,000 turns from podcasts: eight emotions; valence, arousal and dominance, 1 to 7; official split",
        "its own agreement, signed by an institution; no passing on",
        "lab-msp.com/MSP/MSP-Podcast.html",
        ("Labels/labels_con[cs]ensus.csv", "Audio*/*.wav"),
    )

    def __init__(self, folder: Path, test: Literal["Test1", "Test2"] = "Test1") -> None:
        self.ABOUT.require(folder)
        if test not in ("Test1", "Test2"):
            raise ValueError(f"test is {test!r}; wanted 'Test1' or 'Test2'; the labels of Test3 are not published")
        table = next(folder.glob("Labels/labels_con[cs]ensus.csv"))
        sounds = next(folder.glob("Audio*/*.wav")).parent
        clips, parts, ratings = [], [], []
        for line, row in _rows(table):
            if row["Split_Set"] in ({"Test1", "Test2"} - {test}):
                continue
            name = row["FileName"]
            speaker = f"Unknown {Path(name).stem}" if row["SpkrID"] == "Unknown" else row["SpkrID"]
            clips.append(Clip(sounds / name, speaker, name.rpartition("_")[0], LETTERS.get(row["EmoClass"], "")))
            parts.append(SPLITS[row["Split_Set"]])
            ratings.append([_rating(row[column], f"{table}, line {line}: {column}") for column in RATINGS])
        require_files(clips)
        super().__init__(clips, EMOTIONS, vad=(np.array(ratings).reshape(-1, 3) - 4) / 3, part=parts)


def _rows(table: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The lines of the table but those of Test3, each with its number; its words are known ones."""
    with table.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, restval="")
        if missing := [name for name in COLUMNS if name not in (reader.fieldnames or ())]:
            raise ValueError(f"{table} has columns {reader.fieldnames}; wanted also {missing}; get the table again")
        for row in reader:
            if row["Split_Set"] == "Test3":
                continue
            for column, known in (("Split_Set", SPLITS), ("EmoClass", (*LETTERS, *NO_LABEL))):
                if row[column] not in known:
                    raise ValueError(
                        f"{table}, line {reader.line_num}: {column} is {row[column]!r}; wanted one of {', '.join(known)}"
                    )
            if not row["FileName"] or not row["SpkrID"]:
                raise ValueError(f"{table}, line {reader.line_num} is {row}; wanted a FileName and a SpkrID")
            yield reader.line_num, row


def _rating(text: str, where: str) -> float:
    """A rating from 1 to 7, NaN where there is none."""
    try:
        value = float(text or "nan")
    except ValueError:
        value = np.inf
    if not (np.isnan(value) or 1 <= value <= 7):
        raise ValueError(f"{where} is {text!r}; wanted 1 to 7, or nothing where it is unknown")
    return value
