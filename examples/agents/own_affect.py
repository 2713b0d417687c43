"""An agent that remembers how it was spoken to: its own affect over two sessions, a night between them.

    python examples/agents/own_affect.py agents.db

The text encoder rates what is said; the state is kept in the file, and the block is what a language model would be told.
"""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affectstream.encoders.text.encoder import TextEncoder
from affectstream.multimodal.agent.own.affect import AgentAffect
from affectstream.multimodal.agent.own.replay import verify
from affectstream.multimodal.agent.own.words import own_block
from affectstream.multimodal.dynamics.character import Character

EVENING = ("Where is my parcel?", "It is late again, and nobody tells me anything.", "I am so sick of your excuses.")
MORNING = ("Good morning. The parcel is here, thank you.",)
HOUR = 3600.0


def main(path: Path) -> None:
    """Two sessions with the agent kept at ``path``, made there if it is new; what it would be told after each line."""
    encoder = TextEncoder.load()

    def rate(texts: list[str]) -> NDArray[np.float64]:
        return np.array([encoder.read(text).mean for text in texts])

    patient = Character.of_personality(agreeableness=0.3, neuroticism=-0.4, settle=600.0)
    with AgentAffect.open(path, "vera", rate=rate, character=patient) as own:
        start = own.state().time + 24 * HOUR
        for k, text in enumerate(EVENING):
            print(f"{text}\n  {own_block(own.hear(text, start + 20.0 * k))}")
        own.hear("I am sorry, I will find out at once.", start + 65.0, "agent")
    with AgentAffect.open(path, "vera", rate=rate) as own:
        for text in MORNING:
            print(f"(next morning) {own_block(own.state(start + 12 * HOUR))}")
            print(f"{text}\n  {own_block(own.hear(text, start + 12 * HOUR))}")
    print(
        "the log leads to these states, to the bit" if verify(path) is None else "the log does not lead to these states"
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("wanted one path, that of the file in which the agent is to be kept, such as agents.db")
    main(Path(sys.argv[1]))
