"""What was learnt of one person: a linear map of band entropies, or of a trunk's embedding, to affect (numpy; no torch).

Made by ``affectstream calibrate``, only where it was shown to beat knowing nothing, and kept as safetensors.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from affectstream.encoders.checkpoint import CheckpointError, sha256_of
from affectstream.encoders.eeg.entropy import Entropy
from affectstream.encoders.eeg.physiology import READABLE
from affectstream.encoders.eeg.trunk import Trunk
from affectstream.multimodal.types import DIMENSIONS, SignalError

KIND = "affectstream-eeg-person/1"
ABOUT = "about"  # the one key of the metadata, as safetensors writes several in any order
TRUNK = "trunk"  # the tensor that holds its file's bytes
TENSORS = ("mean", "sd", "weights", "bias", "variance")


@dataclass(frozen=True, eq=False)
class PersonalModel:
    """``weights`` (C, B, 3) on entropies standardised by ``mean`` and ``sd`` (C, B), ``bias`` (3,), and the ``variance``
    (3,) of what is then believed, from trials it had not seen: NaN in the dimensions in which it does not beat knowing
    nothing. ``names`` are the electrodes, ``contract`` the definition of the entropies, ``story`` what it was made of and how well it did. With a
    ``trunk`` its embedding of D numbers stands in the place of the entropies, as of one electrode with D bands."""

    names: tuple[str, ...]
    contract: dict[str, Any]
    mean: NDArray[np.float64]
    sd: NDArray[np.float64]
    weights: NDArray[np.float64]
    bias: NDArray[np.float64]
    variance: NDArray[np.float64]
    story: dict[str, Any]
    trunk: Trunk | None = None
    sha256: str = ""  # of the file it was read from

    def check(self, names: Sequence[str], definition: Entropy) -> None:
        """Raises SignalError if the entropies are defined otherwise or less than half of the electrodes are there."""
        ours = json.loads(json.dumps(definition.contract()))
        if ours != self.contract:
            raise SignalError(f"the model was made of {self.contract}; it would be fed {ours}; calibrate again")
        there = set(self.names) & set(names)
        if 2 * len(there) < len(self.names):
            raise SignalError(
                f"the model knows {len(self.names)} electrodes ({', '.join(self.names)}), of which the recording has "
                f"{len(there)}; wanted at least half of them; record with the same headset or calibrate again"
            )

    def predict(
        self, entropy: NDArray[np.float64], quality: NDArray[np.float64], names: Sequence[str]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Mean and variance (w, 3) and quality (w,) of windows with ``entropy`` (w, C, B) and ``quality`` (w, C) at ``names``.

        An electrode that is missing or unreadable counts as its mean; the quality is that of the others, times
        their number among those the model knows.
        """
        at = {name: k for k, name in enumerate(names)}
        columns = [at.get(name, -1) for name in self.names]
        sure = np.where([k >= 0 for k in columns], quality[:, columns], 0.0)
        readable = sure >= READABLE
        if self.trunk is None:
            ready = np.where(readable[:, :, None], (entropy[:, columns] - self.mean) / self.sd, 0.0)
        else:
            ready = (self.trunk.embed(entropy, quality, names)[:, None] - self.mean) / self.sd
        mean = np.clip(np.einsum("wcb,cbd->wd", ready, self.weights) + self.bias, -1, 1)
        known = np.isfinite(self.variance) & readable.any(1, keepdims=True)
        variance = np.broadcast_to(self.variance, mean.shape)
        return np.where(known, mean, np.nan), np.where(known, variance, np.nan), sure.mean(1)

    def save(self, path: Path) -> None:
        """Write to ``path`` (.safetensors), under a temporary name first. Raises OSError where that is not possible."""
        from safetensors.numpy import save

        about = {"kind": KIND, "names": self.names, "contract": self.contract, "story": self.story}
        tensors = {name: np.ascontiguousarray(getattr(self, name)) for name in TENSORS}
        if self.trunk is not None:
            tensors[TRUNK] = np.frombuffer(self.trunk.content, np.uint8)
        partial = path.with_name(f".{path.name}.part")
        try:
            content = save(tensors, {ABOUT: json.dumps(about, sort_keys=True)})
            partial.write_bytes(content)  # save_file's own errors are no OSError
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: Path) -> Self:
        """The model in ``path``. Raises CheckpointError if there is none, or none of ours, there."""
        from safetensors import SafetensorError, safe_open

        wanted = "wanted a file made by `affectstream calibrate`"
        try:
            with safe_open(path, "numpy") as file:
                about = _about((file.metadata() or {}).get(ABOUT), path, wanted)
                tensors = {name: file.get_tensor(name) for name in TENSORS}
                names_there = set(file.keys())
                trunk = Trunk.of(file.get_tensor(TRUNK).tobytes(), str(path)) if TRUNK in names_there else None
        except FileNotFoundError as error:
            raise CheckpointError(f"no {path}; {wanted}; check the path") from error
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"{path} cannot be read ({error}); {wanted}; make it again") from error
        names, contract, story = about["names"], about["contract"], about["story"]
        shapes = {name: tensors[name].shape for name in TENSORS}
        table = (len(names), len(contract.get("bands", ()))) if trunk is None else (1, tensors["mean"].shape[-1])
        if shapes != {"mean": table, "sd": table, "weights": (*table, 3), "bias": (3,), "variance": (3,)}:
            raise CheckpointError(f"{path} holds arrays of shapes {shapes}, which do not fit; {wanted}; make it again")
        return cls(tuple(names), contract, **tensors, story=story, trunk=trunk, sha256=sha256_of(path))

    @property
    def learnt(self) -> tuple[str, ...]:
        """The dimensions it says something of."""
        return tuple(name for name, value in zip(DIMENSIONS, self.variance, strict=True) if np.isfinite(value))


def _about(text: str | None, path: Path, wanted: str) -> dict[str, Any]:
    """What the metadata ``text`` of ``path`` say that it is; CheckpointError if that is no model of ours."""
    try:
        about = json.loads(text or "")
        kind, whole = about["kind"], {"names", "contract", "story"} <= set(about)
    except (ValueError, TypeError, KeyError) as error:
        raise CheckpointError(f"{path} does not say what it is ({error!r}); {wanted}, {KIND}") from error
    if kind != KIND or not whole:
        raise CheckpointError(f"{path} is {kind}, with {', '.join(sorted(about))}; {wanted}, {KIND}")
    return about
