"""Sound at another rate, piece by piece (libswresample, by way of PyAV)."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.resampler import AudioResampler


class Resampler:
    """Mono sound at ``source_rate`` Hz to ``rate`` Hz, band-limited; the first sample stays where it is in time.

    How the sound is cut into pieces makes no difference. What the filter still holds comes out of :meth:`finish`.
    """

    def __init__(self, source_rate: int, rate: int) -> None:
        self.source_rate, self.rate = source_rate, rate
        self._resampler = None
        if source_rate != rate:
            from av.audio.resampler import AudioResampler

            self._resampler = AudioResampler(format="flt", layout="mono", rate=rate)

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """What has become of ``samples`` (n,) and those before, (m,)."""
        if self._resampler is None or not len(samples):
            return samples
        from av.audio.frame import AudioFrame

        frame = AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
        frame.sample_rate = self.source_rate
        return _taken(self._resampler, frame)

    def finish(self) -> NDArray[np.float32]:
        """The end of the sound."""
        return np.empty(0, np.float32) if self._resampler is None else _taken(self._resampler, None)


def _taken(resampler: "AudioResampler", frame: "AudioFrame | None") -> NDArray[np.float32]:
    return np.concatenate([np.empty(0, np.float32), *(out.to_ndarray()[0] for out in resampler.resample(frame))])
