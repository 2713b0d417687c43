"""Make the frozen speech trunk that is shipped from the Whisper-base encoder.

    python -m affectstream.multimodal.training.speech.trunk --whisper FILE --clips FOLDER --out checkpoints

``FILE`` holds the encoder's first blocks in CTranslate2's names (.safetensors), as docs/DATASETS.md describes them;
``FOLDER`` holds recordings on which torch and ONNX Runtime are compared. Matrices are rounded to int8, one scale a
row; there is no ``.safetensors``, because the trunk is never trained.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from affectstream.datasets.clips import read_clip, recordings
from affectstream.encoders.checkpoint import sha256_of
from affectstream.encoders.int8 import pack, unpack
from affectstream.encoders.speech.backbone import NAME, contract, log_mel
from affectstream.encoders.speech.features import BLOCK_SAMPLES, PAST_SAMPLES
from affectstream.encoders.speech.spectrum import RATE
from affectstream.encoders.speech.trunk import BLOCKS, WhisperTrunk, load_whisper
from affectstream.multimodal.training.export import Card, to_onnx, write_checkpoint
from affectstream.multimodal.training.hold_int8 import hold_int8
from affectstream.multimodal.types import Facts

NOT_FOR = (
    "Transcription: the blocks that hold words, and the decoder, are not here.",
    "Anything by itself: it says nothing of affect; the speech network reads it.",
)


def export_trunk(whisper: Path, clips: Path, out: Path) -> float:
    """Write ``whisper-base-3`` ``.onnx`` and ``.json`` to ``out``; returns the greatest difference to torch."""
    out.mkdir(parents=True, exist_ok=True)
    exact = load_whisper(whisper)
    packed = pack({name: value.numpy() for name, value in exact.state_dict().items()})
    trunk = WhisperTrunk().eval()
    trunk.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in unpack(packed).items()})
    path = out / f"{NAME}.onnx"
    heard = [log_mel(stretch)[None] for stretch in _stretches(clips)]
    free = {"log_mel": {0: "batch", 2: "frames"}, "states": {0: "batch", 1: "half_frames"}}
    to_onnx(trunk, {"log_mel": torch.from_numpy(heard[0])}, free, path)
    hold_int8(path, packed)
    metrics = {"rounding": _rounding(exact, trunk, heard), "whisper_sha256": sha256_of(whisper)}
    card = Card(_facts(), metrics, "Not trained here: OpenAI's weights, rounded.", "none", NOT_FOR)
    return write_checkpoint(trunk, packed, path, card, [{"log_mel": one} for one in heard], frozen=True)


def _stretches(clips: Path) -> list[NDArray[np.float32]]:
    """200 stretches of 1.6 s, as the encoder takes them."""
    size = PAST_SAMPLES + BLOCK_SAMPLES
    samples = [read_clip(path) for path in recordings(clips, "recordings of speech")[:200]]
    return [np.pad(one, (size, 0))[-size:] for one in samples]


@torch.inference_mode()
def _rounding(exact: WhisperTrunk, rounded: WhisperTrunk, heard: list[NDArray[np.float32]]) -> list[float]:
    """How far rounding moves each of the three states: its mean square over the state's own variance."""
    pairs = [(exact(torch.from_numpy(one)).states, rounded(torch.from_numpy(one)).states) for one in heard[:20]]
    whole, other = (torch.cat(part).flatten(0, 1) for part in zip(*pairs, strict=True))
    shift = (whole - other).square().mean((0, 2)) / whole.var(0).mean(1)
    return [float(f"{value:.2g}") for value in shift]


def _facts() -> Facts:
    return Facts(
        name=NAME,
        modality="speech",
        window=(PAST_SAMPLES + BLOCK_SAMPLES) / RATE,
        hop=BLOCK_SAMPLES / RATE,
        rate=RATE,
        channels=1,
        contract=contract(),
        labels=(),
        value_range=(-1e4, 1e4),  # states, not affect
        training_data="680,000 hours of transcribed speech of many languages from the web, by OpenAI",
        licence="MIT, copyright 2022 OpenAI",
        extra={"blocks": BLOCKS},
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the frozen speech trunk from the Whisper-base encoder")
    parser.add_argument("--whisper", type=Path, required=True, help="the encoder's first blocks, .safetensors")
    parser.add_argument("--clips", type=Path, required=True, help="folder of recordings to compare on")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"torch and ONNX Runtime differ by {export_trunk(arguments.whisper, arguments.clips, arguments.out):.2g}")


if __name__ == "__main__":
    main()
