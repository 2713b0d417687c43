"""Many clocks to one: a grid of instants, and what each trace says at each of them. numpy only."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affectstream.multimodal.types import Trace

TICK = 10.0  # Hz at which sources are compared and events looked for, whatever rate is written
ROUNDING = 1e-9  # s by which a time may be off that was reckoned in two ways


@dataclass(frozen=True, eq=False)
class Reading:
    """What one source says at G instants: ``mean`` and ``variance`` (G, 3), NaN where it is silent, ``quality`` (G,)."""

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    quality: NDArray[np.float64]


def grid(start: float, end: float, rate: float) -> NDArray[np.float64]:
    """Instants (G,) at whole multiples of 1 / ``rate`` seconds from ``start`` to ``end``, both included.

    >>> grid(0.07, 0.3, 10).tolist()
    [0.1, 0.2, 0.3]
    """
    if not rate > 0:
        raise ValueError(f"grid rate is {rate} Hz; wanted more than 0")
    first, last = int(np.ceil(start * rate - 1e-9)), int(np.floor(end * rate + 1e-9))
    return np.arange(first, last + 1) / rate


def read_at(trace: Trace, times: NDArray[np.float64], rate: float) -> Reading:
    """``trace`` on the ``times`` (G,) of :func:`grid` at ``rate`` Hz.

    A row speaks at every instant whose cell, 1 / ``rate`` wide, its window touches. Rows that share a cell
    are averaged, by quality over variance for the mean; they look at almost the same thing, so their
    precisions are averaged too and do not add up.
    """
    cells = len(times)
    if not cells or not len(trace):
        return _silence(cells)
    half = trace.span / 2
    first = np.ceil((trace.time - half - times[0]) * rate - 0.5 + ROUNDING).astype(int)
    last = np.floor((trace.time + half - times[0]) * rate + 0.5 - ROUNDING).astype(int)
    last = np.maximum(last, first)
    return _averaged(trace, np.clip(first, 0, cells), np.clip(last, -1, cells - 1), cells)


def read_heard(trace: Trace, moments: NDArray[np.float64], cell: float) -> Reading:
    """``trace`` at ``moments`` (G,), rising, to one who hears each row at the end of its window.

    A row speaks from then on, for as long as its window was and ``cell`` seconds more, so that at each moment those of the
    last ``cell`` seconds are averaged as :func:`read_at` does. Nothing of what comes later is in it.
    """
    count = len(moments)
    if not count or not len(trace):
        return _silence(count)
    over = trace.time + trace.span / 2
    first = np.searchsorted(moments, over - ROUNDING)
    last = np.searchsorted(moments, over + trace.span + cell - ROUNDING) - 1
    return _averaged(trace, first, last, count)


def _silence(count: int) -> Reading:
    return Reading(np.full((count, 3), np.nan), np.full((count, 3), np.nan), np.zeros(count))


def _averaged(trace: Trace, first: NDArray[np.int64], last: NDArray[np.int64], cells: int) -> Reading:
    """The rows of ``trace``, each of which speaks in the cells ``first`` to ``last`` (T,), averaged in each of ``cells``."""
    reach = np.maximum(last - first + 1, 0)
    row = np.repeat(np.arange(len(trace)), reach)
    cell = np.arange(len(row)) - np.repeat(np.cumsum(reach) - reach, reach) + first[row]

    known = np.isfinite(trace.mean)
    quality = np.where(known.any(1), trace.quality, 0.0)
    weight = np.where(known, quality[:, None] / np.where(known, trace.variance, 1.0), 0.0)  # (T, 3)
    value = np.where(known, trace.mean, 0.0)

    def total(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(cell, values[row], minlength=cells).astype(np.float64)

    rows_in = np.bincount(cell, minlength=cells)
    quality_sum = total(quality)
    weights = np.stack([total(weight[:, d]) for d in range(3)], 1)
    sums = np.stack([total((weight * value)[:, d]) for d in range(3)], 1)
    quality_of = np.stack([total(np.where(known[:, d], quality, 0.0)) for d in range(3)], 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(weights > 0, sums / weights, np.nan)
        variance = np.where(weights > 0, quality_of / weights, np.nan)
    return Reading(mean, variance, quality_sum / np.maximum(rows_in, 1))
