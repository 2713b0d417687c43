"""What Lightning costs: steps of the small face network under the trainer, and in a bare loop, on the same batches.

    python benchmarks/training_overhead.py

Rounds of both alternate in one process, so that both meet the same machine. The figure is processor time a step, of which the
median round counts; the ratio is bare over trained, so 1 is no overhead.
"""

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np
import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from affectstream.encoders.face.network import FaceNetwork
from affectstream.multimodal.training.folds import quiet
from affectstream.multimodal.training.losses import Weights, weighted_loss
from affectstream.multimodal.training.module import AffectModule
from affectstream.multimodal.training.samples import Batch, InOrder, Rows, loader


def batches(count: int, size: int) -> Rows:
    draw = torch.Generator().manual_seed(0)
    n = count * size
    share = torch.rand(n, 8, generator=draw)
    crops = torch.rand(n, 1, 64, 64, generator=draw).contiguous(memory_format=torch.channels_last)
    return Rows({"crops": crops}, torch.rand(n, 3, generator=draw) * 2 - 1, share / share.sum(1, keepdim=True))


def bare(samples: Rows, index: list[np.ndarray]) -> float:
    """Processor seconds a step of a loop with nothing around it."""
    network = FaceNetwork().to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3)
    began = time.process_time()
    for part in index:
        batch: Batch = samples.batch(part, None)
        loss = weighted_loss(network(**batch.inputs), batch.vad, batch.labels, None, Weights())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return (time.process_time() - began) / len(index)


class Clock(Callback):
    """Processor time from the first batch to the last."""

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Batch, batch_idx: int) -> None:
        if batch_idx == 0:
            self.began = time.process_time()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.spent = time.process_time() - self.began


def trained(samples: Rows, index: list[np.ndarray]) -> float:
    """Processor seconds a step under the trainer, as ``affectstream fit`` sets it up."""
    module = AffectModule(FaceNetwork().to(memory_format=torch.channels_last))
    clock = Clock()
    with quiet():
        trainer = Trainer(
            max_epochs=1, accelerator="cpu", callbacks=[clock], logger=False, enable_checkpointing=False,
            enable_model_summary=False, enable_progress_bar=False, num_sanity_val_steps=0,
        )  # fmt: skip
        trainer.fit(module, loader(samples, InOrder(np.arange(len(samples)), len(index[0])), 0))
    return clock.spent / len(index)


def main() -> None:
    parser = argparse.ArgumentParser(description="What Lightning costs beside a bare loop")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--batch", type=int, default=64)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", module=r"(pytorch_)?lightning")
    torch.set_num_threads(1)
    samples = batches(arguments.steps, arguments.batch)
    index = np.split(np.arange(len(samples)), arguments.steps)
    ways: dict[str, Callable[..., float]] = {"bare loop": bare, "trainer": trained}
    for way in ways.values():
        way(samples, index[:2])  # first calls build kernels
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for k in range(arguments.rounds):
        for name in sorted(ways, reverse=k % 2 == 1):
            spent[name].append(ways[name](samples, index))
    for name, rounds in spent.items():
        print(f"{name:<10} {1000 * float(np.median(rounds)):7.1f} ms of processor time a step of {arguments.batch}")
    ratio = np.array(spent["bare loop"]) / np.array(spent["trainer"])
    print(
        f"steps under the trainer: {float(np.median(ratio)):.3f} of a bare loop's ({ratio.min():.3f} to {ratio.max():.3f})"
    )


if __name__ == "__main__":
    main()
