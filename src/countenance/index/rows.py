"""The rows of one policy class, together in memory. The only file that imports FAISS.

A row is a face id (int64) and its template as IEEE 754 half precision. FAISS scans the codes; this class owns their
memory, so that what is removed is overwritten with zeros at once, and no stale copy stays behind when rows move.
"""

from __future__ import annotations

from typing import Final

import faiss
import numpy as np
from numpy.typing import NDArray

from countenance.types import Vectors

GROWTH: Final = 1.25  # doubling would hold up to half of the memory for nothing, and a face has 400 bytes in all
SMALLEST: Final = 16  # rows


class ClassRows:
    """Faces and codes in step: `faces[i]` is the face of `codes[i]`, in no order. Its owner keeps threads apart."""

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension
        self._count = 0
        self._faces = np.zeros(0, np.int64)
        self._codes = np.zeros((0, dimension), np.float16)
        self._highest = np.iinfo(np.int64).min  # no face id above it was ever here
        self._allocate(0)

    def __len__(self) -> int:
        """Rows."""
        return self._count

    @property
    def faces(self) -> NDArray[np.int64]:
        """(N,) int64, a view until the next change."""
        return self._faces[: self._count]

    def reserve(self, count: int) -> None:
        """Up to `count` rows fit without moving any."""
        if count > len(self._faces):
            self._allocate(count)

    def put(self, faces: NDArray[np.int64], codes: NDArray[np.float16]) -> None:
        """The rows are here; a row of the same face is replaced. `faces` holds no id twice."""
        if not len(faces):
            return
        if self._count and faces.min() <= self._highest:  # else all are new, as ids from a sequence mostly are
            self.drop(faces)
        total = self._count + len(faces)
        if total > len(self._faces):
            self._allocate(max(total, int(total * GROWTH)))
        self._faces[self._count : total] = faces
        self._codes[self._count : total] = codes
        self._resize(total)
        self._highest = max(self._highest, int(faces.max()))

    def drop(self, faces: NDArray[np.int64]) -> None:
        """No row of these faces is here, and their bytes are zeros. Unknown ids are ignored."""
        gone = np.isin(self.faces, faces)
        left = self._count - int(np.count_nonzero(gone))
        holes = np.flatnonzero(gone[:left])
        fill = left + np.flatnonzero(~gone[left:])  # as many as there are holes
        self._faces[holes] = self._faces[fill]
        self._codes[holes] = self._codes[fill]
        self._faces[left : self._count] = 0
        self._codes[left : self._count] = 0
        self._resize(left)
        if left * GROWTH * 2 < len(self._faces):
            self._allocate(left)

    def search(self, probes: Vectors, top: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Scores and faces, each (P, K), best first: the best `top`, and all that tie with the last of them.

        Scores are inner products of the float32 probe with the float16 row, summed in float32. P >= 1, N >= 1.
        """
        wanted = min(top + 1, self._count)
        while True:
            scores, rows = self._index.search(probes, wanted)
            if wanted == self._count or (scores[:, -1] < scores[:, top - 1]).all():
                return scores, self._faces[rows]
            wanted = min(2 * wanted, self._count)  # copies of one picture tie, and FAISS drops ties by position

    def _resize(self, count: int) -> None:
        self._count = count
        self._index.ntotal = count

    def _allocate(self, count: int) -> None:
        """Room for `count` rows, the present ones moved there and wiped where they were."""
        capacity = max(count, SMALLEST)
        index = faiss.IndexScalarQuantizer(
            self._dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        )  # needs no training
        index.codes.resize(capacity * index.code_size)
        # A view of FAISS's own buffer, which lives as long as `index` does: the two are replaced together, nobody
        # else holds them, and nothing but this method makes the buffer move.
        codes = faiss.rev_swig_ptr(index.codes.data(), capacity * index.code_size)
        codes = codes.view(np.float16).reshape(capacity, self._dimension)
        faces = np.zeros(capacity, np.int64)
        if self._count:
            faces[: self._count] = self._faces[: self._count]
            codes[: self._count] = self._codes[: self._count]
            self._codes[: self._count] = 0
        self._index, self._codes, self._faces = index, codes, faces
        self._resize(self._count)


def use_threads(count: int) -> None:
    """FAISS uses `count` threads in what this thread asks of it next.

    OpenMP keeps the number for each calling thread apart, so it is set before each search and not once. Nothing else
    in Countenance uses FAISS's OpenMP.
    """
    faiss.omp_set_num_threads(count)
