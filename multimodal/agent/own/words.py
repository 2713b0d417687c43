"""An agent's own affect in the words of a prompt: what a language model is told of how it is to sound.

The words and the bands are those in which a person's state is told (:mod:`affectstream.multimodal.agent.prompt`). They
describe and never order, and stand in the latest user message.
"""

from affectstream.multimodal.agent.bands import MARGIN, Bands
from affectstream.multimodal.agent.own.page import OwnState
from affectstream.multimodal.agent.phrases import EMOTIONS, state_words
from affectstream.multimodal.agent.telling import LIKELY, level_of
from affectstream.multimodal.types import DIMENSIONS

TAG = "own_affect"
INTRODUCTION = f"A message may begin with <{TAG}>: your own state of mind at that moment, which colours how you answer."


def own_block(state: OwnState, bands: Bands | None = None) -> str:
    """``state`` as a block: levels in words, and the emotion if one is likelier than not. With the same ``bands`` from
    turn to turn the words stay until the state has clearly left them.

    >>> calm = {"valence": -0.5, "arousal": 0.5, "dominance": 0.2}
    >>> page = {"agent": "vera", "time": 0, "turn": 1, "vad": calm, "velocity": calm, "mood": calm}
    >>> print(own_block(OwnState(**page, label="anger", label_p=0.8)))
    <own_affect>You feel negative, activated and fairly in control, perhaps angry.</own_affect>
    """
    bands = bands or Bands()
    bands.start()
    valence, arousal, dominance = (level_of(bands, d, getattr(state.vad, d)) for d in DIMENSIONS)
    chances = {name: state.label_p if name == state.label else 0.0 for name in EMOTIONS}
    likely = [name for name, p in chances.items() if bands.of(name, p, (LIKELY,), MARGIN)]
    emotion = f", perhaps {EMOTIONS[max(likely, key=chances.__getitem__)]}" if likely else ""
    return f"<{TAG}>You feel {state_words((valence, arousal, dominance))}{emotion}.</{TAG}>"
