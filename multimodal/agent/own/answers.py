"""The 25-turn experiment with a language model: it answers every turn, told its own state, and its tone is rated.

The states are those of :func:`affectstream.multimodal.dynamics.turns.replay`, which follow the other side's words. Each
condition is a conversation of its own; the state stands in the latest message only, so what was told before is
not read again. A model that is told nothing at all answers too, since only beside it can be seen what telling does.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affectstream.multimodal.agent.bands import Bands
from affectstream.multimodal.agent.own.affect import Rate
from affectstream.multimodal.agent.own.page import page
from affectstream.multimodal.agent.own.words import INTRODUCTION, own_block
from affectstream.multimodal.dynamics.character import Affect, Character
from affectstream.multimodal.dynamics.turns import Course, Experiment, course_of

Llm = Callable[[list[dict[str, str]]], str]  # messages, each with its role and content, to an answer

SYSTEM = f"You are an assistant at work, talking with a colleague. Answer in one or two short sentences. {INTRODUCTION}"
UNTOLD = "told nothing"


class ModelError(Exception):
    """A model that gave no answer; the message says to what and why."""


@dataclass(frozen=True)
class Answer:
    """What was ``said`` to ``turn`` (1 is the first) in a ``condition``, and the block that was ``told`` with it ("" for none)."""

    condition: str
    turn: int
    told: str
    said: str


@dataclass(frozen=True, eq=False)
class Talk:
    """All ``answers``; what is measured of their ``tone``, condition by condition as the states'; and that of the ``untold``."""

    answers: list[Answer]
    tone: Experiment
    untold: Course


def talk(experiment: Experiment, llm: Llm, rate: Rate, keep: Callable[[Answer], None]) -> Talk:
    """Let ``llm`` answer every turn of ``experiment`` in every condition; ``rate`` rates each answer by itself (n, 3).

    ``keep`` is called with each answer as it comes. Raises ModelError if the model raises, or gives no text, or words
    that cannot be rated.
    """
    answers: list[Answer] = []
    courses: list[Course] = []
    for course in (None, *experiment.courses):
        name = UNTOLD if course is None else course.name
        tone: list[NDArray[np.float64]] = []
        for answer in _converse(experiment, course, llm):
            tone.append(_rated(answer, rate))
            answers.append(answer)
            keep(answer)
        momentum, damping = (None, None) if course is None else (course.momentum, course.damping)
        heard = np.array(tone)
        courses.append(course_of(name, momentum, damping, heard, experiment.turns, experiment.ratings, heard))
    untold, *told = courses
    return Talk(answers, Experiment(experiment.turns, experiment.ratings, told), untold)


def _converse(experiment: Experiment, course: Course | None, llm: Llm) -> Iterator[Answer]:
    """The answers of one condition, in order."""
    past: list[dict[str, str]] = [{"role": "system", "content": SYSTEM}]
    bands = Bands()
    for k, turn in enumerate(experiment.turns):
        block = ""
        if course is not None:
            block = own_block(page("agent", Character(), k + 1, Affect(float(k), course.affect[k])), bands)
        name = UNTOLD if course is None else course.name
        content = f"{block}\n\n{turn.text}" if block else turn.text
        said = _asked(llm, [*past, {"role": "user", "content": content}], f"turn {k + 1} of the condition {name!r}")
        past += [{"role": "user", "content": turn.text}, {"role": "assistant", "content": said}]
        yield Answer(name, k + 1, block, said)


def _asked(llm: Llm, messages: list[dict[str, str]], where: str) -> str:
    try:
        said = llm([dict(message) for message in messages])
    except Exception as error:  # whatever a model of the caller's may raise
        raise ModelError(
            f"the model failed at {where} ({type(error).__name__}: {error}); mend it and run again"
        ) from error
    if not isinstance(said, str) or not said.strip():
        raise ModelError(f"the model gave {said!r:.80} at {where}; wanted a text that is not empty")
    return said


def _rated(answer: Answer, rate: Rate) -> NDArray[np.float64]:
    try:
        tone = np.asarray(rate([answer.said]), np.float64)[0]
    except ValueError as error:
        tone, reason = np.full(3, np.nan), f" ({error})"
    else:
        reason = ""
    if np.isnan(tone).any():
        raise ModelError(
            f"the answer {answer.said!r:.80} to turn {answer.turn} of {answer.condition!r} cannot be rated{reason}; "
            "wanted a sentence"
        )
    return tone
