"""Ship the trained face network: calibrate on validation, export, measure once on test, write the card.

    python -m affectstream.multimodal.training.face_export --data DATA --run runs/face --out checkpoints

``DATA`` holds the FER+ splits and, for the test on photographs, the London set.
"""

import argparse
import dataclasses
import json
from pathlib import Path

import numpy as np
import torch

from affectstream.datasets.ferplus import EXPRESSIONS, FerPlus
from affectstream.datasets.london import London
from affectstream.encoders.face.crop import CropContract
from affectstream.encoders.face.encoder import FaceEncoder
from affectstream.encoders.face.network import FaceNetwork
from affectstream.encoders.network import Affect
from affectstream.multimodal.training.calibrate import calibrate
from affectstream.multimodal.training.export import Card, to_onnx, write_checkpoint
from affectstream.multimodal.training.face import Recipe, cached_points, plain_crops, predict
from affectstream.multimodal.training.face_metrics import ferplus_metrics, london_metrics, nearest_neighbour
from affectstream.multimodal.types import Facts

NAME = "face-small"


def main() -> None:
    parser = argparse.ArgumentParser(description="Calibrate, export and measure the small face network")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    export(arguments.data, arguments.run, arguments.out)


def export(data: Path, run: Path, out: Path) -> None:
    """Write ``face-small.{onnx,safetensors,json}`` to ``out`` from the weight average of the training ``run``."""
    sets = {split: FerPlus(data, split) for split in ("train", "val", "test")}
    contract = CropContract()
    points = cached_points(sets, run)
    crops = {split: plain_crops(sets[split].image, points[split], contract) for split in ("val", "test")}
    saved = torch.load(run / "last.pt", weights_only=True)
    network = FaceNetwork()
    network.load_state_dict({k.removeprefix("module."): v for k, v in saved["averaged"].items() if k != "n_averaged"})
    network.eval()
    val = predict(network, crops["val"])
    calibrate(
        network.head, Affect(*val, torch.empty(0)), torch.from_numpy(sets["val"].vad), torch.from_numpy(sets["val"].share)
    )
    mean, log_var, logits = (part.numpy() for part in predict(network, crops["test"]))
    scores = {
        "ferplus_test": ferplus_metrics(mean, np.exp(log_var), logits, sets["test"]),
        "nearest_neighbour": nearest_neighbour(sets["train"], sets["test"]),
    }
    path = out / f"{NAME}.onnx"
    to_onnx(network, {"crops": torch.rand(2, 1, contract.side, contract.side)}, {"crops": {0: "batch"}}, path)
    card = Card(_facts(contract, network), scores, _trained(run), _SPLIT, _NOT_FOR)
    checks = [{"crops": np.float32(crops["test"][i : i + 20].transpose(0, 3, 1, 2)) / np.float32(255)} for i in range(0, 200, 20)]
    tensors = {name: value.numpy() for name, value in network.state_dict().items()}
    worst = write_checkpoint(network, tensors, path, card, checks)
    scores["london"] = london_metrics(FaceEncoder.load(out), London(data))
    write_checkpoint(network, tensors, path, card, checks)  # again, with the score that needed the file
    print(json.dumps(scores, indent=1), f"\nlargest difference between torch and ONNX Runtime: {worst:.2g}")


def _facts(contract: CropContract, network: FaceNetwork) -> Facts:
    return Facts(
        name=NAME,
        modality="face",
        window=0.0,
        hop=0.0,
        rate=0.0,
        channels=contract.channels,
        contract=dataclasses.asdict(contract),
        labels=EXPRESSIONS,
        value_range=(-1.0, 1.0),
        training_data="FER+ (votes of ten people on web-scraped faces); VAD derived from the votes by Russell-Mehrabian term means",
        licence="research use, trained on web-scraped faces (FER+ labels MIT; images without a licence)",
        extra={
            "architecture": "MaxViT 3 M, 64 px, affect head",
            "dominance": "derived",
            "embedding": network.head.hidden.out_features,
            "parameters": sum(p.numel() for p in network.parameters()),
        },
    )


_SPLIT = (
    "train 24,781, validation 3,509, test 3,463 images; groups of near copies never cross a split; no identities are "
    "known, so a person may. Calibrated on validation; the test split was used to report only."
)
_NOT_FOR = (
    "deciding anything about a person: hiring, grading, policing, insurance, credit, health",
    "emotion inference at work or in education (prohibited in the EU, AI Act Art. 5(1)(f))",
    "claims about what someone feels: it describes a facial expression as ten strangers would name it",
    "commercial products, as long as the rights in the training pictures are unclear",
)


def _trained(run: Path) -> str:
    """What was really trained, read from the run's log."""
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    hours = sum(line["seconds"] for line in lines) / 3600
    recipe = Recipe()
    return (
        f"{len(lines)} epochs from random weights, {hours:.1f} hours on one to two CPU cores, batch {recipe.batch}, AdamW "
        f"{recipe.rate:g}, soft votes and VAD together, weight average {recipe.average}, seed {recipe.seed}"
    )


if __name__ == "__main__":
    main()
