"""How far each electrode can be read in each window, in [0, 1]: lost, flat, clipped, jumping, humming or tense.

A fold with the windows of the entropy it goes with. Each factor falls from 1 to 0 between two named limits, and the
quality is their product. What the electrode itself gave is judged as recorded (lost samples, repeats, extremes, jumps);
what its filtered signal holds is judged after re-referencing, as the entropy is measured: hum that all electrodes share
is gone by then. The limits are ours, set between planted
faults and a clean recording of a research cap; the kinds of fault are those of PREP (Bigdely-Shamlo et al. 2015,
doi:10.3389/fninf.2015.00016). A unit mistaken by 1000 is not sought here, but looks flat or far.
"""

from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter

from affectstream.encoders.eeg.bank import Bank
from affectstream.encoders.eeg.entropy import FLOOR, Entropy
from affectstream.encoders.eeg.hold import Held, Reference, electrodes, hold, refer
from affectstream.encoders.eeg.pieces import Grid, Moments, blocks, moments, variance
from affectstream.multimodal.types import SignalError

# Limits: quality is untouched up to the first and 0 from the second.
LOST = (0.0, 0.25)  # share of samples; the speech encoder's
REPEATED = (0.5, 0.9)  # share of samples equal to the one before: 4 uV in steps of 0.5 uV at 512 Hz repeats a quarter
FLAT = (1e-6, 0.5e-6)  # V, sd as recorded: below the noise of amplifier and skin, about 0.5 uV
CLIPPED = (0.01, 0.1)  # share of samples that repeat the window's highest or lowest value
FAR = (0.0, 0.1)  # share of samples beyond SCALP
JUMP = (100e-6, 300e-6)  # V within 1/128 s: alpha of 100 uV moves by 50 uV, a blink's edge by 40 uV
HUM = (0.1, 1.0)  # power at 50 or 60 Hz over that of 1 to 45 Hz, 0.002 in clean EEG
TENSE = (0.2, 0.6)  # power of 30 to 45 Hz over that of 1 to 45 Hz, 0.02 in clean EEG, 0.34 in white noise
TENSE_LEAST = 0.5  # muscle leaves the lower bands readable: never below this

SCALP = 500e-6  # V of the 1 to 45 Hz signal, which neither EEG (100 uV) nor blinks (300 uV) reach
_BROAD, _MUSCLE, _LINES = (1.0, 45.0), (30.0, 45.0), (50.0, 60.0)  # Hz


class Facts(NamedTuple):
    """Of k pieces, (k, C) each: numbers of samples ``lost``, ``same`` as the one before, ``far``; the largest ``jump``.

    ``top`` and ``bottom``, the extremes, and how many samples there are the ``same``, ``tops`` and ``bottoms``.
    """

    lost: NDArray[np.float64]
    same: NDArray[np.float64]
    far: NDArray[np.float64]
    jump: NDArray[np.float64]
    top: NDArray[np.float64]
    tops: NDArray[np.float64]
    bottom: NDArray[np.float64]
    bottoms: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ConditionState:
    """What is remembered of a run between chunks. Never changed in place.

    ``before`` (lag, C), the last samples as recorded; ``good`` (C,), was the very last good; ``waiting`` (4 + F, p, C),
    samples that fill no piece yet: as recorded, same, lost, jump and the F filtered ones; ``past`` and ``facts``,
    of the pieces before them that a window to come needs, of which the run has had ``done``.
    """

    grid: Grid
    reference: Reference
    bank: Bank
    held: Held
    memory: NDArray[np.float64]
    before: NDArray[np.float64]
    good: NDArray[np.bool_]
    waiting: NDArray[np.float64]
    past: Moments
    facts: Facts
    done: int = 0


def begin(definition: Entropy, rate: float, channels: int) -> ConditionState:
    """The state before a run's first sample; windows and reference are those of ``definition``.

    Raises SignalError if the rate is at most 90 Hz.
    """
    bank = _bank(rate)
    memory = bank.rest(channels)
    none = np.empty((len(memory) + 1, 0, channels))
    return ConditionState(
        definition.grid(rate),
        definition.reference,
        bank,
        Held.nothing(channels),
        memory,
        np.zeros((max(1, round(rate / 128)), channels)),
        np.zeros(channels, np.bool_),
        np.empty((4 + len(memory), 0, channels)),
        Moments(np.empty(0, np.intp), none, none),
        Facts(*[none[0]] * len(Facts._fields)),
    )


def examine(state: ConditionState, samples: NDArray[np.floating]) -> tuple[ConditionState, NDArray[np.float64]]:
    """Take in ``samples`` (n, C) V; the new state and the quality (w, C) of each window that was completed.

    How a run is cut into chunks makes no difference. Raises ValueError if ``samples`` are not (n, C).
    """
    channels = len(state.good)
    if samples.shape == (0, channels):
        return state, np.empty((0, channels))
    held, signal, good = hold(state.held, samples)
    signal -= held.first
    signal = np.nan_to_num(signal)
    passed, memory = state.bank.run(signal, state.memory)
    signal = np.concatenate([state.before, signal])
    lag = len(state.before)
    finite = np.concatenate([state.good[None], good])
    same = (signal[lag:] == signal[lag - 1 : -1]) & finite[1:] & finite[:-1]
    jump = abs(signal[lag:] - signal[:-lag])
    flags = (same.astype(np.float64), (~good).astype(np.float64))
    rows = np.concatenate([np.stack([signal[lag:], *flags, jump]), passed])
    waiting = np.concatenate([state.waiting, rows], 1)
    sizes = state.grid.complete(state.done, waiting.shape[1])
    left = waiting[:, int(sizes.sum()) :].copy()
    refer(waiting[4:], sizes, state.reference)
    past = moments(waiting[[0, *range(4, len(waiting))]], sizes).after(state.past)
    facts = Facts(*(np.concatenate(both) for both in zip(state.facts, _facts(waiting, sizes), strict=True)))
    quality = _quality(past, facts, state.grid)
    first = len(quality) * len(state.grid.lengths)
    state = replace(
        state,
        held=held,
        memory=memory,
        before=signal[-lag:].copy(),
        good=good[-1].copy(),
        waiting=left,
        past=past.since(first),
        facts=Facts(*(fact[first:].copy() for fact in facts)),
        done=state.done + len(sizes),
    )
    return state, quality


def condition(samples: NDArray[np.floating], rate: float, definition: Entropy) -> NDArray[np.float64]:
    """Quality (W, C) in [0, 1] of a recording ``samples`` (n, C) V at ``rate`` Hz, in the windows of its entropy.

    Raises SignalError if the rate is at most 90 Hz, ValueError if ``samples`` are not (n, C).
    """
    state, parts = begin(definition, rate, electrodes(samples)), []
    for block in blocks(samples):
        state, part = examine(state, block)
        parts.append(part)
    return np.concatenate(parts)


@cache
def _bank(rate: float) -> Bank:
    """Filters of 1 to 45 Hz, 30 to 45 Hz, and 1 Hz either side of 50 and of 60 Hz, of those that ``rate`` holds."""
    if rate / 2 <= _MUSCLE[1]:
        raise SignalError(f"EEG at {rate:g} Hz; wanted more than {2 * _MUSCLE[1]:g} Hz; record faster")
    lines = [(1, (line - 1, line + 1)) for line in _LINES if line + 1 < rate / 2]
    edges = [(2, _BROAD), (2, _MUSCLE), *lines]
    return Bank.of([np.asarray(butter(order, edge, "bandpass", fs=rate, output="sos")) for order, edge in edges])


def _facts(rows: NDArray[np.float64], sizes: NDArray[np.intp]) -> Facts:
    """Facts of the pieces of ``rows`` (4 + F, n, C), of ``sizes`` (k,)."""
    if not len(sizes):
        return Facts(*[np.empty((0, rows.shape[2]))] * len(Facts._fields))
    begins = np.cumsum(sizes) - sizes
    signal, same, lost, jump, broad = rows[:5, : int(sizes.sum())]

    def count(samples: NDArray[np.bool_] | NDArray[np.float64]) -> NDArray[np.float64]:
        return np.add.reduceat(samples, begins, dtype=np.float64)

    top, bottom = np.maximum.reduceat(signal, begins), np.minimum.reduceat(signal, begins)
    return Facts(
        lost=count(lost),
        same=count(same),
        far=count(abs(broad) > SCALP),
        jump=np.maximum.reduceat(jump, begins),
        top=top,
        tops=count((same > 0) & (signal == np.repeat(top, sizes, 0))),
        bottom=bottom,
        bottoms=count((same > 0) & (signal == np.repeat(bottom, sizes, 0))),
    )


def _quality(pieces: Moments, facts: Facts, grid: Grid) -> NDArray[np.float64]:
    """Quality (w, C) of the windows that the pieces make."""
    members = grid.members(len(pieces.size))
    lost, same, far, jump, top, tops, bottom, bottoms = (fact[members] for fact in facts)  # (w, pieces, C)
    recorded, broad, muscle, *lines = variance(pieces, grid)
    clipped = np.where(top == top.max(1, keepdims=True), tops, 0) + np.where(
        bottom == bottom.min(1, keepdims=True), bottoms, 0
    )
    quality = _within(np.sqrt(recorded), *FLAT) * _within(jump.max(1), *JUMP)
    for samples, limits in ((lost, LOST), (same, REPEATED), (clipped, CLIPPED), (far, FAR)):
        quality *= _within(samples.sum(1) / grid.window, *limits)
    broad = np.maximum(broad, FLOOR)
    for line in lines:
        quality *= _within(line / broad, *HUM)
    return quality * (TENSE_LEAST + (1 - TENSE_LEAST) * _within(muscle / broad, *TENSE))


def _within(values: NDArray[np.float64], untouched: float, gone: float) -> NDArray[np.float64]:
    """1 up to ``untouched``, 0 from ``gone``, whichever is larger, a smooth cubic between."""
    x = np.clip((values - gone) / (untouched - gone), 0, 1)
    return x * x * (3 - 2 * x)
