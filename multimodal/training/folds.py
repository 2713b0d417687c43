"""A run: a network trained anew for every fold of a split, each fold's answers kept, so that a run can be broken off."""

import logging
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import Callback, EarlyStopping
from pytorch_lightning.loggers import TensorBoardLogger
from torch import nn

from affectstream.datasets.splits import Fold
from affectstream.encoders.network import Affect, Calibrated
from affectstream.multimodal.training.calibrate import calibrate
from affectstream.multimodal.training.curve import draw_curve
from affectstream.multimodal.training.data import LOOK, AffectData, Part, seen
from affectstream.multimodal.training.floors import nearest
from affectstream.multimodal.training.keeping import LAST, Best, Resume, readable
from affectstream.multimodal.training.module import AffectModule, concatenated
from affectstream.multimodal.training.samples import some_of
from affectstream.multimodal.training.weights import put_in, read_weights, save_weights
from affectstream.multimodal.whole import save_arrays

ANSWERS = "answers.npz"  # of a fold that is done
WEIGHTS = "weights.safetensors"
SAY = partial(print, flush=True)
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Plan:
    """How each fold is trained: ``module`` makes the module anew, ``trainer`` a trainer with the arguments given beside those
    that were asked for, ``out`` is the run's folder. With a validation part, training stops when its loss has not fallen for
    ``patience`` epochs, and with ``calibrate`` the network's calibrations are fitted on it
    (:func:`affectstream.multimodal.training.calibrate.calibrate`, or the network's own ``calibrate``, called with that part). A
    place to go on from is written every ``save_every`` seconds."""

    module: Callable[[], AffectModule]
    trainer: Callable[..., Trainer]
    out: Path
    patience: int
    start: Path | None = None
    calibrate: bool = False
    save_every: float = 60.0

    def folder(self, k: int) -> Path:
        """Where fold ``k`` goes."""
        return self.out / f"fold-{k:02d}"


def train_folds(
    data: AffectData, plan: Plan, only: Sequence[int] | None = None, say: Callable[[str], None] = SAY
) -> tuple[list[Fold], dict[int, Arrays]]:
    """Train and test a network on each fold of ``data``, which is read; on those of the numbers ``only`` if given.

    Returns all folds and, by number, the answers of those that are done: "test" (m,) the samples; what the network says of
    each ("logits" (m, K), "marks" (m, M), "mean" and "log_var" (m, 3)); "neighbour" (m,), the training sample nearest to it. They
    are kept in ``fold-00/answers.npz`` and so on, beside ``weights.safetensors``, ``metrics.csv``, TensorBoard's events and
    ``curve.png``; a fold that has its answers is not trained again, and one that was broken off goes on where it was. A fold's
    random numbers follow from ``data.seed`` and its own number alone.

    With a validation part, the weights of its lowest loss count; without, those of the last epoch. Raises ValueError for
    folds that are not there, or kept answers that are of other samples.
    """
    folds = data.folds()
    for k in chosen(folds, only):
        fold, path = folds[k], plan.folder(k) / ANSWERS
        name = f"fold {k + 1} of {len(folds)} ({fold.held})"
        if path.exists():
            say(f"{name}: there already")
            continue
        again = ", going on" if readable(plan.folder(k) / LAST) else ""
        say(f"{name}: {len(fold.train)} train, {len(fold.test)} test{again}")
        _train_one(data, fold, k, plan, say)
    return folds, kept_answers(folds, plan)


def chosen(folds: Sequence[Fold], only: Sequence[int] | None) -> list[int]:
    """Numbers of folds, all or those of ``only``; ValueError for one that is not there."""
    numbers = range(len(folds)) if only is None else only
    if wrong := sorted(set(numbers) - set(range(len(folds)))):
        raise ValueError(f"there is no fold {wrong[0]}; wanted some of 0 to {len(folds) - 1}, or leave --folds out")
    return sorted(set(numbers))


def kept_answers(folds: Sequence[Fold], plan: Plan) -> dict[int, Arrays]:
    """The answers of all folds that are done, by number."""
    done = {k: path for k in range(len(folds)) if (path := plan.folder(k) / ANSWERS).exists()}
    return {k: _read(path, folds[k]) for k, path in done.items()}


def answer(network: nn.Module, module: AffectModule, data: AffectData, fold: Fold, part: Part, plan: Plan) -> Arrays:
    """What ``network`` says of a part of ``fold``, as :func:`train_folds` has it; ``module`` is one to carry it."""
    data.choose(fold)
    module.network, module.averaged = network, None
    with quiet():
        one: dict[str, Any] = {"devices": 1, "num_nodes": 1, "strategy": "auto", "logger": False}
        trainer = plan.trainer(**one, **_OURS, enable_progress_bar=sys.stderr.isatty())
        said = concatenated(trainer.predict(module, data.part_loader(part)) or [])
    return {"test": data.index(part), "neighbour": _neighbours(data, fold, part), **said}


def _neighbours(data: AffectData, fold: Fold, part: Part) -> NDArray[np.intp]:
    """The sample (m,) nearest to each of a ``part``, of at most :data:`LOOK` of those that may be known."""
    known = some_of(seen(fold, part), LOOK, data.seed)
    return known[nearest(data.features(known), data.features(data.index(part)))]


_OURS: dict[str, Any] = {
    "enable_checkpointing": False,
    "enable_model_summary": False,
    "num_sanity_val_steps": 0,
    "use_distributed_sampler": False,
}


@contextmanager
def quiet() -> Iterator[None]:
    """Lightning does not advise on loaders' workers, on loaders that cannot go on (ours can), and on logs that are there."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"(pytorch_)?lightning")
        yield


def _train_one(data: AffectData, fold: Fold, k: int, plan: Plan, say: Callable[[str], None]) -> None:
    began, folder = time.monotonic(), plan.folder(k)
    torch.manual_seed(data.seed + k)
    module = plan.module()
    module.seed = data.seed + k
    data.check(module.network)
    if plan.start is not None:
        data.begin(module.network, plan.start)
    data.choose(fold)
    module.prepare(data.look(), data.classes, data.marks)
    best = Best(folder)
    callbacks: list[Callback] = [best, Resume(folder, plan.save_every)]
    if data.validates:
        callbacks.append(EarlyStopping("val_loss", patience=plan.patience))
    with quiet():
        trainer = plan.trainer(
            logger=TensorBoardLogger(plan.out, name="", version=folder.name, default_hp_metric=False),
            callbacks=callbacks,
            **_OURS,
            enable_progress_bar=sys.stderr.isatty(),
        )
        last = folder / LAST
        trainer.fit(module, datamodule=data, ckpt_path=last if last.exists() else None, weights_only=True)
    if trainer.interrupted:  # half trained; Lightning before 2.5 returns as if all were well
        raise KeyboardInterrupt
    if data.validates and not best.weights:
        raise ValueError("the validation loss was never a number; lower model.lr, or look for NaN in the data")
    network = module.answering.cpu()
    if best.weights:
        network.load_state_dict(best.weights)
    if not trainer.is_global_zero:  # the first of several processes does the rest
        return
    if plan.calibrate:
        _calibrate(network.eval(), module, data, fold, plan)
    save_weights(network, {"held": fold.held, "epochs": trainer.current_epoch, **data.about()}, folder / WEIGHTS)
    draw_curve(best.curve, best.epoch, folder / "curve.png")
    lowest = f", lowest validation loss {best.loss:.3f} in epoch {best.epoch + 1}" if data.validates else ""
    say(f"  {trainer.current_epoch} epochs in {time.monotonic() - began:.0f} s{lowest}")
    save_arrays(folder / ANSWERS, answer(network.eval(), module, data, fold, "test", plan))
    last.unlink(missing_ok=True)


def _calibrate(network: nn.Module, module: AffectModule, data: AffectData, fold: Fold, plan: Plan) -> None:
    own = getattr(network, "calibrate", None)
    if own is not None and data.validates:
        own(data.samples.batch(data.index("val"), None))
        return
    heads = [part for part in network.modules() if isinstance(part, Calibrated)]
    if len(heads) != 1 or not data.validates:
        raise ValueError(
            f"calibrate is true with {len(heads)} heads that can be calibrated and {len(data.index('val'))} validation samples; "
            "wanted one, and some; set calibrate to false"
        )
    said = answer(network, module, data, fold, "val", plan)
    parts = {name: torch.from_numpy(said[name]) for name in ("mean", "log_var", "logits") if name in said}
    index = torch.from_numpy(data.index("val"))
    labels = data.samples.labels[index] if data.classes else None
    calibrate(
        heads[0],
        Affect(parts["mean"], parts["log_var"], parts.get("logits"), torch.empty(0)),
        data.samples.vad[index],
        labels,
    )


def _read(path: Path, fold: Fold) -> Arrays:
    with np.load(path) as file:
        arrays = dict(file)
    if not np.array_equal(arrays["test"], fold.test):
        raise ValueError(f"{path} answers other samples than this split tests; did the data change? use another --out")
    return arrays


def load_network(module: AffectModule, path: Path) -> nn.Module:
    """The network of ``module`` with the weights of ``path`` (.safetensors), ready to answer.

    Raises FileNotFoundError if there are none, ValueError for weights of another network.
    """
    weights, _ = read_weights(path)
    return put_in(module.network, weights, path).eval()
