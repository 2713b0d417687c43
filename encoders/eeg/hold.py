"""Samples made ready for filters: gaps are held; and what was filtered, referred to the mean of sound electrodes."""

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

Reference = Literal["recorded", "average"]
LARGEST = 1e6  # V or uV: what lies beyond is no sample but a fault of the link, and would ring in a filter for a minute
ENOUGH = 8  # electrodes, below which their mean is no estimate of a potential that is the same everywhere
# Of the power of C electrodes at most a tenth may come from any other, through the mean; so one with more than C^2 / 10 times the
# median electrode's power behind a filter has no part in it, nor has one with less than QUIET times. (A piece is short, and its power
# scatters: up to LEAST times the median is no fault.) Else one loose electrode that hums with a millivolt would be in all.
LENT, LEAST, QUIET = 0.1, 16.0, 1e-4


@dataclass(frozen=True, eq=False)
class Held:
    """The ``first`` and the ``last`` good sample of each electrode, (C,) V; NaN where there was none.

    A sample is good if it is finite and no larger than ``LARGEST``; all else is missing.
    """

    first: NDArray[np.float64]
    last: NDArray[np.float64]

    @classmethod
    def nothing(cls, channels: int) -> Self:
        """Before the first sample."""
        return cls(np.full(channels, np.nan), np.full(channels, np.nan))


def electrodes(samples: NDArray[np.floating]) -> int:
    """C of ``samples`` (n, C); ValueError if they are not."""
    if samples.ndim != 2 or not samples.shape[1]:
        raise ValueError(f"EEG has shape {samples.shape}; wanted (n, electrodes), a row a sample")
    return samples.shape[1]


def hold(held: Held, samples: NDArray[np.floating]) -> tuple[Held, NDArray[np.float64], NDArray[np.bool_]]:
    """``samples`` (n, C), n > 0, with the electrode's last good sample wherever one is missing.

    Returns the new state, the samples (NaN before the first good one) and which were good. Raises ValueError if
    ``samples`` are not (n, C) for the state's C.
    """
    if electrodes(samples) != len(held.first):
        raise ValueError(f"EEG has shape {samples.shape}; wanted (n, {len(held.first)}), a row a sample; transpose it?")
    signal = samples.astype(np.float64)
    good = abs(signal) <= LARGEST
    if good.all():
        return Held(np.where(np.isnan(held.first), signal[0], held.first), signal[-1].copy()), signal, good
    begun = np.where(good.any(0), signal[good.argmax(0), np.arange(signal.shape[1])], np.nan)
    signal = np.concatenate([held.last[None], signal])
    latest = np.maximum.accumulate(np.where(good, np.arange(1, len(signal))[:, None], 0))
    signal = np.take_along_axis(signal, latest, 0)
    return Held(np.where(np.isnan(held.first), begun, held.first), signal[-1].copy()), signal, good


def refer(passed: NDArray[np.float64], sizes: NDArray[np.intp], reference: Reference) -> None:
    """Take off ``passed`` (F, n, C), what F filters let through, the mean of the sound electrodes, piece by piece of ``sizes``.

    After the filters and not before: they are linear, so it is the same, but which electrodes are sound may change from piece to
    piece without a step that would ring. Sound are those whose power behind a filter is neither much above nor far below the
    median there. What is silent stays so. Nothing is done for the "recorded" reference, or fewer than 8 electrodes in all.
    """
    if reference == "recorded" or passed.shape[2] < ENOUGH:
        return
    loud, rows = max(LEAST, LENT * passed.shape[2] ** 2), np.arange(len(passed))
    end = np.cumsum(sizes)
    for begin, after in zip(end - sizes, end, strict=True):
        piece = passed[:, begin:after]
        power = np.einsum("fnc,fnc->fc", piece, piece)
        there = power > 0
        silent = power.shape[1] - there.sum(1)
        middle = np.sort(power, 1)[rows, np.minimum((silent + power.shape[1]) // 2, power.shape[1] - 1), None]
        sound = there & (power >= QUIET * middle) & (power <= loud * middle)
        share = sound / np.maximum(sound.sum(1, keepdims=True), 1)
        piece -= (piece @ share[..., None]) * there[:, None]
