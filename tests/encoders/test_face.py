"""The face encoder on real photographs that move: shifted, hidden, cut, turned away."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from affectstream.datasets.london import London
from affectstream.encoders.checkpoint import CheckpointError, checkpoint_folder, load
from affectstream.encoders.face.crop import CropContract
from affectstream.encoders.face.encoder import FaceEncoder
from affectstream.encoders.face.quality import face_quality, sharpness, turn
from affectstream.encoders.face.track import ALIKE, look_of
from affectstream.encoders.quality import ramp
from affectstream.multimodal.types import Chunk, Observation, Trace

RATE = 25.0


@pytest.fixture(scope="module")
def encoder() -> FaceEncoder:
    return FaceEncoder.load()


@pytest.fixture(scope="module")
def photographs(shared_data: Path) -> dict[tuple[str, bool], NDArray[np.uint8]]:
    data = London(shared_data / "face")
    samples = [data[i] for i in range(12)]
    return {(s.subject, bool(s.target.labels[1])): np.asarray(s.signal, np.uint8) for s in samples}


def video(frames: list[NDArray[np.uint8]], start: float = 0.0) -> Chunk:
    time = start + np.arange(len(frames)) / RATE
    return Chunk("face", start, RATE, np.stack(frames), time=time)


def placed(face: NDArray[np.uint8], x: int, y: int, size: int = 220) -> NDArray[np.uint8]:
    """``face`` pasted on a grey 640 x 480 picture."""
    picture = np.full((480, 640, 3), 128, np.uint8)
    picture[y : y + size, x : x + size] = cv2.resize(face, (size, size), interpolation=cv2.INTER_AREA)
    return picture


def fold(encoder: FaceEncoder, chunks: Iterator[Chunk] | list[Chunk]) -> dict[str, Trace]:
    state, parts = encoder.initial(), {}
    for chunk in chunks:
        state, observations = encoder.observe(state, chunk)
        for observation in observations:
            parts.setdefault(observation.source, []).append(observation)
    return {source: Observation.join(found) for source, found in parts.items()}


def moving(photographs, count: int = 24) -> list[NDArray[np.uint8]]:
    faces = list(photographs.values())
    return [placed(faces[0], 20 + 4 * k, 60) if k % 8 else np.full((480, 640, 3), 90, np.uint8) for k in range(count)]


@pytest.mark.parametrize("size", [1, 5, 24])
def test_any_chunking_gives_the_same_observations(encoder: FaceEncoder, photographs, size: int) -> None:
    frames = moving(photographs)
    whole = fold(encoder, [video(frames)])
    parts = fold(encoder, [video(frames[i : i + size], i / RATE) for i in range(0, len(frames), size)])
    assert whole.keys() == parts.keys()
    for source, trace in whole.items():
        np.testing.assert_allclose(parts[source].time, trace.time, atol=1e-9)
        np.testing.assert_allclose(parts[source].mean, trace.mean, atol=1e-6)
        np.testing.assert_allclose(parts[source].variance, trace.variance, rtol=1e-5)
        np.testing.assert_allclose(parts[source].quality, trace.quality, atol=1e-12)


def test_every_frame_has_a_row_even_where_no_face_is_seen(encoder: FaceEncoder, photographs) -> None:
    blank = [np.full((480, 640, 3), 90, np.uint8)] * 3
    face = [placed(next(iter(photographs.values())), 100, 60)] * 3
    found = fold(encoder, [video(blank + face + blank)])
    assert list(found) == ["face/0"]
    np.testing.assert_array_equal(found["face/0"].observed, [False] * 3 + [True] * 3 + [False] * 3)
    assert not found["face/0"].quality[:3].any()
    labels = found["face/0"].labels
    assert labels is not None
    np.testing.assert_allclose(labels[3:6].sum(1), 1, atol=1e-5)


def test_two_people_keep_their_ids_when_one_is_hidden_and_over_a_cut_that_swaps_them(encoder, photographs) -> None:
    people = [f for (_, smiling), f in photographs.items() if not smiling][:2]

    def both(left: int, right: int | None) -> NDArray[np.uint8]:
        picture = placed(people[left], 30, 100)
        if right is not None:
            picture[100:320, 380:600] = placed(people[right], 380, 100)[100:320, 380:600]
        return picture

    frames = [both(0, 1)] * 4 + [both(0, None)] * 6 + [both(0, 1)] * 3
    found = fold(encoder, [video(frames)])
    assert len(found) == 2
    assert sorted(int(t.observed.sum()) for t in found.values()) == [7, 13]

    black = [np.zeros((480, 640, 3), np.uint8)]
    swapped = fold(encoder, [video([both(0, 1)] * 4 + black + [both(1, 0)] * 4)])
    assert len(swapped) == 2
    one, two = (swapped[f"face/{i}"].embedding for i in (0, 1))
    assert one is not None and two is not None
    for own, other in ((one, two), (two, one)):  # the face after the cut is the one from before it
        assert np.corrcoef(own[3], own[-1])[0, 1] > np.corrcoef(own[3], other[-1])[0, 1]


def test_looks_tell_people_apart(photographs) -> None:
    encoder = FaceEncoder.load()
    looks = {key: look_of(image, encoder.find(image).points[0]) for key, image in photographs.items()}
    subjects = sorted({subject for subject, _ in looks})
    same = [float(looks[s, False] @ looks[s, True]) for s in subjects]
    other = [float(looks[a, False] @ looks[b, True]) for a in subjects for b in subjects if a != b]
    assert np.mean(np.array(same) >= ALIKE) >= 0.8
    assert np.mean(np.array(other) >= ALIKE) <= 0.2


def test_a_smile_is_more_pleasant_than_a_neutral_face(encoder: FaceEncoder, photographs) -> None:
    found = fold(encoder, [video([placed(image, 100, 60)]) for image in [next(iter(photographs.values()))]])
    assert abs(found["face/0"].mean).max() <= 1
    valence = {True: [], False: []}
    for (_, smiling), image in photographs.items():
        observation = encoder.observe(encoder.initial(), video([image]))[1][0]
        valence[smiling].append(observation.mean[0, 0])
    assert np.mean(valence[True]) > np.mean(valence[False]) + 0.1


def test_quality_falls_with_size_blur_turn_and_the_pictures_edge() -> None:
    frontal = np.array([[30, 40], [70, 40], [50, 58], [36, 75], [64, 75]], float)
    crop = np.random.default_rng(0).integers(0, 256, (64, 64, 1), np.uint8)
    box, picture = np.array([10, 10, 80, 100.0]), (200, 200)
    best = face_quality(0.95, box, frontal, crop, picture)
    assert best == pytest.approx(1.0)
    profile = frontal + np.array([[0, 0], [-25, 0], [25, 0], [0, 0], [-18, 0]])
    smooth = cv2.GaussianBlur(crop.astype(np.float32), (0, 0), 6)[..., None]
    blurred = ((smooth - smooth.mean()) / smooth.std() * 40 + 128).clip(0, 255).astype(np.uint8)
    for worse in (
        face_quality(0.55, box, frontal, crop, picture),
        face_quality(0.95, box / 6, frontal / 6, crop, picture),
        face_quality(0.95, box, profile, crop, picture),
        face_quality(0.95, box, frontal, blurred, picture),
        face_quality(0.95, box - [60, 0, 0, 0], frontal, crop, picture),
        face_quality(0.95, box, frontal, np.full((64, 64, 1), 77, np.uint8), picture),
    ):
        assert worse < 0.5


def test_turn_does_not_depend_on_place_size_or_roll() -> None:
    points = np.array([[30, 40], [70, 40], [58, 58], [36, 75], [64, 75]], float)
    angle = 0.5
    spin = 3.0 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    np.testing.assert_allclose(turn(points @ spin.T + 11), turn(points), atol=1e-9)
    assert turn(points)[0] == pytest.approx(8 / 40, abs=0.03)
    assert ramp(0.5, 0, 1) == 0.5 and sharpness(np.zeros((8, 8, 1), np.uint8)) == 0


def test_a_chunk_of_something_else_is_refused(encoder: FaceEncoder) -> None:
    with pytest.raises(ValueError, match="wanted uint8"):
        encoder.observe(encoder.initial(), Chunk("face", 0.0, 25.0, np.zeros((2, 48, 64), np.uint8)))
    with pytest.raises(ValueError, match="wanted uint8"):
        encoder.look(np.zeros((1, 32, 32, 1), np.uint8))


def test_weights_made_for_another_crop_or_altered_are_refused(tmp_path: Path) -> None:
    shipped = checkpoint_folder() / "face-small.onnx"
    with pytest.raises(CheckpointError, match=r"face zoom 1\.0, but would be fed 0\.8"):
        load(shipped, contract=asdict(CropContract(zoom=0.8)))
    for name in ("face-small.onnx", "face-small.json"):
        (tmp_path / name).write_bytes((checkpoint_folder() / name).read_bytes())
    data = bytearray(shipped.read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "face-small.onnx").write_bytes(bytes(data))
    with pytest.raises(CheckpointError, match="its card says"):
        load(tmp_path / "face-small.onnx", contract=asdict(CropContract()))
    with pytest.raises(CheckpointError, match="wanted weights and their card"):
        load(tmp_path / "absent.onnx", contract={})
