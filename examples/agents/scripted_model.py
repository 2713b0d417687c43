"""A scripted stand-in for a language model: it says the line that goes with the mood it is told. Not a model.

    cd examples/agents
    affectstream dynamics --llm scripted_model:answer --out quarrel

It shows that the whole way runs, from words to a state, to a prompt, to a tone, and what a perfectly obedient speaker would
do: whatever its tone has, the state had before. What a real model does is another matter.
"""

import re

LINES = {
    "very negative": ("I hate this, it is horrible.", "This is awful and it makes me sick."),
    "negative": ("This is bad, and I am upset about it.", "I am really unhappy with how this goes."),
    "somewhat negative": ("That is a bit of a pity.", "I am a little tired of this."),
    "": ("It is in the calendar.", "Yes, the list is here."),
    "somewhat positive": ("That is quite nice to hear.", "Good, that works well."),
    "positive": ("I am glad, this is good news.", "Great, I like how this goes."),
    "very positive": ("This is wonderful, I am so happy!", "I love it, what a fantastic day!"),
}


def answer(messages: list[dict[str, str]]) -> str:
    """The line for the mood in the latest message, two taking turns; the plain one where none is told."""
    told = re.match(r"<own_affect>You feel (.*?)</own_affect>", messages[-1]["content"])
    mood = re.match(r"(?:very |somewhat )?(?:negative|positive)", told[1]) if told else None
    lines = LINES[mood[0] if mood else ""]
    return lines[sum(message["role"] == "assistant" for message in messages) % len(lines)]
