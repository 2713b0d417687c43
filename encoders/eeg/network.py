"""The EEG network: a transformer over electrodes, of which any number may be there (torch).

After RBTransformer (arXiv 2511.13954): a token is an electrode, its features are its band entropies, and blocks of
self-attention let every electrode look at all others. :data:`PUBLISHED` has its shapes; the layers are written from
a description and have as many weights as its models. Ours, for any headset: electrodes known by where they
sit, electrodes that are missing or half there, standardised inputs, and valence, arousal and dominance with a variance.
"""

from dataclasses import dataclass
from math import factorial, prod, sqrt
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from affectstream.encoders.eeg.electrodes import CENTRE
from affectstream.encoders.network import LOG_VAR_RANGE, Affect, AffectHead
from affectstream.multimodal.montages import DEAP32, EPOC14, SEED62

HEADS = 6
HEAD_WIDTH = 32
MLP = (256, 256, 128)  # hidden widths of the published head
ORDER = 6  # of the harmonics: 49 of them, enough that DEAP's 32 electrodes could each have been learnt apart
NEVER = -1e9  # added to an attention logit; finite, so that a row in which all are missing has no NaN


@dataclass(frozen=True)
class Shape:
    """What the network is made of.

    ``electrodes`` a fixed montage by name, each with an identity that is learnt, or () for any montage, in which an
    electrode is known by its position; ``bands`` features of an electrode; ``head`` "affect" for :class:`Affect` with
    ``labels`` classes beside it (0 for none), or "classes" for the published head, which has only those; ``width`` of
    a token; ``depth`` blocks.
    """

    electrodes: tuple[str, ...] = ()
    bands: int = 4
    labels: int = 0
    head: Literal["affect", "classes"] = "affect"
    width: int = 128
    depth: int = 4
    dropout: float = 0.1

    def __post_init__(self) -> None:
        if self.head == "classes" and self.labels < 2:
            raise ValueError(f"a head of classes got {self.labels} labels; wanted at least 2, or the head 'affect'")


PUBLISHED = {
    "seed": Shape(SEED62, labels=3, head="classes"),
    "deap": Shape(DEAP32, labels=2, head="classes"),
    "deap-9": Shape(DEAP32, labels=9, head="classes"),
    "dreamer": Shape(EPOC14, labels=2, head="classes"),
    "dreamer-5": Shape(EPOC14, labels=5, head="classes"),
}


class Classes(NamedTuple):
    """The published head's answer for a batch of B: ``logits`` (B, K), and ``embedding`` (B, 128), which they are made of."""

    logits: Tensor
    embedding: Tensor


class Attention(NamedTuple):
    """Which electrodes an answer came from.

    ``rollout`` (B, E) the share of each electrode, 0 where it is missing, in sum 1 (0 where all are missing);
    ``weights`` (B, depth, 6, E, E), how far electrode i (the last axis but one) looked at electrode j (the last).
    """

    rollout: Tensor
    weights: Tensor


class Block(nn.Module):
    """Tokens (B, E, width) to tokens: attention of six heads, then two layers for each token, both after a LayerNorm.

    Pre-norm as in Xiong et al. 2020 (arXiv 2002.04745). The heads are together 192 wide, whatever the tokens are, and
    only their way back to the tokens has a bias.
    """

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        inner = HEADS * HEAD_WIDTH
        self.before_attention = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * inner, bias=False)
        self.back = nn.Linear(inner, width)
        self.before_layers = nn.LayerNorm(width)
        self.layers = nn.Sequential(
            nn.Linear(width, width), nn.GELU(), nn.Dropout(dropout), nn.Linear(width, width), nn.Dropout(dropout)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """The new tokens, and the attention (B, 6, E, E) they came by; ``bias`` (B, E) is added to the logits of
        looking at each."""
        parts = self.query_key_value(self.before_attention(tokens)).chunk(3, 2)
        query, key, value = (part.unflatten(2, (HEADS, HEAD_WIDTH)).transpose(1, 2) for part in parts)
        logits = query @ key.transpose(2, 3) / sqrt(HEAD_WIDTH) + bias[:, None, None]
        weights = logits.softmax(3)
        seen = (self.dropout(weights) @ value).transpose(1, 2).flatten(2)
        tokens = tokens + self.dropout(self.back(seen))
        return tokens + self.layers(self.before_layers(tokens)), weights


class ClassHead(nn.Module):
    """The published head: features (B, ``width``) to :class:`Classes` by LayerNorm and four layers."""

    def __init__(self, width: int, labels: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        layers: list[nn.Module] = []
        for a, b in zip((width, *MLP), MLP, strict=False):
            layers += [nn.Linear(a, b), nn.GELU(), nn.Dropout(dropout)]
        self.hidden = nn.Sequential(*layers)
        self.out = nn.Linear(MLP[-1], labels)

    def forward(self, features: Tensor) -> Classes:
        embedding = self.hidden(self.norm(features))
        return Classes(self.out(embedding), embedding)


class ElectrodeTransformer(nn.Module):
    """Band entropies of a window, electrode by electrode, to :class:`Affect` (or :class:`Classes`).

    ``entropy`` (B, E, bands) differential entropies, in the unit it was trained on; ``present`` (B, E), bool or in
    [0, 1], how far each electrode is there: a weight on all that is seen of it, in attention and in the mean, so that 0
    is as if it were not in the list and 1/2 twice is once. An electrode with an entropy that is not finite is missing.
    ``positions`` (B or 1, E, 3) in metres, as :func:`affectstream.encoders.eeg.electrodes.positions` has them, for a
    network that knows electrodes by position: only their direction from the middle of the head counts, and one whose
    position is NaN is there, but anywhere. Their order does not matter to it, and E may be any number.

    Where all electrodes are missing the mean is 0, the log-variance the highest there is, and the logits, if any, are
    those of the calibrated prior. Raises ValueError for shapes that do not fit.
    """

    entropy_mean: Tensor
    entropy_sd: Tensor
    centre: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        each = (len(shape.electrodes), shape.bands) if shape.electrodes else (shape.bands,)
        self.register_buffer("entropy_mean", torch.zeros(each))
        self.register_buffer("entropy_sd", torch.ones(each))
        self.project = nn.Linear(shape.bands, shape.width)
        if shape.electrodes:
            self.identity = nn.Parameter(torch.randn(1, len(shape.electrodes), shape.width))
        else:
            self.register_buffer("centre", torch.tensor(CENTRE), persistent=False)
            self.place = nn.Linear((ORDER + 1) ** 2, shape.width)
        self.dropout = nn.Dropout(shape.dropout)
        self.blocks = nn.ModuleList(Block(shape.width, shape.dropout) for _ in range(shape.depth))
        kind = AffectHead if shape.head == "affect" else ClassHead
        self.head = kind(shape.width, shape.labels, dropout=shape.dropout)

    def forward(self, entropy: Tensor, present: Tensor, positions: Tensor | None = None) -> Affect | Classes:
        tokens, weight = self._embed(entropy, present, positions)
        for block in self.blocks:
            tokens, _ = block(tokens, _bias(weight))
        return self._answer(tokens, weight)

    @torch.no_grad()
    def attention(self, entropy: Tensor, present: Tensor, positions: Tensor | None = None) -> Attention:
        """Where the answer to the same inputs came from; call ``eval()`` first, as for an answer.

        The rollout of Abnar and Zuidema 2020 (arXiv 2005.00928): each block passes on half of a token as it was and
        half by its attention, averaged over heads; the blocks' matrices are multiplied, and the last tokens are
        averaged as for the head.
        """
        tokens, weight = self._embed(entropy, present, positions)
        maps: list[Tensor] = []
        for block in self.blocks:
            tokens, weights = block(tokens, _bias(weight))
            maps.append(weights)
        share = _shares(weight)[:, None]
        for weights in reversed(maps):
            share = (share + share @ weights.mean(1)) / 2
        return Attention(share[:, 0], torch.stack(maps, 1))

    @torch.no_grad()
    def standardise(self, entropy: Tensor, present: Tensor, positions: Tensor | None = None) -> None:
        """Set what inputs are standardised by, from training windows as in :meth:`forward`, wherever their electrodes sit: mean
        and standard deviation of each band, of a fixed montage also of each electrode.

        An electrode that was never there keeps mean 0 and deviation 1; no deviation is less than 0.001.
        """
        weight = _weight(entropy, present)[..., None].double()
        over = (0,) if self.shape.electrodes else (0, 1)
        total = weight.sum(over)
        values = torch.where(weight > 0, entropy.double(), 0)
        mean = (values * weight).sum(over) / total.clamp(min=1e-9)
        variance = ((values - mean).square() * weight).sum(over) / total.clamp(min=1e-9)
        self.entropy_mean.copy_(mean)
        self.entropy_sd.copy_(torch.where(total > 0, variance.sqrt().clamp(min=1e-3), 1))

    def _embed(self, entropy: Tensor, present: Tensor, positions: Tensor | None) -> tuple[Tensor, Tensor]:
        """Tokens (B, E, width) before the first block, and their weights (B, E)."""
        if not torch.onnx.is_in_onnx_export():  # a traced check would hold for one shape only
            self._check(entropy, present, positions)
        weight = _weight(entropy, present)
        ready = torch.where(weight[..., None] > 0, (entropy - self.entropy_mean) / self.entropy_sd, 0)
        identity = self.identity if positions is None else self.place(harmonics(positions - self.centre, ORDER))
        return self.dropout(self.project(ready) + identity), weight

    def _answer(self, tokens: Tensor, weight: Tensor) -> Affect | Classes:
        answer = self.head((tokens * _shares(weight)[..., None]).sum(1))
        if not isinstance(self.head, AffectHead):
            return answer
        nothing = weight.sum(1, keepdim=True) == 0
        logits = None if answer.logits is None else torch.where(nothing, self.head.log_prior, answer.logits)
        log_var = torch.where(nothing, LOG_VAR_RANGE[1], answer.log_var)
        return Affect(torch.where(nothing, 0.0, answer.mean), log_var, logits, answer.embedding)

    def _check(self, entropy: Tensor, present: Tensor, positions: Tensor | None) -> None:
        fixed = len(self.shape.electrodes)
        electrodes = fixed or (entropy.shape[1] if entropy.ndim == 3 else 0)
        if entropy.ndim != 3 or entropy.shape[1:] != (electrodes, self.shape.bands):
            wanted = f"(B, {fixed or 'E'}, {self.shape.bands})"
            raise ValueError(f"entropy has shape {tuple(entropy.shape)}; wanted {wanted}: windows, electrodes, bands")
        if present.shape != entropy.shape[:2]:
            raise ValueError(f"present has shape {tuple(present.shape)}; wanted {tuple(entropy.shape[:2])}, as entropy")
        if fixed and positions is not None:
            raise ValueError(f"got positions; this network knows its {fixed} electrodes by their order; leave them out")
        allowed = [(batch, electrodes, 3) for batch in (1, len(entropy))]
        if not fixed and (positions is None or tuple(positions.shape) not in allowed):
            got = "no positions" if positions is None else f"positions of shape {tuple(positions.shape)}"
            raise ValueError(
                f"got {got}; wanted {allowed[0]} or {allowed[1]}, in metres, as electrodes.positions gives"
            )


def harmonics(direction: Tensor, order: int) -> Tensor:
    """Real spherical harmonics (..., (order + 1)²) of ``direction`` (..., 3), of any length; zeros where it is NaN.

    Up to degree ``order``, by degree l, in each the cosine before the sine of m = 0 to l, with the signs of Condon and
    Shortley, scaled so that each has mean square 1 over the sphere. Harmonics of low degree vary slowly over the head:
    neighbours get like identities, and a place between two electrodes one between theirs.
    """
    known = torch.isfinite(direction).all(-1, keepdim=True)
    direction = torch.where(known, direction, 1.0)
    x, y, z = (direction / (direction.square().sum(-1, keepdim=True) + 1e-12).sqrt()).unbind(-1)
    cosine, sine = torch.ones_like(x), torch.zeros_like(x)  # real and imaginary part of (x + iy)^m
    found: dict[tuple[int, int], Tensor] = {}
    for m in range(order + 1):
        # Associated Legendre functions of z without their factor (1 - z²)^(m/2), which is in (x + iy)^m already.
        before, legendre = torch.zeros_like(z), torch.full_like(z, (-1.0) ** m * prod(range(1, 2 * m, 2)))
        for degree in range(m, order + 1):
            scale = sqrt((2 * degree + 1) * (1 if m == 0 else 2) * factorial(degree - m) / factorial(degree + m))
            found[degree, m] = scale * legendre * cosine
            if m:
                found[degree, -m] = scale * legendre * sine
            step = (2 * degree + 1) * z * legendre - (degree + m) * before
            before, legendre = legendre, step / (degree + 1 - m)
        cosine, sine = x * cosine - y * sine, x * sine + y * cosine
    order_of = sorted(found, key=lambda key: (key[0], abs(key[1]), key[1] < 0))
    return torch.where(known, torch.stack([found[key] for key in order_of], -1), 0.0)


def _weight(entropy: Tensor, present: Tensor) -> Tensor:
    """How far each electrode is there (B, E): ``present``, and 0 where an entropy is not finite."""
    return torch.where(torch.isfinite(entropy).all(2) & (present > 0), present.to(entropy.dtype), 0.0)


def _bias(weight: Tensor) -> Tensor:
    """What makes attention count a token ``weight`` times (B, E)."""
    return torch.where(weight > 0, weight.clamp(min=1e-9).log(), NEVER)


def _shares(weight: Tensor) -> Tensor:
    """``weight`` (B, E) in sum 1; zeros where it is zero throughout."""
    return weight / weight.sum(1, keepdim=True).clamp(min=1e-9)
