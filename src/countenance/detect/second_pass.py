"""A second look at what was found with little confidence.

A weak find is often a face that is small, turned, faded or half covered, and sometimes a paw or a fold of cloth. It is
looked at again with what is around it, and stays if it is seen clearly from close by (at the width at which YuNet is
surest) or steadily at sizes around the one it was found at; paws and folds come and go. docs/detection.md has the
figures: hard faces are found as often as by one look with a bar of 0.57, and three of five false finds are gone.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from countenance.detect.around import around
from countenance.detect.boxes import iou_with
from countenance.detect.resize import resized
from countenance.detect.yunet import RawFaces, YuNet
from countenance.types import Rgb

SURE: Final = 0.85  # from here on one look is enough
AGAIN: Final = 0.70  # what the look from close by, or the mean of the steady looks, has to score
CLOSE_PX: Final = 100.0  # width of the face from close by
CLOSE_AROUND: Final = 3.0  # of the box's longer side that is seen then
STEADY: Final = (0.8, 1.2)  # sizes of the steady looks, as factors of the size at which it was found
STEADY_AROUND: Final = 6.0  # shoulders make a faded face a face
LONGEST_PX: Final = 640.0  # of a look, whatever shape the box has
SAME_IOU: Final = 0.4  # of two finds, to be of one face
ANY_SCORE: Final = 0.05  # a look that finds nothing at all counts as 0


def confirmed(network: YuNet, rgb: Rgb, found: RawFaces, scale: float) -> RawFaces:
    """The finds of a pass at `scale` that are sure or stood a second look; all in pixels of (H, W, 3) `rgb`."""
    stays = [
        score >= SURE or _stands(network, rgb, box, float(score), scale)
        for box, score in zip(found.boxes, found.scores, strict=True)
    ]
    return RawFaces(*(column[np.array(stays, bool)] for column in found))


def _stands(network: YuNet, rgb: Rgb, box: NDArray[np.float32], score: float, scale: float) -> bool:
    close = _score_at(network, rgb, box, CLOSE_PX / float(box[2] - box[0]), CLOSE_AROUND)
    if close >= AGAIN:
        return True
    steady = [score, *(_score_at(network, rgb, box, scale * factor, STEADY_AROUND) for factor in STEADY)]
    return sum(steady) / len(steady) >= AGAIN


def _score_at(network: YuNet, rgb: Rgb, box: NDArray[np.float32], scale: float, factor: float) -> float:
    """How the face at `box` scores when the part of `rgb` around it is scaled; 0 if it is not seen."""
    x1, y1, x2, y2 = map(float, box)
    part, left, top = around(rgb, (x1, y1, x2, y2), factor)
    if not part.size:
        return 0.0
    seen, ratio = resized(part, min(scale, LONGEST_PX / max(part.shape)))
    found = network.find(seen, ANY_SCORE)
    within = box - np.array([left, top, left, top], np.float32)
    same = iou_with(within, found.boxes / ratio[[0, 1, 0, 1]]) > SAME_IOU
    return float(found.scores[same].max(initial=0.0))
