"""What the verbs of training do."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from pytorch_lightning.utilities.rank_zero import rank_zero_only  # pyright: ignore[reportPrivateImportUsage]
from scipy.special import expit, softmax

from affectstream.datasets.splits import Fold
from affectstream.multimodal.training.asked import CONFIG, Asked, refuse_another
from affectstream.multimodal.training.data import Part
from affectstream.multimodal.training.fit_picture import draw
from affectstream.multimodal.training.fit_table import LEAKY, lines, results
from affectstream.multimodal.training.folds import SAY, WEIGHTS, Arrays, answer, chosen, load_network, train_folds
from affectstream.multimodal.types import DIMENSIONS
from affectstream.multimodal.whole import draft, write_text

RESULTS = {"test": "results", "val": "validation"}  # names of tables and pictures
FROM = (
    "--weights",
    {"type": Path, "metavar": "FILE", "help": "a .safetensors file, in place of the run's own weights"},
)


def fit(arguments: list[str]) -> int:
    """Train a network on every fold, and show what they are worth on what was held out."""
    asked = Asked(
        "fit",
        "Train a network on every fold of a split, as a preset says, and print what it is worth on what was held out. A run "
        "that was broken off goes on where it stopped.",
        arguments,
    )
    asked.data.check(asked.module().network)
    config = asked.settings()
    refuse_another(asked.out, config)
    first = getattr(rank_zero_only, "rank", 0) == 0  # of several processes
    if asked.data.leaky and first:
        print(LEAKY)
    asked.data.read(asked.out / "features")
    if first:
        write_text(asked.out / CONFIG, config)
    folds, done = train_folds(asked.data, asked.plan, asked.folds, SAY if first else lambda _: None)
    if first:
        _show(asked, folds, done, "test")
    return 0


def test(arguments: list[str]) -> int:
    """Show what a run's networks are worth on what was held out."""
    return _measure("test", "test", arguments)


def validate(arguments: list[str]) -> int:
    """Show what a run's networks are worth on what they were chosen by."""
    return _measure("validate", "val", arguments)


def predict(arguments: list[str]) -> int:
    """Write what a run's networks say of every sample of a part to ``predictions.csv``."""
    part = ("--part", {"choices": ("train", "val", "test"), "default": "test", "help": "of each fold (default: test)"})
    asked = Asked(
        "predict",
        "Write what a run's networks say, a row for each sample, to predictions.csv.",
        arguments,
        (FROM, part),
    )
    folds, said = _answers(asked, asked.config["part"])
    path = asked.out / "predictions.csv"
    with draft(path) as name, name.open("w", newline="", encoding="utf-8") as file:
        rows = _rows(asked, folds, said)
        writer = csv.DictWriter(file, next(rows))
        writer.writeheader()
        writer.writerows(rows)
    print(f"  {path}")
    return 0


def export(arguments: list[str]) -> int:
    """Make a checkpoint: ``.onnx`` to run, ``.safetensors`` to train on, and their card."""
    to = ("--to", {"type": Path, "required": True, "metavar": "FILE.onnx", "help": "where the checkpoint goes"})
    fold = ("--fold", {"type": int, "default": 0, "metavar": "K", "help": "the network of this fold (default: 0)"})
    asked = Asked(
        "export",
        "Make a checkpoint of a run's network: .onnx to run, .safetensors to train on, their card. Both files' answers are "
        "compared, and what the network is worth on what was held out goes on the card.",
        arguments,
        (FROM, to, fold),
    )
    path, k = asked.config["to"], asked.config["fold"]
    if path.suffix != ".onnx":
        raise ValueError(f"--to is {path}; wanted a name that ends in .onnx")
    asked.folds = [k]
    folds, said = _answers(asked, "test")
    figures = results(asked.data, folds, said)
    network = load_network(asked.module(), asked.config["weights"] or asked.plan.folder(k) / WEIGHTS)
    path.parent.mkdir(parents=True, exist_ok=True)
    asked.data.export(network, folds[k].held, path, figures)
    for written in sorted(path.parent.glob(f"{path.stem}.*")):
        print(f"  {written}")
    return 0


def _measure(verb: str, part: Part, arguments: list[str]) -> int:
    what = {"test": "what was held out", "val": "what they were chosen by"}[part]
    asked = Asked(verb, f"Show what a run's networks are worth on {what}.", arguments, (FROM,))
    if asked.data.leaky:
        print(LEAKY)
    folds, said = _answers(asked, part)
    _show(asked, folds, said, part)
    return 0


def _answers(asked: Asked, part: Part) -> tuple[list[Fold], dict[int, Arrays]]:
    """What the networks say of a part of each fold: of those asked for, or of all that were trained."""
    asked.data.read(asked.out / "features")
    folds = asked.data.folds()
    given: Path | None = asked.config["weights"]
    numbers = chosen(folds, asked.folds)
    if given is None and asked.folds is None:
        numbers = [k for k in numbers if (asked.plan.folder(k) / WEIGHTS).exists()]
        if not numbers:
            raise FileNotFoundError(f"no fold of {asked.out} is trained; run affectstream fit first, or give --weights")
    said = {}
    for k in numbers:
        if part == "val" and folds[k].val is None:
            raise ValueError("this split has no validation part; set data.parts_to_choose_by to 2 or more")
        module = asked.module()
        asked.data.check(module.network)
        network = load_network(module, given or asked.plan.folder(k) / WEIGHTS)
        said[k] = answer(network, module, asked.data, folds[k], part, asked.plan)
    return folds, said


def _show(asked: Asked, folds: list[Fold], said: dict[int, Arrays], part: Part) -> None:
    found, name = results(asked.data, folds, said, part), RESULTS[part]
    write_text(asked.out / f"{name}.json", json.dumps(found, indent=1) + "\n")
    draw(found, asked.out / f"{name}.png")
    for line in lines(found):
        print(line)
    for ending in ("json", "png"):
        print(f"  {asked.out / name}.{ending}")


def _rows(asked: Asked, folds: list[Fold], said: dict[int, Arrays]) -> Iterator[Any]:
    """The columns' names, then a row for each sample."""
    data, head = asked.data, ["fold", "sample", "subject", "session", "trial"]
    told = next(iter(said.values()))
    if "mean" in told:
        head += [f"{name}{end}" for name in DIMENSIONS for end in ("", "_sd")]
    if "logits" in told:
        head += [f"p_{name}" for name in data.classes]
    if "marks" in told:
        head += [f"mark_{name}" for name in data.marks]
    yield head
    for k, arrays in said.items():
        columns = [np.full(len(arrays["test"]), k), arrays["test"]]
        columns += [getattr(data.groups, name)[arrays["test"]] for name in ("subject", "session", "trial")]
        if "mean" in arrays:
            for d in range(3):
                columns += [arrays["mean"][:, d], np.exp(arrays["log_var"][:, d] / 2)]
        if "logits" in arrays:
            columns += list(softmax(arrays["logits"], 1).T)
        if "marks" in arrays:
            columns += list(expit(arrays["marks"]).T)
        rounded = [np.round(c.astype(np.float64), 5).tolist() if c.dtype.kind == "f" else c.tolist() for c in columns]
        yield from (dict(zip(head, row, strict=True)) for row in zip(*rounded, strict=True))
