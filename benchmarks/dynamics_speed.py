"""How long an hour of four modalities takes to filter and smooth, and one live update; pykalman beside it.

    python benchmarks/dynamics_speed.py

Four modalities at 25 Hz, three dimensions, processor time of one thread. "One clock": all speak at the same
instants; "four clocks": no two do. pykalman smooths the same one-clock hour's first minute with the four looks of an
instant already averaged, so its work is less; it knows nothing of lasting errors and gates nothing.
"""

import time

import numpy as np
from pykalman import KalmanFilter

from affectstream.multimodal.dynamics.batch import estimate
from affectstream.multimodal.dynamics.estimator import Estimator
from affectstream.multimodal.dynamics.filter import Look
from affectstream.multimodal.dynamics.looks import looks_of
from affectstream.multimodal.dynamics.process import OrnsteinUhlenbeck
from affectstream.multimodal.dynamics.simulate import PROCESS, SENSORS, simulate
from affectstream.multimodal.types import Trace

HOUR = 3600.0
NAMES = tuple(SENSORS)


def hour(one_clock: bool) -> dict[str, Trace]:
    """The simulator's face, four times over under each modality's name, on one clock or on four."""
    out = {}
    for k, name in enumerate(NAMES):
        face = simulate(k, HOUR)[2]["face"]
        begin = 0.0 if one_clock else 0.01 * k
        time_ = begin + np.arange(len(face)) / 25
        out[name] = Trace(name, time=time_, mean=face.mean, variance=face.variance, quality=1.0, span=0.04)
    return out


def pykalman_per_second(traces: dict[str, Trace], process: OrnsteinUhlenbeck) -> float:
    """Processor seconds that pykalman takes for a second of signal, from a minute of it."""
    count = 60 * 25
    data = np.ma.masked_invalid(np.nanmean([t.mean[:count] for t in traces.values()], 0))
    transition, noise = process.transition(1 / 25)
    kalman = KalmanFilter(transition, np.eye(3), noise, 0.1 * np.eye(3))
    began = time.process_time()
    kalman.smooth(data)
    return (time.process_time() - began) / 60


def main() -> None:
    grid = np.arange(0, HOUR, 0.1)
    for one_clock in (True, False):
        traces = hour(one_clock)
        looks = looks_of(traces)
        spent = []
        for _ in range(3):
            began = time.process_time()
            estimate(looks, grid, PROCESS, smooth=True)
            spent.append(time.process_time() - began)
        name = "one clock" if one_clock else "four clocks"
        print(f"{name}: {len(looks)} looks of an hour filtered and smoothed in {min(spent):.2f} s (bar: under 1 s)")
        if one_clock:
            peer = pykalman_per_second(traces, PROCESS) * HOUR
            print(
                f"pykalman, one averaged look an instant: {peer:.0f} s an hour, {peer / min(spent):.0f} times as long"
            )
    estimator, spent = Estimator(PROCESS), []
    for k in range(1, 2000):
        look = Look("face", np.full(3, 0.2), np.full(3, 0.05), 0.5)
        began = time.process_time()
        estimator.add(k / 25, look)
        spent.append(time.process_time() - began)
    print(f"live update: {1000 * np.median(spent):.3f} ms (bar: under 0.2 ms)")


if __name__ == "__main__":
    main()
