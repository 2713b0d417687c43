"""What a network must be better than: a guess that has seen no signal, and the nearest neighbour, which only remembers."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectstream.multimodal import metrics
from affectstream.multimodal.training.figures import figure

CATEGORIES: dict[str, Callable[..., float]] = {
    "accuracy": metrics.accuracy,
    "balanced_accuracy": metrics.uar,
    "macro_f1": metrics.macro_f1,
}
NUMBERS: dict[str, Callable[..., NDArray[np.float64]]] = {
    "ccc": metrics.ccc,
    "rmse": metrics.rmse,
    "mae": metrics.mae,
    "pcc": metrics.pcc,
}


def floors(
    train_x: NDArray[np.floating],
    train_y: NDArray[Any],
    test_x: NDArray[np.floating],
    test_y: NDArray[Any],
    subject: NDArray[Any],
) -> dict[str, dict[str, Any]]:
    """Floors of one split, each figure as [value, low, high] with its 95 % interval from drawing whole subjects.

    ``train_x`` (n, d) and ``test_x`` (m, d) are features, ``subject`` (m,) whose each tested row is. Categories,
    ``train_y`` (n,) and ``test_y`` (m,) whole numbers, negative where unknown, give "majority" and
    "nearest_neighbour", with accuracy, balanced accuracy and macro-F1. Numbers, (n, k) and (m, k), NaN where unknown,
    give "mean" and "nearest_neighbour", with CCC, RMSE, MAE and PCC of each of the k columns: (3, k) as lists.

    Only the training part is looked at to guess: its commonest category, its mean, its spread of each feature. The
    neighbour is sought among rows whose label, or number in that column, is known. The interval is NaN where one subject
    is tested: it says nothing of others. Raises ValueError for shapes that do not fit, for features that are not finite,
    or where nothing is known to guess from.
    """
    _check(train_x, train_y, test_x, test_y, subject)
    numbers = train_y.ndim == 2
    known = np.isfinite(train_y) if numbers else train_y >= 0
    if not known.any():
        raise ValueError(f"none of {len(train_y)} training rows has a label; wanted some to guess from")
    if numbers:
        said = {name: np.full(test_y.shape, np.nan) for name in ("mean", "nearest_neighbour")}
        for j in np.flatnonzero(known.any(0)):
            rows = known[:, j]
            said["mean"][:, j] = train_y[rows, j].mean()
            said["nearest_neighbour"][:, j] = train_y[rows, j][nearest(train_x[rows], test_x)]
    else:
        said = {
            "majority": np.full(test_y.shape, majority(train_y)),
            "nearest_neighbour": train_y[known][nearest(train_x[known], test_x)],
        }
    figures: dict[str, Callable[..., Any]] = {**(NUMBERS if numbers else CATEGORIES)}
    return {
        floor: {name: figure(metric, subject, guess, test_y) for name, metric in figures.items()}
        for floor, guess in said.items()
    }


def majority(label: NDArray[np.integer]) -> int:
    """The commonest of the known categories (n,); the lowest of several."""
    return int(np.bincount(label[label >= 0]).argmax())


def nearest(train_x: NDArray[np.floating], test_x: NDArray[np.floating]) -> NDArray[np.intp]:
    """The row of ``train_x`` (n, d) nearest to each of ``test_x`` (m, d), (m,), features scaled as in the training part."""
    from sklearn.neighbors import NearestNeighbors

    mean, spread = train_x.mean(0), train_x.std(0)
    spread = np.where(spread > 0, spread, 1)
    found = NearestNeighbors(n_neighbors=1).fit((train_x - mean) / spread)
    return found.kneighbors((test_x - mean) / spread, return_distance=False)[:, 0]


def _check(
    train_x: NDArray[Any], train_y: NDArray[Any], test_x: NDArray[Any], test_y: NDArray[Any], subject: NDArray[Any]
) -> None:
    shapes = [array.shape for array in (train_x, train_y, test_x, test_y, subject)]
    fits = (
        train_x.ndim == test_x.ndim == 2
        and train_x.shape[1] == test_x.shape[1]
        and train_y.ndim in (1, 2)
        and train_y.shape[1:] == test_y.shape[1:]
        and len(train_x) == len(train_y) > 0
        and len(test_x) == len(test_y) > 0
        and subject.shape == (len(test_x),)
    )
    if not fits:
        raise ValueError(
            f"features and labels to train on, to test on, and subjects have shapes {shapes}; wanted (n, d), (n,) or "
            "(n, k), (m, d), (m,) or (m, k), (m,)"
        )
    if not (np.isfinite(train_x).all() and np.isfinite(test_x).all()):
        raise ValueError("a feature is NaN or infinite; leave those windows out and say how many")
