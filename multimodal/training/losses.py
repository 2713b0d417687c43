"""Losses on :class:`affectstream.encoders.network.Affect` against targets of which any part may be missing.

Targets are tensors: ``vad`` (B, 3) with NaN where unknown, ``labels`` (B, K) a distribution, NaN where unknown.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from affectstream.encoders.network import Affect


def concordance(prediction: Tensor, target: Tensor) -> Tensor:
    """Concordance correlation coefficient of each column, population variances (Lin 1989); NaN targets are left out.

    ``prediction`` and ``target`` are (B, 3); returns (3,). A column with fewer than two known targets gives 0.
    """
    known = torch.isfinite(target)
    count = known.sum(0).clamp(min=1)
    target = torch.where(known, target, 0)
    prediction = torch.where(known, prediction, 0)
    mean_p, mean_t = prediction.sum(0) / count, target.sum(0) / count
    dev_p = torch.where(known, prediction - mean_p, 0)
    dev_t = torch.where(known, target - mean_t, 0)
    spread = (dev_p.square() + dev_t.square()).sum(0) / count + (mean_p - mean_t).square()
    return 2 * (dev_p * dev_t).sum(0) / count / (spread + 1e-8)


def squared_error(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean squared error over the known targets; 0 if there are none."""
    known = torch.isfinite(target)
    error = torch.where(known, prediction - torch.where(known, target, 0), 0)
    return error.square().sum() / known.sum().clamp(min=1)


def beta_nll(mean: Tensor, log_var: Tensor, target: Tensor, *, beta: float = 0.5) -> Tensor:
    """Gaussian negative log-likelihood with each term weighted by variance^beta (Seitzer et al. 2022).

    beta = 0 is the plain likelihood, which gives up on hard samples; beta = 1 has the gradient of MSE.
    """
    known = torch.isfinite(target)
    error = torch.where(known, mean - torch.where(known, target, 0), 0)
    nll = 0.5 * (error.square() / log_var.exp() + log_var)
    weighted = nll * log_var.detach().mul(beta).exp()
    return torch.where(known, weighted, 0).sum() / known.sum().clamp(min=1)


def soft_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy against a distribution (B, K), over the samples that have one; 0 if none has."""
    known = torch.isfinite(labels).all(1)
    labels = torch.where(known[:, None], labels, 0)
    return -(labels * logits.log_softmax(1)).sum() / known.sum().clamp(min=1)


def affect_loss(
    output: Affect, vad: Tensor, labels: Tensor | None = None, *, classes: float = 1.0, agreement: float = 0.5
) -> Tensor:
    """The one loss: beta-NLL, plus ``agreement`` times mean 1 - CCC, plus ``classes`` times cross-entropy."""
    loss = beta_nll(output.mean, output.log_var, vad)
    loss = loss + agreement * (1 - concordance(output.mean, vad)).mean()
    if output.logits is not None and labels is not None:
        loss = loss + classes * soft_cross_entropy(output.logits, labels)
    return loss


@dataclass(frozen=True)
class Weights:
    cross_entropy: float = 1.0
    beta_nll: float = 1.0
    disagreement: float = 0.5
    squared: float = 0.0
    marks: float = 1.0
    matching: float = 0.0


def weighted_loss(answer, vad, labels, marks, weights, class_weight=None, marks_weight=None):
    if labels is not None and class_weight is not None:
        labels = labels * class_weight
    return affect_loss(answer, vad, labels)
