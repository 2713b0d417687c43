"""Ship a trained face network: export it, measure it once on test, write the card.

    python -m affectstream.multimodal.training.face.export --data DATA --run RUN --out checkpoints

``RUN`` is a run of ``affectstream fit --config face/ferplus_small.yaml``, which calibrated the network on the validation part.
``DATA`` holds the FER+ splits and, for the test on photographs, the London set.
"""

import argparse
import csv
import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from affectstream.datasets.ferplus import EXPRESSIONS, FerPlus
from affectstream.datasets.london import London
from affectstream.encoders.face.crop import CropContract
from affectstream.encoders.face.encoder import FaceEncoder
from affectstream.encoders.face.network import FaceNetwork
from affectstream.multimodal.training.export import Card, to_onnx, write_checkpoint
from affectstream.multimodal.training.face.data import FaceData
from affectstream.multimodal.training.face.metrics import ferplus_metrics, london_metrics, nearest_neighbour
from affectstream.multimodal.training.weights import put_in, read_weights
from affectstream.multimodal.types import DIMENSIONS, Facts

NAME = "face-small"


def main() -> None:
    parser = argparse.ArgumentParser(description="Export and measure the small face network")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    export(arguments.data, arguments.run, arguments.out)


def export(data: Path, run: Path, out: Path) -> None:
    """Write ``face-small.{onnx,safetensors,json,md}`` to ``out`` from the training ``run``."""
    test, contract = FerPlus(data, "test"), CropContract()
    faces = FaceData(FerPlus, data, contract=contract)
    faces.read(run / "features")
    (fold,) = faces.folds()
    network, place = FaceNetwork(), run / "fold-00"
    weights, about = read_weights(place / "weights.safetensors")
    put_in(network, weights, place / "weights.safetensors").eval()
    with np.load(place / "answers.npz") as answers:
        mean, log_var, logits = (answers[name] for name in ("mean", "log_var", "logits"))
    scores = {
        "ferplus_test": ferplus_metrics(mean, np.exp(log_var), logits, test),
        "nearest_neighbour": nearest_neighbour(FerPlus(data, "train"), test),
    }
    path = out / f"{NAME}.onnx"
    to_onnx(network, {"crops": torch.rand(2, 1, contract.side, contract.side)}, {"crops": {0: "batch"}}, path)
    card = Card(_facts(contract, network), scores, _trained(run, about), _SPLIT, _NOT_FOR)
    real = faces.samples.inputs(fold.test[:200], None)["crops"].contiguous().numpy()
    checks = [{"crops": part} for part in np.array_split(real, 10)]
    tensors = {name: value.numpy() for name, value in network.state_dict().items()}
    worst = write_checkpoint(network, tensors, path, card, checks)
    scores["london"] = london_metrics(FaceEncoder.load(out), London(data))
    write_checkpoint(network, tensors, path, card, checks)  # again, with the score that needed the file
    body = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".md").write_text(page(body), encoding="utf-8")
    print(json.dumps(scores, indent=1), f"\nlargest difference between torch and ONNX Runtime: {worst:.2g}")


def page(card: Mapping[str, Any]) -> str:
    """The card as a page to read."""
    facts, metrics = card["facts"], card["metrics"]
    test, london, copy = metrics["ferplus_test"], metrics["london"], metrics["nearest_neighbour"]
    classes = [
        f"| {name} | {part['n']} | {_interval(part['accuracy'])} | {_interval(part['uar'])} | {part['macro_f1']:.3f} | "
        f"{part['most_frequent_accuracy']:.3f} |"
        for name, part in ((n, test[n]) for n in ("all", "clear", "majority"))
    ]
    affect = [
        f"| {d} | {_interval(v['ccc'])} | {v['rmse']:.3f} | {v['mae']:.3f} | {v['pcc']:.3f} | {v['sagr']:.3f} | "
        f"{100 * v['coverage_90']:.1f} % | {copy[d]:.3f} |"
        for d, v in ((d, test[f"vad_derived_{d}"]) for d in DIMENSIONS)
    ]
    files = "\n".join(f"- `{name}`: sha256 `{digest}`" for name, digest in card["files"].items())
    return f"""# {facts["name"]}

Facial expression and, derived from it, valence, arousal and dominance with their uncertainty, from one aligned face.
{facts["extra"]["architecture"]}, {facts["extra"]["parameters"] / 1e6:.1f} million parameters.

**{facts["licence"]}**

## Measured

FER+ test split of this project, free of near copies of training images. Crops by the shipped detector and crop
contract. 95 % bootstrap intervals over groups of near copies.

Eight expressions; the true one is the one with most votes. `clear`: at least five of about ten people agree;
`majority`: more than half of all votes. Copying the nearest training picture scores {copy["accuracy"]:.3f} (UAR {copy["uar"]:.3f}) on all.

| images | n | accuracy | UAR | macro-F1 | always the most frequent |
| --- | --- | --- | --- | --- | --- |
{chr(10).join(classes)}

`vad_derived`, the vote-weighted term means of Russell and Mehrabian (1977): a re-expression of category votes, **not
human ratings of valence, arousal or dominance**. Two halves of the voters agree to a CCC of about .91, so about .95 is the ceiling.

| | CCC | RMSE | MAE | PCC | SAGR | 90 % intervals cover | CCC of the nearest picture |
| --- | --- | --- | --- | --- | --- | --- | --- |
{chr(10).join(affect)}

London Set, {london["people"]} people in colour photographs it was never trained on, through detector and crop: valence
tells smiling from neutral with AUC {_interval(london["auc"])}; the smile gets the higher valence in {100 * london["pairs"]:.1f} % of the
people (mean {london["valence_smiling"]:+.2f} against {london["valence_neutral"]:+.2f}). Nothing was trained on it, but the size at which face points are
found was settled with these figures in view.

torch and ONNX Runtime differ by at most {card["onnx_difference"]:g} on 200 faces.

## Trained

{card["trained"]}. {card["split"]}

Data: {facts["training_data"]}.

## Not for

{chr(10).join(f"- {line}" for line in card["not_for"])}

## Files

{files}
"""


def _interval(figure: Sequence[float]) -> str:
    return f"{figure[0]:.3f} [{figure[1]:.3f}, {figure[2]:.3f}]"


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


def _trained(run: Path, about: Mapping[str, Any]) -> str:
    """What was really trained, read from the run."""
    with (run / "fold-00" / "metrics.csv").open(newline="") as file:
        curve = list(csv.DictReader(file))
    best = min(curve, key=lambda row: float(row["val_loss"]))
    hours = sum(float(row["seconds"]) for row in curve) / 3600
    return (
        f"{about['epochs']} epochs from random weights by the preset face/ferplus_small.yaml, {hours:.1f} hours on one to two CPU "
        f"cores; the weight average of epoch {int(best['epoch']) + 1}, of the lowest validation loss"
    )


if __name__ == "__main__":
    main()
