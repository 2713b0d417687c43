"""Texts made ready for training: word pieces, spelling features, and the states of the layers that stay frozen."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from affectstream.encoders.text.features import features
from affectstream.encoders.text.network import PAD, POSITIONS, WIDTH, Lower, TextNetwork


def open_tokenizer(path: Path) -> Tokenizer:
    """The word-piece tokenizer of ``path`` without its padding, cutting at 128 pieces."""
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(POSITIONS)
    return tokenizer


@dataclass(frozen=True, eq=False)
class Prepared:
    """n texts: ``tokens`` one int64 array each, ``spelling`` (n, 18), and, row after row of ``offset`` (n + 1,),
    the frozen layers' ``states`` (tokens, 384) float16; ``pooled`` (n, 384) their mean after layer 2."""

    tokens: list[NDArray[np.int64]]
    spelling: NDArray[np.float32]
    offset: NDArray[np.int64]
    states: NDArray[np.float16]
    pooled: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.tokens)

    def batch(self, at: NDArray[np.int64]) -> tuple[Lower, Tensor, Tensor]:
        """Frozen states, the mask of tokens (B, L) and the spelling of the texts ``at``."""
        length = self.offset[at + 1] - self.offset[at]
        states = np.zeros((len(at), int(length.max()), WIDTH), np.float32)
        for row, i in enumerate(at):
            states[row, : length[row]] = self.states[self.offset[i] : self.offset[i + 1]]
        present = np.arange(length.max()) < length[:, None]
        lower = Lower(torch.from_numpy(states), torch.from_numpy(self.pooled[at]))
        return lower, torch.from_numpy(present), torch.from_numpy(self.spelling[at])


def tokens_of(texts: Sequence[str], tokenizer: Tokenizer) -> list[NDArray[np.int64]]:
    """Word-piece numbers of each text, at most 128, with the first and last marks."""
    return [np.array(code.ids, np.int64) for code in tokenizer.encode_batch(list(texts))]


def padded(tokens: Sequence[NDArray[np.int64]]) -> Tensor:
    """One batch (B, longest), 0 where padded."""
    out = np.full((len(tokens), max(map(len, tokens))), PAD, np.int64)
    for row, numbers in enumerate(tokens):
        out[row, : len(numbers)] = numbers
    return torch.from_numpy(out)


def similar_lengths(length: NDArray[np.int64], size: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Every index once, in random batches of ``size`` whose texts are of like length, so that little is padding."""
    order = rng.permutation(len(length))
    pools = [order[i : i + 24 * size] for i in range(0, len(order), 24 * size)]
    batches = []
    for pool in pools:
        ranked = pool[np.argsort(length[pool], kind="stable")]
        batches += [ranked[i : i + size] for i in range(0, len(ranked), size)]
    for i in rng.permutation(len(batches)):
        yield batches[i]


@torch.inference_mode()
def prepare(texts: Sequence[str], network: TextNetwork, tokenizer: Tokenizer, cache: Path) -> Prepared:
    """``texts`` through the frozen layers, kept in ``cache`` (.npz) and made again if the texts are others."""
    tokens = tokens_of(texts, tokenizer)
    offset = np.concatenate([[0], np.cumsum([len(t) for t in tokens])])
    key = hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()
    if cache.exists():
        with np.load(cache, allow_pickle=False) as file:
            if str(file["key"]) == key:
                return Prepared(tokens, file["spelling"], offset, file["states"], file["pooled"])
    network.eval()
    states = np.empty((offset[-1], WIDTH), np.float16)
    pooled = np.empty((len(tokens), WIDTH), np.float32)
    order = np.argsort([len(t) for t in tokens], kind="stable")
    for begin in range(0, len(order), 32):
        at = order[begin : begin + 32]
        lower = network.lower(padded([tokens[i] for i in at]))
        for row, i in enumerate(at):
            states[offset[i] : offset[i + 1]] = lower.states[row, : len(tokens[i])].numpy()
            pooled[i] = lower.pooled[row].numpy()
    spelling = features(texts)
    np.savez(cache, key=key, spelling=spelling, states=states, pooled=pooled)
    return Prepared(tokens, spelling, offset, states, pooled)
