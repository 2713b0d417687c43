"""The figures that every card gives of a regression."""

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
