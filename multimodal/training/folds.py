"""A run: a network trained anew for every fold of a split, each fold's answers kept, so that a run can be broken off."""

import logging
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import EarlyStopping
from pytorch_lightning.loggers import CSVLogger
from torch import Tensor

from affectstream.datasets.splits import Fold
from affectstream.multimodal.training.floors import nearest
from affectstream.multimodal.training.module import AffectModule, FoldData, concatenated
from affectstream.multimodal.training.whole import save_arrays

ANSWERS = "answers.npz"  # of a fold that is done
SAY = partial(print, flush=True)
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Plan:
    """How each fold is trained: ``build`` makes the module anew, ``trainer`` are options of Lightning's Trainer, ``out`` is the
    run's folder. With a validation part, training stops when its loss has not fallen for ``patience`` epochs."""

    build: Callable[[], AffectModule]
    trainer: Mapping[str, Any]
    out: Path
    patience: int

    def folder(self, k: int) -> Path:
        """Where fold ``k`` goes."""
        return self.out / f"fold-{k:02d}"


def train_folds(
    data: FoldData, plan: Plan, only: Sequence[int] | None = None, say: Callable[[str], None] = SAY
) -> tuple[list[Fold], dict[int, Arrays]]:
    """Train and test a network on each fold of ``data``, which is read; on those of the numbers ``only`` if given.

    Returns all folds and, by number, the answers of those that are done: "test" (m,) the samples; what the network says of
    each ("logits" (m, K), or "mean" and "log_var" (m, 3)); "neighbour" (m,), the training sample nearest to it. They are
    kept in ``fold-00/answers.npz`` and so on, beside ``weights.*`` (:meth:`FoldData.save`) and ``metrics.csv``, and a fold that has its
    answers is not trained again. A fold's random numbers follow from ``data.seed`` and its own number alone.

    With a validation part, the weights of its lowest loss count; without, those of the last epoch. Raises ValueError for
    folds that are not there, or kept answers that are of other samples.
    """
    folds = data.folds()
    numbers = range(len(folds)) if only is None else only
    if wrong := sorted(set(numbers) - set(range(len(folds)))):
        raise ValueError(f"there is no fold {wrong[0]}; wanted some of 0 to {len(folds) - 1}, or leave --folds out")
    for k in sorted(set(numbers)):
        fold, path = folds[k], plan.folder(k) / ANSWERS
        name = f"fold {k + 1} of {len(folds)} ({fold.held})"
        if path.exists():
            say(f"{name}: there already")
            continue
        say(f"{name}: {len(fold.train)} windows train, {len(fold.test)} test")
        save_arrays(path, _train_one(data, fold, k, plan, say))
    done = {k: path for k in range(len(folds)) if (path := plan.folder(k) / ANSWERS).exists()}
    return folds, {k: _read(path, folds[k]) for k, path in done.items()}


class Best(Callback):
    """Remembers the network's weights at the lowest validation loss."""

    def __init__(self) -> None:
        self.loss = float("inf")
        self.epoch = -1
        self.weights: dict[str, Tensor] = {}

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        loss = float(trainer.callback_metrics["val_loss"])
        if loss < self.loss:
            self.loss, self.epoch = loss, trainer.current_epoch
            self.weights = {name: value.detach().clone() for name, value in pl_module.state_dict().items()}


def _train_one(data: FoldData, fold: Fold, k: int, plan: Plan, say: Callable[[str], None]) -> Arrays:
    began = time.monotonic()
    torch.manual_seed(data.seed + k)
    module = plan.build()
    data.check(module.network)
    data.choose(fold)
    module.prepare(data.train_samples())
    best = Best()
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        # Lightning advises on loaders' workers (batches are in memory here) and on logs of a fold that was broken off.
        warnings.filterwarnings("ignore", module=r"(pytorch_)?lightning")
        trainer = Trainer(
            **plan.trainer,
            devices=1,
            logger=CSVLogger(plan.out, name="", version=plan.folder(k).name),
            callbacks=[best, EarlyStopping("val_loss", patience=plan.patience)] if data.validates else [],
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=sys.stderr.isatty(),
            num_sanity_val_steps=0,
        )
        trainer.fit(module, datamodule=data)
        if trainer.interrupted:  # half trained; Lightning before 2.5 returns as if all were well
            raise KeyboardInterrupt
        if data.validates:
            if not best.weights:
                raise ValueError("the validation loss was never a number; lower model.lr, or look for NaN in the data")
            module.load_state_dict(best.weights)
        answers = concatenated(trainer.predict(module, data.predict_dataloader()) or [])
    data.save(module.network.cpu().eval(), fold.held, plan.folder(k))
    lowest = f", lowest validation loss {best.loss:.3f} in epoch {best.epoch + 1}" if data.validates else ""
    say(f"  {trainer.current_epoch} epochs in {time.monotonic() - began:.0f} s{lowest}")
    features = data.features()
    neighbour = fold.train[nearest(features[fold.train], features[fold.test])]
    return {"test": fold.test, "neighbour": neighbour, **answers}


def _read(path: Path, fold: Fold) -> Arrays:
    with np.load(path) as file:
        arrays = dict(file)
    if not np.array_equal(arrays["test"], fold.test):
        raise ValueError(f"{path} answers other windows than this split tests; did the data change? use another --out")
    return arrays
