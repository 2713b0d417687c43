"""Pieces of sound at any rate, each with its time, as gapless runs of Chunks at 16 kHz."""

import numpy as np
from numpy.typing import NDArray

from affectstream.multimodal.resample import Resampler
from affectstream.multimodal.types import Chunk

RATE = 16000  # Hz, what the speech encoder hears
GAP = 0.1  # s by which a piece may come off its time before it begins a new run: clocks jitter, and drift apart


class Sound:
    """What is remembered between pieces: the run that goes on, and what the resampler holds of it."""

    def __init__(self) -> None:
        self._resampler: Resampler | None = None
        self._start = 0.0
        self._came = 0  # samples of the run, at its own rate
        self._went = 0  # and at 16 kHz

    @property
    def until(self) -> float:
        """The second up to which sound was given on."""
        return self._start + self._went / RATE

    def push(self, time: float, samples: NDArray[np.float32], rate: int) -> list[Chunk]:
        """Chunks, in order, of what has become of ``samples`` (n,) at ``rate`` Hz that began at ``time`` s, and of those before."""
        chunks: list[Chunk] = []
        resampler = self._resampler
        due = self._start + self._came / rate
        if resampler is None or resampler.source_rate != rate or abs(time - due) > GAP:
            chunks = self.finish()
            resampler = self._resampler = Resampler(rate, RATE)
            self._start, self._came, self._went = time, 0, 0
        self._came += len(samples)
        return [*chunks, *self._chunk(resampler.push(np.nan_to_num(samples)))]

    def finish(self) -> list[Chunk]:
        """End the run."""
        if self._resampler is None:
            return []
        resampler, self._resampler = self._resampler, None
        return self._chunk(resampler.finish())

    def _chunk(self, samples: NDArray[np.float32]) -> list[Chunk]:
        if not len(samples):
            return []
        start = self.until
        self._went += len(samples)
        return [Chunk("speech", start, RATE, np.clip(samples, -1, 1))]
