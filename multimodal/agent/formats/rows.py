"""Rows gathered from a file, piece by piece, until they are traces."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affectstream.multimodal.types import Trace

_ROUNDING = 0.002  # s by which times of rows in order may go back for having been rounded, each for itself


class Rows:
    """Pieces of traces by source, in the order in which a file has them."""

    def __init__(self) -> None:
        self._pieces: dict[str, list[tuple[NDArray[np.float64], ...]]] = {}

    def add(
        self, source: str, time: ArrayLike, span: ArrayLike, mean: ArrayLike, sd: ArrayLike, quality: ArrayLike
    ) -> None:
        """Rows of ``source``: ``time``, ``span`` (s) and ``quality`` (n,), ``mean`` and ``sd`` (n, 3)."""
        piece = tuple(np.asarray(values, np.float64) for values in (time, span, mean, sd, quality))
        self._pieces.setdefault(source, []).append(piece)

    def traces(self) -> dict[str, Trace]:
        """One trace for each source; rows that are out of order are sorted. Raises ValueError as :class:`Trace`."""
        return {source: _trace(source, pieces) for source, pieces in self._pieces.items()}


def _trace(source: str, pieces: list[tuple[NDArray[np.float64], ...]]) -> Trace:
    time, span, mean, sd, quality = (np.concatenate(column) for column in zip(*pieces, strict=True))
    if (np.diff(time) < -_ROUNDING).any():
        order = np.argsort(time, kind="stable")
        time, span, mean, sd, quality = (values[order] for values in (time, span, mean, sd, quality))
    return Trace(source, time=np.maximum.accumulate(time), mean=mean, variance=sd**2, quality=quality, span=span)
