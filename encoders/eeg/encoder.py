"""Brain waves in, one row of affect every 0.5 s out: band powers of the last 4 s, judged against the person's own baseline.

``EEGEncoder(names, rate)`` needs no weights; ``EEGEncoder(names, rate, model=PersonalModel.load(path))`` says what was learnt
of this person by ``affectstream calibrate``. Fold ``observe`` over chunks, then call ``finish``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from affectstream.encoders.eeg.entropy import DEFAULT, Entropy
from affectstream.encoders.eeg.features import FeatureState, Windows, initial, observe
from affectstream.encoders.eeg.personal import PersonalModel
from affectstream.encoders.eeg.physiology import LEAST, READABLE, Baseline, Signs, affect, baseline_of, level, signs
from affectstream.multimodal.types import Chunk, Observation

SOURCE = "eeg"


@dataclass(frozen=True, eq=False)
class Sensing:
    """What is remembered between chunks: filters and sums, the ``windows`` of the last chunk, and all signs so far.

    ``known`` are the values of either sign, sorted, if the encoder is causal.
    """

    features: FeatureState
    windows: Windows
    time: tuple[NDArray[np.float64], ...] = ()
    signs: tuple[Signs, ...] = ()
    known: tuple[NDArray[np.float64], ...] = (np.empty(0), np.empty(0))


class EEGEncoder:
    """EEG to affect, for one recording with the electrodes ``names`` at ``rate`` Hz.

    Without a ``model`` the signs of :mod:`affectstream.encoders.eeg.physiology` are measured against the person's baseline:
    that of the ``rest`` stretches, (begin s, end s) each, where these hold enough to know one (:meth:`rested`); else that
    of the whole recording or, if ``causal``, of what was seen up to each moment. What waits for the whole recording comes
    out of ``finish``. With a ``model`` every row comes at once. Raises SignalError if the rate is too low for the bands
    or the model knows other electrodes.
    """

    def __init__(
        self,
        names: Sequence[str],
        rate: float,
        *,
        rest: Sequence[tuple[float, float]] = (),
        causal: bool = False,
        model: PersonalModel | None = None,
    ) -> None:
        self.names = tuple(names)
        self.rate = rate
        self.definition: Entropy = DEFAULT
        self.bands = tuple(band[0] for band in self.definition.bands)
        self._overlap = self.definition.window / self.definition.hop
        self._rest = tuple(rest)
        self._causal = causal
        self._model = model
        if model is not None:
            model.check(self.names, self.definition)

    def initial(self) -> Sensing:
        """The state before the first chunk."""
        state = initial(self.definition, self.rate, self.names)
        none = np.empty((0, len(self.names), len(self.bands)))
        return Sensing(state, Windows(np.empty(0), none, none, none[:, :, 0]))

    def observe(self, state: Sensing, chunk: Chunk) -> tuple[Sensing, list[Observation]]:
        """Take in ``chunk``, (n, C) volts; returns the new state and at most one observation, from source "eeg".

        It has a row for each window of 4 s that was completed, every 0.5 s, at its centre; NaN where it could not be
        read. The windows themselves are in the state. Raises SignalError for other signals, rates and channels.
        """
        features, windows = observe(state.features, chunk)
        state = replace(state, features=features, windows=windows)
        if not len(windows.time):
            return state, []
        if self._model is not None:
            mean, variance, quality = self._model.predict(windows.entropy, windows.quality, self.names)
            return state, [self._trace(windows.time, mean, variance, quality)]
        found = signs(windows.power, windows.quality, self.names, self.bands)
        state = replace(state, time=(*state.time, windows.time), signs=(*state.signs, found))
        if not self._causal:
            return state, []
        state = replace(state, time=(np.concatenate(state.time),), signs=(_joined(state.signs),))
        return self._so_far(state, len(windows.time))

    def finish(self, state: Sensing) -> tuple[Sensing, list[Observation]]:
        """End the recording: what waited for it, judged against the baseline of all of it or of the rest stretches."""
        if self._model is not None or self._causal or not state.time:
            return self.initial(), []
        time, found = np.concatenate(state.time), _joined(state.signs)
        baseline = self._baseline(time, found, baseline_of(found, overlap=self._overlap))
        return self.initial(), [self._row(time, found, baseline)]

    def rested(self, state: Sensing) -> bool:
        """Whether the rest stretches up to now hold what a baseline needs, of either sign."""
        if not state.time:
            return False
        return bool((self._at_rest(np.concatenate(state.time), _joined(state.signs)).windows >= LEAST).any())

    def _so_far(self, state: Sensing, new: int) -> tuple[Sensing, list[Observation]]:
        """The last ``new`` windows, each against the baseline of all up to it."""
        (time,), (found,), known, rows = state.time, state.signs, state.known, []
        for k in range(len(time) - new, len(time)):
            now = Signs(found.value[k : k + 1], found.quality[k : k + 1])
            past = Signs(found.value[: k + 1], found.quality[: k + 1])
            known, whole = level(known, now, overlap=self._overlap)
            rows.append(self._row(time[k : k + 1], now, self._baseline(time[: k + 1], past, whole)))
        return replace(state, known=known), [Observation.join(rows)]

    def _baseline(self, time: NDArray[np.float64], found: Signs, whole: Baseline) -> Baseline:
        """Of each sign that at rest if enough of it was seen, else that of the ``whole``."""
        at_rest = self._at_rest(time, found)
        enough = at_rest.windows >= LEAST
        return Baseline(*(np.where(enough, rest, other) for rest, other in zip(at_rest, whole, strict=True)))

    def _at_rest(self, time: NDArray[np.float64], found: Signs) -> Baseline:
        half = self.definition.window / 2
        inside = np.zeros(len(time), bool)
        for begin, end in self._rest:
            inside |= (time - half >= begin - 1e-6) & (time + half <= end + 1e-6)
        return baseline_of(Signs(found.value[inside], found.quality[inside]), overlap=self._overlap)

    def _row(self, time: NDArray[np.float64], found: Signs, baseline: Baseline) -> Observation:
        mean, variance = affect(found, baseline)
        return self._trace(time, mean, variance, found.quality.max(1))

    def _trace(
        self,
        time: NDArray[np.float64],
        mean: NDArray[np.float64],
        variance: NDArray[np.float64],
        quality: NDArray[np.float64],
    ) -> Observation:
        seen = np.isfinite(mean).any(1)
        quality = np.where(seen, np.maximum(quality, READABLE), 0.0)
        return Observation(
            SOURCE, time=time, mean=mean, variance=variance, quality=quality, span=self.definition.window
        )


def _joined(parts: Sequence[Signs]) -> Signs:
    return Signs(np.concatenate([part.value for part in parts]), np.concatenate([part.quality for part in parts]))
