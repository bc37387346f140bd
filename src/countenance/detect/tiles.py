"""A picture in overlapping parts, so that one that is too large for the network is seen in all its detail.

The cores of the tiles cover the picture, each of its points once; a tile shows its core and a rim around it. A tile
answers for the faces whose middle lies in its core, and the rim is wide enough that such a face is seen whole. So a
face on a seam is cut off in no tile that answers for it, and no tile's cut-off half of it counts as another face.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from countenance.detect.scales import DetectorPass
from countenance.types import Rgb

TILE_PX: Final = 1024  # longest side as the network sees it: larger ones leave the processor's caches
FEW_PX: Final = 512  # where few tiles are looked at, so that they show little else
RIM: Final = 0.8  # of the widest face that a tile answers for; a face is up to 1.5 times as high as wide
CELL_PX: Final = 16  # of the picture as the network sees it: a face that is found is at least as wide
SAMPLED: Final = 4  # one pixel in so many, each way, is asked
FLAT: Final = 10  # levels of brightness, of 255, within a cell; a face so faint is not found at any size


@dataclass(frozen=True, slots=True)
class Tile:
    """What is shown, and the core that it answers for; in pixels of what was tiled, right and bottom excluded."""

    shown: tuple[int, int, int, int]  # left, top, right, bottom
    core: tuple[float, float, float, float]

    def answers_for(self, x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which of the points (N,), (N,) lie in the core."""
        left, top, right, bottom = self.core
        inside: NDArray[np.bool_] = (left <= x) & (x < right) & (top <= y) & (y < bottom)
        return inside


def tiles(width: int, height: int, look: DetectorPass, step: int = 1) -> tuple[Tile, ...]:
    """The tiles, for one pass, of a picture that is shown in `width` x `height` pixels, each for `step` of its own.

    The cores at the border reach beyond it without end: the middle of a face may lie outside the picture.
    """
    rim = RIM * look.max_px / step
    core = (FEW_PX if look.suspected else TILE_PX) / (look.scale * step) - 2 * rim
    return tuple(
        Tile((left, top, right, bottom), (from_x, from_y, to_x, to_y))
        for top, bottom, from_y, to_y in _parts(height, core, rim)
        for left, right, from_x, to_x in _parts(width, core, rim)
    )


def _parts(side: int, core: float, rim: float) -> list[tuple[int, int, float, float]]:
    """(first and last pixel shown, where the core begins and ends) of each part of one side."""
    if side <= core + 2 * rim:
        return [(0, side, -math.inf, math.inf)]
    count = math.ceil(side / core)
    cuts = [side * i / count for i in range(count + 1)]
    return [
        (
            max(0, math.floor(start - rim)),
            min(side, math.ceil(end + rim)),
            -math.inf if i == 0 else start,
            math.inf if i == count - 1 else end,
        )
        for i, (start, end) in enumerate(pairwise(cuts))
    ]


def is_flat(rgb: Rgb | NDArray[np.float32]) -> bool:
    """Whether no cell of (H, W, 3) `rgb`, from 0 to 255, as the network sees it, holds enough contrast for a face."""
    sampled = rgb[::SAMPLED, ::SAMPLED, 1]  # green has most of the brightness
    step = CELL_PX // SAMPLED
    rows, columns = (side - side % step for side in sampled.shape)
    if not rows or not columns:
        return True
    cells = sampled[:rows, :columns].reshape(rows // step, step, columns // step, step)
    spread = cells.max(axis=(1, 3)).astype(np.int16) - cells.min(axis=(1, 3))
    return int(spread.max()) < FLAT
