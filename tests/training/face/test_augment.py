"""How faces are varied in training, against torchvision's own operations."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from affectstream.multimodal.training.face.augment import coloured, published, turned, whole_points

SIDE = 96


def smooth(seed: int, low: int = 60, high: int = 190) -> NDArray[np.uint8]:
    coarse = np.random.default_rng(seed).integers(low, high, (6, 6, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR), np.uint8)


def tensor(picture: NDArray[np.uint8]) -> torch.Tensor:
    return torch.from_numpy(picture).permute(2, 0, 1)


def near(ours: NDArray[np.uint8], theirs: torch.Tensor, most: float, inside: int = 0) -> None:
    off = abs(ours.astype(int) - theirs.permute(1, 2, 0).numpy().astype(int))
    off = off[inside : SIDE - inside, inside : SIDE - inside]
    assert off.mean() <= most and np.quantile(off, 0.99) <= 6 * most, (off.mean(), off.max())


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 50), *[st.floats(0.8, 1.2)] * 3, st.floats(-0.1, 0.1))
def test_colours_are_torchvisions(seed: int, b: float, c: float, s: float, hue: float) -> None:
    picture = smooth(seed, 85, 165)
    theirs = functional.adjust_brightness(tensor(picture), b)
    theirs = functional.adjust_saturation(functional.adjust_contrast(theirs, c), s)
    near(coloured(picture, b, c, s, hue=hue), functional.adjust_hue(theirs, hue), 3.0)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 50), st.booleans(), st.floats(-10, 10), st.lists(st.integers(0, 9), min_size=8, max_size=8))
def test_places_are_torchvisions(seed: int, flip: bool, angle: float, moves: list[int]) -> None:
    picture, inward = smooth(seed), np.array(moves).reshape(4, 2)
    ours = cv2.warpPerspective(picture, turned(SIDE, flip, angle, inward), (SIDE, SIDE))
    theirs = functional.horizontal_flip(tensor(picture)) if flip else tensor(picture)
    theirs = functional.rotate(theirs, angle, interpolation=v2.InterpolationMode.BILINEAR)
    last = SIDE - 1
    begin = [[0, 0], [last, 0], [last, last], [0, last]]
    signs = [[1, 1], [-1, 1], [-1, -1], [1, -1]]
    end = [[x + sx * dx, y + sy * dy] for (x, y), (sx, sy), (dx, dy) in zip(begin, signs, inward.tolist(), strict=True)]
    theirs = functional.perspective(theirs, begin, end, interpolation=v2.InterpolationMode.BILINEAR)
    near(np.asarray(ours, np.uint8), theirs, 1.5, inside=22)


def test_what_changes_nothing_changes_nothing() -> None:
    picture = smooth(3)
    np.testing.assert_array_equal(turned(SIDE, False, 0.0, np.zeros((4, 2))).round(9), np.eye(3))
    assert abs(coloured(picture, 1, 1, 1, hue=0).astype(int) - picture).max() <= 3, "but for hue as a byte"


def test_a_variation_follows_from_its_numbers_and_varies() -> None:
    picture = smooth(1)
    first = [published(picture, np.random.default_rng([0, 1, k])) for k in range(40)]
    again = [published(picture, np.random.default_rng([0, 1, k])) for k in range(40)]
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert len({a.tobytes() for a in first}) == 40
    noisy = [np.abs(np.diff(a.astype(int), axis=0)).mean(2) > 90 for a in first]
    erased = [share.mean() for share in noisy]
    assert 10 <= sum(share > 0.01 for share in erased) <= 30, "half of them have a part replaced"
    assert max(erased) < 0.3


@pytest.mark.parametrize("shape", [(48, 48), (30, 60, 3)])
def test_a_face_that_fills_the_picture(shape: tuple[int, ...]) -> None:
    points = whole_points(np.zeros(shape, np.uint8))
    assert points[:, 0].mean() == pytest.approx(shape[1] / 2 - 0.5, abs=0.01) and (points[:, 1] < shape[0]).all()
    assert points[0, 0] < points[1, 0], "the person's right eye is on the left"
