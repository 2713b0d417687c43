"""From what several sources say over a stretch of time to what a corpus wants to be told of it (torch)."""

from itertools import combinations

import torch
from torch import Tensor, nn

from affectstream.encoders.network import LOG_VAR_RANGE, Affect, AffectHead

TOKEN = 3 + 3 + 6 + 2  # mean, log-variance, shares, presence, are shares known


class StretchFusion(nn.Module):
    """Stretches of T instants of M ``sources`` to one :class:`Affect` each, with ``marks`` questions.

    A source that is silent has a vector of its own, and its numbers are not looked at. How far every two sources are apart is an
    input of its own, as ambivalence shows in that (ConflictAwareAH does so with embeddings). A gated recurrent network goes over
    the instants; the answer comes from where it ends, and from what it was on average while anything was said.
    """

    def __init__(self, sources: int, width: int = 32, marks: int = 0, dropout: float = 0.2) -> None:
        super().__init__()
        self.sources = sources
        self.pairs = list(combinations(range(sources), 2))
        self.embed = nn.ModuleList(nn.Linear(TOKEN, width) for _ in range(sources))
        self.absent = nn.Parameter(torch.zeros(sources, width))
        self.apart = nn.Linear(4 * max(len(self.pairs), 1), width)
        self.recall = nn.GRU(width, width, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.head = AffectHead(2 * width, 0, hidden=width, dropout=dropout, marks=marks)

    def forward(self, said_mean: Tensor, said_log_var: Tensor, emotions: Tensor, presence: Tensor) -> Affect:
        """``said_mean`` and ``said_log_var`` (B, T, M, 3), ``emotions`` (B, T, M, 6) shares, NaN where unknown, ``presence`` (B, T, M) in
        [0, 1], 0 where a source is silent; there the other numbers may be anything, NaN too."""
        here = presence[..., None] > 0
        mean = torch.where(here, said_mean, 0)
        named = here & ~torch.isnan(emotions).any(-1, keepdim=True)
        tokens = torch.cat(
            [
                mean * 2,
                torch.where(here, (said_log_var.clamp(*LOG_VAR_RANGE) + 4) / 2, 0),
                torch.where(named, emotions, 0) * 3,
                presence[..., None],
                named.to(mean.dtype),
            ],
            -1,
        )
        now = self.apart(self._apart(mean, here))
        for m, embed in enumerate(self.embed):
            now = now + torch.where(here[:, :, m], embed(tokens[:, :, m]), self.absent[m])
        nothing = now.new_zeros(1, now.shape[0], now.shape[2])
        past, _ = self.recall(self.dropout(nn.functional.silu(now)), nothing)
        spoken = here.any(2).to(mean.dtype)
        average = (past * spoken).sum(1) / spoken.sum(1).clamp(min=1)
        return self.head(torch.cat([past[:, -1], average], 1))

    def _apart(self, mean: Tensor, here: Tensor) -> Tensor:
        """How far every two sources are apart (B, T, 4 P), and whether both speak."""
        parts = [mean.new_zeros(*mean.shape[:2], 4)] if not self.pairs else []
        for a, b in self.pairs:
            both = (here[:, :, a] & here[:, :, b]).to(mean.dtype)
            parts += [(mean[:, :, a] - mean[:, :, b]).abs() * both, both]
        return torch.cat(parts, -1)
