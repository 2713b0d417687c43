"""What a speech network in training is taught beside the answer: each branch alone, and both aligned.

The published idea (PhysioSER, Zhang et al. 2026, arXiv 2602.13259) is a contrastive alignment of the two branches; which
one is not known. Here it is a supervised contrastive loss between both branches' embeddings of a batch, in which those of
one emotion belong together (Khosla et al. 2020, arXiv 2004.11362), and, frame by frame, a regression from the voice branch
to the principal components of the backbone's states. Both act in training only: a voice branch that was aligned
runs without a backbone.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from affectstream.encoders.network import Affect
from affectstream.encoders.speech.network import STRIDE, Branches, Shape, SpeechNetwork
from affectstream.multimodal.training.losses import affect_loss

ENOUGH = 10_000  # frames that statistics of states are taken from, or up to twice as many


class Heard(NamedTuple):
    """What a network in training says of B windows, and all that the loss wants to know.

    ``answer`` is its own; where it has two branches, ``alone`` are the answers of each by itself and ``branches`` their
    embeddings; ``error`` () is how far the voice's frames are off their lessons, 0 without any. ``logits`` are the answer's.
    """

    answer: Affect
    alone: tuple[Affect, ...]
    branches: Branches | None
    error: Tensor

    @property
    def logits(self) -> Tensor | None:
        return self.answer.logits


class Lessons(nn.Module):
    """What the voice branch's frames are taught: the ``count`` first principal components of the backbone's states, each
    of variance 1; and the projection that answers. Needed in training only.

    States have the axes ``depth`` and ``state_width``, the voice's frames are ``width`` wide.
    """

    mean: Tensor
    basis: Tensor

    def __init__(self, depth: int, state_width: int, width: int, count: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(depth * state_width))
        self.register_buffer("basis", torch.zeros(depth * state_width, count))
        self.answer = nn.Conv1d(width, count, 1)

    @torch.no_grad()
    def fit(self, states: Tensor) -> None:
        """Find the components of ``states`` (F, depth, state_width). Raises ValueError for fewer frames than components."""
        count = self.basis.shape[1]
        if len(states) <= count:
            raise ValueError(
                f"there are {len(states)} frames with a voice to find {count} principal components of the backbone's states in; "
                "wanted more; train on more recordings, or lower the network's lessons"
            )
        flat = states.flatten(1)
        mean, sd = flat.mean(0), flat.std(0) + 1e-3
        ready = (flat - mean) / sd
        values, vectors = torch.linalg.eigh(ready.T @ ready / len(ready))
        self.mean.copy_(mean)
        self.basis.copy_(vectors[:, -count:] / values[-count:].sqrt() / sd[:, None])

    def forward(self, frames: Tensor, states: Tensor, presence: Tensor) -> Tensor:
        """Squared error of ``frames`` (B, width, T / 4) against the last of each four ``states``, (B, T / 4, depth, width),
        weighted by presence (B, T)."""
        lesson = (states.flatten(2) - self.mean) @ self.basis
        weight = presence.unflatten(1, (-1, STRIDE)).mean(2)
        error = (self.answer(frames).transpose(1, 2) - lesson).square().mean(2)
        return (error * weight).sum() / weight.sum().clamp(min=1)


class AlignedSpeech(nn.Module):
    """A speech ``network`` in training, with what only its training needs.

    What is shipped is ``network`` alone. In evaluation the answer is the network's, in training :class:`Heard`. ``branches`` is the
    weight of each branch's own answer in the loss, ``contrast`` that of the contrastive alignment, at this ``temperature``,
    and ``taught`` that of the regression to so many ``lessons``, 0 for none. ``depth`` says how many states the lessons'
    backbone has, each of the shape's ``state_width``: a network without a backbone is taught by one.

    Raises ValueError for a shape without a branch, or lessons that nobody would hear.
    """

    def __init__(
        self,
        shape: Shape,
        branches: float = 0.3,
        contrast: float = 0.1,
        temperature: float = 0.1,
        taught: float = 3.0,
        lessons: int = 128,
        depth: int = 3,
    ) -> None:
        super().__init__()
        if not shape.voice and not shape.states:
            raise ValueError("the shape has no voice and no states; wanted one of them, or both")
        if min(branches, contrast, taught) < 0 or temperature <= 0 or lessons < 1:
            raise ValueError(
                f"branches {branches:g}, contrast {contrast:g}, taught {taught:g}, temperature {temperature:g}, lessons "
                f"{lessons}; wanted weights of 0 or more, a temperature above 0, and one lesson or more"
            )
        self.network = SpeechNetwork(shape)
        self.lessons: Lessons | None = None
        if shape.voice and taught:
            self.lessons = Lessons(depth, shape.state_width, self.network.voice.width, lessons)
        self.branches, self.contrast, self.temperature, self.taught = branches, contrast, temperature, taught

    @property
    def states(self) -> tuple[int, int] | None:
        """Axes (depth, width) of the states it learns with, None if it needs none."""
        shape = self.network.shape
        if shape.states:
            return shape.states, shape.state_width
        return None if self.lessons is None else (len(self.lessons.mean) // shape.state_width, shape.state_width)

    def depth(self, name: str) -> int:
        """0 for the parameter ``name`` of the functionals' map, 1 for others: of 1,920 functionals it learns more slowly."""
        return int(not name.startswith("network.voice_plain."))

    def standardise(self, quartets: Tensor, presence: Tensor, states: Tensor | None = None) -> None:
        """Fit the input statistics, and the lessons, to the frames of windows where there is a voice.

        Inputs are those of :class:`affectstream.encoders.speech.network.SpeechNetwork`. Raises ValueError if no voice is heard.
        """
        heard = self.network.heard(quartets, presence).permute(0, 3, 1, 2)[presence > 0.5]
        row, frame = torch.nonzero(presence > 0.5, as_tuple=True)
        some = slice(None, None, max(len(row) // ENOUGH, 1))
        self.fit(heard, None if states is None else states[row[some], frame[some]])

    @torch.no_grad()
    def fit(self, voiced: Tensor, states: Tensor | None) -> None:
        """:meth:`standardise`, by quartets as they are heard (F, C, 40) and ``states`` (G, depth, width) of voiced frames."""
        if len(voiced) < 2:
            raise ValueError("no voice is heard in these recordings; wanted speech at 16 kHz; listen to one")
        network = self.network
        if network.shape.voice:
            network.quartet_mean.copy_(voiced.mean(0))
            network.quartet_sd.copy_(voiced.std(0) + 0.05)
        if states is None:
            return
        if network.shape.states:
            network.state_mean.copy_(states.mean(0))
            network.state_sd.copy_(states.std(0) + 1e-3)
        if self.lessons is not None:
            self.lessons.fit(states)

    def forward(self, quartets: Tensor, presence: Tensor, states: Tensor | None = None) -> Affect | Heard:
        """As :class:`affectstream.encoders.speech.network.SpeechNetwork`. To a voice alone, states are but lessons: of
        every frame, or of every fourth, (B, T / 4, depth, width)."""
        network = self.network
        if not self.training:
            return network(quartets, presence, states)
        tokens: list[Tensor] = []
        error = torch.zeros((), device=quartets.device)
        if network.shape.voice:
            ready, frames = network.frames(quartets, presence)
            tokens.append(network.embed_voice(ready, frames, presence))
            if self.lessons is not None and states is not None:
                every = states.shape[1] * STRIDE // quartets.shape[-1]
                error = self.lessons(frames, states[:, every - 1 :: every], presence)
        if network.shape.states and states is not None:
            tokens.append(network.embed_latent(states, presence))
        answer = network.fuse(tokens)
        if len(tokens) < 2:
            return Heard(answer, (), None, error)
        alone = tuple(network.fuse([token]) for token in tokens)
        return Heard(answer, alone, network.project(tokens) if self.contrast else None, error)

    def loss(
        self,
        answer: Affect | Heard,
        vad: Tensor,
        labels: Tensor | None = None,
        marks: Tensor | None = None,
        *,
        beta: float = 0.5,
    ) -> Tensor:
        """The affect loss () of the answer, in training also of each branch alone, and both alignments.

        ``vad`` (B, 3) with NaN where unknown, ``labels`` (B, K) distributions, NaN where unknown; no marks are learnt.
        """
        known = labels if labels is not None and labels.shape[1] else None
        if isinstance(answer, Affect):
            return affect_loss(answer, vad, known, beta=beta)
        loss = affect_loss(answer.answer, vad, known) + self.taught * answer.error
        for alone in answer.alone:
            loss = loss + self.branches * affect_loss(alone, vad, known)
        if answer.branches is not None:
            loss = loss + self.contrast * contrast(answer.branches, kinds(known, vad), self.temperature)
        return loss


def kinds(labels: Tensor | None, vad: Tensor) -> Tensor:
    """The likeliest class (B,) of each of ``labels`` (B, K), -1 where it is unknown; ``vad`` (B, 3) says how many there are.

    >>> kinds(torch.tensor([[0.1, 0.9], [torch.nan, torch.nan]]), torch.zeros(2, 3)).tolist()
    [1, -1]
    """
    if labels is None:
        return torch.full((len(vad),), -1, device=vad.device)
    return torch.where(labels.isfinite().all(1), labels.nan_to_num().argmax(1), -1)


def contrast(branches: Branches, kind: Tensor, temperature: float) -> Tensor:
    """Symmetric supervised contrastive loss of B embeddings of each branch; one's positives are the other's of its ``kind``
    (B,), an integer: where that is -1, unknown, only the other's of the same window."""
    alike = (kind[:, None] == kind) & (kind[:, None] >= 0) | torch.eye(len(kind), dtype=torch.bool, device=kind.device)
    target = alike / alike.sum(1, keepdim=True)
    likeness = branches.voice @ branches.latent.T / temperature
    return -(target * (likeness.log_softmax(1) + likeness.T.log_softmax(1))).sum(1).mean() / 2
