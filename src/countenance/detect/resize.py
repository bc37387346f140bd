"""Other sizes of a picture.

Enlarging is OpenCV's in float32, which the network takes anyway: 0.1 ms where its form for bytes takes 0.2 to 0.3 and
Pillow 1.2 (250 px to 375 px, a step of every small picture and face). Reducing is Pillow's, which averages over all the
pixels that become one; for large pictures it is OpenCV's again, which does so in a tenth of the time.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from countenance.types import Rgb

GAP: Final = 2.0  # times the wanted size: as far a larger picture is first reduced by whole steps, by area
BAND_PX: Final = 2**24  # reduced at once, since Pillow copies what it reads: 64 MB


def resized(rgb: Rgb, scale: float) -> tuple[Rgb | NDArray[np.float32], NDArray[np.float32]]:
    """(H, W, 3) uint8 `rgb` scaled, each side at least 1 px, and the (2,) x and y factors that rounding made of it.

    Enlarged, it is float32 from 0 to 255. Holds no second copy of a large picture.
    """
    height, width = rgb.shape[:2]
    size = max(1, round(width * scale)), max(1, round(height * scale))
    ratio = np.array([size[0] / width, size[1] / height], np.float32)
    if size == (width, height):
        return rgb, ratio
    if scale > 1.0:
        return cv2.resize(rgb.astype(np.float32), size), ratio
    # What Pillow's own reducing_gap does, a band of rows at a time.
    across, down = (int(whole / wanted / GAP) or 1 for whole, wanted in zip((width, height), size, strict=True))
    if across == down == 1:
        return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BILINEAR)), ratio
    rows = max(1, BAND_PX // width // down) * down
    bands = [
        np.asarray(Image.fromarray(rgb[top : top + rows]).reduce((across, down))) for top in range(0, height, rows)
    ]
    reduced = Image.fromarray(bands[0] if len(bands) == 1 else np.concatenate(bands))
    box = (0, 0, width / across, height / down)  # the last cells may reach beyond the picture
    return np.asarray(reduced.resize(size, Image.Resampling.BILINEAR, box=box)), ratio


def reduced(rgb: Rgb, scale: float) -> tuple[Rgb, NDArray[np.float32]]:
    """(H, W, 3) uint8 `rgb` scaled by 1/2 to 1 or 1 / a whole number, in little time, and the (2,) x and y factors.

    By whole steps it is their means, and the pixels that fill no step are left out: of a picture narrower than a step,
    all. Else it is linear between neighbours, which passes no pixel over where the scale is at least a half.
    """
    step = round(1 / scale)
    height, width = (int(side * scale) for side in rgb.shape[:2])
    if not height or not width:
        return np.empty((height, width, 3), np.uint8), np.ones(2, np.float32)
    if step * scale != 1.0:
        ratio = np.array([width / rgb.shape[1], height / rgb.shape[0]], np.float32)
        return cv2.resize(rgb, (width, height), interpolation=cv2.INTER_LINEAR_EXACT), ratio
    means = cv2.resize(rgb[: height * step, : width * step], (width, height), interpolation=cv2.INTER_AREA)
    return means, np.full(2, scale, np.float32)
