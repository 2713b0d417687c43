"""What came of a run: figures over all held-out samples, with intervals over subjects, beside what knows nothing."""

import math
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectstream.datasets.splits import Fold
from affectstream.multimodal import metrics
from affectstream.multimodal.training.data import LOOK, AffectData, Part, seen
from affectstream.multimodal.training.figures import figure
from affectstream.multimodal.training.floors import CATEGORIES, MARKS, NUMBERS, cross_entropy, majority
from affectstream.multimodal.types import DIMENSIONS

FLIPS = 100  # draws of coins
LEVELS = (0.5, 0.68, 0.8, 0.9, 0.95)  # of intervals, whose coverage is told
BINS = 10  # of the certainty that a class is told with
LEAKY = textwrap.fill(
    "LEAKY: this split puts parts of one trial, copies, or one person on both sides. A nearest neighbour, which learns "
    "nothing, tells coin flips apart with a balanced accuracy of 0.98 where windows of EEG are shuffled so (docs/eeg-leakage.md). "
    "Figures under it measure how well they are remembered, not affect; give them only beside "
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
HEADS = {"classes": "", "marks": "marks, mean over all"}  # of the tables; numbers have one for each dimension

Arrays = dict[str, NDArray[Any]]
Row = tuple[NDArray[Any], ...]  # what a metric is given: guesses for held-out samples, and the truth


def results(data: AffectData, folds: Sequence[Fold], done: Mapping[int, Arrays], part: Part = "test") -> dict[str, Any]:
    """The figures on one ``part`` of the folds that are ``done``, as JSON-able values; each is [value, low, high], None where undefined.

    "classes": accuracy, balanced accuracy (UAR), macro-F1 and cross-entropy of the "network", of the "majority" of the training
    part, of the "nearest_neighbour" in it, and of the neighbour at "coin_flips": chance, where nothing leaks; the "confusion" (K, K), a
    row for each truth; the "reliability", how often it was right when it was so sure.
    "numbers": CCC, RMSE, MAE, PCC, SAGR, coverage of 90 % intervals and NLL of valence, arousal and dominance, with "mean" for the
    majority; the "coverage" of intervals of other levels.
    "marks": macro-F1 and mean average precision over the marks.
    Each over the samples of which it is known. Intervals are of 95 %, from drawing whole subjects; None where one subject is tested.
    Coins are fair, with as many sides as there are classes, and one is flipped for each trial; the figure is the mean of 100
    draws with the range of the middle 95. A floor is fitted on each fold's own training part with what the network was chosen by (the neighbour on
    at most 20,000 of it), and all folds' held-out samples are pooled. Raises ValueError if no fold is done.
    """
    if not done:
        raise ValueError("no fold is done; wanted one or more to make a table of")
    at = np.concatenate([kept["test"] for kept in done.values()])
    train = {k: seen(folds[k], part) for k in done}
    found: dict[str, Any] = {
        "data": data.about(),
        "folds": {"done": sorted(done), "of": len(folds)},
        "samples": len(at),
        "subjects": len(np.unique(data.groups.subject[at])),
        "neighbours_of": min(max(map(len, train.values())), LOOK),
    }
    said = {name: np.concatenate([kept[name] for kept in done.values()]) for name in next(iter(done.values()))}
    size = {k: len(kept["test"]) for k, kept in done.items()}
    if "logits" in said and np.isfinite(data.samples.labels[at].numpy()).all(1).any():
        found["classes"] = _classes(data, said, train, size)
    if "mean" in said and np.isfinite(data.samples.vad[at].numpy()).any():
        found["numbers"] = _numbers(data, said, train, size)
    if "marks" in said and np.isfinite(data.samples.marks[at].numpy()).any():
        found["marks"] = _marks(data, said, train, size)
    return found


def lines(found: dict[str, Any]) -> Iterator[str]:
    """The tables of :func:`results`, as text."""
    about, folds = found["data"], found["folds"]
    if about["leaky"]:
        yield LEAKY + "\n"
    count = f"{len(folds['done'])} of {folds['of']}"
    yield (
        f"{about['corpus']}, {about['learnt']}, split {about['split']}: {count} folds, {found['samples']} samples of "
        f"{found['subjects']} subjects; 95 % intervals over subjects"
    )
    mark = "LEAKY " if about["leaky"] else ""
    for task in ("classes", "numbers", "marks"):
        if task not in found:
            continue
        figures = found[task]["figures"]
        for d, dimension in enumerate((HEADS[task],) if task in HEADS else DIMENSIONS):
            keys = list(figures["network"])
            yield f"  {mark + dimension:<24}" + "".join(f"{key.replace('_', ' '):<26}" for key in keys).rstrip()
            for name, row in figures.items():
                cells = [_of(row.get(key), d, task) for key in keys]
                yield f"  {NAMES[name]:<24}" + "".join(f"{_cell(cell):<26}" for cell in cells).rstrip()


def _of(cell: Any, d: int, task: str) -> Any:
    """Dimension ``d`` of the figure ``cell`` of numbers; figures of others are one."""
    return cell if cell is None or task in HEADS else [value if value is None else value[d] for value in cell]


def _classes(data: AffectData, said: Arrays, train: Mapping[int, Any], size: Mapping[int, int]) -> dict[str, Any]:
    share = data.samples.labels.numpy()
    label = np.where(np.isfinite(share).all(1), np.nan_to_num(share).argmax(1), -1)
    known = label[said["test"]] >= 0
    at, logits, neighbour = said["test"][known], said["logits"][known], said["neighbour"][known]
    truth, groups = label[at], data.groups.subject[at]
    common = np.concatenate([np.full(size[k], majority(label[train[k]])) for k in train])[known]
    prior = np.concatenate([np.tile(np.nanmean(share[train[k]], 0), (size[k], 1)) for k in train])[known]
    rows: dict[str, Row] = {
        "network": (logits.argmax(1), truth),
        "majority": (common, truth),
        "nearest_neighbour": (label[neighbour], truth),
    }
    figures = {name: _figures(CATEGORIES, groups, row) for name, row in rows.items()}
    doubt = {"network": logits, "majority": np.log(np.maximum(prior, 1e-6))}
    for name, scores in doubt.items():
        figures[name]["cross_entropy"] = _plain(figure(cross_entropy, groups, scores, share[at]))
    figures["coin_flips"] = _coin_flips(data, at, neighbour)
    confusion = np.zeros((len(data.classes),) * 2, int)
    np.add.at(confusion, (truth, rows["network"][0]), 1)
    return {
        "samples": len(at),
        "figures": figures,
        "confusion": confusion.tolist(),
        "reliability": reliability(logits, truth),
    }


def _numbers(data: AffectData, said: Arrays, train: Mapping[int, Any], size: Mapping[int, int]) -> dict[str, Any]:
    vad = data.samples.vad.numpy()
    known = np.isfinite(vad[said["test"]]).any(1)
    at = said["test"][known]
    truth, groups = vad[at], data.groups.subject[at]
    variance = np.exp(said["log_var"][known].astype(np.float64))
    mean, spread = (
        np.concatenate([np.tile(of(vad[train[k]]), (size[k], 1)) for k in train])[known] for of in (_mean, _variance)
    )
    near = vad[said["neighbour"][known]]
    rows: dict[str, Row] = {
        "network": (said["mean"][known], truth),
        "mean": (mean, truth),
        "nearest_neighbour": (np.where(np.isfinite(near), near, mean), truth),
    }
    figures = {name: _figures(NUMBERS, groups, row) for name, row in rows.items()}
    doubts: dict[str, Callable[..., Any]] = {"coverage_90": metrics.coverage, "nll": metrics.gaussian_nll}
    for name, (centre, width) in {"network": (said["mean"][known], variance), "mean": (mean, spread)}.items():
        figures[name] |= {key: _plain(figure(metric, groups, centre, width, truth)) for key, metric in doubts.items()}
    covered = {
        str(level): _plain(np.round(metrics.coverage(said["mean"][known], variance, truth, p=level), 4).tolist())
        for level in LEVELS
    }
    return {"samples": len(at), "figures": figures, "coverage": covered}


def _marks(data: AffectData, said: Arrays, train: Mapping[int, Any], size: Mapping[int, int]) -> dict[str, Any]:
    marks = data.samples.marks.numpy()
    known = np.isfinite(marks[said["test"]]).any(1)
    at = said["test"][known]
    truth, groups = marks[at], data.groups.subject[at]
    common = np.concatenate([np.tile(_mean(marks[train[k]]), (size[k], 1)) for k in train])[known]
    rows: dict[str, Row] = {
        "network": (1 / (1 + np.exp(-said["marks"][known].astype(np.float64))), truth),
        "majority": (common, truth),
        "nearest_neighbour": (np.nan_to_num(marks[said["neighbour"][known]], nan=0.5), truth),
    }
    return {"samples": len(at), "figures": {name: _figures(MARKS, groups, row) for name, row in rows.items()}}


def _figures(wanted: Mapping[str, Callable[..., Any]], groups: NDArray[Any], row: Row) -> dict[str, Any]:
    return {key: _plain(figure(metric, groups, *row)) for key, metric in wanted.items()}


def reliability(logits: NDArray[np.floating], truth: NDArray[np.integer]) -> list[dict[str, float]]:
    """For ten parts of the range of certainty, those that occur: how many samples were told so surely, how sure on average, and
    how often that was right."""
    chance = np.exp(logits - logits.max(1, keepdims=True))
    chance /= chance.sum(1, keepdims=True)
    sure, right = chance.max(1), chance.argmax(1) == truth
    part = np.minimum((sure * BINS).astype(int), BINS - 1)
    return [
        {
            "samples": int((part == k).sum()),
            "certainty": round(float(sure[part == k].mean()), 4),
            "right": round(float(right[part == k].mean()), 4),
        }
        for k in np.unique(part)
    ]


def _coin_flips(data: AffectData, at: NDArray[np.intp], neighbour: NDArray[np.intp]) -> dict[str, Any]:
    """What the nearest ``neighbour`` (m,) of the samples ``at`` (m,) says of labels that mean nothing."""
    trials, rng = data.groups.trials, np.random.default_rng(data.seed)
    flips = [rng.integers(0, len(data.classes), trials.max() + 1)[trials] for _ in range(FLIPS)]
    found = {}
    for name, metric in CATEGORIES.items():
        draws = np.array([metric(flip[neighbour], flip[at]) for flip in flips])
        found[name] = _plain(np.round([draws.mean(), *np.quantile(draws, [0.025, 0.975])], 4).tolist())
    return found


def _mean(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """The mean of each column over what is known; 0 where nothing is."""
    known = np.isfinite(values)
    return np.where(known, values, 0).sum(0, dtype=np.float64) / known.sum(0).clip(1)


def _variance(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """The variance of each column over what is known; 1 where nothing varies."""
    spread = _mean((values - _mean(values)) ** 2)
    return np.where(spread > 0, spread, 1.0)


def _plain(value: Any) -> Any:
    """JSON knows no NaN: None."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return None if math.isnan(value) else value


def _cell(figure: Sequence[float | None] | None) -> str:
    if figure is None:
        return "-"
    value, low, high = figure
    if value is None:
        return "not known"
    return f"{value:.3f}" + ("" if low is None or high is None else f" ({low:.3f} to {high:.3f})")
