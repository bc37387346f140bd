"""What a person sees of a face."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from PIL import Image

from countenance.types import Box, Rgb

MAX_PX: Final = 256
MARGIN: Final = 0.35  # of the box's longer side, on each side: hair and chin
JPEG_QUALITY: Final = 85  # as JPEG a thumbnail takes 0.1 ms and 6 kB, as WebP 1.5 ms and 3.5 kB


def thumbnail(rgb: Rgb, box: Box) -> bytes:
    """JPEG of the square around a face, upright, at most 256 px a side and never enlarged.

    Args: rgb: (H, W, 3) uint8; box: in its pixels. The square is cut off where the picture ends.
    """
    height, width = rgb.shape[:2]
    side = max(box[2] - box[0], box[3] - box[1]) * (1 + 2 * MARGIN)
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    left, top = max(0, round(x - side / 2)), max(0, round(y - side / 2))
    right, bottom = min(width, max(left + 1, round(x + side / 2))), min(height, max(top + 1, round(y + side / 2)))
    return jpeg(rgb[min(top, height - 1) : bottom, min(left, width - 1) : right], MAX_PX)


def jpeg(rgb: Rgb, max_px: int) -> bytes:
    """The picture as JPEG, its longer side at most `max_px`."""
    if max(rgb.shape) > max_px:
        image = Image.fromarray(rgb)
        image.thumbnail((max_px, max_px), Image.Resampling.BICUBIC)
        rgb = np.asarray(image)
    _, data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))
    return data.tobytes()
