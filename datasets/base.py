"""What every corpus yields: a signal with a partial target, and who it is of."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Target:
    """What is known of one sample; any part may be missing.

    ``vad`` (3,) valence, arousal, dominance in [-1, 1], NaN where unknown; ``labels`` (K,) a distribution
    over the corpus's labels (human votes that sum to 1, or one-hot), all NaN where unknown.
    """

    vad: NDArray[np.float32]
    labels: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Sample:
    """One example: its ``signal`` as stored, its ``target``, and the ``subject`` a split must not divide."""

    signal: NDArray[np.generic] | str
    target: Target
    subject: str
