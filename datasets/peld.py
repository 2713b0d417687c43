"""PELD: 6,510 threes of turns in Friends, with the main speaker's personality (Wen et al. 2021, Findings of ACL, 2106.15846).

No licence; made of MELD, EmoryNLP and FriendsPersona, lines of a television series. Do not pass it on, nor weights trained
on it. Read from ``data/Dyadic_PELD.tsv`` of the repository: one of the six friends says the first and the third utterance,
somebody else the second, and all three have an emotion. The third is the sample.

Traps. The third utterance of one row is often the first or second of another, and scenes that MELD and EmoryNLP share are in twice:
the authors' random split of rows, which is not in the file, has the same utterances on both sides, and so has any split by
speaker alone. ``trial`` joins such rows. The emotions of EmoryNLP were renamed and its peaceful and powerful left out;
the sentiments are a function of the emotion (surprise is always positive) and are not read. Of letters outside ASCII only a
space was left. The last number of a personality is called N, but is stability: see :class:`Peld`.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from affectstream.datasets.base import About, one_hot
from affectstream.datasets.meld import NAMES
from affectstream.datasets.texts import Texts, read_table, renamed

FILE = "data/Dyadic_PELD.tsv"
ROLES = ("Chandler", "Joey", "Monica", "Phoebe", "Rachel", "Ross")
LONG = 5  # words from which an utterance that occurs twice is taken to be the same one
_SAID = ("Utterance_1", "Utterance_2", "Utterance_3")
_FELT = ("Emotion_1", "Emotion_2", "Emotion_3")


class Peld(Texts):
    """PELD's third utterances, labels as MELD's; no VAD is rated, and there is no official split.

    The subject is the main role, one of :data:`ROLES`; ``partner`` (n,) says the second utterance. ``context`` (n,) are
    the first two utterances, ``earlier`` (n, 2) their emotions. ``dialogue`` (n,) and ``turn`` (n,) number stretches of rows
    that follow one another, as far as the file shows; ``trial`` joins the dialogues that share an utterance of
    five or more words. All three are derived.

    ``personality`` (n, 5) is openness, conscientiousness, extraversion, agreeableness and N, in [0, 1], the mean over
    annotated scenes, one for each role. N is high for the *stable*: the annotators of FriendsPersona were asked who is
    emotionally stable. A formula that wants neuroticism wants 1 - N; Mehrabian's (1996), which PELD uses, wants N as it is.

    Raises FileNotFoundError if ``folder`` does not hold the file, ValueError for a row that is not as published.
    """

    ABOUT: ClassVar[About] = About(
        "PELD",
        "text",
        "6,510 threes of turns in Friends; seven emotions, five traits of the main speaker",
        "none; television script",
        "https://github.com/preke/PELD",
        (FILE,),
    )

    def __init__(self, folder: Path) -> None:
        self.ABOUT.require(folder)
        path = folder / FILE
        rows = read_table(path, ("Speaker_1", "Speaker_2", "Personality", *_SAID, *_FELT), "\t")
        said = [tuple(row[name] for name in _SAID) for row in rows]
        felt = [[renamed(row[name], NAMES, f"{path}, row {k}") for name in _FELT] for k, row in enumerate(rows, 1)]
        for k, row in enumerate(rows, 1):
            if row["Speaker_1"] not in ROLES:
                raise ValueError(
                    f"{path}, row {k}: Speaker_1 is {row['Speaker_1']!r}; wanted one of {', '.join(ROLES)}"
                )
        self.text = tuple(three[2] for three in said)
        self.context: tuple[tuple[str, str], ...] = tuple((three[0], three[1]) for three in said)
        self.earlier: NDArray[np.str_] = np.array([emotions[:2] for emotions in felt], np.str_)
        self.partner: NDArray[np.str_] = np.array([row["Speaker_2"] for row in rows], np.str_)
        self.personality: NDArray[np.float32] = np.array(
            [_traits(row["Personality"], f"{path}, row {k}") for k, row in enumerate(rows, 1)], np.float32
        )
        stretch, self.turn = _stretches(said)
        self.dialogue: NDArray[np.str_] = stretch.astype(np.str_)
        labels = tuple(NAMES.values())
        super().__init__(
            [row["Speaker_1"] for row in rows],
            trial=_joined(stretch, said),
            labels=labels,
            share=one_hot([emotions[2] for emotions in felt], labels),
        )


def _traits(listed: str, where: str) -> list[float]:
    try:
        traits = [float(trait) for trait in json.loads(listed)]
    except (ValueError, TypeError):
        traits = []
    if len(traits) != 5 or not all(0 <= trait <= 1 for trait in traits):
        raise ValueError(f"{where}: the personality is {listed!r}; wanted five numbers from 0 to 1")
    return traits


def _stretches(said: Sequence[tuple[str, ...]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The dialogue of each row and its turn in it (n,): a row goes on if it begins with what ended the one before."""
    dialogue, turn = np.zeros(len(said), np.int64), np.zeros(len(said), np.int64)
    for k in range(1, len(said)):
        goes_on = said[k][:2] == said[k - 1][1:] or said[k][0] == said[k - 1][2]
        dialogue[k] = dialogue[k - 1] + (not goes_on)
        turn[k] = turn[k - 1] + 1 if goes_on else 0
    return dialogue, turn


def _joined(dialogue: NDArray[np.int64], said: Iterable[tuple[str, ...]]) -> NDArray[np.int64]:
    """The lowest number of the dialogues that each row's is joined with, over any number of steps."""
    first = list(range(int(dialogue.max()) + 1))

    def root(k: int) -> int:
        while first[k] != k:
            first[k] = first[first[k]]
            k = first[k]
        return k

    home: dict[str, int] = {}
    for k, three in zip(dialogue.tolist(), said, strict=True):
        for text in three:
            words = "".join(c if c.isalnum() else " " for c in text.casefold()).split()
            if len(words) >= LONG:
                a, b = sorted((root(k), root(home.setdefault(" ".join(words), k))))
                first[b] = a
    return np.array([root(k) for k in dialogue.tolist()])
