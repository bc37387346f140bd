"""The embedded Detector: YuNet at the sizes of `scales.plan`, merged, and the doubtful finds looked at again."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from countenance.detect.again import confirmed
from countenance.detect.boxes import suppress
from countenance.detect.landmarks import steadied
from countenance.detect.resize import resized
from countenance.detect.scales import MIN_FACE_PX, plan
from countenance.detect.yunet import MAX_IOU, Found, YuNet
from countenance.types import DetectedFace, Rgb

MIN_SCORE: Final = 0.5  # of a first look; what is not sure gets a second one (again.py)


class YuNetDetector:
    """A `Detector`. Loaded when made."""

    name = "yunet-2023mar"

    def __init__(self, onnx: bytes) -> None:
        self._network = YuNet(onnx)

    def detect(self, rgb: Rgb, *, min_face_px: float | None = None) -> tuple[DetectedFace, ...]:
        """Faces of one picture, best score first, boxes and landmarks in pixels of `rgb`.

        Args: rgb: (H, W, 3) uint8 RGB, any size from 1 x 1; min_face_px: narrower faces are not looked for.
        Raises: ValueError: not (H, W, 3) uint8.
        """
        if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or not rgb.size:
            raise ValueError(f"a picture is (H, W, 3) uint8 RGB, not {rgb.shape} {rgb.dtype}")
        passes = []
        for look in plan(rgb.shape[1], rgb.shape[0], MIN_FACE_PX if min_face_px is None else min_face_px):
            scaled, ratio = resized(rgb, look.scale)
            found = self._network.find(scaled, MIN_SCORE, voting=True)
            boxes = found.boxes / ratio[[0, 1, 0, 1]]
            wide = boxes[:, 2] - boxes[:, 0]
            mine = (wide >= look.min_px) & (wide < look.max_px)
            seen = Found(boxes[mine], (found.landmarks / ratio)[mine], found.scores[mine])
            passes.append(confirmed(self._network, rgb, seen, look.scale))
        faces = Found(*(np.concatenate(columns) for columns in zip(*passes, strict=True)))
        kept = suppress(faces.boxes, faces.scores, MAX_IOU)
        steady = steadied(self._network, rgb, Found(*(column[kept] for column in faces)))
        return tuple(_face(steady, i) for i in range(len(kept)))


def _face(found: Found, i: int) -> DetectedFace:
    box: NDArray[np.float32] = found.boxes[i]
    x1, y1, x2, y2 = map(float, box)
    left_eye, right_eye, nose, left_mouth, right_mouth = ((float(x), float(y)) for x, y in found.landmarks[i])
    landmarks = (left_eye, right_eye, nose, left_mouth, right_mouth)
    return DetectedFace(box=(x1, y1, x2, y2), landmarks=landmarks, score=float(found.scores[i]))
