"""Rows in short: two bits a number, for a scan of a fifth of the time that the rows themselves take.

A row is turned by one fixed rotation, so that its numbers are spread alike whatever model they come from, and each is
rounded to one of four levels (Max 1960, IRE Trans. Inf. Theory 6(1), doi:10.1109/TIT.1960.1057548, table I, the normal
distribution). Nothing is learnt from anybody's template, so no erasure leaves a trace in the code book.

To FAISS two numbers are one of 16 centroids of a product quantizer, which its fast scan looks up in registers (André et
al. 2017, doi:10.1145/3078971.3078992).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import count
from typing import Any, Final

import faiss as typed_faiss
import numpy as np
from numpy.typing import NDArray

from countenance.index.block import Block, scan_lists
from countenance.types import Vectors

faiss: Any = typed_faiss  # its stubs lack half of what is used here
LEVELS: Final = np.array([-1.510, -0.4528, 0.4528, 1.510])  # in standard deviations
THRESHOLD: Final = 0.9816  # between the inner and the outer level
TOGETHER: Final = 32  # rows in one block of FAISS's layout
# The order of 32 rows in it: faiss/impl/pq4_fast_scan.cpp, pq4_pack_codes, perm0.
ORDER: Final = np.array([*(0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15)])
SEED: Final = 20_261_123  # of the rotation; any will do


PLACES: Final = 13  # bits of a label that say which row of its block
_serials: Final = count()


class BlockCodes:
    """The codes of one block's rows, in FAISS's layout, labelled (serial << PLACES | row)."""

    __slots__ = ("_codes", "address", "list", "serial")

    def __init__(self, packed: NDArray[np.uint8], rows: int) -> None:
        """Args: packed: (ceil(rows / 32), bytes of 32 rows) uint8."""
        self.serial = next(_serials)
        self.list: Any = faiss.BlockInvertedLists(1, TOGETHER, packed.shape[1])
        self.list.resize(0, rows)
        self.address = int(self.list.this)
        self._codes: NDArray[np.uint8] = faiss.rev_swig_ptr(self.list.get_codes(0), packed.size)  # never resized again
        self._codes[:] = packed.ravel()
        faiss.rev_swig_ptr(self.list.get_ids(0), rows)[:] = (self.serial << PLACES) + np.arange(rows)

    def wipe(self) -> None:
        """Every byte is zero."""
        self._codes[:] = 0


class CodeBook:
    """How rows of one dimension are coded, and how codes are scanned."""

    def __init__(self, dimension: int) -> None:
        """Raises: ValueError: the dimension is no multiple of 4."""
        if dimension % 4:
            raise ValueError(f"templates of {dimension} numbers can't be coded: it must be a multiple of 4")
        self._dimension = dimension
        turned = np.random.default_rng(SEED).standard_normal((dimension, dimension))
        self._rotation = np.ascontiguousarray(np.linalg.qr(turned)[0], np.float32)
        self._threshold = np.float32(THRESHOLD / np.sqrt(dimension))  # a number of a unit row deviates by 1/sqrt(D)
        pairs = np.stack([np.tile(LEVELS, 4), np.repeat(LEVELS, 4)], axis=1) / np.sqrt(dimension)
        self._centroids = np.tile(pairs.astype(np.float32).ravel(), dimension // 2)

    def coded(self, block: Block) -> BlockCodes:
        """The rows of a block in short."""
        rows = block.count
        padded = np.zeros((-(-rows // TOGETHER) * TOGETHER, self._dimension), np.float32)
        padded[:rows] = block.codes
        numbers = padded @ self._rotation
        padded.fill(0)  # templates, some of which may be erased before the memory is used again
        edges = np.array([-self._threshold, 0, self._threshold], np.float32)
        level = (numbers > edges[0]).view(np.uint8)
        for edge in edges[1:]:
            level += numbers > edge
        numbers.fill(0)
        pairs = level[:, 0::2] | level[:, 1::2] << 2  # (rows, D / 2), 0 to 15
        apart = pairs.reshape(-1, TOGETHER, self._dimension // 4, 2).transpose(0, 2, 3, 1)
        packed = apart[..., ORDER] | apart[..., ORDER + 16] << 4
        return BlockCodes(np.ascontiguousarray(packed).reshape(len(packed), -1), rows)

    def nearest(self, coded: Sequence[BlockCodes], probes: Vectors, wanted: int) -> tuple[NDArray[np.int64], ...]:
        """(block, row in it) of the best rows by their codes, each (P, wanted), best first.

        Args: coded: with `wanted` rows at least between them; probes: (P, D) float32.
        """
        index = faiss.IndexIVFPQFastScan(
            faiss.IndexFlatIP(self._dimension), self._dimension, 1, self._dimension // 2, 4, faiss.METRIC_INNER_PRODUCT
        )
        index.by_residual = False
        faiss.copy_array_to_vector(self._centroids, index.pq.centroids)
        turned = np.ascontiguousarray(probes @ self._rotation)
        addresses = [each.address for each in coded]
        _, labels = scan_lists(index, addresses, turned, wanted, store_pairs=False)
        serials = np.array([each.serial for each in coded])
        order = np.argsort(serials)
        return order[np.searchsorted(serials, labels >> PLACES, sorter=order)], labels & ((1 << PLACES) - 1)


@cache
def code_book(dimension: int) -> CodeBook:
    """The one code book of a dimension. Raises: ValueError: the dimension is no multiple of 4."""
    return CodeBook(dimension)
