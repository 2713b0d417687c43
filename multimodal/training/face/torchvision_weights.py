"""Weights to start a face network from: torchvision's MaxViT-T, CAGE's file, or one of ours.

torchvision's for ImageNet are https://download.pytorch.org/models/maxvit_t-bc5ab103.pth (124 MB, BSD-3-Clause; the images
are for research). Nothing is fetched here: who wants to start from a file puts it on the disk.
"""

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from zipfile import BadZipFile

import torch
from torch import Tensor

from affectstream.encoders.checkpoint import sha256_of
from affectstream.encoders.face.network import FaceNetwork
from affectstream.multimodal.training.weights import read_weights

_CONV = {
    "proj.1": "shortcut.expand",
    "layers.pre_norm": "pre_norm",
    "layers.conv_a.0": "conv1_1x1",
    "layers.conv_a.1": "norm1",
    "layers.conv_b.0": "conv2_kxk",
    "layers.conv_b.1": "norm2",
    "layers.squeeze_excitation.fc1": "se.fc1",
    "layers.squeeze_excitation.fc2": "se.fc2",
    "layers.conv_c": "conv3_1x1",
}
_ATTENTION = {
    "attn_layer.0": "norm1",
    "attn_layer.1": "attn.rel_pos",
    "attn_layer.1.to_qkv": "attn.qkv",
    "attn_layer.1.merge": "attn.proj",
    "mlp_layer.0": "norm2",
    "mlp_layer.1": "mlp.fc1",
    "mlp_layer.3": "mlp.fc2",
}
_BLOCK = {f"MBconv.{theirs}": f"conv.{ours}" for theirs, ours in _CONV.items()}
_BLOCK |= {f"window_attention.{theirs}": f"attn_block.{ours}" for theirs, ours in _ATTENTION.items()}
_BLOCK |= {f"grid_attention.{theirs}": f"attn_grid.{ours}" for theirs, ours in _ATTENTION.items()}
_ENDS = {
    "stem.0.0": "trunk.stem.conv1",
    "stem.0.1": "trunk.stem.norm1",
    "stem.1.0": "trunk.stem.conv2",
    "classifier.2": "head.norm",
    "classifier.3": "head.hidden",
    "classifier.5": "head.out",
    "classifier.6": "head.out",  # with a dropout before it, as in CAGE's second stage
}
_CALIBRATION = ("head.gain", "head.bias", "head.widen", "head.sharpen", "head.log_prior")


def load_maxvit_t(path: Path) -> dict[str, Tensor]:
    """The tensors of a state dict of torchvision's ``maxvit_t`` by the names of ``FaceNetwork("cage")``.

    The last layers may be torchvision's own or CAGE's; they become ``head.norm``, ``head.hidden`` and ``head.out``, as
    :class:`affectstream.encoders.face.network.PublishedHead` has them.

    Raises FileNotFoundError if there is no such file; ValueError if it is broken, if it is not what the eight digits of sha256
    in its name promise, or if its tensors are another network's.
    """
    theirs = _open(path)
    ours = {_renamed(name): tensor for name, tensor in theirs.items() if not name.endswith("relative_position_index")}
    with torch.device("meta"):
        wanted = FaceNetwork("cage", head="published").state_dict()
    _compare(path, ours, wanted)
    return ours


def begin(network: FaceNetwork, path: Path) -> None:
    """Start ``network`` from ``path``: our ``.safetensors``, or a file for :func:`load_maxvit_t`.

    The trunk is taken, and the head too if all of it has the shapes of the network's; else the head stays as it is, which is
    how CAGE goes from ImageNet to expressions and from expressions to ratings. Calibrations are not taken: they are
    fitted to trained weights, once.

    Raises as :func:`load_maxvit_t` does, and ValueError if the file's trunk is not of the network's size.
    """
    found = read_weights(path)[0] if path.suffix == ".safetensors" else load_maxvit_t(path)
    wanted = network.state_dict()
    _compare(path, found, wanted)
    taken = {name: tensor for name, tensor in found.items() if name.startswith("trunk.")}
    head, ours = _head(found), _head(wanted)
    if head.keys() == ours.keys() and all(head[name].shape == ours[name].shape for name in head):
        taken |= head
    network.load_state_dict({**wanted, **taken})


def _head(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What is learnt of the head."""
    return {name: tensor for name, tensor in tensors.items() if name.startswith("head.") and name not in _CALIBRATION}


def _renamed(name: str) -> str:
    """Our name for torchvision's; one that torchvision's network does not have stays what it is."""
    place, _, what = name.rpartition(".")
    if place in _ENDS:
        return f"{_ENDS[place]}.{what}"
    block = re.fullmatch(r"blocks\.(\d+)\.layers\.(\d+)\.layers\.(.+)", place)
    if block and block[3] in _BLOCK:
        return f"trunk.stages.{block[1]}.blocks.{block[2]}.{_BLOCK[block[3]]}.{what}"
    return name


def _open(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise FileNotFoundError(
            f"no weights at {path}; nothing is downloaded: put torchvision's maxvit_t-bc5ab103.pth there, or name another"
        )
    promised = re.search(r"-([0-9a-f]{8,})\.\w+$", path.name)
    if promised and not (got := sha256_of(path)).startswith(promised[1]):
        raise ValueError(
            f"{path} has sha256 {got[:8]}...; its name promises {promised[1]}: it is cut short or another; get it again"
        )
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, BadZipFile, ValueError, KeyError) as error:
        raise ValueError(
            f"{path} is no state dict that torch can read; save network.state_dict() with torch.save"
        ) from error
    if not isinstance(found, Mapping) or not all(isinstance(tensor, Tensor) for tensor in found.values()):
        raise ValueError(f"{path} holds a {type(found).__name__}; wanted a state dict: names with their tensors")
    return dict(found)


def _compare(path: Path, found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    """Raise ValueError if the trunks differ, or ``found`` has names that are neither trunk nor head."""
    trunk = {name for name in wanted if name.startswith("trunk.")}
    missing = sorted(trunk - set(found))
    further = sorted(name for name in set(found) - trunk if not name.startswith("head.") and name not in wanted)
    if missing or further:
        said = [
            f"{len(names)} {what}, such as {names[0]}"
            for names, what in ((missing, "missing"), (further, "too many"))
            if names
        ]
        raise ValueError(
            f"{path} has the tensors of another network (by our names, {'; '.join(said)}); wanted a MaxViT of this size"
        )
    for name in sorted(trunk):
        if found[name].shape != wanted[name].shape:
            got, shape = tuple(found[name].shape), tuple(wanted[name].shape)
            raise ValueError(f"{path}: {name} has shape {got}; wanted {shape}, as in a MaxViT of this size")
