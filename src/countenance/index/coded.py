"""The approximate VectorIndex: codes say which rows to look at, the rows themselves say how near they are.

Past some millions of faces a long-lived process may trade a few of the leads far down a list for a quarter of the time.
It keeps what FlatIndex keeps, and beside it the codes of each block of 256 rows or more. Codes lie by block, so they
are scanned within the permitted classes and nowhere else; smaller blocks are scanned exactly.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, cast

import numpy as np

from countenance.index.batch import PROBES_AT_ONCE
from countenance.index.codes import BlockCodes, code_book
from countenance.index.flat import FlatIndex
from countenance.index.permitted import Permitted, best_first
from countenance.index.rows import ClassRows
from countenance.types import ClassId, EmbeddingSpace, Hit, Recall, Vectors

CODED_ROWS: Final = 256  # in a smaller block the rows are scanned as fast as their codes
CANDIDATES: Final = 300  # rows looked at, at the least; measured at 1 M: 100 find 95 % of the best ten, 300 find 99 %
CANDIDATES_PER_LEAD: Final = 12
SAMPLE: Final = 64  # rows whose neighbours measure the recall
RECALL_AT: Final = 10
CHANGED: Final = 1.25  # times as many rows, or as few, as when the recall was measured: it is measured again


class CodedIndex(FlatIndex):
    """A VectorIndex in memory whose answers may lack a row. A change codes the blocks that it touched, 10 ms each."""

    exact = False

    def __init__(self, space: EmbeddingSpace, held: dict[ClassId, ClassRows] | None = None) -> None:
        """`held`: the rows that it begins with. Raises: ValueError: templates of this dimension can't be coded."""
        super().__init__(space)
        self._classes = held or {}
        self._book = code_book(space.dimension)
        self._recall: Recall | None = None
        self._changed(self._classes)

    @classmethod
    def over(cls, index: FlatIndex) -> CodedIndex:
        """The same rows, now coded: 1 s a million. `index` must not be used any more."""
        return cls(index.space, index.handed_over())

    @property
    def recall(self) -> Recall:
        """Measured when first asked for, and again when the gallery has grown or shrunk by a quarter."""
        rows = len(self)
        known = self._recall
        if known is None or not rows / CHANGED <= known.rows <= rows * CHANGED:
            with self._lock.reading():
                known = self._recall = self._measured()
        return known

    def _measured(self) -> Recall:
        every = Permitted.of(self._classes, self._classes)
        total = len(every)
        if not total:
            return Recall(1.0, 0, 0)
        chosen = np.unique(np.linspace(0, total - 1, SAMPLE).astype(np.int64))
        probes = every.vectors(chosen)
        asked = min(RECALL_AT + 1, total)
        shares = []
        for start in range(0, len(probes), PROBES_AT_ONCE):
            some = probes[start : start + PROBES_AT_ONCE]
            for row, exact, found in zip(
                chosen[start:], every.best(some, asked), self._best(every, some, asked), strict=False
            ):
                itself = every.place(int(row))
                wanted = [(hit.face, hit.class_id) for hit in exact if (hit.face, hit.class_id) != itself][:RECALL_AT]
                got = {(hit.face, hit.class_id) for hit in found}
                shares.append(sum(each in got for each in wanted) / len(wanted) if wanted else 1.0)
        probes.fill(0)
        return Recall(float(np.mean(shares)), len(chosen), total)

    def _changed(self, classes: Iterable[ClassId]) -> None:
        for class_id in classes:
            for block in self._classes[class_id].blocks if class_id in self._classes else ():
                if block.coded is None and block.count >= CODED_ROWS:
                    block.coded = self._book.coded(block)

    def _best(self, permitted: Permitted, probes: Vectors, top: int) -> list[list[Hit]]:
        pairs = list(zip(permitted.blocks, permitted.owners, strict=True))
        in_full = [(block, owner) for block, owner in pairs if block.coded is None]
        rest = Permitted([block for block, _ in in_full], [owner for _, owner in in_full])
        answers = rest.best(probes, top)
        in_short = [(block, owner) for block, owner in pairs if block.coded is not None]
        if in_short:
            short = Permitted([block for block, _ in in_short], [owner for _, owner in in_short])
            wanted = min(max(CANDIDATES, CANDIDATES_PER_LEAD * top), len(short))
            codes = [cast("BlockCodes", block.coded) for block, _ in in_short]
            blocks, places = self._book.nearest(codes, probes, wanted)
            for at, ranked in enumerate(short.ordered(probes, short.rows(blocks, places), top)):
                answers[at] = sorted([*answers[at], *ranked], key=best_first)[:top]
        return answers
