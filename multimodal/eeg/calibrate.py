"""Learn one person's EEG from rated stretches of a recording, and refuse to where there is nothing to learn.

A ridge regression of a trial's mean band entropies, or of a trunk's mean embedding, to its rating. Whether it beats knowing
nothing is asked of trials it did not see, against the mean rating and against a straight line in time (a session drifts, and
ratings with it), and by chance: the same with ratings made up. A brain that drifts is a clock, and a clock tells ratings that resemble their neighbours: so
the ratings that are made up drift like the given ones, and resemble their neighbours as much.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from affectstream.encoders.eeg.entropy import Entropy
from affectstream.encoders.eeg.features import Windows
from affectstream.encoders.eeg.personal import PersonalModel
from affectstream.encoders.eeg.physiology import AFFECT_SD, READABLE
from affectstream.encoders.eeg.trunk import Trunk
from affectstream.multimodal import metrics
from affectstream.multimodal.types import DIMENSIONS, SignalError

Values = NDArray[np.float64]

LEAST = 8  # trials
SHUFFLES = 400
CHANCE = 0.03  # of saving a model though there is nothing, over all dimensions together
RIDGES = 10.0 ** np.arange(-1, 4)  # times the mean eigenvalue of the trials' kernel


@dataclass(frozen=True)
class Rating:
    """A trial: ``start`` and ``end`` s in the recording, and valence, arousal, dominance in [-1, 1], NaN where not rated."""

    start: float
    end: float
    vad: tuple[float, float, float]


class Verdict(NamedTuple):
    """How one dimension did on trials left out: concordance ``ccc``, error ``rmse``, that of the better of mean and line in time
    ``floor``, the chance ``p`` of such a concordance with ratings made up, and whether it is ``kept``."""

    ccc: float
    rmse: float
    floor: float
    p: float
    kept: bool


class Answering(NamedTuple):
    """What a model says of a window: ``offset`` + ``slope`` times the trial's rating, and an error of variance ``noise``."""

    offset: float
    slope: float
    noise: float

    def belief(self) -> tuple[float, float, float]:
        """(gain, shift, variance): what is believed after a window is gain * (what the model says of it) + shift.

        The rating that the window speaks for, (said - offset) / slope with variance noise / slope^2, times what is
        believed of anybody, mean 0 and sd :data:`AFFECT_SD`. So the answer counts for what it adds to that, however wide the
        person's ratings are.
        """
        precision = self.slope**2 / self.noise
        variance = 1 / (precision + AFFECT_SD**-2)
        gain = variance * self.slope / self.noise
        return gain, -gain * self.offset, variance


class Calibration(NamedTuple):
    """The ``model``, or None where no dimension beats knowing nothing; the ``verdicts`` by dimension; ``trials`` used."""

    model: PersonalModel | None
    verdicts: dict[str, Verdict]
    trials: int


def calibrate(
    windows: Windows,
    ratings: Sequence[Rating],
    names: Sequence[str],
    definition: Entropy,
    *,
    trunk: Trunk | None = None,
    seed: int = 0,
) -> Calibration:
    """Fit a person's model to the ``windows`` (w, C, B) of a recording with the electrodes ``names`` and its ``ratings``.

    Only windows that lie wholly in a trial and can be read count. With a ``trunk`` a model of its embeddings is fitted too,
    and the one that keeps more dimensions, or else tells them better, is taken. Raises SignalError for fewer than 8
    trials with such windows, and for a trunk that wants other entropies.
    """
    half = definition.window / 2
    readable = windows.quality >= READABLE
    inside = [
        np.flatnonzero(
            (windows.time - half >= r.start - 1e-6) & (windows.time + half <= r.end + 1e-6) & readable.any(1)
        )
        for r in ratings
    ]
    used = [k for k, at in enumerate(inside) if len(at)]
    if len(used) < LEAST:
        raise SignalError(
            f"{len(used)} of {len(ratings)} rated stretches hold a readable window of {definition.window:g} s; wanted at "
            f"least {LEAST}; rate more, or longer, stretches of this recording"
        )
    centre = np.nan_to_num(_mean(windows.entropy, readable))
    features: dict[Trunk | None, NDArray[np.float64]] = {None: np.where(readable[:, :, None], windows.entropy, centre)}
    if trunk is not None:
        trunk.check(definition)
        features[trunk] = trunk.embed(windows.entropy, windows.quality, names)[:, None]
    trials = Trials(
        [inside[k] for k in used],
        np.array([(ratings[k].start + ratings[k].end) / 2 for k in used]),
        np.array([ratings[k].vad for k in used]),
    )
    fitted = []
    for source, values in features.items():
        parts, verdicts = _fit(values, trials, CHANCE / len(features), seed)
        story = {"trials": len(used), "verdicts": {name: verdict._asdict() for name, verdict in verdicts.items()}}
        model = PersonalModel(tuple(names), definition.contract(), *parts, story=story, trunk=source)
        fitted.append(Calibration(model if model.learnt else None, verdicts, len(used)))
    return max(fitted, key=_merit)


class Trials(NamedTuple):
    """n rated stretches: of each the ``windows`` in it (indices), the ``time`` of its middle (n,) s and its ``vad`` (n, 3)."""

    windows: list[NDArray[np.intp]]
    time: NDArray[np.float64]
    vad: NDArray[np.float64]


def _fit(
    values: NDArray[np.float64], trials: Trials, chance: float, seed: int
) -> tuple[tuple[Values, Values, Values, Values, Values], dict[str, Verdict]]:
    """Mean, sd, weights, bias and variance of a :class:`PersonalModel` of ``values`` (w, C, B), and the verdicts.

    ``chance`` is shared out among the dimensions that are rated.
    """
    flat = values.reshape(len(values), -1)
    heard = [flat[at] for at in trials.windows]
    vad = trials.vad
    rated = [d for d in range(3) if np.isfinite(vad[:, d]).sum() >= LEAST and np.nanstd(vad[:, d]) > 0]
    trial = np.stack([rows.mean(0) for rows in heard])
    mean, sd = _scale(trial)
    weights, bias, variance = np.zeros((trial.shape[1], 3)), np.zeros(3), np.full(3, np.nan)
    verdicts: dict[str, Verdict] = {}
    for d in rated:
        at = np.flatnonzero(np.isfinite(vad[:, d]))
        y = vad[at, d]
        rng = np.random.default_rng(seed)
        verdict, answer = judge([heard[k] for k in at], y, trials.time[at], chance / len(rated), rng)
        verdicts[DIMENSIONS[d]] = verdict
        if verdict.kept:
            gain, shift, variance[d] = answer.belief()
            weights[:, d] = gain * _ridge((trial[at] - mean) / sd, y[:, None] - y.mean())[:, 0]
            bias[d] = gain * y.mean() + shift
    shape = values.shape[1:]
    return (mean.reshape(shape), sd.reshape(shape), weights.reshape(*shape, 3), bias, variance), verdicts


def _merit(found: Calibration) -> tuple[int, float]:
    kept = [verdict.ccc for verdict in found.verdicts.values() if verdict.kept]
    return len(kept), sum(kept)


def judge(
    heard: Sequence[NDArray[np.float64]],
    y: NDArray[np.float64],
    time: NDArray[np.float64],
    chance: float,
    rng: np.random.Generator,
) -> tuple[Verdict, Answering]:
    """Does a ridge on band entropies tell the ratings ``y`` (n,) of trials left out one by one?

    ``heard`` are each trial's windows (m, F). It is kept if its squared error is below that of the mean and of a
    line in ``time`` (n,) s, each fitted without the trial, and if ratings made up (:func:`made_up`) reach its concordance with
    a chance of at most ``chance``. Also returns how what it says of single windows of trials left out goes with the ratings.
    """
    trial = np.stack([rows.mean(0) for rows in heard])
    asked = np.hstack([y[:, None], made_up(y, time, SHUFFLES, rng)])
    said, told = np.empty_like(asked), []
    floors = np.empty((len(y), 2))
    for k in range(len(y)):
        rest = np.arange(len(y)) != k
        mean, sd = _scale(trial[rest])
        level = asked[rest].mean(0)
        weights = _ridge((trial[rest] - mean) / sd, asked[rest] - level)
        said[k] = (trial[k] - mean) / sd @ weights + level
        told.append((heard[k] - mean) / sd @ weights[:, 0] + level[0])
        floors[k] = y[rest].mean(), np.polyval(np.polyfit(time[rest], y[rest], 1), time[k])
    ccc = metrics.ccc(said, asked)
    p = float((ccc >= ccc[0]).mean())
    rmse = float(np.sqrt(np.mean((said[:, 0] - y) ** 2)))
    floor = float(np.sqrt(np.mean((floors - y[:, None]) ** 2, 0)).min())
    return Verdict(float(ccc[0]), rmse, floor, p, rmse < floor and p <= chance), answering(told, y)


def answering(told: Sequence[NDArray[np.float64]], y: NDArray[np.float64]) -> Answering:
    """How what was ``told`` of the windows of each trial, (m,) each, goes with the trials' ratings ``y`` (n,), trials alike."""
    mean = np.array([rows.mean() for rows in told])
    slope = float(np.cov(mean, y, ddof=0)[0, 1] / y.var())
    offset = float(mean.mean() - slope * y.mean())
    noise = np.mean([np.mean((rows - offset - slope * rating) ** 2) for rows, rating in zip(told, y, strict=True)])
    return Answering(offset, slope, float(noise))


def made_up(
    y: NDArray[np.float64], time: NDArray[np.float64], count: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Ratings (n, ``count``) that know nothing, but drift in ``time`` (n,) s as ``y`` (n,) and are as alike in succession.

    The line through ``y``, and what is left of it shuffled: into the order of a first-order autoregression whose coefficient is
    that of ``y``, freed of the bias of -(2 + 4 r) / n that it has after a line was fitted (Kendall 1954, Biometrika 41), so
    that without one it is any order.
    """
    n, order = len(y), np.argsort(time)
    line = np.asarray(np.polyval(np.polyfit(time, y, 1), time), np.float64)
    left = (y - line)[order]
    alike = left[1:] @ left[:-1] / max(left @ left, 1e-12)
    alike = float(np.clip(alike + (2 + 4 * alike) / n, 0, 0.95))
    wander = rng.standard_normal((n, count))
    for k in range(1, n):
        wander[k] = alike * wander[k - 1] + np.sqrt(1 - alike**2) * wander[k]
    shuffled = np.sort(left)[wander.argsort(0).argsort(0)]
    out = np.tile(line[:, None], (1, count))
    out[order] += shuffled
    return out


def _ridge(z: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights (F, k) of ridge regressions of centred ``y`` (n, k) on ``z`` (n, F), each with the ridge of :data:`RIDGES` that
    errs least on rows left out one by one (PRESS, Allen 1974, from one eigendecomposition)."""
    values, vectors = np.linalg.eigh(z @ z.T)
    values = np.maximum(values, 0)
    turned = vectors.T @ y
    least = np.full(y.shape[1], np.inf)
    best = np.zeros_like(y)
    for ridge in RIDGES * max(values.mean(), 1e-12):
        dual = vectors @ (turned / (values + ridge)[:, None])
        press = np.square(dual / (np.square(vectors) @ (1 / (values + ridge)))[:, None]).sum(0)
        better = press < least
        best[:, better], least[better] = dual[:, better], press[better]
    return z.T @ best


def _scale(rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation (F,), the latter never 0."""
    sd = rows.std(0)
    return rows.mean(0), np.where(sd > 1e-9, sd, 1.0)


def _mean(entropy: NDArray[np.float64], readable: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Mean (C, B) over the windows in which each electrode can be read, NaN where it never can."""
    count = readable.sum(0)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(readable[:, :, None], entropy, 0.0).sum(0) / count
