"""PDQ: a perceptual hash of 256 bits, the same or nearly so for copies of one picture.

Recompressing, scaling, brightening and small marks change few of its bits; cropping, turning and mirroring many. Two
pictures that have nothing in common differ in 128 bits, give or take 8. Its makers call 31 bits or fewer the same.
Source: Meta Platforms 2019, "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm", and its
reference code, github.com/facebook/ThreatExchange, pdq/cpp (BSD). Written anew in numpy: the package `pdqhash` has no
wheels, and its compiler would be asked of everybody who installs this (docs/adr/0016).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from countenance.types import Rgb

HASH_BYTES: Final = 32
ENOUGH_QUALITY: Final = 50  # below, a hash says nothing: the reference's own advice
SIDE: Final = 64  # the luma picture whose cosine transform is taken
WAVES: Final = 16  # lowest frequencies a direction, without the constant one
ENOUGH_PX: Final = 256  # of the shorter side: a larger picture is first reduced by a whole factor, which costs 1 bit
_LUMA: Final = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


def pdq(rgb: Rgb) -> tuple[bytes, int]:
    """(32 bytes, quality from 0 to 100) of a picture.

    Args: rgb: (H, W, 3) uint8, each side at least 1 px.
    The bytes are those of the reference's hexadecimal text. A quality below `ENOUGH_QUALITY` means a picture with
    hardly any structure: a blank page, a night sky.
    """
    height, width = rgb.shape[:2]
    factor = max(1, min(height, width) // ENOUGH_PX)
    small = np.asarray(Image.fromarray(rgb).reduce(factor)) if factor > 1 else rgb
    luma = small.astype(np.float32) @ _LUMA
    seen = _smaller(height, factor) @ luma @ _smaller(width, factor).T
    waves = _cosines() @ seen @ _cosines().T
    bits = waves.ravel() > np.partition(waves.ravel(), WAVES * WAVES // 2 - 1)[WAVES * WAVES // 2 - 1]
    return np.packbits(bits[::-1]).tobytes(), _quality(seen)


def _quality(seen: NDArray[np.float32]) -> int:
    """How much the (64, 64) luma changes from pixel to pixel, as the reference counts it."""
    steps = [np.abs(np.trunc(np.diff(seen, axis=axis) * (100 / 255))).sum() for axis in (0, 1)]
    return min(100, int(sum(steps) / 90))


@lru_cache(maxsize=32)
def _smaller(length: int, factor: int) -> NDArray[np.float32]:
    """(64, ceil(length / factor)): two box filters and the pick of every 64th part, as one product.

    It acts on a row of `length` pixels that was reduced by `factor` before. Source: Jarosz, as the reference filters.
    """
    window = (length + 2 * SIDE - 1) // (2 * SIDE)
    after = (window + 2) // 2 - 1
    before = window - 1 - after
    at = np.arange(length)
    first, end = np.maximum(at - before, 0), np.minimum(at + after + 1, length)  # of the box around each pixel
    picked = ((np.arange(SIDE) + 0.5) * length / SIDE).astype(np.int64)
    inside = (at >= first[picked, None]) & (at < end[picked, None])
    weights = inside / (end - first)[picked, None] / (end - first)  # of the second box; each divided by the first's
    sums = np.pad(np.cumsum(weights, axis=1), ((0, 0), (1, 0)))
    tent: NDArray[np.float64] = sums[:, np.minimum(at + before + 1, length)] - sums[:, np.maximum(at - after, 0)]
    reduced: NDArray[np.float32] = np.add.reduceat(tent, np.arange(0, length, factor), axis=1).astype(np.float32)
    return reduced


@lru_cache(maxsize=1)
def _cosines() -> NDArray[np.float32]:
    """(16, 64): rows 1 to 16 of the cosine transform (DCT-II)."""
    wave, place = np.arange(1, WAVES + 1)[:, None], np.arange(SIDE)[None, :]
    waves: NDArray[np.float32] = (np.sqrt(2 / SIDE) * np.cos(np.pi / (2 * SIDE) * wave * (2 * place + 1))).astype(
        np.float32
    )
    return waves
