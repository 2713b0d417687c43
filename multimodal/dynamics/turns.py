"""The 25-turn experiment: what an agent's affect does in a quarrel and after it, with and without a state.

After Subaharan 2026 (arXiv 2601.16087), whose turns, parameters and definitions are not public: the dialogue
and the definitions here are ours. A memoryless estimator rates each turn; the agent's affect is that rating
(stateless), or follows it as a character of the first or second order does.
"""

import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affectstream.multimodal.dynamics.character import Character, step
from affectstream.multimodal.dynamics.probes import hysteresis, jitter, lag, overshoot, recovery
from affectstream.multimodal.dynamics.published import smoothed_momentum, smoothing

PHASES = ("opening", "adversarial", "pause", "reconciliatory")
MOMENTA = (0.5, 0.8, 0.9, 0.95)
TOLERANCE = 0.1  # how far below the opening's mean valence counts as recovered
OWN = Path(__file__).with_name("dialogue.json")


@dataclass(frozen=True)
class Turn:
    """One utterance of the other side and the ``phase`` it belongs to."""

    phase: str
    text: str


@dataclass(frozen=True, eq=False)
class Course:
    """One condition's ``affect`` (n, 3) after each turn, and what is measured of its valence.

    ``recovers`` is the turn of the reconciliation (1 is its first) from which valence stays within
    :data:`TOLERANCE` of the opening's mean rating, None if it does not; ``lag`` in turns; ``hysteresis`` as in
    :func:`probes.hysteresis`; ``jitter``, mean change from turn to turn; ``reversals``, how often valence
    changes sign; ``overshoot`` beyond the ratings' range.
    """

    name: str
    momentum: float | None
    damping: float | None
    affect: NDArray[np.float64]
    recovers: int | None
    lag: float
    hysteresis: float
    jitter: float
    reversals: int
    overshoot: float


@dataclass(frozen=True, eq=False)
class Experiment:
    """``ratings`` (n, 3) of the ``turns`` and the ``courses`` of all conditions, stateless first."""

    turns: list[Turn]
    ratings: NDArray[np.float64]
    courses: list[Course]


@dataclass(frozen=True)
class Verdict:
    """A ``claim`` of the paper, whether these numbers show it, and the numbers."""

    claim: str
    shown: bool
    because: str


def read_dialogue(path: Path = OWN) -> list[Turn]:
    """The turns of a dialogue (.json); raises ValueError if it is not one, with what was wanted."""
    try:
        turns = [Turn(turn["phase"], turn["text"]) for turn in json.loads(path.read_text(encoding="utf-8"))["turns"]]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f'{path} is no dialogue ({error!r}); wanted {{"turns": [{{"phase", "text"}}, ...]}}'
        ) from error
    if not all(isinstance(turn.text, str) and turn.text.strip() for turn in turns):
        raise ValueError(f"{path} has a turn without words; wanted a text in each")
    order = [PHASES.index(t.phase) if t.phase in PHASES else -1 for t in turns]
    if not set(order) >= {0, 1, 3} or -1 in order or order != sorted(order):
        raise ValueError(f"{path} has phases {[t.phase for t in turns]}; wanted {', '.join(PHASES)}, in that order")
    return turns


def replay(
    turns: Sequence[Turn], rate: Callable[[list[str]], NDArray[np.float64]], *, alpha: float = 0.15
) -> Experiment:
    """All conditions on ``turns``, which ``rate`` rates: texts to (n, 3) in [-1, 1]. ``alpha`` as in the paper's smoothing.

    Raises ValueError for an alpha outside (0, 1).
    """
    ratings = np.asarray(rate([turn.text for turn in turns]), np.float64)
    characters: list[tuple[str, float | None, Character | None]] = [
        ("stateless", None, None),
        ("first order", None, smoothing(alpha, settle=np.inf)),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that high momentum rings is what is to be shown
        for momentum in MOMENTA:
            character = smoothed_momentum(alpha, momentum, settle=np.inf)
            characters.append((f"second order, momentum {momentum:g}", momentum, character))
    courses: list[Course] = []
    for name, momentum, c in characters:
        affect, damping = (ratings, None) if c is None else (follow(c, ratings), c.damping)
        courses.append(course_of(name, momentum, damping, affect, turns, ratings, ratings))
    return Experiment(list(turns), ratings, courses)


def course_of(
    name: str,
    momentum: float | None,
    damping: float | None,
    affect: NDArray[np.float64],
    turns: Sequence[Turn],
    ratings: NDArray[np.float64],
    calm: NDArray[np.float64],
) -> Course:
    """What is measured of ``affect`` (n, 3), driven by ``ratings`` (n, 3); it has recovered when it is back at the opening's
    mean of ``calm`` (n, 3)."""
    valence, driver = affect[:, 0], ratings[:, 0]
    opening = np.array([turn.phase == "opening" for turn in turns])
    after = np.array([turn.phase == "reconciliatory" for turn in turns])
    back = recovery(valence[after], float(calm[opening, 0].mean()) - TOLERANCE)
    return Course(
        name=name,
        momentum=momentum,
        damping=damping,
        affect=affect,
        recovers=None if back is None else back + 1,
        lag=lag(valence, driver, 1.0, reach=8.0),
        hysteresis=hysteresis(driver, valence),
        jitter=jitter(valence, 1.0),
        reversals=int((np.diff(np.sign(valence)) != 0).sum()),
        overshoot=overshoot(valence, driver),
    )


def follow(character: Character, ratings: NDArray[np.float64]) -> NDArray[np.float64]:
    """The character's value (n, 3) after each of ``ratings`` (n, 3), a turn of one second each, from the first one on."""
    affect = character.at_rest()
    affect = type(affect)(0.0, ratings[0])
    out = [affect.value]
    for k, rating in enumerate(ratings[1:], start=1):
        affect = step(character, affect, float(k), rating)
        out.append(affect.value)
    return np.array(out)


def verdicts(experiment: Experiment) -> list[Verdict]:
    """The paper's qualitative findings, held against these numbers."""
    stateless, first, *second = experiment.courses
    states = [first, *second]
    slow, loops = [c.lag for c in states], [c.hysteresis for c in second]
    back = [c.recovers for c in states]
    return [
        Verdict(
            "no recovery without a state",
            stateless.recovers is None,
            f"stateless valence stays recovered from {_turn(stateless.recovers)}",
        ),
        Verdict(
            "with a state the response is delayed",
            all(s > stateless.lag for s in slow),
            f"lag {stateless.lag:.1f} turns stateless, {min(slow):.1f} to {max(slow):.1f} with a state",
        ),
        Verdict(
            "with a state there is recovery",
            all(b is not None for b in back),
            "first order, then rising momentum: recovered from turn "
            + ", ".join(str(c.recovers or "never") for c in states),
        ),
        Verdict(
            "a state makes reversals rarer",
            all(c.jitter < stateless.jitter for c in states),
            f"{stateless.jitter:.2f} change a turn stateless, {first.jitter:.2f} first order, "
            f"{min(c.jitter for c in second):.2f} to {max(c.jitter for c in second):.2f} second",
        ),
        Verdict(
            "hysteresis grows with momentum",
            all(a < b for a, b in pairwise(loops)),
            "loop area " + ", ".join(f"{c.hysteresis:.2f} at {c.momentum:g}" for c in second),
        ),
        Verdict(
            "inertia grows with momentum: it carries affect further past its input",
            all(a.overshoot <= b.overshoot for a, b in pairwise(second)) and second[-1].overshoot > second[0].overshoot,
            "overshoot " + ", ".join(f"{c.overshoot:.2f} at {c.momentum:g}" for c in second),
        ),
    ]


def _turn(number: int | None) -> str:
    return "no turn on" if number is None else f"turn {number} of the reconciliation"
