"""MELD: 13,708 utterances of 1,432 dialogues from Friends, in seven emotions (Poria et al. 2019, ACL, arXiv 1810.02508).

The repository is under GPL-3.0; the lines are those of a television series, whose owners gave no licence. Do not pass
them on, nor weights trained on them. Only the text is read, from the folder ``data/MELD`` of the repository or from the
unpacked ``MELD.Raw.tar.gz``: ``train_sent_emo.csv`` (in the archive, below ``train``), ``dev_sent_emo.csv`` and
``test_sent_emo.csv``.

Traps. The dialogues are numbered from 0 in each part, so a number alone names three dialogues; utterances were left out,
so their numbers have gaps. The six friends talk in every part. The files were once published with cp1252's quotes and dashes
as control characters, and copies of that are about: they are mended. Dialogues of one episode lie in different parts.
"""

from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from affectstream.datasets.base import About
from affectstream.datasets.texts import Dialogues, Turn, mended, read_table, renamed, whole_number

NAMES = {
    "neutral": "neutral",
    "joy": "happiness",
    "surprise": "surprise",
    "sadness": "sadness",
    "anger": "anger",
    "disgust": "disgust",
    "fear": "fear",
}
SENTIMENTS = ("negative", "neutral", "positive")
PARTS = {"train": "train", "dev": "val", "test": "test"}
_COLUMNS = ("Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID")


class Meld(Dialogues):
    """MELD's utterances, labels neutral, happiness (joy), surprise, sadness, anger, disgust, fear; no VAD is rated.

    The subject is the dialogue, "train/0": the speakers of one part are those of the others. ``speaker`` (n,) is who
    talks, ``sentiment`` (n,) one of :data:`SENTIMENTS`, rated apart from the emotion. Raises FileNotFoundError if
    ``folder`` does not hold all three files, ValueError for a row that is not as published.
    """

    ABOUT: ClassVar[About] = About(
        "MELD",
        "text",
        "13,708 utterances of dialogues in Friends; seven emotions, three sentiments, speakers",
        "GPL-3.0 repository; television script, no licence",
        "https://github.com/declare-lab/MELD, folder data/MELD, or its MELD.Raw.tar.gz unpacked",
        ("dev_sent_emo.csv", "test_sent_emo.csv"),
    )

    def __init__(self, folder: Path) -> None:
        self.ABOUT.require(folder)
        turns: list[Turn] = []
        sentiment: list[str] = []
        for name, part in PARTS.items():
            path = folder / f"{name}_sent_emo.csv"
            inner = folder / name / path.name
            path = inner if inner.is_file() and not path.is_file() else path
            for row in read_table(path, _COLUMNS, encodings=("utf-8-sig", "cp1252")):
                where = f"{path}, utterance {row['Utterance_ID']} of dialogue {row['Dialogue_ID']}"
                dialogue = f"{part}/{whole_number(row['Dialogue_ID'], 'Dialogue_ID', where)}"
                place = whole_number(row["Utterance_ID"], "Utterance_ID", where)
                emotion = renamed(row["Emotion"], NAMES, where)
                turns.append(Turn(mended(row["Utterance"]), emotion, dialogue, place, mended(row["Speaker"]), part))
                sentiment.append(_sentiment(row["Sentiment"], where))
        super().__init__(turns, tuple(NAMES.values()))
        self.sentiment: NDArray[np.str_] = np.array(sentiment, np.str_)


def _sentiment(value: str, where: str) -> str:
    if value not in SENTIMENTS:
        raise ValueError(f"{where}: the sentiment is {value!r}; wanted one of {', '.join(SENTIMENTS)}")
    return value
