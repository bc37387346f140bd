"""At which sizes a picture is looked at.

One pass of YuNet is at its best with faces from 24 to 400 px wide (docs/detection.md has the table): below, recall
falls (0.95 at 16 px); above, scores fall until nothing is found (at 900 px). So every picture gets

- a fine pass, for its small faces: enlarged until the narrowest face looked for is 24 px wide, and at least until the
  picture is 352 px long (a face that fills a picture of 92 x 112 is found in 0 of 100 as it is, in 97 enlarged two
  times, in 100 enlarged three times: docs/design.md), at most until it has 1,024 x 768 pixels;
- and, where faces wider than 400 px would fit into that, a coarse pass at 352 px for the large ones.

A picture whose fine pass had to make it smaller (from 0.8 megapixels on) also gets

- passes by tiles at two thirds of its size and, where the fine pass was much coarser, at a quarter and an eighth: the
  first finds all faces from 36 px on and *suspects* nearly all from 20 px on;
- and a last one by tiles, in which the narrowest face looked for is 24 px wide, of those tiles alone in which a face is
  suspected. To see all of a picture at that size takes five times as long and finds hardly more.

Each pass answers for its own widths, so that neither adds its weak guesses to the other's strong finds; the ranges
overlap, because two passes measure one face a little differently.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

MIN_FACE_PX: Final = 16.0  # looked for unless the caller says otherwise; a narrower face has no detail to compare
NARROWEST_PX: Final = 24.0  # found without loss in one pass
WIDEST_PX: Final = 400.0  # likewise
OVERLAP: Final = 1.25  # of two ranges around their border, either way; one face measured twice differs by 1.1
COARSE_SIDE_PX: Final = 352  # 11 x 32: 3.1 times a picture of 92 x 112
FINE_PX: Final = 1024 * 768  # 23 ms; four times as many would find faces half as wide. By area, for the panoramas
TILED: Final = (
    1 / 8,
    1 / 4,
    2 / 3,
)  # of the picture; a face of 20 px is suspected at 13 px, at 10 px one in four is not
STEP: Final = 1.5  # from the fine pass to the first of them, or one more look finds nothing more


@dataclass(frozen=True, slots=True)
class DetectorPass:
    """One look at the picture, scaled by `scale`, for faces from `min_px` to `max_px` wide in pixels of the picture."""

    scale: float
    min_px: float
    max_px: float
    tiled: bool = False  # by tiles, in each of which a face of `max_px` is seen whole
    suspected: bool = False  # only those tiles in which the pass before it suspects a face


def plan(width: int, height: int, min_face_px: float = MIN_FACE_PX) -> tuple[DetectorPass, ...]:
    """The passes over a picture of `width` x `height` pixels that find every face from `min_face_px` on.

    The whole picture first, fine and coarse; then the tiles, the finest last.
    """
    long_side, short_side = max(width, height), min(width, height)
    enough = max(NARROWEST_PX / min_face_px, COARSE_SIDE_PX / long_side)
    fine = min(enough, math.sqrt(FINE_PX / (width * height)))
    tiled = _tiled(fine, enough) if fine < min(enough, 1.0) else ()
    narrowest = NARROWEST_PX / fine if tiled else min_face_px
    if short_side * fine <= WIDEST_PX:
        return (DetectorPass(fine, narrowest, math.inf), *tiled)
    border = WIDEST_PX / OVERLAP / fine
    return (
        DetectorPass(fine, narrowest, border * OVERLAP),
        DetectorPass(COARSE_SIDE_PX / long_side, max(min_face_px, border / OVERLAP), math.inf),
        *tiled,
    )


def _tiled(fine: float, enough: float) -> tuple[DetectorPass, ...]:
    """The passes by tiles for faces too narrow for a pass at scale `fine`, where a pass at `enough` finds them all."""
    between = [scale for scale in TILED if fine * STEP < scale < enough]
    if not between and fine < TILED[-1] < enough:
        between = [TILED[-1]]
    scales = (fine, *between, enough)
    return tuple(
        DetectorPass(
            scale, NARROWEST_PX / scale, NARROWEST_PX / coarser * OVERLAP**2, tiled=True, suspected=scale == enough
        )
        for coarser, scale in pairwise(scales)
    )
