"""Train the speech network on acted recordings.

The published idea (PhysioSER, Zhang et al. 2026, arXiv 2602.13259) is a contrastive alignment of the two branches; which
one is not known. Here it is a supervised contrastive loss between both branches' embeddings of a batch, in which those of
one emotion belong together (Khosla et al. 2020, arXiv 2004.11362), and, frame by frame, a regression from the voice branch
to the principal components of the backbone's states. Both act in training only: a voice branch that was aligned
runs without a backbone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from affectstream.datasets.clips import Clips
from affectstream.encoders.network import Affect
from affectstream.encoders.speech.features import WINDOW
from affectstream.encoders.speech.network import STRIDE, Algebra, Branches, Part, Shape, SpeechEnsemble, SpeechNetwork
from affectstream.multimodal.training.losses import affect_loss
from affectstream.multimodal.training.speech_data import Batch, Prepared, beginning, middle, random_windows, windows
from affectstream.multimodal.training.speech_linear import heard_in


@dataclass(frozen=True)
class Recipe:
    """How a speech network is trained.

    ``voice`` and ``backbone`` say which branches it has; ``part`` what the voice branch hears and ``algebra`` how it
    computes (:class:`Shape`); ``contrast``, ``taught`` the weights of the two alignments, 0 for none.
    """

    voice: bool = True
    backbone: bool = True
    part: Part = "all"
    algebra: Algebra = "quaternion"
    steps: int = 280
    batch: int = 32
    rate: float = 1e-3
    plain_rate: float = 0.3  # of the functionals, as a part of the others' rate: there are 1,920 of them
    decay: float = 0.1
    length: int = WINDOW  # frames of a training window
    plain: float = 0.6  # chance that a recording is taken as it is and not as a varied copy
    dropout: float = 0.3
    balance: float = 0.5  # power of a class's rarity by which its recordings are drawn more often
    branches: float = 0.3  # weight of each branch's own answer
    contrast: float = 0.1
    temperature: float = 0.1
    taught: float = 3.0
    lessons: int = 128  # principal components


class Lessons(nn.Module):
    """What the voice branch's frames are taught: the ``count`` first principal components of the backbone's states, each
    of variance 1; and the projection that answers. Needed in training only."""

    mean: Tensor
    basis: Tensor

    def __init__(self, states: Tensor, width: int, count: int) -> None:
        super().__init__()
        flat = states.flatten(1)
        mean, sd = flat.mean(0), flat.std(0) + 1e-3
        ready = (flat - mean) / sd
        values, vectors = torch.linalg.eigh(ready.T @ ready / len(ready))
        self.register_buffer("mean", mean)
        self.register_buffer("basis", vectors[:, -count:] / values[-count:].sqrt() / sd[:, None])
        self.answer = nn.Conv1d(width, count, 1)

    def forward(self, frames: Tensor, states: Tensor, presence: Tensor) -> Tensor:
        """Squared error of ``frames`` (B, width, T / 4) against the last of each four ``states``, (B, T / 4, depth, width),
        weighted by presence (B, T)."""
        lesson = (states.flatten(2) - self.mean) @ self.basis
        weight = presence.unflatten(1, (-1, STRIDE)).mean(2)
        error = (self.answer(frames).transpose(1, 2) - lesson).square().mean(2)
        return (error * weight).sum() / weight.sum().clamp(min=1)


def shape_of(recipe: Recipe, labels: int, states: tuple[int, ...]) -> Shape:
    """The shape of the network that ``recipe`` trains; ``states`` are the axes (depth, width) of the backbone's."""
    return Shape(
        labels,
        recipe.voice,
        recipe.part,
        recipe.algebra,
        states[0] if recipe.backbone else 0,
        states[1],
        recipe.dropout,
    )


def train_member(
    sets: Sequence[Prepared], clips: Clips, train: NDArray[np.integer], recipe: Recipe, seed: int
) -> SpeechNetwork:
    """One network trained on the recordings ``train`` of ``clips``, of which ``sets`` are the copies, the first unchanged.

    Every statistic is fitted on ``train``. Deterministic for one seed. Returns it in evaluation mode, not calibrated.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = SpeechNetwork(shape_of(recipe, len(clips.emotions), sets[0].states.shape[1:]))
    lessons = _standardise(network, sets[0], train, recipe)
    parameters = [*network.parameters(), *(lessons.parameters() if lessons else ())]
    slow = {id(p) for p in network.voice_plain.parameters()} if recipe.voice else set()
    rates = [recipe.rate, recipe.rate * recipe.plain_rate]
    groups = [{"params": [p for p in parameters if (id(p) in slow) == late]} for late in (False, True)]
    groups = [group for group in groups if group["params"]]
    optimizer = torch.optim.AdamW(groups, recipe.rate, weight_decay=recipe.decay, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates[: len(groups)], recipe.steps, pct_start=0.2)
    chance = _rarity(clips.emotion[train]) ** recipe.balance
    vad, share = torch.from_numpy(clips.vad), torch.from_numpy(clips.share)
    network.train()
    every = 1 if recipe.backbone else STRIDE
    for _ in range(recipe.steps):
        drawn = rng.choice(train, recipe.batch, replace=False, p=chance / chance.sum())
        pick = random_windows(sets, drawn, recipe.length, recipe.plain, rng)
        batch = windows(sets, pick, recipe.length, every=every)
        loss = _loss(network, lessons, batch, vad[drawn], share[drawn], clips.emotion[drawn], recipe)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 2.0)
        optimizer.step()
        schedule.step()
    return network.eval()


def _loss(
    network: SpeechNetwork,
    lessons: Lessons | None,
    batch: Batch,
    vad: Tensor,
    share: Tensor,
    emotion: NDArray[np.str_],
    recipe: Recipe,
) -> Tensor:
    """The affect loss of the answer and of each branch alone, and both alignments."""
    tokens: list[Tensor] = []
    taught = torch.zeros(())
    if recipe.voice:
        ready, frames = network.frames(batch.quartets, batch.presence)
        tokens.append(network.embed_voice(ready, frames, batch.presence))
        if lessons is not None and batch.states is not None:
            last = batch.states[:, STRIDE - 1 :: STRIDE] if recipe.backbone else batch.states
            taught = recipe.taught * lessons(frames, last, batch.presence)
    if recipe.backbone and batch.states is not None:
        tokens.append(network.embed_latent(batch.states, batch.presence))
    loss = affect_loss(network.fuse(tokens), vad, share) + taught
    if len(tokens) == 2:
        for token in tokens:
            loss = loss + recipe.branches * affect_loss(network.fuse([token]), vad, share)
        if recipe.contrast:
            loss = loss + recipe.contrast * contrast(network.project(tokens), emotion, recipe.temperature)
    return loss


def contrast(branches: Branches, emotion: NDArray[np.str_], temperature: float) -> Tensor:
    """Symmetric supervised contrastive loss of B embeddings of each branch; one's positives are the other's of its emotion."""
    alike = torch.from_numpy((emotion[:, None] == emotion).astype(np.float32))
    target = alike / alike.sum(1, keepdim=True)
    likeness = branches.voice @ branches.latent.T / temperature
    return -(target * (likeness.log_softmax(1) + likeness.T.log_softmax(1))).sum(1).mean() / 2


def _standardise(network: SpeechNetwork, part: Prepared, train: NDArray[np.integer], recipe: Recipe) -> Lessons | None:
    """Fit the network's input statistics to the voiced frames of ``train``; returns the lessons, if any are to be given."""
    if recipe.voice:
        first = [beginning(part, clip, WINDOW) for clip in train[::3].tolist()]
        batch = windows([part], first, WINDOW)
        voiced = network.heard(batch.quartets, batch.presence).permute(0, 3, 1, 2)[batch.presence > 0.5]
        if len(voiced) < 2:
            raise ValueError(f"no voice is heard in {len(train)} recordings; wanted speech at 16 kHz; listen to one")
        network.quartet_mean.copy_(voiced.mean(0))
        network.quartet_sd.copy_(voiced.std(0) + 0.05)
    taught = recipe.voice and recipe.taught > 0 and part.states.shape[1] > 0
    if not (recipe.backbone or taught):
        return None
    at = np.concatenate([np.arange(int(part.offset[clip]), int(part.offset[clip + 1]), 4) for clip in train.tolist()])
    states = torch.from_numpy(part.states[at[part.presence[at] > 0.5]].astype(np.float32))
    if recipe.backbone:
        network.state_mean.copy_(states.mean(0))
        network.state_sd.copy_(states.std(0) + 1e-3)
    return Lessons(states, network.voice.width, recipe.lessons) if taught else None


def _rarity(emotion: NDArray[np.str_]) -> NDArray[np.float64]:
    """For each of (n,) names, n over how often it occurs."""
    _, at, count = np.unique(emotion, return_inverse=True, return_counts=True)
    return len(emotion) / count[at]


@torch.inference_mode()
def answers(
    network: SpeechNetwork | SpeechEnsemble, part: Prepared, clips: NDArray[np.integer], longest: int | None = None
) -> Affect:
    """What ``network`` says of each of the recordings ``clips`` (n,), without an embedding.

    Of the whole recording, or of the ``longest`` frames in its middle.
    """
    plain = isinstance(network, SpeechEnsemble) and not network.backbone
    rows: list[Affect] = []
    for clip in clips.tolist():
        pick = middle(part, clip, longest)
        batch = windows([part], [pick], -(-pick[3] // STRIDE) * STRIDE)
        beside = torch.from_numpy(heard_in(part, pick, "functionals"))[None] if plain else batch.states
        rows.append(network(batch.quartets, batch.presence, beside))
    mean, log_var, logits = (torch.cat([getattr(row, name) for row in rows]) for name in ("mean", "log_var", "logits"))
    return Affect(mean, log_var, logits, torch.empty(len(clips), 0))
