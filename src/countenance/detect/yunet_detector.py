"""The embedded Detector: YuNet at the sizes of `scales.plan`, merged."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from countenance.detect.boxes import suppress
from countenance.detect.scales import MIN_FACE_PX, plan
from countenance.detect.yunet import MAX_IOU, Found, YuNet
from countenance.types import DetectedFace, Rgb

MIN_SCORE: Final = 0.6


class YuNetDetector:
    """A `Detector`. Loaded when made."""

    name = "yunet-2023mar"

    def __init__(self, onnx: bytes, *, min_score: float = MIN_SCORE) -> None:
        self._network = YuNet(onnx)
        self._min_score = min_score

    def detect(self, rgb: Rgb, *, min_face_px: float | None = None) -> tuple[DetectedFace, ...]:
        """Faces of one picture, best score first, boxes and landmarks in pixels of `rgb`.

        Args: rgb: (H, W, 3) uint8 RGB, any size from 1 x 1; min_face_px: narrower faces are not looked for.
        Raises: ValueError: not (H, W, 3) uint8.
        """
        if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or not rgb.size:
            raise ValueError(f"a picture is (H, W, 3) uint8 RGB, not {rgb.shape} {rgb.dtype}")
        height, width = rgb.shape[:2]
        passes = []
        for look in plan(width, height, MIN_FACE_PX if min_face_px is None else min_face_px):
            scaled = _resized(rgb, max(1, round(width * look.scale)), max(1, round(height * look.scale)))
            ratio = np.array([scaled.shape[1] / width, scaled.shape[0] / height], np.float32)
            found = self._network.find(scaled, self._min_score)
            boxes = found.boxes / np.tile(ratio, 2)
            wide = boxes[:, 2] - boxes[:, 0]
            mine = (wide >= look.min_px) & (wide < look.max_px)
            passes.append(Found(boxes[mine], (found.landmarks / ratio)[mine], found.scores[mine]))
        merged = Found(*(np.concatenate(parts) for parts in zip(*passes, strict=True)))
        return tuple(_face(merged, i) for i in suppress(merged.boxes, merged.scores, MAX_IOU))


def _resized(rgb: Rgb, width: int, height: int) -> Rgb:
    """`rgb` at that size, without aliasing. It may be `rgb` itself."""
    if rgb.shape[:2] == (height, width):
        return rgb
    picture = Image.fromarray(rgb)
    return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0))


def _face(found: Found, i: int) -> DetectedFace:
    box: NDArray[np.float32] = found.boxes[i]
    x1, y1, x2, y2 = map(float, box)
    left_eye, right_eye, nose, left_mouth, right_mouth = ((float(x), float(y)) for x, y in found.landmarks[i])
    landmarks = (left_eye, right_eye, nose, left_mouth, right_mouth)
    return DetectedFace(box=(x1, y1, x2, y2), landmarks=landmarks, score=float(found.scores[i]))
