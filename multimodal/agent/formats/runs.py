"""Rows that come evenly: what a format with one rate and a list of samples can hold."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from affectstream.multimodal.types import Trace

TOLERANCE = 0.0005  # s by which a row may lie beside its place: what whole milliseconds leave open anyway
_FEWEST = 3  # rows that are called even; two always are
_FASTEST = 1000.0  # Hz


class Run(NamedTuple):
    """Rows ``first`` to ``last`` (excluded): the k-th lies at ``start`` + k / ``rate`` s; a single row has no ``rate``."""

    first: int
    last: int
    start: float
    rate: str


def even_runs(trace: Trace) -> Iterator[Run]:
    """The observed rows of ``trace`` in as few runs as come evenly, in order of time.

    All rows of a run know the same dimensions. ``start`` is in whole milliseconds, and every row is within
    :data:`TOLERANCE` of where its run says; rows that fit no run of three are single. The rate is the one with the fewest
    decimals that does.
    """
    known = np.isfinite(trace.mean)
    changes = np.flatnonzero((known[1:] != known[:-1]).any(1)) + 1
    time = trace.time.tolist()
    for first, last in zip([0, *changes.tolist()], [*changes.tolist(), len(trace)], strict=True):
        if last > first and known[first].any():
            yield from _even(time, first, last)


def _even(time: list[float], first: int, last: int) -> Iterator[Run]:
    while first < last:
        start = round(time[first], 3)
        low, high, end = 1 / _FASTEST, np.inf, first + 1  # bounds of the step
        while end < last:
            least = (time[end] - start - TOLERANCE) / (end - first)
            most = (time[end] - start + TOLERANCE) / (end - first)
            if max(low, least) > min(high, most):
                break
            low, high, end = max(low, least), min(high, most), end + 1
        if end - first < _FEWEST:
            end = first + 1
            yield Run(first, end, start, "")
        else:
            yield Run(first, end, start, _plainest(1 / high, 1 / low))
        first = end


def _plainest(low: float, high: float) -> str:
    """The number from ``low`` to ``high`` with the fewest decimals, written out."""
    middle = (low + high) / 2
    for decimals in range(15):
        text = f"{middle:.{decimals}f}"
        if low <= float(text) <= high:
            return text
    return f"{middle:.15f}"
