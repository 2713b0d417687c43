"""What every affect network returns, and the head that makes it (torch; needed to train and to export).

A head is LayerNorm, Linear, Tanh, Linear after CAGE (Wagner et al. 2024, arXiv 2404.14975), but its outputs
have names instead of column numbers, and it says how sure it is.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

LOG_VAR_RANGE = (-8.0, 1.0)


class Affect(NamedTuple):
    """One network's answer for a batch of B.

    ``mean`` (B, 3) valence, arousal, dominance in [-1, 1]; ``log_var`` (B, 3) natural logarithm of the error
    variance; ``logits`` (B, K) over the network's labels, of which one is true, or None; ``embedding`` (B, D);
    ``marks`` (B, M) logits of questions of which each is yes or no by itself (action units, EMOTIC's categories), or None.
    """

    mean: Tensor
    log_var: Tensor
    logits: Tensor | None
    embedding: Tensor
    marks: Tensor | None = None


class Calibrated(nn.Module):
    """Calibrations that are part of a network's weights and start as the identity.

    ``gain`` and ``bias`` (3,) act on the mean before its tanh, ``widen`` (3,) is added to the log-variance, the logits are
    multiplied by ``sharpen`` and ``log_prior`` (K,) is added. They are fitted on held-out data after training
    (:mod:`affectstream.multimodal.training.calibrate`) and are not trained by gradient.
    """

    gain: Tensor
    bias: Tensor
    widen: Tensor
    sharpen: Tensor
    log_prior: Tensor

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.register_buffer("gain", torch.ones(3))
        self.register_buffer("bias", torch.zeros(3))
        self.register_buffer("widen", torch.zeros(3))
        self.register_buffer("sharpen", torch.ones(()))
        self.register_buffer("log_prior", torch.zeros(labels))

    def calibrated(
        self, raw: Tensor, log_var: Tensor, logits: Tensor | None, embedding: Tensor, marks: Tensor | None = None
    ) -> Affect:
        """The answer whose mean before its tanh is ``raw`` (B, 3); ``marks`` (B, M) stay as they are."""
        return Affect(
            torch.tanh(raw * self.gain + self.bias),
            log_var + self.widen,
            None if logits is None else logits * self.sharpen + self.log_prior,
            embedding,
            marks,
        )


class AffectHead(Calibrated):
    """Features (B, ``width``) to :class:`Affect`.

    The columns of its last layer are the ``labels``' logits, three means before their tanh, three log-variances, and the
    logits of the ``marks``.
    """

    def __init__(
        self, width: int, labels: int, *, hidden: int | None = None, dropout: float = 0.0, marks: int = 0
    ) -> None:
        super().__init__(labels)
        hidden = hidden or width
        self.norm = nn.LayerNorm(width)
        self.hidden = nn.Linear(width, hidden)
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(hidden, labels + 6 + marks)
        self.labels, self.marks = labels, marks

    def forward(self, features: Tensor) -> Affect:
        embedding = torch.tanh(self.hidden(self.norm(features)))
        out = self.out(self.dropout(embedding))
        logits, mean, log_var, *marks = out.split([self.labels, 3, 3, *([self.marks] if self.marks else [])], dim=1)
        return self.calibrated(mean, log_var.clamp(*LOG_VAR_RANGE), logits if self.labels else None, embedding, *marks)
