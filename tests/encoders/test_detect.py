"""The detector against OpenCV's own runner of the same model, on pictures without and with faces."""

import csv
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from affectstream.encoders.face.detect import Detector, Faces, overlap_of, suppress

MODEL = Path(__file__).parents[2] / "checkpoints" / "yunet.onnx"
Picture = NDArray[np.uint8]
OpenCV = Callable[[Picture, float, float], Faces]  # picture, threshold, overlap


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector(MODEL)


@pytest.fixture(scope="module")
def photographs(shared_data: Path) -> list[tuple[str, Picture]]:
    """Twenty portraits of the London set, 320 px RGB, with their names."""
    paths = sorted((shared_data / "face" / "london").glob("*.jpg"))[:20]
    if len(paths) < 20:
        pytest.skip("no London set in the corpora: docs/DATASETS.md")
    return [
        (path.stem, np.ascontiguousarray(np.asarray(cv2.imread(str(path)), np.uint8)[:, :, ::-1])) for path in paths
    ]


@pytest.fixture(scope="module")
def opencv() -> OpenCV:
    """OpenCV's FaceDetectorYN on our model file."""
    try:
        runner = cv2.FaceDetectorYN.create(str(MODEL), "", (320, 320), 0.6, 0.3)
    except cv2.error as error:
        pytest.skip(f"this OpenCV cannot open a model of free size: {error.err}")

    def run(picture: Picture, threshold: float, overlap: float) -> Faces:
        runner.setInputSize((picture.shape[1], picture.shape[0]))
        runner.setScoreThreshold(threshold)
        runner.setNMSThreshold(overlap)
        found = runner.detect(np.ascontiguousarray(picture[:, :, ::-1]))[1]
        rows = np.zeros((0, 15), np.float32) if found is None else np.asarray(found, np.float32)
        return Faces(rows[:, :4], rows[:, 4:14].reshape(-1, 5, 2), rows[:, 14])

    return run


def assert_same(got: Faces, wanted: Faces, least: float = 0.0) -> None:
    """Every face scored above ``least`` on either side has its twin on the other, within 0.02 px and 1e-4."""
    for one, other in ((got, wanted), (wanted, got)):
        rows, choice = (np.hstack([f.box, f.points.reshape(-1, 10), f.score[:, None] * 200]) for f in (one, other))
        assert len(choice)
        for row in rows[one.score > least]:
            assert abs(choice - row).max(1).min() < 0.02


@pytest.mark.parametrize("size", [(96, 128), (100, 131), (33, 250)])
def test_every_cell_is_decoded_as_opencv_does(opencv: OpenCV, size: tuple[int, int]) -> None:
    """At a threshold near zero noise is full of faint faces, so every formula is exercised without a photograph.

    Nothing is suppressed here: OpenCV compares boxes cut to whole pixels, we do not.
    """
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    picture = np.asarray(cv2.GaussianBlur(noise, (0, 0), 2), np.uint8)
    got = Detector(MODEL, threshold=0.003, overlap=1.0)(picture)
    assert (got.score > 0.0035).sum() >= 10
    assert_same(got, opencv(picture, 0.003, 1.0), least=0.0035)


def test_photographs_are_read_as_opencv_does(
    photographs: list[tuple[str, Picture]], opencv: OpenCV, detector: Detector
) -> None:
    for _, picture in photographs:
        for part in (picture, np.ascontiguousarray(picture[7:308, 20:297])):
            assert_same(detector(part), opencv(part, 0.6, 0.3))


def test_each_photograph_has_one_face_at_the_known_points(
    photographs: list[tuple[str, Picture]], shared_data: Path, detector: Detector
) -> None:
    """The table was made by the same model from pictures of another size, which moves its points by some pixels."""
    with (shared_data / "face" / "london.csv").open() as file:
        table = {f"{row['face_id']}_{row['expression']}": row for row in csv.DictReader(file)}
    names = ("reye", "leye", "nose", "rmouth", "lmouth")
    errors = []
    for name, picture in photographs:
        faces = detector(picture)
        assert len(faces) == 1, name
        known = np.array([[float(table[name][f"{point}_{axis}"]) for axis in "xy"] for point in names])
        eyes = np.hypot(*(known[1] - known[0]))
        errors.append(np.hypot(*(faces.points[0] - known).T).mean() / eyes)
    assert max(errors) < 0.2 and np.mean(errors) < 0.1, errors


def test_a_large_picture_is_reported_in_its_own_pixels(
    photographs: list[tuple[str, Picture]], detector: Detector
) -> None:
    for _, picture in photographs[:3]:
        once, large = detector(picture), detector(picture.repeat(4, 0).repeat(4, 1))
        assert len(large) == 1
        assert large.points / 4 == pytest.approx(once.points, abs=1.5)
        assert large.box / 4 == pytest.approx(once.box, abs=1.5)


def test_many_faces_come_best_first(photographs: list[tuple[str, Picture]], detector: Detector) -> None:
    quarter = [
        np.asarray(cv2.resize(p, (160, 160), interpolation=cv2.INTER_AREA), np.uint8) for _, p in photographs[:4]
    ]
    faces = detector(np.vstack([np.hstack(quarter[:2]), np.hstack(quarter[2:])]))
    assert len(faces) == 4
    assert (np.diff(faces.score) <= 0).all()
    middles = {tuple((box[:2] + box[2:] / 2) // 160) for box in faces.box}
    assert middles == {(0, 0), (1, 0), (0, 1), (1, 1)}


@pytest.mark.parametrize("shape", [(64, 64, 3), (5, 9, 3), (700, 20, 3), (1, 1, 3)])
def test_no_face_is_an_empty_answer_of_the_right_shape(detector: Detector, shape: tuple[int, int, int]) -> None:
    faces = detector(np.full(shape, 127, np.uint8))
    assert len(faces) == 0
    assert (faces.box.shape, faces.points.shape, faces.score.shape) == ((0, 4), (0, 5, 2), (0,))


# Whole-number boxes: their areas are exact in float32, so a plain loop over fractions is the truth.
some_boxes = st.integers(0, 12).flatmap(
    lambda n: arrays(np.int64, (n, 4), elements=st.integers(1, 20)).map(lambda a: a.astype(np.float32))
)


def loop_overlap(a: NDArray[np.float32], b: NDArray[np.float32]) -> Fraction:
    ax, ay, aw, ah = (Fraction(float(v)) for v in a)
    bx, by, bw, bh = (Fraction(float(v)) for v in b)
    wide = min(ax + aw, bx + bw) - max(ax, bx)
    high = min(ay + ah, by + bh) - max(ay, by)
    common = max(wide, Fraction(0)) * max(high, Fraction(0))
    return common / (aw * ah + bw * bh - common)


@given(some_boxes, st.data(), st.sampled_from(["0.3", "0.5"]))
def test_suppress_is_the_plain_loop(box: NDArray[np.float32], data: st.DataObject, overlap: str) -> None:
    score = data.draw(arrays(np.float32, len(box), elements=st.integers(1, 8).map(lambda i: i / 8)))
    kept: list[int] = []
    for i in sorted(range(len(box)), key=lambda i: (-score[i], i)):
        if all(loop_overlap(box[i], box[j]) <= Fraction(overlap) for j in kept):
            kept.append(i)
    assert suppress(box, score, float(overlap)) == kept


@given(some_boxes)
def test_overlap_is_the_shared_part_of_the_union(box: NDArray[np.float32]) -> None:
    for i, one in enumerate(box):
        got = overlap_of(one, box)
        assert got == pytest.approx([float(loop_overlap(one, other)) for other in box], abs=1e-6)
        assert got[i] == 1
        assert ((got >= 0) & (got <= 1)).all()
        assert got == pytest.approx(np.array([overlap_of(other, one[None])[0] for other in box]), abs=1e-7)
        assert overlap_of(one * 8, box * 8) == pytest.approx(got, abs=1e-6)


def test_boxes_that_touch_or_are_empty_do_not_overlap() -> None:
    one = np.array([0, 0, 10, 10], np.float32)
    assert overlap_of(one, np.array([[10, 0, 5, 5], [0, 10, 5, 5], [3, 3, 0, 0]], np.float32)).tolist() == [0, 0, 0]
