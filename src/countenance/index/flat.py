"""The embedded VectorIndex: exact, in memory, about 300 bytes a face.

The rows of a policy class stand together (`ClassRows`), so a search scans what its permit names and nothing else, and
costs what it may see. An exact scan has no recall to lose under a narrow permit, as graphs and cells have (DESIGN.md
section 6).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from countenance import permits
from countenance.errors import SpaceMismatch
from countenance.index.lock import ReadWriteLock
from countenance.index.rows import ClassRows, use_threads
from countenance.permits import Act, Permit
from countenance.protocols import Gone
from countenance.types import ClassId, EmbeddingSpace, FaceId, Hit, Vectors

UNIT_TOLERANCE: Final = 1e-3  # half precision (11 bits) moves a length by less than 2**-11 = 4.9e-4


class FlatIndex:
    """A VectorIndex in memory. Any number of threads may search while one changes it.

    threads: of FAISS in one search; more than one pays only where cores are idle.
    """

    exact = True

    def __init__(self, space: EmbeddingSpace, *, threads: int = 1) -> None:
        self.space = space
        self._threads = threads
        self._classes: dict[ClassId, ClassRows] = {}
        self._lock = ReadWriteLock()

    def add(self, class_id: ClassId, faces: Sequence[FaceId] | NDArray[np.int64], vectors: Vectors) -> None:
        """The rows are found by the next search. Adding a (face, class) that is there replaces it.

        Args: faces: N ids, of a repeated one the last row stays; vectors: (N, D) float32 unit rows.
        Raises: SpaceMismatch: vectors are not (N, D) of this space; ValueError: rows not of unit length or not finite.
        """
        ids = np.asarray(faces, np.int64)
        codes = self._checked(vectors).astype(np.float16)
        if len(ids) != len(codes):
            raise ValueError(f"{len(ids)} faces and {len(codes)} vectors")
        _, last = np.unique(ids[::-1], return_index=True)
        if len(last) < len(ids):
            ids, codes = ids[::-1][last], codes[::-1][last]
        self.add_codes(class_id, ids, codes)

    def add_codes(self, class_id: ClassId, faces: NDArray[np.int64], codes: NDArray[np.float16]) -> None:
        """Like `add`, for rows that an index has checked before: (N,) int64 without repeats, (N, D) float16."""
        with self._lock.writing():
            self._rows(class_id).put(faces, codes)

    def reserve(self, class_id: ClassId, count: int) -> None:
        """Up to `count` rows of the class fit without moving any in memory."""
        with self._lock.writing():
            self._rows(class_id).reserve(count)

    def remove(self, faces: Iterable[FaceId], class_id: ClassId | None = None) -> Gone:
        """The faces are in no search that starts after this returns, in one class or in all; their bytes are zeros.

        Unknown ids are ignored.
        """
        ids = np.fromiter(faces, np.int64)
        with self._lock.writing():
            for each in list(self._classes) if class_id is None else [class_id]:
                if each in self._classes:
                    self._classes[each].drop(ids)
                    if not self._classes[each]:
                        del self._classes[each]
        return Gone(physically=True)

    def search(self, probes: Vectors, top: int, permit: Permit) -> list[list[Hit]]:
        """For each probe the best `top` rows of the classes of `permit`, best first, ties by face id, then class.

        Args: probes: (P, D) float32 unit rows.
        Raises: PermitRefused: no live permit to SEARCH; SpaceMismatch; ValueError: top < 1, or probes not of unit
        length or not finite.
        """
        permits.require(permit, Act.SEARCH)
        probes = np.ascontiguousarray(self._checked(probes))
        if top < 1:
            raise ValueError(f"the best {top} rows cannot be returned")
        if not len(probes):
            return []
        use_threads(self._threads)
        with self._lock.reading():
            allowed = [class_id for class_id in sorted(permit.classes) if self._classes.get(class_id)]
            found = [self._classes[class_id].search(probes, top) for class_id in allowed]
        return _merged(allowed, found, len(probes), top)

    def count(self, classes: Iterable[ClassId]) -> int:
        """Rows in these classes."""
        with self._lock.reading():
            return sum(len(self._classes[each]) for each in set(classes) if each in self._classes)

    def __len__(self) -> int:
        """All rows."""
        with self._lock.reading():
            return sum(map(len, self._classes.values()))

    def _rows(self, class_id: ClassId) -> ClassRows:
        if class_id not in self._classes:
            self._classes[class_id] = ClassRows(self.space.dimension)
        return self._classes[class_id]

    def _checked(self, vectors: Vectors) -> Vectors:
        """The same, now known to be (N, D) float32 unit rows."""
        if vectors.ndim != 2 or vectors.shape[1] != self.space.dimension or vectors.dtype != np.float32:
            raise SpaceMismatch(
                f"{vectors.dtype} vectors of shape {vectors.shape} are not templates of {self.space.model}, "
                f"which are float32 of shape (N, {self.space.dimension})"
            )
        lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
        if not (np.abs(lengths - 1) <= UNIT_TOLERANCE).all():  # also false for NaN and infinity
            raise ValueError("a vector is not of unit length, or not finite")
        return vectors


def _merged(
    classes: list[ClassId], found: list[tuple[NDArray[np.float32], NDArray[np.int64]]], probes: int, top: int
) -> list[list[Hit]]:
    """One list a probe, at most `top` long: best score first, then lowest face id, then lowest class."""
    if not found:
        return [[] for _ in range(probes)]
    scores = np.concatenate([each for each, _ in found], axis=1)
    faces = np.concatenate([each for _, each in found], axis=1)
    owner = np.repeat(classes, [each.shape[1] for each, _ in found])
    merged = []
    for probe in range(probes):
        best = np.lexsort((owner, faces[probe], -scores[probe]))[:top]
        merged.append([Hit(int(faces[probe, i]), int(owner[i]), float(scores[probe, i])) for i in best])
    return merged
