"""Recordings made ready to train on: their frames computed once, kept on disk, and cut into windows.

A copy of a corpus is every recording varied with one seed. Backbone states are never computed again while a run's
folder is kept.
"""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import torch
from numpy.lib.format import write_array_header_1_0
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from affectstream.datasets.clips import Clips
from affectstream.datasets.labelled_files import LabelledFiles
from affectstream.encoders.speech.backbone import Backbone
from affectstream.encoders.speech.features import frames_of
from affectstream.encoders.speech.hearing import Hearing, latest_speech, listen
from affectstream.encoders.speech.spectrum import BANDS, COMPONENTS, HOP
from affectstream.multimodal.training.speech.augment import varied

Sounds = Clips | LabelledFiles  # of the latter, tables of sounds
Alter = Callable[[NDArray[np.float32], np.random.Generator], NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class Prepared:
    """The frames of n recordings, one after the other.

    ``quartets`` (F, 8, 40), ``states`` (F, depth, width), or (F, 0, 0) without a backbone, and ``presence`` (F,), all
    float16 and on disk; recording i has the frames ``offset``[i] to ``offset``[i + 1].
    """

    quartets: NDArray[np.float16]
    states: NDArray[np.float16]
    presence: NDArray[np.float16]
    offset: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offset) - 1


class Batch(NamedTuple):
    """Windows as the network takes them: (B, 8, 40, T), (B, T), and (B, T, depth, width) or None."""

    quartets: Tensor
    presence: Tensor
    states: Tensor | None


def prepare(
    clips: Sounds, backbone: Backbone | None, folder: Path, *, name: str, alter: Alter | None = None
) -> Prepared:
    """The frames of all ``clips``, each changed by ``alter`` first, from ``folder`` if they are there already.

    ``name`` says which corpus and change these are; recordings, backbone and name decide whether a cache is right.
    The generator of recording i depends on name and i alone.
    """
    whole = hashlib.sha256(name.encode())
    whole.update((backbone.name if backbone else "none").encode())
    for path in clips.files:
        assert path is not None  # a sound is a file
        whole.update(f"{path.name} {path.stat().st_size}".encode())
    place = folder / f"{name}-{whole.hexdigest()[:12]}"
    if not (place / "offset.npy").exists():
        place.mkdir(parents=True, exist_ok=True)
        _write(clips, backbone, place, name, alter)
    parts = {part: np.load(place / f"{part}.npy", mmap_mode="r") for part in ("quartets", "states", "presence")}
    return Prepared(**parts, offset=np.load(place / "offset.npy"))


def copies(clips: Sounds, backbone: Backbone | None, folder: Path, *, name: str, count: int) -> list[Prepared]:
    """The corpus as it is, and ``count`` varied copies of it."""
    voices = [_sound(clips, i) for i in range(0, len(clips), max(len(clips) // 60, 1))]
    plain = prepare(clips, backbone, folder, name=name)
    more = [
        prepare(clips, backbone, folder, name=f"{name}-{k}", alter=lambda x, rng: varied(x, voices, rng))
        for k in range(count)
    ]
    return [plain, *more]


def presence_of(samples: NDArray[np.floating]) -> NDArray[np.float32]:
    """The chance (n // 320,) that each frame of a run ``samples`` (n,) is voice."""
    state, heard = listen(Hearing(), samples)
    left = len(samples) // HOP - len(heard.speech)
    return np.concatenate([heard.speech, latest_speech(state, left)]).astype(np.float32)


def _sound(clips: Sounds, i: int) -> NDArray[np.float32]:
    return np.asarray(clips.signal(i), np.float32)


def _write(clips: Sounds, backbone: Backbone | None, place: Path, name: str, alter: Alter | None) -> None:
    offset = [0]
    with ExitStack() as files:
        quartets, states, presence = (
            files.enter_context(Growing(place / f"{part}.npy")) for part in ("quartets", "states", "presence")
        )
        for i in tqdm(range(len(clips)), f"listening, {name}", unit=" recordings", disable=None):
            samples = _sound(clips, i)
            if alter is not None:
                samples = alter(samples, np.random.default_rng([*name.encode(), i]))
            if len(samples) < HOP:
                raise ValueError(
                    f"{clips.files[i]} has {len(samples)} samples at 16 kHz; wanted {HOP} or more; leave it out"
                )
            frames = frames_of(samples, backbone)
            quartets.add(frames.quartets)
            states.add(np.empty((len(frames.quartets), 0, 0)) if frames.states is None else frames.states)
            presence.add(presence_of(samples))
            offset.append(offset[-1] + len(frames.quartets))
    np.save(place / "offset.npy", np.array(offset))  # last: it says that the rest is whole


class Growing:
    """A ``.npy`` file of float16 to which rows are added, so that hours of frames are never in memory together."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("wb")
        self.shape = (0,)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self.file:
            self._write_header()

    def add(self, rows: NDArray[np.floating]) -> None:
        """Add ``rows`` (m, ...), of the same shape but for m each time."""
        self.shape = (self.shape[0] + len(rows), *rows.shape[1:])
        if not self.file.tell():
            self._write_header()
        self.file.write(np.ascontiguousarray(rows, "<f2").tobytes())

    def _write_header(self) -> None:
        """At the file's beginning; numpy leaves room there for as many rows as may come."""
        self.file.seek(0)
        write_array_header_1_0(self.file, {"descr": "<f2", "fortran_order": False, "shape": self.shape})


Pick = tuple[int, int, int, int]  # set, recording, first frame, frames


def windows(sets: Sequence[Prepared], pick: Sequence[Pick], length: int, *, every: int = 1) -> Batch:
    """A batch of windows of ``length`` frames, each stretch of ``pick`` at the end of its own.

    States are those of the last of ``every`` so many frames.
    """
    quartets = np.zeros((len(pick), len(COMPONENTS), BANDS, length), np.float32)
    presence = np.zeros((len(pick), length), np.float32)
    depth = sets[0].states.shape[1:]
    states = np.zeros((len(pick), length // every, *depth), np.float32) if depth[0] else None
    for row, (copy, clip, first, count) in enumerate(pick):
        part = sets[copy]
        at = slice(int(part.offset[clip]) + first, int(part.offset[clip]) + first + count)
        quartets[row, :, :, length - count :] = part.quartets[at].transpose(1, 2, 0)
        presence[row, length - count :] = part.presence[at]
        if states is not None:
            kept = count // every
            states[row, length // every - kept :] = part.states[at][::-1][: kept * every : every][::-1]
    return Batch(
        torch.from_numpy(quartets), torch.from_numpy(presence), None if states is None else torch.from_numpy(states)
    )


def random_windows(
    sets: Sequence[Prepared], clips: NDArray[np.integer], length: int, plain: float, rng: np.random.Generator
) -> list[Pick]:
    """For each of ``clips`` a stretch of 0.6 s up to ``length`` frames, as :func:`windows` wants them.

    With chance ``plain`` it is of the first of ``sets``, else of one of the others.
    """
    pick = []
    for clip in clips.tolist():
        copy = 0 if len(sets) == 1 or rng.random() < plain else int(rng.integers(1, len(sets)))
        whole = int(sets[copy].offset[clip + 1] - sets[copy].offset[clip])
        count = min(whole, length)
        count = min(count, max(int(rng.uniform(0.3, 1.8) * count), 30))
        pick.append((copy, clip, int(rng.integers(whole - count + 1)), count))
    return pick


def beginning(part: Prepared, clip: int, length: int) -> Pick:
    """The first ``length`` frames of one recording, or all if there are fewer, as :func:`windows` wants them."""
    return 0, clip, 0, min(int(part.offset[clip + 1] - part.offset[clip]), length)


def middle(part: Prepared, clip: int, longest: int | None = None) -> Pick:
    """A whole recording, or the ``longest`` frames in its middle, as :func:`windows` wants them."""
    whole = int(part.offset[clip + 1] - part.offset[clip])
    count = whole if longest is None else min(whole, longest)
    return 0, clip, (whole - count) // 2, count
