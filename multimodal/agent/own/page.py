"""What there is to read of an agent's own affect: a page of JSON with a schema, agent-affect/1."""

from typing import Literal

import numpy as np
from pydantic import Field

from affectstream.multimodal.agent.state import Page, Vad
from affectstream.multimodal.dynamics.character import Affect, Character
from affectstream.multimodal.terms import EXPRESSIONS, term_posterior


class OwnState(Page):
    """An agent's own affect at ``time`` (s), after ``turn`` utterances.

    ``vad`` and ``mood`` (its slow part, the baseline included) in [-1, 1], ``velocity`` in 1/s; ``label``, the
    likeliest expression at that point, with its chance ``label_p``.
    """

    version: Literal["agent-affect/1"] = Field("agent-affect/1", alias="schema")
    agent: str
    time: float
    turn: int = Field(ge=0)
    vad: Vad
    velocity: Vad
    mood: Vad
    label: str
    label_p: float = Field(ge=0, le=1)


def page(agent: str, character: Character, turn: int, affect: Affect) -> OwnState:
    """The page of ``affect`` after ``turn`` turns."""
    chance = term_posterior(affect.reported)
    likeliest = int(chance.argmax())
    return OwnState(
        agent=agent,
        time=affect.time,
        turn=turn,
        vad=Vad.of(affect.reported),
        velocity=Vad.of(affect.velocity),
        mood=Vad.of(np.clip(affect.mood + character.baseline, -1, 1)),
        label=EXPRESSIONS[likeliest],
        label_p=float(chance[likeliest]),
    )  # pyright: ignore[reportCallIssue]
