"""Tasks that teach each other: expressions, action units and ratings that say the same of a face.

Distribution matching is from FaceBehaviorNet (Kollias, Sharmanska and Zafeiriou, arXiv 1910.11111 and 2105.03790): what a
network says of a face's action units is held against what its expressions lead one to expect, so that a corpus with labels of
one kind teaches the other too. What is expected is a prior, not a label: it never enters a corpus or a metric.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from affectstream.multimodal.terms import EXPRESSIONS, TERM_MEAN

# How often an expression shows an action unit: Du, Tao and Martinez 2014 (PNAS 111, E1454, table 1), 230 people. Those that
# more than 70 % show are 1, as in FaceBehaviorNet; one that is not named for an expression is 0.
UNIT_PRIOR: dict[str, dict[int, float]] = {
    "neutral": {},
    "happiness": {12: 1, 25: 1, 6: 0.51},
    "sadness": {4: 1, 15: 1, 1: 0.60, 6: 0.50, 11: 0.26, 17: 0.67},
    "fear": {1: 1, 4: 1, 20: 1, 25: 1, 2: 0.57, 5: 0.63, 26: 0.33},
    "anger": {4: 1, 7: 1, 24: 1, 10: 0.26, 17: 0.52, 23: 0.29},
    "surprise": {1: 1, 2: 1, 25: 1, 26: 1, 5: 0.66},
    "disgust": {9: 1, 10: 1, 17: 1, 4: 0.31, 24: 0.26},
}
FLOOR = 1e-3  # an expected chance is at least this far from never and always, so that one slip costs 7 and not infinity


def unit_prior(labels: Sequence[str], marks: Sequence[str]) -> Tensor:
    """How often (K, M) each of the ``labels`` shows each of the ``marks``, action units such as "AU12".

    NaN in the row of a label that the table does not have (contempt, other) and in the column of a unit that it never names.
    Raises ValueError for a mark that is no action unit.
    """
    if wrong := [mark for mark in marks if not (mark.startswith("AU") and mark[2:].isdecimal())]:
        raise ValueError(f"a mark is {wrong[0]!r}; wanted action units, such as 'AU12'")
    named = {unit for shown in UNIT_PRIOR.values() for unit in shown}
    units = [int(mark[2:]) for mark in marks]
    rows = [
        [UNIT_PRIOR[label].get(unit, 0.0) if label in UNIT_PRIOR and unit in named else torch.nan for unit in units]
        for label in labels
    ]
    return torch.tensor(rows, dtype=torch.float32).reshape(len(labels), len(marks))


def term_table(labels: Sequence[str]) -> Tensor:
    """Valence, arousal and dominance (K, 3) that each of the ``labels`` has as a word, NaN for a label without ratings.

    The words' ratings are of what is felt (:mod:`affectstream.multimodal.terms`): they stand in where nobody rated the face.
    """
    rows = [TERM_MEAN[EXPRESSIONS.index(label)] if label in EXPRESSIONS else [torch.nan] * 3 for label in labels]
    return torch.tensor([list(row) for row in rows], dtype=torch.float32).reshape(len(labels), 3)


def unit_matching(marks: Tensor, logits: Tensor, prior: Tensor) -> Tensor:
    """Binary cross-entropy between p(unit) and q(unit) = sum over expressions of p(expression) prior(unit | expression).

    ``marks`` (B, M) and ``logits`` (B, K) are a network's, ``prior`` (K, M) is :func:`unit_prior`'s. p is the target, as
    published, and both sides learn; the mean over units, where the paper has the sum. A face counts as far as it is of
    expressions whose prior is known; 0 if there are none.
    """
    expected, mass = _expected(logits, prior)
    p, q = marks.sigmoid(), expected.clamp(FLOOR, 1 - FLOOR)
    return _mean(-(p * q.log() + (1 - p) * (1 - q).log()), mass)


def term_matching(mean: Tensor, logits: Tensor, terms: Tensor, unrated: Tensor) -> Tensor:
    """Squared error between ``mean`` (B, 3) and the valence, arousal and dominance of the expressions in ``logits`` (B, K).

    ``terms`` (K, 3) is :func:`term_table`'s; only where ``unrated`` (B, 3) is true: what was rated is learnt from its rating.
    Both sides learn. A face counts as far as it is of expressions with a term; 0 if there are none.
    """
    expected, mass = _expected(logits, terms)
    return _mean((mean - expected).square(), mass * unrated)


def _expected(logits: Tensor, table: Tensor) -> tuple[Tensor, Tensor]:
    """The expectation (B, C) of the columns of ``table`` (K, C) over the labels that have a value, and their chance (B, C)."""
    known, chance = torch.isfinite(table), logits.softmax(1)
    mass = chance @ known.to(chance.dtype)
    return chance @ torch.where(known, table, 0).to(chance.dtype) / mass.clamp(min=1e-6), mass.detach()


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    return (values * weight).sum() / weight.sum().clamp(min=1e-6)
