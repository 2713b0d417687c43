"""Measure, export and describe the trained fusion.

    python -m affectstream.multimodal.training.fusion.export --data FOLDER --run FOLDER --out FOLDER

Writes ``fusion-cremad`` ``.safetensors``, ``.onnx``, ``.json`` and ``.md`` to ``out``. The numbers on the card are
measured here on the test actors, through the written ONNX file; nothing was chosen by them.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from affectstream.datasets.cremad_votes import CremadVotes
from affectstream.encoders.runtime import open_session, run_session
from affectstream.multimodal.fusion.learned import EMOTIONS, MODALITIES, NAME, RATE, contract
from affectstream.multimodal.fusion.network import FusionNetwork
from affectstream.multimodal.metrics import bootstrap, ccc, coverage, gaussian_nll, mae, pcc, rmse
from affectstream.multimodal.training.export import Card, to_onnx, write_checkpoint
from affectstream.multimodal.training.fusion.baselines import predictions, rows, table
from affectstream.multimodal.training.fusion.train import Recipe, draw
from affectstream.multimodal.training.fusion.votes import Said, exact
from affectstream.multimodal.types import DIMENSIONS, Facts

INPUTS = {"said_mean": "mean", "said_log_var": "log_var", "emotions": "expression", "presence": "presence"}
WITH = {"both": MODALITIES, **{f"{name} alone": (name,) for name in MODALITIES}}
NOT_FOR = (
    "deciding anything about a person: hiring, grading, policing, insurance, credit, health",
    "emotion inference at work or in education (prohibited in the EU, AI Act Art. 5(1)(f))",
    "claims about what someone feels: it foretells how about ten strangers would name an acted clip of 2 to 3 seconds",
    "claims of accuracy on real encoders or spontaneous speech: it was measured on votes of people about acted clips",
    "words, brain waves or further modalities: multiply those with its evidence",
)

Feed = dict[str, NDArray[np.float32]]


def feed(said: Said, memory: int) -> Feed:
    """Single instants (n, ...) as the network's named inputs, without a past."""
    inputs = {name: getattr(said, part).numpy() for name, part in INPUTS.items()}
    return {**inputs, "past": np.zeros((len(said.vad), memory), np.float32)}


def scores(mean: NDArray[np.floating], variance: NDArray[np.floating], votes: CremadVotes) -> dict[str, Any]:
    """Every metric by dimension; [value, low, high] where there is a 95 % bootstrap interval over actors."""

    def interval(measure: Any, *arrays: NDArray[np.floating]) -> dict[str, list[float]]:
        low, high = bootstrap(measure, *arrays, groups=votes.actor, repeats=300)
        figures = np.stack([measure(*arrays), low, high], 1).round(4).tolist()
        return dict(zip(DIMENSIONS, figures, strict=True))

    def plain(values: NDArray[np.floating]) -> dict[str, float]:
        return {name: round(float(value), 4) for name, value in zip(DIMENSIONS, values, strict=True)}

    return {
        "n": len(votes),
        "ccc": interval(ccc, mean, votes.vad),
        "rmse": interval(rmse, mean, votes.vad),
        "coverage_90": interval(coverage, mean, variance, votes.vad),
        "mae": plain(mae(mean, votes.vad)),
        "pcc": plain(pcc(mean, votes.vad)),
        "nll": plain(gaussian_nll(mean, variance, votes.vad)),
    }


def measure(path: Path, votes: CremadVotes, memory: int) -> dict[str, Any]:
    """Scores of the network ``path`` (.onnx) on ``votes``, with both modalities and with each alone."""
    session = open_session(path)
    out = {}
    for name, present in WITH.items():
        answer = run_session(session, feed(exact(votes, present), memory))
        out[name] = scores(answer["mean"], np.exp(answer["log_var"]), votes)
    return out


def noisy(path: Path, votes: CremadVotes, memory: int, *, steps: int = 10, voters: int = 3) -> dict[str, Any]:
    """CCC and coverage where each encoder sees ``voters`` votes drawn anew, half of them lastingly: first and last instant."""
    recipe = Recipe(
        batch=2000,
        steps=steps,
        exact=0.0,
        fewest=voters,
        most=voters,
        change=0.0,
        doubtful=0.0,
        unnamed=0.0,
        whole=0.0,
        span=0.0,
    )
    said = draw(votes, recipe, np.random.default_rng(0))
    session, past = open_session(path), np.zeros((recipe.batch, memory), np.float32)
    out = {}
    for step in range(steps):
        answer = run_session(session, {**feed(said.at(step), memory), "past": past})
        past = answer["memory"]
        if step in (0, steps - 1):
            vad = said.vad[:, step].numpy()
            out[f"instant {step + 1}"] = {
                "ccc": ccc(answer["mean"], vad).round(4).tolist(),
                "coverage_90": coverage(answer["mean"], np.exp(answer["log_var"]), vad).round(4).tolist(),
            }
    return {"voters": voters, **out}


def export_fusion(data: Path, run: Path, out: Path) -> dict[str, Any]:
    """Write the checkpoint of ``run/fusion.safetensors`` to ``out``; returns the card."""
    out.mkdir(parents=True, exist_ok=True)
    log = json.loads((run / "log.jsonl").read_text())
    train, val, test = (CremadVotes(data, split) for split in ("train", "val", "test"))
    network = FusionNetwork(**log["shape"])
    network.load_state_dict(load_file(run / "fusion.safetensors"))
    network.eval()
    size = network.initial().shape[1]
    path = out / f"{NAME}.onnx"
    example = {name: torch.from_numpy(value[:3]) for name, value in feed(exact(test), size).items()}
    to_onnx(network, example, {name: {0: "batch"} for name in example}, path)
    checks = _checks(test, size)
    compared = predictions(CremadVotes(data, "train", "val"), test)
    metrics = {
        "test": measure(path, test, size),
        "val": log["val"],
        "baselines": rows(compared, test),
        "baselines_rmse": {name: rmse(values, test.vad).round(4).tolist() for name, values in compared.items()},
        "noisy": noisy(path, test, size),
    }
    people = {name: len(np.unique(part.actor)) for name, part in (("train", train), ("val", val), ("test", test))}
    split = (
        f"By actor: train {len(train):,} clips of {people['train']}, validation {len(val):,} of {people['val']}, test "
        f"{len(test):,} of {people['test']}. The recipe was chosen on validation and by folds of the train and validation "
        "actors; intervals were calibrated on validation with weights fitted on train, which were then fitted again on "
        "both, by the same recipe. Nothing was fitted or chosen on the test actors; they were scored for two networks, "
        "and between the two the recipe was changed by what validation showed"
    )
    card = Card(_facts(network, log), metrics, _story(log), split, NOT_FOR)
    tensors = {name: value.contiguous().numpy() for name, value in network.state_dict().items()}
    write_checkpoint(network, tensors, path, card, checks)
    body = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".md").write_text(page(body), encoding="utf-8")
    return body


def _checks(test: CremadVotes, size: int) -> list[Feed]:
    """200 real inputs: with both modalities, with each alone, and with a past."""
    rng = np.random.default_rng(0)
    batches = []
    for present in (*WITH.values(), MODALITIES):
        whole = feed(exact(test, present), size)
        at = rng.choice(len(test), 50, replace=False)
        batches.append({name: value[at] for name, value in whole.items()})
    batches[-1]["past"] = rng.uniform(-1, 1, batches[-1]["past"].shape).astype(np.float32)
    return batches


def _facts(network: FusionNetwork, log: Mapping[str, Any]) -> Facts:
    return Facts(
        name=NAME,
        modality="fusion",
        window=0.0,
        hop=1 / RATE,
        rate=RATE,
        channels=len(MODALITIES),
        contract=contract(),
        labels=EMOTIONS,
        value_range=(-1.0, 1.0),
        training_data="CREMA-D votes (Cao et al. 2014), ODbL 1.0 and DbCL 1.0; VAD derived from the votes by Russell-Mehrabian term means",
        licence="ODbL 1.0 and DbCL 1.0 (made from the CREMA-D votes); attribution on the card",
        extra={
            "architecture": "an expert for each modality, their product, and a gated recurrent residual",
            "dominance": "derived",
            "memory": network.initial().shape[1],
            "members": len(network.members),
            "parameters": log["parameters"],
            "prior_mean": network.prior_mean.tolist(),
            "prior_variance": network.prior_log_var.exp().tolist(),
        },
    )


def _story(log: Mapping[str, Any]) -> str:
    recipe = log["recipe"]
    return (
        f"{recipe['updates']:,} updates of {recipe['batch']} simulated sequences of {recipe['steps']} instants, "
        f"fitted twice, {log['seconds']:.0f} s on one CPU core in all, AdamW {recipe['rate']:g}, weight average {recipe['average']:g}, seed "
        f"{recipe['seed']}. With chance {recipe['exact']:g} a sequence holds the votes themselves, otherwise "
        f"{recipe['fewest']} to {recipe['most']} voters drawn again with lasting errors; one modality is away "
        f"throughout with chance {recipe['whole']:g}, for a stretch with chance {recipe['span']:g}, never both; the memory "
        f"is lost with chance {recipe['restart']:g} an instant. Loss: "
        "1 - CCC and beta-NLL of the answer and of each modality alone, and cross-entropy to the audio-visual shares"
    )


def page(card: Mapping[str, Any]) -> str:
    """The card as a page to read."""
    facts, metrics = card["facts"], card["metrics"]
    test = metrics["test"]
    answers = [
        f"| {name} | {d} | {_interval(part['ccc'][d])} | {_interval(part['rmse'][d])} | {part['pcc'][d]:.3f} | "
        f"{_percent(part['coverage_90'][d])} |"
        for name, part in test.items()
        for d in DIMENSIONS
    ]
    compared = {f"**this network, {name}**": [part["ccc"][d] for d in DIMENSIONS] for name, part in test.items()}
    errors = [f"| {name} | {_row(values)} |" for name, values in metrics["baselines_rmse"].items() if "alone" in name]
    errors += [
        f"| **this network, {name}** | {_row([part['rmse'][d][0] for d in DIMENSIONS])} |"
        for name, part in test.items()
        if "alone" in name
    ]
    noise = metrics["noisy"]
    simulated = [
        f"| {name} | {_row(part['ccc'])} | {_row(part['coverage_90'])} |"
        for name, part in noise.items()
        if name != "voters"
    ]
    files = "\n".join(f"- `{name}`: sha256 `{digest}`" for name, digest in card["files"].items())
    return f"""# {facts["name"]}

From what a face and a voice each seem to show to how people who see and hear would judge: valence, arousal and
dominance with their uncertainty. {facts["extra"]["architecture"].capitalize()}; {facts["extra"]["members"]} members in
one network, {facts["extra"]["parameters"]:,} parameters.

**{facts["licence"]}**

## Measured

{test["both"]["n"]} clips of the held-out test actors, one instant without a past: given the votes of those who only
heard and of those who only saw, foretell the judgement of those who did both. All values are `vad_derived`, the
vote-weighted term means of Russell and Mehrabian (1977), neutral at 0: a re-expression of category votes, **not human
ratings of valence, arousal or dominance**. 95 % bootstrap intervals over actors, who are few.

| given | | CCC | RMSE | PCC | 90 % intervals cover |
| --- | --- | --- | --- | --- | --- |
{chr(10).join(answers)}

Baselines, fitted on the train and validation actors, as this network was. "affine" and "shares" are least squares;
"matched" is "shares" stretched to the target's spread, which gives away squared error for CCC. Votes are noisy, about
ten a clip, so 1 is out of reach.

{table({**metrics["baselines"], **compared})}

One modality withheld, in squared error, where the least-squares estimates are at their best:

| RMSE | {" | ".join(DIMENSIONS)} |
| --- | --- | --- | --- |
{chr(10).join(errors)}

Simulated encoders that see {noise["voters"]} votes drawn again, with errors that last, on clips of the test actors:

| | CCC {" / ".join(DIMENSIONS)} | | | 90 % intervals cover | | |
| --- | --- | --- | --- | --- | --- | --- |
{chr(10).join(simulated)}

torch and ONNX Runtime differ by at most {card["onnx_difference"]:g} on 200 clips.

## What it answers

Each modality has an expert: a calibrated estimate of the joint judgement, with a variance. With one modality alone that
is the answer. With both, experts are multiplied, the prior counted once, and a residual is added through a gate that is
exactly 0 where one modality holds all evidence. It is stepped {facts["rate"]:g} times a second, looking back only.

## Trained

{card["trained"]}. {card["split"]}.

## Source and licence

CREMA-D: Houwei Cao, David G. Cooper, Michael K. Keutmann, Ruben C. Gur, Ani Nenkova and Ragini Verma 2014, "CREMA-D:
Crowd-sourced Emotional Multimodal Actors Dataset", IEEE Transactions on Affective Computing 5(4), 377-390. Made
available under the Open Database License 1.0 (http://opendatacommons.org/licenses/odbl/1.0/); rights in individual
contents under the Database Contents License 1.0 (http://opendatacommons.org/licenses/dbcl/1.0/). No votes, pictures or
sounds of it are shipped.

## Not for

{chr(10).join(f"- {line}" for line in card["not_for"])}

## Files

{files}
"""


def _interval(figure: Sequence[float]) -> str:
    return f"{figure[0]:.3f} [{figure[1]:.3f}, {figure[2]:.3f}]"


def _percent(figure: Sequence[float]) -> str:
    return f"{100 * figure[0]:.1f} % [{100 * figure[1]:.1f}, {100 * figure[2]:.1f}]"


def _row(values: Sequence[float]) -> str:
    return " | ".join(f"{value:.3f}" for value in values)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure, export and describe the trained fusion")
    parser.add_argument("--data", type=Path, required=True, help="folder with cremad_votes.csv.gz")
    parser.add_argument("--run", type=Path, required=True, help="folder that training ended in")
    parser.add_argument("--out", type=Path, required=True, help="folder for the checkpoint")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    card = export_fusion(arguments.data, arguments.run, arguments.out)
    print(json.dumps(card["metrics"]["test"], indent=1))


if __name__ == "__main__":
    main()
