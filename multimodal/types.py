"""The vocabulary: what readers yield, what encoders say, and what a checkpoint is. numpy only.

Time is float seconds on the container's clock. Valence, arousal and dominance are the three columns of every
``mean`` and ``variance``, in that order, in [-1, 1].
"""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

Dimension = Literal["valence", "arousal", "dominance"]
DIMENSIONS: tuple[Dimension, ...] = ("valence", "arousal", "dominance")
Modality = Literal["face", "speech", "text", "eeg", "fusion"]


class SignalError(Exception):
    """An input that cannot be used; the message says what was got, what was wanted and what to do."""


@dataclass(frozen=True, eq=False)
class Chunk:
    """A stretch of one signal, from a file or a device.

    ``data`` (n, ...) holds n samples: video (n, H, W, 3) uint8 RGB; audio (n,) float32 mono in [-1, 1]; EEG
    (n, channels) float32 volts; text (n,) str, one utterance each. A regular signal gives ``start`` (s) and
    ``rate`` (Hz), and sample i begins at start + i / rate. An irregular one (video, text) also gives ``time``
    (n,), the second at which each sample begins, and, where samples last, ``duration`` (n,) in seconds;
    ``rate`` is then its nominal rate, or 0 where it has none.
    """

    modality: Modality
    start: float
    rate: float
    data: NDArray[Any]
    time: NDArray[np.float64] | None = None
    duration: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        for name in ("time", "duration"):
            values = getattr(self, name)
            if values is not None and not np.isfinite(values).all():
                raise ValueError(f"chunk {name} holds NaN or infinity; wanted seconds")
            if values is not None and values.shape != (len(self.data),):
                raise ValueError(
                    f"chunk {name} has shape {values.shape}; wanted one value for each of {len(self)} samples"
                )
        if self.time is None and not self.rate > 0:
            raise ValueError(f"chunk rate is {self.rate} Hz; wanted a positive rate, or the time of each sample")

    def __len__(self) -> int:
        return len(self.data)

    @property
    def times(self) -> NDArray[np.float64]:
        """The second at which each sample begins, (n,)."""
        return self.start + np.arange(len(self)) / self.rate if self.time is None else self.time


@dataclass(frozen=True, eq=False)
class Trace:
    """Affect over time, as one source saw it.

    ``time`` (T,) seconds, the centre of each window, never decreasing; ``mean`` (T, 3) in [-1, 1], NaN where
    nothing was observed; ``variance`` (T, 3), positive wherever the mean is known; ``quality`` (T,) in [0, 1],
    how far the signal could be read; ``span`` (T,) seconds, the length of each window; optional ``embedding``
    (T, D); optional ``labels`` (T, K), probabilities of ``label_names``. ``source`` is "face/0", "text",
    "fused", "state". Arrays are checked once, here, and are read-only.

    >>> trace = Trace("text", time=[1.0], mean=[[0.5, 0.0, 0.1]], variance=[[0.1, 0.1, 0.1]], quality=[1.0])
    >>> len(trace), trace.mean.flags.writeable
    (1, False)
    """

    source: str
    time: NDArray[np.float64]
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    quality: NDArray[np.float64]
    span: NDArray[np.float64]
    embedding: NDArray[np.float32] | None
    labels: NDArray[np.float32] | None
    label_names: tuple[str, ...]

    def __init__(
        self,
        source: str,
        *,
        time: ArrayLike,
        mean: ArrayLike,
        variance: ArrayLike,
        quality: ArrayLike,
        span: ArrayLike = 0.0,
        embedding: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        label_names: Sequence[str] = (),
    ) -> None:
        moments = np.array(time, np.float64).reshape(-1)
        rows = len(moments)
        # The class is frozen, so the fields are set past it, once.
        object.__setattr__(self, "source", source)
        object.__setattr__(self, "time", _frozen(moments))
        object.__setattr__(self, "mean", _frozen(np.array(mean, np.float64).reshape(rows, 3)))
        object.__setattr__(self, "variance", _frozen(np.array(variance, np.float64).reshape(rows, 3)))
        object.__setattr__(self, "quality", _frozen(np.array(np.broadcast_to(quality, rows), np.float64)))
        object.__setattr__(self, "span", _frozen(np.array(np.broadcast_to(span, rows), np.float64)))
        object.__setattr__(self, "embedding", None if embedding is None else _frozen(np.array(embedding, np.float32)))
        object.__setattr__(self, "labels", None if labels is None else _frozen(np.array(labels, np.float32)))
        object.__setattr__(self, "label_names", tuple(label_names))
        self._check()

    def _check(self) -> None:
        where = f"trace {self.source!r}"
        if not np.isfinite(self.time).all() or (np.diff(self.time) < 0).any():
            raise ValueError(f"{where}: times must be finite and never decrease; sort the rows by time")
        known = ~np.isnan(self.mean)
        if (abs(self.mean[known]) > 1 + 1e-6).any():
            raise ValueError(f"{where}: mean reaches {abs(self.mean[known]).max():.3g}; wanted [-1, 1] or NaN")
        spread = self.variance[known]
        if not (np.isfinite(spread) & (spread > 0)).all():
            raise ValueError(f"{where}: variance must be finite and above 0 wherever the mean is known")
        if not ((self.quality >= 0) & (self.quality <= 1)).all():
            raise ValueError(f"{where}: quality must lie in [0, 1]")
        for name, columns in (("embedding", None), ("labels", len(self.label_names))):
            values = getattr(self, name)
            if values is None:
                continue
            if values.ndim != 2 or len(values) != len(self) or (columns is not None and values.shape[1] != columns):
                wanted = f"({len(self)}, {'D' if columns is None else columns})"
                raise ValueError(f"{where}: {name} has shape {values.shape}; wanted {wanted}")

    def __len__(self) -> int:
        return len(self.time)

    def __repr__(self) -> str:
        begin, end = (self.time[0], self.time[-1]) if len(self) else (float("nan"), float("nan"))
        return f"Trace({self.source!r}, {len(self)} rows, {begin:.3f} to {end:.3f} s)"

    @property
    def sd(self) -> NDArray[np.float64]:
        """Standard deviation (T, 3)."""
        return np.sqrt(self.variance)

    @property
    def observed(self) -> NDArray[np.bool_]:
        """Rows (T,) in which anything was observed."""
        return np.asarray(np.isfinite(self.mean).any(1))

    def without_embedding(self) -> Self:
        """The same trace without its embeddings, the one part that is large."""
        return self if self.embedding is None else self._of([self], embedding=False)

    def take(self, rows: ArrayLike) -> Self:
        """The ``rows`` (n,), indices in rising order, as a trace of their own."""
        at = np.asarray(rows, np.intp)
        columns: dict[str, Any] = {
            name: None if (values := getattr(self, name)) is None else values[at]
            for name in ("time", "mean", "variance", "quality", "span", "embedding", "labels")
        }
        return type(self)(self.source, **columns, label_names=self.label_names)

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """One trace of several of the same source, in the order given.

        Raises ValueError if there is none, or if they differ in source, in labels or in having an embedding.
        """
        kinds = {(p.source, p.label_names, p.labels is None, p.embedding is None) for p in parts}
        if len(kinds) != 1:
            named = sorted({part.source for part in parts})
            raise ValueError(f"cannot join {len(parts)} traces of {named}; wanted some, of one source and one form")
        return cls._of(parts, embedding=True)

    @classmethod
    def _of(cls, parts: Sequence[Self], *, embedding: bool) -> Self:
        def stack(name: str) -> NDArray[Any] | None:
            values = [getattr(part, name) for part in parts]
            return None if values[0] is None else np.concatenate(values)

        columns = {name: stack(name) for name in ("time", "mean", "variance", "quality", "span", "labels")}
        columns["embedding"] = stack("embedding") if embedding else None
        return cls(parts[0].source, **columns, label_names=parts[0].label_names)  # pyright: ignore[reportArgumentType]


Observation = Trace  # what an encoder says of a chunk is a short trace


@dataclass(frozen=True)
class Facts:
    """What a network is and wants; stored inside its weights, so that nothing is guessed from a file name.

    ``window`` and ``hop`` are seconds (0 where a sample stands alone), ``rate`` is Hz (0 where any will do),
    ``contract`` is the exact form of the input (crop, spectrogram, tokens), compared word for word when the
    weights are loaded. ``weights`` is the sha256 over the tensors, the same in ``.safetensors`` and ``.onnx``.
    """

    name: str
    modality: Modality
    window: float
    hop: float
    rate: float
    channels: int
    contract: dict[str, Any]
    labels: tuple[str, ...]
    value_range: tuple[float, float]
    training_data: str
    licence: str
    weights: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """One line of JSON with sorted keys."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse of :meth:`to_json`; raises ValueError for a missing or unknown key."""
        values = json.loads(text)
        names = {f.name for f in dataclasses.fields(cls)}
        if set(values) != names:
            raise ValueError(f"facts have keys {sorted(values)}; wanted {sorted(names)}; export the weights again")
        values["labels"], values["value_range"] = tuple(values["labels"]), tuple(values["value_range"])
        return cls(**values)


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    array.setflags(write=False)
    return array
