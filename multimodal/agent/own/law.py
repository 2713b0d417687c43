"""The law of an agent's own affect: what an utterance and the person's state do to it. Pure; no file, no clock.

Between two utterances the character goes back to its baseline, exactly, however long that takes. An utterance
is heard in an instant and weighs as much as :attr:`Manner.dwell` seconds of attention to it: for so long its
rating is held as the target, while the person's state, if it is known, pulls as in
:func:`affectstream.multimodal.dynamics.character.step_together`. One utterance a turn, endless settling and a dwell
of one turn are the recursion of arXiv 2601.16087.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from affectstream.multimodal.dynamics.character import Affect, Character, step, step_together

Triple = tuple[float, float, float]
Who = Literal["user", "agent"]
UNKNOWN = (math.nan, math.nan, math.nan)
PRIOR_SD = 0.45  # of a person's affect of whom nothing is known, as in dynamics/process.py
HELD = Character(damping=None, settle=math.inf)  # the person, while the agent attends: stays as estimated


@dataclass(frozen=True)
class Manner:
    """How an agent listens.

    ``dwell`` (s), the time of attention that an utterance is worth, by default about as long as a sentence takes to be said; ``heed_user`` and ``heed_own`` in [0, 1], the
    confidence in the rating of the other's and of its own words; ``contagion`` (1/s), how fast it goes
    towards the person's state where that is certain.
    """

    dwell: float = 3.0
    heed_user: float = 1.0
    heed_own: float = 0.5
    contagion: float = 0.2

    def __post_init__(self) -> None:
        if not 0 < self.dwell < math.inf:
            raise ValueError(f"dwell is {self.dwell} s; wanted a finite time above 0")
        if not (0 <= self.heed_user <= 1 and 0 <= self.heed_own <= 1):
            raise ValueError(f"heed is {self.heed_user} and {self.heed_own}; wanted values in [0, 1]")
        if not 0 <= self.contagion < math.inf:
            raise ValueError(f"contagion is {self.contagion}/s; wanted a finite rate of at least 0")


class Entry(NamedTuple):
    """What entered the dynamics in one turn: ``time`` (s), ``who`` spoke, the ``rating`` of the words (NaN where there is
    none) with ``confidence``, the person's ``person_vad`` and ``person_sd`` (NaN if not known), and the words' sha256."""

    time: float
    who: Who
    rating: Triple
    confidence: float
    person_vad: Triple
    person_sd: Triple
    text_sha256: str


def known_share(sd: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far (3,) in [0, 1] a person known to ``sd`` (3,) is heeded: the share of the variance that has been found out,
    0 for an sd of NaN or of :data:`PRIOR_SD` and more.

    >>> known_share(np.array([0.0, 0.45, np.nan])).tolist()
    [1.0, 0.0, 0.0]
    """
    return np.nan_to_num(np.clip(1 - np.square(sd / PRIOR_SD), 0, 1), nan=0.0)


def settle(character: Character, affect: Affect, time: float) -> Affect:
    """``affect`` at ``time`` (s) if nothing is heard until then; raises ValueError if that lies before it."""
    return affect if time == affect.time else step(character, affect, time, UNKNOWN, confidence=0.0)


def hear(character: Character, manner: Manner, affect: Affect, entry: Entry) -> Affect:
    """The affect after ``entry``, of whose time it is; ``affect`` is any state before. Raises ValueError if time goes back."""
    before = settle(character, affect, entry.time)
    share = known_share(np.array(entry.person_sd)) * ~np.isnan(entry.person_vad)
    then = entry.time + manner.dwell
    if manner.contagion * share.max() > 0:
        pull = np.zeros((3, 2, 2))
        pull[:, 0, 1] = manner.contagion * share
        person = Affect(entry.time, np.nan_to_num(np.array(entry.person_vad, np.float64)))
        targets = [entry.rating, UNKNOWN]
        after = step_together([character, HELD], [before, person], then, targets, [entry.confidence, 0.0], pull)[0]
    else:
        after = step(character, before, then, entry.rating, confidence=entry.confidence)
    # -0.0 becomes 0.0, since SQLite keeps no sign of zero; what is kept must be what goes on.
    return Affect(entry.time, after.value + 0.0, after.velocity + 0.0, after.mood + 0.0)


def plain_character(character: Character) -> dict[str, Any]:
    """JSON values of ``character``; an endless settling time is null."""
    return asdict(character) | {"settle": None if math.isinf(character.settle) else character.settle}


def character_of(values: dict[str, Any]) -> Character:
    """The inverse of :func:`plain_character`; raises ValueError or TypeError if they are not those of a character."""
    right = dict(values)
    right["settle"] = math.inf if values["settle"] is None else values["settle"]
    right["baseline"], right["gain"] = tuple(values["baseline"]), tuple(values["gain"])
    return Character(**right)
