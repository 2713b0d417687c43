"""What a network must be better than: a guess that has seen no signal, and the nearest neighbour, which only remembers."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from affectstream.multimodal import metrics

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
