"""ONNX Runtime, opened the same way everywhere."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray


def open_session(network: Path | bytes) -> ort.InferenceSession:
    """A CPU session of the ``network``, a file or its content.

    One thread: the networks are small, two spinning threads on busy cores are slower than one,
    and one thread gives the same bytes every time.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(
        network if isinstance(network, bytes) else str(network), options, providers=["CPUExecutionProvider"]
    )


def run_session(session: ort.InferenceSession, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
    """All outputs of ``session`` by name."""
    names = [output.name for output in session.get_outputs()]
    values = session.run(names, dict(inputs))
    return {name: np.asarray(value) for name, value in zip(names, values, strict=True)}
