"""Leads that show one photograph are one lead: copies, recompressions, resizes and crops of it are stacked.

Two faces are of one photograph where the pictures' perceptual hashes are near and the faces stand at the same place in
them (`near`), or where the hashes of their aligned crops are near, however the pictures were cut (`crop`). No template
is compared. Only faces that this very search may show are looked at, so a group tells nothing of any other. The rates
are measured by `tools/measure_duplicates.py`: docs/duplicates.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from countenance.associated_data import crop_hash_aad
from countenance.pipeline.stores import Stores
from countenance.records.search.gallery import VisibleFace
from countenance.types import DuplicateLink

NEAR_BITS: Final = 31  # of 256; the PDQ paper's own bound
CROP_BITS: Final = 48  # of 256; no two photographs of 600 people came nearer than 56
SAME_PLACE_IOU: Final = 0.4  # of the boxes, each as parts of its picture's width and height


@dataclass(slots=True)
class DuplicateGroup:
    """A lead, as (face, score), and what shows the same photograph with at most that score."""

    best: tuple[VisibleFace, float]
    others: list[tuple[VisibleFace, float, DuplicateLink, int]] = field(default_factory=list)  # bits that differ, last


def group_duplicates(stores: Stores, scored: Sequence[tuple[VisibleFace, float]], top: int) -> list[DuplicateGroup]:
    """The best `top` groups of faces, which come best first. What belongs to no such group is left out."""
    faces = [face for face, _ in scored]
    pictures, crops = _Hashes([face.pdq for face in faces]), _Hashes(_crop_hashes(stores, faces))
    boxes = np.array([_within(face) for face in faces]).reshape(-1, 4)
    group_of = np.full(len(faces), -1)
    groups: list[DuplicateGroup] = []
    for row, (face, score) in enumerate(scored):
        near, crop = pictures.distances(row), crops.distances(row)
        linked_near = (near <= NEAR_BITS) & (_iou(boxes[:row], boxes[row]) > SAME_PLACE_IOU)
        linked = np.flatnonzero((linked_near | (crop <= CROP_BITS)) & (group_of[:row] >= 0))
        if len(linked):
            to = linked[np.argmin(group_of[linked])]
            group_of[row] = group_of[to]
            link, bits = (DuplicateLink.NEAR, near[to]) if linked_near[to] else (DuplicateLink.CROP, crop[to])
            groups[group_of[row]].others.append((face, score, link, int(bits)))
        elif len(groups) < top:
            group_of[row] = len(groups)
            groups.append(DuplicateGroup((face, score)))
    return groups


def _crop_hashes(stores: Stores, faces: Sequence[VisibleFace]) -> list[bytes | None]:
    sealed = [(f.key_id, crop_hash_aad(f.uid), f.crop_hash) for f in faces if f.crop_hash is not None]
    opened = iter(stores.keys.open_many(sealed))
    return [None if face.crop_hash is None else next(opened) for face in faces]


class _Hashes:
    """Hashes in a row; one that is not there is far from all."""

    def __init__(self, hashes: Sequence[bytes | None]) -> None:
        self._there = np.array([bool(each) for each in hashes], bool)
        self._words = np.frombuffer(b"".join(each or bytes(32) for each in hashes), "<u8").reshape(-1, 4)

    def distances(self, row: int) -> NDArray[np.int64]:
        """(row,) bits in which `row` differs from each before it; 256 where either is not there."""
        differing = np.bitwise_count(self._words[:row] ^ self._words[row]).sum(axis=1, dtype=np.int64)
        return np.where(self._there[:row] & self._there[row], differing, 256)


def _within(face: VisibleFace) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = face.box
    return x1 / face.width, y1 / face.height, x2 / face.width, y2 / face.height


def _iou(boxes: NDArray[np.float64], box: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) intersection over union of (N, 4) boxes with one."""
    sides = np.minimum(boxes[:, 2:], box[2:]) - np.maximum(boxes[:, :2], box[:2])
    shared = np.clip(sides, 0, None).prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) + (box[2:] - box[:2]).prod() - shared
    return np.asarray(shared / np.maximum(areas, 1e-12))
