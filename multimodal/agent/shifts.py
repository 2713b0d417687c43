"""How somebody's affect turns in the course of a conversation, utterance by utterance, in the manner of counselling.

After PsycheChat (arXiv 2601.12392), whose abstract names the tracking of a speaker's emotion and its shifts, and a watch on
risk; how is not public there, and what is done here is ours. Each rating goes, with its uncertainty, through the estimator of
:mod:`affectstream.multimodal.dynamics.estimator`, and what happened is found by its events.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from affectstream.multimodal.dynamics.estimator import Estimator
from affectstream.multimodal.dynamics.events import Event, Rules, Watch, watch
from affectstream.multimodal.dynamics.filter import Look
from affectstream.multimodal.dynamics.process import OrnsteinUhlenbeck
from affectstream.multimodal.terms import EXPRESSIONS, term_posterior
from affectstream.multimodal.types import DIMENSIONS

# Affect in a conversation lasts longer than an expression on a face. Both are choices, not fitted.
PROCESS = OrnsteinUhlenbeck(tau=(40.0, 30.0, 60.0))
RULES = Rules(likely=0.75, dwell=0.0, reversal=120.0)  # one utterance is long enough; answers may lie between two
# What is watched for: as negative as anger and with less control than plain sadness (multimodal/terms.py).
LOW_VALENCE, LOW_DOMINANCE, LIKELY, SUSTAINED = -0.5, -0.35, 0.8, 3


@dataclass(frozen=True)
class Shift:
    """One ``event`` of a ``speaker``: from the word for the state ``before``, in turn ``from_turn``, to the one ``after``, in
    ``turn``. Before is the height of the episode that a shift turns from, else their last utterance (0 and "neutral" if there was none).
    Turns count all speakers' utterances from 1."""

    speaker: str
    event: Event
    from_turn: int
    turn: int
    before: str
    after: str

    def phrase(self) -> str:
        """The shift in words.

        >>> Shift("client", Event("shift", 8.0, 8.0, "valence", -1, 0.5, 0.9), 1, 3, "happiness", "sadness").phrase()
        'client, turn 1 to 3: happiness to sadness (shift to low valence)'
        """
        return f"{self.speaker}, turn {self.from_turn} to {self.turn}: {self.before} to {self.after} ({self.event.phrase()})"


class _Speaker:
    """What is remembered of one speaker."""

    def __init__(self, time: float) -> None:
        self.estimator = Estimator(PROCESS, start=time, horizon=1.0)
        self.watch, self.turn, self.word = Watch(), 0, EXPRESSIONS[0]
        self.heights: dict[tuple[str, int], tuple[int, str, float]] = {}  # turn, word, size; by dimension and direction
        self.low, self.since = 0, time  # utterances in a row in the state that is watched for, and when it began

    def climb(self, mean: NDArray[np.float64], onsets: list[Event]) -> None:
        """Remember this utterance as the height of the episodes that have begun with it, or have not been as high before."""
        for event in onsets:
            self.heights.pop((event.dimension, event.direction), None)
        for k, side in enumerate(self.watch.sides):
            d, direction = k // 2, 1 - 2 * (k % 2)
            size = direction * float(mean[d] - PROCESS.baseline[d])
            _, _, before = self.heights.get((DIMENSIONS[d], direction), (0, "", -np.inf))
            if side.on and size > before:
                self.heights[DIMENSIONS[d], direction] = self.turn, self.word, size


class Shifts:
    """Follows every speaker of one conversation.

    ``risk`` is called once whenever a speaker's state has been strongly negative and low in dominance for
    :data:`SUSTAINED` utterances in a row: at each, with a probability of at least :data:`LIKELY`, valence below
    :data:`LOW_VALENCE`, and likewise dominance below :data:`LOW_DOMINANCE`. It reports and does nothing else. **It is no diagnosis**:
    the thresholds are choices that were tried on nobody, words that sound so are often harmless, and danger often sounds
    otherwise. What follows from it is for a person to decide.
    """

    def __init__(self, *, risk: Callable[[Shift], None] | None = None) -> None:
        self._risk, self._turn, self._time = risk, 0, -np.inf
        self._speakers: dict[str, _Speaker] = {}

    def hear(self, speaker: str, time: float, mean: ArrayLike, variance: ArrayLike) -> list[Shift]:
        """Take in an utterance at ``time`` (s), rated ``mean`` (3,), NaN where unknown, with error ``variance`` (3,); what has
        happened with its speaker.

        Raises ValueError for a time before the last utterance's, and for a rating that is none; nothing has then changed.
        """
        if not (np.isfinite(time) and time >= self._time):
            raise ValueError(f"utterance at {time} s after one at {self._time} s; wanted times that never decrease")
        rating, unsure = np.asarray(mean, np.float64), np.asarray(variance, np.float64)
        if rating.shape != (3,) or unsure.shape != (3,) or (abs(rating) > 1).any():
            raise ValueError(
                f"rating is {rating.tolist()}, its variance {unsure.tolist()}; wanted three values each, in [-1, 1]"
            )
        look = Look("text", rating, unsure)
        self._turn, self._time = self._turn + 1, float(time)
        one = self._speakers.setdefault(speaker, _Speaker(self._time))
        one.estimator.add(self._time, look)
        belief = one.estimator.at(self._time)
        mean_now, sd = belief.mean[:3], np.sqrt(belief.variance)
        one.watch, events = watch(one.watch, self._time, mean_now, sd, baseline=PROCESS.baseline, rules=RULES)
        word = EXPRESSIONS[int(term_posterior(np.clip(mean_now, -1, 1), belief.variance).argmax())]
        shifts = [self._shift(speaker, one, event, word) for event in events]
        danger = self._danger(speaker, one, mean_now, sd, word)
        one.turn, one.word = self._turn, word
        one.climb(mean_now, [event for event in events if event.kind == "onset"])
        if danger is not None and self._risk is not None:
            self._risk(danger)
        return shifts

    def _shift(self, speaker: str, one: _Speaker, event: Event, word: str) -> Shift:
        """``event`` with what was before it: the episode that it turns from, or else the last utterance."""
        turn, before = one.turn, one.word
        if event.kind == "shift":
            turn, before, _ = one.heights.get((event.dimension, -event.direction), (turn, before, 0.0))
        return Shift(speaker, event, turn, self._turn, before, word)

    def _danger(
        self, speaker: str, one: _Speaker, mean: NDArray[np.float64], sd: NDArray[np.float64], word: str
    ) -> Shift | None:
        """What is to be reported now, if anything: only when the state has just lasted long enough."""
        chance = float(min(ndtr((LOW_VALENCE - mean[0]) / sd[0]), ndtr((LOW_DOMINANCE - mean[2]) / sd[2])))
        if chance < LIKELY:
            one.low = 0
            return None
        one.low += 1
        if one.low == 1:
            one.since = self._time
        if one.low != SUSTAINED:
            return None
        size = float(PROCESS.baseline[0] - mean[0])
        event = Event("onset", one.since, self._time, "valence", -1, size, chance)
        return Shift(speaker, event, one.turn, self._turn, one.word, word)
