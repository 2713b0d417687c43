"""Train the learned fusion on CREMA-D votes: what people make of a face and a voice, from what others make of each.

    python -m affectstream.multimodal.training.fusion.train --data FOLDER --run FOLDER

``--data`` holds ``cremad_votes.csv.gz``. Writes ``fusion.safetensors`` and ``log.jsonl`` to ``run``; the same seed
gives the same weights. Encoders are simulated (:mod:`affectstream.multimodal.training.fusion.votes`). Chosen and
calibrated on the validation actors; the test actors are not read here. ``affectstream fit --config
fusion/cremad_votes.yaml`` trains alike, as other presets do, and does not fit again on the validation actors.
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import NormalDist

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.optim.lr_scheduler import OneCycleLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from affectstream.datasets.cremad_votes import EMOTION_VAD, CremadVotes
from affectstream.multimodal.fusion.learned import MODALITIES
from affectstream.multimodal.fusion.network import Fusion, FusionNetwork, Parts
from affectstream.multimodal.metrics import ccc
from affectstream.multimodal.training.fusion.votes import Said, Simulation, exact, simulate
from affectstream.multimodal.training.losses import beta_nll, concordance, soft_cross_entropy


@dataclass(frozen=True)
class Aims:
    """What is learnt of simulated sequences: how much 1 - CCC (``agreement``) and the joint shares' cross-entropy (``naming``)
    weigh beside beta-NLL, and the chance, at each instant, that the memory is lost (``restart``)."""

    restart: float = 0.3
    agreement: float = 0.5
    naming: float = 1.0


@dataclass(frozen=True)
class Recipe(Aims, Simulation):
    """How training goes."""

    updates: int = 1600
    batch: int = 512  # sequences
    rate: float = 6e-3
    decay: float = 0.01
    average: float = 0.995
    seed: int = 0


def start(votes: CremadVotes, *, width: int = 64, memory: int = 24, members: int = 4) -> FusionNetwork:
    """An untrained network that knows the terms, and the mean and spread of ``votes`` as its prior."""
    network = FusionNetwork(width=width, memory=memory, members=members)
    network.terms.copy_(torch.from_numpy(EMOTION_VAD))
    expect(network, torch.from_numpy(votes.vad))
    return network


def expect(network: FusionNetwork, vad: Tensor) -> None:
    """Make the mean and spread of the judgements ``vad`` (n, 3) the network's prior."""
    values = vad.cpu().numpy()
    network.prior_mean.copy_(torch.from_numpy(values.mean(0)))
    network.prior_log_var.copy_(torch.from_numpy(np.log(values.var(0))))


def draw(votes: CremadVotes, recipe: Recipe, rng: np.random.Generator) -> Said:
    """A batch of sequences (B, T, ...) of simulated encoders that begin with clips drawn at random."""
    return simulate(votes, recipe, rng.integers(0, len(votes), recipe.batch), rng)


def walk(network: FusionNetwork, inputs: Sequence[Tensor], restart: float) -> Parts:
    """What the network makes of sequences: ``inputs`` are its own (:meth:`FusionNetwork.parts`) as (B, T, ...), without a memory,
    which is lost with the chance ``restart`` at each instant. The parts are of T B instants, the first of every sequence first.
    """
    memory, steps = network.initial(len(inputs[0])).to(inputs[0].device), []
    for step in range(inputs[0].shape[1]):
        memory = torch.where(torch.rand(len(memory), 1, device=memory.device) < restart, 0, memory)
        mean, log_var, expression, presence = (part[:, step] for part in inputs)
        parts = network.parts(mean, log_var, expression, presence, memory)
        memory = parts.answer.memory
        steps.append(parts)
    answer = Fusion._make(torch.cat(part) for part in zip(*(p.answer for p in steps), strict=True))
    alone_mean, alone_log_var = torch.cat([p.alone_mean for p in steps]), torch.cat([p.alone_log_var for p in steps])
    return Parts(answer, alone_mean, alone_log_var, torch.cat([p.joint for p in steps], 1))


def in_order(values: Tensor) -> Tensor:
    """Values (B, T, ...) of sequences as (T B, ...), in the order of :func:`walk`."""
    return values.transpose(0, 1).flatten(0, 1)


def parts_loss(parts: Parts, presence: Tensor, vad: Tensor, share: Tensor, aims: Aims, *, beta: float = 0.5) -> Tensor:
    """The loss of instants (n, ...): of the answer, of each modality alone, and of what the members name."""
    loss = _vad_loss(parts.answer.mean, parts.answer.log_var, vad, aims, beta)
    for m in range(len(MODALITIES)):
        known = presence[:, m] > 0
        loss = loss + _vad_loss(parts.alone_mean[known, m], parts.alone_log_var[known, m], vad[known], aims, beta)
    both = (presence > 0).all(1)
    for named in parts.joint:
        loss = loss + aims.naming * soft_cross_entropy(named[both], share[both])
    return loss


def batch_loss(network: FusionNetwork, said: Said, aims: Aims) -> Tensor:
    """The loss of a batch of sequences (B, T, ...)."""
    parts = walk(network, (said.mean, said.log_var, said.expression, said.presence), aims.restart)
    return parts_loss(parts, in_order(said.presence), in_order(said.vad), in_order(said.share), aims)


def _vad_loss(mean: Tensor, log_var: Tensor, vad: Tensor, aims: Aims, beta: float) -> Tensor:
    return beta_nll(mean, log_var, vad, beta=beta) + aims.agreement * (1 - concordance(mean, vad)).mean()


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
        loss = batch_loss(network, draw(train, recipe, rng), recipe)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        averaged.update_parameters(network)
    network.load_state_dict(averaged.module.state_dict())
    return network.eval()


def calibrate(network: FusionNetwork, said: Said, level: float = 0.9) -> None:
    """Widen variances so that central ``level`` intervals cover ``level`` of what two present encoders ``said`` (n, ...) of, alone
    and together.

    Raises ValueError if the network is calibrated already.
    """
    if network.alone_widen.any() or network.both_widen.any():
        raise ValueError("this fusion is calibrated already; calibrate the trained weights once")
    for m in range(len(MODALITIES)):
        only = torch.zeros_like(said.presence)
        only[:, m] = said.presence[:, m]
        _widen(network, network.alone_widen[m], said._replace(presence=only), level)
    _widen(network, network.both_widen, said, level)


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
    calibrate(first, exact(val_votes))
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
