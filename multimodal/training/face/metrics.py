"""How good the face network is: on FER+ faces, and on people it has never seen in colour photographs."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectstream.datasets.ferplus import EXPRESSIONS, FerPlus
from affectstream.datasets.london import London
from affectstream.encoders.face.crop import crop, face_matrix
from affectstream.encoders.face.encoder import FaceEncoder
from affectstream.multimodal import metrics
from affectstream.multimodal.training.figures import regression_figures
from affectstream.multimodal.types import DIMENSIONS


def ferplus_metrics(
    mean: NDArray[np.floating], variance: NDArray[np.floating], logits: NDArray[np.floating], data: FerPlus
) -> dict[str, Any]:
    """Scores of predictions on a FER+ split, with 95 % bootstrap intervals over near-duplicate groups.

    ``mean`` and ``variance`` (n, 3), ``logits`` (n, 8). The true class is the expression with most votes, on
    every image of the split; ``clear`` is the part where at least five of about ten people agree, ``majority`` the
    part where more than half of all votes do. "vad_derived" is the vote-weighted term VAD: a re-expression of
    the votes, not a human rating.
    """
    truth, guess = data.share.argmax(1), logits.argmax(1)
    most = data.votes[:, : len(EXPRESSIONS)].max(1)
    subsets = {"all": most >= 0, "clear": most >= 5, "majority": 2 * most > data.votes.sum(1)}

    def figure(metric: Callable[..., Any], groups: NDArray[Any], *arrays: NDArray[Any]) -> list[Any]:
        low, high = metrics.bootstrap(metric, *arrays, groups=groups, repeats=300)
        return np.round([metric(*arrays), low, high], 4).tolist()

    scores: dict[str, Any] = {}
    for name, kept in subsets.items():
        groups = data.group[kept]
        scores[name] = {
            "n": int(kept.sum()),
            "accuracy": figure(metrics.accuracy, groups, guess[kept], truth[kept]),
            "uar": figure(metrics.uar, groups, guess[kept], truth[kept]),
            "macro_f1": round(metrics.macro_f1(guess[kept], truth[kept]), 4),
            "most_frequent_accuracy": round(float(np.bincount(truth[kept]).max() / kept.sum()), 4),
        }
    whole = np.concatenate([mean, variance, data.vad], 1)
    for d, dimension in enumerate(DIMENSIONS):
        m, v, t = (whole[:, [d + 3 * k]] for k in range(3))
        scores[f"vad_derived_{dimension}"] = {
            "ccc": figure(lambda a, b: metrics.ccc(a, b)[0], data.group, m, t),
            **regression_figures(m, v, t),
        }
    return scores


def nearest_neighbour(train: FerPlus, test: FerPlus) -> dict[str, float]:
    """What copying the answer of the most similar training picture scores: the floor that a leak would raise."""
    a, b = (_flat(data.image) for data in (train, test))
    nearest = np.concatenate([(b[i : i + 256] @ a.T).argmax(1) for i in range(0, len(b), 256)])
    guess, truth = train.share.argmax(1)[nearest], test.share.argmax(1)
    scores = {"accuracy": metrics.accuracy(guess, truth), "uar": metrics.uar(guess, truth)}
    ccc = metrics.ccc(train.vad[nearest], test.vad)
    return {k: round(float(v), 4) for k, v in (scores | dict(zip(DIMENSIONS, ccc, strict=True))).items()}


def _flat(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Pictures as rows of mean 0 and length 1."""
    rows = images.reshape(len(images), -1).astype(np.float32)
    rows -= rows.mean(1, keepdims=True)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)


def london_metrics(encoder: FaceEncoder, data: London) -> dict[str, Any]:
    """Does valence tell smiling from neutral, through detector and crop?

    ``auc`` over all photographs; ``pairs``, the share of people whose smile gets the higher valence.
    """
    valence: dict[tuple[str, bool], float] = {}
    for i in range(len(data)):
        sample = data[i]
        image = np.asarray(sample.signal, np.uint8)
        faces = encoder.find(image)
        if not len(faces):
            raise ValueError(f"no face found in the London photograph of {sample.subject}; wanted one in each")
        picture = crop(image, face_matrix(faces.points[0], encoder.contract), encoder.contract)
        valence[sample.subject, bool(sample.target.labels[1])] = float(encoder.look(picture[None])["mean"][0, 0])
    people = sorted({subject for subject, _ in valence})
    smiling, neutral = (np.array([valence[p, smile] for p in people]) for smile in (True, False))
    positive = np.repeat([1, 0], len(people))
    both = np.concatenate([smiling, neutral])
    low, high = metrics.bootstrap(metrics.auc, both, positive, groups=np.tile(people, 2), repeats=1000)
    return {
        "people": len(people),
        "auc": [round(float(value), 4) for value in (metrics.auc(both, positive), low, high)],
        "pairs": round(float((smiling > neutral).mean()), 4),
        "valence_smiling": round(float(smiling.mean()), 4),
        "valence_neutral": round(float(neutral.mean()), 4),
    }
