"""How a face is framed and varied in training."""

import math
from collections.abc import Iterable

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.transforms import v2

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
        large = cv2.resize(image, None, fx=larger, fy=larger, interpolation=cv2.INTER_CUBIC) if larger > 1 else image
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


# CAGE's list for its combined and its valence-arousal networks (Wagner et al. 2024, arXiv 2404.14975), on uint8 crops.
_CAGE = v2.Compose(
    [
        v2.RandomHorizontalFlip(0.5),
        v2.RandomGrayscale(0.01),
        v2.RandomRotation(10),  # pyright: ignore[reportArgumentType] (a number is a range, as documented)
        v2.ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2, hue=0.1),
        v2.RandomPerspective(distortion_scale=0.2, p=0.5),
        v2.ToDtype(torch.float32, scale=True),
    ]
)
# On standardised values there, with noise of mean 0 and sd 1; the same noise here is about the ImageNet mean and sd.
_ERASE = v2.RandomErasing(p=0.5, scale=(0.02, 0.2), ratio=(0.3, 3.3), value="random")
_MEAN, _SD = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


def published(picture: NDArray[np.uint8], seed: int) -> NDArray[np.float32]:
    """An RGB crop (side, side, 3) uint8 varied as CAGE's training does, by ``seed`` alone: (side, side, 3), about [0, 1]."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        varied = _CAGE(torch.from_numpy(picture).permute(2, 0, 1))
        erased = _ERASE((varied - _MEAN) / _SD) * _SD + _MEAN
    return erased.permute(1, 2, 0).numpy()
