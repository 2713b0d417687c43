"""A person's state in the words of a prompt: the block, and its place in the messages to a language model.

Words are coarse and hold still, so that the block is the same bytes while nothing changed, and they stand in the latest
user message, never in a system prompt, so that what is cached stays valid. Emotion words and words for levels are taken up
better by language models than numbers; they describe and never order.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from affectstream.multimodal.agent.bands import MARGIN, Bands
from affectstream.multimodal.agent.phrases import description, hint, suggestion
from affectstream.multimodal.agent.state import AffectState, Vad
from affectstream.multimodal.agent.telling import telling_of

Message = Mapping[str, Any]  # role, and content: a str, or a list of parts such as {"type": "text", "text": ...}
Strength = Literal["hint", "describe", "suggest"]

TAG = "user_affect"
NOTE = "estimate, may be wrong"
UNSEEN = "[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]*"  # characters that do not show


class Teller:
    """Tells one person's state, in words that stay until the state has clearly left them.

    ``strength`` is "hint" (the one thing that stands out, as a clause), "describe" or "suggest" (that, and what people in
    such a state often want). ``numbers`` adds valence, arousal and dominance with their standard deviations, rounded.
    ``baseline`` is how the person usually is; what is told is then the difference. A state with less than
    ``least_confidence``, or of which nothing was heard for more than ``oldest`` seconds, is not told. Dominance is told only where half of
    its variance is resolved. ``tag`` names the block. Raises ValueError for a setting that cannot be.
    """

    def __init__(
        self,
        *,
        strength: Strength = "describe",
        numbers: bool = False,
        baseline: Vad | None = None,
        least_confidence: float = 0.3,
        oldest: float = 10.0,
        tag: str = TAG,
    ) -> None:
        if strength not in ("hint", "describe", "suggest"):
            raise ValueError(f"strength is {strength!r}; wanted 'hint', 'describe' or 'suggest'")
        if not 0 <= least_confidence <= 1:
            raise ValueError(f"least_confidence is {least_confidence}; wanted 0 to 1")
        if not oldest > 0:
            raise ValueError(f"oldest is {oldest} s; wanted more than 0")
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", tag):
            raise ValueError(f"tag is {tag!r}; wanted a letter, then letters, digits, - or _")
        if baseline is not None and not all(abs(v) <= 1 for _, v in baseline):
            raise ValueError(f"baseline is {baseline!r}; wanted values in [-1, 1]")
        self.strength, self.numbers, self.baseline, self.tag = strength, numbers, baseline, tag
        self.least_confidence, self.oldest = least_confidence, oldest
        self._bands = Bands()

    def block(self, state: AffectState | None) -> str:
        """``state`` as a block, `<user_affect note="estimate, may be wrong">...</user_affect>`; "" where nothing is to be told.

        No text of the state enters it: sources are named by fixed words, the subject not at all.
        """
        self._bands.start()
        if state is None or state.age is None or not state.age <= self.oldest or not self._confident(state):
            return ""
        telling = telling_of(state, self._bands, self.baseline, self.numbers)
        if self.strength == "hint":
            words = hint(telling)
        else:
            words = description(telling)
            if self.strength == "suggest" and (wanted := suggestion(telling)):
                words += f" {wanted}"
        return f'<{self.tag} note="{NOTE}">{words}</{self.tag}>'

    def _confident(self, state: AffectState) -> bool:
        """Is everything a number and the confidence enough, and clearly so where it was not the last time?"""
        parts = (state.vad, state.sd, state.velocity, state.mood)
        numbers = [state.time, state.confidence, *state.labels.values(), *(v for part in parts for _, v in part)]
        over = state.confidence - self.least_confidence
        value = over if over >= 0 and np.isfinite(numbers).all() else -1.0
        return self._bands.of("told", value, (0.0,), min(MARGIN, (1 - self.least_confidence) / 2)) == 1


def put_in(messages: Sequence[Message], block: str, *, tag: str = TAG) -> list[Message]:
    """``messages`` anew, with ``block`` in the latest user message, before its text; nothing given is changed.

    A block that an earlier call put there is replaced. Wherever else that message's text opens or closes the tag, "<"
    becomes "&lt;", so that what a person writes never reads as a block; with an empty ``block`` that is all that happens, and
    ``tag`` says which. The content is a str or a list of parts, of which those of type "text" and "input_text" are text.
    Raises ValueError for a ``block`` that no :class:`Teller` made and where there is no user message to put it into, TypeError
    for content of another form.

    >>> put_in([{"role": "user", "content": "hello"}], '<mood note="estimate, may be wrong">Seems sad.</mood>')
    [{'role': 'user', 'content': '<mood note="estimate, may be wrong">Seems sad.</mood>\\n\\nhello'}]
    """
    if block:
        made = re.fullmatch(rf'<([A-Za-z][\w-]*) note="{NOTE}">[^<>]*</\1>', block, re.ASCII)
        if made is None:
            raise ValueError(f"block is {block[:60]!r}; wanted what Teller.block gave")
        tag = made[1]
    at = max((k for k, message in enumerate(messages) if message.get("role") == "user"), default=None)
    if at is None:
        if block:
            raise ValueError(f"none of {len(messages)} messages is the user's; wanted one to put the block into")
        return list(messages)
    content = messages[at].get("content")
    if isinstance(content, str):
        text = _without(content, tag)
        content = f"{block}\n\n{text}" if block and text else block or text
    elif isinstance(content, Sequence):
        content = _in_parts(content, block, tag)
    else:
        raise TypeError(f"the user's content is of type {type(content).__name__}; wanted a str or a list of parts")
    return [*messages[:at], {**messages[at], "content": content}, *messages[at + 1 :]]


def _in_parts(parts: Sequence[Any], block: str, tag: str) -> list[Any]:
    """``parts`` with ``block`` as a part before the first text, or at the end where there is no text."""
    out: list[Any] = []
    first: tuple[int, str] | None = None
    for part in parts:
        if (
            isinstance(part, Mapping)
            and part.get("type") in ("text", "input_text")
            and isinstance(part.get("text"), str)
        ):
            first = first or (len(out), part["type"])
            text = _without(part["text"], tag)
            if not text and part["text"]:
                continue
            part = {**part, "text": text}
        out.append(part)
    if block:
        at, kind = first or (len(out), "text")
        out.insert(at, {"type": kind, "text": block})
    return out


def _without(text: str, tag: str) -> str:
    """``text`` without a block at its beginning, and with the tag made harmless elsewhere, unseen characters in it or not."""
    text = re.sub(rf'\A<{tag} note="{NOTE}">[^<>]*</{tag}>(?:\n\n)?', "", text)
    hidden = UNSEEN.join(map(re.escape, tag))
    return re.sub(rf"[<\uff1c\ufe64](?=[^\w<>]*{hidden})", "&lt;", text, flags=re.IGNORECASE)
