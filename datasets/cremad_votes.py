"""CREMA-D votes: 7,442 acted clips named by people who only heard, only saw, or heard and saw them (Cao et al. 2014).

IEEE Transactions on Affective Computing 5(4), 377-390. Licence ODbL 1.0, contents DbCL 1.0: name the source, and
share an adapted database under the same terms. About ten people judged every clip in each of the three ways. No
pictures or sounds are read.

Read from ``cremad_votes.csv.gz`` with one row a clip: ``clip``, ``actor``, ``role`` (train, val or test; no actor is in
two), ``sentence``, ``intended``, ``level``, and counts ``voice_A`` ... ``av_S``, one column for each way and emotion.
"""

import csv
import gzip
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from affectstream.datasets.base import About, Corpus
from affectstream.multimodal.terms import EXPRESSIONS, TERM_MEAN, expected_vad

Split = Literal["train", "val", "test"]
FILE = "cremad_votes.csv.gz"
WAYS = ("voice", "face", "av")
EMOTIONS = ("anger", "disgust", "fear", "happiness", "neutral", "sadness")
LETTERS = "ADFHNS"

EMOTION_VAD = TERM_MEAN[[EXPRESSIONS.index(name) for name in EMOTIONS]].astype(np.float32)


class CremadVotes(Corpus):
    """Some splits of the votes, or all if none is named, as a :class:`Corpus`.

    The signal is the counts (2, 6) float32 of those who only heard and of those who only saw; the target is the shares
    (6,) of those who did both, over :data:`EMOTIONS`, and its derived VAD; the subject is the actor, the trial the
    clip. ``votes`` maps each of :data:`WAYS` to counts (n, 6); ``vad`` (n, 3) is derived from "av"; ``actor`` and
    ``clip`` (n,). Raises FileNotFoundError if ``folder`` does not hold the table, ValueError if it is another table, if
    a clip was not judged, or if a split is empty.
    """

    ABOUT: ClassVar[About] = About(
        "CREMA-D votes",
        "audio-visual",
        "votes of listeners, viewers and both on 7,442 acted clips; six emotions; no media",
        "ODbL 1.0, contents DbCL 1.0",
        f"made of github.com/CheyneyComputerScience/CREMA-D; {FILE} as docs/DATASETS.md says",
        (FILE,),
        shipped=True,
    )
    vad_derived = True

    def __init__(self, folder: Path, *splits: Split) -> None:
        self.ABOUT.require(folder)
        path = folder / FILE
        table = _read(path)
        for split in splits:
            if not any(row["role"] == split for row in table):
                raise ValueError(f"{path} has no clips of split {split!r}; wanted train, val or test")
        rows = [row for row in table if not splits or row["role"] in splits]
        self.clip: NDArray[np.str_] = np.array([row["clip"] for row in rows])
        self.actor: NDArray[np.str_] = np.array([row["actor"] for row in rows])
        self.votes: dict[str, NDArray[np.float32]] = {way: _counts(rows, way, path) for way in WAYS}
        share = shares(self.votes["av"])
        super().__init__(
            self.actor,
            trial=self.clip,
            part=[row["role"] for row in rows],
            vad=derived_vad(share),
            labels=EMOTIONS,
            share=share,
        )

    def signal(self, index: int) -> NDArray[np.float32]:
        return np.stack([self.votes["voice"][index], self.votes["face"][index]])


def shares(votes: NDArray[np.floating]) -> NDArray[np.float32]:
    """Counts (..., 6) as parts of their sum."""
    return np.asarray(votes / votes.sum(-1, keepdims=True), np.float32)


def derived_vad(share: NDArray[np.floating]) -> NDArray[np.float32]:
    """Expected term VAD (..., 3) of shares (..., 6) over :data:`EMOTIONS` (Russell and Mehrabian 1977, neutral at 0).

    A re-expression of category votes, not a human rating of valence, arousal or dominance.

    >>> derived_vad(np.array([0, 0, 0, 0.5, 0.5, 0])).round(3).tolist()
    [0.4050000011920929, 0.2549999952316284, 0.23000000417232513]
    """
    return expected_vad(share, EMOTIONS).astype(np.float32)


def sampling_variance(share: NDArray[np.floating], count: NDArray[np.floating]) -> NDArray[np.float32]:
    """How far the derived VAD of ``count`` (...) votes may lie from that of everybody, as a variance (..., 3).

    That of the Dirichlet posterior of ``share`` (..., 6) after ``count`` votes and Jeffreys' prior of half a vote for
    each emotion, so that it is above 0 where all agree.

    >>> sampling_variance(np.array([0, 0, 0, 1, 0, 0]), np.array(1e9)).round(6).tolist()
    [0.0, 0.0, 0.0]
    """
    total = np.asarray(count, np.float64)[..., None] + 0.5 * len(EMOTIONS)
    expected = (share * np.asarray(count, np.float64)[..., None] + 0.5) / total
    spread = expected @ EMOTION_VAD.astype(np.float64) ** 2 - (expected @ EMOTION_VAD.astype(np.float64)) ** 2
    return np.asarray(spread / (total + 1), np.float32)


def _read(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        wanted = {"clip", "actor", "role"} | {f"{way}_{letter}" for way in WAYS for letter in LETTERS}
        missing = sorted(wanted - set(reader.fieldnames or ()))
        if missing:
            raise ValueError(f"{path} has columns {reader.fieldnames}; wanted also {missing}; get the table again")
        return list(reader)


def _counts(rows: list[dict[str, str]], way: str, path: Path) -> NDArray[np.float32]:
    """Votes (n, 6) given in one ``way``."""
    counts = np.array([[int(row[f"{way}_{letter}"]) for letter in LETTERS] for row in rows], np.float32)
    unjudged = np.flatnonzero((counts.sum(1) <= 0) | (counts < 0).any(1))
    if len(unjudged):
        name = rows[unjudged[0]]["clip"]
        raise ValueError(f"{path}: clip {name} has {way} votes {counts[unjudged[0]].tolist()}; wanted at least one")
    return counts
