"""Losses on :class:`affectstream.encoders.network.Affect` against targets of which any part may be missing.

Targets are tensors: ``vad`` (B, 3) with NaN where unknown, ``labels`` (B, K) a distribution, NaN where unknown, ``marks``
(B, M) yes and no, 1 and 0, each NaN where unknown.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from affectstream.encoders.network import Affect
from affectstream.multimodal.training.matching import term_matching, unit_matching


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


def concordance_loss(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean 1 - CCC over the columns with a CCC, which takes two known targets or more; 0 if there are none.

    So 1 - (CCC of valence + CCC of arousal) / 2 where dominance is unknown, as in the ABAW challenges.
    """
    counts = torch.isfinite(target).sum(0) > 1
    off = torch.where(counts, 1 - concordance(prediction, target), 0)
    return off.sum() / counts.sum().clamp(min=1)


def squared_error(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean squared error over the known targets; 0 if there are none."""
    known = torch.isfinite(target)
    error = torch.where(known, prediction - torch.where(known, target, 0), 0)
    return error.square().sum() / known.sum().clamp(min=1)


def beta_nll(mean: Tensor, log_var: Tensor, target: Tensor, *, beta: float = 0.5) -> Tensor:
    """Gaussian negative log-likelihood with each term weighted by variance^beta (Seitzer et al. 2022).

    beta = 0 is the plain likelihood, which gives up on hard samples; beta = 1 has the gradient of MSE. Only the gradient
    of others than beta = 0 means anything: their value is least where the variance is too large.
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


def weighted_cross_entropy(logits: Tensor, labels: Tensor, weight: Tensor) -> Tensor:
    """Cross-entropy against a distribution (B, K) in which class k counts ``weight`` (K,)[k] times, over the weights' sum.

    For one-hot labels this is torch's own with a weight, as CAGE has it; its sum of weights is that of the batch's labels, so
    that a batch of common classes is not learnt less from. Samples without labels do not count; 0 if none has.
    """
    known = torch.isfinite(labels).all(1)
    weighted = torch.where(known[:, None], labels, 0) * weight
    return -(weighted * logits.log_softmax(1)).sum() / weighted.sum().clamp(min=1e-12)


def marks_loss(logits: Tensor, marks: Tensor, positive: Tensor | None = None) -> Tensor:
    """Binary cross-entropy of ``logits`` (B, M) against yes and no, 1 and 0, over the known ``marks`` (B, M); 0 if none is.

    A yes to question m counts ``positive`` (M,)[m] times, such as how many nos there are for a yes.
    """
    known = torch.isfinite(marks)
    each = functional.binary_cross_entropy_with_logits(
        logits, torch.where(known, marks, 0), pos_weight=positive, reduction="none"
    )
    return torch.where(known, each, 0).sum() / known.sum().clamp(min=1)


@dataclass(frozen=True)
class Weights:
    """How much each loss counts; the default is ours.

    ``cross_entropy`` of the labels, ``beta_nll`` of ratings with their variance, ``disagreement`` 1 - CCC and ``squared`` error
    of ratings, ``marks`` of yes-or-no questions, ``matching`` between what a network says of one thing and of another.

    CAGE (Wagner et al. 2024, arXiv 2404.14975) has ``Weights(beta_nll=0, disagreement=0, squared=5)`` for labels or marks with
    ratings, and ``Weights(cross_entropy=0, beta_nll=0, disagreement=1, squared=3)`` for valence and arousal alone (its code adds
    up what is averaged here, so it has twice that). Raises ValueError for a weight that is negative or no number.
    """

    cross_entropy: float = 1.0
    beta_nll: float = 1.0
    disagreement: float = 0.5
    squared: float = 0.0
    marks: float = 1.0
    matching: float = 0.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 <= value < math.inf:
                raise ValueError(f"the weight {name} is {value}; wanted 0, which leaves the loss out, or more")


def weighted_loss(
    answer: Affect,
    vad: Tensor,
    labels: Tensor | None,
    marks: Tensor | None,
    weights: Weights,
    class_weight: Tensor | None = None,
    marks_weight: Tensor | None = None,
    *,
    units: Tensor | None = None,
    terms: Tensor | None = None,
    beta: float = 0.5,
) -> Tensor:
    """The sum of the losses by their ``weights``, (); what a network does not tell or a batch does not know adds nothing.

    ``vad`` (B, 3), ``labels`` (B, K) and ``marks`` (B, M) are targets, NaN where unknown. ``class_weight`` (K,) is for
    :func:`weighted_cross_entropy`, ``marks_weight`` (M,) for :func:`marks_loss`. Matching needs ``units`` (K, M), what
    :func:`affectstream.multimodal.training.matching.unit_prior` gives, or ``terms`` (K, 3) from ``term_table``, or both; raises
    ValueError if it is weighed and has neither, or if the network does not tell what they match. ``beta`` is that of
    :func:`beta_nll`: networks are compared with 0, as the weighted likelihood's value favours one that is too unsure.
    """
    loss = answer.mean.new_zeros(())
    if weights.beta_nll:
        loss = loss + weights.beta_nll * beta_nll(answer.mean, answer.log_var, vad, beta=beta)
    if weights.disagreement:
        loss = loss + weights.disagreement * concordance_loss(answer.mean, vad)
    if weights.squared:
        loss = loss + weights.squared * squared_error(answer.mean, vad)
    if weights.cross_entropy and answer.logits is not None and labels is not None:
        if class_weight is None:
            loss = loss + weights.cross_entropy * soft_cross_entropy(answer.logits, labels)
        else:
            loss = loss + weights.cross_entropy * weighted_cross_entropy(answer.logits, labels, class_weight)
    if weights.marks and answer.marks is not None and marks is not None:
        loss = loss + weights.marks * marks_loss(answer.marks, marks, marks_weight)
    if weights.matching:
        loss = loss + weights.matching * _matching(answer, vad, units, terms)
    return loss


def _matching(answer: Affect, vad: Tensor, units: Tensor | None, terms: Tensor | None) -> Tensor:
    if answer.logits is None or (units is None and terms is None) or (units is not None and answer.marks is None):
        told = [name for name in ("logits", "marks") if getattr(answer, name) is not None]
        raise ValueError(
            f"matching is weighed, of a network that tells {' and '.join(told) or 'neither logits nor marks'}, with "
            f"{'' if units is not None else 'no '}units and {'' if terms is not None else 'no '}terms; wanted logits, and marks "
            "with units, or terms; else set the weight matching to 0"
        )
    loss = answer.mean.new_zeros(())
    if units is not None and answer.marks is not None:
        loss = loss + unit_matching(answer.marks, answer.logits, units)
    if terms is not None:
        loss = loss + term_matching(answer.mean, answer.logits, terms, ~torch.isfinite(vad))
    return loss


def affect_loss(
    output: Affect,
    vad: Tensor,
    labels: Tensor | None = None,
    *,
    classes: float = 1.0,
    agreement: float = 0.5,
    beta: float = 0.5,
) -> Tensor:
    """The one loss: beta-NLL, plus ``agreement`` times mean 1 - CCC, plus ``classes`` times cross-entropy."""
    return weighted_loss(output, vad, labels, None, Weights(cross_entropy=classes, disagreement=agreement), beta=beta)
