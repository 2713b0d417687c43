"""What the examples share: a person and a model that are scripted, and the printing of what the model was given."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from affectstream.multimodal.agent.state import AffectState, Tracker
from affectstream.multimodal.dynamics.filter import Look

SYSTEM = "You help the customers of a parcel service. Be brief."
SAID = ("My parcel is still not here.", "Nobody answers your phone either.")
ANSWERS = ("I am sorry. I will find out where it is.", "You should not have to call twice. I will stay with you.")


class Given(NamedTuple):
    """What a model was given in one call: the ``system`` prompt, and (role, text) of every other message."""

    system: str
    messages: list[tuple[str, str]]


def upset() -> AffectState:
    """Somebody whose face says so for six seconds. In your agent it is the state of a live session."""
    person = Tracker()
    for k in range(1, 80):
        mood = [-0.6, 0.5, -0.2] if k > 20 else [0.0, 0.0, 0.0]
        person.add(k / 10, Look("face/0", np.array(mood), np.full(3, 0.02), lasting=0.5))
        person.tick(k / 10)
    return person.state(7.9)


def show(calls: Sequence[Given]) -> None:
    """Print the conversation: the system prompt, then each call's messages as the model saw them, and its answer."""
    answers: Iterator[str] = iter(ANSWERS)
    for number, call in enumerate(calls, 1):
        print(f"call {number}, as the model sees it\n  {'system':>9} | {call.system}")
        for role, text in call.messages:
            print(f"  {role:>9} | " + text.replace("\n", f"\n  {'':>9} | "))
        print(f"  {'answers':>9} > {next(answers)}\n")
