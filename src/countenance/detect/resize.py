"""Parts of a picture, and other sizes of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from countenance.types import Box, Rgb


def resized(rgb: Rgb, scale: float) -> tuple[Rgb, NDArray[np.float32]]:
    """(H, W, 3) uint8 `rgb` scaled, each side at least 1 px, and the (2,) x and y factors that rounding made of it."""
    height, width = rgb.shape[:2]
    size = max(1, round(width * scale)), max(1, round(height * scale))
    ratio = np.array([size[0] / width, size[1] / height], np.float32)
    if size == (width, height):
        return rgb, ratio
    picture = Image.fromarray(rgb).resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.asarray(picture), ratio


def around(rgb: Rgb, box: Box, factor: float) -> tuple[Rgb, int, int]:
    """The square around a box, `factor` times its longer side wide, and its left and top in the picture.

    It is cut off where the picture ends, is a view, and of no size where the square lies outside the picture.
    """
    x1, y1, x2, y2 = box
    x, y, half = (x1 + x2) / 2, (y1 + y2) / 2, max(x2 - x1, y2 - y1) * factor / 2
    left, top = max(0, int(x - half)), max(0, int(y - half))
    return rgb[top : max(top, int(y + half)), left : max(left, int(x + half))], left, top
