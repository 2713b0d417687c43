"""Affect whose truth is known, and what encoders might say of it: to test an estimator against.

The truth is a stationary process, with episodes on top if asked for. Each modality sees it at its own rate with coloured
noise, says how uncertain it is (rightly on average, not of each error), drops out for spans of time, and
now and then is far off.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affectstream.multimodal.dynamics.process import OrnsteinUhlenbeck
from affectstream.multimodal.types import Trace


@dataclass(frozen=True)
class Sensor:
    """How one modality errs: ``rate`` Hz, windows ``window`` s long, error ``sd``, errors lasting ``lasting`` s; the
    shares of time it is ``silent`` (in spans of ``gap`` s) and of samples that are ``outlying``."""

    rate: float
    sd: float
    lasting: float
    window: float
    silent: float = 0.0
    gap: float = 2.0
    outlying: float = 0.0


PROCESS = OrnsteinUhlenbeck(sd=(0.35, 0.35, 0.35))  # narrower than the default, so that it seldom meets the ends
RATE = 25.0  # Hz at which the truth is drawn
DRIFT = 20.0  # s over which a sensor's reliability changes
SENSORS = {
    "face": Sensor(25.0, 0.30, 0.5, 0.04, silent=0.25, gap=2.0, outlying=0.03),
    "speech": Sensor(4.0, 0.28, 1.0, 1.0, silent=0.5, gap=3.0, outlying=0.02),
    "eeg": Sensor(1.0, 0.45, 2.0, 2.0),
    "text": Sensor(1 / 7, 0.25, 0.5, 3.0),
}


def simulate(
    seed: int, seconds: float, *, process: OrnsteinUhlenbeck = PROCESS, episodes: float = 0.0
) -> tuple[NDArray[np.float64], NDArray[np.float64], dict[str, Trace]]:
    """Instants (G,) at :data:`RATE` Hz, the true affect (G, 3) at them, and a trace for each of :data:`SENSORS`.

    The truth is drawn from ``process``, with ``episodes`` a minute on top, spread over the dimensions: one rises by .5 to .8 within half a
    second, stays for 4 to 12 s and falls back. It stays in [-1, 1] by reflection, which is rare. The same seed
    gives the same affect.
    """
    rng = np.random.default_rng(seed)
    times = np.arange(round(seconds * RATE)) / RATE
    transition, noise = process.transition(1 / RATE)
    _, rest = process.stationary()
    decay, jump = transition.diagonal(), np.sqrt(noise.diagonal())
    draws = rng.normal(size=(len(times), 3))
    truth = np.empty((len(times), 3))
    x = draws[0] * np.sqrt(rest.diagonal())
    for k in range(len(times)):
        x = x if k == 0 else decay * x + jump * draws[k]
        truth[k] = x
    truth = truth + process.baseline + _episodes(rng, times, episodes)
    truth = np.where(abs(truth) > 1, np.sign(truth) * np.maximum(2 - abs(truth), 0), truth)
    return times, truth, {name: _sense(name, sensor, times, truth, rng) for name, sensor in SENSORS.items()}


def _episodes(rng: np.random.Generator, times: NDArray[np.float64], rate: float) -> NDArray[np.float64]:
    """What episodes add to affect (G, 3), ``rate`` of them a minute; one at a time in each dimension."""
    out = np.zeros((len(times), 3))
    if not rate:
        return out
    for d in range(3):
        end = 0.0
        while True:
            begin = end + 2 + rng.exponential(180 / rate)
            end = begin + rng.uniform(4, 12)
            if end > times[-1]:
                break
            height = rng.choice([-1.0, 1.0]) * rng.uniform(0.5, 0.8)
            out[:, d] += height * np.clip(2 * (times - begin), 0, 1) * np.exp(-np.maximum(times - end, 0) / 1.5)
    return out


def _sense(
    name: str, sensor: Sensor, times: NDArray[np.float64], truth: NDArray[np.float64], rng: np.random.Generator
) -> Trace:
    """What ``sensor`` says of ``truth`` (G, 3)."""
    first = sensor.window / 2 + rng.uniform(0, 1 / sensor.rate)
    at = np.arange(first, times[-1] - sensor.window / 2, 1 / sensor.rate)
    seen = np.stack([np.interp(at, times, truth[:, d]) for d in range(3)], 1)
    error = _coloured(rng, (len(at), 3), np.exp(-1 / (sensor.rate * sensor.lasting)))
    # How far off a sensor is changes slowly (light, distance, noise), and it knows.
    spread = sensor.sd * np.exp(0.3 * _coloured(rng, (len(at), 1), np.exp(-1 / (sensor.rate * DRIFT))))
    value = seen + spread * error
    wild = rng.random(len(at)) < sensor.outlying
    value[wild] += rng.choice([-1.0, 1.0], (int(wild.sum()), 3)) * rng.uniform(0.8, 1.5, (int(wild.sum()), 3))
    value[_silent(at, sensor, rng)] = np.nan
    bound = np.clip(value, -1, 1)
    return Trace(name, time=at, mean=bound, variance=np.repeat(spread**2, 3, 1), quality=1.0, span=sensor.window)


def _coloured(rng: np.random.Generator, shape: tuple[int, int], phi: float) -> NDArray[np.float64]:
    """AR(1) noise of variance 1 along the first axis, each step keeping ``phi`` of the last."""
    out = rng.normal(size=shape)
    for k in range(1, len(out)):
        out[k] = phi * out[k - 1] + np.sqrt(1 - phi**2) * out[k]
    return out


def _silent(at: NDArray[np.float64], sensor: Sensor, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Rows in which nothing is said: spans whose lengths are exponential, ``gap`` s on average."""
    silent = np.zeros(len(at), bool)
    if not sensor.silent:
        return silent
    time, quiet = 0.0, rng.random() < sensor.silent
    while time < at[-1]:
        mean = sensor.gap if quiet else sensor.gap * (1 - sensor.silent) / sensor.silent
        end = time + rng.exponential(mean)
        if quiet:
            silent |= (at >= time) & (at < end)
        time, quiet = end, not quiet
    return silent
