"""Train the speech network on acted recordings, one member of an ensemble at a time.

What it is taught, and by which loss: :mod:`affectstream.multimodal.training.speech.alignment`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from affectstream.datasets.clips import Clips
from affectstream.encoders.network import Affect
from affectstream.encoders.speech.features import WINDOW
from affectstream.encoders.speech.network import STRIDE, Algebra, Part, Shape, SpeechEnsemble, SpeechNetwork
from affectstream.multimodal.training.speech.alignment import AlignedSpeech
from affectstream.multimodal.training.speech.linear import heard_in
from affectstream.multimodal.training.speech.prepared import Prepared, beginning, middle, random_windows, windows


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
    depth = sets[0].states.shape[1:]
    aligned = AlignedSpeech(
        shape_of(recipe, len(clips.emotions), depth),
        recipe.branches,
        recipe.contrast,
        recipe.temperature,
        recipe.taught if depth[0] else 0.0,
        recipe.lessons,
        depth[0],
    )
    _standardise(aligned, sets[0], train, recipe)
    parameters, named = list(aligned.parameters()), list(aligned.named_parameters())
    rates = [recipe.rate, recipe.rate * recipe.plain_rate]
    groups = [{"params": [p for name, p in named if aligned.depth(name) == quick]} for quick in (1, 0)]
    groups = [group for group in groups if group["params"]]
    optimizer = torch.optim.AdamW(groups, recipe.rate, weight_decay=recipe.decay, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates[: len(groups)], recipe.steps, pct_start=0.2)
    chance = _rarity(clips.emotion[train]) ** recipe.balance
    vad, share = torch.from_numpy(clips.vad), torch.from_numpy(clips.share)
    aligned.train()
    every = 1 if recipe.backbone else STRIDE
    for _ in range(recipe.steps):
        drawn = rng.choice(train, recipe.batch, replace=False, p=chance / chance.sum())
        pick = random_windows(sets, drawn, recipe.length, recipe.plain, rng)
        batch = windows(sets, pick, recipe.length, every=every)
        loss = aligned.loss(aligned(*batch), vad[drawn], share[drawn])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 2.0)
        optimizer.step()
        schedule.step()
    return aligned.network.eval()


def _standardise(aligned: AlignedSpeech, part: Prepared, train: NDArray[np.integer], recipe: Recipe) -> None:
    """Fit the statistics to voiced frames of ``train``: quartets of every third recording's beginning, a quarter of all states."""
    first = [beginning(part, clip, WINDOW) for clip in train[::3].tolist()]
    batch = windows([part], first, WINDOW)
    voiced = aligned.network.heard(batch.quartets, batch.presence).permute(0, 3, 1, 2)[batch.presence > 0.5]
    if aligned.states is None:
        aligned.fit(voiced, None)
        return
    at = np.concatenate([np.arange(int(part.offset[clip]), int(part.offset[clip + 1]), 4) for clip in train.tolist()])
    aligned.fit(voiced, torch.from_numpy(part.states[at[part.presence[at] > 0.5]].astype(np.float32)))


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
