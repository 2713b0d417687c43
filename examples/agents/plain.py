"""An agent without a framework that hears its user in their words alone: no camera, no microphone.

    python examples/agents/plain.py

The model is scripted, so that this runs offline; in yours it is a call of any language model.
"""

from collections.abc import Callable
from itertools import count

from scripted import ANSWERS, SAID, SYSTEM, Given, show

from affectstream.multimodal.agent.loop import Conversation
from affectstream.multimodal.agent.prompt import Message
from affectstream.multimodal.agent.state import AffectState
from affectstream.multimodal.live.session import AffectSession
from affectstream.multimodal.score import open_encoders


def words_alone() -> Callable[[str], AffectState]:
    """A person who is heard in what they type, one turn every five seconds; in yours the times are those of a clock."""
    session, now = AffectSession(open_encoders(["text"])), count(0.0, 5.0)

    def hear(said: str) -> AffectState:
        time = next(now)
        session.push_text(time, time + 2.0, said)
        session.drain()
        return session.state(time + 2.0)

    return hear


def talk(hear: Callable[[str], AffectState | None]) -> list[Given]:
    """Two turns; returns what the model was given in each."""
    calls: list[Given] = []

    def llm(messages: list[Message]) -> str:
        calls.append(Given(messages[0]["content"], [(m["role"], m["content"]) for m in messages[1:]]))
        return ANSWERS[len(calls) - 1]

    talk = Conversation(llm, hear, system=SYSTEM)
    for said in SAID:
        talk.say(said)
    return calls


if __name__ == "__main__":
    show(talk(words_alone()))
