"""The crop contract: where each pixel of a face crop comes from."""

import cv2
import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from affectstream.encoders.face.crop import POINTS, TEMPLATE, CropContract, crop, face_matrix, similarity

Array = NDArray[np.float64]
PLAIN = CropContract()
SLOPE = np.array([0.09, -0.06])  # grey levels per pixel, right and down
coordinates = st.floats(-1000, 1000)
five_points = arrays(np.float64, (5, 2), elements=coordinates)


def turn(angle: float, scale: float, x: float = 0, y: float = 0) -> Array:
    """The (2, 3) matrix that turns by ``angle`` (radians), scales, then shifts."""
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[c, -s, x], [s, c, y]])


def move(matrix: Array, points: Array) -> Array:
    return points @ matrix[:, :2].T + matrix[:, 2]


def matrix_about(image: NDArray[np.uint8], angle: float, scale: float) -> Array:
    """From pixels of ``image`` to those of a crop of its middle."""
    matrix = turn(angle, scale)
    middle = (np.array(image.shape[1::-1]) - 1) / 2
    matrix[:, 2] = (PLAIN.side - 1) / 2 - matrix[:, :2] @ middle
    return matrix


def smooth_picture(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    noise = np.random.default_rng(seed).uniform(0, 255, (height, width)).astype(np.float32)
    blurred = cv2.GaussianBlur(noise, (0, 0), 6)
    return cv2.normalize(blurred, blurred, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


@given(five_points, five_points)
def test_similarity_is_the_least_squares_solution(source: Array, target: Array) -> None:
    assume(np.ptp(source, axis=0).max() > 1)
    x, y = source.T
    one, zero = np.ones(5), np.zeros(5)
    system = np.vstack([np.stack([x, -y, one, zero], 1), np.stack([y, x, zero, one], 1)])  # unknowns a, b, tx, ty
    a, b, tx, ty = np.linalg.lstsq(system, np.concatenate([target[:, 0], target[:, 1]]), rcond=None)[0]
    size = np.abs([a, b, tx, ty, 1]).max()
    assert similarity(source, target) == pytest.approx(np.array([[a, -b, tx], [b, a, ty]]), rel=0, abs=1e-9 * size)


@given(five_points, st.floats(-4, 4), st.floats(0.1, 10), coordinates, coordinates)
def test_similarity_finds_the_turn_that_was_made(p: Array, angle: float, scale: float, x: float, y: float) -> None:
    assume(np.ptp(p, axis=0).max() > 1)
    made = turn(angle, scale, x, y)
    assert similarity(p, move(made, p)) == pytest.approx(made, abs=1e-6)


@given(five_points, five_points, st.floats(-4, 4), st.floats(0.1, 10), coordinates, coordinates)
def test_a_moved_picture_gives_the_same_crop_positions(
    p: Array, target: Array, angle: float, scale: float, x: float, y: float
) -> None:
    assume(np.ptp(p, axis=0).max() > 1)
    moved = move(turn(angle, scale, x, y), p)
    assert move(similarity(moved, target), moved) == pytest.approx(move(similarity(p, target), p), abs=1e-5)


def test_coinciding_points_are_refused() -> None:
    with pytest.raises(ValueError, match="face points coincide"):
        similarity(np.full((5, 2), 7.0), np.asarray(TEMPLATE, np.float64))


@pytest.mark.parametrize("side", [48, 64, 224])
def test_a_face_on_the_template_is_left_alone(side: int) -> None:
    identity = face_matrix(TEMPLATE.astype(np.float64) * side - 0.5, CropContract(side=side))
    assert identity == pytest.approx(np.array([[1, 0, 0], [0, 1, 0]]), abs=1e-4)


def test_zoom_is_about_the_middle_of_the_crop() -> None:
    points = TEMPLATE.astype(np.float64) * 300
    near, far = (move(face_matrix(points, CropContract(zoom=z)), points) for z in (1.0, 0.5))
    middle = (PLAIN.side - 1) / 2
    assert far - middle == pytest.approx((near - middle) / 2, abs=1e-4)  # the template is float32


def test_the_template_is_symmetric_and_its_points_are_in_order() -> None:
    assert len(POINTS) == 5
    mirrored = TEMPLATE[[1, 0, 2, 4, 3]] * [-1, 1] + [1, 0]
    assert pytest.approx(mirrored, abs=1e-6) == TEMPLATE


@pytest.mark.parametrize(("wrong", "message"), [({"colour": "bgr"}, "colour is 'bgr'"), ({"side": 32}, "side 32 px")])
def test_impossible_contracts_are_refused(wrong: dict[str, str | int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CropContract(**wrong)  # pyright: ignore[reportArgumentType]


@pytest.fixture(scope="module")
def gradient() -> NDArray[np.uint8]:
    y, x = np.mgrid[:800, :800] - 400.0
    return np.rint(128 + SLOPE[0] * x + SLOPE[1] * y).astype(np.uint8)


@given(angle=st.floats(-3.2, 3.2), scale=st.floats(0.15, 4))
def test_a_gradient_is_cropped_to_its_analytic_values(gradient: NDArray[np.uint8], angle: float, scale: float) -> None:
    matrix = matrix_about(gradient, angle, scale)
    rows, columns = np.mgrid[: PLAIN.side, : PLAIN.side]
    at = (np.stack([columns, rows], -1) - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T  # crop pixel -> picture
    wanted = 128 + (at - 400) @ SLOPE
    inside = ((at >= 4) & (at <= 795)).all(-1)
    got = crop(gradient, matrix, PLAIN)[..., 0]
    assert inside.mean() > 0.5
    assert abs(got - wanted)[inside].max() < 1.5  # the picture, the averaging and the warp each round by a half


@pytest.mark.parametrize("angle", [0.0, 0.4])
def test_a_fine_checkerboard_becomes_flat_grey(angle: float) -> None:
    board = (np.indices((1024, 1024)).sum(0) % 2 * 255).astype(np.uint8)
    matrix = matrix_about(board, angle, 0.103)
    naive = cv2.warpAffine(board, matrix, (PLAIN.side, PLAIN.side), flags=cv2.INTER_LINEAR)
    assert naive.std() > 20, "without averaging the board aliases"
    assert abs(crop(board, matrix, PLAIN).astype(float) - 127.5).max() < 4


@pytest.mark.parametrize("times", [2, 3, 5])
def test_a_picture_enlarged_gives_the_same_crop(times: int) -> None:
    picture = smooth_picture(160, 160)
    points = move(turn(0.2, 70.0, 48.0, 40.0), TEMPLATE.astype(np.float64))
    large = picture.repeat(times, 0).repeat(times, 1)
    small_crop = crop(picture, face_matrix(points, PLAIN), PLAIN).astype(float)
    large_crop = crop(large, face_matrix((points + 0.5) * times - 0.5, PLAIN), PLAIN)
    assert small_crop.std() > 20
    assert abs(small_crop - large_crop).mean() < 1 and abs(small_crop - large_crop).max() < 4


@pytest.mark.parametrize("scale", [2.0, 1.4])
def test_cutting_out_the_region_changes_nothing(scale: float) -> None:
    picture = smooth_picture(500, 700)
    for angle in (0.0, 0.5, 2.5):
        matrix = matrix_about(picture, angle, scale)
        whole = cv2.warpAffine(picture, matrix, (PLAIN.side, PLAIN.side), flags=cv2.INTER_LINEAR)
        assert abs(crop(picture, matrix, PLAIN)[..., 0].astype(int) - whole).max() <= 1


@pytest.mark.parametrize("scale", [0.2, 0.45, 0.9])
def test_cutting_out_the_region_changes_nothing_where_the_picture_is_averaged_down(scale: float) -> None:
    picture = smooth_picture(800, 1000)
    factor = scale * PLAIN.detail / PLAIN.side
    size = round(1000 * factor), round(800 * factor)
    ratio = np.array([1000 / size[0], 800 / size[1]])
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    for angle in (0.0, 0.5):
        matrix = matrix_about(picture, angle, scale)
        of_small = matrix[:, :2] * ratio
        shift = matrix[:, 2] + matrix[:, :2] @ (ratio / 2 - 0.5)
        whole = cv2.warpAffine(small, np.column_stack([of_small, shift]), (PLAIN.side, PLAIN.side))
        got = crop(picture, matrix, PLAIN)[..., 0]
        assert whole.std() > 15
        assert abs(got.astype(int) - whole).mean() < 1.5


@given(st.integers(0, 60), st.integers(0, 60), st.floats(-3, 3), st.floats(0.3, 3))
@example(0, 1, 0.0, 1 / 3)  # the corners fall on whole pixels
def test_a_shift_by_whole_pixels_changes_no_byte(right: int, down: int, angle: float, scale: float) -> None:
    picture = smooth_picture(400, 400)
    moved = np.zeros((460, 460), np.uint8)
    moved[down : down + 400, right : right + 400] = picture
    matrix = matrix_about(picture, angle, scale)
    there = matrix.copy()
    there[:, 2] -= matrix[:, :2] @ [right, down]
    one, two = crop(picture, matrix, PLAIN), crop(moved, there, PLAIN)
    assert abs(one.astype(int) - two).max() <= 1  # the shift is rounded once more


def test_a_mirrored_face_gives_the_mirrored_crop() -> None:
    picture = smooth_picture(200, 240)
    points = move(turn(-0.3, 90.0, 80.0, 60.0), TEMPLATE.astype(np.float64))
    mirrored = (points * [-1, 1] + [239, 0])[[1, 0, 2, 4, 3]]
    one = crop(picture, face_matrix(points, PLAIN), PLAIN)
    two = crop(np.ascontiguousarray(picture[:, ::-1]), face_matrix(mirrored, PLAIN), PLAIN)
    assert abs(one.astype(int) - two[:, ::-1]).max() <= 3


@given(st.integers(0, 255), st.floats(-3, 3), st.floats(0.05, 20), st.floats(-200, 200), st.floats(-200, 200))
def test_a_flat_picture_stays_flat_wherever_the_crop_lies(
    grey: int, angle: float, scale: float, x: float, y: float
) -> None:
    picture = np.full((50, 70), grey, np.uint8)
    assert (crop(picture, turn(angle, scale, x, y), PLAIN) == grey).all()


def test_edges_are_repeated() -> None:
    picture = np.tile(np.arange(10, 138, dtype=np.uint8), (128, 1))  # column x is 10 + x
    got = crop(picture, turn(0, 2.0, 32, 0), PLAIN)[..., 0]  # crop column c shows picture column (c - 32) / 2
    assert (got[:, :33] == 10).all()
    assert got[0, 34:].tolist() == pytest.approx((10 + (np.arange(34, 64) - 32) / 2).tolist(), abs=0.51)


def test_colours_are_red_green_blue() -> None:
    red = np.zeros((80, 80, 3), np.uint8)
    red[..., 0] = 255
    matrix = matrix_about(red[..., 0], 0, 1.4)
    grey = crop(red, matrix, PLAIN)
    assert grey.shape == (64, 64, 1) and set(np.unique(grey)) == {76}  # 0.299 * 255, Rec. 601
    assert (crop(red, matrix, CropContract(colour="rgb")) == [255, 0, 0]).all()


def test_a_grey_picture_may_have_no_channel_axis() -> None:
    picture = smooth_picture(90, 90)
    matrix = matrix_about(picture, 0.1, 1.0)
    rgb = CropContract(colour="rgb")
    assert crop(picture, matrix, rgb).shape == (64, 64, 3)
    assert (crop(picture, matrix, rgb) == crop(picture, matrix, PLAIN)).all()
    assert (rgb.channels, PLAIN.channels) == (3, 1)
