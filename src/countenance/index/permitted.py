"""The exact scan of what a permit names.

A scan in float32 finds a few more candidates than were asked for, and float64 orders them. So an answer is the same to
the last bit whether its probe came alone or among others, and copies of one picture tie exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from countenance.index.batch import nearest_of_many
from countenance.index.block import Block, nearest
from countenance.index.rows import ClassRows
from countenance.types import ClassId, FaceId, Hit, Vectors

SPARE: Final = 8  # candidates more than asked for: enough unless more rows than that tie
BATCH: Final = 8  # probes from which on products of matrices are faster; measured at a million rows
ORDERED_ROWS: Final = 4_096  # put in order at once: 4 MB at 128-d


class Permitted:
    """Some blocks, each with the class that it belongs to, while nothing changes."""

    def __init__(self, blocks: Sequence[Block], owners: Sequence[ClassId]) -> None:
        self.blocks = blocks
        self.owners = owners
        counts = np.array([block.count for block in blocks], np.int64)
        self._ends = np.cumsum(counts)
        self._starts = self._ends - counts

    @classmethod
    def of(cls, classes: Mapping[ClassId, ClassRows], permitted: Iterable[ClassId]) -> Permitted:
        """The blocks of the permitted classes."""
        held = [class_id for class_id in sorted(permitted) if class_id in classes]  # as they stand in memory, mostly
        blocks = [block for class_id in held for block in classes[class_id].blocks]
        return cls(blocks, [class_id for class_id in held for _ in classes[class_id].blocks])

    def __len__(self) -> int:
        """Rows."""
        return int(self._ends[-1]) if self.blocks else 0

    def best(self, probes: Vectors, top: int) -> list[list[Hit]]:
        """For each of at most PROBES_AT_ONCE probes the best `top` rows, exactly."""
        total = len(self)
        if not total:
            return [[] for _ in probes]
        # Each of two float32 sums of D products is off by less than D units in the last place.
        margin = 2 * probes.shape[1] * float(np.finfo(np.float32).eps)
        answers: list[list[Hit]] = [[] for _ in probes]
        open_probes, wanted = np.arange(len(probes)), min(top + SPARE, total)
        while len(open_probes):
            asked = np.ascontiguousarray(probes[open_probes])
            scan = nearest_of_many if len(asked) >= BATCH else nearest
            scores, rows = scan(self.blocks, asked, wanted)
            # Behind the last candidate there is none that could belong to the best: else more are asked for.
            settled = scores[:, -1] < scores[:, min(top, wanted) - 1] - margin
            settled |= wanted == total
            done = np.flatnonzero(settled)
            for at, hits in zip(open_probes[done], self.ordered(asked[done], rows[done], top), strict=True):
                answers[at] = hits
            open_probes, wanted = open_probes[~settled], min(2 * wanted, total)
        return answers

    def rows(self, blocks: NDArray[np.int64], places: NDArray[np.int64]) -> NDArray[np.int64]:
        """The numbers of rows that are given by block and place in it."""
        numbers: NDArray[np.int64] = self._starts[blocks] + places
        return numbers

    def place(self, row: int) -> tuple[FaceId, ClassId]:
        """The face and the class of a row."""
        holder = int(np.searchsorted(self._ends, row, "right"))
        return int(self.blocks[holder].faces[row - self._ends[holder]]), self.owners[holder]

    def vectors(self, rows: NDArray[np.int64]) -> Vectors:
        """(N, D) float32."""
        holders = np.searchsorted(self._ends, rows, "right")
        codes = [self.blocks[at].codes[row - self._ends[at]] for at, row in zip(holders, rows, strict=True)]
        return np.stack(codes).astype(np.float32)

    def ordered(self, probes: Vectors, rows: NDArray[np.int64], top: int) -> list[list[Hit]]:
        """Of each probe's rows the best `top`, with scores in float64: best first, then lowest face id, then class.

        Args: probes: (P, D); rows: (P, W) numbers, no row twice for one probe.
        """
        together = max(1, ORDERED_ROWS // rows.shape[1])
        return [
            hits
            for start in range(0, len(probes), together)
            for hits in self._ordered(probes[start : start + together], rows[start : start + together], top)
        ]

    def _ordered(self, probes: Vectors, rows: NDArray[np.int64], top: int) -> list[list[Hit]]:
        numbers = rows.ravel()
        holders = np.searchsorted(self._ends, numbers, "right")
        held, places = holders.tolist(), (numbers - self._starts[holders]).tolist()
        found = [self.blocks[each].row(place) for each, place in zip(held, places, strict=True)]
        faces = [int(face) for face, _ in found]
        owners = [self.owners[each] for each in held]
        # In float64 from here on, so that nothing is converted in portions: a row's sum is the same in any company.
        codes = np.concatenate([row for _, row in found], dtype=np.float64)
        scores = np.einsum("pij,pj->pi", codes.reshape(*rows.shape, -1), probes.astype(np.float64))
        codes.fill(0)  # templates, some of which may be erased before the memory is used again
        of_face, of_class = (np.array(each, np.int64).reshape(rows.shape) for each in (faces, owners))
        best = np.lexsort((of_class, of_face, -scores))[:, :top]
        at = best + np.arange(0, len(numbers), rows.shape[1])[:, None]
        return [
            [Hit(faces[i], owners[i], score) for i, score in zip(each, told, strict=True)]
            for each, told in zip(at.tolist(), np.take_along_axis(scores, best, 1).tolist(), strict=True)
        ]


def best_first(hit: Hit) -> tuple[float, FaceId, ClassId]:
    """The order of answers: best score, then lowest face id, then lowest class."""
    return -hit.score, hit.face, hit.class_id
