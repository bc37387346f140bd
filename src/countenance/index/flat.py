"""The embedded VectorIndex: exact, in memory, about 300 bytes a face.

The rows of a policy class stand together (`ClassRows`), so a search scans what its permit names and nothing else, and
costs what it may see. An exact scan has no recall to lose under a narrow permit, as graphs and cells have
(docs/design.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from countenance import permits
from countenance.errors import SpaceMismatch
from countenance.index.batch import PROBES_AT_ONCE
from countenance.index.lock import ReadWriteLock
from countenance.index.permitted import Permitted
from countenance.index.rows import ClassRows
from countenance.permits import Act, Permit
from countenance.protocols import RemovalResult
from countenance.types import ClassId, EmbeddingSpace, FaceId, Hit, Recall, Vectors

UNIT_TOLERANCE: Final = 1e-3  # half precision (11 bits) moves a length by less than 2**-11 = 4.9e-4


class FlatIndex:
    """A VectorIndex in memory. Any number of threads may search while one changes it; a search uses one thread."""

    exact = True

    def __init__(self, space: EmbeddingSpace) -> None:
        self.space = space
        self._classes: dict[ClassId, ClassRows] = {}
        self._lock = ReadWriteLock()
        self._last: tuple[frozenset[ClassId], Permitted] | None = None  # of the last search, until a change

    @property
    def recall(self) -> Recall | None:
        """What an approximate index finds of what is there; None where nothing is missed."""
        return None

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
            self._last = None
            if len(faces):
                self._classes.setdefault(class_id, ClassRows(self.space.dimension)).put(faces, codes)
                self._changed([class_id])

    def remove(self, faces: Iterable[FaceId], class_id: ClassId | None = None) -> RemovalResult:
        """The faces are in no search that starts after this returns, in one class or in all; their bytes are zeros.

        Unknown ids are ignored.
        """
        ids = sorted(set(faces))
        with self._lock.writing():
            self._last = None
            touched = [each for each in (self._classes if class_id is None else [class_id]) if each in self._classes]
            for each in touched:
                self._classes[each].drop(ids)
                if not self._classes[each]:
                    del self._classes[each]
            self._changed(touched)
        return RemovalResult(physically=True)

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
        with self._lock.reading():
            permitted = self._permitted(permit.classes)
            return [
                hits
                for start in range(0, len(probes), PROBES_AT_ONCE)
                for hits in self._best(permitted, probes[start : start + PROBES_AT_ONCE], top)
            ]

    def count(self, classes: Iterable[ClassId]) -> int:
        """Rows in these classes."""
        with self._lock.reading():
            return sum(len(self._classes[each]) for each in set(classes) if each in self._classes)

    def __len__(self) -> int:
        """All rows."""
        with self._lock.reading():
            return sum(map(len, self._classes.values()))

    def handed_over(self) -> dict[ClassId, ClassRows]:
        """The rows, for another index to hold; this one is empty."""
        with self._lock.writing():
            self._last = None
            held, self._classes = self._classes, {}
        return held

    def _permitted(self, classes: frozenset[ClassId]) -> Permitted:
        """The blocks of these classes. Found again only after a change: it takes longer than to scan a small class."""
        last = self._last
        if last is None or last[0] != classes:
            last = self._last = (classes, Permitted.of(self._classes, classes))
        return last[1]

    def _best(self, permitted: Permitted, probes: Vectors, top: int) -> list[list[Hit]]:
        """For each of at most PROBES_AT_ONCE probes the best `top` rows, best first. Nothing changes meanwhile."""
        return permitted.best(probes, top)

    def _changed(self, classes: Iterable[ClassId]) -> None:
        """Rows of these classes came, went or moved; nobody else reads or writes meanwhile."""

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
