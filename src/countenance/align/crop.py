"""The aligned crop that an embedder sees."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from countenance.align.similarity import similarity_transform
from countenance.types import ARCFACE, CropSpec, Landmarks, Rgb

CROP_PX: Final = ARCFACE.width
TEMPLATE: Final = np.array(ARCFACE.points)


def align_crop(rgb: Rgb, landmarks: Landmarks, spec: CropSpec = ARCFACE) -> Rgb:
    """(height, width, 3) uint8 RGB with the landmarks on the spec's points; black where the picture ends.

    Args: rgb: (H, W, 3) uint8; landmarks: in its pixels.
    Where the face is more than twice too large it is first reduced by area, so that no detail turns into noise.
    Raises: ValueError: the landmarks coincide.
    """
    matrix = similarity_transform(np.array(landmarks), np.array(spec.points))
    to_picture = np.linalg.inv(matrix[:, :2]).astype(np.float64)  # crop pixels -> picture pixels
    origin = -to_picture @ matrix[:, 2]
    part, corner = _seen(rgb, to_picture, origin, spec)
    picture, factor = Image.fromarray(part), int(1 / _scale(matrix))
    if factor >= 2 and min(picture.size) >= factor:
        picture = picture.reduce(factor)
        # Pixel p of the reduced picture is the mean of those around factor * p + (factor - 1) / 2.
        to_picture, corner = to_picture / factor, corner + (factor - 1) / 2
    else:
        factor = 1
    # Pillow's points are corners of pixels, half a pixel from the centres that landmarks and template count.
    shift = (origin - corner) / factor + 0.5 - to_picture @ np.array([0.5, 0.5])
    (a, b), (c, d) = to_picture
    return np.asarray(
        picture.transform(
            (spec.width, spec.height),
            Image.Transform.AFFINE,
            (a, b, shift[0], c, d, shift[1]),
            Image.Resampling.BILINEAR,
        )
    )


def _scale(matrix: NDArray[np.float64]) -> float:
    return float(np.hypot(matrix[0, 0], matrix[1, 0]))


def _seen(
    rgb: Rgb, to_picture: NDArray[np.float64], origin: NDArray[np.float64], spec: CropSpec
) -> tuple[Rgb, NDArray[np.float64]]:
    """The part of the picture that the crop shows, at least one pixel of it, and its upper left pixel."""
    ends = np.array([[0, 0], [spec.width, 0], [0, spec.height], [spec.width, spec.height]])
    corners = ends @ to_picture.T + origin
    height, width = rgb.shape[:2]
    left, top = np.clip(np.floor(corners.min(axis=0)).astype(int) - 1, 0, [width - 1, height - 1])
    right, bottom = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 2, [left + 1, top + 1], [width, height])
    return rgb[top:bottom, left:right], np.array([left, top], np.float64)
