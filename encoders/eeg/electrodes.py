"""Where electrodes sit on the head."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

# Of the sphere nearest to all 343 positions of standard_1005 in the head frame, m; a test fits it again.
CENTRE = (0.0, 0.015, 0.039)

# Four places have two names: that of the 10-20 system (Jasper 1958) and that of the 10-10 system (American
# Electroencephalographic Society 1991), which is used here.
OLD_NAMES = {"t3": "T7", "t4": "T8", "t5": "P7", "t6": "P8"}


def positions(names: Sequence[str]) -> NDArray[np.float64]:
    """Positions (C, 3) of ``names`` on the head, in metres; NaN where the name is not known.

    x points to the right ear, y to the nose, z up, from between the ears: MNE's head frame. Positions are those of
    its standard_1005 (Oostenveld and Praamstra 2001, on the Colin27 head), so they are of a typical adult, not of
    the person. Case does not matter; T3, T4, T5 and T6 are T7, T8, P7 and P8.

    >>> positions(["CZ", "elbow"]).round(3).tolist()
    [[-0.001, 0.028, 0.14], [nan, nan, nan]]
    """
    known, spelt = _standard_1005(), spellings()
    nowhere = (np.nan, np.nan, np.nan)
    return np.array([known.get(spelt.get(name.lower(), ""), nowhere) for name in names], np.float64).reshape(-1, 3)


@cache
def spellings() -> dict[str, str]:
    """The 10-5 system's names (Oostenveld and Praamstra 2001) by the same in lower case; four old names stand for the new."""
    return {name.lower(): name for name in _standard_1005()} | OLD_NAMES


@cache
def _standard_1005() -> dict[str, tuple[float, ...]]:
    """Positions in m by name."""
    import mne

    # MNE 1.13 calls it by the head it was measured on, and warns of the old name.
    name = next(n for n in ("colin27_1005", "standard_1005") if n in mne.channels.get_builtin_montages())
    montage = mne.channels.transform_to_head(mne.channels.make_standard_montage(name))
    return {str(name): tuple(xyz.tolist()) for name, xyz in montage.get_positions()["ch_pos"].items()}
