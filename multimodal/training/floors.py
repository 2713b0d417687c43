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
    "sagr": metrics.sagr,
}


def cross_entropy(scores: NDArray[np.floating], share: NDArray[np.floating]) -> float:
    """Mean cross-entropy of the distributions ``share`` (n, K) under softmax of ``scores`` (n, K), in nats."""
    log = scores - np.logaddexp.reduce(scores.astype(np.float64), 1, keepdims=True)
    return float(-(share * log).sum(1).mean())


def marks_f1(chance: NDArray[np.floating], marks: NDArray[np.floating]) -> float:
    """F1 of yes at a chance above a half, (n, M) each and NaN where unknown, averaged over the marks that occur."""
    found = []
    for score, truth in zip(chance.T, marks.T, strict=True):
        known = np.isfinite(truth)
        said, yes = score[known] > 0.5, truth[known] > 0.5
        if yes.any():
            found.append(2 * (said & yes).sum() / (said.sum() + yes.sum()))
    return float(np.mean(found)) if found else float("nan")


def both_f1(chance: NDArray[np.floating], marks: NDArray[np.floating]) -> float:
    """The mean of the F1 of yes and that of no, averaged over the marks that occur: BAH's AVGF1."""
    return (marks_f1(chance, marks) + marks_f1(1 - chance, 1 - marks)) / 2


def mean_average_precision(chance: NDArray[np.floating], marks: NDArray[np.floating]) -> float:
    """Average precision, (n, M) each and NaN where unknown, averaged over the marks that occur."""
    from sklearn.metrics import average_precision_score

    pairs = [(t[np.isfinite(t)] > 0.5, s[np.isfinite(t)]) for s, t in zip(chance.T, marks.T, strict=True)]
    found = [float(average_precision_score(yes, score)) for yes, score in pairs if yes.any()]
    return float(np.mean(found)) if found else float("nan")


MARKS: dict[str, Callable[..., float]] = {
    "macro_f1": marks_f1,
    "f1_of_yes_and_no": both_f1,
    "mean_average_precision": mean_average_precision,
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
