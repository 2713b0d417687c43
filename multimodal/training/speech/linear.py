"""Train the linear network that has a share in each speech ensemble: convex, so the data alone decide.

A multinomial regression with ridge (L-BFGS, classes weighted alike) on the functionals of the voice, or on the mean of
the backbone's states. Beside the recordings and their varied copies it learns from the voice as other people would have
given it: quartets moved along the bands, as a longer or shorter vocal tract moves them (vocal tract length perturbation,
Jaitly and Hinton 2013), and stretched in time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from affectstream.datasets.clips import Clips
from affectstream.encoders.speech.functionals import functionals
from affectstream.encoders.speech.network import LinearNetwork, mean_states
from affectstream.encoders.speech.spectrum import BANDS
from affectstream.multimodal.training.speech.prepared import Pick, Prepared, middle

Source = Literal["functionals", "states"]
SHIFT = 2.0  # of 40 bands, up or down
STRETCH = 0.15  # of the logarithm of time


@dataclass(frozen=True)
class LinearRecipe:
    """What a linear network hears, how strong its ridge is, and how many ``stretched`` copies it learns from."""

    source: Source
    ridge: float
    stretched: int = 0


def features(
    part: Prepared, source: Source, *, longest: int | None = None, seed: int | None = None
) -> NDArray[np.float32]:
    """What each recording of ``part`` comes to, (n, F): of the whole, or of the ``longest`` frames in its middle.

    With a ``seed`` each is moved along the bands and stretched first, by amounts drawn from it.
    """
    rng = None if seed is None else np.random.default_rng(seed)
    return np.stack([heard_in(part, middle(part, clip, longest), source, rng) for clip in range(len(part))])


def heard_in(part: Prepared, pick: Pick, source: Source, rng: np.random.Generator | None = None) -> NDArray[np.float32]:
    """The features (F,) of one stretch, moved and stretched by what ``rng`` gives, if there is one."""
    _, clip, first, count = pick
    at = slice(int(part.offset[clip]) + first, int(part.offset[clip]) + first + count)
    presence = part.presence[at].astype(np.float32)
    if source == "states":
        states = torch.from_numpy(part.states[at].astype(np.float32))
        return mean_states(states[None], torch.from_numpy(presence)[None])[0].numpy()
    quartets = part.quartets[at].astype(np.float32)
    if rng is not None:
        shift, faster = float(rng.uniform(-SHIFT, SHIFT)), float(np.exp(rng.uniform(-STRETCH, STRETCH)))
        quartets, presence = moved(quartets, presence, shift, faster)
    return functionals(quartets, presence)


def moved(
    quartets: NDArray[np.float32], presence: NDArray[np.float32], shift: float, faster: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """``quartets`` (T, 8, 40) as heard ``shift`` bands lower, and ``presence`` (T,), both ``faster`` so many times."""
    time = np.linspace(0, len(quartets) - 1, max(round(len(quartets) / faster), 4))
    bands = np.clip(np.arange(BANDS) + shift, 0, BANDS - 1)
    out = _between(_between(quartets, time, 0), bands, 2)
    return out.astype(np.float32), presence[np.round(time).astype(int)]


def _between(values: NDArray[np.float32], at: NDArray[np.floating], axis: int) -> NDArray[np.floating]:
    """``values`` at the places ``at`` along ``axis``, linear between its entries."""
    low = at.astype(int)
    high = np.minimum(low + 1, values.shape[axis] - 1)
    share = (at - low).reshape([-1 if k == axis else 1 for k in range(values.ndim)])
    return np.take(values, low, axis) * (1 - share) + np.take(values, high, axis) * share


def lessons(sets: Sequence[Prepared], recipe: LinearRecipe) -> list[NDArray[np.float32]]:
    """The features a linear network learns from: those of ``sets``, and of stretched copies of the first, each (n, F)."""
    stretched = [features(sets[0], recipe.source, seed=seed) for seed in range(recipe.stretched)]
    return [*(features(part, recipe.source) for part in sets), *stretched]


def fit_linear(
    taught: Sequence[NDArray[np.float32]], clips: Clips, train: NDArray[np.integer], terms: Tensor, recipe: LinearRecipe
) -> LinearNetwork:
    """The linear network that the recordings ``train`` of ``clips`` teach, whose copies' features are ``taught``, each (n, F).

    Every statistic is theirs.
    """
    x = torch.from_numpy(np.concatenate([copy[train] for copy in taught]))
    label = torch.from_numpy(np.tile(clips.label[train], len(taught)))
    often = np.bincount(clips.label[train], minlength=len(clips.emotions))
    rarity = len(train) / (np.count_nonzero(often) * np.maximum(often, 1))
    network = LinearNetwork(x.shape[1], terms)
    network.feature_mean.copy_(x.mean(0))
    network.feature_sd.copy_(x.std(0) + 1e-3)
    nn.init.zeros_(network.linear.weight)
    nn.init.zeros_(network.linear.bias)
    ready = (x - network.feature_mean) / network.feature_sd
    weight = torch.from_numpy(np.tile(rarity[clips.label[train]], len(taught))).float()
    optimizer = torch.optim.LBFGS(
        network.linear.parameters(), max_iter=80, history_size=10, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        error = nn.functional.cross_entropy(network.linear(ready), label, reduction="none")
        loss = (weight * error).mean() + recipe.ridge * network.linear.weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)  # pyright: ignore[reportArgumentType]
    return network.eval()
