"""At which sizes a picture is looked at.

One pass of YuNet is at its best with faces from 24 to 400 px wide (docs/detection.md has the table): below, recall
falls (0.95 at 16 px); above, scores fall until nothing is found (at 900 px). So every picture gets

- a fine pass, for its small faces: enlarged until the narrowest face looked for is 24 px wide, and at least until the
  picture is 352 px long (a face that fills a picture of 92 x 112 is found in 0 of 100 as it is, in 97 enlarged two
  times, in 100 enlarged three times: DESIGN.md section 5), at most until it has 1,024 x 768 pixels;
- and, where faces wider than 400 px would fit into that, a coarse pass at 352 px for the large ones.

Each pass answers for its own widths, so that neither adds its weak guesses to the other's strong finds; the ranges
overlap, because two passes measure one face a little differently.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

MIN_FACE_PX: Final = 16.0  # looked for unless the caller says otherwise; a narrower face has no detail to compare
NARROWEST_PX: Final = 24.0  # found without loss in one pass
WIDEST_PX: Final = 400.0  # likewise
OVERLAP: Final = 1.25  # of the two ranges around their border, either way; one face measured twice differs by 1.1
COARSE_SIDE_PX: Final = 352  # 11 x 32: 3.1 times a picture of 92 x 112
FINE_PX: Final = 1024 * 768  # 23 ms; four times as many would find faces half as wide. By area, for the panoramas


@dataclass(frozen=True, slots=True)
class Pass:
    """One look at the picture, scaled by `scale`, for faces from `min_px` to `max_px` wide in pixels of the picture."""

    scale: float
    min_px: float
    max_px: float


def plan(width: int, height: int, min_face_px: float = MIN_FACE_PX) -> tuple[Pass, ...]:
    """The passes over a picture of `width` x `height` pixels that find every face from `min_face_px` on."""
    long_side, short_side = max(width, height), min(width, height)
    enough = max(NARROWEST_PX / min_face_px, COARSE_SIDE_PX / long_side)
    fine = min(enough, math.sqrt(FINE_PX / (width * height)))
    if short_side * fine <= WIDEST_PX:
        return (Pass(fine, min_face_px, math.inf),)
    border = WIDEST_PX / OVERLAP / fine
    return (
        Pass(fine, min_face_px, border * OVERLAP),
        Pass(COARSE_SIDE_PX / long_side, max(min_face_px, border / OVERLAP), math.inf),
    )
