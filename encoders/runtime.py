"""ONNX Runtime, opened the same way everywhere."""

from pathlib import Path

import onnxruntime as ort


def open_session(path: Path, *, threads: int = 1) -> ort.InferenceSession:
    """A CPU session of the network at ``path``.

    One thread by default: the networks are small, two spinning threads on busy cores are slower than one,
    and one thread gives the same bytes every time.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
