"""What the learned fusion must beat: simpler ways from a face's and a voice's votes to those of people who had both.

    python -m affectstream.multimodal.training.fusion.baselines --data FOLDER

Prints one table of CCC with 95 % bootstrap intervals over actors, of the validation actors unless the test actors are
asked for. Everything is fitted on the train actors; gradient boosting is there for reference. Each baseline is a function from two splits to predictions (n, 3) on the second.
"""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from affectstream.datasets.cremad_votes import CremadVotes, derived_vad, sampling_variance, shares
from affectstream.multimodal.metrics import bootstrap, ccc
from affectstream.multimodal.training.losses import beta_nll, concordance
from affectstream.multimodal.types import DIMENSIONS

Predictions = NDArray[np.float64]
Baseline = Callable[[CremadVotes, CremadVotes], Predictions]


def alone(way: str, kind: str) -> Baseline:
    """One modality alone: "raw", or fitted "affine" (own dimension), "shares" (linear in them), or "matched".

    "affine" and "shares" have the least squared error; "matched" is "shares" stretched to the target's spread on
    the train actors, which gives away squared error for CCC.
    """

    def predict(train: CremadVotes, test: CremadVotes) -> Predictions:
        if kind == "raw":
            return _vad(test, way)
        if kind == "affine":
            return _each(train, test, lambda votes, d: _vad(votes, way)[:, [d]])
        straight = _linear(shares(train.votes[way]), train.vad, shares(test.votes[way]))
        if kind == "shares":
            return straight
        own = _linear(shares(train.votes[way]), train.vad, shares(train.votes[way]))
        return (straight - own.mean(0)) * train.vad.std(0) / own.std(0) + train.vad.mean(0)

    return predict


def mean(train: CremadVotes, test: CremadVotes) -> Predictions:
    """The mean of both, raw."""
    return (_vad(test, "face") + _vad(test, "voice")) / 2


def precision_weighted(train: CremadVotes, test: CremadVotes) -> Predictions:
    """The mean of both, each weighted by one over its error variance: that on train, and that of so few votes."""

    def precision(way: str) -> Predictions:
        error = np.mean((_vad(train, way) - train.vad) ** 2, 0)
        few = np.mean(_few(train, way), 0)
        return 1 / np.maximum(error - few + _few(test, way), 1e-4)

    face, voice = precision("face"), precision("voice")
    return (face * _vad(test, "face") + voice * _vad(test, "voice")) / (face + voice)


def linear(train: CremadVotes, test: CremadVotes) -> Predictions:
    """Least squares, dimension by dimension, from the two derived values of that dimension."""
    return _each(train, test, lambda votes, d: np.c_[_vad(votes, "face")[:, d], _vad(votes, "voice")[:, d]])


def linear_shares(train: CremadVotes, test: CremadVotes) -> Predictions:
    """Least squares from the twelve shares."""
    return _linear(_both(train), train.vad, _both(test))


def concat_mlp(train: CremadVotes, test: CremadVotes, *, seed: int = 0, epochs: int = 60) -> Predictions:
    """A network of two layers of 64 on the twelve shares, trained on the fusion's loss for the answer."""
    torch.manual_seed(seed)
    net = torch.nn.Sequential(
        torch.nn.Linear(12, 64), torch.nn.SiLU(), torch.nn.Linear(64, 64), torch.nn.SiLU(), torch.nn.Linear(64, 6)
    )
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=0.01)
    x, y = torch.from_numpy(_both(train)).float(), torch.from_numpy(train.vad)
    for _ in range(epochs):
        for at in torch.randperm(len(x)).split(256):
            answer, log_var = net(x[at]).split([3, 3], 1)
            loss = beta_nll(answer, log_var.clamp(-8, 1), y[at]) + 0.5 * (1 - concordance(answer, y[at])).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.inference_mode():
        return net(torch.from_numpy(_both(test)).float())[:, :3].double().numpy()


def boosting(train: CremadVotes, test: CremadVotes) -> Predictions:
    """Gradient boosting on the twelve shares, one model a dimension (scikit-learn's histogram trees)."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    def model(d: int) -> Predictions:
        trees = HistGradientBoostingRegressor(learning_rate=0.05, max_iter=200, max_leaf_nodes=8, random_state=0)
        return trees.fit(_both(train), train.vad[:, d]).predict(_both(test))

    return np.stack([model(d) for d in range(3)], 1)


BASELINES: dict[str, Baseline] = {
    "mean": mean,
    "precision-weighted": precision_weighted,
    "linear": linear,
    "linear in shares": linear_shares,
    "concat-MLP": concat_mlp,
    "gradient boosting": boosting,
}
ALONE: dict[str, dict[str, Baseline]] = {
    modality: {kind: alone(way, kind) for kind in ("raw", "affine", "shares", "matched")}
    for modality, way in (("face", "face"), ("speech", "voice"))
}


def rows(predictions: Mapping[str, NDArray[np.floating]], votes: CremadVotes) -> dict[str, list[list[float]]]:
    """Each prediction's CCC with its interval over actors, [value, low, high] for each dimension."""
    out = {}
    for name, values in predictions.items():
        low, high = bootstrap(ccc, values, votes.vad, groups=votes.actor, repeats=300)
        out[name] = np.stack([ccc(values, votes.vad), low, high], 1).round(4).tolist()
    return out


def table(scores: Mapping[str, list[list[float]]]) -> str:
    """Scores by name as the lines of a Markdown table."""
    lines = [f"| CCC | {' | '.join(DIMENSIONS)} |", "| --- | --- | --- | --- |"]
    for name, figures in scores.items():
        cells = [f"{value:.3f} [{low:.3f}, {high:.3f}]" for value, low, high in figures]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def predictions(train: CremadVotes, test: CremadVotes) -> dict[str, Predictions]:
    """Every baseline's predictions on ``test``, of both modalities and of each alone."""
    one = {f"{m} alone, {kind}": way(train, test) for m, kinds in ALONE.items() for kind, way in kinds.items()}
    return one | {name: way(train, test) for name, way in BASELINES.items()}


def _vad(votes: CremadVotes, way: str) -> Predictions:
    return derived_vad(shares(votes.votes[way])).astype(np.float64)


def _few(votes: CremadVotes, way: str) -> Predictions:
    counts = votes.votes[way]
    return sampling_variance(shares(counts), counts.sum(1)).astype(np.float64)


def _both(votes: CremadVotes) -> NDArray[np.float32]:
    return np.c_[shares(votes.votes["face"]), shares(votes.votes["voice"])]


def _linear(x: NDArray[np.floating], y: NDArray[np.floating], at: NDArray[np.floating]) -> Predictions:
    weights = np.linalg.lstsq(np.c_[x, np.ones(len(x))].astype(np.float64), y.astype(np.float64), rcond=None)[0]
    return np.c_[at, np.ones(len(at))] @ weights


def _each(
    train: CremadVotes, test: CremadVotes, features: Callable[[CremadVotes, int], NDArray[np.floating]]
) -> Predictions:
    return np.stack([_linear(features(train, d), train.vad[:, d], features(test, d)) for d in range(3)], 1)


def main() -> None:
    parser = argparse.ArgumentParser(description="Baselines of the learned fusion on CREMA-D votes")
    parser.add_argument("--data", type=Path, required=True, help="folder with cremad_votes.csv.gz")
    parser.add_argument("--split", choices=("val", "test"), default="val")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    votes = CremadVotes(arguments.data, arguments.split)
    print(table(rows(predictions(CremadVotes(arguments.data, "train"), votes), votes)))


if __name__ == "__main__":
    main()
