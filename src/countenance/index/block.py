"""A block of rows in memory, and the scan of any set of blocks for a probe. Only this file and `codes.py` know FAISS.

To FAISS a block is an inverted list. A search makes a view of the permitted blocks alone, so it can read no other row,
and goes through them in one call: about 0.2 microseconds a block, where a call a block would take ten.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, Final, Protocol

import faiss as typed_faiss
import numpy as np
from numpy.typing import NDArray

from countenance.types import Vectors

faiss: Any = typed_faiss  # its stubs lack half of what is used here
HALF: Final = np.dtype(np.float16)


class CodedBlock(Protocol):
    """The rows of a block in short."""

    def wipe(self) -> None:
        """Every byte of it is zero, and nobody uses it any more."""


class Block:
    """Up to `capacity` rows: `faces[i]` is the face of `codes[i]`. Whatever lies behind row `count` is zeros."""

    __slots__ = ("_codes", "_faces", "address", "capacity", "coded", "count", "highest", "list", "lowest")

    def __init__(self, dimension: int, capacity: int) -> None:
        self.capacity = capacity
        self.count = 0
        self.coded: CodedBlock | None = (
            None  # these rows in short, if an approximate index has made it; gone at each change
        )
        self.lowest = int(np.iinfo(np.int64).max)  # no face id below it is here; after removals maybe none at it either
        self.highest = int(np.iinfo(np.int64).min)
        self.list: Any = faiss.ArrayInvertedLists(1, dimension * HALF.itemsize)  # one list
        self.address = int(self.list.this)
        self.list.resize(0, capacity)
        # Views of FAISS's own buffers. They live as long as `list` does and move only when they grow, which they never
        # do: whoever needs more room takes a new block.
        codes = faiss.rev_swig_ptr(self.list.get_codes(0), capacity * dimension * HALF.itemsize)
        self._codes: NDArray[np.float16] = codes.view(HALF).reshape(capacity, dimension)
        self._faces: NDArray[np.int64] = faiss.rev_swig_ptr(self.list.get_ids(0), capacity)
        self.list.resize(0, 0)

    @property
    def faces(self) -> NDArray[np.int64]:
        """(count,) int64, a view until the next change."""
        return self._faces[: self.count]

    @property
    def codes(self) -> NDArray[np.float16]:
        """(count, D) float16 unit rows, a view until the next change."""
        return self._codes[: self.count]

    def row(self, place: int) -> tuple[np.int64, NDArray[np.float16]]:
        """One row: its face, and a view of its codes until the next change."""
        return self._faces[place], self._codes[place]

    def append(self, faces: NDArray[np.int64], codes: NDArray[np.float16]) -> None:
        """The rows stand behind the present ones. There must be room."""
        self._changed()
        start, self.count = self.count, self.count + len(faces)
        self.list.resize(0, self.count)  # FAISS writes zeros there, so it comes first
        self._faces[start : self.count] = faces
        self._codes[start : self.count] = codes
        self.lowest = min(self.lowest, int(faces.min()))
        self.highest = max(self.highest, int(faces.max()))

    def may_hold(self, faces: Sequence[int]) -> bool:
        """Whether one of these, which are in order, lies between the lowest and the highest face."""
        at = bisect_left(faces, self.lowest)
        return at < len(faces) and faces[at] <= self.highest

    def drop(self, faces: NDArray[np.int64]) -> None:
        """No row of these faces is here; the last rows stand in their places. Unknown ids are ignored."""
        gone = np.isin(self.faces, faces)
        left = self.count - int(np.count_nonzero(gone))
        holes = np.flatnonzero(gone[:left])
        fill = left + np.flatnonzero(~gone[left:])  # as many as there are holes
        self._faces[holes] = self._faces[fill]
        self._codes[holes] = self._codes[fill]
        self._cut(left)

    def give(self, other: Block, rows: int) -> None:
        """The last `rows` rows stand in `other`, which must have room, and no more here."""
        left = self.count - rows
        if rows:
            other.append(self._faces[left : self.count], self._codes[left : self.count])
        self._cut(left)

    def _cut(self, count: int) -> None:
        """Only the first `count` rows are left; the others are zeros."""
        self._changed()
        self._faces[count : self.count] = 0
        self._codes[count : self.count] = 0
        self.list.resize(0, count)
        self.count = count

    def _changed(self) -> None:
        if self.coded is not None:
            self.coded.wipe()
            self.coded = None


def nearest(blocks: Sequence[Block], probes: Vectors, wanted: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Scores and rows, each (P, wanted), best first. Row r is the r-th of all rows of `blocks` in their order.

    Scores are inner products of the float32 probe with the float16 row, summed in float32; of equal ones at the end
    any may be missing. One thread.

    Args: blocks: at least one, with `wanted` rows at least between them; probes: (P, D) float32, contiguous.
    """
    dimension = probes.shape[1]
    index = faiss.IndexIVFScalarQuantizer(
        faiss.IndexFlatIP(dimension),
        dimension,
        1,
        faiss.ScalarQuantizer.QT_fp16,  # needs no training
        faiss.METRIC_INNER_PRODUCT,
        False,  # by_residual: rows are themselves, not differences to a centroid
    )
    scores, places = scan_lists(index, [block.address for block in blocks], probes, wanted, store_pairs=True)
    first = np.cumsum([0] + [block.count for block in blocks])
    return scores, first[places >> 32] + (places & 0xFFFFFFFF)


def scan_lists(
    index: Any, addresses: Sequence[int], probes: Vectors, wanted: int, *, store_pairs: bool
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Scores and labels, each (P, wanted), best first, of all rows in FAISS's inverted lists at these addresses.

    Labels are those in the lists, or with `store_pairs` (number of the list << 32 | row in it). One thread.

    Args: index: an untrained IndexIVF of any kind that needs no training; probes: (P, D) float32, contiguous.
    """
    count = len(addresses)
    at = np.array(addresses, np.int64)
    pointers = faiss.InvertedListsPtrVector()
    pointers.resize(count)
    faiss.memcpy(pointers.data(), faiss.swig_ptr(at), at.nbytes)
    lists = faiss.VStackInvertedLists(count, pointers.data())
    index.nlist = count
    index.is_trained = True
    index.replace_invlists(lists, False)  # own: the blocks own their lists
    every = np.ascontiguousarray(np.broadcast_to(np.arange(count), (len(probes), count)))
    unused = np.zeros(every.shape, np.float32)  # distances to centroids, of which there are none
    scores = np.empty((len(probes), wanted), np.float32)
    labels = np.empty((len(probes), wanted), np.int64)
    # OpenMP keeps the number for each calling thread apart, so it is set before each search and not once.
    faiss.omp_set_num_threads(1)
    index.search_preassigned_c(
        len(probes),
        faiss.swig_ptr(probes),
        wanted,
        *map(faiss.swig_ptr, (every, unused, scores, labels)),
        store_pairs,
        faiss.SearchParametersIVF(nprobe=count),
    )
    return scores, labels
