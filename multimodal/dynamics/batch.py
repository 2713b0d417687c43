"""A whole recording at once: the filter of :mod:`.filter`, and the Rauch-Tung-Striebel smoother, over all its looks.

Independent first-order dimensions, the usual case, run in plain float arithmetic (:mod:`.scalar`), which takes
about a second for an hour of four modalities (benchmarks/dynamics_speed.py). Every other process takes matrices. Only the moments at which something was seen are steps; any other instant is read off
between them, so that the answer does not depend on when it is asked for.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from affectstream.multimodal.dynamics.filter import GATE, Anchor, Posterior
from affectstream.multimodal.dynamics.looks import Looks
from affectstream.multimodal.dynamics.process import OrnsteinUhlenbeck, Process
from affectstream.multimodal.dynamics.scalar import estimate_dimension


@dataclass(frozen=True, eq=False)
class Estimate:
    """Affect at G instants ``time`` (s): ``mean`` and ``variance`` (G, 3), not clipped; and ``surprise`` (N, 3), the
    normalised innovation squared of each look, NaN where it is silent: 1 on average if the filter is honest."""

    time: NDArray[np.float64]
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    surprise: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Smoothed:
    """Belief about affect at ``time`` given everything: ``mean`` (n,), ``covariance`` (n, n), and its covariance with
    affect at the next moment, ``ahead`` (n, n), rows this moment; None at the last."""

    time: float
    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    ahead: NDArray[np.float64] | None


def estimate(
    looks: Looks, times: NDArray[np.float64], process: Process, *, smooth: bool, gate: float = GATE
) -> Estimate:
    """What is known of affect at ``times`` (G,), which never decrease.

    With ``smooth`` from all looks, those that come later too; without, from those up to each instant.
    """
    if not np.isfinite(times).all() or (np.diff(times) < 0).any():
        raise ValueError("times to estimate at must be finite and never decrease; sort them")
    if isinstance(process, OrnsteinUhlenbeck):
        parts = [estimate_dimension(looks, times, process, d, smooth=smooth, gate=gate) for d in range(3)]
        mean, variance, surprise = (np.stack(part, 1) for part in zip(*parts, strict=True))
        return Estimate(times, mean, variance, surprise)
    beliefs, surprise = _forward(looks, process, gate)
    asked = _read_smoothed(beliefs, times, process) if smooth else _read(beliefs, times, process)
    mean = np.array([m[:3] for m, _ in asked]).reshape(-1, 3)
    variance = np.array([c.diagonal()[:3] for _, c in asked]).reshape(-1, 3)
    return Estimate(times, mean, variance, surprise)


def smooth_beliefs(beliefs: list[Posterior]) -> list[Smoothed]:
    """Rauch, Tung and Striebel (1965) over the ``beliefs`` right after each update, in order of time."""
    if not beliefs:
        return []
    last = beliefs[-1]
    out = [Smoothed(last.time, last.mean, last.covariance, None)]
    chain: list[tuple[Posterior, Anchor]] = []  # the latest first
    for belief in reversed(beliefs[1:]):
        if belief.past is None:
            break
        chain.append((belief, belief.past))
    if not chain:
        return out
    # All that does not depend on what comes later is done for all moments at once.
    known, mean = (np.stack([getattr(belief, name) for belief, _ in chain]) for name in ("covariance", "mean"))
    before = [np.stack([getattr(past, name) for _, past in chain]) for name in ("cross", "covariance", "mean")]
    gains = np.linalg.solve(known, before[0]).swapaxes(1, 2)
    alone = before[1] - gains @ known @ gains.swapaxes(1, 2)
    alone = (alone + alone.swapaxes(1, 2)) / 2
    offsets = before[2] - (gains @ mean[:, :, None])[:, :, 0]
    for (_, past), gain, offset, own in zip(chain, gains, offsets, alone, strict=True):
        later = out[-1]
        ahead = gain @ later.covariance
        out.append(Smoothed(past.time, offset + gain @ later.mean, own + ahead @ gain.T, ahead))
    return out[::-1]


def between(
    process: Process, before: Smoothed, after: Smoothed, time: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean (n,) and covariance (n, n) at ``time`` between two smoothed moments that follow each other.

    Given affect at both, what lies between depends on nothing else: a bridge of the process.
    """
    if after.time - time < 1e-9:  # the two may be as near each other, and then there is nothing between
        return after.mean, after.covariance
    there, noise = process.transition(time - before.time)
    on, further = process.transition(after.time - time)
    rest, _ = process.stationary()
    gain = np.linalg.solve(on @ noise @ on.T + further, on @ noise).T
    of_before = there - gain @ on @ there
    mean = rest + of_before @ (before.mean - rest) + gain @ (after.mean - rest)
    left = noise - gain @ on @ noise
    ahead = np.zeros_like(left) if before.ahead is None else before.ahead
    mixed = of_before @ ahead @ gain.T
    covariance = of_before @ before.covariance @ of_before.T + gain @ after.covariance @ gain.T + mixed + mixed.T + left
    return mean, (covariance + covariance.T) / 2


def _forward(looks: Looks, process: Process, gate: float) -> tuple[list[Posterior], NDArray[np.float64]]:
    """The belief after each moment's looks, and every look's surprise (N, 3)."""
    surprise = np.full((len(looks), 3), np.nan)
    beliefs: list[Posterior] = []
    moments, first = np.unique(looks.time, return_index=True)
    for time, (begin, end) in zip(moments.tolist(), pairwise([*first, len(looks)]), strict=True):
        here = [looks.look(i) for i in range(begin, end)]
        belief = beliefs[-1].until(time) if beliefs else Posterior.rest(process, time)
        surprise[begin:end] = [belief.surprise(look) for look in here]
        beliefs.append(belief.update(here, gate=gate))
    return beliefs, surprise


_Belief = tuple[NDArray[np.float64], NDArray[np.float64]]


def _read(beliefs: list[Posterior], times: NDArray[np.float64], process: Process) -> list[_Belief]:
    """Mean and covariance at ``times`` from the beliefs up to each."""
    out: list[_Belief] = []
    last = np.searchsorted([b.time for b in beliefs], times, side="right") - 1
    for time, k in zip(times.tolist(), last, strict=True):
        belief = beliefs[k].until(time) if k >= 0 else Posterior.rest(process, time)
        out.append((belief.mean, belief.covariance))
    return out


def _read_smoothed(beliefs: list[Posterior], times: NDArray[np.float64], process: Process) -> list[_Belief]:
    """Mean and covariance at ``times`` from all beliefs."""
    known = smooth_beliefs(beliefs)
    if not known:
        return _read(beliefs, times, process)
    out: list[_Belief] = []
    last = np.searchsorted([b.time for b in known], times, side="right") - 1
    for time, k in zip(times.tolist(), last, strict=True):
        if k == len(known) - 1:
            out += _read(beliefs[-1:], np.array([time]), process)
        elif k >= 0:
            out.append(between(process, known[k], known[k + 1], time))
        else:
            out.append(_backward(process, known[0], time))
    return out


def _backward(process: Process, first: Smoothed, time: float) -> _Belief:
    """Before anything was seen: back from the ``first`` moment under the stationary process."""
    rest, spread = process.stationary()
    there, _ = process.transition(first.time - time)
    gain = np.linalg.solve(spread, there @ spread).T  # of x(time) on x(first)
    return rest + gain @ (first.mean - rest), spread + gain @ (first.covariance - spread) @ gain.T
