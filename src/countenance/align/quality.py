"""What a comparison of a face can rest on. Each measure is in [0, 1], 1 is best; none says anything about who it is.

The measures follow the quality components of ISO/IEC 29794-5 (sharpness, pose, illumination, inter-eye distance) in
their simplest form; they are heuristics for showing and for a very low bar, not predictors of recognition error.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from countenance.types import DetectedFace, Quality, Rgb

FULL_WIDTH_PX: Final = 112.0  # from this width on the crop is not enlarged
SHARP: Final = 200.0  # variance of the Laplacian of an ordinary sharp crop; a strong blur has below 20

_LUMA: Final = np.array([0.299, 0.587, 0.114], np.float32)


def quality_of(face: DetectedFace, crop: Rgb) -> Quality:
    """The quality of a face in pixels of the whole picture, from its box and landmarks and its aligned crop.

    `overall` is the geometric mean of size, sharpness, pose, exposure and detector confidence, so that one bad
    component is not outweighed by four good ones.
    """
    width_px = face.box[2] - face.box[0]
    size = min(1.0, max(0.0, width_px) / FULL_WIDTH_PX)
    grey = _grey(crop)
    sharpness, exposure = _sharpness(grey), _exposure(grey)
    pose = _pose(face)
    parts = (size, sharpness, pose, exposure, face.score)
    overall = math.prod(max(part, 1e-3) for part in parts) ** (1 / len(parts))
    return Quality(
        width_px=float(width_px), sharpness=sharpness, pose=pose, exposure=exposure, detector=float(face.score),
        overall=overall,
    )  # fmt: skip


def _grey(crop: Rgb) -> NDArray[np.float32]:
    """(80, 80) luma, 0 to 255, of the middle of the crop: the face without hair and background. ITU-R BT.601."""
    return crop[16:96, 16:96].astype(np.float32) @ _LUMA


def _sharpness(grey: NDArray[np.float32]) -> float:
    """Standard deviation of the Laplacian, saturating where its variance is SHARP.

    Source: Pech-Pacheco et al. 2000, ICPR, doi:10.1109/ICPR.2000.903548.
    """
    inner = grey[1:-1, 1:-1]
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * inner
    return min(1.0, float(np.sqrt(laplacian.var() / SHARP)))


def _exposure(grey: NDArray[np.float32]) -> float:
    """How much of it is neither black nor white, times how far its mean is from both."""
    usable = float(((grey > 8) & (grey < 248)).mean())
    mean = float(grey.mean()) / 255.0
    return usable * min(1.0, mean / 0.2, max(0.0, 1.0 - mean) / 0.15)


def _pose(face: DetectedFace) -> float:
    """1 where the nose lies midway between the eyes and between eyes and mouth, 0 in profile.

    The nose's offset from the middle of the eyes, measured along the line of the eyes in units of their distance, is
    about tan(yaw) / 2 for an average head; likewise for pitch between eyes and mouth.
    """
    left_eye, right_eye, nose, left_mouth, right_mouth = (complex(*point) for point in face.landmarks)
    across = right_eye - left_eye
    eyes = (left_eye + right_eye) / 2
    down = (left_mouth + right_mouth) / 2 - eyes
    if abs(across) < 1e-6 or abs(down) < 1e-6:
        return 0.0
    yaw = abs(((nose - eyes) / across).real)
    pitch = abs(((nose - eyes) / down).real - 0.5)
    return max(0.0, 1.0 - 1.6 * yaw) * max(0.0, 1.0 - 1.2 * pitch)
