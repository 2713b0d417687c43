"""Simulated encoders on CREMA-D votes: sequences of what a face and a voice seem to say, and what people made of both.

Every clip has one vote of each kind, so sequences are simulated: encoders that see a clip as a handful of voters would,
err alike from one instant to the next, and now and then fall silent.
"""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from affectstream.datasets.cremad_votes import CremadVotes, derived_vad, sampling_variance, shares
from affectstream.multimodal.fusion.learned import MODALITIES

WAY_OF = {"face": "face", "speech": "voice"}  # who judged what our modality stands for


@dataclass(frozen=True)
class Simulation:
    """What simulated encoders are like; the chances are per sequence, or per sequence and modality where a modality is named."""

    steps: int = 3  # instants in a sequence
    exact: float = 0.5  # chance that the encoders say just what the voters said
    fewest: int = 1  # simulated voters
    most: int = 30
    blur: float = 0.04  # sd of what an encoder's mean adds to its shares' terms
    change: float = 0.5  # chance that another clip of the same actor follows
    doubtful: float = 0.2  # chance that readings are not of this clip as often as their quality says
    unnamed: float = 0.05  # chance that a modality gives no shares
    whole: float = 0.3  # chance that one modality is away
    span: float = 0.3  # chance that one modality is away for a while


class Said(NamedTuple):
    """What two encoders say, (..., 2, k) over :data:`MODALITIES`, and what people made of it, (..., k)."""

    mean: Tensor
    log_var: Tensor
    expression: Tensor
    presence: Tensor
    vad: Tensor
    share: Tensor

    def at(self, step: int) -> Self:
        """One instant of sequences (B, T, ...)."""
        return type(self)(*(part[:, step] for part in self))


def exact(votes: CremadVotes, present: tuple[str, ...] = MODALITIES) -> Said:
    """The votes themselves as one instant for each clip (n, ...), with only the ``present`` modalities."""
    counts = _counts(votes)
    share = shares(counts)
    presence = np.tile(np.array([name in present for name in MODALITIES], np.float32), (len(votes), 1))
    variance = sampling_variance(share, counts.sum(-1))
    return _said(derived_vad(share), np.log(variance), share, presence, votes.vad, votes.share)


def simulate(
    votes: CremadVotes,
    recipe: Simulation,
    first: NDArray[np.intp],
    rng: np.random.Generator,
    among: NDArray[np.intp] | None = None,
) -> Said:
    """Sequences (B, T, ...) of simulated encoders that begin with the clips ``first`` (B,) of ``votes``.

    No other clips than those ``among`` (m,), ascending, are met; all, if it is not given. Raises ValueError if one of ``first`` is
    not among them.
    """
    pool = np.arange(len(votes)) if among is None else among
    if strangers := sorted(set(first.tolist()) - set(pool.tolist())):
        raise ValueError(f"clip {strangers[0]} is none of the {len(pool)} that may be met; wanted only such")
    size, steps, count = len(first), recipe.steps, len(MODALITIES)
    place, fresh = _clips(votes.actor[pool], np.searchsorted(pool, first), recipe, rng)
    clip = pool[place]
    each = (size, 1, count)
    is_exact = rng.random((size, 1, 1)) < recipe.exact
    quality = np.where(rng.random(each) < recipe.doubtful, rng.uniform(0.1, 1, each), 1.0)
    keeps = rng.random((size, steps, count)) < rng.uniform(0, 0.95, each)  # the error stays as it was
    redrawn = fresh[..., None] | ~keeps
    redrawn[:, 0] = True
    last = np.maximum.accumulate(np.where(redrawn, np.arange(steps)[:, None], 0), 1)
    wrong = np.take_along_axis(rng.random((size, steps, count)) > quality, last, 1)
    astray = pool[np.take_along_axis(rng.integers(0, len(pool), (size, steps, count)), last, 1)]
    looked_at = np.where(wrong, astray, clip[..., None])

    counts = _counts(votes)
    judged = np.stack([counts[looked_at[..., m], m] for m in range(count)], 2)  # (B, T, 2, 6)
    voters = judged.sum(-1)
    drawn = np.exp(rng.uniform(np.log(recipe.fewest), np.log(recipe.most + 1), each)).astype(int)
    drawn = np.broadcast_to(drawn, voters.shape)
    share = shares(judged)
    chances = share.astype(np.float64) / share.astype(np.float64).sum(-1, keepdims=True)
    hard = shares(rng.multinomial(drawn, chances).astype(np.float64))
    soft = shares(rng.standard_gamma(drawn[..., None] * chances + 1e-2) + 1e-6)
    seen = np.where(rng.random((size, 1, count, 1)) < 0.5, hard, soft)
    seen = np.take_along_axis(seen, last[..., None], 1)
    believed = np.where(is_exact, voters, voters * drawn / (voters + drawn))
    seen = np.where(is_exact[..., None], share, seen).astype(np.float32)
    blur = np.where(is_exact[..., None], 0.0, recipe.blur) * rng.standard_normal((size, steps, count, 3))
    mean = np.clip(derived_vad(seen) + blur, -1, 1)
    log_var = np.log(sampling_variance(seen, believed))
    expression = np.where(rng.random((*each, 1)) < recipe.unnamed, np.nan, seen)
    gone = away(size, steps, count, rng, whole=recipe.whole, span=recipe.span)
    presence = np.where(gone, 0.0, quality)
    return _said(mean, log_var, expression, presence, votes.vad[clip], votes.share[clip])


def _counts(votes: CremadVotes) -> NDArray[np.float32]:
    """Votes (n, 2, 6) over :data:`MODALITIES`."""
    return np.stack([votes.votes[WAY_OF[name]] for name in MODALITIES], 1)


def _clips(
    actor: NDArray[np.str_], who: NDArray[np.intp], recipe: Simulation, rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Which clip (B, T) is on, beginning with ``who`` (B,), and whether it has just changed; a change stays with the actor."""
    order = np.argsort(actor, kind="stable")
    _, first, count = np.unique(actor[order], return_index=True, return_counts=True)
    of = np.searchsorted(actor[order][first], actor[who])
    then = order[first[of] + rng.integers(0, count[of])]
    size, steps = len(who), recipe.steps
    when = np.where(rng.random(size) < recipe.change, rng.integers(1, steps, size), steps)
    instant = np.arange(steps)
    return np.where(instant < when[:, None], who[:, None], then[:, None]), instant == when[:, None]


def away(
    size: int, steps: int, count: int, rng: np.random.Generator, *, whole: float, span: float
) -> NDArray[np.bool_]:
    """Which of ``count`` modalities is away when, (B, T, M): one all the time with chance ``whole``, or one for a stretch with
    chance ``span``, or none; never two."""
    kind = rng.random(size)
    begin = rng.integers(0, steps, size)
    end = rng.integers(begin + 1, steps + 1)
    instant = np.arange(steps)
    stretch = (instant >= begin[:, None]) & (instant < end[:, None])
    always, some = kind < whole, (kind >= whole) & (kind < whole + span)
    gone = always[:, None] | (some[:, None] & stretch)
    return gone[..., None] & (np.arange(count) == rng.integers(0, count, size)[:, None, None])


def _said(*parts: NDArray[np.floating]) -> Said:
    return Said(*(torch.from_numpy(np.ascontiguousarray(part, np.float32)) for part in parts))
