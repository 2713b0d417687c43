"""What the words' spelling and a lexicon say: eighteen numbers beside the network's own reading.

The network's vocabulary is lower-case, so shouting, "sooo" and "?!" would be lost on it; they carry much of
the arousal. Valence of words comes from VADER (Hutto and Gilbert 2014, ICWSM; package vaderSentiment, MIT).
"""

import re
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

FEATURES = (
    "vader_compound",  # [-1, 1]
    "vader_positive",  # share of the words, [0, 1], as the next two
    "vader_neutral",
    "vader_negative",
    "exclamations",  # log(1 + count of "!")
    "questions",  # log(1 + count of "?")
    "ellipses",  # log(1 + count of "..." or its one character)
    "quotes",  # log(1 + count of double quotation marks)
    "commas",  # log(1 + count)
    "shouted",  # share of the words of two letters or more that are all capitals
    "capitals",  # share of the letters that are capitals
    "elongated",  # log(1 + count of words with a letter three times in a row)
    "words",  # log(1 + count)
    "word_length",  # mean letters and digits in a word
    "digits",  # share of the characters
    "first_person",  # share of the words: I, me, my, we, us, our, ...
    "second_person",  # share of the words: you, your, ...
    "negations",  # share of the words: not, no, never, n't, ...
)

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_LONG = re.compile(r"([^\W\d_])\1\1", re.IGNORECASE)
_FIRST = "i me my mine myself we us our ours ourselves i'm i've i'd i'll we're we've we'd we'll"
_SECOND = "you your yours yourself yourselves u ur you're you've you'd you'll"
_NEGATION = "no not never none nobody nothing nor neither nowhere cannot without"
_FIRST_WORDS, _SECOND_WORDS, _NEGATIONS = (frozenset(words.split()) for words in (_FIRST, _SECOND, _NEGATION))


@cache
def _vader() -> SentimentIntensityAnalyzer:
    return SentimentIntensityAnalyzer()


def features(texts: Sequence[str]) -> NDArray[np.float32]:
    """The numbers of :data:`FEATURES` for each text, (n, 18) float32; all finite, also for an empty text."""
    rows = [_row(text) for text in texts]
    return np.array(rows, np.float32).reshape(len(rows), len(FEATURES))


def _row(text: str) -> list[float]:
    words = _WORD.findall(text.replace("\u2019", "'"))
    low = [word.lower() for word in words]
    count = max(len(words), 1)
    letters = max(sum(c.isalpha() for c in text), 1)
    score = _vader().polarity_scores(text)
    return [
        score["compound"],
        score["pos"],
        score["neu"],
        score["neg"],
        np.log1p(text.count("!")),
        np.log1p(text.count("?")),
        np.log1p(text.count("...") + text.count("…")),
        np.log1p(sum(text.count(mark) for mark in '"“”')),
        np.log1p(text.count(",")),
        sum(len(word) > 1 and word.isupper() for word in words) / count,
        sum(c.isupper() for c in text) / letters,
        np.log1p(sum(bool(_LONG.search(word)) for word in words)),
        np.log1p(len(words)),
        sum(map(len, words)) / count,
        sum(c.isdigit() for c in text) / max(len(text), 1),
        sum(word in _FIRST_WORDS for word in low) / count,
        sum(word in _SECOND_WORDS for word in low) / count,
        sum(word in _NEGATIONS or word.endswith("n't") for word in low) / count,
    ]
