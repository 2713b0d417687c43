"""How far a face can be read: a quality in [0, 1] that fusion multiplies onto the face's precision.

A turned-away, tiny or smeared face should count little; to a network that has to answer it looks angry.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from affectstream.encoders.quality import ramp


def face_quality(
    score: float,
    box: NDArray[np.floating],
    points: NDArray[np.floating],
    crop: NDArray[np.uint8],
    picture: tuple[int, int],
) -> float:
    """Product of five factors in [0, 1].

    ``score`` is the detector's, ``box`` (4,) x, y, w, h and ``points`` (5, 2) in pixels, ``crop``
    (side, side, C) what the network sees, ``picture`` the frame's (height, width).
    """
    yaw, pitch = turn(points)
    return float(
        ramp(score, 0.5, 0.85)
        * ramp(min(box[2], box[3]), 12, 40)
        * ramp(sharpness(crop), 0.01, 0.035)
        * ramp(-yaw, -0.55, -0.2)
        * ramp(-abs(pitch), -0.5, -0.2)
        * ramp(_inside(box, picture), 0.5, 0.95)
    )


def turn(points: NDArray[np.floating]) -> tuple[float, float]:
    """How far a head is turned, from its five points: (yaw, pitch), both 0 for a frontal face.

    Yaw is the nose's distance from the line between the middles of eyes and mouth, in eye distances or, for
    a profile where the eyes fall together, in eye-to-mouth distances; about 0.2 at 20 degrees, above 0.5 in profile. Pitch
    is how far the nose has moved along that line from its usual place, in eye-to-mouth distances.
    """
    (rx, ry), (lx, ly), (nx, ny), (mx, my), (kx, ky) = points.tolist()
    ex, ey = (rx + lx) / 2, (ry + ly) / 2
    dx, dy = (mx + kx) / 2 - ex, (my + ky) / 2 - ey
    height = max(math.hypot(dx, dy), 1e-6)
    dx, dy = dx / height, dy / height
    width = max(math.hypot(lx - rx, ly - ry), 0.6 * height)
    nx, ny = nx - ex, ny - ey
    return abs(ny * dx - nx * dy) / width, (nx * dx + ny * dy) / height - 0.56


def sharpness(crop: NDArray[np.uint8]) -> float:
    """Fine detail of a crop relative to its contrast: the spread of its Laplacian over that of its grey levels."""
    grey = crop if crop.shape[2] == 1 else cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    contrast = cv2.meanStdDev(grey)[1].item()
    if contrast < 2:  # a flat patch holds no face
        return 0.0
    return (cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_32F))[1].item() / contrast) ** 2


def _inside(box: NDArray[np.floating], picture: tuple[int, int]) -> float:
    """Share of the box that lies within the picture."""
    x, y, width, height = box.tolist()
    seen_width = max(min(x + width, picture[1]) - max(x, 0.0), 0.0)
    seen_height = max(min(y + height, picture[0]) - max(y, 0.0), 0.0)
    return seen_width * seen_height / max(width * height, 1e-6)
