"""Forty situations and what is told of each: the page docs/prompt-blocks.md, and states to try an agent on.

``python -m affectstream.multimodal.agent.situations docs/prompt-blocks.md`` writes the page anew.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from affectstream.multimodal.agent.prompt import Teller
from affectstream.multimodal.agent.state import AffectState, Discord, Happening, Heard, Vad
from affectstream.multimodal.dynamics.process import OrnsteinUhlenbeck
from affectstream.multimodal.terms import EXPRESSIONS, term_posterior
from affectstream.multimodal.types import DIMENSIONS, Dimension

NOW = 100.0  # s
DOWN = Vad(valence=-0.4, arousal=-0.2, dominance=0.0)  # how somebody usually is


@dataclass(frozen=True)
class Situation:
    """What is the case, in plain words; the ``state`` of it; and how the :class:`Teller` is set."""

    words: str
    state: AffectState | None
    settings: Mapping[str, Any] = field(default_factory=dict)


def situation(
    words: str,
    valence: float,
    arousal: float,
    dominance: float | None = None,
    *,
    sure: float = 0.85,
    age: float = 0.2,
    sources: str = "face/0 speech",
    slope: float = 0.0,
    mood: float = 0.0,
    events: tuple[tuple[str, Dimension, int, float], ...] = (),
    discord: tuple[str, str, Dimension] | None = None,
    **settings: Any,
) -> Situation:
    """A situation of the state (``valence``, ``arousal``, ``dominance``), the last unknown if None.

    ``slope`` (1/s) is the velocity of valence; ``events`` are (kind, dimension, direction, seconds ago).
    """
    wide = OrnsteinUhlenbeck().sd
    sd = np.sqrt(1 - sure) * np.array(wide)
    sd[2] = wide[2] if dominance is None else sd[2]
    mean = np.array([valence, arousal, dominance or 0.0])
    chance = term_posterior(mean, sd**2)
    likeliest = int(chance.argmax())
    names = sources.split()
    share = Vad(**dict.fromkeys(DIMENSIONS, sure / max(len(names), 1)))
    told = [_event(*event, []) for event in events]
    if discord is not None:
        told.append(_event("discord", discord[2], 0, 3.0, list(discord[:2])))
    state = AffectState(
        subject="guest",
        time=NOW,
        age=age,
        vad=Vad.of(mean),
        sd=Vad.of(sd),
        velocity=Vad(valence=slope, arousal=0, dominance=0),
        trend="rising" if slope > 0 else "falling" if slope < 0 else "steady",
        mood=Vad(valence=mood, arousal=0, dominance=0),
        label=EXPRESSIONS[likeliest],
        label_p=float(chance[likeliest]),
        labels=dict(zip(EXPRESSIONS, chance.tolist(), strict=True)),
        confidence=sure,
        modalities={name: Heard(share=share, age=age, present=True) for name in names},
        discord=discord and Discord(higher=discord[0], lower=discord[1], dimension=discord[2], z=3.6, p=0.0005),
        events=told,
    )  # pyright: ignore[reportCallIssue]
    return Situation(words, state, settings)


def situations() -> list[Situation]:
    """The forty."""
    return [
        situation("Nothing in particular, seen clearly", 0.05, 0.0),
        situation("The same, told as a hint", 0.05, 0.0, strength="hint"),
        situation("Pleased and at ease", 0.35, -0.25, 0.3),
        situation("Delighted", 0.8, 0.5, 0.5),
        situation("Usually lively, now quiet, as a hint", 0.1, -0.2, strength="hint",
                  baseline=Vad(valence=0.2, arousal=0.4, dominance=0.0)),
        situation("Excited, hard to say whether gladly", 0.05, 0.6),
        situation("Startled", 0.4, 0.7, -0.15, events=(("onset", "arousal", 1, 1.0),)),
        situation("Down and without energy", -0.6, -0.35, -0.35),
        situation("A little low, quiet", -0.25, -0.2),
        situation("Very low, and has been for a while", -0.8, -0.3, -0.4, events=(("onset", "valence", -1, 25.0),)),
        situation("Tired, in no particular mood", 0.0, -0.55),
        situation("Angry", -0.45, 0.8, 0.65, sure=0.95),
        situation("Afraid", -0.6, 0.65, -0.5),
        situation("Frustrated, with nothing under control", -0.45, 0.35, -0.55),
        situation("Quietly in charge", 0.1, 0.0, 0.5),
        situation("Somebody who has just become upset", -0.5, 0.5,
                  events=(("onset", "valence", -1, 2.0), ("onset", "arousal", 1, 1.5))),
        situation("The same, ten seconds later", -0.5, 0.5,
                  events=(("onset", "valence", -1, 12.0), ("onset", "arousal", 1, 11.5))),
        situation("Negative for some seconds, and sinking further", -0.4, 0.1, slope=-0.2,
                  events=(("onset", "valence", -1, 9.0),)),
        situation("Negative, and it is easing", -0.35, 0.05, slope=0.2, events=(("onset", "valence", -1, 20.0),)),
        situation("The smile is fading", 0.4, 0.1, slope=-0.2),
        situation("The mood tips over within seconds", -0.45, 0.3,
                  events=(("offset", "valence", 1, 3.0), ("onset", "valence", -1, 2.0), ("shift", "valence", -1, 2.0))),
        situation("Recovered from a low moment", 0.05, 0.0,
                  events=(("onset", "valence", -1, 24.0), ("offset", "valence", -1, 3.0), ("recovery", "valence", -1, 3.0))),
        situation("A happy moment is over", 0.05, 0.05, events=(("offset", "valence", 1, 18.0),)),
        situation("Annoyed now, though in a good mood for minutes", -0.4, 0.3, mood=0.3, events=(("onset", "valence", -1, 3.0),)),
        situation("Glad words, unhappy face", -0.1, 0.1, sources="face/0 text", discord=("text", "face/0", "valence")),
        situation("Smiling, but the voice is flat", 0.3, 0.0, discord=("face/0", "speech", "valence")),
        situation("A voice more stirred than the face", 0.0, 0.4, discord=("speech", "face/0", "arousal")),
        situation("Brain waves only", -0.2, 0.3, sources="eeg", sure=0.4),
        situation("Words only", -0.5, 0.2, sources="text", sure=0.55),
        situation("Four sources", 0.5, 0.4, 0.3, sources="face/0 speech text eeg", sure=0.9),
        situation("At peace, with a suggestion; a sensor that has no name here", 0.5, -0.3, sources="wristband", sure=0.6,
                  strength="suggest"),
        situation("Hardly known", -0.4, 0.2, sure=0.33),
        situation("Not seen for some seconds", 0.4, 0.1, age=7.0, sure=0.5),
        situation("Not seen for too long", 0.4, 0.1, age=12.0),
        Situation("Nobody there", None),
        situation("Usually rather low, now as ever", -0.45, -0.2, baseline=DOWN),
        situation("Usually rather low, now nearly neutral", -0.05, 0.0, slope=0.2, baseline=DOWN),
        situation("Upset, as a hint", -0.5, 0.65, strength="hint"),
        situation("Upset, with a suggestion", -0.5, 0.65, strength="suggest"),
        situation("Upset, with numbers", -0.5, 0.65, -0.2, numbers=True),
    ]  # fmt: skip


def page() -> str:
    """The page as Markdown: each situation and its block, told by a :class:`Teller` that has said nothing before."""
    rows = []
    for k, each in enumerate(situations(), 1):
        block = Teller(**each.settings).block(each.state)
        rows.append(f"| {k} | {each.words} | {f'`{block}`' if block else '*nothing is told*'} |")
    return f"""# What an agent is told

**A person's state is put into one line of plain words, in the latest user message.** The words are coarse and stay the
same bytes until the state has clearly changed, so that a cached prompt stays valid. They say how the person seems, what
changed and since when, how sure that is and by what, and whether something contradicts it. They never order, and no text of the
person can enter them.

```python
from affectstream.multimodal.agent.prompt import Teller, put_in

teller = Teller()  # one for each person and conversation
messages = put_in(messages, teller.block(person.state(now)))
```

| | the situation | what the agent reads |
| --- | --- | --- |
{chr(10).join(rows)}

Middle levels go unsaid where others say enough: "somewhat negative" is neither stirred nor drained. Dominance is
told only where half of its variance is resolved, an emotion only where it is likelier than not, and as "perhaps". With a
`baseline`, levels are differences from how the person usually is, and no emotion is named. Where confidence is below .3, or nothing was
heard for ten seconds, nothing is told.

Made by `python -m affectstream.multimodal.agent.situations docs/prompt-blocks.md`.
"""


def _event(kind: str, dimension: Dimension, direction: int, ago: float, sources: list[str]) -> Happening:
    told = {"kind": kind, "dimension": dimension, "direction": direction, "sources": sources}
    return Happening.model_validate({**told, "time": NOW - ago, "found": NOW - ago + 0.4, "magnitude": 0.4, "p": 0.9})


if __name__ == "__main__":
    path = Path(sys.argv[1])
    draft = path.with_name(f".{path.name}.part")
    draft.write_text(page(), encoding="utf-8")
    draft.replace(path)
