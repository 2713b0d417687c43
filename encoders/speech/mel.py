"""Mel filters after Slaney's Auditory Toolbox, as librosa and Whisper use them (numpy)."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

_BREAK, _LINEAR, _LOG = 1000.0, 200 / 3, np.log(6.4) / 27  # Hz where the scale turns logarithmic; steps below and above


def mel(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slaney's mel of frequencies in Hz: linear to 1 kHz, logarithmic above."""
    above = _BREAK / _LINEAR + np.log(np.maximum(hertz, 1e-9) / _BREAK) / _LOG
    return np.where(hertz < _BREAK, hertz / _LINEAR, above)


def hertz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverse of :func:`mel`."""
    knee = _BREAK / _LINEAR
    return np.where(mels < knee, mels * _LINEAR, _BREAK * np.exp(_LOG * (mels - knee)))


@cache
def mel_filters(bands: int, size: int, rate: int, low: float = 0.0, high: float | None = None) -> NDArray[np.float64]:
    """Triangles (``bands``, ``size`` // 2 + 1) of unit area over the bins of a ``size``-point transform at ``rate`` Hz.

    Equal to ``librosa.filters.mel(sr=rate, n_fft=size, n_mels=bands, fmin=low, fmax=high)``. Read-only.
    """
    ends = mel(np.array([low, rate / 2 if high is None else high]))
    edge = hertz(np.linspace(ends[0], ends[1], bands + 2))
    bins = np.arange(size // 2 + 1) * rate / size
    rise = (bins - edge[:-2, None]) / (edge[1:-1] - edge[:-2])[:, None]
    fall = (edge[2:, None] - bins) / (edge[2:] - edge[1:-1])[:, None]
    filters = np.maximum(0, np.minimum(rise, fall)) * (2 / (edge[2:] - edge[:-2]))[:, None]
    filters.setflags(write=False)
    return filters
