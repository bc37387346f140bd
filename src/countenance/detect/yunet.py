"""YuNet by ONNX Runtime: one pass of the network over one picture at one size.

Source: Wu, Peng, Yu 2023, YuNet: A Tiny Millisecond-level Face Detector, doi:10.1007/s11633-023-1423-y; the decoding of
its heads is that of OpenCV's FaceDetectorYN (modules/objdetect/src/face_detect.cpp), which a test compares with.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from countenance.detect.boxes import iou_with, suppress_overlaps
from countenance.types import Rgb

STRIDES: Final = (8, 16, 32)  # pixels a cell of each head
MULTIPLE: Final = 32  # the network halves five times
HEADS: Final = tuple(f"{head}_{stride}" for head in ("cls", "obj", "bbox", "kps") for stride in STRIDES)
VOTER_IOU: Final = 0.5  # a cell whose box overlaps a face's by more sees that face
MAX_IOU: Final = 0.3  # the same face found twice; OpenCV's default


class RawFaces(NamedTuple):
    """N faces of one pass, best first, in pixels of the picture that was passed."""

    boxes: NDArray[np.float32]  # (N, 4) x1, y1, x2, y2
    landmarks: NDArray[np.float32]  # (N, 5, 2) viewer's left eye, right eye, nose, left and right mouth corner
    scores: NDArray[np.float32]  # (N,) in [0, 1]


class YuNet:
    """The network. Loaded when made; one thread, because workers are processes."""

    def __init__(self, onnx: bytes) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors only
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # the cores are shared
        options.enable_mem_pattern = False  # one kept for each size, and pictures come in any
        self._session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])

    def find(self, rgb: Rgb | NDArray[np.float32], min_score: float, *, voting: bool = False) -> RawFaces:
        """The faces of (H, W, 3) RGB, uint8 or float32 from 0 to 255, that score at least `min_score`, each once.

        `voting`: landmarks are the means, weighted by score, over all cells that see the face, not the surest cell's.
        """
        height, width = rgb.shape[:2]
        tall, wide = -(-height // MULTIPLE) * MULTIPLE, -(-width // MULTIPLE) * MULTIPLE
        data = np.zeros((1, 3, tall, wide), np.float32)  # zeros on the right and below
        for plane, channel in zip((2, 1, 0), cv2.split(rgb), strict=True):  # BGR
            data[0, plane, :height, :width] = channel
        found = _decoded(self._session.run(HEADS, {"input": data}), _cells(tall, wide), min_score)
        kept = suppress_overlaps(found.boxes, found.scores, MAX_IOU)
        faces = RawFaces(*(part[kept] for part in found))
        return faces._replace(landmarks=_voted(found, faces)) if voting else faces


def _voted(cells: RawFaces, faces: RawFaces) -> NDArray[np.float32]:
    """(N, 5, 2) landmarks of each face, the mean over the cells that see it.

    Source: for boxes, Gidaris and Komodakis 2015, section 5 (box voting), doi:10.1109/ICCV.2015.135.
    """
    means = np.empty_like(faces.landmarks)
    every = cells.landmarks.reshape(-1, 10)
    for i, box in enumerate(faces.boxes):
        votes = cells.scores * (iou_with(box, cells.boxes) > VOTER_IOU)
        means[i] = (votes @ every / votes.sum()).reshape(5, 2)
    return means


class _Cells(NamedTuple):
    """The cells of all three heads, one after the other."""

    corners: NDArray[np.float32]  # (cells, 2) x, y in strides
    strides: NDArray[np.float32]  # (cells, 1) pixels


@lru_cache(maxsize=64)
def _cells(height: int, width: int) -> _Cells:
    """The cells of a picture of this size, a multiple of 32 each way."""
    corners = [np.indices((height // s, width // s), np.float32)[::-1].reshape(2, -1).T for s in STRIDES]
    strides = [np.full((len(cells), 1), s, np.float32) for cells, s in zip(corners, STRIDES, strict=True)]
    return _Cells(np.concatenate(corners), np.concatenate(strides))


def _decoded(heads: Sequence[NDArray[np.float32]], cells: _Cells, min_score: float) -> RawFaces:
    """The cells that score at least `min_score`, in pixels.

    Args: heads: as `HEADS` names them, (1, cells of the head, n) each: how much like a face (n = 1), how well the box
    would fit (1), centre offset and log of size in strides (4), five x, y offsets in strides (10).
    """
    classes, objects = (np.concatenate(heads[i : i + 3], axis=1).ravel() for i in (0, 3))
    scores = np.sqrt(np.clip(classes, 0, 1) * np.clip(objects, 0, 1))
    good = np.flatnonzero(scores >= min_score)
    boxes, points = (np.concatenate(heads[i : i + 3], axis=1)[0, good] for i in (6, 9))
    cell, stride = cells.corners[good], cells.strides[good]
    centre = (cell + boxes[:, :2]) * stride
    half = np.exp(boxes[:, 2:]) * stride / 2
    landmarks = (cell[:, None] + points.reshape(-1, 5, 2)) * stride[:, None]
    return RawFaces(np.concatenate([centre - half, centre + half], axis=1), landmarks, scores[good])
