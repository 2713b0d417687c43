"""What was said, without what was written around it: subtitle markup, stage directions, speaker names."""

import html
import re

_MARKUP = re.compile(r"</?\s*(?:[ibuscv]|em|font|span|br|ruby|rt|lang|strong)\b[^<>]*>|\{[\\/][^{}]*\}", re.IGNORECASE)
_TIMESTAMP = re.compile(r"<\d[\d:.,]*>")  # WebVTT karaoke times
_DIRECTION = re.compile(r"\[[^\[\]]*\]|\uff08[^\uff08\uff09]*\uff09")
_ASIDE = re.compile(r"\(\s*[^()\s]+(?:\s+[^()\s]+){0,3}\s*\)")  # four words at most; a longer one is a sentence
_SUNG = re.compile(r"[♪♫♩♬]+[^♪♫♩♬]*[♪♫♩♬]+|[♪♫♩♬]+")
_DASH = re.compile(r"(?m)^\s*(?:>>+|[-\u2010-\u2015]+)\s*")
_SPEAKER = re.compile(r"(?m)^\s*[A-Z][A-Z'.\- ]{1,30}:\s+")


def clean(utterance: str) -> str:
    r"""The words of one utterance; "" if nothing was said.

    Takes away ``<i>`` and ``{\an8}`` markup, ``[music]`` and ``(laughs)`` stage directions (round brackets
    only up to four words, as people do write sentences in them), lines sung between notes, leading dashes
    and ``>>``, and ``NAME:`` in capitals at the start of a line; joins lines. Punctuation, case and emoji
    stay, because they carry affect.

    >>> clean("- <i>JANE:</i> (laughs) Oh, no... [door slams]")
    'Oh, no...'
    >>> clean("[applause]"), clean("I said (and I do mean this) RUN!")
    ('', 'I said (and I do mean this) RUN!')
    """
    text = html.unescape(utterance).replace("\\N", "\n").replace("\\n", "\n").replace("\\h", " ")
    text = _TIMESTAMP.sub(" ", _MARKUP.sub(" ", text))
    text = _SUNG.sub(" ", _ASIDE.sub(" ", _DIRECTION.sub(" ", text)))
    text = _SPEAKER.sub("", _DASH.sub("", text))
    return " ".join(_DASH.sub("", text).split())
