"""Faces made unrecognisable in a picture that goes to somebody else."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Final

import numpy as np

from countenance.types import Box, Rgb

MARGIN: Final = 0.3  # of the box's sides, on each side: hair, ears and chin
CELLS: Final = 4  # a side: 16 colours are left of a face, far below the 12 px at which anything still finds one


def veiled(rgb: Rgb, boxes: Iterable[Box]) -> Rgb:
    """A copy in which each box, with its margin, is a mosaic of 4 x 4 mean colours.

    Args: rgb: (H, W, 3) uint8; boxes: in its pixels, cut off where the picture ends.
    """
    made = rgb.copy()
    height, width = rgb.shape[:2]
    for x1, y1, x2, y2 in boxes:
        dx, dy = (x2 - x1) * MARGIN, (y2 - y1) * MARGIN
        columns = np.linspace(max(0.0, x1 - dx), min(float(width), x2 + dx), CELLS + 1).round().astype(int)
        rows = np.linspace(max(0.0, y1 - dy), min(float(height), y2 + dy), CELLS + 1).round().astype(int)
        for top, bottom in pairwise(rows):
            for left, right in pairwise(columns):
                cell = rgb[top:bottom, left:right]
                if cell.size:
                    made[top:bottom, left:right] = cell.mean(axis=(0, 1)).round()
    return made
