"""A network trained on other people's EEG, for what it makes of a window before it names anything (ONNX Runtime; no torch).

None is shipped: no corpus of emotion-labelled EEG allows it. `affectstream fit` makes one from a corpus of your own, and
`affectstream calibrate --trunk` asks whether a person is told better from it than from the band entropies themselves.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from affectstream.encoders.checkpoint import CheckpointError, verified
from affectstream.encoders.eeg.electrodes import positions
from affectstream.encoders.eeg.entropy import Entropy
from affectstream.encoders.eeg.physiology import READABLE
from affectstream.encoders.runtime import open_session, run_session
from affectstream.multimodal.types import Facts, SignalError


@dataclass(frozen=True, eq=False)
class Trunk:
    """An opened network, its ``facts``, and its file's ``content``, which a person's model keeps."""

    content: bytes
    facts: Facts
    session: ort.InferenceSession

    @classmethod
    def load(cls, path: Path) -> Self:
        """The network ``path`` (.onnx), whose card lies beside it.

        Raises CheckpointError if one is missing, if the file is not the one its card names, or is no EEG network of ours.
        """
        return cls.of(verified(path).read_bytes(), str(path))

    @classmethod
    def of(cls, content: bytes, where: str) -> Self:
        """The network with the bytes ``content``, which came from ``where``; raises CheckpointError if it is none of ours."""
        wanted = "wanted an EEG network made by affectstream"
        try:
            session = open_session(content)
        except Exception as error:  # ONNX Runtime has classes of its own for every kind of broken file
            raise CheckpointError(f"{where} holds no network that can be opened ({error}); {wanted}") from error
        try:
            facts = Facts.from_json(session.get_modelmeta().custom_metadata_map.get("facts", ""))
        except ValueError as error:
            raise CheckpointError(f"{where} does not say what it is ({error}); {wanted}; train one") from error
        if facts.modality != "eeg" or "entropy" not in facts.contract or "shape" not in facts.extra:
            raise CheckpointError(f"{where} is a network for {facts.modality}, {facts.name}; {wanted}; train one")
        return cls(content, facts, session)

    def check(self, definition: Entropy) -> None:
        """Raises SignalError if it was trained on entropies of another ``definition``."""
        ours = json.loads(json.dumps(definition.contract()))
        if self.facts.contract["entropy"] != ours:
            raise SignalError(
                f"the trunk {self.facts.name} was trained on {self.facts.contract['entropy']}; it would be fed {ours}; train "
                "one on the default definition"
            )

    def embed(
        self, entropy: NDArray[np.float64], quality: NDArray[np.float64], names: Sequence[str]
    ) -> NDArray[np.float64]:
        """Embeddings (w, D) of windows with ``entropy`` (w, C, B) and ``quality`` (w, C) at the electrodes ``names``.

        An electrode that cannot be read is missing; others count by their quality.
        """
        fixed = self.facts.extra["shape"]["electrodes"]
        here = list(fixed or names)
        at = {name: k for k, name in enumerate(names)}
        columns = [at.get(name, -1) for name in here]
        there = np.array([k >= 0 for k in columns])
        present = np.where(there & (quality[:, columns] >= READABLE), quality[:, columns], 0.0)
        inputs = {
            "entropy": np.where(present[:, :, None] > 0, entropy[:, columns], 0.0).astype(np.float32),
            "present": present.astype(np.float32),
        }
        if not fixed:
            inputs["positions"] = positions(here).astype(np.float32)[None]
        return run_session(self.session, inputs)["embedding"].astype(np.float64)
