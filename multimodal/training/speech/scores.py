"""How good a speech network is: on speakers it never heard, under noise, against other recipes and in another language."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata

from affectstream.datasets.clips import Clips
from affectstream.encoders.network import Affect, Calibrated
from affectstream.multimodal import metrics
from affectstream.multimodal.training.calibrate import calibrate
from affectstream.multimodal.training.figures import figure, regression_figures
from affectstream.multimodal.training.speech.folds import LINEAR, RECIPES, SHIPPED, Blend, read_folds
from affectstream.multimodal.types import DIMENSIONS

# Halfway between the term means of neutral and of the nearest emotion on the other side: disgust, and anger.
AROUSED, UNPLEASANT = 0.175, -0.255


def calibrated(said: Affect, by: Calibrated) -> Affect:
    """``said`` with the calibrations of ``by``."""
    raw = torch.atanh(said.mean.clamp(-0.9999, 0.9999))
    return by.calibrated(raw, said.log_var, said.logits, said.embedding)


def calibrated_by_others(said: Affect, clean: Affect, clips: Clips, at: NDArray[np.integer]) -> Affect:
    """Answers ``said`` to the recordings ``at``, each speaker's calibrated on the ``clean`` answers to all other speakers."""
    vad, share = torch.from_numpy(clips.vad[at]), torch.from_numpy(clips.share[at])
    parts: list[Affect] = []
    order: list[NDArray[np.integer]] = []
    for speaker in np.unique(clips.speaker[at]):
        own = np.flatnonzero(clips.speaker[at] == speaker)
        others = np.flatnonzero(clips.speaker[at] != speaker)
        fit = Calibrated(len(clips.emotions))
        calibrate(fit, rows(clean, others), vad[others], share[others], prior=False)
        parts.append(calibrated(rows(said, own), fit))
        order.append(own)
    back = np.argsort(np.concatenate(order))
    mean, log_var, logits = (torch.cat([getattr(p, name) for p in parts]) for name in ("mean", "log_var", "logits"))
    return rows(Affect(mean, log_var, logits, said.embedding), back)


def rows(said: Affect, at: NDArray[np.integer]) -> Affect:
    """The answers ``at`` of ``said``, which have logits."""
    assert said.logits is not None
    return Affect(said.mean[at], said.log_var[at], said.logits[at], said.embedding[at])


def likeliest(said: Affect) -> NDArray[np.int64]:
    """The likeliest emotion of each answer, by its place among the labels."""
    assert said.logits is not None
    return said.logits.argmax(1).numpy()


def scores(said: Affect, clips: Clips, at: NDArray[np.integer]) -> dict[str, Any]:
    """Everything that is measured of answers to the recordings ``at``; classes only where the labels are the network's."""
    speaker, emotion, vad = clips.speaker[at], clips.label[at], clips.vad[at]
    mean, variance = said.mean.numpy(), said.log_var.exp().numpy()
    out: dict[str, Any] = {"n": len(at), "speakers": len(np.unique(speaker))}
    if said.logits is not None and said.logits.shape[1] == len(clips.emotions):
        guess = likeliest(said)
        each = [metrics.uar(guess[speaker == one], emotion[speaker == one]) for one in np.unique(speaker)]
        out |= {
            "uar": figure(metrics.uar, speaker, guess, emotion),
            "accuracy": figure(metrics.accuracy, speaker, guess, emotion),
            "macro_f1": round(metrics.macro_f1(guess, emotion), 4),
            "uar_sd_over_speakers": round(float(np.std(each)), 4),
        }
    for d, dimension in enumerate(DIMENSIONS):
        m, v, t = mean[:, [d]], variance[:, [d]], vad[:, [d]]
        out[f"vad_derived_{dimension}"] = {
            "ccc": figure(lambda a, b: metrics.ccc(a, b)[0], speaker, m, t),
            **regression_figures(m, v, t),
        }
    out["aroused_or_not_uar"] = figure(metrics.uar, speaker, _side(mean[:, 1], AROUSED), _side(vad[:, 1], AROUSED))
    out["unpleasant_or_not_uar"] = figure(
        metrics.uar, speaker, _side(mean[:, 0], UNPLEASANT), _side(vad[:, 0], UNPLEASANT)
    )
    return out


def ablations(run: Path, clips: Clips, corpus: str) -> dict[str, Any]:
    """Each recipe's UAR on ``corpus``, and by how much it is above another's with a paired bootstrap over speakers.

    Deep networks are one by themselves, also beside a linear one.
    """
    asked: dict[str, str | Blend] = {recipe: recipe for recipe in (*RECIPES, *LINEAR)}
    asked |= {f"{blend.deep}, and linear": blend for blend in SHIPPED.values()}
    guesses: dict[str, NDArray[np.int64]] = {}
    out: dict[str, Any] = {}
    for recipe, what in asked.items():
        at, said = read_folds(run, corpus, what, members=1)
        guess = np.empty(len(clips), np.int64)
        guess[at] = likeliest(said)
        guesses[recipe] = guess
        each = [
            metrics.uar(guess[clips.speaker == one], clips.label[clips.speaker == one]) for one in set(clips.speaker)
        ]
        out[recipe] = {
            "uar": figure(metrics.uar, clips.speaker, guess, clips.label),
            "uar_sd_over_speakers": round(float(np.std(each)), 4),
        }

    def gain(a: NDArray[Any], b: NDArray[Any], truth: NDArray[Any]) -> float:
        return metrics.uar(a, truth) - metrics.uar(b, truth)

    questions = {
        "a voice branch beside the backbone": ("both", "backbone alone"),
        "alignment, of both": ("both", "both, not aligned"),
        "alignment, of the voice alone": ("voice", "voice, not aligned"),
        "quaternions": ("voice, not aligned", "voice, not aligned, real"),
        "phase beside amplitude": ("voice, not aligned", "voice, not aligned, amplitude"),
        "amplitude beside phase": ("voice, not aligned", "voice, not aligned, phase"),
        "a linear network beside both": ("both, and linear", "both"),
        "a linear network beside the voice": ("voice, and linear", "voice"),
        "the voice beside a linear network": ("voice, and linear", "linear, voice"),
    }
    out["differences"] = {
        what: figure(gain, clips.speaker, guesses[a], guesses[b], clips.label) for what, (a, b) in questions.items()
    }
    return out


def robustness(run: Path, clips: Clips, what: Blend, conditions: Mapping[str, Any]) -> dict[str, Any]:
    """UAR, CCC and coverage of a blend of one deep network under each condition, and whether its variance knows its errors.

    Calibrations are those of the clean answers to the other speakers. The rank correlation is Spearman's, between the
    mean predicted variance and the mean squared error of every answer under every condition.
    """
    out: dict[str, Any] = {}
    doubt, error = [], []
    for condition in conditions:
        at, said = read_folds(run, "emodb", what, condition, members=1)
        _, clean = read_folds(run, "emodb", what, members=1)
        said = calibrated_by_others(said, clean, clips, at)
        wide = said.log_var.exp().numpy()
        off = np.square(said.mean.numpy() - clips.vad[at])
        doubt.append(wide.mean(1))
        error.append(off.mean(1))
        out[condition] = {
            "uar": round(metrics.uar(likeliest(said), clips.label[at]), 4),
            "ccc": metrics.ccc(said.mean.numpy(), clips.vad[at]).round(4).tolist(),
            "coverage_90": metrics.coverage(said.mean.numpy(), wide, clips.vad[at]).round(4).tolist(),
            "mean_sd": np.sqrt(wide).mean(0).round(4).tolist(),
            "rank_correlation": round(rank_correlation(wide.mean(1), off.mean(1)), 4),
        }
    rank = rank_correlation(np.concatenate(doubt), np.concatenate(error))
    return {"conditions": out, "variance_and_error_rank_correlation": round(rank, 4)}


def _side(values: NDArray[np.floating], border: float) -> NDArray[np.int64]:
    """1 above the ``border``, else 0."""
    return (values > border).astype(np.int64)


def rank_correlation(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Spearman's: the correlation of the ranks of two columns (n,)."""
    return float(np.corrcoef(rankdata(one), rankdata(other))[0, 1])
