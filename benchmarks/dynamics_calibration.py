"""Is the estimator as sure as it should be, and better than a moving average? On simulated affect, 20 seeds.

    python benchmarks/dynamics_calibration.py [--seeds 20] [--seconds 300]

The simulator (multimodal/dynamics/simulate.py) gives four modalities at their own rates with coloured noise, dropout
and outliers. Its process and noise are those the estimator assumes, so this measures the method and not
how well a real face fits it. The moving averages are tried at eight time constants and the best of all seeds together is kept.
"""

import argparse

import numpy as np
from numpy.typing import NDArray

from affectstream.multimodal.combine import find_events
from affectstream.multimodal.dynamics.batch import estimate
from affectstream.multimodal.dynamics.events import Event
from affectstream.multimodal.dynamics.filter import GATE
from affectstream.multimodal.dynamics.looks import Looks, looks_of
from affectstream.multimodal.dynamics.process import OrnsteinUhlenbeck
from affectstream.multimodal.dynamics.simulate import PROCESS, simulate
from affectstream.multimodal.metrics import ccc, coverage
from affectstream.multimodal.types import DIMENSIONS, Trace

TAUS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
HZ = 10.0
BEYOND = 0.3  # distance from rest at which affect is an episode
CALM = OrnsteinUhlenbeck(sd=(0.1, 0.1, 0.1))
EPISODIC = OrnsteinUhlenbeck(tau=(4.0, 4.0, 4.0), sd=(0.35, 0.35, 0.35))  # what the estimator expects of them


def main() -> None:
    parser = argparse.ArgumentParser(description="Calibration and accuracy of the estimator on simulated affect")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=300)
    options = parser.parse_args()
    rows: dict[str, list[float]] = {}
    averages: dict[tuple[str, float], list[tuple[float, float]]] = {}
    found, true, hits, delays, minutes = 0, 0, 0, [], 0.0
    for seed in range(options.seeds):
        fine, affect, traces = simulate(seed, options.seconds)
        times = np.arange(0, options.seconds - 1, 1 / HZ)
        truth = np.stack([np.interp(times, fine, affect[:, d]) for d in range(3)], 1)
        looks = looks_of(traces)
        for name, smooth in (("filter", False), ("smoother", True)):
            answer = estimate(looks, times, PROCESS, smooth=smooth)
            for key, value in (
                ("ccc", np.mean(ccc(answer.mean, truth))),
                ("coverage", np.mean(coverage(answer.mean, answer.variance, truth))),
                ("lag", lag(answer.mean, truth)),
                ("nis", np.nanmean(np.minimum(answer.surprise, GATE))),
                ("gated", np.nanmean(answer.surprise > GATE)),
            ):
                rows.setdefault(f"{name} {key}", []).append(float(value))
        real, onsets = onsets_of_episodes(seed, options.seconds, times)
        matched = match(real, onsets)
        found, true, hits = found + len(onsets), true + len(real), hits + len(matched)
        delays += matched
        minutes += options.seconds / 60
        for tau in TAUS:
            for name, signal in (("mean of the last values", last_values(traces, times)), ("precision", None)):
                smoothed = exponential(signal, tau) if signal is not None else weighted(looks, times, max(tau, 0.05))
                score = float(np.mean(ccc(smoothed, truth))), lag(smoothed, truth)
                averages.setdefault((name, tau), []).append(score)
    for key, values in rows.items():
        print(f"{key:<20} {np.mean(values):.3f}  (over seeds {np.min(values):.3f} to {np.max(values):.3f})")
    for name in ("mean of the last values", "precision"):
        best = max(TAUS, key=lambda tau: np.mean([c for c, _ in averages[name, tau]]))
        score, late = np.mean(averages[name, best], 0)
        print(f"moving average of the {name}, best time constant {best:g} s: ccc {score:.3f}, lag {late:.2f} s")
    print(
        f"onsets: recall {hits / true:.2f} of {true}, {(found - hits) / minutes:.2f} false a minute, "
        f"median delay {np.median(delays):.2f} s"
    )


def lag(signal: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    """Seconds by which ``signal`` (G, 3) follows ``truth`` best, averaged over dimensions."""
    steps = range(round(4 * HZ) + 1)
    best = []
    for d in range(3):
        r = [np.corrcoef(truth[: len(truth) - k, d], signal[k:, d])[0, 1] for k in steps]
        best.append(int(np.argmax(r)) / HZ)
    return float(np.mean(best))


def last_values(traces: dict[str, Trace], times: NDArray[np.float64]) -> NDArray[np.float64]:
    """The plain mean (G, 3) of what each source said last."""
    said = []
    for trace in traces.values():
        known = trace.observed
        at = np.searchsorted(trace.time[known], times, side="right") - 1
        said.append(np.where(at[:, None] >= 0, trace.mean[known][np.maximum(at, 0)], np.nan))
    heard = np.isfinite(said).any(0)
    return np.where(heard, np.nansum(said, 0) / np.maximum(np.isfinite(said).sum(0), 1), 0.0)


def exponential(signal: NDArray[np.float64], tau: float) -> NDArray[np.float64]:
    """Exponential moving average with time constant ``tau`` (s)."""
    out, x = np.empty_like(signal), signal[0]
    step = 1 - np.exp(-1 / (HZ * tau)) if tau else 1.0
    for k, value in enumerate(signal):
        x = x + step * (value - x)
        out[k] = x
    return out


def weighted(looks: Looks, times: NDArray[np.float64], tau: float) -> NDArray[np.float64]:
    """Exponential moving average of all looks, each weighted by its precision."""
    out, total, weight = np.zeros((len(times), 3)), np.zeros(3), np.zeros(3)
    k, now = 0, float(times[0])
    for g, time in enumerate(times.tolist()):
        while k < len(looks) and looks.time[k] <= time:
            fade = np.exp(-(looks.time[k] - now) / tau)
            known = np.isfinite(looks.mean[k])
            own = np.where(known, 1 / np.where(known, looks.variance[k], 1.0), 0.0)
            total, weight = fade * total + own * np.where(known, looks.mean[k], 0.0), fade * weight + own
            now, k = float(looks.time[k]), k + 1
        out[g] = total / np.maximum(weight, 1e-12)
    return out


def onsets_of_episodes(
    seed: int, seconds: float, times: NDArray[np.float64]
) -> tuple[list[tuple[str, int, float, float]], list[Event]]:
    """Real onsets and those found, where affect is calm but for six episodes a minute in each dimension."""
    fine, affect, traces = simulate(seed, seconds, process=CALM, episodes=6)
    truth = np.stack([np.interp(times, fine, affect[:, d]) for d in range(3)], 1)
    answer = estimate(looks_of(traces), times, EPISODIC, smooth=False)
    events = find_events(times, answer.mean, np.sqrt(answer.variance), EPISODIC)
    return true_onsets(times, truth), [event for event in events if event.kind == "onset"]


def true_onsets(times: NDArray[np.float64], truth: NDArray[np.float64]) -> list[tuple[str, int, float, float]]:
    """Dimension, direction, begin and end (s) of every episode in which the truth is more than
    :data:`BEYOND` away for at least half a second, until it is back within half of it."""
    out = []
    for d, dimension in enumerate(DIMENSIONS):
        for direction in (1, -1):
            x, begin = direction * truth[:, d], None
            for time, value in zip(times.tolist(), x.tolist(), strict=True):
                if begin is None and value > BEYOND:
                    begin = time
                elif begin is not None and value < BEYOND / 2:
                    if time - begin >= 0.5:
                        out.append((dimension, direction, begin, time))
                    begin = None
    return out


def match(real: list[tuple[str, int, float, float]], onsets: list[Event]) -> list[float]:
    """Delay (s) of each real episode that an onset was found for, each onset used once: one said while the episode
    lasted, or at most a second before it."""
    free, delays = list(onsets), []
    for dimension, direction, begin, end in real:
        for event in free:
            if (event.dimension, event.direction) == (dimension, direction) and begin - 1 <= event.found <= end:
                delays.append(event.found - begin)
                free.remove(event)
                break
    return delays


if __name__ == "__main__":
    main()
