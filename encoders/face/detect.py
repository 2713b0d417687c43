"""Where the faces are: YuNet run in ONNX Runtime.

YuNet (Wu, Peng and Yu 2023, "YuNet: A Tiny Millisecond-level Face Detector") gives a box, five points and
a score for each face. ``checkpoints/yunet.onnx`` is the OpenCV Zoo model of March 2023 (MIT) with its input
height and width made free, which makes a 320-pixel picture about three times cheaper than through OpenCV.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from affectstream.encoders.runtime import open_session, run_session

STRIDES = (8, 16, 32)
SAME = 0.4  # least intersection over union of a face with the box it is looked for in


@dataclass(frozen=True, eq=False)
class Faces:
    """Faces of one picture, best score first.

    ``box`` (n, 4) is x, y, width, height in pixels of the picture given; ``points`` (n, 5, 2) is x, y of
    :data:`affectstream.encoders.face.crop.POINTS`; ``score`` (n,) lies in [0, 1].
    """

    box: NDArray[np.float32]
    points: NDArray[np.float32]
    score: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.score)


class Detector:
    """Finds faces in a picture.

    The picture is shrunk so that its longer side is at most ``side`` pixels (never enlarged). A face must
    then be about 12 pixels wide to be found; ``threshold`` is the lowest score kept, ``overlap`` the
    intersection over union above which the weaker of two boxes is dropped.
    """

    def __init__(self, path: Path, *, side: int = 320, threshold: float = 0.6, overlap: float = 0.3) -> None:
        self._session = open_session(path)
        self._cells: dict[tuple[int, int], tuple[NDArray[np.float32], NDArray[np.float32]]] = {}
        self.side, self.threshold, self.overlap = side, threshold, overlap

    def __call__(self, image: NDArray[np.uint8]) -> Faces:
        """Faces in ``image``, (H, W, 3) RGB uint8."""
        scale = min(1.0, self.side / max(image.shape[:2]))
        size = max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1)
        small = image if scale == 1 else shrink(image, size)
        back = np.array([image.shape[1] / size[0], image.shape[0] / size[1]], np.float32)
        height, width = (-(-n // 32) * 32 for n in small.shape[:2])
        padded = cv2.copyMakeBorder(small, 0, height - size[1], 0, width - size[0], cv2.BORDER_CONSTANT)
        canvas = cv2.dnn.blobFromImage(padded, swapRB=True)  # (1, 3, height, width) float32, BGR
        return self._decode(run_session(self._session, {"input": canvas}), (height, width), back)

    def _decode(
        self, outputs: dict[str, NDArray[np.float32]], size: tuple[int, int], back: NDArray[np.float32]
    ) -> Faces:
        """Grid cells above the threshold to boxes and points: the formulas of OpenCV's FaceDetectorYN."""

        def column(name: str) -> NDArray[np.float32]:
            return np.concatenate([outputs[f"{name}_{stride}"][0] for stride in STRIDES])

        product = (column("cls") * column("obj"))[:, 0]  # both are sigmoids
        keep = np.flatnonzero(product >= self.threshold**2)
        if size not in self._cells:
            self._cells[size] = cells(*size)
        corner, stride = (values[keep] for values in self._cells[size])
        raw = column("bbox")[keep]
        extent = np.exp(raw[:, 2:]) * stride
        box = np.hstack([corner + raw[:, :2] * stride - extent / 2, extent]) * np.hstack([back, back])
        points = column("kps")[keep].reshape(-1, 5, 2) * stride[:, None] + corner[:, None]
        score = np.sqrt(product[keep])
        kept = suppress(box, score, self.overlap)
        return Faces(box[kept], points[kept] * back, score[kept])

    def close(self, image: NDArray[np.uint8], box: NDArray[np.float32]) -> Faces:
        """The face in ``image`` that is where ``box`` (4,) was, looked at closely; none or one.

        The square around the box, twice its size, is shown alone. Its points are truer than those found in
        the whole picture, where the face is smaller, and looking costs a fraction.
        """
        reach = float(max(box[2:]))
        middle = box[:2] + box[2:] / 2
        x0, y0 = np.clip(middle - reach, 0, None).astype(int)
        x1, y1 = np.clip(middle + reach, 1, None).astype(int)
        region = image[y0:y1, x0:x1]
        if min(region.shape[:2]) < 16:
            return Faces(np.empty((0, 4), np.float32), np.empty((0, 5, 2), np.float32), np.empty(0, np.float32))
        found = self(region)
        origin = np.array([x0, y0], np.float32)
        moved = Faces(found.box + np.array([x0, y0, 0, 0], np.float32), found.points + origin, found.score)
        same = np.flatnonzero(overlap_of(box, moved.box) > SAME)[:1]
        return Faces(moved.box[same], moved.points[same], moved.score[same])


def cells(height: int, width: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Upper left corner (n, 2) and stride (n, 1) in pixels of every grid cell of a picture, in the order of the outputs."""
    corner = [np.mgrid[0:height:s, 0:width:s][::-1].reshape(2, -1).T for s in STRIDES]
    stride = np.repeat(STRIDES, [len(part) for part in corner])[:, None]
    return np.concatenate(corner).astype(np.float32), stride.astype(np.float32)


def shrink(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """``image`` (H, W, 3) at ``size`` (width, height): whole pixels are averaged, the rest is interpolated.

    Averaging by the exact factor costs two to six times as much.
    """
    whole = max(min(image.shape[1] // size[0], image.shape[0] // size[1]), 1)
    if whole > 1:
        height, width = image.shape[0] // whole, image.shape[1] // whole
        image = np.asarray(
            cv2.resize(image[: height * whole, : width * whole], (width, height), interpolation=cv2.INTER_AREA),
            np.uint8,
        )
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def merge(parts: Sequence[Faces], overlap: float) -> Faces:
    """All faces of ``parts``, those that overlap by more than ``overlap`` only once."""
    if len(parts) == 1:
        return parts[0]
    faces = Faces(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("box", "points", "score")))
    kept = suppress(faces.box, faces.score, overlap)
    return Faces(faces.box[kept], faces.points[kept], faces.score[kept])


def suppress(box: NDArray[np.float32], score: NDArray[np.float32], overlap: float) -> list[int]:
    """Indices of the boxes (n, 4) that no better one overlaps by more than ``overlap``, best first."""
    return [int(i) for i in cv2.dnn.NMSBoxes(box.tolist(), score.tolist(), 0.0, overlap)]


def overlap_of(one: NDArray[np.float32], many: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of ``one`` box (4,) with each of ``many`` (n, 4); boxes are x, y, w, h."""
    low = np.maximum(one[:2], many[:, :2])
    high = np.minimum(one[:2] + one[2:], many[:, :2] + many[:, 2:])
    side = np.maximum(high - low, 0)
    common = side[:, 0] * side[:, 1]
    return common / np.maximum(one[2] * one[3] + many[:, 2] * many[:, 3] - common, 1e-12)
