"""One person's brain waves as they come: rows of affect, what each electrode shows, and what a calibration needs."""

import threading
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np

from affectstream.encoders.eeg.encoder import EEGEncoder
from affectstream.encoders.eeg.features import Windows
from affectstream.encoders.eeg.personal import PersonalModel
from affectstream.multimodal.types import Chunk, Observation

KEPT = 1200.0  # s of windows that are kept for a calibration, which lasts half as long: 6 MB for 32 electrodes


class LiveBrain:
    """Folds the causal :class:`EEGEncoder` over chunks of the electrodes ``names`` at ``rate`` Hz; may be asked from any thread.

    What it says is what ``affectstream score --causal`` says of the same samples with the same ``rest`` stretches,
    (begin s, end s) on the chunks' clock, and the same ``model``. Raises SignalError as :class:`EEGEncoder`.
    """

    def __init__(
        self,
        names: Sequence[str],
        rate: float,
        *,
        rest: Sequence[tuple[float, float]] = (),
        model: PersonalModel | None = None,
    ) -> None:
        self.names, self.rate = tuple(names), rate
        self._rest, self._model = tuple(rest), model
        self._encoder = self._made()
        self._state = self._encoder.initial()
        self._latest: Windows | None = None  # the last of them
        self._kept: deque[Windows] | None = None
        self._lock = threading.Lock()

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of the B bands, from the slowest."""
        return self._encoder.bands

    @property
    def model(self) -> PersonalModel | None:
        """What judges the windows now; None: the textbook signs."""
        return self._model

    @property
    def rested(self) -> bool:
        """Whether the rest stretches held enough up to now for a baseline."""
        with self._lock:
            return self._encoder.rested(self._state)

    def observe(self, chunk: Chunk) -> list[Observation]:
        """Take in ``chunk``, (n, C) volts: at most one observation, with a row for each window of 4 s that it completed.

        Raises SignalError for another signal, rate or number of electrodes, and is then as it was before.
        """
        with self._lock:
            self._state, rows = self._encoder.observe(self._state, chunk)
            windows = self._state.windows
            if len(windows.time):
                self._latest = Windows(*(column[-1:] for column in windows))
                if self._kept is not None:
                    self._kept.append(windows)
                    while self._kept[0].time[-1] < windows.time[-1] - KEPT:
                        self._kept.popleft()
            return rows

    def panel(self) -> dict[str, Any] | None:
        """The page's message of type "eeg", of the newest window; None before the first.

        ``time`` (s) is its middle, ``quality`` in [0, 1] by electrode, and ``power`` in square microvolts by band and electrode.
        """
        with self._lock:
            latest = self._latest
        if latest is None:
            return None
        power = np.round(latest.power[0].T * 1e12, 3).tolist()
        return {
            "type": "eeg",
            "time": float(latest.time[0]),
            "quality": np.round(latest.quality[0], 3).tolist(),
            "power": dict(zip(self.bands, power, strict=True)),
        }

    def set_rest(self, stretches: Sequence[tuple[float, float]]) -> None:
        """From now on the baseline is that of ``stretches``, (begin s, end s), as if they had been known all along."""
        with self._lock:
            self._rest = tuple(stretches)
            self._encoder = self._made()

    def set_model(self, model: PersonalModel | None) -> None:
        """From now on ``model`` judges; None: the signs again, with a baseline of the windows that no model judged.

        Raises SignalError if it knows other electrodes.
        """
        with self._lock:
            before, self._model = self._model, model
            try:
                self._encoder = self._made()
            except Exception:
                self._model = before
                raise

    def keep(self, on: bool) -> None:
        """Begin to keep all windows, of the last 20 minutes, or forget them."""
        with self._lock:
            self._kept = deque() if on else None

    def kept(self) -> Windows:
        """The windows that were kept, (w, C, B)."""
        with self._lock:
            parts = list(self._kept or ())
        none = np.empty((0, len(self.names), len(self.bands)))
        parts = [Windows(np.empty(0), none, none, none[:, :, 0]), *parts]
        return Windows(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def _made(self) -> EEGEncoder:
        # The state holds filters and signs, and nothing of rest or model, so another encoder goes on from it.
        return EEGEncoder(self.names, self.rate, rest=self._rest, causal=True, model=self._model)
