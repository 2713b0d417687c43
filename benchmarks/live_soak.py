"""Whether an hour of live use needs more and more memory or time: pictures, sound, words and EEG through a live run.

    python benchmarks/live_soak.py
    python benchmarks/live_soak.py --minutes 10 --record

The session's clock is the sources': what they send is pushed as soon as what was sent before is heard, so that an hour takes as
long as the machine needs for it. Everything else is as it is live: the demo clip's pictures as JPEGs at 30 a second, its
sound in pieces of 50 ms, an utterance every ten seconds, eight electrodes of made-up EEG, the clock's beats, and a page that reads
every message. Printed every minute of the session: resident memory, the processor time that the minute took, and the median and 95th
percentile of the time from a picture's push to its state. The verdict compares the first ten minutes (without the first one, in which everything is opened) with the last.
"""

import argparse
import itertools
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from affectstream.multimodal.closing import Closing
from affectstream.multimodal.live import run as live_run
from affectstream.multimodal.score import open_encoders
from affectstream.multimodal.signals import read_audio, read_video
from affectstream.multimodal.types import Chunk

ROOT = Path(__file__).parents[1]
FRAME, PIECE, UTTERANCE, BEAT = 1 / 30, 0.05, 10.0, 0.1  # s
WORDS = ("What a wonderful day!", "I do not want to hear about it.", "The kids are talking by the door.")


class SourcesClock:
    """Stands for the time module where the run reads its clock: the second that the sources have come to."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


class MadeUp(Closing):
    """Eight electrodes of noise, whose chunks are pushed by hand."""

    name, rest, notes = "made up", (), ()
    names: tuple[str, ...] = ("Fp1", "Fp2", "F3", "F4", "C3", "C4", "O1", "O2")
    rate, opened = 250.0, 0.0

    def chunks(self) -> Iterator[Chunk]:
        return iter(())

    def close(self) -> None:
        pass


def resident() -> float:
    """Memory of this process, MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def jpegs(film: Path) -> list[bytes]:
    import cv2

    images = itertools.chain.from_iterable(chunk.data for chunk in read_video(film))
    return [cv2.imencode(".jpg", cv2.resize(image, (424, 318))[..., ::-1])[1].tobytes() for image in images]


def sound_of(film: Path) -> tuple[np.ndarray, int]:
    chunks = list(read_audio(film))
    return np.concatenate([chunk.data for chunk in chunks]), int(chunks[0].rate)


def main() -> None:
    parser = argparse.ArgumentParser(description="An hour of live use")
    parser.add_argument("--film", type=Path, default=ROOT / "examples/six_emotions.mp4")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--record", action="store_true", help="record it all, which needs memory for the tables")
    arguments = parser.parse_args()
    if arguments.minutes < 3:
        parser.error(f"--minutes is {arguments.minutes:g}; wanted at least 3, of which the first does not count")
    pictures = jpegs(arguments.film)
    sound, rate = sound_of(arguments.film)
    clock: Any = SourcesClock()
    live_run.clock = clock  # the one thing that is not as it is live
    heard: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder, MadeUp() as board:
        eeg = np.random.default_rng(0).normal(0, 1e-5, (int(60 * board.rate), len(board.names))).astype(np.float32)
        encoders = open_encoders(["face", "speech", "text", "eeg"])
        run = live_run.LiveRun(encoders, Path(folder), eeg=board)

        def read(message: str | bytes) -> None:
            kind = "picture" if isinstance(message, bytes) else json.loads(message)["type"]
            heard[kind] = heard.get(kind, 0) + 1

        run.watch(read)
        if arguments.record:
            run.record(True)
        minutes: list[tuple[float, float, float]] = []
        took: list[float] = []
        began, worked = time.monotonic(), time.process_time()
        last_piece, last_eeg, last_words, last_beat = 0.0, 0.0, 0.0, 0.0
        for k in range(int(arguments.minutes * 60 / FRAME)):
            now = clock.now = k * FRAME
            pushed = time.perf_counter()
            run.picture(now, pictures[k % len(pictures)])
            run.session.drain()
            took.append(time.perf_counter() - pushed)
            while last_piece + PIECE <= now:
                at = int(last_piece * rate) % (len(sound) - int(PIECE * rate))
                run.sound(last_piece, sound[at : at + int(PIECE * rate)], rate)
                last_piece += PIECE
            if last_eeg + 0.1 <= now:
                rows = int(0.1 * board.rate)
                at = int(last_eeg * board.rate) % (len(eeg) - rows)
                run.brain_waves(Chunk("eeg", last_eeg, board.rate, eeg[at : at + rows]))
                last_eeg += rows / board.rate
            if last_words + UTTERANCE <= now:
                run.said(now - 2.0, now, WORDS[int(now / UTTERANCE) % len(WORDS)])
                last_words = now
            if last_beat + BEAT <= now:
                run.beat()
                last_beat = now
            run.session.drain()
            if (k + 1) % 1800 == 0:
                middle, late = np.percentile(np.array(took) * 1000, [50, 95])
                work, worked = time.process_time() - worked, time.process_time()
                minutes.append((resident(), work, float(middle)))
                took.clear()
                print(
                    f"minute {len(minutes):3d}: {resident():6.1f} MB, {work:5.1f} s of processor time, "
                    f"median {middle:5.1f} ms, 95th percentile {late:5.1f} ms",
                    flush=True,
                )
        if arguments.record:
            run.record(False)
        run.close()
    spent = time.monotonic() - began
    table = np.array(minutes[1:])
    part = max(min(10, len(table) // 2), 1)
    first, last = table[:part], table[-part:]
    print(f"{arguments.minutes:g} minutes in {spent / 60:.1f}; the page was told {heard}")
    print(f"memory: {last[:, 0].max() - first[:, 0].max():+.1f} MB from the first minutes to the last")
    for k, name in ((1, "processor time"), (2, "median time to the state")):
        print(f"{name}: {np.median(last[:, k]) / np.median(first[:, k]):.2f} of what it was at first")


if __name__ == "__main__":
    main()
