"""Other sizes of a picture.

Enlarging is OpenCV's: 0.3 ms where Pillow takes 1.2 (250 px to 375 px, a step of every small picture and face), the
same to one grey level, and in its exact form the same bits on every machine. Reducing is Pillow's, which averages over
all the pixels that become one.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from countenance.types import Rgb


def resized(rgb: Rgb, scale: float) -> tuple[Rgb, NDArray[np.float32]]:
    """(H, W, 3) uint8 `rgb` scaled, each side at least 1 px, and the (2,) x and y factors that rounding made of it."""
    height, width = rgb.shape[:2]
    size = max(1, round(width * scale)), max(1, round(height * scale))
    ratio = np.array([size[0] / width, size[1] / height], np.float32)
    if size == (width, height):
        return rgb, ratio
    if scale > 1.0:
        return cv2.resize(rgb, size, interpolation=cv2.INTER_LINEAR_EXACT), ratio
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)), ratio
