"""Face and voice to one judgement with the trained fusion, one instant after the other (numpy, ONNX Runtime).

A file is stepped through exactly as a live stream is: what comes out does not depend on how the instants are
cut into calls. With one modality alone, the answer is that modality's own calibrated estimate.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from affectstream.encoders.checkpoint import Checkpoint, checkpoint_folder, load
from affectstream.multimodal.timeline import Reading
from affectstream.multimodal.types import Trace

NAME = "fusion-cremad"
MODALITIES = ("face", "speech")
EMOTIONS = ("anger", "disgust", "fear", "happiness", "neutral", "sadness")
RATE = 10.0  # instants a second that the memory was trained for
LEAST = 0.05  # what the six emotions must hold together of a distribution over more
WEAKEST = 0.05  # least evidence, as a part of the prior's precision, that is passed on

Memory = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Saying:
    """What one source says at G instants: its ``reading`` and, if it names emotions, shares ``emotions`` (G, 6).

    The shares are over :data:`EMOTIONS`, as :func:`six_shares` makes them, NaN where unknown.
    """

    reading: Reading
    emotions: NDArray[np.floating] | None = None


@dataclass(frozen=True, eq=False)
class Blend:
    """The learned fusion of G instants.

    ``mean`` in [-1, 1] and ``variance`` (G, 3), the prior's where nobody speaks; ``quality`` (G,), the chance that at
    least one source reads true; ``share`` source to (G, 3), its part of the evidence, 0 where it is silent;
    ``residual`` (G, 3), what was added to the product of experts, 0 where fewer than two speak.
    """

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    quality: NDArray[np.float64]
    share: dict[str, NDArray[np.float64]]
    residual: NDArray[np.float64]
    prior_mean: NDArray[np.float64]
    prior_variance: NDArray[np.float64]

    @property
    def evidence(self) -> Reading:
        """The same without the prior, for a filter or a product that has a prior of its own; NaN where nobody speaks.

        Its mean can lie outside [-1, 1]: it is what, pulled towards the prior, gives ``mean``. Its quality is 1,
        because that of the sources is in its variance already.
        """
        heard = self.quality > 0
        precision = np.maximum(1 / self.variance - 1 / self.prior_variance, WEAKEST / self.prior_variance)
        mean = self.prior_mean + (self.mean - self.prior_mean) * (1 + 1 / (precision * self.prior_variance))
        known = heard[:, None]
        return Reading(np.where(known, mean, np.nan), np.where(known, 1 / precision, np.nan), heard.astype(float))

    def trace(self, times: NDArray[np.float64], span: float) -> Trace:
        """As the trace "fused" on ``times`` (G,)."""
        return Trace("fused", time=times, mean=self.mean, variance=self.variance, quality=self.quality, span=span)


class LearnedFusion:
    """The trained fusion of a face and a voice.

    A fold over instants: ``memory`` starts as :meth:`initial` and goes from one :meth:`run` to the next. Sources
    are called "speech", "face" or "face/0"; either may be left out or be silent (NaN) at any instant.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        extra = checkpoint.facts.extra
        self._memory = int(extra["memory"])
        self._prior_mean = np.array(extra["prior_mean"], np.float64)
        self._prior_variance = np.array(extra["prior_variance"], np.float64)

    @classmethod
    def load(cls, folder: Path | None = None) -> Self:
        """Open the shipped weights, or those in ``folder``; raises CheckpointError if they are not what they should be."""
        return cls(load((folder or checkpoint_folder()) / f"{NAME}.onnx", contract=contract()))

    def initial(self) -> Memory:
        """The memory before the first instant."""
        return np.zeros((1, self._memory), np.float32)

    def step(self, memory: Memory, said: Mapping[str, Saying]) -> tuple[Memory, Blend]:
        """One instant, which each source's reading must hold alone; returns the new memory and the blend of it."""
        return self.run(memory, said, 1)

    def run(self, memory: Memory, said: Mapping[str, Saying], count: int) -> tuple[Memory, Blend]:
        """``count`` instants, one after the other, about 1 / :data:`RATE` seconds apart.

        Returns the new memory and the blend of them all. Raises ValueError for a source that is neither a face nor
        a voice, for two of one kind, and for readings or shares of another length.
        """
        by_kind = _by_kind(said)
        inputs = _inputs([by_kind.get(name) for name in MODALITIES], said, count)
        rows: list[dict[str, NDArray[np.float32]]] = []
        for g in range(count):
            rows.append(self.checkpoint.run({**{n: v[g : g + 1] for n, v in inputs.items()}, "past": memory}))
            memory = rows[-1]["memory"]

        def stack(name: str, *shape: int) -> NDArray[np.float64]:
            return np.array([row[name][0] for row in rows], np.float64).reshape(count, *shape)

        share = stack("share", len(MODALITIES), 3)
        return memory, Blend(
            mean=stack("mean", 3),
            variance=np.exp(stack("log_var", 3)),
            quality=1 - np.prod(1 - inputs["presence"].astype(np.float64), 1),
            share={source: share[:, MODALITIES.index(_kind(source))] for source in said},
            residual=stack("residual", 3),
            prior_mean=self._prior_mean,
            prior_variance=self._prior_variance,
        )


def contract() -> dict[str, Any]:
    """What the network must be fed; compared word for word when its weights are loaded."""
    return {
        "modalities": list(MODALITIES),
        "emotions": list(EMOTIONS),
        "dimensions": ["valence", "arousal", "dominance"],
        "instants": f"{RATE:g} a second",
        "presence": "chance that the modality reads true, 0 where it is silent",
    }


def six_shares(share: NDArray[np.floating], names: Sequence[str]) -> NDArray[np.float64]:
    """Shares (n, K) of expressions called ``names`` as shares (n, 6) of :data:`EMOTIONS`.

    Taken by name; what is none of the six (surprise, contempt) is dropped and the rest made to sum to 1. A row is
    NaN, unknown, where the six hold less than :data:`LEAST` together. Raises ValueError if one of the six has no column.

    >>> names = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
    >>> six_shares(np.array([[0.2, 0.3, 0.5, 0, 0, 0, 0, 0]]), names).round(3).tolist()
    [[0.0, 0.0, 0.0, 0.6, 0.4, 0.0]]
    """
    missing = [name for name in EMOTIONS if name not in names]
    if missing or share.ndim != 2 or share.shape[1] != len(names):
        raise ValueError(
            f"shares {share.shape} of {tuple(names)}; wanted (n, {len(names)}) with {', '.join(EMOTIONS)} among them; "
            "leave the shares of a source out that names others"
        )
    kept = np.asarray(share, np.float64)[:, [list(names).index(name) for name in EMOTIONS]]
    total = kept.sum(1, keepdims=True)
    return np.where(total >= LEAST, kept / np.where(total >= LEAST, total, 1.0), np.nan)


def _kind(source: str) -> str:
    return source.partition("/")[0]


def _by_kind(said: Mapping[str, Saying]) -> dict[str, Saying]:
    kinds = [_kind(source) for source in said]
    if not set(kinds) <= set(MODALITIES) or len(set(kinds)) < len(kinds):
        raise ValueError(
            f"the learned fusion got sources {sorted(said)}; wanted at most one face and one speech; "
            "multiply others with its evidence (experts.fuse)"
        )
    return dict(zip(kinds, said.values(), strict=True))


def _inputs(sayings: Sequence[Saying | None], said: Mapping[str, Saying], count: int) -> dict[str, NDArray[np.float32]]:
    """The network's inputs (G, 2, ...) but for its memory; absent where a mean, variance or quality is missing."""
    for source, saying in said.items():
        emotions = saying.emotions
        if saying.reading.mean.shape != (count, 3) or (emotions is not None and emotions.shape != (count, 6)):
            shapes = saying.reading.mean.shape, None if emotions is None else emotions.shape
            raise ValueError(
                f"{source} has means and shares {shapes}; wanted ({count}, 3) and ({count}, 6) or None; "
                "put it on the same grid"
            )
    mean, log_var = np.full((count, 2, 3), np.nan), np.full((count, 2, 3), np.nan)
    emotions, presence = np.full((count, 2, 6), np.nan), np.zeros((count, 2))
    for m, saying in enumerate(sayings):
        if saying is None:
            continue
        reading = saying.reading
        heard = np.isfinite(reading.mean).all(1) & (reading.variance > 0).all(1) & (reading.quality > 0)
        presence[heard, m] = np.minimum(reading.quality[heard], 1.0)
        mean[heard, m] = reading.mean[heard]
        log_var[heard, m] = np.log(reading.variance[heard])
        if saying.emotions is not None:
            emotions[heard, m] = saying.emotions[heard]
    values = {"said_mean": mean, "said_log_var": log_var, "emotions": emotions, "presence": presence}
    return {name: np.ascontiguousarray(value, np.float32) for name, value in values.items()}
