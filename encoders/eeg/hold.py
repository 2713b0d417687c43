"""Samples made ready for filters: gaps held, offsets taken off, electrodes referred to their mean."""

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

Reference = Literal["recorded", "average"]
LARGEST = 1e6  # V or uV: what lies beyond is no sample but a fault of the link, and would ring in a filter for a minute
ENOUGH = 8  # electrodes, below which their mean is no estimate of a potential that is the same everywhere


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


def refers(reference: Reference, electrodes: int) -> bool:
    """Is the mean of so many electrodes taken off?"""
    return reference == "average" and electrodes >= ENOUGH


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


def refer(signal: NDArray[np.float64], good: NDArray[np.bool_], reference: Reference) -> NDArray[np.float64]:
    """``signal`` (n, C) less the mean, at each sample, of the electrodes that are ``good`` (n, C) there.

    As it is for the "recorded" reference, or fewer than 8 electrodes in all. What is NaN becomes 0.
    """
    whole = bool(good.all())
    if refers(reference, signal.shape[1]):
        total = (signal if whole else np.where(good, signal, 0.0)).sum(1, keepdims=True)
        signal = signal - total / (signal.shape[1] if whole else np.maximum(good.sum(1, keepdims=True), 1))
    return signal if whole else np.nan_to_num(signal)
