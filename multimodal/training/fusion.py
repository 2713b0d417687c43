"""Train the learned fusion on CREMA-D votes: what people make of a face and a voice, from what others make of each.

    python -m affectstream.multimodal.training.fusion --data FOLDER --run FOLDER

``--data`` holds ``cremad_votes.csv.gz``. Writes ``fusion.safetensors`` and ``log.jsonl`` to ``run``; the same seed
gives the same weights. Every clip has one vote of each kind, so sequences are simulated: encoders that see a clip
as a handful of voters would, err alike from one instant to the next, and now and then fall silent. Chosen and
calibrated on the validation actors; the test actors are not read here.
"""

import argparse
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import NormalDist
from typing import NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor
from torch.optim.lr_scheduler import OneCycleLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from affectstream.datasets.cremad_votes import (
    EMOTION_VAD,
    CremadVotes,
    derived_vad,
    sampling_variance,
    shares,
)
from affectstream.multimodal.fusion.learned import MODALITIES
from affectstream.multimodal.fusion.network import Fusion, FusionNetwork, Parts
from affectstream.multimodal.metrics import ccc
from affectstream.multimodal.training.losses import beta_nll, concordance, soft_cross_entropy

WAY_OF = {"face": "face", "speech": "voice"}  # who judged what our modality stands for


@dataclass(frozen=True)
class Recipe:
    """How training goes; the chances are per sequence, or per sequence and modality where a modality is named."""

    updates: int = 1600
    batch: int = 512  # sequences
    steps: int = 3  # instants in a sequence
    rate: float = 6e-3
    decay: float = 0.01
    average: float = 0.995
    seed: int = 0
    exact: float = 0.5  # chance that the encoders say just what the voters said
    fewest: int = 1  # simulated voters
    most: int = 30
    blur: float = 0.04  # sd of what an encoder's mean adds to its shares' terms
    change: float = 0.5  # chance that another clip of the same actor follows
    doubtful: float = 0.2  # chance that readings are not of this clip as often as their quality says
    unnamed: float = 0.05  # chance that a modality gives no shares
    whole: float = 0.3  # chance that one modality is away
    span: float = 0.3  # chance that one modality is away for a while
    restart: float = 0.3  # chance, at each instant, that the memory is lost
    agreement: float = 0.5  # weight of 1 - CCC
    naming: float = 1.0  # weight of the joint shares' cross-entropy


class Said(NamedTuple):
    """What two encoders say, (..., 2, k) over :data:`MODALITIES`, and what people made of it, (..., k)."""

    mean: Tensor
    log_var: Tensor
    expression: Tensor
    presence: Tensor
    vad: Tensor
    share: Tensor

    def at(self, step: int) -> Self:
        """One instant of sequences (B, T, ...)."""
        return type(self)(*(part[:, step] for part in self))


def exact(votes: CremadVotes, present: tuple[str, ...] = MODALITIES) -> Said:
    """The votes themselves as one instant for each clip (n, ...), with only the ``present`` modalities."""
    counts = _counts(votes)
    share = shares(counts)
    presence = np.tile(np.array([name in present for name in MODALITIES], np.float32), (len(votes), 1))
    variance = sampling_variance(share, counts.sum(-1))
    return _said(derived_vad(share), np.log(variance), share, presence, votes.vad, votes.share)


def simulate(votes: CremadVotes, recipe: Recipe, rng: np.random.Generator) -> Said:
    """A batch of sequences (B, T, ...) of simulated encoders on the clips of ``votes``."""
    size, steps, count = recipe.batch, recipe.steps, len(MODALITIES)
    clip, fresh = _clips(votes.actor, recipe, rng)
    each = (size, 1, count)
    is_exact = rng.random((size, 1, 1)) < recipe.exact
    quality = np.where(rng.random(each) < recipe.doubtful, rng.uniform(0.1, 1, each), 1.0)
    keeps = rng.random((size, steps, count)) < rng.uniform(0, 0.95, each)  # the error stays as it was
    redrawn = fresh[..., None] | ~keeps
    redrawn[:, 0] = True
    last = np.maximum.accumulate(np.where(redrawn, np.arange(steps)[:, None], 0), 1)
    wrong = np.take_along_axis(rng.random((size, steps, count)) > quality, last, 1)
    astray = np.take_along_axis(rng.integers(0, len(votes), (size, steps, count)), last, 1)
    looked_at = np.where(wrong, astray, clip[..., None])

    counts = _counts(votes)
    judged = np.stack([counts[looked_at[..., m], m] for m in range(count)], 2)  # (B, T, 2, 6)
    voters = judged.sum(-1)
    drawn = np.exp(rng.uniform(np.log(recipe.fewest), np.log(recipe.most + 1), each)).astype(int)
    drawn = np.broadcast_to(drawn, voters.shape)
    share = shares(judged)
    chances = share.astype(np.float64) / share.astype(np.float64).sum(-1, keepdims=True)
    hard = shares(rng.multinomial(drawn, chances).astype(np.float64))
    soft = shares(rng.standard_gamma(drawn[..., None] * chances + 1e-2) + 1e-6)
    seen = np.where(rng.random((size, 1, count, 1)) < 0.5, hard, soft)
    seen = np.take_along_axis(seen, last[..., None], 1)
    believed = np.where(is_exact, voters, voters * drawn / (voters + drawn))
    seen = np.where(is_exact[..., None], share, seen).astype(np.float32)
    blur = np.where(is_exact[..., None], 0.0, recipe.blur) * rng.standard_normal((size, steps, count, 3))
    mean = np.clip(derived_vad(seen) + blur, -1, 1)
    log_var = np.log(sampling_variance(seen, believed))
    expression = np.where(rng.random((*each, 1)) < recipe.unnamed, np.nan, seen)
    presence = np.where(_away(recipe, rng), 0.0, quality)
    return _said(mean, log_var, expression, presence, votes.vad[clip], votes.share[clip])


def _counts(votes: CremadVotes) -> NDArray[np.float32]:
    """Votes (n, 2, 6) over :data:`MODALITIES`."""
    return np.stack([votes.votes[WAY_OF[name]] for name in MODALITIES], 1)


def _clips(
    actor: NDArray[np.str_], recipe: Recipe, rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Which clip (B, T) is on, and whether it has just changed; a change stays with the actor."""
    order = np.argsort(actor, kind="stable")
    _, first, count = np.unique(actor[order], return_index=True, return_counts=True)
    who = rng.integers(0, len(actor), recipe.batch)
    of = np.searchsorted(actor[order][first], actor[who])
    then = order[first[of] + rng.integers(0, count[of])]
    when = np.where(rng.random(recipe.batch) < recipe.change, rng.integers(1, recipe.steps, recipe.batch), recipe.steps)
    instant = np.arange(recipe.steps)
    return np.where(instant < when[:, None], who[:, None], then[:, None]), instant == when[:, None]


def _away(recipe: Recipe, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which modality is away when (B, T, 2): one all the time, or one for a stretch, or none; never both."""
    kind = rng.random(recipe.batch)
    begin = rng.integers(0, recipe.steps, recipe.batch)
    end = rng.integers(begin + 1, recipe.steps + 1)
    instant = np.arange(recipe.steps)
    stretch = (instant >= begin[:, None]) & (instant < end[:, None])
    whole, span = kind < recipe.whole, (kind >= recipe.whole) & (kind < recipe.whole + recipe.span)
    gone = whole[:, None] | (span[:, None] & stretch)
    return gone[..., None] & (
        np.arange(len(MODALITIES)) == rng.integers(0, len(MODALITIES), recipe.batch)[:, None, None]
    )


def _said(*parts: NDArray[np.floating]) -> Said:
    return Said(*(torch.from_numpy(np.ascontiguousarray(part, np.float32)) for part in parts))


def start(votes: CremadVotes, *, width: int = 64, memory: int = 24, members: int = 4) -> FusionNetwork:
    """An untrained network that knows the terms, and the mean and spread of ``votes`` as its prior."""
    network = FusionNetwork(width=width, memory=memory, members=members)
    network.terms.copy_(torch.from_numpy(EMOTION_VAD))
    network.prior_mean.copy_(torch.from_numpy(votes.vad.mean(0)))
    network.prior_log_var.copy_(torch.from_numpy(np.log(votes.vad.var(0))))
    return network


def batch_loss(network: FusionNetwork, said: Said, recipe: Recipe) -> Tensor:
    """The loss of a batch of sequences: of the answer, of each modality alone, and of what the members name."""
    memory, steps = network.initial(len(said.vad)), []
    for step in range(said.vad.shape[1]):
        now = said.at(step)
        memory = torch.where(torch.rand(len(memory), 1) < recipe.restart, 0, memory)
        parts = network.parts(now.mean, now.log_var, now.expression, now.presence, memory)
        memory = parts.answer.memory
        steps.append(parts)
    vad, presence = said.vad.transpose(0, 1).flatten(0, 1), said.presence.transpose(0, 1).flatten(0, 1)
    share = said.share.transpose(0, 1).flatten(0, 1)
    answer = Fusion(*(torch.cat(part) for part in zip(*(p.answer for p in steps), strict=True)))
    loss = _vad_loss(answer.mean, answer.log_var, vad, recipe)
    alone_mean, alone_log_var = torch.cat([p.alone_mean for p in steps]), torch.cat([p.alone_log_var for p in steps])
    for m in range(len(MODALITIES)):
        known = presence[:, m] > 0
        loss = loss + _vad_loss(alone_mean[known, m], alone_log_var[known, m], vad[known], recipe)
    both = (presence > 0).all(1)
    for named in torch.cat([p.joint for p in steps], 1):
        loss = loss + recipe.naming * soft_cross_entropy(named[both], share[both])
    return loss


def _vad_loss(mean: Tensor, log_var: Tensor, vad: Tensor, recipe: Recipe) -> Tensor:
    return beta_nll(mean, log_var, vad) + recipe.agreement * (1 - concordance(mean, vad)).mean()


@torch.inference_mode()
def look(network: FusionNetwork, said: Said) -> Parts:
    """What the network makes of single instants (n, ...) without a past."""
    network.eval()
    inputs = (said.mean, said.log_var, said.expression, said.presence)
    return network.parts(*inputs, network.initial(len(said.vad)))


def fit(train: CremadVotes, recipe: Recipe, **shape: int) -> FusionNetwork:
    """A network trained on ``train`` and not yet calibrated: the running average of its weights."""
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    network = start(train, **shape)
    averaged = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(recipe.average))
    optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    schedule = OneCycleLR(optimizer, recipe.rate, total_steps=recipe.updates)
    network.train()
    for _ in range(recipe.updates):
        loss = batch_loss(network, simulate(train, recipe, rng), recipe)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        averaged.update_parameters(network)
    network.load_state_dict(averaged.module.state_dict())
    return network.eval()


def calibrate(network: FusionNetwork, votes: CremadVotes, level: float = 0.9) -> None:
    """Widen variances so that central ``level`` intervals cover ``level`` of ``votes``, alone and together.

    Raises ValueError if the network is calibrated already.
    """
    if network.alone_widen.any() or network.both_widen.any():
        raise ValueError("this fusion is calibrated already; calibrate the trained weights once")
    for m, name in enumerate(MODALITIES):
        _widen(network, network.alone_widen[m], exact(votes, (name,)), level)
    _widen(network, network.both_widen, exact(votes), level)


def _widen(network: FusionNetwork, widen: Tensor, said: Said, level: float) -> None:
    """Set the buffer ``widen`` (3,), in place, by bisection within a factor of e^3."""
    z = NormalDist().inv_cdf(0.5 + level / 2)
    low, high = torch.full((3,), -3.0), torch.full((3,), 3.0)
    for _ in range(20):
        middle = (low + high) / 2
        widen.copy_(middle)
        answer = look(network, said).answer
        covered = (abs(said.vad - answer.mean) <= z * (answer.log_var / 2).exp()).float().mean(0)
        low, high = torch.where(covered < level, middle, low), torch.where(covered < level, high, middle)


def agreement(network: FusionNetwork, votes: CremadVotes) -> dict[str, list[float]]:
    """CCC by dimension on the exact ``votes``, with both modalities and with each alone."""
    kept = {"both": MODALITIES, **{f"{name} alone": (name,) for name in MODALITIES}}
    means = {name: look(network, exact(votes, present)).answer.mean.numpy() for name, present in kept.items()}
    return {name: ccc(mean, votes.vad).round(4).tolist() for name, mean in means.items()}


def train(data: Path, run: Path, recipe: Recipe, **shape: int) -> FusionNetwork:
    """Fit on the train actors, calibrate on the validation actors, fit again on both, and leave weights and log in ``run``.

    The second fit has the same recipe and keeps the first one's calibration, as no actor is left to measure its own.
    """
    began = time.perf_counter()
    train_votes, val_votes = CremadVotes(data, "train"), CremadVotes(data, "val")
    first = fit(train_votes, recipe, **shape)
    calibrate(first, val_votes)
    network = fit(CremadVotes(data, "train", "val"), recipe, **shape)
    network.alone_widen.copy_(first.alone_widen)
    network.both_widen.copy_(first.both_widen)
    run.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, run / "fusion.safetensors")
    log = {
        "recipe": asdict(recipe),
        "shape": shape,
        "seconds": round(time.perf_counter() - began, 1),
        "parameters": sum(p.numel() for p in network.parameters()),
        "train": agreement(first, train_votes),
        "val": agreement(first, val_votes),
    }
    (run / "log.jsonl").write_text(json.dumps(log) + "\n")
    return network


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the learned fusion on CREMA-D votes")
    parser.add_argument("--data", type=Path, required=True, help="folder with cremad_votes.csv.gz")
    parser.add_argument("--run", type=Path, required=True, help="folder for weights and log")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    train(arguments.data, arguments.run, Recipe(seed=arguments.seed))
    print((arguments.run / "log.jsonl").read_text())


if __name__ == "__main__":
    main()
