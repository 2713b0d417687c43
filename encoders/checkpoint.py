"""Weights on disk: loaded only if they are the ones their card names and fed only what they were trained on.

Beside ``NAME.onnx`` lies the card ``NAME.json``: the facts, the metrics, and the sha256 of every file. The
same facts are stored inside the ``.onnx`` and the ``.safetensors``.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from affectstream.encoders.runtime import open_session, run_session
from affectstream.multimodal.types import Facts


class CheckpointError(Exception):
    """Weights that are missing, altered, or made for another input."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """An opened network: its ``session``, its ``facts``, and the ``sha256`` of its file."""

    session: ort.InferenceSession
    facts: Facts
    sha256: str

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        """Outputs by name."""
        return run_session(self.session, inputs)


def checkpoint_folder() -> Path:
    """Where the shipped weights lie."""
    return Path(str(files("affectstream.checkpoints")))


def load(path: Path, *, contract: Mapping[str, Any]) -> Checkpoint:
    """Open the network ``path`` (.onnx) after checking it against its card and against ``contract``.

    Raises CheckpointError if the file or card is missing, if the file's hash is not the card's, or if the
    facts inside the file name another input contract than ours.
    """
    verified(path)
    session = open_session(path)
    stored = session.get_modelmeta().custom_metadata_map.get("facts")
    if stored is None:
        raise CheckpointError(f"{path} holds no facts about its input; wanted weights exported by affectstream")
    facts = Facts.from_json(stored)
    check_contract(facts, contract, path)
    return Checkpoint(session, facts, sha256_of(path))


def verified(path: Path) -> Path:
    """``path``, if its bytes are those its checkpoint's card names; raises CheckpointError otherwise.

    The card of ``NAME.onnx`` and of everything called ``NAME.*`` is ``NAME.json``.
    """
    card_path = path.with_name(path.name.split(".")[0] + ".json")
    for needed in (path, card_path):
        if not needed.is_file():
            raise CheckpointError(f"no {needed}; wanted weights and their card there; install affectstream again")
    found, wanted = sha256_of(path), json.loads(card_path.read_text()).get("files", {}).get(path.name)
    if found != wanted:
        raise CheckpointError(f"{path} has sha256 {found}; its card says {wanted}; get the file again")
    return path


def check_contract(facts: Facts, contract: Mapping[str, Any], path: Path) -> None:
    """Refuse weights trained on another input than ``contract``; raises CheckpointError."""
    ours = json.loads(json.dumps(dict(contract)))
    for key in sorted(ours.keys() | facts.contract.keys()):
        got, wanted = ours.get(key), facts.contract.get(key)
        if got != wanted:
            raise CheckpointError(
                f"{path} was trained with {facts.modality} {key} {wanted!r}, but would be fed {got!r}; "
                "use the front-end it was trained with, or train again"
            )


def sha256_of(path: Path) -> str:
    """sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
