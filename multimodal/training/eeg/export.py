"""From a trained EEG network to files: ``.onnx`` to score with, ``.safetensors`` to train on, a card for both.

No EEG weights are shipped, because no corpus of EEG allows it; these are for networks that users train on their own.
"""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from affectstream.encoders.eeg.electrodes import positions
from affectstream.encoders.eeg.network import ElectrodeTransformer
from affectstream.multimodal.montages import DEAP32, EPOC14, MUSE4, SEED62
from affectstream.multimodal.training.export import Card, to_onnx, write_checkpoint


def export_eeg(network: ElectrodeTransformer, card: Card, folder: Path) -> Path:
    """Write ``NAME.onnx``, ``.safetensors`` and ``.json`` to ``folder``, made if there is none; returns the ``.onnx``.

    NAME is that of the card's facts, to which the network's shape is added as ``extra["shape"]``, so that it can be
    built again. The inputs are ``entropy`` (batch, E, bands) and ``present`` (batch, E), both float32, and for a network that
    knows electrodes by position ``positions`` (1 or batch, E, 3), where E may be any number. Both files are compared
    on several headsets, with electrodes missing. Raises ValueError if the facts are not the network's, or if the files
    answer differently by more than 1e-4.
    """
    shape = network.shape
    facts = card.facts
    wanted = {"modality": "eeg", "channels": len(shape.electrodes)}
    for name, value in wanted.items():
        if getattr(facts, name) != value:
            raise ValueError(f"facts of an EEG network say {name} {getattr(facts, name)!r}; wanted {value!r}")
    if len(facts.labels) != shape.labels:
        raise ValueError(f"facts name {len(facts.labels)} labels; the network has {shape.labels}; name each of them")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{facts.name}.onnx"
    batches = list(_batches(network))
    free = {"entropy": {0: "batch"}, "present": {0: "batch"}}
    if not shape.electrodes:
        free = {name: {**axes, 1: "electrodes"} for name, axes in free.items()}
        free["positions"] = {0: "one_or_batch", 1: "electrodes"}
    to_onnx(network, {name: torch.from_numpy(value) for name, value in batches[0].items()}, free, path)
    facts = dataclasses.replace(facts, extra={**facts.extra, "shape": dataclasses.asdict(shape)})
    tensors = {name: value.numpy() for name, value in network.state_dict().items()}
    write_checkpoint(network, tensors, path, dataclasses.replace(card, facts=facts), batches)
    return path


def _batches(network: ElectrodeTransformer) -> Iterator[dict[str, NDArray[Any]]]:
    """Entropies such as the network was trained on, of one headset after another; electrodes are missing or half there,
    and in the last window all are."""
    rng = np.random.default_rng(0)
    fixed = network.shape.electrodes
    mean, sd = network.entropy_mean.numpy(), network.entropy_sd.numpy()
    for windows, names in enumerate((fixed,) if fixed else (DEAP32, SEED62, EPOC14, MUSE4), 3):
        entropy = (mean + sd * rng.standard_normal((windows, len(names), network.shape.bands))).astype(np.float32)
        present = rng.choice(np.array([0, 0.5, 1], np.float32), (windows, len(names)), p=(0.3, 0.1, 0.6))
        present[-1] = 0
        entropy[0, 0, 0] = np.nan
        batch: dict[str, NDArray[Any]] = {"entropy": entropy, "present": present}
        if fixed:
            yield batch
            continue
        where = positions(names).astype(np.float32)[None]
        yield batch | {"positions": where}
        yield batch | {"positions": np.repeat(where, windows, 0)}
