"""What the guided calibration asks for, and in which words it says what it found."""

from collections.abc import Sequence

import numpy as np

from affectstream.encoders.eeg.entropy import DEFAULT
from affectstream.encoders.eeg.features import Windows
from affectstream.encoders.eeg.physiology import READABLE
from affectstream.multimodal.eeg.calibrate import Calibration

# s. A baseline wants 10 independent windows of 4 s, which are there after 43.5 s if all can be read; a minute leaves room for
# three artefacts.
OPEN = 60.0
CLOSED = 30.0
RECALL = 20.0

# Two of each quadrant of valence and arousal, in an order in which neither drifts: over places -7, -5, ... 7 the sums of their
# signs are 0. All are everyday; none asks for anything that hurts.
MEMORIES = (
    "Recall good news that made you want to jump: where you were, whom you told.",  # + +
    "Recall a grey, dull afternoon on which nothing would get going.",  # - -
    "Recall a quiet evening on which you were warm, safe and content.",  # + -
    "Recall a queue or a jam that did not move while you were in a hurry.",  # - +
    "Recall a time when you were tired and something small had gone wrong.",  # - -
    "Recall a game, a dance or a feast that swept you along.",  # + +
    "Recall the minutes before an exam or a talk, when your heart beat faster.",  # - +
    "Recall lying in the sun or in a soft bed, with nothing to do.",  # + -
)

# Of all electrodes alpha is strongest at the back of the head, and rises there when the eyes are closed (Berger 1929).
BACK = ("O1", "Oz", "O2", "POz", "PO3", "PO4", "PO7", "PO8", "Pz", "P3", "P4", "P7", "P8")
RISES = 1.0  # dB that count as a rise


def alpha_rise(
    windows: Windows, names: Sequence[str], opened: tuple[float, float], closed: tuple[float, float]
) -> tuple[float, tuple[str, ...]]:
    """By how many dB median alpha is higher in the stretch ``closed`` than in ``opened``, (begin s, end s), and at which electrodes.

    The median over those at the back of the head, or over all ``names`` where none is there, of those that can be read in
    both; NaN where none can.
    """
    at = [k for k, name in enumerate(names) if name in BACK] or list(range(len(names)))
    half = DEFAULT.window / 2
    alpha = [band[0] for band in DEFAULT.bands].index("alpha")
    levels = []
    for begin, end in (opened, closed):
        inside = (windows.time - half >= begin - 1e-6) & (windows.time + half <= end + 1e-6)
        power = np.where(windows.quality >= READABLE, windows.power[:, :, alpha], np.nan)[inside][:, at]
        levels.append([np.median(column[column > 0]) if (column > 0).any() else np.nan for column in power.T])
    with np.errstate(invalid="ignore"):
        rise = 10 * np.log10(np.divide(levels[1], levels[0]))
    known = np.isfinite(rise)
    used = tuple(names[k] for k, there in zip(at, known, strict=True) if there)
    return (float(np.median(rise[known])), used) if used else (float("nan"), ())


def told_rise(rise: float, where: Sequence[str]) -> str:
    """In a sentence or two, what a ``rise`` of alpha in dB at the electrodes ``where`` says of these."""
    if not where:
        return "No electrode could be read in both rests: check how they sit."
    at = ", ".join(where[:4]) + (f" and {len(where) - 4} more" if len(where) > 4 else "")
    if rise >= RISES:
        return f"With closed eyes alpha rose by {rise:.1f} dB at {at}, as it does in most people: the electrodes read a brain."
    return (
        f"With closed eyes alpha did not rise at {at} ({rise:+.1f} dB). In some people it does not; more often the "
        "electrodes touch badly, so check how they sit."
    )


def outcome(found: Calibration) -> str:
    """In a sentence, what the calibration ``found``."""
    if found.model is None:
        return "Nothing was found in your EEG that tells your ratings better than chance, as is usual with so few."
    kept, *rest = found.model.learnt
    names = f"{', '.join(found.model.learnt[:-1])} and {rest[-1]}" if rest else kept
    return (
        f"From now on {names} {'are' if rest else 'is'} told by a model of you, which did better than chance on memories that it "
        "had not seen. What it did not learn is not told from your EEG."
    )
