"""What a training run keeps beside its weights: the best of them, the curve of losses, and a place to go on from."""

import csv
import time
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.utilities.exceptions import SIGTERMException
from torch import Tensor

from affectstream.multimodal.training.module import AffectModule
from affectstream.multimodal.whole import draft

LAST = "last.ckpt"  # of a fold that is being trained


class Best(Callback):
    """Remembers the answering network's weights at the lowest validation loss, and every epoch's losses in ``curve``.

    ``metrics.csv`` in ``folder`` has the curve, that before a run was broken off too.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "metrics.csv"
        self.began = time.monotonic()
        self.loss = float("inf")
        self.epoch = -1
        self.weights: dict[str, Tensor] = {}
        self.curve: list[dict[str, float]] = []

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.began = time.monotonic()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, AffectModule)
        loss = float(trainer.callback_metrics["val_loss"])
        if loss < self.loss:
            self.loss, self.epoch = loss, trainer.current_epoch
            self.weights = {name: value.detach().clone() for name, value in pl_module.answering.state_dict().items()}

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        losses = {name: trainer.callback_metrics.get(name) for name in ("train_loss", "val_loss")}
        known = {name: float(value) for name, value in losses.items() if value is not None}
        seconds = round(time.monotonic() - self.began, 1)
        self.curve.append({"epoch": trainer.current_epoch, **known, "seconds": seconds})
        if trainer.is_global_zero:
            with draft(self.path) as place, place.open("w", newline="") as file:
                writer = csv.DictWriter(file, list(dict.fromkeys(name for entry in self.curve for name in entry)))
                writer.writeheader()
                writer.writerows(self.curve)

    def state_dict(self) -> dict[str, Any]:
        return {"loss": self.loss, "epoch": self.epoch, "weights": self.weights, "curve": self.curve}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.loss, self.epoch = state_dict["loss"], state_dict["epoch"]
        self.weights, self.curve = dict(state_dict["weights"]), list(state_dict["curve"])


class Resume(Callback):
    """Writes ``last.ckpt`` to ``folder`` every ``seconds``, and when the machine asks the run to go (SIGTERM).

    Never after the last batch of an epoch nor in validation, when Lightning is between two places: the one before counts.
    """

    def __init__(self, folder: Path, seconds: float) -> None:
        self.path, self.seconds = folder / LAST, seconds
        self.saved = time.monotonic()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        due = time.monotonic() - self.saved >= self.seconds
        if trainer.world_size > 1:  # the clocks of several processes differ
            due = trainer.strategy.reduce_boolean_decision(due, all=False)
        if not due or trainer.is_last_batch or (batch_idx + 1) % trainer.accumulate_grad_batches:
            return
        self._save(trainer)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        # Raised between two steps of training, or of validation, which is no place to go on from.
        if isinstance(exception, SIGTERMException) and trainer.training and not trainer.is_last_batch:
            self._save(trainer)

    def _save(self, trainer: Trainer) -> None:
        if trainer.is_global_zero:
            with draft(self.path) as name:
                trainer.save_checkpoint(name)
        else:  # writes nothing, and is waited for
            trainer.save_checkpoint(self.path)
        self.saved = time.monotonic()


def readable(path: Path) -> bool:
    """Is there a checkpoint to go on from? Raises ValueError for one that is broken."""
    if not path.exists():
        return False
    try:
        torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # whatever broken bytes lead it to
        raise ValueError(f"{path} cannot be read ({error}); delete it, and the fold begins anew") from error
    return True
