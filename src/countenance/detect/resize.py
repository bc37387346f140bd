"""A picture at another size, without aliasing."""

from __future__ import annotations

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
    picture = Image.fromarray(rgb).resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.asarray(picture), ratio
