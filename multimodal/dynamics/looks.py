"""From traces to what a filter takes in: every row that was observed, as one look at the centre of its window."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affectstream.multimodal.dynamics.filter import Look
from affectstream.multimodal.dynamics.noise import LASTING
from affectstream.multimodal.types import Trace


@dataclass(frozen=True, eq=False)
class Looks:
    """N looks in order of time, as columns.

    ``time`` (N,) s, the centre of the window; ``arrival`` (N,) s, its end, when a live run would hear of it;
    ``source`` (N,) index into ``names``; ``mean`` and ``variance`` (N, 3), NaN where a dimension is unknown;
    ``lasting`` (N,) s, the time constant of the errors.
    """

    time: NDArray[np.float64]
    arrival: NDArray[np.float64]
    source: NDArray[np.int64]
    names: tuple[str, ...]
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    lasting: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.time)

    def look(self, i: int) -> Look:
        """Row ``i``."""
        return Look(self.names[self.source[i]], self.mean[i], self.variance[i], float(self.lasting[i]))


def looks_of(traces: Mapping[str, Trace]) -> Looks:
    """All observed rows of ``traces``, their variance divided by their quality; rows of one trace and one time averaged."""
    names = tuple(traces)
    parts = [_columns(trace) for trace in traces.values()]
    if not sum(len(part[0]) for part in parts):
        nothing = np.empty((0, 3))
        return Looks(np.empty(0), np.empty(0), np.empty(0, int), names, nothing, nothing, np.empty(0))
    time, arrival, mean, variance = (np.concatenate(column) for column in zip(*parts, strict=True))
    source = np.repeat(np.arange(len(names)), [len(part[0]) for part in parts])
    lasting = np.array([LASTING.get(name.partition("/")[0], 0.0) for name in names])[source]
    order = np.argsort(time, kind="stable")
    return Looks(time[order], arrival[order], source[order], names, mean[order], variance[order], lasting[order])


def _columns(trace: Trace) -> tuple[NDArray[np.float64], ...]:
    """Time, arrival (n,), mean and variance (n, 3) of what ``trace`` observed, one row a time."""
    at = np.flatnonzero(trace.observed & (trace.quality > 0))
    mean = trace.mean[at]
    variance = np.where(np.isfinite(mean), trace.variance[at] / trace.quality[at, None], np.nan)
    time, arrival = trace.time[at], trace.time[at] + trace.span[at] / 2
    moments, of, count = np.unique(time, return_inverse=True, return_counts=True)
    if len(moments) == len(time):
        return time, arrival, mean, variance
    known = np.isfinite(mean)
    rows = np.stack([np.bincount(of, known[:, d], len(moments)) for d in range(3)], 1)

    def average(values: NDArray[np.float64]) -> NDArray[np.float64]:
        total = np.stack([np.bincount(of, np.where(known, values, 0.0)[:, d], len(moments)) for d in range(3)], 1)
        return np.where(rows > 0, total / np.maximum(rows, 1), np.nan)

    late = np.maximum.reduceat(arrival, np.cumsum(count) - count)
    return moments, late, average(mean), average(variance)
