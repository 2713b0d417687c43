"""Where electrodes sit on the head."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

# The sphere nearest to all 343 positions of standard_1005 in the head frame, m; a test fits it again.
CENTRE = (0.0, 0.015, 0.039)
RADIUS = 0.0986

OLD_NAMES = {"t3": "t7", "t4": "t8", "t5": "p7", "t6": "p8"}  # of the 10-20 system, and what they are in the 10-10


def positions(names: Sequence[str]) -> NDArray[np.float64]:
    """Positions (C, 3) of ``names`` on the head, in metres; NaN where the name is not known.

    x points to the right ear, y to the nose, z up, from between the ears: MNE's head frame. Positions are those of
    its standard_1005 (Oostenveld and Praamstra 2001, on the Colin27 head), so they are of a typical adult, not of
    the person. Case does not matter; T3, T4, T5 and T6 are T7, T8, P7 and P8.

    >>> positions(["CZ", "elbow"]).round(3).tolist()
    [[-0.001, 0.028, 0.14], [nan, nan, nan]]
    """
    known = _standard_1005()
    nowhere = (np.nan, np.nan, np.nan)
    keys = [name.lower() for name in names]
    return np.array([known.get(OLD_NAMES.get(key, key), nowhere) for key in keys], np.float64).reshape(-1, 3)


@cache
def _standard_1005() -> dict[str, tuple[float, ...]]:
    """Positions in m by name in lower case."""
    import mne

    # MNE 1.13 calls it by the head it was measured on, and warns of the old name.
    name = next(n for n in ("colin27_1005", "standard_1005") if n in mne.channels.get_builtin_montages())
    montage = mne.channels.transform_to_head(mne.channels.make_standard_montage(name))
    return {name.lower(): tuple(xyz.tolist()) for name, xyz in montage.get_positions()["ch_pos"].items()}
