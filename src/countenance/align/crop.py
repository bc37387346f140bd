"""The aligned crop that an embedder sees."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from countenance.align.similarity import similarity_transform
from countenance.types import ARCFACE, CropSpec, Landmarks, Rgb


def align_crop(rgb: Rgb, landmarks: Landmarks, spec: CropSpec = ARCFACE) -> Rgb:
    """(height, width, 3) uint8 RGB with the landmarks on the spec's points; black where the picture ends.

    Args: rgb: (H, W, 3) uint8; landmarks: in its pixels.
    Where the face is more than twice too large it is first reduced by area, so that no detail turns into noise.
    Raises: ValueError: the landmarks coincide.
    """
    matrix = similarity_transform(np.array(landmarks), np.array(spec.points))
    part, corner = _seen(rgb, matrix, spec)
    factor = int(1 / np.hypot(matrix[0, 0], matrix[1, 0]))
    if factor >= 2 and min(part.shape[:2]) >= factor:
        part = np.asarray(Image.fromarray(part).reduce(factor))
    else:
        factor = 1
    # Pixel p of the reduced part is the mean of those around factor * p + (factor - 1) / 2, from its corner on.
    shift = matrix[:, :2] @ (corner + (factor - 1) / 2) + matrix[:, 2]
    crop: Rgb = cv2.warpAffine(part, np.column_stack([matrix[:, :2] * factor, shift]), (spec.width, spec.height))
    return crop


def _seen(rgb: Rgb, matrix: NDArray[np.float64], spec: CropSpec) -> tuple[Rgb, NDArray[np.float64]]:
    """The part of the picture that the crop shows, at least one pixel of it, and its upper left pixel."""
    turned, (height, width) = matrix[:, :2], rgb.shape[:2]
    back = turned.T / (turned[0] @ turned[0])  # the inverse of a rotation with a scale
    middle = back @ (np.array([spec.width, spec.height]) / 2 - matrix[:, 2])
    half_x, half_y = np.abs(back) @ (spec.width, spec.height) / 2
    left, top = _within(middle[0] - half_x - 1, width - 1), _within(middle[1] - half_y - 1, height - 1)
    right, bottom = _within(middle[0] + half_x + 2, width), _within(middle[1] + half_y + 2, height)
    return rgb[top : max(top + 1, bottom), left : max(left + 1, right)], np.array([left, top], np.float64)


def _within(value: float, end: int) -> int:
    return min(max(math.floor(value), 0), end)
