"""From a trained network to what is shipped: ``.safetensors`` to train on, ``.onnx`` to run, a card for both."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file
from torch import Tensor, nn

from affectstream.encoders.checkpoint import sha256_of
from affectstream.encoders.runtime import open_session
from affectstream.multimodal.types import Facts

TOLERANCE = 1e-4  # greatest difference between torch and ONNX Runtime that is shipped


@dataclass(frozen=True)
class Card:
    """What a reader must know of shipped weights: what they are, how good, and what they are not for."""

    facts: Facts
    metrics: Mapping[str, Any]
    trained: str
    split: str
    not_for: Sequence[str]


class _Named(nn.Module):
    """A network whose answer is a plain tuple, as the exporter wants it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        answer: NamedTuple = self.network(*inputs)
        return tuple(part for part in answer if part is not None)


def weights_sha256(tensors: Mapping[str, NDArray[Any]]) -> str:
    """sha256 over all tensors' bytes in the order of their names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(tensors[name]).tobytes())
    return digest.hexdigest()


def put_weights(network: nn.Module, weights: Mapping[str, NDArray[Any]]) -> None:
    """Fill ``network`` with arrays by name; RuntimeError if a name or a shape is another."""
    network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in weights.items()})


def to_onnx(
    network: nn.Module,
    inputs: Mapping[str, Tensor],
    dynamic: Mapping[str, Mapping[int, str]],
    path: Path,
    *,
    fold: bool = True,
) -> None:
    """Write ``network`` to ``path`` with its inputs and outputs named; ``dynamic`` names the free axes of each input, and of
    an output that has more of them than its batch.

    Without ``fold``, what follows from the weights alone is left for ONNX Runtime to work out when it opens the file, which
    keeps quaternions as small there as they are here. Uses the TorchScript exporter: the one built on torch.export fails on MaxViT with a free batch axis.
    """
    network.eval()
    answer = network(*inputs.values())
    outputs = [name for name, part in answer._asdict().items() if part is not None]
    axes = {name: {0: "batch"} for name in outputs} | {name: dict(free) for name, free in dynamic.items()}
    torch.onnx.export(
        _Named(network).eval(),
        tuple(inputs.values()),
        str(path),
        input_names=list(inputs),
        output_names=outputs,
        dynamic_axes=axes,
        opset_version=17,
        do_constant_folding=fold,
        dynamo=False,
    )


def largest_difference(network: nn.Module, path: Path, batches: Sequence[Mapping[str, NDArray[Any]]]) -> float:
    """Greatest absolute difference between ``network`` and the ONNX file over all outputs of all ``batches``."""
    session = open_session(path)
    names = [output.name for output in session.get_outputs()]
    worst = 0.0
    network.eval()
    for batch in batches:
        with torch.inference_mode():
            answer = network(*(torch.from_numpy(value) for value in batch.values()))._asdict()
        for name, got in zip(names, session.run(names, dict(batch)), strict=True):
            off = float(abs(got - answer[name].numpy()).max())
            worst = max(worst, math.inf if math.isnan(off) else off)  # NaN is no agreement
    return worst


def write_checkpoint(
    network: nn.Module,
    tensors: Mapping[str, NDArray[Any]],
    onnx_path: Path,
    card: Card,
    checks: Sequence[Mapping[str, NDArray[Any]]],
    *,
    beside: Sequence[Path] = (),
    frozen: bool = False,
) -> float:
    """Finish ``onnx_path`` and write its ``.safetensors`` (from ``tensors``) and ``.json`` beside it.

    A ``frozen`` network is never trained on, so it gets no ``.safetensors``.

    The same facts go into both files. ``checks`` are real inputs on which torch and ONNX Runtime must agree
    to :data:`TOLERANCE`; returns the greatest difference seen and raises ValueError if it is larger.
    ``beside`` are further files of this checkpoint whose hashes belong on the card.
    """
    worst = largest_difference(network, onnx_path, checks)
    if worst > TOLERANCE:
        raise ValueError(f"{onnx_path} differs from the torch network by {worst:.2g}; wanted at most {TOLERANCE:g}")
    facts = replace(card.facts, weights=weights_sha256(tensors))
    model = onnx.load(onnx_path)
    onnx.helper.set_model_props(model, {"facts": facts.to_json()})
    onnx.save(model, onnx_path)
    files = [onnx_path, *beside]
    if not frozen:
        files.insert(1, onnx_path.with_suffix(".safetensors"))
        save_file(dict(tensors), files[1], metadata={"facts": facts.to_json()})
    body = {
        "facts": json.loads(facts.to_json()),
        "files": {path.name: sha256_of(path) for path in files},
        "metrics": dict(card.metrics),
        "trained": card.trained,
        "split": card.split,
        "not_for": list(card.not_for),
        "onnx_difference": float(f"{worst:.2g}"),
    }
    onnx_path.with_suffix(".json").write_text(json.dumps(body, indent=1) + "\n")
    return worst


NOT_FOR = (
    "Decisions about a person: hiring, insurance, credit, grading, policing, medical or psychological diagnosis.",
    "Emotion inference at work or in schools in the EU, where the AI Act forbids it.",
    "Claims about people it has not been tested on: its metrics say how well it told those it had not seen.",
)


def run_card(facts: Facts, split: str, held: str, figures: Mapping[str, Any]) -> Card:
    """The card of a network that ``affectstream fit`` trained and that never saw what was ``held`` out."""
    how = "by affectstream fit; config.yaml of the run says how"
    return Card(facts, figures, how, f"{split}, without {held}", NOT_FOR)
