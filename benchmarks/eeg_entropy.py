"""What band entropy costs, beside filtering every window, band and electrode by itself as torcheeg does.

    python benchmarks/eeg_entropy.py

Processor time of one thread, each the least of several runs, of 32 electrodes at 128 Hz: a minute in 62 windows of 4 s
every 117 samples, four bands; and a stream, hop by hop.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # read by numpy when it is imported

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, lfilter

from affectstream.encoders.eeg.entropy import DEFAULT, RBTRANSFORMER, Entropy, advance, entropy, start
from affectstream.encoders.eeg.features import initial, observe
from affectstream.multimodal.types import Chunk

RATE, ELECTRODES, SECONDS, RUNS = 128.0, 32, 60, 5
CAUSAL = replace(RBTRANSFORMER, phase="causal", normalise="none")


def least(work: Callable[[], object], runs: int = RUNS) -> float:
    """The least processor time of several runs, in seconds."""
    spent = []
    for _ in range(runs):
        began = time.process_time()
        work()
        spent.append(time.process_time() - began)
    return min(spent)


def one_by_one(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """torcheeg's transform, from its description: for each window, band and electrode a filter is designed and run."""
    grid, rows = RBTRANSFORMER.grid(RATE), []
    for at in range(0, len(samples) - grid.window + 1, grid.hop):
        window = samples[at : at + grid.window].T
        window = (window - window.mean()) / window.std()
        bands = []
        for _, *edges in RBTRANSFORMER.bands:
            electrodes = []
            for electrode in window:
                passed = lfilter(*butter(RBTRANSFORMER.order, edges, "band", fs=RATE), electrode)  # pyright: ignore
                electrodes.append(0.5 * np.log2(2 * np.pi * np.e * np.var(passed)))
            bands.append(electrodes)
        rows.append(np.array(bands).T)
    return np.array(rows)


def per_hop(samples: NDArray[np.float64], definition: Entropy) -> float:
    """Seconds a hop of ``definition`` when ``samples`` come hop by hop, in the mean."""
    hop = definition.grid(RATE).hop
    hops = [samples[at : at + hop] for at in range(0, len(samples) - hop + 1, hop)]

    def stream() -> None:
        state = start(definition, RATE, ELECTRODES)
        for part in hops:
            state, _ = advance(state, part)

    return least(stream) / len(hops)


def main() -> None:
    rng = np.random.default_rng(0)
    samples = 1e-6 * np.cumsum(rng.standard_normal((round(SECONDS * RATE), ELECTRODES)), 0)
    found, wanted = entropy(samples, RATE, RBTRANSFORMER), one_by_one(samples)
    print(f"{len(found)} windows of {ELECTRODES} electrodes; the two differ by {abs(found - wanted).max():.1e} bits")
    slow = least(lambda: one_by_one(samples), runs=2)
    print(f"filtered one by one      {1e3 * slow:8.1f} ms")
    for name, definition in (
        ("causal", CAUSAL),
        ("zero-phase", replace(CAUSAL, phase="zero")),
        ("window by window", RBTRANSFORMER),
    ):
        ours = least(lambda d=definition: entropy(samples, RATE, d))
        print(f"{name:<24} {1e3 * ours:8.1f} ms   1/{slow / ours:.0f}")
    for hop in (0.125, 0.5, 117 / 128):
        spent = per_hop(samples, replace(DEFAULT, bands=DEFAULT.bands[1:], hop=hop))
        print(f"stream, hop of {hop:.3f} s, four bands   {1e3 * spent:6.3f} ms a hop")
    names = [f"E{k}" for k in range(ELECTRODES)]
    state, chunk = initial(DEFAULT, RATE, names), Chunk("eeg", 0.0, RATE, samples)
    spent = least(lambda: observe(state, chunk))
    print(f"features of five bands with quality      {spent / SECONDS:.6f} of the time the recording lasts")


if __name__ == "__main__":
    main()
