"""The part of a picture around a box."""

from __future__ import annotations

from countenance.types import Box, Rgb


def around(rgb: Rgb, box: Box, factor: float) -> tuple[Rgb, int, int]:
    """The square around a box, `factor` times its longer side wide, and its left and top in the picture.

    It is cut off where the picture ends, is a view, and of no size where the square lies outside the picture.
    """
    x1, y1, x2, y2 = box
    x, y, half = (x1 + x2) / 2, (y1 + y2) / 2, max(x2 - x1, y2 - y1) * factor / 2
    left, top = max(0, int(x - half)), max(0, int(y - half))
    return rgb[top : max(top, int(y + half)), left : max(left, int(x + half))], left, top
