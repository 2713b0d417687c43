"""Valence and arousal from band powers by two textbook signs, with the variance that such signs deserve (numpy).

No emotion-labelled EEG may be shipped, and what is learnt on some people says little of others: so nothing is learnt.
Valence follows frontal alpha asymmetry (more alpha, so less activity, on the right than on the left goes with approach;
Davidson 1992, Brain and Cognition 20; Coan and Allen 2004, Biological Psychology 67). Arousal follows beta against alpha and
the share of fast activity. Both are measured against the person's own baseline. Dominance has no such sign and is not observed.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from affectstream.encoders.quality import doubted

PAIRS = (("F3", "F4"), ("F7", "F8"), ("AF3", "AF4"), ("AF7", "AF8"), ("F5", "F6"), ("F1", "F2"), ("Fp1", "Fp2"))
READABLE = 0.2  # quality below which an electrode, and a window without better ones, says nothing
# Correlation of such a sign with affect. Decoding of binary valence or arousal across people, where nothing leaks, is right in
# 50 to 60 % of the trials of DEAP, DREAMER and AMIGOS; two normal variables of correlation r are on the same side with
# chance 1/2 + asin(r) / pi, which is .56 for this r.
SKILL = 0.2
AFFECT_SD = 0.45  # of affect when nothing is known, as in the estimator
FARTHEST = 3.0  # baseline spreads beyond which a sign counts no more: there it is an artefact
LEAST = 10.0  # independent windows from which a baseline is known
SPREAD_FLOOR = 0.05  # nepers of power: a baseline steadier than this is not believed


class Signs(NamedTuple):
    """``value`` (w, 2) of each window, in nepers of power, NaN where it cannot be read: frontal alpha asymmetry (right less
    left) and activation; and the ``quality`` (w, 2) in [0, 1] of the electrodes they are read from."""

    value: NDArray[np.float64]
    quality: NDArray[np.float64]


class Baseline(NamedTuple):
    """A person's own level: ``centre`` (2,) and ``spread`` (2,) of the signs, from ``windows`` (2,) independent windows."""

    centre: NDArray[np.float64]
    spread: NDArray[np.float64]
    windows: NDArray[np.float64]


def signs(
    power: NDArray[np.float64], quality: NDArray[np.float64], names: tuple[str, ...], bands: tuple[str, ...]
) -> Signs:
    """Both signs of windows with ``power`` (w, C, B) in squared volts and ``quality`` (w, C) at the electrodes ``names``.

    Asymmetry is the mean over the frontal :data:`PAIRS` that are there of log alpha right less left, each pair weighted by its
    worse electrode; activation the mean over electrodes of half of log beta / alpha and log (beta + gamma) / all, so
    that neither gain nor the size of the head counts. ``bands`` must hold alpha, beta and gamma (ValueError).
    """
    missing = {"alpha", "beta", "gamma"} - set(bands)
    if missing:
        raise ValueError(f"bands are {', '.join(bands)}; wanted {', '.join(sorted(missing))} too")
    at = {name: k for k, name in enumerate(names)}
    pairs = [(at[left], at[right]) for left, right in PAIRS if left in at and right in at]
    log = np.log(np.maximum(power, 1e-30))
    alpha, beta, gamma = (log[:, :, bands.index(name)] for name in ("alpha", "beta", "gamma"))
    fast = np.logaddexp(beta, gamma) - np.log(np.maximum(power.sum(2), 1e-30))
    left, right = (np.array([pair[side] for pair in pairs], int) for side in (0, 1))
    asymmetry = _weighted(alpha[:, right] - alpha[:, left], np.minimum(quality[:, left], quality[:, right]))
    activation = _weighted((beta - alpha + fast) / 2, quality)
    return Signs(*(np.stack(parts, 1) for parts in zip(asymmetry, activation, strict=True)))


def baseline_of(found: Signs, *, overlap: float) -> Baseline:
    """The level of the windows ``found``: median and scaled median absolute deviation of those that can be read.

    ``overlap`` is by how many windows each moment is covered (window over hop), so that overlapping windows do not
    count as so many.
    """
    return level((np.empty(0), np.empty(0)), found, overlap=overlap)[1]


def level(
    known: tuple[NDArray[np.float64], ...], more: Signs, *, overlap: float
) -> tuple[tuple[NDArray[np.float64], ...], Baseline]:
    """The values of each sign, sorted, once the windows ``more`` have joined those ``known``, and the baseline of them all.

    The same as :func:`baseline_of` of all of them, without sorting again what was sorted.
    """
    centre, spread, count, joined = np.full(2, np.nan), np.full(2, np.nan), np.zeros(2), []
    for k, before in enumerate(known):
        new = np.sort(more.value[:, k][np.isfinite(more.value[:, k])])
        values = np.insert(before, np.searchsorted(before, new), new)
        joined.append(values)
        count[k] = len(values) / overlap
        if len(values):
            middle = (len(values) - 1) // 2, len(values) // 2  # one or two of them
            centre[k] = values[list(middle)].mean()
            deviation = np.mean([_nearest(values, centre[k], 1 + rank) for rank in middle])
            spread[k] = max(1.4826 * float(deviation), SPREAD_FLOOR)
    return tuple(joined), Baseline(centre, spread, count)


def _nearest(values: NDArray[np.float64], centre: float, count: int) -> float:
    """How far from ``centre`` the farthest of the ``count`` nearest lies, of sorted ``values`` (n,): they are neighbours."""
    first, last = values[: len(values) - count + 1], values[count - 1 :]
    return float(np.maximum(centre - first, last - centre).min())


def affect(found: Signs, baseline: Baseline) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and variance (w, 3) of valence, arousal and dominance, NaN where unknown, dominance always.

    The mean is :data:`SKILL` times the distance from the baseline in its spreads, in units of :data:`AFFECT_SD`; the
    variance is what is left of affect's own, and more while the baseline is young (the variance of a median). Where
    the quality is low, what was read is mixed with knowing nothing. All is unknown before the baseline has :data:`LEAST` windows.
    """
    far = np.clip((found.value - baseline.centre) / baseline.spread, -FARTHEST, FARTHEST)
    far = np.where(baseline.windows >= LEAST, far, np.nan)
    young = (SKILL * AFFECT_SD) ** 2 * (np.pi / 2) / np.maximum(baseline.windows, 1)
    read = AFFECT_SD**2 * (1 - SKILL**2) + young
    mean, variance = doubted(SKILL * AFFECT_SD * far, read, found.quality, np.full(2, AFFECT_SD))
    unknown = np.full((len(far), 1), np.nan)
    return np.hstack([mean, unknown]), np.hstack([variance, unknown])


def _weighted(values: NDArray[np.float64], weight: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Mean (w,) of ``values`` (w, n) by ``weight`` in [0, 1], NaN where no weight is readable, and the mean weight."""
    weight = np.where(weight >= READABLE, weight, 0.0)
    total = weight.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(total > 0, (values * weight).sum(1) / total, np.nan)
        kept = np.where(total > 0, np.square(weight).sum(1) / total, 0.0)
    return mean, kept
