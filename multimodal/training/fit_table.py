"""What came of a run: figures over all held-out samples, with intervals over subjects, beside what knows nothing."""

import math
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectstream.datasets.splits import Fold
from affectstream.multimodal.training.figures import figure
from affectstream.multimodal.training.floors import CATEGORIES, NUMBERS, majority
from affectstream.multimodal.training.module import FoldData
from affectstream.multimodal.types import DIMENSIONS

FLIPS = 100  # draws of coins
LEAKY = textwrap.fill(
    "LEAKY: this split shuffles windows regardless of trial, so nearly every window that is tested has a near copy in training. "
    "A nearest neighbour, which learns nothing, then tells coin flips apart with a balanced accuracy of 0.98 "
    "(docs/eeg-leakage.md). Figures under it measure how well trials are remembered, not affect; give them only beside "
    "others of the same kind, and with this word.",
    110,
)
NAMES = {
    "network": "network",
    "majority": "majority in training",
    "mean": "mean in training",
    "nearest_neighbour": "nearest neighbour",
    "coin_flips": "the same at coin flips",
}


def results(data: FoldData, folds: Sequence[Fold], done: dict[int, dict[str, NDArray[Any]]]) -> dict[str, Any]:
    """The figures of the folds that are ``done``, as JSON-able values; each is [value, low, high], None where undefined.

    Classes: accuracy, balanced accuracy and macro-F1 of the "network", of the "majority" of the training part, of the
    "nearest_neighbour" in it, and of the neighbour at "coin_flips": chance, where nothing leaks.
    Numbers: CCC, RMSE, MAE and PCC of valence, arousal and dominance, with "mean" for the majority. Intervals are of 95 %, from
    drawing whole subjects; None where one subject is tested. Coins are fair, with
    as many sides as there are classes, and one is flipped for each trial; the figure is the mean of 100 draws with the range of
    the middle 95. A floor is fitted on each fold's own training part, and all
    folds' held-out samples are pooled. Raises ValueError if no fold is done.
    """
    if not done:
        raise ValueError("no fold is done; wanted one or more to make a table of")
    at = np.concatenate([kept["test"] for kept in done.values()])
    subject = data.groups.subject[at]
    rows = _classes(data, folds, done) if data.classes else _numbers(data, folds, done)
    truth = {name: row[1][at] for name, row in rows.items()}
    figures = CATEGORIES if data.classes else NUMBERS
    found: dict[str, Any] = {
        "data": data.describe(),
        "folds": {"done": sorted(done), "of": len(folds)},
        "windows": len(at),
        "subjects": len(np.unique(subject)),
        "figures": {
            name: {key: _plain(figure(metric, subject, guess, truth[name])) for key, metric in figures.items()}
            for name, (guess, _) in rows.items()
        },
    }
    if data.classes:
        found["figures"]["coin_flips"] = _coin_flips(
            data, at, np.concatenate([kept["neighbour"] for kept in done.values()])
        )
        pairs = np.stack([truth["network"], rows["network"][0]])
        confusion = np.zeros((len(data.classes),) * 2, int)
        np.add.at(confusion, tuple(pairs), 1)
        found["confusion"] = confusion.tolist()  # a row for each truth
    return found


def lines(found: dict[str, Any]) -> Iterator[str]:
    """The table of :func:`results`, as text."""
    about, folds = found["data"], found["folds"]
    if about["leaky"]:
        yield LEAKY + "\n"
    count = f"{len(folds['done'])} of {folds['of']}"
    yield (
        f"{about['corpus']}, {about['learnt']}, split {about['split']}: {count} folds, {found['windows']} windows of "
        f"{found['subjects']} subjects; 95 % intervals over subjects"
    )
    mark = "LEAKY " if about["leaky"] else ""
    figures = found["figures"]
    for d, dimension in enumerate(("",) if about["classes"] else DIMENSIONS):
        heads = list(figures["network"])
        yield f"  {mark + dimension:<24}" + "".join(f"{head.replace('_', ' '):<26}" for head in heads).rstrip()
        for name, row in figures.items():
            cells = [row[head] if about["classes"] else [value[d] for value in row[head]] for head in heads]
            yield f"  {NAMES[name]:<24}" + "".join(f"{_cell(cell):<26}" for cell in cells).rstrip()


Row = tuple[NDArray[Any], NDArray[Any]]  # guesses for the held-out samples, pooled, and the truth of all samples


def _classes(data: FoldData, folds: Sequence[Fold], done: dict[int, dict[str, NDArray[Any]]]) -> dict[str, Row]:
    label = data.samples.labels.numpy().argmax(1)
    neighbour = np.concatenate([kept["neighbour"] for kept in done.values()])
    commonest = [np.full(len(kept["test"]), majority(label[folds[k].train])) for k, kept in done.items()]
    return {
        "network": (np.concatenate([kept["logits"].argmax(1) for kept in done.values()]), label),
        "majority": (np.concatenate(commonest), label),
        "nearest_neighbour": (label[neighbour], label),
    }


def _numbers(data: FoldData, folds: Sequence[Fold], done: dict[int, dict[str, NDArray[Any]]]) -> dict[str, Row]:
    vad = data.samples.vad.numpy()
    neighbour = np.concatenate([kept["neighbour"] for kept in done.values()])
    known = np.isfinite(vad)
    means = [
        np.tile(
            np.where(known, vad, 0)[folds[k].train].sum(0) / known[folds[k].train].sum(0).clip(1),
            (len(kept["test"]), 1),
        )
        for k, kept in done.items()
    ]
    return {
        "network": (np.concatenate([kept["mean"] for kept in done.values()]), vad),
        "mean": (np.concatenate(means), vad),
        "nearest_neighbour": (vad[neighbour], vad),
    }


def _coin_flips(data: FoldData, at: NDArray[np.intp], neighbour: NDArray[np.intp]) -> dict[str, Any]:
    """What the nearest ``neighbour`` (m,) of the samples ``at`` (m,) says of labels that mean nothing."""
    trials, rng = data.groups.trials, np.random.default_rng(data.seed)
    flips = [rng.integers(0, len(data.classes), trials.max() + 1)[trials] for _ in range(FLIPS)]
    found = {}
    for name, metric in CATEGORIES.items():
        draws = np.array([metric(flip[neighbour], flip[at]) for flip in flips])
        found[name] = _plain(np.round([draws.mean(), *np.quantile(draws, [0.025, 0.975])], 4).tolist())
    return found


def _plain(value: Any) -> Any:
    """JSON knows no NaN: None."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return None if math.isnan(value) else value


def _cell(figure: Sequence[float | None]) -> str:
    value, low, high = figure
    if value is None:
        return "not known"
    return f"{value:.3f}" + ("" if low is None or high is None else f" ({low:.3f} to {high:.3f})")
