"""Where electrodes sit on the head, and the orders in which well-known corpora and headsets list theirs."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

# The sphere nearest to all 343 positions of standard_1005 in the head frame, m; a test fits it again.
CENTRE = (0.0, 0.015, 0.039)
RADIUS = 0.0986

OLD_NAMES = {"t3": "t7", "t4": "t8", "t5": "p7", "t6": "p8"}  # of the 10-20 system, and what they are in the 10-10

# DEAP's preprocessed files, in the order of Geneva's recordings (Koelstra et al. 2012); the raw files of Twente differ.
DEAP32 = (
    *("Fp1", "AF3", "F3", "F7", "FC5", "FC1", "C3", "T7", "CP5", "CP1", "P3", "P7", "PO3", "O1", "Oz", "Pz"),
    *("Fp2", "AF4", "Fz", "F4", "F8", "FC6", "FC2", "Cz", "C4", "T8", "CP6", "CP2", "P4", "P8", "PO4", "O2"),
)
# DREAMER (Katsigiannis and Ramzan 2018): the order of the Emotiv EPOC, round the head from the left.
DREAMER14 = ("AF3", "F7", "F3", "FC5", "T7", "P7", "O1", "O2", "P8", "T8", "FC6", "F4", "F8", "AF4")
# SEED (Zheng and Lu 2015): Neuroscan's cap, row by row. CB1 and CB2, beside the inion, are in no standard montage.
SEED62 = (
    *("Fp1", "Fpz", "Fp2", "AF3", "AF4"),
    *("F7", "F5", "F3", "F1", "Fz", "F2", "F4", "F6", "F8"),
    *("FT7", "FC5", "FC3", "FC1", "FCz", "FC2", "FC4", "FC6", "FT8"),
    *("T7", "C5", "C3", "C1", "Cz", "C2", "C4", "C6", "T8"),
    *("TP7", "CP5", "CP3", "CP1", "CPz", "CP2", "CP4", "CP6", "TP8"),
    *("P7", "P5", "P3", "P1", "Pz", "P2", "P4", "P6", "P8"),
    *("PO7", "PO5", "PO3", "POz", "PO4", "PO6", "PO8"),
    *("CB1", "O1", "Oz", "O2", "CB2"),
)
MUSE4 = ("TP9", "AF7", "AF8", "TP10")


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
