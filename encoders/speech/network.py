"""The speech network: a quaternion branch on amplitude and phase beside a frozen trunk's states (torch).

After PhysioSER (Zhang et al. 2026, arXiv 2602.13259). Known of it: two branches, "Hamilton-structured quaternion
convolutions" and a frozen self-supervised model, whose utterance features are aligned by a contrastive projection and
joined by a shallow attention head that names emotions. Ours, because neither text nor code could be read: all sizes, the
time axis that is kept up to the pooling, valence, arousal and dominance with a variance beside the classes, and
the loss (:mod:`affectstream.multimodal.training.speech.member`).
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from affectstream.encoders.network import LOG_VAR_RANGE, Affect, AffectHead, Calibrated
from affectstream.encoders.speech.quaternion import QuaternionBatchNorm, QuaternionConv1d, QuaternionConv2d
from affectstream.encoders.speech.spectrum import BANDS, PARTS

Algebra = Literal["quaternion", "real"]
Part = Literal["all", "amplitude", "phase"]
WIDTH = 128  # of both branches' embeddings, and channels of their frames
PROJECTED = 64
STRIDE = 4  # frames of 20 ms to one of the voice branch


@dataclass(frozen=True)
class Shape:
    """What the network is made of.

    ``labels`` the number of classes; ``voice`` whether there is a voice branch, the ``part`` of the quartets it hears, and
    the ``algebra`` of its layers, of which the real ones are half as wide, so that both have as many weights;
    ``states`` how many backbone states there are, 0 for the voice branch alone, and their ``state_width``.
    """

    labels: int
    voice: bool = True
    part: Part = "all"
    algebra: Algebra = "quaternion"
    states: int = 3
    state_width: int = 512
    dropout: float = 0.3


class Branches(NamedTuple):
    """Both branches' embeddings of a window, ``voice`` and ``latent`` (B, 64), of length 1; what alignment compares."""

    voice: Tensor
    latent: Tensor


class VoiceBranch(nn.Module):
    """Quartets (B, components, 40, T) to frames (B, width, T / 4): 80 ms each, the bands folded into the channels."""

    def __init__(self, components: int, algebra: Algebra, dropout: float) -> None:
        super().__init__()
        part = 1 if algebra == "quaternion" else 2
        self.width = WIDTH // part
        widths = [components, *(w // part for w in (16, 48, 96, WIDTH))]
        kernels = [
            ((5, 5), (2, 2), (2, 2)),
            ((3, 3), (2, 2), (1, 1)),
            ((3, 3), (2, 1), (1, 1)),
            ((BANDS // 8, 1), 1, 0),
        ]
        layers: list[nn.Module] = []
        for (a, b), (kernel, stride, padding) in zip(itertools.pairwise(widths), kernels, strict=True):
            layers += [_conv2d(algebra, a, b, kernel, stride, padding), _norm2d(algebra, b), nn.ReLU()]
            layers += [nn.Dropout2d(dropout / 2)]
        self.spectral = nn.Sequential(*layers)
        self.temporal = nn.ModuleList(
            nn.Sequential(_conv1d(algebra, self.width, self.width, 5), _norm1d(algebra, self.width), nn.ReLU())
            for _ in range(2)
        )

    def forward(self, quartets: Tensor) -> Tensor:
        frames = self.spectral(quartets).squeeze(2)
        for block in self.temporal:
            frames = frames + block(frames)
        return frames


class Pooling(nn.Module):
    """Attentive statistics pooling (Okabe et al. 2018, arXiv 1803.10963): (B, C, T) and presence (B, T) to (B, 2 C).

    Presence, in [0, 1], multiplies the attention, so that frames without a voice hardly count.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.score = nn.Sequential(nn.Conv1d(width, width // 4, 1), nn.Tanh(), nn.Conv1d(width // 4, 1, 1))

    def forward(self, frames: Tensor, presence: Tensor) -> Tensor:
        weight = (self.score(frames)[:, 0] + (presence + 1e-4).log()).softmax(1)[:, None]
        mean = (frames * weight).sum(2)
        spread = ((frames - mean[..., None]).square() * weight).sum(2)
        return torch.cat([mean, (spread + 1e-5).sqrt()], 1)


class Standardised(nn.BatchNorm1d):
    """Batch normalisation without gain and shift; in evaluation written out, because torch's exporter wants its width."""

    def __init__(self, width: int) -> None:
        super().__init__(width, affine=False)

    def forward(self, input: Tensor) -> Tensor:
        if self.training or self.running_mean is None or self.running_var is None:
            return super().forward(input)
        return (input - self.running_mean) * (self.running_var + self.eps).rsqrt()


class Statistics(nn.Module):
    """What a window's features come to without any network, as eGeMAPS has it (Eyben et al. 2016): (B, C, T) to (B, 128).

    Of each feature, over the frames where there is a voice: mean, standard deviation, a soft maximum and minimum, and of its
    change from frame to frame, smoothed over three, mean size and standard deviation; standardised, then one linear map.
    """

    def __init__(self, features: int, softness: float = 2.0) -> None:
        super().__init__()
        self.softness = softness
        self.norm = Standardised(6 * features)
        self.dropout = nn.Dropout(0.5)
        self.out = nn.Linear(6 * features, WIDTH)

    def forward(self, features: Tensor, presence: Tensor) -> Tensor:
        weight = (presence + 1e-4)[:, None]
        mean, spread = _moments(features, weight)
        high, low = (
            (features * (sign * self.softness * features + weight.log()).softmax(2)).sum(2) for sign in (1.0, -1.0)
        )
        change = (features[..., 3:] - features[..., :-3]) / 3  # from one mean of three frames to the next
        inner = weight[..., 2:-1]
        size, _ = _moments(change.abs(), inner)
        _, jitter = _moments(change, inner)
        pooled = torch.cat([mean, spread, high, low, size, jitter], 1)
        return self.out(self.dropout(self.norm(pooled)))


def _moments(features: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation (B, C) of (B, C, T) with ``weight`` (B, 1, T)."""
    part = weight / weight.sum(2, keepdim=True)
    mean = (features * part).sum(2)
    return mean, (((features - mean[..., None]).square() * part).sum(2) + 1e-5).sqrt()


class SpeechNetwork(nn.Module):
    """A window of voice to :class:`Affect`.

    ``quartets`` (B, 8, 40, T) as :func:`affectstream.encoders.speech.spectrum.quartets` makes them, bands before time;
    ``presence`` (B, T) the chance that frame t is voice, 0 where the window begins before the signal does; ``states``
    (B, T, 3, 512) of the trunk, unless the network has none. T is a multiple of 4. Inputs are standardised inside; the level is
    measured against the voice's own mean over the window, so that gain does not count.
    """

    quartet_mean: Tensor
    quartet_sd: Tensor
    state_mean: Tensor
    state_sd: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        components = 8 if shape.part == "all" else 4
        if shape.voice:
            self.voice = VoiceBranch(components, shape.algebra, shape.dropout)
            self.voice_pool = Pooling(self.voice.width)
            self.voice_norm = Standardised(2 * self.voice.width)  # so that neither part drowns the other
            self.voice_plain = Statistics(components * BANDS)
            self.voice_out = _embed(2 * self.voice.width + WIDTH, shape.dropout)
            self.voice_project = nn.Linear(WIDTH, PROJECTED)
        if shape.states:
            self.latent = nn.Linear(shape.states * shape.state_width, WIDTH)
            self.latent_drop = nn.Dropout(shape.dropout)
            self.latent_pool = Pooling(WIDTH)
            self.latent_out = _embed(2 * WIDTH, shape.dropout)
            self.latent_project = nn.Linear(WIDTH, PROJECTED)
        self.attention = nn.Linear(WIDTH, 1)
        self.head = AffectHead(WIDTH, shape.labels, dropout=shape.dropout)
        self.register_buffer("quartet_mean", torch.zeros(components, BANDS))
        self.register_buffer("quartet_sd", torch.ones(components, BANDS))
        self.register_buffer("state_mean", torch.zeros(shape.states, shape.state_width))
        self.register_buffer("state_sd", torch.ones(shape.states, shape.state_width))

    def forward(self, quartets: Tensor, presence: Tensor, states: Tensor | None = None) -> Affect:
        return self.fuse(self.embed(quartets, presence, states))

    def embed(self, quartets: Tensor, presence: Tensor, states: Tensor | None) -> list[Tensor]:
        """The branches' embeddings, each (B, 128): voice, latent, or the one there is."""
        tokens: list[Tensor] = []
        if self.shape.voice:
            tokens.append(self.embed_voice(*self.frames(quartets, presence), presence))
        if self.shape.states and states is not None:
            tokens.append(self.embed_latent(states, presence))
        return tokens

    def frames(self, quartets: Tensor, presence: Tensor) -> tuple[Tensor, Tensor]:
        """Standardised quartets (B, C, 40, T), and the voice branch's frames (B, width, T / 4) of 80 ms."""
        ready = (self.heard(quartets, presence) - self.quartet_mean[..., None]) / self.quartet_sd[..., None]
        ready = ready * (presence[:, None, None] > 0)
        return ready, self.voice(ready)

    def embed_voice(self, ready: Tensor, frames: Tensor, presence: Tensor) -> Tensor:
        """What :meth:`frames` come to, (B, 128): their pooled statistics, and those of the quartets themselves."""
        pooled = self.voice_pool(frames, presence.unflatten(1, (-1, STRIDE)).amax(2))
        return self.voice_out(torch.cat([self.voice_norm(pooled), self.voice_plain(ready.flatten(1, 2), presence)], 1))

    def embed_latent(self, states: Tensor, presence: Tensor) -> Tensor:
        """What the backbone's ``states`` (B, T, depth, width) come to, (B, 128)."""
        # What is dropped is dropped in all frames of a window: one number for each state's dimension.
        scale = self.latent_drop(torch.ones_like(states[:, :1])) / self.state_sd
        ready = ((states - self.state_mean) * scale).flatten(2)
        frames = nn.functional.gelu(self.latent(ready)).transpose(1, 2)
        return self.latent_out(self.latent_pool(frames, presence))

    def heard(self, quartets: Tensor, presence: Tensor) -> Tensor:
        """The part of ``quartets`` that the voice branch hears, the level less its mean over the window's voice."""
        part = quartets[:, PARTS[self.shape.part]]
        if self.shape.part == "phase":
            return part
        weight = (presence + 1e-6)[:, None, None]
        mean = (part[:, :1] * weight).sum((2, 3), keepdim=True) / (BANDS * weight.sum(3, keepdim=True))
        return torch.cat([part[:, :1] - mean, part[:, 1:]], 1)

    def fuse(self, tokens: list[Tensor]) -> Affect:
        """Shallow attention over the branches: each says how much it should count."""
        stacked = torch.stack(tokens, 1)
        weight = self.attention(stacked).softmax(1)
        return self.head((stacked * weight).sum(1))

    def project(self, tokens: list[Tensor]) -> Branches:
        """Both embeddings where alignment compares them; the network must have both branches."""
        voice, latent = self.voice_project(tokens[0]), self.latent_project(tokens[1])
        return Branches(nn.functional.normalize(voice, dim=1), nn.functional.normalize(latent, dim=1))


class LinearNetwork(nn.Module):
    """One linear map of what a window comes to as a whole, to emotions and, by their terms, to :class:`Affect`.

    ``features`` (B, F): functionals, or the mean of a backbone's states (:func:`mean_states`). Few recordings of few
    speakers teach it more of what holds for others than they teach a deep network, and noise harms it less; so it has a
    share in :class:`SpeechEnsemble`. Its variance is left to its hesitation between emotions.
    """

    feature_mean: Tensor
    feature_sd: Tensor
    terms: Tensor

    def __init__(self, features: int, terms: Tensor) -> None:
        super().__init__()
        self.linear = nn.Linear(features, len(terms))
        self.register_buffer("feature_mean", torch.zeros(features))
        self.register_buffer("feature_sd", torch.ones(features))
        self.register_buffer("terms", terms.float())

    def forward(self, features: Tensor) -> Affect:
        logits = self.linear((features - self.feature_mean) / self.feature_sd)
        mean = logits.softmax(1) @ self.terms
        return Affect(mean, torch.full_like(mean, LOG_VAR_RANGE[0]), logits, features[:, :0])


def mean_states(states: Tensor, presence: Tensor) -> Tensor:
    """The mean of ``states`` (B, T, depth, width) over the frames with a voice, (B, depth x width)."""
    weight = presence + 1e-3
    weight = weight / weight.sum(1, keepdim=True)
    return (states.flatten(2) * weight[..., None]).sum(1)


def joined(said: Sequence[Affect], terms: Tensor, share: Sequence[float]) -> tuple[Tensor, Tensor, Tensor]:
    """Several networks' answers as one: mean and log-variance (B, 3) and logits (B, K).

    Each counts by its ``share``, which sum to 1. The mean is their mean; the logits are the logarithms of their mean chances. The
    variance is their mean variance, that of their means (deep ensembles, Lakshminarayanan et al. 2017), and that of
    ``terms`` (K, 3), the labels' valence, arousal and dominance, under the chances: who hesitates between joy and anger knows
    little of valence. A network that has learnt its few recordings by heart claims small variances of its own; whether
    it hesitates still tells where it errs.
    """
    part = torch.tensor(list(share))[:, None, None]
    means = torch.stack([answer.mean for answer in said])
    chances = (torch.stack([answer.logits.softmax(1) for answer in said if answer.logits is not None]) * part).sum(0)
    mean = (means * part).sum(0)
    spread = torch.stack([answer.log_var for answer in said]).exp() + (means - mean).square()
    variance = (spread * part).sum(0) + chances @ terms.square() - (chances @ terms).square()
    return mean, variance.log(), (chances + 1e-6).log()


class SpeechEnsemble(Calibrated):
    """Several :class:`SpeechNetwork` and a :class:`LinearNetwork` as one, as :func:`joined` says, calibrated together.

    The linear network has the share ``linear_share``, the members the rest in equal parts. The embedding is the first member's, for embeddings of
    different members do not match.
    """

    terms: Tensor

    def __init__(
        self, members: Sequence[SpeechNetwork], linear: LinearNetwork, terms: Tensor, linear_share: float
    ) -> None:
        super().__init__(members[0].shape.labels)
        self.members = nn.ModuleList(members)
        self.linear = linear
        self.backbone = members[0].shape.states > 0
        self.share = shares(len(members), linear_share)
        self.register_buffer("terms", terms.float())

    def forward(self, quartets: Tensor, presence: Tensor, beside: Tensor) -> Affect:
        """As :class:`SpeechNetwork` takes them; ``beside`` the states or, of networks without a backbone, the window's
        functionals (B, 1920)."""
        states = beside if self.backbone else None
        said: list[Affect] = [member(quartets, presence, states) for member in self.members]
        said.append(self.linear(beside if states is None else mean_states(states, presence)))
        mean, log_var, logits = joined(said, self.terms, self.share)
        mean = mean.clamp(-0.999, 0.999)
        raw = ((1 + mean) / (1 - mean)).log() / 2  # its atanh, which ONNX's exporter lacks
        return self.calibrated(raw, log_var, logits, said[0].embedding)


def shares(members: int, linear_share: float) -> list[float]:
    """The shares of ``members`` networks and of the linear one after them."""
    return [(1 - linear_share) / members] * members + [linear_share]


def _embed(width: int, dropout: float) -> nn.Module:
    return nn.Sequential(nn.LayerNorm(width), nn.Dropout(dropout), nn.Linear(width, WIDTH), nn.ReLU())


def _conv2d(algebra: Algebra, a: int, b: int, kernel: tuple[int, int], stride: object, padding: object) -> nn.Module:
    if algebra == "quaternion":
        return QuaternionConv2d(a // 4, b // 4, kernel, stride, padding, bias=False)  # pyright: ignore[reportArgumentType]
    return nn.Conv2d(a, b, kernel, stride, padding, bias=False)  # pyright: ignore[reportArgumentType]


def _conv1d(algebra: Algebra, a: int, b: int, kernel: int) -> nn.Module:
    if algebra == "quaternion":
        return QuaternionConv1d(a // 4, b // 4, kernel, padding=kernel // 2, bias=False)
    return nn.Conv1d(a, b, kernel, padding=kernel // 2, bias=False)


def _norm2d(algebra: Algebra, width: int) -> nn.Module:
    return QuaternionBatchNorm(width // 4) if algebra == "quaternion" else nn.BatchNorm2d(width)


def _norm1d(algebra: Algebra, width: int) -> nn.Module:
    return QuaternionBatchNorm(width // 4) if algebra == "quaternion" else nn.BatchNorm1d(width)
