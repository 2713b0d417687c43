"""Sound in, one row of affect every 0.4 s out: measure, hear, judge the last 2 s (ONNX Runtime; no torch).

``SpeechEncoder.load()`` opens the shipped networks; fold ``observe`` over chunks of 16 kHz sound, then call ``finish``.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from affectstream.encoders.checkpoint import Checkpoint, checkpoint_folder, load
from affectstream.encoders.quality import doubted
from affectstream.encoders.speech import backbone as trunk
from affectstream.encoders.speech.backbone import Backbone, WhisperBackbone
from affectstream.encoders.speech.features import (
    BLOCK,
    BLOCK_SAMPLES,
    HOP_SECONDS,
    PAST_SAMPLES,
    WINDOW,
    WINDOW_SECONDS,
    Frames,
    frames_of_block,
    join,
)
from affectstream.encoders.speech.functionals import COEFFICIENTS, functionals
from affectstream.encoders.speech.functionals import NAMES as FUNCTIONALS
from affectstream.encoders.speech.hearing import Hearing, latest_speech, listen, sum_up, voice_quality
from affectstream.encoders.speech.spectrum import BANDS, COMPONENTS, HIGH, HOP, LIFTER, LOW, RATE, SIZE
from affectstream.multimodal.types import Chunk, Observation, SignalError

NAME, ALONE = "speech-emodb", "speech-voice"  # with a backbone, and the voice branch alone
SOURCE = "speech"
GAP = 0.01  # s by which a chunk may begin off its time before a new run begins


@dataclass(frozen=True, eq=False)
class Listening:
    """What is remembered between chunks: the run that is being heard, at most 2 s of its frames, and samples that wait.

    ``origin`` s is when the run began, None before there is one; ``done`` its samples in complete blocks; ``waiting``
    fewer than one block; ``past`` at most 1.2 s before those; ``until`` s, the time of the last row.
    """

    origin: float | None = None
    done: int = 0
    waiting: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))
    past: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))
    hearing: Hearing = field(default_factory=Hearing)
    frames: Frames | None = None
    until: float = -np.inf


class SpeechEncoder:
    """Voices to affect.

    A gapless run of sound is taken in blocks of 0.4 s; after each the network judges the last 2 s of the run, or as much
    as there is. Rows lie at the middle of what was judged. How the sound came in chunks makes no difference, and no
    row depends on what comes after its window.
    """

    def __init__(self, checkpoint: Checkpoint, backbone: Backbone | None) -> None:
        self.checkpoint = checkpoint
        self._backbone = backbone
        self._prior_sd = np.array(checkpoint.facts.extra["prior_sd"], np.float64)
        self._elsewhere = np.square(np.array(checkpoint.facts.extra["elsewhere_sd"], np.float64))
        self._width = int(checkpoint.facts.extra["embedding"])

    @classmethod
    def load(cls, folder: Path | None = None, *, alone: bool = False) -> Self:
        """The shipped encoder, or that in ``folder``; ``alone`` opens the small one that needs no backbone.

        Raises CheckpointError if its files are not what they should be.
        """
        folder = folder or checkpoint_folder()
        backbone = None if alone else WhisperBackbone.load(folder)
        return cls(load(folder / f"{ALONE if alone else NAME}.onnx", contract=contract(backbone)), backbone)

    @property
    def checkpoints(self) -> list[Checkpoint]:
        """All networks that are opened: the speech network, and the backbone's where it is ours."""
        return [self.checkpoint, *([self._backbone.checkpoint] if isinstance(self._backbone, WhisperBackbone) else [])]

    @staticmethod
    def initial() -> Listening:
        """The state before the first chunk."""
        return Listening()

    def observe(self, state: Listening, chunk: Chunk) -> tuple[Listening, list[Observation]]:
        """Take in ``chunk``, (n,) float32 mono at 16 kHz; returns the new state and at most one observation.

        It has a row for each block that was completed, from source "speech": NaN where no voice was heard, else the
        network's answer, its variance raised by what a recording unlike those of the corpus may be off as a whole, and
        mixed with knowing nothing as far as the voice could not be heard. Quality is that of
        :func:`affectstream.encoders.speech.hearing.voice_quality`. Where a chunk does not begin within 10 ms of where the
        last ended, the run is finished and another begun. Raises SignalError for other signals.
        """
        if chunk.modality != "speech":
            raise SignalError(f"got a {chunk.modality} chunk; wanted speech; give it to the {chunk.modality} encoder")
        if chunk.data.ndim != 1 or not np.issubdtype(chunk.data.dtype, np.floating) or chunk.rate != RATE:
            raise SignalError(
                f"speech encoder got {chunk.data.dtype} {chunk.data.shape} at {chunk.rate:g} Hz; wanted float (n,), mono, "
                f"at {RATE} Hz; mix and resample it, as read_audio does"
            )
        rows: list[Observation] = []
        due = None if state.origin is None else state.origin + (state.done + len(state.waiting)) / RATE
        if due is None or abs(chunk.start - due) > GAP:
            state, rows = self.finish(state)
            state = Listening(origin=chunk.start, until=state.until)
        waiting = np.concatenate([state.waiting, chunk.data.astype(np.float32)])
        whole = len(waiting) // BLOCK_SAMPLES * BLOCK_SAMPLES
        state = replace(state, waiting=waiting[whole:])
        for block in waiting[:whole].reshape(-1, BLOCK_SAMPLES):
            state, row = self._judge(state, block, BLOCK_SAMPLES)
            rows.append(row)
        return state, [Observation.join(rows)] if rows else []

    def finish(self, state: Listening) -> tuple[Listening, list[Observation]]:
        """End the run: what waits is judged with silence after it. Less than a frame of 20 ms gives no row."""
        left = len(state.waiting)
        if left < HOP:
            return Listening(until=state.until), []
        block = np.pad(state.waiting, (0, BLOCK_SAMPLES - left))
        state, row = self._judge(state, block, left)
        return Listening(until=state.until), [row]

    def _judge(self, state: Listening, block: NDArray[np.float32], heard: int) -> tuple[Listening, Observation]:
        """The row after one more ``block`` (6400,) of the run, of which ``heard`` samples are real."""
        hearing, _ = listen(state.hearing, block[:heard])
        sound = np.where(np.isfinite(block), np.clip(block, -1, 1), 0).astype(np.float32)
        new = frames_of_block(state.past, sound, self._backbone)
        frames = new if state.frames is None else join(state.frames, new)
        end = state.done + heard
        length = min(end / RATE, WINDOW_SECONDS - (BLOCK_SAMPLES - heard) / RATE)
        origin = 0.0 if state.origin is None else state.origin
        time = max(origin + end / RATE - length / 2, state.until)
        presence = np.zeros(WINDOW, np.float32)
        there = len(frames.quartets)
        real = there - BLOCK + heard // HOP
        presence[WINDOW - there : WINDOW - there + real] = latest_speech(hearing, real)
        quality = voice_quality(sum_up(hearing, length))
        row = self._row(time, length, quality, frames, presence)
        past = np.concatenate([state.past, sound])[-PAST_SAMPLES:]
        return replace(state, done=end, past=past, hearing=hearing, frames=frames, until=time), row

    def _row(
        self, time: float, length: float, quality: float, frames: Frames, presence: NDArray[np.float32]
    ) -> Observation:
        names = self.checkpoint.facts.labels
        if quality <= 0:
            return Observation(
                SOURCE,
                time=[time],
                mean=np.full((1, 3), np.nan),
                variance=np.full((1, 3), np.nan),
                quality=[0.0],
                span=length,
                embedding=np.zeros((1, self._width)),
                labels=np.full((1, len(names)), np.nan),
                label_names=names,
            )
        answer = self.judge(frames, presence)
        variance = np.exp(answer["log_var"][0].astype(np.float64)) + self._elsewhere
        mean, variance = doubted(answer["mean"][0].astype(np.float64), variance, quality, self._prior_sd)
        chance = np.exp(answer["logits"] - answer["logits"].max())
        return Observation(
            SOURCE,
            time=[time],
            mean=mean[None],
            variance=variance[None],
            quality=[quality],
            span=length,
            embedding=answer["embedding"],
            labels=chance / chance.sum(),
            label_names=names,
        )

    def judge(self, frames: Frames, presence: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """The network's outputs by name for one window: at most 100 ``frames``, and ``presence`` (100,) of a voice."""
        there = len(frames.quartets)
        quartets = np.zeros((1, len(COMPONENTS), BANDS, WINDOW), np.float32)
        quartets[0, :, :, WINDOW - there :] = frames.quartets.transpose(1, 2, 0)
        inputs: dict[str, NDArray[Any]] = {"quartets": quartets, "presence": presence[None]}
        if frames.states is None:
            inputs["functionals"] = functionals(frames.quartets, presence[WINDOW - there :])[None]
        else:
            states = np.zeros((1, WINDOW, *frames.states.shape[1:]), np.float32)
            states[0, WINDOW - there :] = frames.states
            inputs["states"] = states
        return self.checkpoint.run(inputs)


def contract(backbone: Backbone | None) -> dict[str, Any]:
    """The exact form of the network's input; compared word for word when its weights are loaded."""
    return {
        "rate": RATE,
        "window": WINDOW_SECONDS,
        "block": HOP_SECONDS,
        "quartets": list(COMPONENTS),
        "spectrum": f"{SIZE} samples every {HOP}, Hann; {BANDS} Slaney bands from {LOW:g} to {HIGH:g} Hz; lifter {LIFTER}",
        "functionals": "none" if backbone else [*FUNCTIONALS, COEFFICIENTS],
        "backbone": "none" if backbone is None else {"name": backbone.name, **trunk.contract()},
    }
