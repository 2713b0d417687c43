"""Chunks of EEG in, windows of band entropy, band power and electrode quality out: the fold that the encoder runs.

``initial`` makes the state, ``observe`` takes a chunk in. Windows lie within one gapless run.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from affectstream.encoders.eeg.condition import ConditionState, begin, examine
from affectstream.encoders.eeg.entropy import Entropy, EntropyState, measure, start
from affectstream.encoders.eeg.pieces import blocks
from affectstream.multimodal.types import Chunk, SignalError

GAP = 0.01  # s by which a chunk may begin off its time before a new run begins; half a sample where that is longer


class Windows(NamedTuple):
    """w windows of C electrodes and B bands.

    ``time`` (w,) s, the middle of each; ``entropy`` (w, C, B) in the definition's nats or bits; ``power`` (w, C, B) in
    V^2; ``quality`` (w, C) in [0, 1], how far the electrode could be read.
    """

    time: NDArray[np.float64]
    entropy: NDArray[np.float64]
    power: NDArray[np.float64]
    quality: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FeatureState:
    """What is remembered between chunks: the recording's form, and the run, of ``samples`` since ``origin`` s.

    ``origin`` is None before the first chunk; ``windows`` of the run are done. Never changed in place.
    """

    definition: Entropy
    rate: float
    names: tuple[str, ...]
    bands: EntropyState
    condition: ConditionState
    origin: float | None = None
    samples: int = 0
    windows: int = 0


def initial(definition: Entropy, rate: float, names: Sequence[str]) -> FeatureState:
    """The state before the first chunk of electrodes ``names`` at ``rate`` Hz.

    Raises SignalError if a band reaches half the rate, or the rate is too low to judge electrodes (90 Hz);
    ValueError without electrodes, and for a definition of phase "zero", which no stream can be.
    """
    if not names:
        raise ValueError("got no electrode names; wanted one for each channel")
    bands = start(definition, rate, len(names))
    return FeatureState(definition, rate, tuple(names), bands, begin(definition, rate, len(names)))


def observe(state: FeatureState, chunk: Chunk) -> tuple[FeatureState, Windows]:
    """Take in ``chunk``, (n, C) floating volts; the new state and the windows that were completed, maybe none.

    How a run is cut into chunks makes no difference. A chunk that does not begin within 10 ms of where the last ended
    (half a sample, if that is longer) begins a new run, and no window reaches across. Raises SignalError for a chunk
    of another modality, rate or number of electrodes, or not of floating numbers.
    """
    channels = len(state.names)
    if chunk.modality != "eeg":
        raise SignalError(f"got a {chunk.modality} chunk; wanted eeg; give it to the {chunk.modality} encoder")
    if chunk.data.ndim != 2 or chunk.data.shape[1] != channels or not np.issubdtype(chunk.data.dtype, np.floating):
        raise SignalError(
            f"EEG chunk is {chunk.data.dtype} {chunk.data.shape}; wanted floating volts (n, {channels}), one column "
            f"for each of {', '.join(state.names[:4])}{', ...' if channels > 4 else ''}; begin anew for another montage"
        )
    if chunk.rate != state.rate:
        raise SignalError(
            f"EEG chunk has {chunk.rate:g} Hz; wanted {state.rate:g} Hz, as the first; resample it, or begin anew"
        )
    due = None if state.origin is None else state.origin + state.samples / state.rate
    if due is None or abs(chunk.start - due) > max(GAP, 0.5 / state.rate):
        state = replace(initial(state.definition, state.rate, state.names), origin=chunk.start)
    origin = chunk.start if state.origin is None else state.origin
    bands, condition, parts = state.bands, state.condition, []
    for block in blocks(chunk.data):
        bands, entropy, power = measure(bands, block)
        condition, quality = examine(condition, block)
        parts.append((entropy, power, quality))
    entropy, power, quality = (np.concatenate(column) for column in zip(*parts, strict=True))
    time = origin + bands.grid.centres(state.windows, len(entropy), state.rate)
    state = replace(
        state,
        bands=bands,
        condition=condition,
        samples=state.samples + len(chunk),
        windows=state.windows + len(entropy),
    )
    return state, Windows(time, entropy, power, quality)
