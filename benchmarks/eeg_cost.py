"""What it costs to score a long EEG: time, processor time and memory of `affectstream score` on a made-up recording.

    python benchmarks/eeg_cost.py [--minutes 120] [--channels 64] [--rate 512] [--causal]

Writes a BDF of noise that falls with frequency into a temporary folder (0.7 GB by default, removed afterwards) and scores it in a
process of its own, so that the memory is that of scoring alone: the most that was resident at once.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy.signal import butter, sosfilt

BLOCK = 10  # records of 1 s that are made at once
DIGIT = 31.25e-9  # V
CAP = (
    "Fp1 Fpz Fp2 AF7 AF3 AFz AF4 AF8 F7 F5 F3 F1 Fz F2 F4 F6 F8 FT7 FC5 FC3 FC1 FCz FC2 FC4 FC6 FT8 T7 C5 C3 C1 Cz C2 C4 C6 "
    "T8 TP7 CP5 CP3 CP1 CPz CP2 CP4 CP6 TP8 P7 P5 P3 P1 Pz P2 P4 P6 P8 PO7 PO3 POz PO4 PO8 O1 Oz O2 Iz P9 P10"
)


def electrodes(count: int) -> list[str]:
    """The first ``count`` places of a cap, and numbers where it has no more."""
    cap = CAP.split()
    return [*cap, *(f"E{k}" for k in range(len(cap), count))][:count]


def write_bdf(path: Path, seconds: int, channels: int, rate: int) -> None:
    """A BioSemi file of ``seconds`` records of 1 s: noise of 15 microvolts, falling by 6 dB an octave from 5 Hz on."""
    rng = np.random.default_rng(0)
    sections = np.asarray(butter(1, [0.5, 5], "bandpass", fs=rate, output="sos"))
    memory = np.zeros((1, 2, channels))
    lowest, highest = -(2**23), 2**23 - 1
    columns = [
        (16, electrodes(channels)),
        (80, ["made up"] * channels),
        (8, ["uV"] * channels),
        (8, [f"{1e6 * DIGIT * lowest:.0f}"] * channels),
        (8, [f"{1e6 * DIGIT * highest:.0f}"] * channels),
        (8, [str(lowest)] * channels),
        (8, [str(highest)] * channels),
        (80, [""] * channels),
        (8, [str(rate)] * channels),
        (32, [""] * channels),
    ]
    head = b"\xffBIOSEMI" + b"".join(
        text.ljust(width).encode()
        for text, width in (
            ("", 80), ("", 80), ("01.01.01", 8), ("00.00.00", 8), (str(256 * (channels + 1)), 8), ("24BIT", 44),
            (str(seconds), 8), ("1", 8), (str(channels), 4),
        )
    )  # fmt: skip
    with path.open("wb") as file:
        file.write(head + b"".join(text.ljust(width).encode() for width, texts in columns for text in texts))
        for first in range(0, seconds, BLOCK):
            records = min(BLOCK, seconds - first)
            noise, memory = sosfilt(sections, rng.standard_normal((records * rate, channels)), axis=0, zi=memory)
            digits = (noise * (15e-6 / 0.1 / DIGIT)).astype("<i4")  # the filter leaves an sd of about a tenth
            digits = digits.reshape(records, rate, channels).swapaxes(1, 2)
            file.write(np.ascontiguousarray(digits).view(np.uint8).reshape(*digits.shape, 4)[..., :3].tobytes())


def main() -> None:
    parser = argparse.ArgumentParser(description="Cost of scoring a long EEG")
    parser.add_argument("--minutes", type=int, default=120)
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--rate", type=int, default=512, help="Hz")
    parser.add_argument("--causal", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.bdf"
        write_bdf(path, 60 * options.minutes, options.channels, options.rate)
        print(
            f"{options.minutes} min of {options.channels} channels at {options.rate} Hz, {path.stat().st_size / 1e6:.0f} MB"
        )
        program = "import sys; from affectstream.multimodal.cli import main; sys.exit(main(sys.argv[1:]))"
        command = [sys.executable, "-c", program, "score", str(path), "--out", folder]
        began = time.perf_counter()
        child = subprocess.Popen(command + ["--causal"] * options.causal, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        spent = time.perf_counter() - began
    if child.returncode:
        sys.exit(f"scoring ended with {child.returncode}")
    print(
        f"{spent:.1f} s on the clock, {used.ru_utime + used.ru_stime:.1f} s of processor time, at most "
        f"{used.ru_maxrss / 1024**2:.2f} GB of memory; wanted under 60 s and 1.5 GB for two hours"
    )


if __name__ == "__main__":
    main()
