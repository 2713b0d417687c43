"""Utterances in, one row of affect for each (ONNX Runtime and tokenizers; no torch).

``TextEncoder.load()`` opens the shipped network; ``encoder.observe(encoder.initial(), chunk)`` reads with it.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from affectstream.encoders.checkpoint import Checkpoint, CheckpointError, checkpoint_folder, load, sha256_of
from affectstream.encoders.quality import doubted
from affectstream.encoders.text.clean import clean
from affectstream.encoders.text.features import FEATURES, features
from affectstream.encoders.text.language import english
from affectstream.multimodal.types import Chunk, Observation, SignalError

NAME = "text-minilm"
LONGEST = 128  # word pieces in one window, the first and last marks included
SOURCE = "text"


def contract(tokenizer: Path) -> dict[str, Any]:
    """The exact form of the network's input, with the ``tokenizer`` file that makes it."""
    return {"tokenizer": sha256_of(tokenizer), "longest": LONGEST, "features": list(FEATURES)}


class Heard(NamedTuple):
    """What must be remembered between chunks: the time of the last row, in seconds."""

    until: float = -np.inf


class Reading(NamedTuple):
    """One utterance as the network reads it: ``mean`` and ``variance`` (3,), ``quality`` in [0, 1], ``embedding`` (D,)."""

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    quality: float
    embedding: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class TextEncoder:
    """Reads affect from English utterances, each by itself.

    ``gain`` (3,) stretches the ratings' narrow scale to that of faces and voices, and ``prior_sd`` (3,) is how
    far affect varies there when nothing is known; both come with the weights.
    """

    checkpoint: Checkpoint
    tokenizer: Tokenizer
    gain: NDArray[np.float64]
    prior_sd: NDArray[np.float64]

    @classmethod
    def load(cls, folder: Path | None = None) -> Self:
        """The shipped text encoder, or the one in ``folder``; raises CheckpointError if its files are not right."""
        folder = folder or checkpoint_folder()
        vocabulary = folder / f"{NAME}.tokenizer.json"
        if not vocabulary.is_file():
            raise CheckpointError(f"no {vocabulary}; wanted the tokenizer beside its weights; reinstall")
        checkpoint = load(folder / f"{NAME}.onnx", contract=contract(vocabulary))
        extra = checkpoint.facts.extra
        return cls(
            checkpoint, Tokenizer.from_file(str(vocabulary)), np.array(extra["gain"]), np.array(extra["prior_sd"])
        )

    @staticmethod
    def initial() -> Heard:
        """The state before the first chunk."""
        return Heard()

    def observe(self, state: Heard, chunk: Chunk) -> tuple[Heard, list[Observation]]:
        """One row for each utterance of ``chunk``: at its centre, as long as it is, from source "text".

        An utterance without words (empty, or only markup and stage directions) gives a NaN row of quality 0
        whose embedding is zeros. Rows come in the order of the utterances; where people talk over each other
        a centre may lie before the last row's, and the row then takes the last row's time. How the
        utterances are cut into chunks makes no difference. Raises SignalError if the chunk is not text.
        """
        if chunk.modality != "text":
            raise SignalError(f"got a {chunk.modality} chunk; wanted text; give it to the {chunk.modality} encoder")
        if not len(chunk):
            return state, []
        span = np.zeros(len(chunk)) if chunk.duration is None else chunk.duration
        time = np.maximum.accumulate(np.maximum(chunk.times + span / 2, state.until))
        readings = [self.read(str(utterance)) for utterance in chunk.data]
        row = Observation(
            SOURCE,
            time=time,
            mean=[r.mean for r in readings],
            variance=[r.variance for r in readings],
            quality=[r.quality for r in readings],
            span=span,
            embedding=[r.embedding for r in readings],
        )
        return Heard(float(time[-1])), [row]

    def read(self, utterance: str) -> Reading:
        """Affect of one utterance, on the scale of faces and voices, in [-1, 1].

        ``mean`` is tanh(gain x rating) and ``variance`` gain^2 x the rating's, which near the ends is more
        than tanh would leave, so errs on the wide side. As far as the text does not look like English, the
        answer is mixed with knowing nothing: mean 0, sd at least ``prior_sd``. Quality falls with the same doubt, and
        for utterances of few words (1/2 for one, 3/4 for two). Text beyond 128 word pieces is read in
        windows of equal length, whose spread counts as doubt.
        """
        text = clean(utterance)
        spelling = features([text])
        if not _says_something(text) and spelling[0, FEATURES.index("vader_compound")] == 0:
            width = self.checkpoint.session.get_outputs()[-1].shape[1]
            return Reading(np.full(3, np.nan), np.full(3, np.nan), 0.0, np.zeros(width, np.float32))
        mean, variance, embedding = self._network(text, spelling)
        mean, variance = np.tanh(self.gain * mean), self.gain**2 * variance
        sure = english(text)
        mean, variance = doubted(mean, variance, sure, self.prior_sd)
        words = max(len(text.split()), 0.5)
        return Reading(mean, variance, sure * (1 - 0.5**words), embedding)

    def _network(
        self, text: str, spelling: NDArray[np.float32]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float32]]:
        """Mean and variance (3,) on the ratings' scale and the embedding (D,) of one text."""
        parts = windows(self.tokenizer, text)
        answers = [self.checkpoint.run({"tokens": part[None], "features": spelling}) for part in parts]
        weight = np.array([len(part) for part in parts], np.float64)
        weight /= weight.sum()
        means = np.stack([a["mean"][0].astype(np.float64) for a in answers])
        mean = weight @ means
        within = weight @ np.exp(np.stack([a["log_var"][0].astype(np.float64) for a in answers]))
        between = weight @ (means - mean) ** 2
        return mean, within + between, weight.astype(np.float32) @ np.stack([a["embedding"][0] for a in answers])


def _says_something(text: str) -> bool:
    """Whether ``text`` has a letter, a digit, a mark of feeling or a pictograph; VADER knows ":-(" and its like."""
    return any(c.isalnum() or c in "!?" or unicodedata.category(c) == "So" for c in text)


def windows(tokenizer: Tokenizer, text: str) -> Sequence[NDArray[np.int64]]:
    """Word-piece numbers of ``text`` between their first and last marks, in as few windows of at most 128 as
    will hold it, all of nearly one length; at least one window."""
    first, *_, last = tokenizer.encode("x").ids
    pieces = np.array(tokenizer.encode(text, add_special_tokens=False).ids, np.int64)
    count = max(-(-len(pieces) // (LONGEST - 2)), 1)
    return [np.concatenate([[first], part, [last]]).astype(np.int64) for part in np.array_split(pieces, count)]
