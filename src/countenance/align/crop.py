"""The aligned crop that an embedder sees."""

from __future__ import annotations

from typing import Final

import numpy as np

from countenance.align.similarity import similarity_transform
from countenance.types import Landmarks, Rgb

CROP_PX: Final = 112
# Where the five points lie in a crop of 112 x 112: viewer's left eye, right eye, nose, left and right mouth corner.
# Source: Deng et al. 2019, ArcFace, doi:10.1109/CVPR.2019.00482; the same as OpenCV's FaceRecognizerSF::alignCrop.
TEMPLATE: Final = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)


def scale_of(landmarks: Landmarks) -> float:
    """Crop pixels per picture pixel: above 1 the crop is enlarged, so a picture with more pixels would serve better."""
    matrix = similarity_transform(np.array(landmarks), TEMPLATE)
    return float(np.hypot(matrix[0, 0], matrix[1, 0]))


def align_crop(rgb: Rgb, landmarks: Landmarks) -> Rgb:
    """(112, 112, 3) uint8 RGB with the landmarks on the template; black where the picture ends.

    Args: rgb: (H, W, 3) uint8; landmarks: in its pixels.
    Where the face is more than twice too large it is first reduced by area, so that no detail turns into noise.
    Raises: ValueError: the landmarks coincide.
    """
    import cv2

    matrix = similarity_transform(np.array(landmarks), TEMPLATE)
    factor = int(1 / np.hypot(matrix[0, 0], matrix[1, 0]))
    if factor >= 2:
        rgb, matrix = _reduced_around(rgb, matrix, factor)
    return np.asarray(cv2.warpAffine(rgb, matrix, (CROP_PX, CROP_PX), flags=cv2.INTER_LINEAR), np.uint8)


def _reduced_around(rgb: Rgb, matrix: np.ndarray, factor: int) -> tuple[Rgb, np.ndarray]:
    """The part of the picture that the crop shows, each `factor` x `factor` pixels averaged, and its matrix."""
    import cv2

    corners = np.array([[0, 0], [CROP_PX, 0], [0, CROP_PX], [CROP_PX, CROP_PX]]) - matrix[:, 2]
    seen = corners @ np.linalg.inv(matrix[:, :2]).T
    x1, y1 = np.maximum(np.floor(seen.min(axis=0)).astype(int) - factor, 0)
    x2, y2 = np.minimum(np.ceil(seen.max(axis=0)).astype(int) + factor, [rgb.shape[1], rgb.shape[0]])
    wide, tall = (x2 - x1) // factor, (y2 - y1) // factor
    if wide < 1 or tall < 1:
        return rgb, matrix
    part = rgb[y1 : y1 + tall * factor, x1 : x1 + wide * factor]
    small = cv2.resize(part, (int(wide), int(tall)), interpolation=cv2.INTER_AREA)
    # Pixel p of the small picture covers the centres x1 + factor * p + (factor - 1) / 2 of the large one.
    offset = np.array([x1, y1]) + (factor - 1) / 2
    moved = np.column_stack([matrix[:, :2] * factor, matrix[:, :2] @ offset + matrix[:, 2]])
    return np.ascontiguousarray(small), moved
