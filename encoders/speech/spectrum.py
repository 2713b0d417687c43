"""Amplitude and phase of a voice as two quaternions a mel band and frame (numpy): what the voice branch is fed.

After PhysioSER (Zhang et al. 2026, arXiv 2602.13259), of which the abstract and a summary could be read, not the text.
Known from those: the quartet of magnitude, rho, instantaneous frequency and group delay; a separation into vocal tract
(filter) and glottis (source); an embedding of both as quaternions. Ours, because the summary does not define them:

- rho is the rate of log-amplitude. The time derivative of log X is rho + i omega, so that rho and instantaneous
  frequency are the two halves of one number, and both come from one extra transform.
- All derivatives are taken of the window, never of the phase (the reassignment form of Auger and Flandrin 1995, IEEE
  Trans. Signal Processing 43(5)): nothing is unwrapped, so nothing wraps wrongly, in silence least of all.
- The tract is the envelope that a low-quefrency lifter leaves of the log-spectrum; its group delay is that of the
  minimum-phase filter of this envelope (Oppenheim and Schafer). The glottis is the rest of both.
- Within a mel band every quantity is averaged with the energy of its bins as weight: bins 60 dB down hold phase noise only.

Frame k looks at samples 320 k - 192 to 320 k + 320 of its run, 16 kHz, so it needs nothing that comes later; all
values but the level are free of gain.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from affectstream.encoders.speech.mel import mel_filters

RATE = 16000  # Hz
HOP = 320  # samples, 20 ms
SIZE = 512  # samples, 32 ms
BEFORE = SIZE - HOP  # samples of a frame's window that lie before the frame's own
BANDS = 40
LOW, HIGH = 60.0, 7600.0  # Hz
LIFTER = (24, 36)  # samples of quefrency: all below the first is tract, all above the second glottis (445 Hz)
FLOOR = 1e-6  # of the frame's strongest bin: 60 dB down

# Real, i, j and k of two quaternions, tract and glottis: the layout of channels that a quaternion layer wants.
COMPONENTS = ("level", "peakedness", "rate", "rate_spread", "frequency", "frequency_spread", "delay", "excess_delay")
PARTS = {"all": slice(0, 8), "amplitude": slice(0, 4), "phase": slice(4, 8)}


def quartets(samples: NDArray[np.floating]) -> NDArray[np.float32]:
    """The components (T, 8, 40) of :data:`COMPONENTS`, T = (n - 192) // 320, of ``samples`` (n,) at 16 kHz.

    The first 192 samples are what came before the first frame. Tract: ``level`` log-energy of the envelope
    in nepers, ``rate`` of log-amplitude in nepers a window, ``frequency`` the mean of the instantaneous frequency less the
    band's middle in bins, ``delay`` the group delay from the frame's middle in windows. Glottis: ``peakedness`` by how
    much the energy stands above the envelope, in nepers; the spread (standard deviation) of rate and of instantaneous frequency
    over the band's bins, which is small where one partial fills the band; ``excess_delay`` group delay beyond that of the tract. Silence gives 0 everywhere but in the level.
    Raises ValueError for fewer than 512 samples.
    """
    if len(samples) < SIZE:
        raise ValueError(f"got {len(samples)} samples; wanted at least {SIZE}, one window; pad with what came before")
    frames = np.lib.stride_tricks.sliding_window_view(np.asarray(samples, np.float64), SIZE)[::HOP]
    plain, delay, rate, frequency = derivatives(frames)
    power = plain.real**2 + plain.imag**2
    top = power.max(1, keepdims=True)
    log = 0.5 * np.log(np.maximum(power, FLOOR * top) + 1e-16)
    envelope, tract_delay = _tract(log)
    weight = np.maximum(power - FLOOR * top, 0)
    pooled = _Bands(weight)
    level = 0.5 * np.log(np.exp(2 * envelope) @ _filters().T + 1e-12)
    rate_mean, rate_spread = pooled.moments(np.clip(rate, -8, 8))
    frequency_mean, frequency_spread = pooled.moments(np.clip(frequency, -2, 2) + np.arange(SIZE // 2 + 1))
    delay = np.clip(delay, -0.5, 0.5)
    parts = [
        level,
        pooled.mean(log - envelope),
        rate_mean,
        rate_spread,
        np.where(pooled.heard, frequency_mean - _middles(), 0),
        frequency_spread,
        pooled.mean(delay),
        pooled.mean(delay - np.clip(tract_delay, -0.5, 0.5)),
    ]
    return np.stack(parts, 1).astype(np.float32)


class Derivatives(NamedTuple):
    """A short-time Fourier transform and its logarithmic derivatives, each (T, 257).

    ``plain`` X; ``delay`` the group delay - d arg X / d omega about the window's middle, in windows; ``rate`` d log|X| / dt in
    nepers a window; ``frequency`` (d arg X / dt - omega), in bins. 0 where a bin holds nothing.
    """

    plain: NDArray[np.complex128]
    delay: NDArray[np.float64]
    rate: NDArray[np.float64]
    frequency: NDArray[np.float64]


def derivatives(frames: NDArray[np.float64]) -> Derivatives:
    """Transform ``frames`` (T, 512) with a Hann window, its time-weighted form and its derivative."""
    window, ramp, slope = _windows()
    plain, timed, moved = (np.fft.rfft(frames * w, axis=1) for w in (window, ramp, slope))
    power = plain.real**2 + plain.imag**2
    safe = np.maximum(power, FLOOR * power.max(1, keepdims=True)) + 1e-16
    ratio = -moved * plain.conj() / safe  # d log X / dt - i omega, per sample
    return Derivatives(
        plain,
        (timed * plain.conj()).real / safe / SIZE,
        ratio.real * SIZE,
        ratio.imag * SIZE / (2 * np.pi),
    )


class _Bands:
    """Averages over mel bands with the energy ``weight`` (T, 257) of the bins."""

    def __init__(self, weight: NDArray[np.float64]) -> None:
        self._weight = weight
        self._total = weight @ _filters().T + 1e-16
        self.heard = self._total > 2e-16

    def mean(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """(T, 257) to (T, 40)."""
        return (self._weight * values) @ _filters().T / self._total

    def moments(self, values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and standard deviation, each (T, 40)."""
        mean = self.mean(values)
        return mean, np.sqrt(np.maximum(self.mean(values**2) - mean**2, 0))


def _tract(log: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Envelope of the log-amplitude ``log`` (T, 257) and the group delay in windows of its minimum-phase filter."""
    cepstrum = np.fft.irfft(log, SIZE, axis=1)[:, : LIFTER[1]] * _lifter()
    kept = np.zeros((len(log), SIZE))
    kept[:, : LIFTER[1]] = cepstrum * np.where(np.arange(LIFTER[1]) > 0, 2, 1)
    envelope = np.fft.rfft(kept, axis=1).real
    kept[:, : LIFTER[1]] *= np.arange(LIFTER[1])
    return envelope, np.fft.rfft(kept, axis=1).real / SIZE


@cache
def _windows() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Periodic Hann h, n h and dh/dn, with n counted from the window's middle."""
    n = np.arange(SIZE) - SIZE / 2
    window = 0.5 + 0.5 * np.cos(2 * np.pi * n / SIZE)
    return window, n * window, -np.pi / SIZE * np.sin(2 * np.pi * n / SIZE)


@cache
def _lifter() -> NDArray[np.float64]:
    """1 up to the first quefrency of :data:`LIFTER`, a raised cosine to 0 at the second."""
    n = np.arange(LIFTER[1])
    fall = np.clip((n - LIFTER[0]) / (LIFTER[1] - LIFTER[0]), 0, 1)
    return 0.5 + 0.5 * np.cos(np.pi * fall)


@cache
def _middles() -> NDArray[np.float64]:
    """The middle (40,) of each band, in bins."""
    return _filters() @ np.arange(SIZE // 2 + 1) / _filters().sum(1)


@cache
def _filters() -> NDArray[np.float64]:
    return mel_filters(BANDS, SIZE, RATE, LOW, HIGH)
