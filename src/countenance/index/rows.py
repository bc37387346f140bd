"""The rows of one policy class, together in memory, in blocks.

A row is a face id (int64) and its template as IEEE 754 half precision. Rows never move when others are added (a block
has at most 4,096), and what is removed, or moved within its class, is overwritten with zeros where it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from countenance.index.block import Block
from countenance.types import FaceId

BLOCK_ROWS: Final = 4_096  # 1 MB at 128-d: what one change may copy, and enough that a scan does not feel the seams
GROWTH: Final = 1.25  # doubling would hold up to half of the memory for nothing, and a face has 400 bytes in all
SMALLEST: Final = 4  # rows; a class of one face is common where each grant is a person's consent


class ClassRows:
    """Blocks of rows, in no order; all are full but the last. Its owner keeps threads apart."""

    __slots__ = ("_dimension", "_highest", "blocks")

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension
        self._highest = np.iinfo(np.int64).min  # no face id above it was ever here
        self.blocks: list[Block] = []

    def __len__(self) -> int:
        """Rows."""
        return (len(self.blocks) - 1) * BLOCK_ROWS + self.blocks[-1].count if self.blocks else 0

    def put(self, faces: NDArray[np.int64], codes: NDArray[np.float16]) -> None:
        """The rows are here; a row of the same face is replaced. `faces` holds no id twice."""
        if not len(faces):
            return
        if self.blocks and faces.min() <= self._highest:  # else all are new, as ids from a sequence mostly are
            self.drop(np.sort(faces).tolist())
        start = 0
        while start < len(faces):
            last = self._with_room(len(faces) - start)
            end = min(len(faces), start + last.capacity - last.count)
            last.append(faces[start:end], codes[start:end])
            start = end
        self._highest = max(self._highest, int(faces.max()))

    def drop(self, faces: Sequence[FaceId]) -> None:
        """No row of these faces is here, and their bytes are zeros. In order of id; unknown ones are ignored."""
        thinned = [block for block in self.blocks if block.may_hold(faces)]
        if not thinned:
            return
        ids = np.array(faces, np.int64)
        for block in thinned:
            block.drop(ids)
        self.blocks = [block for block in self.blocks if block.count]
        for block in thinned:
            if block.count:  # else it is no longer among the blocks, or about to leave them
                self._refill(block)
        while self.blocks and not self.blocks[-1].count:
            self.blocks.pop()
        if self.blocks and self.blocks[-1].count * GROWTH * 2 < self.blocks[-1].capacity:
            self._replace_last(self.blocks[-1].count)

    def _refill(self, block: Block) -> None:
        """The block is full, with rows that were the last ones; unless it is itself the last that has any."""
        while block.count < BLOCK_ROWS and (last := self.blocks[-1]) is not block:
            if last.count:
                last.give(block, min(BLOCK_ROWS - block.count, last.count))
            else:
                self.blocks.pop()

    def _with_room(self, more: int) -> Block:
        """The last block, with room for one row at least and for `more` if a block can hold them."""
        if not self.blocks or self.blocks[-1].count == BLOCK_ROWS:
            self.blocks.append(Block(self._dimension, min(BLOCK_ROWS, max(SMALLEST, more))))
        last = self.blocks[-1]
        if last.capacity < BLOCK_ROWS and last.count + more > last.capacity:
            self._replace_last(min(BLOCK_ROWS, max(last.count + more, int(last.capacity * GROWTH) + 1)))
        return self.blocks[-1]

    def _replace_last(self, capacity: int) -> None:
        """The last block's rows stand in a new one of `capacity` rows, and are zeros where they were."""
        old = self.blocks[-1]
        new = Block(self._dimension, max(SMALLEST, capacity))
        old.give(new, old.count)
        self.blocks[-1] = new
