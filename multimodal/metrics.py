"""How good a prediction is. numpy only.

Agreement of numbers (:func:`ccc`, :func:`pcc`, :func:`rmse`, :func:`mae`, :func:`sagr`) and of uncertainty
(:func:`gaussian_nll`, :func:`coverage`) take arrays of shape (n, d) and return (d,), one figure for each
column: joining valence and arousal into one column first would raise the score by the distance between their
means. NaN targets are left out, column by column. Where a figure is undefined it is NaN, never a flattering 0.

Categories (:func:`accuracy`, :func:`uar`, :func:`macro_f1`) are whole numbers from 0, shape (n,); a negative
target is an unknown one and its row is left out.
"""

from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Columns = NDArray[np.float64]


def ccc(prediction: ArrayLike, target: ArrayLike) -> Columns:
    """Concordance correlation coefficient, in [-1, 1] (Lin 1989, Biometrics 45, 255-268).

    2 cov / (var p + var t + (mean p - mean t)^2) with population (1/n) variances, as in Lin's estimator: only
    then is it exactly 1 - MSE / (the MSE if the same values were paired at random).

    0 where one of the two is constant; NaN where both are the same constant (0 / 0), and with fewer than two
    known targets.

    >>> ccc([[1.0], [2.0], [3.0]], [[2.0], [3.0], [4.0]]).round(4).tolist()
    [0.5714]
    """
    return _by_column(_ccc, prediction, target)


def pcc(prediction: ArrayLike, target: ArrayLike) -> Columns:
    """Pearson's correlation coefficient, in [-1, 1].

    NaN where either is constant, as in scipy, and with fewer than two known targets.
    """
    return _by_column(_pcc, prediction, target)


def rmse(prediction: ArrayLike, target: ArrayLike) -> Columns:
    """Root of the mean squared error, in units of the target; NaN with no known target."""
    return _by_column(lambda p, t: np.sqrt(np.mean((p - t) ** 2)), prediction, target)


def mae(prediction: ArrayLike, target: ArrayLike) -> Columns:
    """Mean absolute error, in units of the target; NaN with no known target."""
    return _by_column(lambda p, t: np.mean(abs(p - t)), prediction, target)


def sagr(prediction: ArrayLike, target: ArrayLike) -> Columns:
    """Share of predictions with the sign of the target, in [0, 1] (Nicolaou et al. 2011).

    Zero is a sign of its own: a target of exactly 0 agrees only with a prediction of exactly 0. NaN with no
    known target.
    """
    return _by_column(lambda p, t: np.mean(np.sign(p) == np.sign(t)), prediction, target)


def gaussian_nll(mean: ArrayLike, variance: ArrayLike, target: ArrayLike) -> Columns:
    """Mean negative log-likelihood of the target under N(mean, variance), in nats, constant term included.

    Raises ValueError for a variance that is not positive; NaN with no known target.
    """

    def nll(m: Columns, v: Columns, t: Columns) -> np.floating:
        return np.mean(np.log(2 * np.pi * _positive(v)) + (t - m) ** 2 / v) / 2

    return _by_column(nll, mean, variance, target)


def coverage(mean: ArrayLike, variance: ArrayLike, target: ArrayLike, *, p: float = 0.9) -> Columns:
    """Share of targets within the central ``p`` interval of N(mean, variance), borders included.

    A calibrated uncertainty covers ``p``. Raises ValueError for a variance that is not positive or a ``p``
    outside (0, 1); NaN with no known target.
    """
    if not 0 < p < 1:
        raise ValueError(f"interval probability p is {p}; wanted a number between 0 and 1, such as 0.9")
    reach = NormalDist().inv_cdf((1 + p) / 2)

    def inside(m: Columns, v: Columns, t: Columns) -> np.floating:
        return np.mean(abs(t - m) <= reach * np.sqrt(_positive(v)))

    return _by_column(inside, mean, variance, target)


def accuracy(prediction: ArrayLike, target: ArrayLike) -> float:
    """Share of categories that are right, in [0, 1]; NaN with no known target."""
    p, t = _categories(prediction, target)
    return float(np.mean(p == t)) if len(t) else float("nan")


def uar(prediction: ArrayLike, target: ArrayLike) -> float:
    """Unweighted average recall over the classes that occur in ``target``, in [0, 1].

    A class that is only ever predicted has no recall and is left out, as in scikit-learn's
    ``balanced_accuracy_score``. NaN with no known target.

    >>> uar([0, 0, 1, 2], [0, 0, 1, 1])
    0.75
    """
    p, t = _categories(prediction, target)
    return float(np.mean([np.mean(p[t == k] == k) for k in np.unique(t)])) if len(t) else float("nan")


def macro_f1(prediction: ArrayLike, target: ArrayLike) -> float:
    """Unweighted average of F1 over the classes that occur in ``target`` or ``prediction``, in [0, 1].

    A class that is never predicted, or only predicted, scores 0, as in scikit-learn's
    ``f1_score(average="macro")``; one that occurs in neither is left out. NaN with no known target.
    """
    p, t = _categories(prediction, target)
    classes = np.union1d(p, t)
    f1 = [2 * np.sum((p == k) & (t == k)) / (np.sum(p == k) + np.sum(t == k)) for k in classes]
    return float(np.mean(f1)) if len(t) else float("nan")


def auc(score: ArrayLike, positive: ArrayLike) -> float:
    """Area under the ROC curve, in [0, 1]: how often a positive scores above a negative, ties counting half.

    ``score`` (n,) and ``positive`` (n,) bool; computed from mean ranks (Mann-Whitney). NaN unless there is at
    least one positive and one negative. Raises ValueError for a NaN score.

    >>> auc([0.1, 0.4, 0.4, 0.8], [False, False, True, True])
    0.875
    """
    s, is_positive = np.asarray(score, np.float64), np.asarray(positive, bool)
    if s.ndim != 1 or s.shape != is_positive.shape:
        raise ValueError(f"score {s.shape} and positive {is_positive.shape} differ in shape; wanted (n,) both")
    if np.isnan(s).any():
        raise ValueError(f"{np.isnan(s).sum()} of {len(s)} scores are NaN; leave those rows out first")
    wins, losses = int(is_positive.sum()), int((~is_positive).sum())
    if not wins or not losses:
        return float("nan")
    _, place, count = np.unique(s, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place]  # 1-based, the mean over ties
    return float((rank[is_positive].sum() - wins * (wins + 1) / 2) / (wins * losses))


def bootstrap(
    metric: Callable[..., ArrayLike],
    *arrays: ArrayLike,
    groups: ArrayLike | None = None,
    repeats: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Percentile confidence interval (low, high) of ``metric(*arrays)``, each shaped like its value.

    Rows of all arrays (n, ...) are drawn together, with replacement, n at a time. With ``groups`` (n,), whole
    groups are drawn, as many as there are: give the subject or the recording, whose rows are not independent.
    Draws in which the metric is NaN are left out; the interval is NaN where every draw is.
    """
    rows = [np.asarray(array) for array in arrays]
    lengths = {len(array) for array in rows}
    if groups is not None:
        lengths.add(len(np.asarray(groups)))
    if len(lengths) != 1 or lengths == {0}:
        raise ValueError(f"arrays and groups have {sorted(lengths)} rows; wanted one number above 0 for all of them")
    if not 0 < level < 1:
        raise ValueError(f"confidence level is {level}; wanted a number between 0 and 1, such as 0.95")
    members = _members(np.arange(len(rows[0])) if groups is None else np.asarray(groups))
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(repeats):
        at = np.concatenate([members[i] for i in rng.integers(0, len(members), len(members))])
        values.append(np.asarray(metric(*(array[at] for array in rows)), np.float64))
    draws = np.stack(values)
    defined = ~np.isnan(draws).all(0)
    tail = (1 - level) / 2
    low, high = np.nanquantile(np.where(defined, draws, 0), [tail, 1 - tail], axis=0)
    return np.where(defined, low, np.nan), np.where(defined, high, np.nan)


def _members(groups: NDArray[Any]) -> list[NDArray[np.intp]]:
    """Row indices of each distinct group."""
    _, place, count = np.unique(groups, return_inverse=True, return_counts=True)
    return np.split(np.argsort(place, kind="stable"), np.cumsum(count)[:-1])


def _ccc(p: Columns, t: Columns) -> float:
    dev_p, dev_t = _deviations(p), _deviations(t)
    both_constant = not dev_p.any() and not dev_t.any()
    if len(t) < 2 or (both_constant and p[0] == t[0]):
        return float("nan")
    spread = np.mean(dev_p**2) + np.mean(dev_t**2) + (p.mean() - t.mean()) ** 2
    return float(2 * np.mean(dev_p * dev_t) / spread)


def _pcc(p: Columns, t: Columns) -> float:
    dev_p, dev_t = _deviations(p), _deviations(t)
    if not dev_p.any() or not dev_t.any():
        return float("nan")
    return float(np.clip((dev_p * dev_t).sum() / np.sqrt((dev_p**2).sum() * (dev_t**2).sum()), -1, 1))


def _deviations(x: Columns) -> Columns:
    """``x`` less its mean; exactly 0 for a constant, whose rounding error must not pass for variance."""
    return np.zeros_like(x) if (x == x[0]).all() else x - x.mean()


def _by_column(measure: Callable[..., Any], *arrays: ArrayLike) -> Columns:
    """``measure`` of the rows of each column whose target, the last of ``arrays`` (n, d), is known."""
    columns = [np.asarray(array, np.float64) for array in arrays]
    shapes = [column.shape for column in columns]
    target = columns[-1]
    if target.ndim != 2 or len(set(shapes)) != 1:
        raise ValueError(f"arrays have shapes {shapes}; wanted the same (n, d) for all of them")
    known = ~np.isnan(target)
    if any(np.isnan(column[known]).any() for column in columns):
        raise ValueError(
            "a prediction is NaN where the target is known; leave those rows out and say how many, "
            "or predict the mean there"
        )
    out = np.full(target.shape[1], np.nan)
    for j in np.flatnonzero(known.any(0)):
        out[j] = measure(*(column[known[:, j], j] for column in columns))
    return out


def _positive(variance: Columns) -> Columns:
    if not (variance > 0).all():
        raise ValueError(f"variance reaches {variance.min():.3g}; wanted above 0 wherever the target is known")
    return variance


def _categories(prediction: ArrayLike, target: ArrayLike) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
    """Prediction and target (n,) at the rows whose target is known."""
    p, t = np.asarray(prediction), np.asarray(target)
    if t.ndim != 1 or p.shape != t.shape:
        raise ValueError(f"prediction {p.shape} and target {t.shape} differ in shape; wanted (n,) categories both")
    if len(t) and not (np.issubdtype(p.dtype, np.integer) and np.issubdtype(t.dtype, np.integer)):
        raise ValueError(f"categories are {p.dtype} and {t.dtype}; wanted whole numbers, argmax of the logits")
    return p[t >= 0], t[t >= 0]
