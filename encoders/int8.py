"""Weight matrices as whole numbers: one int8 row and one float32 scale for each output (numpy).

Symmetric: value = number * scale, number in [-127, 127]. Activations stay float32. Rounding is done before a
network is measured and exported, so every copy of it, in torch or in ONNX, computes with the same values.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

SCALE = ".scale"  # the name of a matrix's scales is the matrix's name and this


def round_rows(matrix: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """``matrix`` (rows, columns) to numbers (rows, columns) and scales (rows,); a row of zeros has scale 1.

    >>> numbers, scale = round_rows(np.array([[1.0, -0.5], [0.0, 0.0]], np.float32))
    >>> numbers.tolist(), (scale * 127).tolist()
    ([[127, -64], [0, 0]], [1.0, 127.0])
    """
    top = abs(matrix).max(1)
    scale = np.where(top > 0, top / 127, 1).astype(np.float32)
    return np.rint(matrix / scale[:, None]).astype(np.int8), scale


def restore_rows(numbers: NDArray[np.int8], scale: NDArray[np.float32]) -> NDArray[np.float32]:
    """The values that :func:`round_rows` stands for, (rows, columns) float32."""
    return numbers.astype(np.float32) * scale[:, None]


def pack(tensors: Mapping[str, NDArray[np.float32]], exact: tuple[str, ...] = ()) -> dict[str, NDArray[Any]]:
    """Every matrix of ``tensors`` as int8 under its name with its scales beside it; vectors, and matrices whose names end in one
    of ``exact``, as they are."""
    packed: dict[str, NDArray[Any]] = {}
    for name, values in tensors.items():
        if values.ndim == 2 and not name.endswith(exact):
            packed[name], packed[name + SCALE] = round_rows(values)
        else:
            packed[name] = values
    return packed


def unpack(packed: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
    """The inverse of :func:`pack`, float32; raises KeyError if an int8 matrix has no scales."""
    return {
        name: restore_rows(values, packed[name + SCALE]) if values.dtype == np.int8 else values
        for name, values in packed.items()
        if not name.endswith(SCALE)
    }
