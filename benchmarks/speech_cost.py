"""What a second of voice costs to score, and how long an answer takes, beside openSMILE's eGeMAPS.

    pip install 'affectstream[peers]'   # opensmile, whose licence is for research; without it only ours is timed
    python benchmarks/speech_cost.py [FILE]

Processor time of one thread, each the least of several runs, over the seconds of sound: 1 is as long as the sound lasts.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from affectstream.encoders.speech.encoder import SpeechEncoder
from affectstream.encoders.speech.features import BLOCK_SAMPLES
from affectstream.encoders.speech.spectrum import RATE
from affectstream.multimodal.signals import read_audio
from affectstream.multimodal.types import Chunk

DEMO = Path(__file__).parents[1] / "examples" / "six_emotions.mp4"
RUNS = 5


def least(work: Callable[[], object]) -> float:
    """The least processor time of several runs, in seconds."""
    spent = []
    for _ in range(RUNS):
        began = time.process_time()
        work()
        spent.append(time.process_time() - began)
    return min(spent)


def fold(encoder: SpeechEncoder, samples: np.ndarray) -> list[float]:
    """Score ``samples`` block by block as they would come live; the seconds that each block took, on the clock."""
    state, waits = encoder.initial(), []
    for at in range(0, len(samples), BLOCK_SAMPLES):
        began = time.perf_counter()
        state, _ = encoder.observe(state, Chunk("speech", at / RATE, RATE, samples[at : at + BLOCK_SAMPLES]))
        waits.append(time.perf_counter() - began)
    encoder.finish(state)
    return waits


def main() -> None:
    parser = argparse.ArgumentParser(description="Cost of scoring a voice")
    parser.add_argument("file", nargs="?", type=Path, default=DEMO)
    samples = np.concatenate([chunk.data for chunk in read_audio(parser.parse_args().file)])
    length = len(samples) / RATE
    print(f"{length:.1f} s of sound, one thread; processor time over the time the sound lasts")
    for name, encoder in (("speech", SpeechEncoder.load()), ("voice branch alone", SpeechEncoder.load(alone=True))):
        fold(encoder, samples)
        waits = sorted(wait for _ in range(RUNS) for wait in fold(encoder, samples))
        middle, late = waits[len(waits) // 2], waits[int(0.95 * len(waits))]
        print(
            f"{name:<20} {least(lambda e=encoder: fold(e, samples)) / length:.4f}   from the end of a window to its "
            f"row {1000 * middle:.1f} ms in the median, {1000 * late:.1f} ms at the 95th percentile"
        )
    try:
        import opensmile  # pyright: ignore[reportMissingImports]
    except ImportError:
        print("opensmile            not installed")
        return
    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
    smile.process_signal(samples, RATE)
    print(
        f"openSMILE eGeMAPS    {least(lambda: smile.process_signal(samples, RATE)) / length:.4f}   (88 features of the whole, no answer)"
    )


if __name__ == "__main__":
    main()
