"""Differential entropy of EEG by frequency band, offline and as a fold over chunks; its definition is a value.

A band-passed EEG is close to Gaussian, and then its entropy is 0.5 ln(2 pi e variance) (Shi, Jiao and Lu 2013,
doi:10.1109/EMBC.2013.6611075). Two programs that share this line rarely share their numbers: filter, its phase, window,
base and normalisation all differ. An :class:`Entropy` names them all, and :meth:`Entropy.contract` goes into ``Facts``.
"""

from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

from affectstream.encoders.eeg.bank import Bank
from affectstream.encoders.eeg.hold import Held, Reference, electrodes, hold, refer
from affectstream.encoders.eeg.pieces import Grid, Moments, blocks, moments, variance
from affectstream.multimodal.types import SignalError

VERSION = 1  # of what the fields of Entropy mean
Base = Literal["nats", "bits"]
Phase = Literal["causal", "zero", "window"]
Normalise = Literal["none", "window"]
_VALUES = {
    "base": get_args(Base),
    "phase": get_args(Phase),
    "normalise": get_args(Normalise),
    "reference": get_args(Reference),
}
FLOOR = 1e-18  # V^2, 1 nV: the least variance, so that a flat electrode has a finite entropy


@dataclass(frozen=True)
class Entropy:
    """What is measured of each electrode, band and window.

    ``bands``: name, low and high edge in Hz. ``order`` of the Butterworth prototype; the band-pass has twice as many
    poles. ``base`` of the logarithm. ``window`` and ``hop`` in seconds, rounded to samples.

    ``phase`` of the filter: "causal", one pass over the recording, or over a stream; "zero", one pass forth and one
    back, which needs the whole recording; "window", each window by itself from rest, its transient included.
    ``normalise``: "none", or "window", which takes from each window the mean of all its samples and electrodes and
    divides by their sd (phase "window" only). ``reference``: as "recorded", or "average" over sound electrodes
    (:func:`affectstream.encoders.eeg.hold.refer`).

    Raises ValueError for values that make no definition.
    """

    bands: tuple[tuple[str, float, float], ...]
    order: int
    base: Base
    window: float
    hop: float
    phase: Phase
    normalise: Normalise
    reference: Reference

    def __post_init__(self) -> None:
        for name, low, high in self.bands:
            if not 0 < low < high:
                raise ValueError(f"band {name} is {low:g} to {high:g} Hz; wanted 0 < low < high")
        if not self.bands or self.order < 1:
            raise ValueError(f"got {len(self.bands)} bands and order {self.order}; wanted at least one of each")
        if not 0 < self.hop <= self.window:
            raise ValueError(f"hop is {self.hop:g} s, window {self.window:g} s; wanted 0 < hop <= window")
        for field, values in _VALUES.items():
            if getattr(self, field) not in values:
                raise ValueError(f"{field} is {getattr(self, field)!r}; wanted one of {', '.join(values)}")
        if self.normalise == "window" and self.phase != "window":
            raise ValueError(
                f'normalise "window" with phase "{self.phase}"; wanted phase "window", or normalise "none"'
            )

    def contract(self) -> dict[str, Any]:
        """All of it as JSON-able values, equal if and only if the definitions are."""
        return {"version": VERSION, **asdict(self), "bands": [list(band) for band in self.bands]}

    def grid(self, rate: float) -> Grid:
        """Window and hop in samples at ``rate`` Hz."""
        return Grid.of(self.window, self.hop, rate)


DEFAULT = Entropy(
    bands=(("delta", 1, 4), ("theta", 4, 8), ("alpha", 8, 13), ("beta", 13, 30), ("gamma", 30, 45)),
    order=4,
    base="nats",
    window=4.0,
    hop=0.5,
    phase="causal",
    normalise="none",
    reference="average",
)

# What RBTransformer (arXiv:2511.13954) is fed: torcheeg 1.1.3's BandDifferentialEntropy of windows of 512 samples, one
# every 117, at 128 Hz, each made mean 0 and sd 1 over all electrodes. Both filter every recording as if it had 128 Hz,
# so their "theta" of a recording at 200 Hz is 6.25 to 12.5 Hz; here the rate is the recording's own.
RBTRANSFORMER = Entropy(
    bands=(("theta", 4, 8), ("alpha", 8, 14), ("beta", 14, 31), ("gamma", 31, 49)),
    order=5,
    base="bits",
    window=4.0,
    hop=117 / 128,
    phase="window",
    normalise="window",
    reference="recorded",
)


@dataclass(frozen=True, eq=False)
class EntropyState:
    """What is remembered of a run between chunks, at most a window. Never changed in place.

    ``memory`` of the filters; ``waiting`` (B, p, C), filtered samples that fill no piece yet, and ``past``, the pieces
    before them that a window to come needs, of which the run has had ``done``. Of phase "window" only ``waiting``
    (1, p, C) is used: samples from the next window's first on.
    """

    definition: Entropy
    grid: Grid
    bank: Bank
    held: Held
    memory: NDArray[np.float64]
    waiting: NDArray[np.float64]
    past: Moments
    done: int = 0


def start(definition: Entropy, rate: float, channels: int) -> EntropyState:
    """The state before the first of a run's samples of ``channels`` electrodes at ``rate`` Hz.

    Raises SignalError if a band reaches half the rate, ValueError for phase "zero", which needs the future.
    """
    if definition.phase == "zero":
        raise ValueError('a stream cannot be filtered with phase "zero"; wanted "causal" or "window"')
    bank = _bank(definition, rate)
    empty = np.empty((1 if definition.phase == "window" else len(definition.bands), 0, channels))
    past = Moments(np.empty(0, np.intp), empty, empty)
    return EntropyState(
        definition, definition.grid(rate), bank, Held.nothing(channels), bank.rest(channels), empty, past
    )


def advance(state: EntropyState, samples: NDArray[np.floating]) -> tuple[EntropyState, NDArray[np.float64]]:
    """Take in ``samples`` (n, C) V; the new state and the entropy (w, C, B) of each window that was completed.

    How a run is cut into chunks makes no difference: all together is what :func:`entropy` gives of it.
    """
    state, values, _ = measure(state, samples)
    return state, values


def measure(
    state: EntropyState, samples: NDArray[np.floating]
) -> tuple[EntropyState, NDArray[np.float64], NDArray[np.float64]]:
    """:func:`advance` that also gives the power, (w, C, B) in V^2: the variance in the band, never normalised.

    A sample that is missing (:mod:`affectstream.encoders.eeg.hold`) is taken as the last good one of its electrode; how
    much was missing is for the quality to say. An electrode counts from its first good sample: before, it is 0, and
    this sample is taken off all others, as a filter at rest would ring at an offset (not in phase "window", where
    each window begins with its offset, as torcheeg's do). The entropy of less than 1e-18 V^2 is that of 1e-18 V^2.
    Raises ValueError if ``samples`` are not (n, C).
    """
    definition, channels = state.definition, len(state.held.first)
    if samples.shape == (0, channels):
        none = np.empty((0, channels, len(definition.bands)))
        return state, none, none
    held, signal, _ = hold(state.held, samples)
    if definition.phase == "window":
        signal = np.concatenate([state.waiting[0], np.nan_to_num(signal)])
        values, power = _by_window(signal, definition, state.grid, state.bank)
        waiting = signal[None, len(values) * state.grid.hop :].copy()
        return replace(state, held=held, waiting=waiting), values, power
    passed, memory = state.bank.run(np.nan_to_num(signal - held.first), state.memory, state.waiting)
    sizes = state.grid.complete(state.done, passed.shape[1])
    waiting = passed[:, int(sizes.sum()) :].copy()
    refer(passed, sizes, definition.reference)
    past = moments(passed, sizes).after(state.past)
    power = variance(past, state.grid).transpose(1, 2, 0)
    state = replace(
        state,
        held=held,
        memory=memory,
        waiting=waiting,
        past=past.since(len(power) * len(state.grid.lengths)),
        done=state.done + len(sizes),
    )
    return state, to_entropy(power, definition), power


def entropy(samples: NDArray[np.floating], rate: float, definition: Entropy) -> NDArray[np.float64]:
    """Entropy (W, C, B), in nats or bits, of each window of a recording ``samples`` (n, C) V at ``rate`` Hz.

    Missing samples, offsets and flat electrodes are taken as :func:`measure` says. Raises SignalError if the recording
    is shorter than a window or a band reaches half its rate, ValueError if it is not (n, C).
    """
    channels, grid = electrodes(samples), definition.grid(rate)
    if len(samples) < grid.window:
        raise SignalError(
            f"recording lasts {len(samples) / rate:.3g} s; wanted at least one window of {definition.window:g} s; "
            "give a longer one, or a definition with a shorter window"
        )
    if definition.phase == "zero":
        filters = band_filters(definition, rate)
        held, signal, _ = hold(Held.nothing(channels), samples)
        signal = np.nan_to_num(signal - held.first)
        sizes = grid.complete(0, len(samples))
        passed = np.stack([sosfiltfilt(sections, signal, 0) for sections in filters])
        refer(passed, sizes, definition.reference)
        return to_entropy(variance(moments(passed, sizes), grid).transpose(1, 2, 0), definition)
    state, parts = start(definition, rate, channels), []
    for block in blocks(samples):
        state, part = advance(state, block)
        parts.append(part)
    return np.concatenate(parts)


def window_centres(samples: int, rate: float, definition: Entropy) -> NDArray[np.float64]:
    """Seconds (W,) from the first of ``samples`` to the middle of each window, W as of :func:`entropy`."""
    grid = definition.grid(rate)
    return grid.centres(0, grid.windows(samples), rate)


def to_entropy(variance: NDArray[np.float64], definition: Entropy, scale: Any = 1.0) -> NDArray[np.float64]:
    """Entropy of Gaussians of such ``variance`` in V^2, at least 1e-18, in units of which the variance is ``scale``."""
    log = np.log2 if definition.base == "bits" else np.log
    return 0.5 * log(2 * np.pi * np.e * np.maximum(variance, FLOOR) / scale)


def band_filters(definition: Entropy, rate: float) -> list[NDArray[np.float64]]:
    """Second-order sections (order, 6) of each band's filter; SignalError for a band that ``rate`` cannot hold."""
    for name, _, high in definition.bands:
        if high >= rate / 2:
            raise SignalError(
                f"band {name} reaches {high:g} Hz, but {rate:g} Hz hold nothing from {rate / 2:g} Hz on; wanted more "
                f"than {2 * high:g} Hz; record faster (resampling brings nothing back), or leave the band out"
            )
    edges = [(low, high) for _, low, high in definition.bands]
    return [np.asarray(butter(definition.order, edge, "bandpass", fs=rate, output="sos")) for edge in edges]


@cache
def _bank(definition: Entropy, rate: float) -> Bank:
    return Bank.of(band_filters(definition, rate))


def _by_window(
    signal: NDArray[np.float64], definition: Entropy, grid: Grid, bank: Bank
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Entropy and power (w, C, B) of each whole window of ``signal`` (n, C), filtered by itself from rest.

    torcheeg filters with one polynomial a side (ba). In sections the same filter keeps its digits at any rate: the two
    differ by 1e-7 bits at 128 Hz, 4e-5 at 256 Hz.
    """
    begins = grid.hop * np.arange(grid.windows(len(signal)))
    windows = signal[begins + np.arange(grid.window)[:, None]]  # (samples, w, C)
    scale = np.ones((len(begins), 1, 1))
    if definition.normalise == "window":
        windows = windows - windows.mean((0, 2), keepdims=True)
        scale = np.maximum(windows.var((0, 2)), FLOOR)[:, None, None]
    columns = windows.reshape(grid.window, -1)
    passed, _ = bank.run(columns, bank.rest(columns.shape[1]))
    for window in np.moveaxis(passed.reshape(len(passed), *windows.shape), 2, 0):
        refer(window, np.array([grid.window]), definition.reference)
    power = passed.var(1).T.reshape(*windows.shape[1:], len(definition.bands))
    return to_entropy(power, definition, scale), power
