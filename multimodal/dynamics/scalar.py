"""One first-order dimension of the estimator in plain float arithmetic: the same numbers as the matrices, fast.

A moment's looks are added up beforehand, as their order does not matter; only where one might be gated, or
follows one that was, are they taken one by one.
"""

from collections.abc import MutableSequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from affectstream.multimodal.dynamics.looks import Looks
from affectstream.multimodal.dynamics.noise import difference
from affectstream.multimodal.dynamics.process import OrnsteinUhlenbeck

Values = NDArray[np.float64]
BLOCK = 4096  # moments that are plain floats at one time, so that memory stays small


def estimate_dimension(
    looks: Looks, times: Values, process: OrnsteinUhlenbeck, d: int, *, smooth: bool, gate: float
) -> tuple[Values, Values, Values]:
    """Mean and variance (G,) of dimension ``d`` at ``times`` (G,), and every look's squared surprise (N,), NaN where silent."""
    rest, base, tau = process.sd[d] ** 2, process.baseline[d], process.tau[d]
    run = _Run(looks, d, base, rest, tau)
    if not run.moments.size:
        return np.full(len(times), base), np.full(len(times), rest), np.full(len(looks), np.nan)
    mean, variance, past = run.forward(gate)
    surprise = run.surprise()
    if not smooth:
        mean, variance = _ahead(run.moments, mean, variance, times, rest, tau)
    else:
        mean, variance = _bridged(run.moments, *_backward(mean, variance, *past), times, rest, tau)
    return mean + base, variance, surprise


class _Run:
    """The looks of one dimension, made ready, and what a run over them leaves."""

    def __init__(self, looks: Looks, d: int, base: float, rest: float, tau: float) -> None:
        self.rows = np.flatnonzero(np.isfinite(looks.mean[:, d]))
        time, source = looks.time[self.rows], looks.source[self.rows]
        self.count = len(looks)
        self.moments = np.unique(looks.time)
        self.node = np.searchsorted(self.moments, time)
        self.first = np.searchsorted(self.node, np.arange(len(self.moments) + 1)).tolist()
        self.time, self.rest, self.tau = time, rest, tau
        self.y, self.r = looks.mean[self.rows, d] - base, looks.variance[self.rows, d]
        self.lasting = looks.lasting[self.rows]
        self.before = np.full(len(time), -1)  # the look of the same source before each
        self.after = np.full(len(time), -1)
        for s in range(len(looks.names)):
            own = np.flatnonzero(source == s)
            self.before[own[1:]], self.after[own[:-1]] = own[:-1], own[1:]
        self.z, self.rho, self.noise = self.against(np.arange(len(time)), self.before)

    def against(self, at: NDArray[np.int64], last: NDArray[np.int64]) -> tuple[Values, Values, Values]:
        """Looks ``at`` compared with the looks ``last``, -1 for none."""
        there = last >= 0
        known = np.where(there, last, 0)
        anchor = self.moments[np.maximum(self.node[at] - 1, 0)]
        moved = -2 * self.rest * np.expm1(-np.maximum(anchor - self.time[known], 0) / self.tau)
        return difference(
            self.y[at],
            self.r[at],
            np.where(there, self.y[known], np.nan),
            np.where(there, self.r[known], np.nan),
            dt=self.time[at] - self.time[known],
            lasting=self.lasting[at],
            moved=np.where(there, moved, 0.0),
        )

    def forward(self, gate: float) -> tuple[Values, Values, tuple[Values, Values, Values]]:
        """The filter: mean and variance (M,) after each moment; and of the moment before, given it: mean, variance
        and covariance with it (M,). Means are relative to the baseline."""
        size = len(self.moments)
        step = np.diff(self.moments, prepend=self.moments[:1])
        decay = np.exp(-step / self.tau)
        jump = -np.expm1(-2 * step / self.tau) * self.rest
        weight = 1 / self.noise
        columns = np.stack(
            [
                decay,
                jump,
                *(
                    np.bincount(self.node, part, size)
                    for part in (
                        weight * self.rho**2,
                        -weight * self.rho,
                        weight,
                        -weight * self.rho * self.z,
                        weight * self.z,
                        weight * self.z**2,
                    )
                ),
            ]
        )
        odd = bytearray(size)  # moments that hold a look after a gated one
        one_by_one = _Singly(self, gate, odd)
        m, p, k = 0.0, self.rest, 0
        out = np.empty((5, size))
        for begin in range(0, size, BLOCK):
            after: list[float] = []
            for f, q, aa, ab, bb, za, zb, zz in columns[:, begin : begin + BLOCK].T.tolist():
                n, pn, pp = f * m, f * p, f * f * p + q  # now: mean, covariance with before, variance
                ga, gb = za - aa * m - ab * n, zb - ab * m - bb * n
                if (
                    zz - m * (za + ga) - n * (zb + gb) > gate or odd[k]
                ):  # the sum of squared errors over their variances
                    aa, ab, bb, za, zb = one_by_one(k, m, p, n, pn, pp)
                    ga, gb = za - aa * m - ab * n, zb - ab * m - bb * n
                t00, t01 = 1 + aa * p + ab * pn, aa * pn + ab * pp
                t10, t11 = ab * p + bb * pn, 1 + ab * pn + bb * pp
                scale = 1 / (t00 * t11 - t01 * t10)
                va, vab, vb = (p * t11 - pn * t10) * scale, (pn * t00 - p * t01) * scale, (pp * t00 - pn * t01) * scale
                before = m + va * ga + vab * gb
                m, p = n + vab * ga + vb * gb, vb
                after += (m, p, before, va, vab)
                k += 1
            out[:, begin : begin + BLOCK] = np.array(after).reshape(-1, 5).T
        mean, variance, *past = out
        last, spread = np.append(0.0, mean[:-1]), np.append(self.rest, variance[:-1])
        self._ahead = np.stack([last, spread, decay * last, decay * spread, decay**2 * spread + jump])
        return mean, variance, (past[0], past[1], past[2])

    def surprise(self) -> Values:
        """Squared surprise (N,) of every look, after :meth:`forward`."""
        m, p, n, pn, pp = self._ahead[:, self.node]
        out = np.full(self.count, np.nan)
        unsure = pp - 2 * self.rho * pn + self.rho**2 * p + self.noise
        out[self.rows] = (self.z - n + self.rho * m) ** 2 / unsure
        return out


class _Singly:
    """Takes the looks of a moment one by one, gating them; what a gated one changes is kept for its successor."""

    def __init__(self, run: _Run, gate: float, odd: bytearray) -> None:
        self.run, self.gate, self.odd = run, gate, odd
        self.z, self.rho, self.noise = _floats(run.z), _floats(run.rho), _floats(run.noise)
        self.second = np.where(run.before >= 0, run.before[np.maximum(run.before, 0)], -1)
        # nearly every passed-over look has a good one before it: compared with that beforehand, all at once
        self.spare = [_floats(part) for part in run.against(np.arange(len(run.time)), self.second)]

    def __call__(
        self, k: int, m: float, p: float, n: float, pn: float, pp: float
    ) -> tuple[float, float, float, float, float]:
        """The sums of moment ``k`` for a belief ``m``, ``p`` before it, ``n``, ``pp`` now and covariance ``pn``."""
        aa = ab = bb = za = zb = 0.0
        for i in range(self.run.first[k], self.run.first[k + 1]):
            z, rho, noise = self.z[i], self.rho[i], self.noise[i]
            unsure = pp - 2 * rho * pn + rho * rho * p + noise
            surprise = (z - n + rho * m) ** 2 / unsure
            if surprise > self.gate:
                noise += (surprise / self.gate - 1) * unsure
                self._pass_over(i)
            weight = 1 / noise
            aa += weight * rho * rho
            ab -= weight * rho
            bb += weight
            za -= weight * rho * z
            zb += weight * z
        return aa, ab, bb, za, zb

    def _pass_over(self, i: int) -> None:
        """Compare the look after ``i`` with the one before it."""
        run, j = self.run, int(self.run.after[i])
        if j < 0:
            return
        last = run.before[i]
        run.before[j] = last
        if last == self.second[j]:
            self.z[j], self.rho[j], self.noise[j] = (part[j] for part in self.spare)
        else:
            z, rho, noise = run.against(np.array([j]), np.array([last]))
            self.z[j], self.rho[j], self.noise[j] = float(z[0]), float(rho[0]), float(noise[0])
        self.odd[run.node[j]] = 1


def _floats(values: Values) -> MutableSequence[float]:
    """``values`` (n,) themselves, but plain floats when taken one by one, which is quicker."""
    return cast(MutableSequence[float], values.data)


def _backward(
    mean: Values, variance: Values, past: Values, past_variance: Values, link: Values
) -> tuple[Values, Values, Values]:
    """Smoothed mean and variance (M,), and the covariance (M - 1,) of each moment with the next."""
    gain = link[1:] / variance[1:]
    steps = np.stack([gain, past[1:] - gain * mean[1:], past_variance[1:] - gain**2 * variance[1:]])
    smoothed, width = mean.copy(), variance.copy()
    x, v = float(mean[-1]), float(variance[-1])
    for end in range(len(gain), 0, -BLOCK):
        begin = max(end - BLOCK, 0)
        means: list[float] = []
        spreads: list[float] = []
        for g, a, b in steps[:, begin:end].T[::-1].tolist():
            x, v = a + g * x, b + g * g * v
            means.append(x)
            spreads.append(v)
        smoothed[begin:end], width[begin:end] = means[::-1], spreads[::-1]
    return smoothed, width, gain * width[1:]


def _ahead(
    moments: Values, mean: Values, variance: Values, times: Values, rest: float, tau: float
) -> tuple[Values, Values]:
    """The filter at ``times``: the last moment's belief, and time's passing; at rest before the first."""
    k = np.searchsorted(moments, times, side="right") - 1
    decay = np.exp(-(times - moments[np.maximum(k, 0)]) / tau)
    m = np.where(k >= 0, decay * mean[k], 0.0)
    return m, np.where(k >= 0, decay**2 * variance[k] + (1 - decay**2) * rest, rest)


def _bridged(
    moments: Values, mean: Values, variance: Values, link: Values, times: Values, rest: float, tau: float
) -> tuple[Values, Values]:
    """The smoother at ``times``: a bridge of the process between two moments, its free course before and after."""
    k = np.searchsorted(moments, times, side="right") - 1
    low, high = np.clip(k, 0, None), np.clip(k + 1, None, len(moments) - 1)
    inside = (k >= 0) & (k < len(moments) - 1)
    since = np.where(k >= 0, times - moments[low], np.inf)
    until = np.where(k < len(moments) - 1, moments[high] - times, np.inf)
    f, g = np.exp(-since / tau), np.exp(-until / tau)
    whole = np.where(inside, -np.expm1(-2 * (since + until) / tau), 1.0)
    a, b = f * (1 - g**2) / whole, g * (1 - f**2) / whole
    own = rest * (1 - f**2) * (1 - g**2) / whole
    cross = np.where(inside, link[np.minimum(low, len(link) - 1)], 0.0) if len(link) else 0.0
    m = a * mean[low] + b * mean[high]
    return m, a**2 * variance[low] + b**2 * variance[high] + 2 * a * b * cross + own
