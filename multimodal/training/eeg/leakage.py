"""The canary: labels that mean nothing, learnt under every split. Whoever does better than chance has been leaking.

    python -m affectstream.multimodal.training.eeg.leakage [RECORDING] --out FOLDER

One recording (any that `affectstream score` reads; noise made to look like one by default) is cut into trials, each trial gets a coin
flip, and the nearest neighbour guesses the flips of windows from features of their spectrum. ``FOLDER`` gets
``eeg-leakage.json`` and ``eeg-leakage.png``. docs/eeg-leakage.md tells what came of it.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectstream.datasets.splits import (
    Fold,
    Groups,
    across_sessions,
    grouped_kfold,
    leaky_window_kfold,
    leave_one_session_out,
    leave_one_subject_out,
    official,
    within_subject_trials,
)
from affectstream.encoders.eeg.entropy import RBTRANSFORMER, entropy
from affectstream.multimodal.eeg.recordings import open_recording
from affectstream.multimodal.metrics import uar
from affectstream.multimodal.training.floors import majority, nearest

TRIAL = 15.0  # s
# RBTransformer's bands, windows of 4 s and overlap of 77 % (arXiv 2511.13954), but each trial filtered as a whole.
DEFINITION = replace(RBTRANSFORMER, order=4, phase="zero", normalise="none")
HOP = DEFINITION.hop
DRAWS = 20


@dataclass(frozen=True, eq=False)
class Windows:
    """Features (n, channels x bands) of n windows and the number of the trial each lies in, (n,), in order of time."""

    features: NDArray[np.float64]
    trial: NDArray[np.intp]


@dataclass(frozen=True)
class Plan:
    """A splitter, and into how many ``subjects`` and, each of them, ``sessions`` one recording is cut for it."""

    split: Callable[[Groups], Iterator[Fold]]
    subjects: int = 1
    sessions: int = 1


def _in_pairs(groups: Groups) -> Iterator[Fold]:
    """As where two subjects meet in a session."""
    who = np.unique(groups.subject, return_inverse=True)[1]
    return leave_one_session_out(Groups(groups.subject, who // 2, groups.trial))


def _as_published(groups: Groups) -> Iterator[Fold]:
    """As if the first half of the subjects were the official training part."""
    who = np.unique(groups.subject, return_inverse=True)[1]
    return official(groups, np.where(who < (who.max() + 1) // 2, "train", "test"))


PLANS = {
    "leave_one_subject_out": Plan(leave_one_subject_out, subjects=4),
    "leave_one_session_out": Plan(_in_pairs, subjects=4),
    "official": Plan(_as_published, subjects=4),
    "grouped_kfold": Plan(partial(grouped_kfold, folds=2), subjects=4),
    "within_subject_trials": Plan(within_subject_trials),
    "across_sessions": Plan(across_sessions, sessions=2),
    "leaky_window_kfold": Plan(leaky_window_kfold),
}


def features(signal: NDArray[np.floating], rate: float, hop: float = HOP) -> NDArray[np.float64]:
    """Band entropies, (windows, channels x bands), of windows of 4 s, ``hop`` seconds apart, of one trial (n, channels).

    Filtered forwards and backwards over the trial alone. Raises SignalError for a signal shorter than a window or a rate
    that lacks a band, ValueError for samples that are not finite.
    """
    if not np.isfinite(signal).all():
        raise ValueError("the signal has samples that are NaN or infinite; cut those stretches out of the recording")
    values = entropy(signal, rate, replace(DEFINITION, hop=hop))
    return values.reshape(len(values), -1)


def cut(signal: NDArray[np.floating], rate: float, hop: float = HOP) -> Windows:
    """:func:`features` of every trial of 15 s that ``signal`` (n, channels) at ``rate`` Hz can be cut into.

    Raises ValueError for a signal of fewer than eight trials, and what :func:`features` raises.
    """
    size = round(TRIAL * rate)
    count = len(signal) // size
    if count < 8:
        raise ValueError(f"the recording lasts {len(signal) / rate:.0f} s; wanted {8 * TRIAL:.0f} s or more")
    parts = [features(signal[k * size : (k + 1) * size], rate, hop) for k in range(count)]
    return Windows(np.concatenate(parts), np.repeat(np.arange(count), [len(part) for part in parts]))


def canary(windows: Windows, draws: int = DRAWS, seed: int = 0) -> dict[str, dict[str, list[float]]]:
    """Balanced accuracy of the nearest neighbour and of a majority guess at meaningless labels, by splitter and draw.

    It is the mean over the folds of each fold's own, so chance is exactly 0.5. One recording is one person's:
    contiguous parts of it stand for the subjects and the sessions that a splitter needs (``PLANS``).

    Labels are balanced so that what is left out says nothing of what is left over: within the trials that one fold
    tests, half get a 1, drawn anew each time, and if their number is odd a fair coin decides for the last. (Were only
    the whole balanced, a fold that tests more ones would train on fewer, and chance would lie below 0.5.) Under the
    leaky splitter a trial is in every fold, and the whole is balanced.
    """
    return {name: _under(plan, windows, draws, np.random.default_rng(seed)) for name, plan in PLANS.items()}


def _under(plan: Plan, windows: Windows, draws: int, rng: np.random.Generator) -> dict[str, list[float]]:
    trials = windows.trial.max() + 1
    parts = np.arange(trials) * plan.subjects * plan.sessions // trials
    subject, session = np.divmod(parts, plan.sessions)
    folds = list(plan.split(Groups(subject[windows.trial], session[windows.trial], windows.trial)))
    neighbours = [fold.train[nearest(windows.features[fold.train], windows.features[fold.test])] for fold in folds]
    tested = list({tuple(np.unique(windows.trial[fold.test])) for fold in folds})
    whole = sum(map(len, tested)) == trials  # every trial is tested in one fold, and in no other
    found: dict[str, list[float]] = {"nearest_neighbour": [], "majority": []}
    for _ in range(draws):
        label = _flips(sorted(tested) if whole else [tuple(range(trials))], rng)[windows.trial]
        scores = [
            (
                uar(label[neighbour], label[fold.test]),
                uar(np.full_like(fold.test, majority(label[fold.train])), label[fold.test]),
            )
            for fold, neighbour in zip(folds, neighbours, strict=True)
        ]
        for values, score in zip(found.values(), np.mean(scores, 0), strict=True):
            values.append(round(float(score), 4))
    return found


def _flips(parts: list[tuple[int, ...]], rng: np.random.Generator) -> NDArray[np.int64]:
    """A 0 or 1 for each trial, as many of both in each part, or one more of either if their number is odd."""
    label = np.empty(sum(map(len, parts)), np.int64)
    for part in parts:
        label[list(part)] = rng.permutation((np.arange(len(part)) + rng.integers(2)) % 2)
    return label


def noise(seconds: float = 240, channels: int = 14, rate: float = 128, seed: int = 0) -> NDArray[np.float64]:
    """Noise that drifts as EEG does, (n, channels) in volts: 1/f, and the strength of each band wanders over minutes."""
    rng = np.random.default_rng(seed)
    n = round(seconds * rate)
    frequency = np.fft.rfftfreq(n, 1 / rate)
    pink = np.fft.rfft(rng.standard_normal((n, channels)), axis=0) / np.maximum(frequency, 0.5)[:, None]
    signal = np.zeros((n, channels))
    for _, low, high in (("delta", 0.5, 4), *DEFINITION.bands):
        part = np.fft.irfft(np.where(((frequency >= low) & (frequency < high))[:, None], pink, 0), n, axis=0)
        knots = np.arange(0, seconds + 20, 20)
        walk = np.cumsum(rng.normal(0, 0.3, (len(knots), channels)), axis=0)
        gain = np.stack([np.interp(np.arange(n) / rate, knots, walk[:, c]) for c in range(channels)], 1)
        signal += part * np.exp(gain)
    return 20e-6 * signal / signal.std()


def read(path: Path) -> tuple[NDArray[np.float64], float]:
    """EEG of a recording, (n, electrodes) in volts, and its rate in Hz; SignalError if it cannot be read or has none."""
    recording = open_recording(path)
    return np.concatenate([chunk.data for chunk in recording.chunks()]).astype(np.float64), recording.rate


def draw(overlapping: dict[str, Any], apart: dict[str, Any], path: Path) -> None:
    """The figure: each draw's balanced accuracy of the nearest neighbour under each splitter, and chance."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = {**overlapping, "leaky_window_kfold,\nwindows that do not overlap": apart["leaky_window_kfold"]}
    figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
    rng = np.random.default_rng(0)
    for y, (name, found) in enumerate(rows.items()):
        values = np.array(found["nearest_neighbour"])
        colour = "#b3402e" if name.startswith("leaky") else "#2f6690"
        axes.scatter(values, y + rng.uniform(-0.16, 0.16, len(values)), s=22, color=colour, alpha=0.55, linewidths=0)
        axes.plot([values.mean()] * 2, [y - 0.34, y + 0.34], color=colour, linewidth=2.5)
        axes.text(1.02, y, f"{values.mean():.2f}", va="center", color=colour, transform=axes.get_yaxis_transform())
    axes.axvline(0.5, color="0.35", linewidth=1, linestyle=(0, (4, 3)), zorder=0)
    axes.text(0.505, -0.62, "chance", color="0.35", fontsize=9, va="center")
    axes.text(1.02, -0.62, "mean", color="0.35", fontsize=9, va="center", transform=axes.get_yaxis_transform())
    axes.set(xlim=(0, 1.01), ylim=(len(rows) - 0.5, -0.95), xlabel="balanced accuracy of the nearest neighbour")
    axes.set_yticks(range(len(rows)), list(rows))
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description="Learn labels that mean nothing, under honest splits and a leaky one")
    parser.add_argument("recording", type=Path, nargs="?", help="any recording that score reads; noise without it")
    parser.add_argument("--out", type=Path, required=True, help="folder for eeg-leakage.json and eeg-leakage.png")
    arguments = parser.parse_args()
    signal, rate = read(arguments.recording) if arguments.recording else (noise(), 128.0)
    windows = cut(signal, rate)
    overlapping, apart = canary(windows), canary(cut(signal, rate, hop=DEFINITION.window))
    arguments.out.mkdir(parents=True, exist_ok=True)
    report = {
        "recording": arguments.recording.name if arguments.recording else "noise",
        "seconds": round(len(signal) / rate, 1),
        "channels": signal.shape[1],
        "trials": int(windows.trial.max() + 1),
        "windows": len(windows.trial),
        "overlapping": overlapping,
        "not overlapping": apart,
    }
    (arguments.out / "eeg-leakage.json").write_text(json.dumps(report, indent=1) + "\n")
    draw(overlapping, apart, arguments.out / "eeg-leakage.png")
    for title in ("overlapping", "not overlapping"):
        print(f"windows {title}: mean (lowest to highest of {DRAWS} draws); chance is 0.5")
        for name, found in report[title].items():
            for guess, values in found.items():
                print(f"  {name:22} {guess:18} {np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})")


if __name__ == "__main__":
    main()
