"""Video in, one affect trace per face out: detect, follow, crop, look."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from affectstream.encoders.checkpoint import Checkpoint, checkpoint_folder, load, verified
from affectstream.encoders.face.crop import CropContract, crop, face_matrix
from affectstream.encoders.face.detect import Detector, Faces, merge
from affectstream.encoders.face.quality import face_quality
from affectstream.encoders.face.track import Tracks, follow, thumbnail
from affectstream.multimodal.types import Chunk, Observation

NEAR, FAR = 320, 640  # longest side of the picture YuNet sees; the second only where the first shows no face
CLOSE = 128  # side of the square around a face in which its points are found
SEARCH = 0.4  # s after which the whole picture is searched again for new faces
PORTRAIT = CropContract(side=96, detail=96, zoom=0.6, colour="rgb")


@dataclass(frozen=True, eq=False)
class Person:
    """What a report shows of one track: when it was seen, in how many frames, and its best portrait so far."""

    first: float
    last: float
    frames: int
    quality: float
    portrait: NDArray[np.uint8]  # (96, 96, 3) RGB


@dataclass(frozen=True, eq=False)
class FaceState:
    """What the face encoder remembers between chunks: the tracks, whom it saw, and who was seen last."""

    tracks: Tracks = field(default_factory=Tracks)
    people: dict[int, Person] = field(default_factory=dict)
    latest: int = 0
    searched: float = -np.inf  # s, when the whole picture was last searched


@dataclass(frozen=True, eq=False)
class _Seen:
    """One face of one frame, ready for the network."""

    track: int
    time: float
    crop: NDArray[np.uint8]
    quality: float


class FaceEncoder:
    """Faces to affect.

    :meth:`observe` folds over video chunks. Faces are followed from frame to frame and the whole picture is
    searched every 0.4 seconds, after a cut, and as long as one is missing. Every frame gives at least one row: one for
    each face seen, one without a mean for each track that is waiting for its face, and, where nobody is or is waited
    for, one without a mean for the track seen last ("face/0" before anyone was).
    """

    def __init__(self, checkpoint: Checkpoint, detector_path: Path) -> None:
        self.checkpoint = checkpoint
        self._near = Detector(detector_path, side=NEAR)
        self._far = Detector(detector_path, side=FAR)
        self._close = Detector(detector_path, side=CLOSE)
        self.contract = CropContract(**checkpoint.facts.contract)

    @classmethod
    def load(cls, folder: Path | None = None) -> Self:
        """Open the shipped weights, or those in ``folder``; raises CheckpointError if they are not what they should be."""
        folder = folder or checkpoint_folder()
        checkpoint = load(folder / "face-small.onnx", contract=dataclasses.asdict(CropContract()))
        return cls(checkpoint, verified(folder / "yunet.onnx"))

    def initial(self) -> FaceState:
        """The state before the first chunk."""
        return FaceState()

    def observe(self, state: FaceState, chunk: Chunk) -> tuple[FaceState, list[Observation]]:
        """Take in a video ``chunk``, (n, H, W, 3) uint8 RGB; returns the new state and one observation per track."""
        if chunk.data.ndim != 4 or chunk.data.shape[3] != 3 or chunk.data.dtype != np.uint8:
            raise ValueError(
                f"face encoder got {chunk.data.dtype} frames of shape {chunk.data.shape}; wanted uint8 (n, H, W, 3) RGB"
            )
        seen: list[_Seen] = []
        absent: list[tuple[int, float]] = []
        tracks, people, latest, searched = state.tracks, dict(state.people), state.latest, state.searched
        for image, time in zip(chunk.data, chunk.times.tolist(), strict=True):
            scene = thumbnail(image)
            known = tracks.present()
            if time - searched >= SEARCH or len(known) < len(tracks.alive(time)) or tracks.cut_by(scene):
                known = []
            followed = [self._close.close(image, track.box) for track in known]
            if followed and all(map(len, followed)):
                faces = merge(followed, self._close.overlap)
            else:
                faces, searched = self.find(image), time
            tracks, ids = follow(tracks, time, image, scene, faces)
            for i, track in enumerate(ids):
                face = self._read(image, faces, i, track, time)
                seen.append(face)
                people[track] = _met(people.get(track), image, faces.points[i], face)
                latest = track
            waiting = [track.id for track in tracks.alive(time) if track.id not in ids]
            absent += [(track, time) for track in waiting or ([] if ids else [latest])]
        return FaceState(tracks, people, latest, searched), self._observations(seen, absent, 1 / chunk.rate)

    def find(self, image: NDArray[np.uint8]) -> Faces:
        """Faces of one picture (H, W, 3), looked for again at twice the size where there seems to be none.

        Each is then looked at closely, so that its points do not depend on how large it is in the picture.
        """
        faces = self._near(image)
        if not len(faces) and max(image.shape[:2]) > NEAR:
            faces = self._far(image)
        if not len(faces):
            return faces
        one = [Faces(faces.box[[i]], faces.points[[i]], faces.score[[i]]) for i in range(len(faces))]
        closer = [self._close.close(image, box) for box in faces.box]
        return merge([near if len(near) else far for near, far in zip(closer, one, strict=True)], self._close.overlap)

    def _read(self, image: NDArray[np.uint8], faces: Faces, i: int, track: int, time: float) -> _Seen:
        picture = crop(image, face_matrix(faces.points[i], self.contract), self.contract)
        quality = face_quality(float(faces.score[i]), faces.box[i], faces.points[i], picture, image.shape[:2])
        return _Seen(track, time, picture, quality)

    def _observations(self, seen: list[_Seen], absent: list[tuple[int, float]], span: float) -> list[Observation]:
        outputs = self.look(np.stack([face.crop for face in seen])) if seen else {}
        rows: dict[int, list[tuple[float, int | None]]] = {}
        for k, face in enumerate(seen):
            rows.setdefault(face.track, []).append((face.time, k))
        for track, time in absent:
            rows.setdefault(track, []).append((time, None))
        return [self._observation(track, sorted(rows[track]), seen, outputs, span) for track in sorted(rows)]

    def _observation(
        self,
        track: int,
        rows: list[tuple[float, int | None]],
        seen: list[_Seen],
        outputs: dict[str, NDArray[np.float32]],
        span: float,
    ) -> Observation:
        at = [k for _, k in rows]

        def take(values: NDArray[np.floating] | None, width: int) -> NDArray[np.float64]:
            empty = np.full(width, np.nan)
            return np.array([empty if k is None or values is None else values[k] for k in at])

        labels = len(self.checkpoint.facts.labels)
        logits = take(outputs.get("logits"), labels)
        share = np.exp(logits - logits.max(1, keepdims=True))
        return Observation(
            f"face/{track}",
            time=[time for time, _ in rows],
            mean=take(outputs.get("mean"), 3),
            variance=np.exp(take(outputs.get("log_var"), 3)),
            quality=[0.0 if k is None else seen[k].quality for k in at],
            span=span,
            embedding=take(outputs.get("embedding"), self.checkpoint.facts.extra["embedding"]),
            labels=share / share.sum(1, keepdims=True),
            label_names=self.checkpoint.facts.labels,
        )

    def look(self, crops: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """The network's outputs by name for crops (n, side, side, C) uint8."""
        wanted = (self.contract.side, self.contract.side, self.contract.channels)
        if crops.ndim != 4 or crops.shape[1:] != wanted or crops.dtype != np.uint8:
            raise ValueError(
                f"face network got {crops.dtype} crops {crops.shape}; wanted uint8 (n, {wanted}) from crop()"
            )
        batch = np.ascontiguousarray(crops.transpose(0, 3, 1, 2), np.float32) / np.float32(255)
        return self.checkpoint.run({"crops": batch})


def _met(person: Person | None, image: NDArray[np.uint8], points: NDArray[np.float32], face: _Seen) -> Person:
    """``person`` after one more sight of the face; a new portrait only where the face can clearly be read better."""
    if person is None or face.quality > person.quality + 0.05:
        portrait = crop(image, face_matrix(points, PORTRAIT), PORTRAIT)
        first, frames = (face.time, 0) if person is None else (person.first, person.frames)
        return Person(first, face.time, frames + 1, face.quality, portrait)
    return dataclasses.replace(person, last=face.time, frames=person.frames + 1)
