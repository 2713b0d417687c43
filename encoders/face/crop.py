"""From five face points to the square the network sees: the crop contract.

A face is turned, scaled and shifted (a similarity, no shear) so that its five points lie as near as
possible, in the least-squares sense, to a fixed template. The same function makes the crops a network is
trained on and those it scores: a crop that differs from training moves valence and arousal, silently.

Image axes are (row, column) with the origin in the top-left corner; points are (x, y) = (column, row) in
pixels, ordered right eye, left eye, nose tip, right mouth corner, left mouth corner, "right" being the
person's own right, hence the left of the picture.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

POINTS = ("right_eye", "left_eye", "nose", "right_mouth", "left_mouth")

# Where the points of the median FER+ training face lie, as fractions of the crop's side, made symmetric.
TEMPLATE = np.array(
    [[0.3100, 0.3830], [0.6900, 0.3830], [0.5000, 0.5930], [0.3500, 0.7570], [0.6500, 0.7570]], np.float32
)


@dataclass(frozen=True)
class CropContract:
    """What a face crop is; saved in a checkpoint's facts and compared when one is loaded.

    ``side`` is the edge of the crop in pixels, ``detail`` the edge of the coarsest picture the training
    faces were stored at: a sharp photograph is first averaged down to about ``detail`` pixels, so that it
    holds no finer detail than the network has ever seen. ``zoom`` scales the template about the crop's
    middle (below 1 shows more around the face). ``colour`` is "grey" (one channel, Rec. 601 luma) or "rgb".
    """

    side: int = 64
    detail: int = 48
    zoom: float = 1.0
    colour: str = "grey"

    def __post_init__(self) -> None:
        if self.colour not in ("grey", "rgb"):
            raise ValueError(f"crop colour is {self.colour!r}; wanted 'grey' or 'rgb'")
        if self.side < self.detail:
            raise ValueError(f"crop side {self.side} px is below its detail {self.detail} px; swap or equal them")

    @property
    def channels(self) -> int:
        """Channels of the crop: 1 for grey, 3 for rgb."""
        return 1 if self.colour == "grey" else 3


def similarity(source: NDArray[np.floating], target: NDArray[np.floating]) -> NDArray[np.float64]:
    """Least-squares similarity (rotation, one scale, shift) that takes ``source`` (n, 2) to ``target`` (n, 2).

    Returns the (2, 3) matrix M with target = M @ [x, y, 1]. Closed form in two dimensions: with centred
    points as complex numbers, the best factor is sum(conj(s) t) / sum(|s|^2) (Umeyama 1991 without
    reflection).

    >>> similarity(np.array([[0.0, 0], [1, 0]]), np.array([[1.0, 1], [1, 3]])).round(6).tolist()
    [[0.0, -2.0, 1.0], [2.0, 0.0, 1.0]]
    """
    s = [complex(x, y) for x, y in source.tolist()]
    t = [complex(x, y) for x, y in target.tolist()]
    s0, t0 = sum(s) / len(s), sum(t) / len(t)
    spread = sum(abs(a - s0) ** 2 for a in s)
    if spread < 1e-12:
        raise ValueError("face points coincide; wanted at least two different points to align a face")
    factor = sum((a - s0).conjugate() * (b - t0) for a, b in zip(s, t, strict=True)) / spread
    shift = t0 - factor * s0
    return np.array([[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]])


def face_matrix(points: NDArray[np.floating], contract: CropContract) -> NDArray[np.float64]:
    """The (2, 3) matrix from picture pixels to crop pixels for one face's ``points`` (5, 2)."""
    target = ((TEMPLATE - 0.5) * contract.zoom + 0.5) * contract.side - 0.5
    return similarity(points, target)


def crop(image: NDArray[np.uint8], matrix: NDArray[np.float64], contract: CropContract) -> NDArray[np.uint8]:
    """Cut one face out of ``image``, (H, W) grey or (H, W, 3) RGB, as uint8 (side, side, channels).

    ``matrix`` comes from :func:`face_matrix`. Where the crop reaches beyond the picture the edge is
    repeated. A picture finer than the contract's ``detail`` is averaged down first, so that nothing aliases.
    """
    region, matrix = _region(image, matrix, contract.side)
    if region.ndim == 3 and contract.colour == "grey":
        region = np.asarray(cv2.cvtColor(region, cv2.COLOR_RGB2GRAY), np.uint8)
    if region.ndim == 2 and contract.colour == "rgb":
        region = np.asarray(cv2.cvtColor(region, cv2.COLOR_GRAY2RGB), np.uint8)
    crop_px_per_px = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    shrink = crop_px_per_px * contract.detail / contract.side
    if shrink < 1:
        region, matrix = _shrink(region, matrix, shrink)
    out = cv2.warpAffine(
        region, matrix, (contract.side, contract.side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(out, np.uint8).reshape(contract.side, contract.side, contract.channels)


def _region(
    image: NDArray[np.uint8], matrix: NDArray[np.float64], side: int
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The part of ``image`` that the crop reads, and ``matrix`` told of the new origin."""
    (a, b, across), (c, d, down) = matrix.tolist()
    area = a * d - b * c
    xs = [(d * (u - across) - b * (v - down)) / area for u in (0, side) for v in (0, side)]
    ys = [(a * (v - down) - c * (u - across)) / area for u in (0, side) for v in (0, side)]
    margin = 2 + 2 / math.hypot(a, c)
    height, width = image.shape[:2]
    x0, x1 = _within(min(xs) - margin, max(xs) + margin, width)
    y0, y1 = _within(min(ys) - margin, max(ys) + margin, height)
    moved = matrix.copy()
    moved[:, 2] += matrix[:, :2] @ [x0, y0]
    return np.ascontiguousarray(image[y0:y1, x0:x1]), moved


def _within(low: float, high: float, length: int) -> tuple[int, int]:
    """The whole pixels from ``low`` to ``high`` that exist, at least one; rounding errors do not take in one more."""
    first = min(max(math.floor(low + 1e-6), 0), length - 1)
    return first, min(max(math.ceil(high - 1e-6), first + 1), length)


def _shrink(
    region: NDArray[np.uint8], matrix: NDArray[np.float64], factor: float
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """``region`` averaged down by ``factor``, and ``matrix`` told of the new pixel size."""
    height, width = region.shape[:2]
    size = max(round(width * factor), 1), max(round(height * factor), 1)
    small = cv2.resize(region, size, interpolation=cv2.INTER_AREA)
    per_small = np.array([width / size[0], height / size[1]])  # old pixels per new pixel
    moved = matrix.copy()
    moved[:, 2] += matrix[:, :2] @ (per_small / 2 - 0.5)  # pixel centres: x_old = (x_new + 1/2) r - 1/2
    moved[:, :2] *= per_small
    return np.asarray(small, np.uint8), moved
