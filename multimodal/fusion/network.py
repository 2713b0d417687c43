"""The learned fusion of a face and a voice: experts, their product, and what only both together say (torch).

Each modality has an expert of its own, which turns its token into a calibrated Gaussian opinion of how people who
see *and* hear would judge. Opinions are multiplied with the prior counted once. On top, a recurrent network that
sees both tokens and what went before moves the product, through a gate that is exactly 0 where one modality holds
all the evidence: with one modality alone the answer is that modality's own calibrated estimate, whatever was heard
before.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from affectstream.multimodal.fusion.learned import MODALITIES

TOKEN = 3 + 3 + 6 + 3 + 2  # mean, log-variance, shares, log worth in voters, presence, are shares known
KNEE = 0.001  # evidence balance (Gini, 0 to 1) at which the gate is about half open
LOG_VAR_RANGE = (-8.0, 1.0)


class Fusion(NamedTuple):
    """The answer for a batch of B instants.

    ``mean`` (B, 3) in [-1, 1] and ``log_var`` (B, 3); ``share`` (B, 2, 3), each modality's part of the evidence, all
    0 where there is none; ``residual`` (B, 3), what was added to the product of experts; ``memory`` (B, N), to be
    given back at the next instant.
    """

    mean: Tensor
    log_var: Tensor
    share: Tensor
    residual: Tensor
    memory: Tensor


class Parts(NamedTuple):
    """What training looks at besides the answer.

    ``alone_mean`` and ``alone_log_var`` (B, 2, 3): the answer if only that modality were there; ``joint`` (K, B, 6)
    logarithms of the shares that each of K members expects of people who see and hear.
    """

    answer: Fusion
    alone_mean: Tensor
    alone_log_var: Tensor
    joint: Tensor


class Expert(nn.Module):
    """A token (B, 17) to a calibrated estimate (B, 3) within the terms' hull, and the logit (B, 3) of its variance.

    The variance is that part of the prior's: an expert is never less sure than someone who saw nothing.
    """

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(TOKEN, hidden)
        self.out = nn.Linear(hidden, 6 + 3)

    def forward(self, token: Tensor, terms: Tensor) -> tuple[Tensor, Tensor]:
        logits, doubt = self.out(nn.functional.silu(self.hidden(token))).split([6, 3], dim=-1)
        return logits.softmax(-1) @ terms, doubt


class Member(nn.Module):
    """Both tokens (B, 2, 17) and a memory (B, ``memory``) to log shares (B, 6), a log-variance (B, 3), a new memory.

    A modality that is absent has a vector of its own; its numbers are not looked at.
    """

    def __init__(self, width: int, memory: int, dropout: float) -> None:
        super().__init__()
        self.embed = nn.ModuleList(nn.Linear(TOKEN, width) for _ in MODALITIES)
        self.absent = nn.Parameter(torch.zeros(len(MODALITIES), width))
        self.recall = nn.GRUCell(width, memory)
        self.mix = nn.Linear(width + memory, width)
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(width, 6 + 3)

    def forward(self, tokens: Tensor, known: Tensor, memory: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        seen = [
            torch.where(known[:, m : m + 1], embed(tokens[:, m]), self.absent[m]) for m, embed in enumerate(self.embed)
        ]
        now = nn.functional.silu(torch.stack(seen).sum(0))
        memory = self.recall(now, memory)
        mixed = nn.functional.silu(self.mix(self.dropout(torch.cat([now, memory], -1))))
        logits, spread = self.out(self.dropout(mixed)).split([6, 3], dim=-1)
        return logits.log_softmax(-1), spread, memory


class FusionNetwork(nn.Module):
    """What the modalities say at an instant, and the memory of earlier ones, to :class:`Fusion`.

    ``terms`` (6, 3), ``prior_mean`` and ``prior_log_var`` (3,) come from the data. ``alone_widen`` (2, 3) and
    ``both_widen`` (3,) are fitted after training so that intervals cover what they promise; they start at 0.
    """

    terms: Tensor
    prior_mean: Tensor
    prior_log_var: Tensor
    alone_widen: Tensor
    both_widen: Tensor

    def __init__(self, *, width: int = 64, memory: int = 24, members: int = 4, dropout: float = 0.2) -> None:
        super().__init__()
        self.memory = memory
        self.experts = nn.ModuleList(Expert(width // 2) for _ in MODALITIES)
        self.members = nn.ModuleList(Member(width, memory, dropout) for _ in range(members))
        self.register_buffer("terms", torch.zeros(6, 3))
        self.register_buffer("prior_mean", torch.zeros(3))
        self.register_buffer("prior_log_var", torch.zeros(3))
        self.register_buffer("alone_widen", torch.zeros(len(MODALITIES), 3))
        self.register_buffer("both_widen", torch.zeros(3))

    def initial(self, batch: int = 1) -> Tensor:
        """The memory (B, N) before the first instant."""
        return torch.zeros(batch, self.memory * len(self.members))

    def forward(self, mean: Tensor, log_var: Tensor, expression: Tensor, presence: Tensor, memory: Tensor) -> Fusion:
        """One instant: see :meth:`parts`."""
        return self.parts(mean, log_var, expression, presence, memory).answer

    def parts(self, mean: Tensor, log_var: Tensor, expression: Tensor, presence: Tensor, memory: Tensor) -> Parts:
        """``mean`` and ``log_var`` (B, 2, 3), ``expression`` (B, 2, 6) shares, NaN where unknown, of :data:`MODALITIES`.

        ``presence`` (B, 2) in [0, 1] is the chance that the modality reads true, 0 where it is absent; there the
        other numbers may be anything, NaN too. ``memory`` (B, N) is the last answer's, or :meth:`initial`.
        """
        known = presence > 0
        tokens = self._tokens(mean, log_var, expression, presence)
        opinions = [expert(tokens[:, m], self.terms) for m, expert in enumerate(self.experts)]
        estimate, doubt = (torch.stack(part, 1) for part in zip(*opinions, strict=True))
        prior = torch.exp(-self.prior_log_var)
        evidence = prior * torch.exp(-(doubt + self.alone_widen).clamp(-6, 6))  # precision beyond the prior's
        pull = (prior + evidence) * (estimate - self.prior_mean)  # so that alone, read true, gives the estimate
        weight = presence[..., None]
        held, pulls = weight * evidence, weight * pull
        total = held.sum(1)
        product = self.prior_mean + pulls.sum(1) / (prior + total)
        share = held / total.clamp(min=1e-12)[:, None]
        balance = 2 * (1 - share.square().sum(1)) * (total > 0)
        gate = balance * (1 + KNEE) / (balance + KNEE)

        said = [
            member(tokens, known, past)
            for member, past in zip(self.members, memory.split(self.memory, -1), strict=True)
        ]
        joint, spread, recalled = (torch.stack(part) for part in zip(*said, strict=True))
        together = joint.exp().mean(0) @ self.terms
        residual = gate * (together - product)
        fused = (product + residual).clamp(-1, 1)
        fused_log_var = -torch.log(prior + total) + gate * (spread.mean(0).clamp(-4, 4) + self.both_widen)
        kept = torch.where(known.any(1)[:, None], torch.cat(recalled.unbind(0), -1), memory)
        answer = Fusion(fused, fused_log_var, share, fused - product, kept)
        return Parts(answer, self.prior_mean + pulls / (prior + held), -torch.log(prior + held), joint)

    def _tokens(self, mean: Tensor, log_var: Tensor, expression: Tensor, presence: Tensor) -> Tensor:
        """Tokens (B, 2, 17), about unit size; 0 wherever the presence is, or the shares are unknown.

        The worth in voters is how many of them would leave so much variance, given how divided they are.
        """
        here = presence[..., None] > 0
        named = here & ~torch.isnan(expression).any(-1, keepdim=True)
        spread = torch.where(here, log_var.clamp(*LOG_VAR_RANGE), 0)
        shares = torch.where(named, expression, 0)
        divided = (shares * 10 + 0.5) / 13
        between = divided @ self.terms.square() - (divided @ self.terms).square()
        tokens = [
            torch.where(here, mean, 0) * 2,
            torch.where(here, (spread + 4) / 2, 0),
            shares * 3,
            torch.where(named, torch.log(between + 1e-6) - spread - 2, 0),
            presence[..., None],
            named.to(mean.dtype),
        ]
        return torch.cat(tokens, -1)
