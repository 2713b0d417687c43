"""The figures that cards and tables give, and their intervals."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectstream.multimodal import metrics


def regression_figures(
    mean: NDArray[np.floating], variance: NDArray[np.floating], target: NDArray[np.floating]
) -> dict[str, float]:
    """RMSE, MAE, PCC, SAGR, coverage of 90 % intervals and NLL of one dimension, columns (n, 1), to four places."""
    return {
        "rmse": round(float(metrics.rmse(mean, target)[0]), 4),
        "mae": round(float(metrics.mae(mean, target)[0]), 4),
        "pcc": round(float(metrics.pcc(mean, target)[0]), 4),
        "sagr": round(float(metrics.sagr(mean, target)[0]), 4),
        "coverage_90": round(float(metrics.coverage(mean, variance, target)[0]), 4),
        "nll": round(float(metrics.gaussian_nll(mean, variance, target)[0]), 4),
    }


def figure(metric: Callable[..., Any], groups: NDArray[Any], *arrays: NDArray[Any]) -> list[Any]:
    """[value, low, high] of a metric, to four places, with the 95 % bootstrap interval over whole ``groups`` (n,), people mostly.

    A metric of several columns gives three lists. The interval is NaN where there is one group: it says nothing of others.
    """
    value = np.asarray(metric(*arrays), np.float64)
    low = high = np.full_like(value, np.nan)
    if len(np.unique(groups)) > 1:
        low, high = metrics.bootstrap(metric, *arrays, groups=groups, repeats=500)
    return np.round(np.stack([value, low, high]), 4).tolist()
