"""Train the small face network on FER+.

    python -m affectstream.multimodal.training.face --data FERPLUS_FOLDER --run runs/face

The run resumes from ``runs/face/last.pt`` if that is there; ``face_export`` ships what it holds. No choice is made on
the test split.
"""

import argparse
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from affectstream.datasets.ferplus import FerPlus
from affectstream.encoders.checkpoint import checkpoint_folder
from affectstream.encoders.face.crop import TEMPLATE, CropContract, crop, face_matrix
from affectstream.encoders.face.detect import Detector
from affectstream.encoders.face.network import FaceNetwork
from affectstream.multimodal.training.losses import affect_loss, concordance

ENLARGE = 4  # YuNet wants a face of some size: a 48-pixel picture is shown to it four times larger


@dataclass(frozen=True)
class Cycle:
    """One fall of the learning rate from ``rate`` to a hundredth of it, after ``warmup`` epochs of rising.

    Mixing and most of the spoiling of pictures stop for the last part, ``gentle``, of its epochs.
    """

    epochs: int
    rate: float
    warmup: float = 0.5
    gentle: float = 0.4


@dataclass(frozen=True)
class Recipe:
    """How the face network is trained: ``cycles`` one after the other, each from the weight average of the one before
    (warm restarts, Loshchilov and Hutter 2017, arXiv 1608.03983)."""

    cycles: tuple[Cycle, ...] = (Cycle(29, 1.5e-3, warmup=1.0, gentle=0.3), Cycle(18, 8e-4), Cycle(16, 8e-4))
    batch: int = 64
    decay: float = 0.05
    drop_path: float = 0.05
    dropout: float = 0.1
    average: float = 0.9985  # decay of the weight average, per step
    mix: float = 0.3  # share of batches that are mixed up pairwise
    rare: float = 0.35  # how strongly rare expressions are drawn more often
    seed: int = 0

    @property
    def epochs(self) -> int:
        """Epochs of all cycles."""
        return sum(cycle.epochs for cycle in self.cycles)

    def place(self, epoch: int) -> tuple[int, int]:
        """The cycle that ``epoch`` lies in, and its number within that cycle."""
        for k, cycle in enumerate(self.cycles):
            if epoch < cycle.epochs:
                return k, epoch
            epoch -= cycle.epochs
        raise ValueError(f"epoch {epoch + self.epochs} is after the last; the recipe has {self.epochs}")


def find_points(images: NDArray[np.uint8], detector: Detector) -> NDArray[np.float32]:
    """Five face points (n, 5, 2) in pixels of ``images`` (n, H, W); the template's own where no face is found."""
    points = np.empty((len(images), 5, 2), np.float32)
    for i, image in enumerate(images):
        large = cv2.resize(image, None, fx=ENLARGE, fy=ENLARGE, interpolation=cv2.INTER_CUBIC)
        faces = detector(np.repeat(large[:, :, None], 3, axis=2))
        at = faces.points[0] if len(faces) else TEMPLATE * image.shape[0] * ENLARGE
        points[i] = (at + 0.5) / ENLARGE - 0.5
    return points


class Augment:
    """Makes one training crop: the face as a detector might have framed it, as a camera might have seen it.

    ``spoil`` in [0, 1] is how often the picture is blurred, lit from a side, made noisy, compressed or covered.
    """

    def __init__(self, contract: CropContract, rng: np.random.Generator, spoil: float = 1.0) -> None:
        self.contract, self.rng, self.spoil = contract, rng, spoil

    def __call__(self, image: NDArray[np.uint8], points: NDArray[np.float32]) -> NDArray[np.uint8]:
        """``image`` (H, W) and its ``points`` (5, 2) to a crop (side, side, 1)."""
        rng, side = self.rng, self.contract.side
        if rng.random() < 0.1:  # as if the detector had framed the picture without its points
            points = (TEMPLATE * image.shape[0] - 0.5).astype(np.float32)
        jitter = rng.normal(0, 0.012 * image.shape[0], points.shape)
        matrix = face_matrix(points + jitter, self.contract)
        angle, scale = rng.normal(0, 0.12), math.exp(rng.normal(0, 0.07))
        turn = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        middle = np.full(2, (side - 1) / 2)
        matrix = turn @ matrix
        matrix[:, 2] += middle - turn @ middle + rng.normal(0, 0.03 * side, 2)
        if rng.random() < 0.5:
            matrix[0] *= -1
            matrix[0, 2] += side - 1
        return self._camera(crop(image, matrix, self.contract))

    def _camera(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Light, lens, noise, compression and things in the way."""
        rng, side = self.rng, self.contract.side
        if rng.random() < 0.4 * self.spoil:
            picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.5)), np.uint8)[..., None]
        x = picture.astype(np.float32) / 255
        x = x ** math.exp(rng.normal(0, 0.3))
        x = (x - x.mean()) * math.exp(rng.normal(0, 0.25)) + x.mean() + rng.normal(0, 0.08)
        if rng.random() < 0.3 * self.spoil:
            slope = rng.normal(0, 0.35, 2)
            grid = np.linspace(-0.5, 0.5, side, dtype=np.float32)
            x = x * (1 + slope[0] * grid[:, None, None] + slope[1] * grid[None, :, None])
        if rng.random() < 0.4 * self.spoil:
            x = x + rng.normal(0, rng.uniform(0, 0.05), x.shape)
        out = (np.clip(x, 0, 1) * 255).astype(np.uint8)
        if rng.random() < 0.25 * self.spoil:
            _, code = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))])
            out = np.asarray(cv2.imdecode(code, cv2.IMREAD_GRAYSCALE), np.uint8)[..., None]
        if rng.random() < 0.25 * self.spoil:
            height, width = rng.integers(side // 8, side // 2, 2)
            y, x0 = rng.integers(0, side - height), rng.integers(0, side - width)
            out[y : y + height, x0 : x0 + width] = rng.integers(0, 256, (height, width, 1), np.uint8)
        return out


def plain_crops(images: NDArray[np.uint8], points: NDArray[np.float32], contract: CropContract) -> NDArray[np.uint8]:
    """The crops scoring would make: (n, side, side, channels) uint8."""
    return np.stack([crop(i, face_matrix(p, contract), contract) for i, p in zip(images, points, strict=True)])


def to_tensor(crops: NDArray[np.uint8]) -> Tensor:
    """uint8 (n, H, W, C) to float (n, C, H, W) in [0, 1]."""
    batch = torch.from_numpy(np.ascontiguousarray(crops)).permute(0, 3, 1, 2).float().div_(255)
    return batch.contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def predict(network: nn.Module, crops: NDArray[np.uint8], batch: int = 256) -> tuple[Tensor, Tensor, Tensor]:
    """Mean (n, 3), log-variance (n, 3) and logits (n, K) of ``crops``."""
    network.eval()
    outputs = [network(to_tensor(crops[i : i + batch])) for i in range(0, len(crops), batch)]
    return (
        torch.cat([o.mean for o in outputs]),
        torch.cat([o.log_var for o in outputs]),
        torch.cat([o.logits for o in outputs if o.logits is not None]),
    )


def sampling_weights(share: NDArray[np.float32], strength: float) -> NDArray[np.float64]:
    """How often each sample is drawn (n,), summing to 1: rare expressions more often by count^-strength."""
    frequency = share.sum(0)
    weight = share @ (frequency.max() / frequency) ** strength
    return weight / weight.sum()


def train(data: Path, run: Path, recipe: Recipe, *, stop_after: int | None = None) -> None:
    """Train, or go on training, in ``run``; at most ``stop_after`` epochs now, if given."""
    run.mkdir(parents=True, exist_ok=True)
    contract = CropContract()
    sets = {split: FerPlus(data, split) for split in ("train", "val")}
    points = cached_points(sets, run)
    held = plain_crops(sets["val"].image, points["val"], contract)
    torch.manual_seed(recipe.seed)
    network = FaceNetwork(drop_path=recipe.drop_path, dropout=recipe.dropout).to(memory_format=torch.channels_last)
    averaged, optimizer = _begin(network, recipe)
    steps = math.ceil(len(sets["train"]) / recipe.batch)
    first = 0
    if (run / "last.pt").exists():
        saved = torch.load(run / "last.pt", weights_only=True)
        network.load_state_dict(saved["network"])
        averaged.load_state_dict(saved["averaged"])
        optimizer.load_state_dict(saved["optimizer"])
        first = saved["epoch"] + 1
    last = recipe.epochs if stop_after is None else min(first + stop_after, recipe.epochs)
    for epoch in range(first, last):
        began = time.monotonic()
        if epoch > 0 and recipe.place(epoch)[1] == 0:
            network.load_state_dict(averaged.module.state_dict())
            averaged, optimizer = _begin(network, recipe)
        loss = _epoch(network, averaged, optimizer, sets["train"], points["train"], contract, recipe, epoch, steps)
        mean, _, logits = predict(averaged.module, held)
        truth = torch.from_numpy(sets["val"].share)
        right = (logits.argmax(1) == truth.argmax(1)).float()
        ccc = concordance(mean, torch.from_numpy(sets["val"].vad))
        clear = torch.from_numpy(sets["val"].votes[:, :8].max(1) >= 5)
        recall = [float(right[truth.argmax(1) == k].mean()) for k in range(8)]
        line = {
            "epoch": epoch,
            "seconds": round(time.monotonic() - began),
            "loss": round(loss, 4),
            "accuracy": round(float(right.mean()), 4),
            "accuracy_clear": round(float(right[clear].mean()), 4),
            "uar": round(float(np.mean(recall)), 4),
            "ccc": [round(float(c), 4) for c in ccc],
        }
        with (run / "log.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")
        print(line, flush=True)
        state = {
            "network": network.state_dict(),
            "averaged": averaged.state_dict(),
            "optimizer": optimizer.state_dict(),
            "epoch": epoch,
        }
        torch.save(state, run / "last.tmp")
        (run / "last.tmp").replace(run / "last.pt")


def _begin(network: FaceNetwork, recipe: Recipe) -> tuple[torch.optim.swa_utils.AveragedModel, torch.optim.Optimizer]:
    """What a cycle starts with: an average of nothing yet, and an optimizer without a past."""
    averaged = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(recipe.average), use_buffers=True
    )
    return averaged, torch.optim.AdamW(_groups(network, recipe.decay), lr=recipe.cycles[0].rate, fused=True)


def cached_points(sets: dict[str, FerPlus], run: Path) -> dict[str, NDArray[np.float32]]:
    """Face points of every split of ``sets``, found once and kept in ``run``."""
    detector = Detector(checkpoint_folder() / "yunet.onnx", threshold=0.5)
    points: dict[str, NDArray[np.float32]] = {}
    for split, data in sets.items():
        path = run / f"points_{split}.npy"
        if not path.exists():
            np.save(path, find_points(data.image, detector))
        points[split] = np.load(path)
    return points


def _groups(network: torch.nn.Module, decay: float) -> list[dict[str, object]]:
    """Weight decay for matrices and kernels only."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def _epoch(
    network: FaceNetwork,
    averaged: torch.optim.swa_utils.AveragedModel,
    optimizer: torch.optim.Optimizer,
    data: FerPlus,
    points: NDArray[np.float32],
    contract: CropContract,
    recipe: Recipe,
    epoch: int,
    steps: int,
) -> float:
    """One pass; returns the mean loss."""
    which, within = recipe.place(epoch)
    cycle = recipe.cycles[which]
    rng = np.random.default_rng([recipe.seed + which, within])
    torch.manual_seed(int(rng.integers(2**31)))  # dropout: the same whether or not the run broke off before
    gentle = within >= cycle.epochs * (1 - cycle.gentle)
    augment = Augment(contract, rng, spoil=0.3 if gentle else 1.0)
    weight = sampling_weights(data.share, recipe.rare)
    network.train()
    total = 0.0
    for step in range(steps):
        at = rng.choice(len(data), recipe.batch, p=weight)
        crops = to_tensor(np.stack([augment(data.image[i], points[i]) for i in at]))
        vad, labels = torch.from_numpy(data.vad[at]), torch.from_numpy(data.share[at])
        if not gentle and rng.random() < recipe.mix:
            keep, other = float(rng.beta(0.4, 0.4)), torch.from_numpy(rng.permutation(recipe.batch))
            crops = keep * crops + (1 - keep) * crops[other]
            vad, labels = keep * vad + (1 - keep) * vad[other], keep * labels + (1 - keep) * labels[other]
        for group in optimizer.param_groups:
            group["lr"] = cycle.rate * _schedule(within + step / steps, cycle)
        loss = affect_loss(network(crops), vad, labels)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        optimizer.step()
        averaged.update_parameters(network)
        total += float(loss.detach())
    return total / steps


def _schedule(done: float, cycle: Cycle) -> float:
    """Learning-rate factor after ``done`` epochs of a cycle: a linear rise, then half a cosine to one hundredth."""
    if done < cycle.warmup:
        return (done + 1e-3) / cycle.warmup
    share = (done - cycle.warmup) / (cycle.epochs - cycle.warmup)
    return 0.01 + 0.99 * (0.5 + 0.5 * math.cos(math.pi * share))


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the small face network on FER+")
    parser.add_argument("--data", type=Path, required=True, help="folder with ferplus_{train,val,test}.npz")
    parser.add_argument("--run", type=Path, required=True, help="folder for checkpoints and the log")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    cv2.setNumThreads(1)
    train(arguments.data, arguments.run, Recipe())


if __name__ == "__main__":
    main()
