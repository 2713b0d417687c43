"""An ONNX file whose weight matrices are int8 and computed with as float32."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from affectstream.encoders.int8 import SCALE, unpack


def hold_int8(path: Path, packed: Mapping[str, NDArray[Any]]) -> None:
    """Replace every matrix in the ONNX file that is int8 in ``packed`` by its numbers and scales, multiplied out in the graph.

    Written as Cast and Mul, which ONNX Runtime folds once when it opens the file. A DequantizeLinear it would
    fuse with the product after it and round the activations too: slower, and answers change by up to 0.01. Of
    the table of words only the rows that are looked up are multiplied.
    Raises ValueError if a matrix of the graph is none of ``packed``.
    """
    model = onnx.load(path)
    graph = model.graph
    known = {_key(values): name for name, values in unpack(packed).items() if values.ndim == 2}
    known |= {_key(values.T): name for name, values in unpack(packed).items() if values.ndim == 2}
    made = []
    for tensor in list(graph.initializer):
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.ndim != 2:
            continue
        name = known.get(_key(values))
        if name is None:
            raise ValueError(f"{path} holds a matrix {tensor.name} {values.shape} that is not among the weights")
        if packed[name].dtype != np.int8:
            continue
        numbers, scale = packed[name], packed[name + SCALE][:, None]
        if numbers.shape != values.shape or not np.array_equal(unpack(packed)[name], values):
            numbers, scale = np.ascontiguousarray(numbers.T), scale.T
        graph.initializer.remove(tensor)
        int8, scales = f"{tensor.name}.int8", f"{tensor.name}.scale"
        graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(numbers), int8))
        graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(scale), scales))
        lookup = next((node for node in graph.node if node.op_type == "Gather" and node.input[0] == tensor.name), None)
        if lookup is None:
            made += _product(int8, scales, tensor.name)
        else:
            out, where = lookup.output[0], lookup.input[1]
            made += [helper.make_node("Gather", [table, where], [f"{table}.rows"], axis=0) for table in (int8, scales)]
            made += _product(f"{int8}.rows", f"{scales}.rows", out)
            graph.node.remove(lookup)
    rest = list(graph.node)
    del graph.node[:]
    graph.node.extend(made + rest)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _product(numbers: str, scale: str, out: str) -> list[onnx.NodeProto]:
    wide = f"{out}.wide"
    return [
        helper.make_node("Cast", [numbers], [wide], to=TensorProto.FLOAT),
        helper.make_node("Mul", [wide, scale], [out]),
    ]


def _key(values: NDArray[np.float32]) -> tuple[tuple[int, ...], bytes]:
    return values.shape, hashlib.sha256(np.ascontiguousarray(values).tobytes()).digest()
