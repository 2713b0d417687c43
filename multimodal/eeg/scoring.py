"""EEG recordings: a file in, the trace "eeg" and what was seen at each electrode out."""

import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affectstream.encoders.eeg.encoder import EEGEncoder
from affectstream.encoders.eeg.entropy import DEFAULT
from affectstream.encoders.eeg.features import Windows, initial, observe
from affectstream.encoders.eeg.personal import PersonalModel
from affectstream.encoders.eeg.physiology import LEAST, READABLE
from affectstream.multimodal.eeg.recordings import Mark, Recording, open_recording
from affectstream.multimodal.types import Observation, Trace

REST = re.compile(r"(?<![a-z])(rest|resting|baseline|eyes?[ _-]?open)(?![a-z])", re.IGNORECASE)
OVER = re.compile(r"(?<![a-z])(end|ends|ended|stop|stops|off|over)(?![a-z])", re.IGNORECASE)
TEXTBOOK = (
    "valence from frontal alpha asymmetry and arousal from beta against alpha and the share of fast activity, both against "
    "the person's own baseline; dominance is not observed. Such signs say little of one person at one moment, so the intervals "
    "are wide: to learn a person's own, use `affectstream calibrate`"
)


@dataclass(frozen=True, eq=False)
class Brain:
    """What an EEG recording held, beside its trace.

    ``recording`` the opened file; ``rest`` the stretches, (begin s, end s), that made the baseline, empty where the whole recording did;
    ``bands`` their names; and of windows that do not overlap: ``time`` (K,) s their centres, ``power`` (K, C, B) in
    squared volts, ``quality`` (K, C) in [0, 1]. ``model`` is the person's, or None.
    """

    recording: Recording
    rest: tuple[tuple[float, float], ...]
    bands: tuple[str, ...]
    time: NDArray[np.float64]
    power: NDArray[np.float64]
    quality: NDArray[np.float64]
    model: PersonalModel | None

    @property
    def how(self) -> str:
        """In a sentence, what the trace was made of."""
        if self.model is None:
            return TEXTBOOK
        return f"{', '.join(self.model.learnt)} from a model of this person, made of {self.model.story['trials']} rated trials"

    @property
    def unread(self) -> str:
        """Why the recording gave no row."""
        readable = self.quality.max(1, initial=0.0) >= READABLE
        if not readable.any():
            return "no electrode could be read (flat, clipped, humming or lost)"
        if self.model is not None:
            return "none of the electrodes that the model knows could be read"
        return (
            f"{readable.sum() * DEFAULT.window:.0f} s that can be read are too few to know the person's baseline; wanted "
            f"{LEAST * DEFAULT.window:.0f} s or more"
        )


def score_brain(
    path: Path,
    *,
    causal: bool = False,
    model: PersonalModel | None = None,
    progress: Callable[[float, float], None] | None = None,
) -> tuple[Brain, Trace | None]:
    """Score the EEG in ``path``; the trace has a row every 0.5 s, and is None where no window of 4 s is whole.

    Raises SignalError if the file cannot be read, its rate is too low for the bands, or ``model`` knows other electrodes.
    """
    recording = open_recording(path)
    rest = rest_stretches(recording.marks, recording.duration)
    encoder = EEGEncoder(recording.names, recording.rate, rest=rest, causal=causal, model=model)
    state, rows, kept = encoder.initial(), [], []
    free = -np.inf  # where the next window may begin
    half = encoder.definition.window / 2
    for chunk in recording.chunks():
        state, observations = encoder.observe(state, chunk)
        rows += observations
        windows = state.windows
        for k, time in enumerate(windows.time.tolist()):
            if time - half >= free - 1e-6:
                kept.append((time, windows.power[k], windows.quality[k]))
                free = time + half
        if progress:
            progress(chunk.start + len(chunk) / chunk.rate, recording.duration)
    if rest and model is None and not encoder.rested(state):
        length = sum(end - begin for begin, end in rest)
        warnings.warn(
            f"the {length:.0f} s marked as rest are too few, or too poor, for a baseline, which is that of the whole "
            f"recording; wanted {LEAST * encoder.definition.window + 4:.0f} s",
            stacklevel=2,
        )
        rest = ()
    _, observations = encoder.finish(state)
    rows += observations
    time, power, quality = (np.array(column) for column in zip(*kept, strict=True)) if kept else _nothing(encoder)
    brain = Brain(recording, rest, encoder.bands, time, power, quality, model)
    return brain, Observation.join(rows) if rows else None


def all_windows(recording: Recording) -> Windows:
    """Every window of ``recording``, as the encoder takes them."""
    state, parts = initial(DEFAULT, recording.rate, recording.names), []
    for chunk in recording.chunks():
        state, windows = observe(state, chunk)
        parts.append(windows)
    return Windows(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def rest_stretches(marks: Sequence[Mark], duration: float) -> tuple[tuple[float, float], ...]:
    """The stretches, (begin s, end s), whose mark speaks of rest, of a baseline or of open eyes, and not of its end.

    A mark without a length lasts until the next one.
    """
    found = []
    for k, mark in enumerate(marks):
        if REST.search(mark.text) and not OVER.search(mark.text):
            following = (other.time for other in marks[k + 1 :] if other.time > mark.time)
            end = mark.time + mark.duration if mark.duration > 0 else next(following, duration)
            found.append((mark.time, min(end, duration)))
    return tuple(found)


def _nothing(encoder: EEGEncoder) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    channels = len(encoder.names)
    return np.empty(0), np.empty((0, channels, len(encoder.bands))), np.empty((0, channels))
