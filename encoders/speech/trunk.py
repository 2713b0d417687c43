"""The frozen speech trunk: the first blocks of the Whisper-base encoder (torch; needed to export it, not to run it).

Radford et al. 2022, "Robust Speech Recognition via Large-Scale Weak Supervision", arXiv 2212.04356; weights MIT,
copyright 2022 OpenAI. Two convolutions take a log-mel spectrogram at 100 Hz to 50 Hz, positions are added, and
pre-norm transformer blocks follow. State 0 is what enters the first block, state n what leaves block n; early states
carry affect best, late ones the words.
"""

import math
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

WIDTH, HEADS, MELS, BLOCKS = 512, 8, 80, 3
LONGEST = 250  # frames of 20 ms for which positions are kept: 5 s, of 30


class Trunk(NamedTuple):
    """What the trunk says of a batch: ``states`` (B, T, 3, 512)."""

    states: Tensor


class TrunkBlock(nn.Module):
    """One pre-norm transformer block; ``attention`` makes query, key and value at once."""

    def __init__(self) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(WIDTH)
        self.attention = nn.Linear(WIDTH, 3 * WIDTH)
        self.attended = nn.Linear(WIDTH, WIDTH)
        self.wide_norm = nn.LayerNorm(WIDTH)
        self.wide = nn.Linear(WIDTH, 4 * WIDTH)
        self.narrow = nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, states: Tensor) -> Tensor:
        """``states`` (B, T, 512) to the same."""
        parts = self.attention(self.attention_norm(states)).chunk(3, -1)
        q, k, v = (part.unflatten(-1, (HEADS, WIDTH // HEADS)).transpose(1, 2) for part in parts)
        weight = (q @ k.transpose(2, 3) / math.sqrt(WIDTH // HEADS)).softmax(-1)
        states = states + self.attended((weight @ v).transpose(1, 2).flatten(2))
        return states + self.narrow(functional.gelu(self.wide(self.wide_norm(states))))


class WhisperTrunk(nn.Module):
    """Log-mel (B, 80, 2 T) at 100 Hz, T <= 250, to the states after blocks 1 to 3, at 50 Hz."""

    positions: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(MELS, WIDTH, 3, padding=1)
        self.second = nn.Conv1d(WIDTH, WIDTH, 3, stride=2, padding=1)
        self.blocks = nn.ModuleList(TrunkBlock() for _ in range(BLOCKS))
        self.register_buffer("positions", torch.zeros(1, LONGEST, WIDTH))

    def forward(self, log_mel: Tensor) -> Trunk:
        hidden = functional.gelu(self.second(functional.gelu(self.first(log_mel)))).transpose(1, 2)
        states = [hidden + self.positions[:, : hidden.shape[1]]]
        for block in self.blocks:
            states.append(block(states[-1]))
        return Trunk(torch.stack(states[1:], 2))


_NAMES = {
    "attention_norm": "self_attention.layer_norm",
    "attention": "self_attention.linear_0",
    "attended": "self_attention.linear_1",
    "wide_norm": "ffn.layer_norm",
    "wide": "ffn.linear_0",
    "narrow": "ffn.linear_1",
}


def load_whisper(path: Path) -> WhisperTrunk:
    """A trunk with the weights of a Whisper-base encoder in CTranslate2's names (.safetensors, any float).

    Raises FileNotFoundError if there is no such file, KeyError if a tensor is missing, RuntimeError if one has another
    shape.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no Whisper encoder at {path}; wanted its first {BLOCKS} blocks as .safetensors")
    theirs = {name.removeprefix("encoder."): value for name, value in load_file(path).items()}
    ours = {"positions": theirs["position_encodings.encodings"][None, :LONGEST]}
    for name, other in (("first", "conv1"), ("second", "conv2")):
        ours |= {f"{name}.{kind}": theirs[f"{other}.{kind}"] for kind in ("weight", "bias")}
    for block in range(BLOCKS):
        for name, other in _NAMES.items():
            kinds = ("gamma", "beta") if name.endswith("norm") else ("weight", "bias")
            for kind, their_kind in zip(("weight", "bias"), kinds, strict=True):
                ours[f"blocks.{block}.{name}.{kind}"] = theirs[f"layer_{block}.{other}.{their_kind}"]
    trunk = WhisperTrunk().eval().requires_grad_(False)
    trunk.load_state_dict({name: value.float() for name, value in ours.items()})
    return trunk
