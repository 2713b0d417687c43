"""Weights of a run on disk: a ``.safetensors`` file that says what it learnt from."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from affectstream.multimodal.whole import draft


def save_weights(network: nn.Module, about: Mapping[str, Any], path: Path) -> None:
    """Write the state of ``network`` to ``path`` (.safetensors), with ``about`` (JSON-able) beside it in the file."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    with draft(path) as name:
        save_file(tensors, name, metadata={"about": json.dumps(dict(about))})


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of a ``.safetensors`` file, and what it says about itself ({} if nothing).

    Raises FileNotFoundError if there is none, ValueError for a file that is none.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"there are no weights at {path}; wanted a .safetensors file, such as fold-00/weights.safetensors"
        )
    try:
        with safe_open(path, "pt") as file:
            about = json.loads((file.metadata() or {}).get("about", "{}"))
            return {name: file.get_tensor(name) for name in file.keys()}, about  # noqa: SIM118 (no mapping)
    except SafetensorError as error:
        raise ValueError(f"{path} is no whole .safetensors file ({error}); copy it again") from error


def put_in(network: nn.Module, weights: Mapping[str, Tensor], path: Path) -> nn.Module:
    """``network`` with ``weights``, which came from ``path``; ValueError that says what differs if they are another's."""
    own = network.state_dict()
    missing, surplus = sorted(own.keys() - weights.keys()), sorted(weights.keys() - own.keys())
    shapes = [name for name in own.keys() & weights.keys() if own[name].shape != weights[name].shape]
    if missing or surplus or shapes:
        name = (sorted(shapes) + missing + surplus)[0]
        got = list(weights[name].shape) if name in weights else "nothing"
        wanted = list(own[name].shape) if name in own else "nothing"
        raise ValueError(
            f"{path} holds another network: {len(missing)} tensors are missing, {len(surplus)} unknown, {len(shapes)} of another "
            f"shape; {name} is {got}, wanted {wanted}; give the configuration it was trained with"
        )
    network.load_state_dict(dict(weights))
    return network
