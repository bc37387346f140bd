"""Which of several overlapping boxes stay."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def iou_with(box: NDArray[np.float32], boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N,) intersection over union, in [0, 1], of one (4,) box x1, y1, x2, y2 with each of (N, 4)."""
    corner = np.maximum(box[:2], boxes[:, :2])
    size = np.maximum(np.minimum(box[2:], boxes[:, 2:]) - corner, 0)
    common = size[:, 0] * size[:, 1]
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    area = (box[2] - box[0]) * (box[3] - box[1])
    together: NDArray[np.float32] = common / np.maximum(areas + area - common, np.finfo(np.float32).tiny)
    return together


def suppress_overlaps(boxes: NDArray[np.float32], scores: NDArray[np.float32], max_iou: float) -> list[int]:
    """Indices, best score first, of the boxes that overlap no better box by more than `max_iou`.

    Args:   boxes: (N, 4) x1, y1, x2, y2; scores: (N,). Equal scores keep their order.
    Source: greedy non-maximum suppression, as in cv2.dnn.NMSBoxes.
    """
    left = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while left.size:
        best = int(left[0])
        kept.append(best)
        left = left[1:]
        left = left[iou_with(boxes[best], boxes[left]) <= max_iou]
    return kept
