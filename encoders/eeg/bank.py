"""A bank of recursive filters over many electrodes at once, a block of samples at a time.

A filter at work is linear: what it puts out in L samples, and the memory it is left with, is one matrix times those L
samples and the memory it had. The matrix is what ``scipy.signal.sosfilt`` makes of the identity. Multiplying by it
does more arithmetic than sosfilt does, but all filters, electrodes and samples of a block in one call.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.signal import sosfilt

_LENGTHS = (32, 16, 8, 4, 2, 1)  # samples of a block; any number is some 32s and at most one of each other


@dataclass(frozen=True, eq=False)
class Bank:
    """F filters of which the longest has S second-order sections.

    ``steps``, for each length L of a block, (F, L + 2 S, L + 2 S): from samples and memory to samples and memory.
    """

    steps: tuple[NDArray[np.float64], ...]

    @classmethod
    def of(cls, filters: Sequence[NDArray[np.float64]]) -> Self:
        """The bank of ``filters``, second-order sections (s, 6) each, as of ``scipy.signal.butter(output="sos")``."""
        most = max(len(sections) for sections in filters)
        through = [1.0, 0, 0, 1, 0, 0]  # a section that changes nothing
        filled = [np.vstack([sections, *[through] * (most - len(sections))]) for sections in filters]
        return cls(tuple(np.stack([_step(sections, length) for sections in filled]) for length in _LENGTHS))

    def rest(self, electrodes: int) -> NDArray[np.float64]:
        """The memory (F, 2 S, C) of filters that have heard nothing."""
        filters, size, _ = self.steps[-1].shape
        return np.zeros((filters, size - 1, electrodes))

    def run(
        self, signal: NDArray[np.float64], memory: NDArray[np.float64], before: NDArray[np.float64] | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """``signal`` (n, C) through every filter, (F, n, C), and the ``memory`` (F, 2 S, C) that they are left with.

        What was put out ``before``, (F, p, C), is put before it, (F, p + n, C).
        """
        early = 0 if before is None else before.shape[1]
        whole = np.empty((len(memory), early + len(signal), signal.shape[1]))
        whole[:, :early] = 0.0 if before is None else before
        passed, at = whole[:, early:], 0
        for length, step in zip(_LENGTHS, self.steps, strict=True):
            both = np.empty((len(memory), step.shape[1], signal.shape[1]))
            while len(signal) - at >= length:
                both[:, :length], both[:, length:] = signal[at : at + length], memory
                after = step @ both
                passed[:, at : at + length], memory = after[:, :length], after[:, length:]
                at += length
        return whole, memory.copy()


def _step(sections: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """What ``sections`` do in ``length`` samples as a matrix (length + 2 S, length + 2 S)."""
    size = length + 2 * len(sections)
    one = np.eye(size)  # a row: one sample or one number of the memory is 1, all else 0
    memory = one[:, length:].reshape(size, len(sections), 2).transpose(1, 0, 2)
    out, memory = sosfilt(sections, one[:, :length], zi=memory)
    return np.hstack([out, memory.transpose(1, 0, 2).reshape(size, -1)]).T.copy()
