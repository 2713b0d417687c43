"""How a face is framed and varied in training."""

import math
from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from affectstream.encoders.face.crop import TEMPLATE, CropContract, crop, face_matrix
from affectstream.encoders.face.detect import Detector

ENLARGE = 4  # YuNet wants a face of some size: a small picture is shown to it four times larger
SMALL = 160  # pixels: what a small picture is


def find_points(images: Iterable[NDArray[np.uint8]], detector: Detector, count: int) -> NDArray[np.float32]:
    """Five face points (``count``, 5, 2) in pixels of as many ``images`` (H, W) or (H, W, 3) RGB; where no face is found,
    those of a face that fills the picture."""
    points = np.empty((count, 5, 2), np.float32)
    for i, image in enumerate(images):
        larger = ENLARGE if max(image.shape[:2]) <= SMALL else 1
        enlarged = cv2.resize(image, None, fx=larger, fy=larger, interpolation=cv2.INTER_CUBIC) if larger > 1 else image
        large = np.asarray(enlarged, np.uint8)
        faces = detector(large if large.ndim == 3 else np.repeat(large[:, :, None], 3, axis=2))
        at = faces.points[0] if len(faces) else whole_points(large) + 0.5
        points[i] = (at + 0.5) / larger - 0.5
    return points


def whole_points(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Where the five points of a face that fills the ``picture`` (H, W) or (H, W, 3) would lie, (5, 2) in its pixels."""
    return (TEMPLATE * np.array(picture.shape[1::-1], np.float32) - 0.5).astype(np.float32)


class Augment:
    """Makes one training crop: the face as a detector might have framed it, as a camera might have seen it.

    ``spoil`` in [0, 1] is how often the picture is blurred, lit from a side, made noisy, compressed or covered.
    """

    def __init__(self, contract: CropContract, rng: np.random.Generator, spoil: float = 1.0) -> None:
        self.contract, self.rng, self.spoil = contract, rng, spoil

    def __call__(self, image: NDArray[np.uint8], points: NDArray[np.float32]) -> NDArray[np.uint8]:
        """``image`` (H, W) and its ``points`` (5, 2) to a crop (side, side, 1)."""
        rng, side = self.rng, self.contract.side
        if rng.random() < 0.1:  # as if the detector had framed the picture without its points
            points = whole_points(image)
        jitter = rng.normal(0, 0.012 * image.shape[0], points.shape)
        matrix = face_matrix(points + jitter, self.contract)
        angle, scale = rng.normal(0, 0.12), math.exp(rng.normal(0, 0.07))
        turn = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        middle = np.full(2, (side - 1) / 2)
        matrix = turn @ matrix
        matrix[:, 2] += middle - turn @ middle + rng.normal(0, 0.03 * side, 2)
        if rng.random() < 0.5:
            matrix[0] *= -1
            matrix[0, 2] += side - 1
        return self._camera(crop(image, matrix, self.contract))

    def _camera(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Light, lens, noise, compression and things in the way."""
        rng, side = self.rng, self.contract.side
        if rng.random() < 0.4 * self.spoil:
            picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.5)), np.uint8)[..., None]
        x = picture.astype(np.float32) / 255
        x = x ** math.exp(rng.normal(0, 0.3))
        x = (x - x.mean()) * math.exp(rng.normal(0, 0.25)) + x.mean() + rng.normal(0, 0.08)
        if rng.random() < 0.3 * self.spoil:
            slope = rng.normal(0, 0.35, 2)
            grid = np.linspace(-0.5, 0.5, side, dtype=np.float32)
            x = x * (1 + slope[0] * grid[:, None, None] + slope[1] * grid[None, :, None])
        if rng.random() < 0.4 * self.spoil:
            x = x + rng.normal(0, rng.uniform(0, 0.05), x.shape)
        out = (np.clip(x, 0, 1) * 255).astype(np.uint8)
        if rng.random() < 0.25 * self.spoil:
            _, code = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))])
            out = np.asarray(cv2.imdecode(code, cv2.IMREAD_GRAYSCALE), np.uint8)[..., None]
        if rng.random() < 0.25 * self.spoil:
            height, width = rng.integers(side // 8, side // 2, 2)
            y, x0 = rng.integers(0, side - height), rng.integers(0, side - width)
            out[y : y + height, x0 : x0 + width] = rng.integers(0, 256, (height, width, 1), np.uint8)
        return out


GREY = np.array([0.299, 0.587, 0.114], np.float32)  # Rec. 601
_MEAN, _SD = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)  # ImageNet


def published(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """An RGB crop (side, side, 3) uint8 varied as CAGE varies those of its combined and its valence-arousal networks (Wagner et
    al. 2024, arXiv 2404.14975): flip, grey, rotation, colours, perspective, and a part replaced by noise.

    As torchvision does each of them, but the flip, the rotation and the perspective are one warp, and brightness, contrast and
    saturation one matrix: a sixth of the time. So colours are changed before the corners turn black, and values are cut to
    their range once.
    """
    side = picture.shape[0]
    if rng.random() < 0.01:
        picture = np.repeat((picture @ GREY + 0.5).astype(np.uint8)[..., None], 3, 2)
    factors = rng.uniform(0.8, 1.2, 3)
    picture = coloured(picture, *factors.tolist(), hue=rng.uniform(-0.1, 0.1))
    flip, angle = rng.random() < 0.5, rng.uniform(-10, 10)
    reach = int(0.2 * (side // 2)) + 1
    inward = rng.integers(0, reach, (4, 2)) if rng.random() < 0.5 else np.zeros((4, 2))
    picture = np.asarray(cv2.warpPerspective(picture, turned(side, flip, angle, inward), (side, side)), np.uint8)
    if rng.random() < 0.5:
        _erase(picture, rng)
    return picture


def coloured(
    picture: NDArray[np.uint8], brightness: float, contrast: float, saturation: float, *, hue: float
) -> NDArray[np.uint8]:
    """``picture`` (H, W, 3) with its colours multiplied, drawn from its mean grey, drawn from their own grey, and turned by ``hue``
    of a full circle; 1, 1, 1 and 0 change nothing."""
    mean = float(np.asarray(cv2.mean(picture)[:3]) @ GREY)
    own = saturation * np.eye(3) + (1 - saturation) * np.tile(GREY, (3, 1))
    matrix = np.c_[brightness * contrast * own, np.full(3, brightness * (1 - contrast) * mean)]
    mixed = np.asarray(cv2.transform(picture, matrix), np.uint8)
    turned = cv2.cvtColor(mixed, cv2.COLOR_RGB2HSV_FULL)
    turned[..., 0] += np.uint8(round(hue * 256) % 256)  # the hue is a byte, and goes round as one
    return np.asarray(cv2.cvtColor(turned, cv2.COLOR_HSV2RGB_FULL), np.uint8)


def turned(side: int, flip: bool, angle: float, inward: NDArray[np.number]) -> NDArray[np.float64]:
    """The (3, 3) matrix that mirrors a square picture of ``side`` pixels if ``flip``, turns it by ``angle`` degrees against the
    clock, and moves its corners (top left, top right, bottom right, bottom left) ``inward`` (4, 2) pixels along x and y."""
    last = side - 1
    mirror = np.array([[-1.0, 0, last], [0, 1, 0], [0, 0, 1]]) if flip else np.eye(3)
    rotation = np.vstack([cv2.getRotationMatrix2D((last / 2, last / 2), angle, 1), [0, 0, 1]])
    corners = np.array([[0, 0], [last, 0], [last, last], [0, last]], np.float32)
    signs = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
    perspective = cv2.getPerspectiveTransform(corners, (corners + signs * inward).astype(np.float32))
    return perspective @ rotation @ mirror


def _erase(picture: NDArray[np.uint8], rng: np.random.Generator) -> None:
    """Replace a part, 2 to 20 % of the area and .3 to 3.3 times as high as wide, by noise of ImageNet's mean and sd, in place."""
    height, width = picture.shape[:2]
    for _ in range(10):
        area = rng.uniform(0.02, 0.2) * height * width
        ratio = math.exp(rng.uniform(math.log(0.3), math.log(3.3)))
        h, w = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if h < height and w < width:
            y, x = rng.integers(0, height - h + 1), rng.integers(0, width - w + 1)
            noise = rng.standard_normal((h, w, 3), np.float32) * _SD + _MEAN
            picture[y : y + h, x : x + w] = (np.clip(noise, 0, 1) * 255).astype(np.uint8)
            return
