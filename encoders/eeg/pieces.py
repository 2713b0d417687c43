"""Overlapping windows of a signal that comes in chunks, from pieces that are summed up once.

A window of 512 samples every 117 is four hops and 44 samples. So each hop is cut in two, 44 and 73 samples; the
window is then nine whole pieces, the next window nine that begin two later. A piece is reduced to its moments when
its last sample has come, and what a sample costs does not depend on how many windows it lies in.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

_BLOCK = 256  # samples worked on at once: few enough to stay in the processor's cache


def blocks(samples: NDArray[np.floating]) -> Iterator[NDArray[np.floating]]:
    """``samples`` (n, C) in order in parts that are worked on at once; one part if there are none."""
    return (samples[at : at + _BLOCK] for at in range(0, max(1, len(samples)), _BLOCK))


@dataclass(frozen=True)
class Grid:
    """Windows of ``window`` samples, one every ``hop``; the first begins with the signal."""

    window: int
    hop: int

    @classmethod
    def of(cls, window: float, hop: float, rate: float) -> Self:
        """The grid of a window and a hop in seconds, each rounded to samples at ``rate`` Hz.

        Raises ValueError if a hop is less than a sample.

        >>> Grid.of(4.0, 117 / 128, 200.0)
        Grid(window=800, hop=183)
        """
        if round(hop * rate) < 1:
            raise ValueError(f"a hop of {hop:g} s is no whole sample at {rate:g} Hz; wanted at least {1 / rate:g} s")
        return cls(round(window * rate), round(hop * rate))

    @property
    def lengths(self) -> tuple[int, ...]:
        """Samples of the pieces that a hop is cut into: one, or two where the hop does not divide the window."""
        rest = self.window % self.hop
        return (rest, self.hop - rest) if rest else (self.hop,)

    @property
    def pieces(self) -> int:
        """How many pieces a window is."""
        return self.window // self.hop * len(self.lengths) + (self.window % self.hop > 0)

    def windows(self, samples: int) -> int:
        """How many whole windows ``samples`` hold."""
        return max(0, (samples - self.window) // self.hop + 1)

    def centres(self, first: int, count: int, rate: float) -> NDArray[np.float64]:
        """Seconds from the signal's beginning to the middle of ``count`` windows from ``first`` on, (count,)."""
        return np.arange(first, first + count, dtype=np.float64) * (self.hop / rate) + self.window / 2 / rate

    def complete(self, done: int, samples: int) -> NDArray[np.intp]:
        """Lengths of the whole pieces in ``samples`` that begin with piece ``done``, (k,)."""
        order = self.lengths[done % len(self.lengths) :] + self.lengths[: done % len(self.lengths)]
        hops, left = divmod(samples, self.hop)
        count = hops * len(order) + (len(order) > 1 and left >= order[0])
        return np.array((order * (hops + 1))[:count], np.intp)

    def members(self, pieces: int) -> NDArray[np.intp]:
        """Which of ``pieces`` make each window, (w, pieces of a window); the first window begins with the first."""
        step = len(self.lengths)
        count = max(0, (pieces - self.pieces) // step + 1)
        return step * np.arange(count)[:, None] + np.arange(self.pieces)


class Moments(NamedTuple):
    """Of k pieces: ``size`` (k,) samples, ``mean`` (..., k, C), ``spread`` (..., k, C), the sum of squares about it."""

    size: NDArray[np.intp]
    mean: NDArray[np.float64]
    spread: NDArray[np.float64]

    def after(self, earlier: Self) -> Self:
        """These pieces after the ``earlier`` ones."""
        return type(self)(
            np.concatenate([earlier.size, self.size]),
            np.concatenate([earlier.mean, self.mean], -2),
            np.concatenate([earlier.spread, self.spread], -2),
        )

    def since(self, first: int) -> Self:
        """The pieces from ``first`` on, as copies."""
        return type(self)(
            self.size[first:].copy(), self.mean[..., first:, :].copy(), self.spread[..., first:, :].copy()
        )


def moments(signal: NDArray[np.float64], sizes: NDArray[np.intp]) -> Moments:
    """Moments of the pieces of ``signal`` (..., n, C) of ``sizes`` (k,); what lies after them is left out."""
    if not len(sizes):
        none = np.empty((*signal.shape[:-2], 0, signal.shape[-1]))
        return Moments(sizes, none, none)
    begins = np.cumsum(sizes) - sizes
    signal = signal[..., : int(sizes.sum()), :]
    mean = np.add.reduceat(signal, begins, -2) / sizes[:, None]
    about = signal - np.repeat(mean, sizes, -2)
    return Moments(sizes, mean, np.add.reduceat(np.square(about, out=about), begins, -2))


def variance(pieces: Moments, grid: Grid) -> NDArray[np.float64]:
    """Population variance of each window, (..., w, C), of pieces that begin with a window.

    Chan, Golub and LeVeque (1979): squares about each piece's own mean, and those of the means about the window's.
    An offset much larger than the signal costs no digits, as it would if squares about zero were summed.
    """
    members = grid.members(len(pieces.size))
    size, mean = pieces.size[members][..., None], pieces.mean[..., members, :]
    centre = (size * mean).sum(-2, keepdims=True) / grid.window
    between = (size * (mean - centre) ** 2).sum(-2)
    return (pieces.spread[..., members, :].sum(-2) + between) / grid.window
