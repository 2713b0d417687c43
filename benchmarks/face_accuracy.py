"""The shipped face network on FER+ and on the London Set, beside the `fer` package on the same pictures.

    python benchmarks/face_accuracy.py --data FOLDER [--split test] [--peer PYTHON_WITH_FER]

``FOLDER`` holds ``ferplus_<split>.npz`` and, if it is there, ``london.csv``. Everything goes through ONNX Runtime and
the product's own crops. How to make ``PYTHON_WITH_FER`` is said in face_cost.py. It knows seven expressions
(no contempt) and may have been trained on near copies of the test pictures.
"""

import argparse
import json
import subprocess
from pathlib import Path

import numpy as np

from affectstream.datasets.ferplus import FerPlus
from affectstream.datasets.london import London
from affectstream.encoders.checkpoint import checkpoint_folder
from affectstream.encoders.face.detect import Detector
from affectstream.encoders.face.encoder import FaceEncoder
from affectstream.multimodal import metrics
from affectstream.multimodal.training.face.augment import find_points
from affectstream.multimodal.training.face.data import framed_crop
from affectstream.multimodal.training.face.metrics import ferplus_metrics, london_metrics

PEER = """
import json, sys
import cv2, numpy as np
from fer.fer import FER
images = np.load(sys.argv[1])["image"]
faces = np.stack([cv2.resize(i, (64, 64)) for i in images]).astype(np.float32)
scores = FER()._classify_emotions((faces / 255 - 0.5) * 2)
print(json.dumps(np.asarray(scores).argmax(1).tolist()))
"""
PEER_LABELS = np.array([4, 5, 6, 1, 3, 2, 0])  # angry, disgust, fear, happy, sad, surprise, neutral as ours


def main() -> None:
    parser = argparse.ArgumentParser(description="Accuracy of the shipped face network")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", default="test", choices=["train", "val", "test"])
    parser.add_argument("--peer", help="python of an environment with fer installed")
    options = parser.parse_args()
    encoder, data = FaceEncoder.load(), FerPlus(options.data, options.split)
    points = find_points(data.image, Detector(checkpoint_folder() / "yunet.onnx", threshold=0.5), len(data))
    crops = np.stack([framed_crop(*face, encoder.contract) for face in zip(data.image, points, strict=True)])
    parts = [encoder.look(crops[i : i + 64]) for i in range(0, len(crops), 64)]
    mean, log_var, logits = (np.concatenate([p[name] for p in parts]) for name in ("mean", "log_var", "logits"))
    print(json.dumps({"ferplus": ferplus_metrics(mean, np.exp(log_var), logits, data)}, indent=1))
    if options.peer:
        command = [options.peer, "-c", PEER, str(options.data / f"ferplus_{options.split}.npz")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        guess, truth = PEER_LABELS[json.loads(done.stdout.splitlines()[-1])], data.share.argmax(1)
        most = data.votes[:, :8].max(1)
        for name, kept in (("all", most >= 0), ("clear", most >= 5), ("majority", 2 * most > data.votes.sum(1))):
            figures = metrics.accuracy(guess[kept], truth[kept]), metrics.uar(guess[kept], truth[kept])
            print(f"fer package, {name}: accuracy {figures[0]:.4f}, UAR {figures[1]:.4f}")
    if (options.data / "london.csv").exists():
        print(json.dumps({"london": london_metrics(encoder, London(options.data))}, indent=1))


if __name__ == "__main__":
    main()
