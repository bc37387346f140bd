"""The scan of blocks for many probes at once, as products of matrices: about a quarter of the time of one by one.

Half precision is widened a few thousand rows at a time into a scratch that stays in the cache, and multiplied there
with all probes. FAISS's own scan of half precision gains nothing from a batch: it decodes each row for each probe.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from countenance.index.block import Block
from countenance.types import Vectors

SCRATCH_ROWS: Final = 2_048  # 1 MB at 128-d, about what a core has of its own
HEAP: Final = 16  # rows of which only the best is looked at for a first guess of what is good enough
PROBES_AT_ONCE: Final = 64  # more gain nothing
# OpenBLAS starts threads for products of more than 65,536 x GEMM_MULTITHREAD_THRESHOLD (4) multiplications
# (interface/gemm.c). Below it stays in the thread that called, and is as fast: 107 GFLOP/s here, 96 for one product.
ONE_THREAD: Final = 262_144
# The bits of a half, moved to where a float has its exponent and mantissa, are that half times 2**-112: the difference
# of the biases, 127 and 15. So the probes are multiplied by 2**112. Three passes over integers, a ninth of the time
# of numpy's astype; exact, also for subnormal halves. (Unit rows hold no infinity and no NaN.)
REBIAS: Final = np.float32(2.0**112)
MANTISSA_SHIFT: Final = 13  # 23 bits of mantissa less 10
SIGN_AND_MAGNITUDE: Final = np.int32(-0x70002000)  # 0x8FFFE000: without the copies of the sign bit that shifting left


def nearest_of_many(
    blocks: Sequence[Block], probes: Vectors, wanted: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """As `block.nearest`, for at most PROBES_AT_ONCE probes."""
    best = _Best(len(probes), wanted)
    scaled = np.ascontiguousarray((probes * REBIAS).T)
    for first, scores in _products(blocks, scaled):
        best.offer(first, scores)
    return best.result()


def _products(blocks: Sequence[Block], probes: NDArray[np.float32]) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """(number of the first row, (rows, P) float32 scores until the next step) of all rows, in order.

    Args: probes: (D, P) float32, contiguous, times REBIAS.
    """
    dimension, count = probes.shape
    total = sum(block.count for block in blocks)
    tile = max(1, ONE_THREAD // (dimension * count))  # rows in one product
    tiles = max(1, min(SCRATCH_ROWS, total) // tile)
    scratch = np.zeros((tiles * tile, dimension), np.int32)
    scores = np.empty((tiles * tile, count), np.float32)
    try:
        first = 0
        for rows in _filled(blocks, scratch):
            np.left_shift(scratch[:rows], MANTISSA_SHIFT, out=scratch[:rows])
            np.bitwise_and(scratch[:rows], SIGN_AND_MAGNITUDE, out=scratch[:rows])
            full = -(-rows // tile)  # the last one's end may be rows of before, whose scores nobody reads
            np.matmul(
                scratch[: full * tile].view(np.float32).reshape(full, tile, dimension),
                probes,
                out=scores[: full * tile].reshape(full, tile, count),
            )
            yield first, scores[:rows]
            first += rows
    finally:
        scratch.fill(0)  # templates, some of which may be erased before the memory is used again


def _filled(blocks: Sequence[Block], scratch: NDArray[np.int32]) -> Iterator[int]:
    """How many rows of `scratch` now hold the bits of the next rows, until no row is left."""
    rows = 0
    for block in blocks:
        bits, start = block.codes.view(np.int16), 0
        while start < len(bits):
            end = min(len(bits), start + len(scratch) - rows)
            np.copyto(scratch[rows : rows + end - start], bits[start:end])
            rows, start = rows + end - start, end
            if rows == len(scratch):
                yield rows
                rows = 0
    if rows:
        yield rows


class _Best:
    """The best `wanted` of the scores that were offered, for each probe."""

    def __init__(self, probes: int, wanted: int) -> None:
        self._wanted = wanted
        self._limit = max(8_192, 4 * probes * wanted)  # candidates held before they are cut down again
        self._floor = np.full(probes, -np.inf, np.float32)  # what is below it is not among the best
        self._probe = np.zeros(0, np.int64)
        self._row = np.zeros(0, np.int64)
        self._score = np.zeros(0, np.float32)
        self._new: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]] = []
        self._held = 0

    def offer(self, first: int, scores: NDArray[np.float32]) -> None:
        """The (rows, P) scores of the rows from number `first` on."""
        if first == 0 and len(scores) >= self._wanted:
            self._floor = _floor_of(scores, self._wanted)
        at = np.flatnonzero(scores >= self._floor)
        if len(at):
            row, probe = np.divmod(at, scores.shape[1])
            self._new.append((probe, first + row, scores.ravel()[at]))
            self._held += len(at)
            if self._held > self._limit:
                self._cut()

    def result(self) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Scores and rows, each (P, wanted), best first. At least `wanted` rows must have been offered."""
        self._cut()
        shape = (len(self._floor), self._wanted)
        return self._score.reshape(shape), self._row.reshape(shape)

    def _cut(self) -> None:
        """At most `wanted` candidates of each probe are left, in order of probe, best first."""
        probe, row, score = (
            np.concatenate(parts) for parts in zip((self._probe, self._row, self._score), *self._new, strict=True)
        )
        order = np.argsort(-score)
        order = order[np.argsort(probe[order].astype(np.uint16), kind="stable")]  # of small integers: by radix, fast
        probe = probe[order]
        counts = np.bincount(probe, minlength=len(self._floor))
        rank = np.arange(len(probe)) - np.repeat(np.cumsum(counts) - counts, counts)
        kept = order[rank < self._wanted]
        self._probe, self._row, self._score = probe[rank < self._wanted], row[kept], score[kept]
        last = rank == self._wanted - 1
        self._floor[probe[last]] = score[order[last]]
        self._new, self._held = [], len(kept)


def _floor_of(scores: NDArray[np.float32], wanted: int) -> NDArray[np.float32]:
    """(P,) what at least `wanted` of the (rows, P) scores reach, at least as many as there are.

    The rows are cut into heaps; if `wanted` heaps have a best score that reaches it, so many rows do. To find that is
    a tenth of the work of finding the very score, and lets few more candidates through.
    """
    heaps = len(scores) // HEAP
    if heaps >= wanted:
        scores = scores[: heaps * HEAP].reshape(HEAP, heaps, -1).max(axis=0)
    place = len(scores) - wanted
    floor: NDArray[np.float32] = np.partition(scores, place, axis=0)[place]
    return floor
