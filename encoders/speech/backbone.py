"""The frozen speech backbone behind one small interface: samples in, states at 50 Hz out (numpy, ONNX Runtime).

The shipped one is the beginning of the Whisper-base encoder, run over short overlapping stretches: never padded to 30
seconds, which costs four times as much, and never over a whole file, which would not be causal.
"""

from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from affectstream.encoders.checkpoint import Checkpoint, checkpoint_folder, load
from affectstream.encoders.speech.mel import mel_filters
from affectstream.encoders.speech.spectrum import HOP, RATE

NAME = "whisper-base-3"
SIZE, STEP, MELS = 400, 160, 80  # samples of a window and between two, and mel bands
LOUDEST = 2.0  # log10 energy to which the loudest band of a stretch is brought: gain does not count
DEPTH = 8.0  # of the spectrogram, log10 energy below the loudest


class Backbone(Protocol):
    """A speech model that is not trained here."""

    @property
    def name(self) -> str:
        """What caches and weights made with it are called after."""
        ...

    def states(self, samples: NDArray[np.floating]) -> NDArray[np.float32]:
        """States (n // 320, depth, width) of ``samples`` (n,) at 16 kHz, one every 20 ms."""
        ...


class WhisperBackbone:
    """States (n // 320, 3, 512) after blocks 1 to 3 of the Whisper-base encoder.

    >>> backbone = WhisperBackbone.load()
    >>> backbone.states(np.zeros(6400)).shape
    (20, 3, 512)
    """

    name = NAME
    axes = (3, 512)  # depth and width of the states of a frame

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint

    @classmethod
    def load(cls, folder: Path | None = None) -> Self:
        """The shipped trunk, or that in ``folder``; raises CheckpointError if it is not what it should be."""
        return cls(load((folder or checkpoint_folder()) / f"{NAME}.onnx", contract=contract()))

    def states(self, samples: NDArray[np.floating]) -> NDArray[np.float32]:
        """States of ``samples`` (n,), n from 320 on; what is left of a multiple of 320 is not looked at."""
        return self.checkpoint.run({"log_mel": log_mel(samples[: len(samples) // HOP * HOP])[None]})["states"][0]


def contract() -> dict[str, Any]:
    """The exact form of the trunk's input; compared word for word when its weights are loaded."""
    return {
        "rate": RATE,
        "mel": f"{MELS} Slaney bands of {SIZE} samples every {STEP}, Hann, power",
        "scale": f"(x + 4) / 4 of log10, loudest band at {LOUDEST:g}, {DEPTH:g} deep",
    }


def log_mel(samples: NDArray[np.floating]) -> NDArray[np.float32]:
    """Whisper's log-mel spectrogram (80, n // 160) of ``samples`` (n,) at 16 kHz, with its loudest band at a fixed level.

    Whisper takes levels as they come; here they are moved so that the loudest is at :data:`LOUDEST`. The ends are
    mirrored, as there. Silence is a constant.
    """
    padded = np.pad(np.asarray(samples, np.float32), SIZE // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, SIZE)[::STEP][: len(samples) // STEP]
    spectrum = np.fft.rfft(frames * _WINDOW, axis=1)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    log = np.log10(np.maximum(power @ _FILTERS, 1e-10))
    level = np.maximum(log - log.max(), -DEPTH) + LOUDEST
    return np.ascontiguousarray((level + 4).T / 4, np.float32)


_WINDOW = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(SIZE) / SIZE)).astype(np.float32)
_FILTERS = mel_filters(MELS, SIZE, RATE).T.astype(np.float32)
