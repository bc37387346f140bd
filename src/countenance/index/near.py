"""Which of many 256-bit hashes lie near one another, and the groups that they form. Made on demand; nothing is kept.

Two hashes that differ in at most 31 bits have, of 16 bands of 16 bits, one that differs in at most one bit: else they
would differ in 32. So only hashes that share a band but for one bit are compared, 1 pair in 241 of random ones, and no
pair within 31 bits is missed. Beyond, some are: of pairs that differ in 48 bits at random places, 3 in 100.
Source: multi-index hashing, Norouzi, Punjani and Fleet 2012, doi:10.1109/CVPR.2012.6248043.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

BITS: Final = 256
BANDS: Final = 16
COMPLETE_BITS: Final = 31  # up to here every pair is found
CHUNK: Final = 2**16  # pairs compared at once: 5 MB, which caches hold; eight times as many take a third longer
Hashes: TypeAlias = NDArray[np.uint8]  # (N, 32)
Indices: TypeAlias = NDArray[np.int64]
Pairs: TypeAlias = tuple[Indices, Indices, Indices]  # (n,) each: the smaller row, the larger, the bits that differ


def distance(a: bytes, b: bytes) -> int:
    """The bits in which two hashes of 32 bytes differ."""
    return (int.from_bytes(a) ^ int.from_bytes(b)).bit_count()


def near_pairs(hashes: Hashes, radius: int) -> Iterator[Pairs]:
    """(i, j, bits): arrays of rows i < j that differ in `bits` <= `radius` bits; each pair comes once.

    Args: hashes: (N, 32) uint8, no row twice (equal rows would be a square number of pairs: group them first).
    """
    hashes = np.ascontiguousarray(hashes)
    bands = hashes.view("<u2")
    for band in range(BANDS):
        order = np.argsort(bands[:, band], kind="stable")
        keys = bands[order, band].astype(np.int64)
        starts = np.searchsorted(keys, np.arange(2**16 + 1))
        words = hashes[order].view("<u8")
        halves = np.ascontiguousarray(words[:, :2])
        for left, right in _candidates(keys, starts):
            near = np.flatnonzero(_differing(halves, left, right) <= radius)  # of strangers' 1 in 10^8; at 48 1 in 300
            if not len(near):
                continue
            left, right = left[near], right[near]  # noqa: PLW2901  # the few that are left
            found = words.take(left, axis=0) ^ words.take(right, axis=0)
            counts = np.bitwise_count(found.view("<u2"))  # (n, BANDS)
            bits = counts.sum(axis=1, dtype=np.int64)
            first = (counts <= 1).argmax(axis=1) == band  # an earlier band has given the others
            here = (bits <= radius) & first
            i, j = order[left[here]], order[right[here]]
            yield np.minimum(i, j), np.maximum(i, j), bits[here]


def _candidates(keys: Indices, starts: Indices) -> Iterator[tuple[Indices, Indices]]:
    """Positions (left, right) of rows whose `keys` (sorted) are equal or differ in one bit; each pair once."""
    at = np.arange(len(keys))
    yield from _pairs(at, at + 1, starts[keys + 1])
    for bit in range(BITS // BANDS):
        lower = at[keys & (1 << bit) == 0]
        partners = keys[lower] | (1 << bit)
        yield from _pairs(lower, starts[partners], starts[partners + 1])


def _pairs(at: Indices, first: Indices, end: Indices) -> Iterator[tuple[Indices, Indices]]:
    """Every (at[i], j) with first[i] <= j < end[i], some `CHUNK` at once."""
    counts = end - first
    busy = counts > 0
    at, first, counts = at[busy], first[busy], counts[busy]
    sums = np.cumsum(counts)
    begin = 0
    while begin < len(at):
        before = int(sums[begin - 1]) if begin else 0
        stop = max(begin + 1, int(np.searchsorted(sums, before + CHUNK, side="right")))
        some = counts[begin:stop]
        within = np.arange(int(some.sum())) - np.repeat(np.cumsum(some) - some, some)
        yield np.repeat(at[begin:stop], some), np.repeat(first[begin:stop], some) + within
        begin = stop


def _differing(words: NDArray[np.uint64], left: Indices, right: Indices) -> NDArray[np.uint8]:
    """(n,) the bits in which row left[i] of (N, 2) words differs from row right[i].

    By `take`, and added up by columns: rows[left] and a sum by rows take nine times as long.
    """
    counts = np.bitwise_count(words.take(left, axis=0) ^ words.take(right, axis=0))
    total: NDArray[np.uint8] = counts[:, 0] + counts[:, 1]
    return total


class Groups:
    """Rows joined by pairs, however long the chain between them. A group is known by its first row."""

    def __init__(self, count: int) -> None:
        """Each of `count` rows is alone."""
        self._parent = np.arange(count)  # never larger than the row

    def join(self, left: Indices, right: Indices) -> None:
        """Both rows of each pair are in one group from now on."""
        while len(left):
            a, b = self._roots(left), self._roots(right)
            apart = a != b
            left, right, a, b = left[apart], right[apart], a[apart], b[apart]
            np.minimum.at(self._parent, np.maximum(a, b), np.minimum(a, b))  # of several, the smallest; then again

    def several(self) -> list[list[int]]:
        """The groups of two rows or more, each sorted, by their first row."""
        roots = self._roots(np.arange(len(self._parent)))
        order = np.argsort(roots, kind="stable")
        cuts = np.flatnonzero(np.diff(roots[order])) + 1
        return [rows.tolist() for rows in np.split(order, cuts) if len(rows) > 1]

    def _roots(self, rows: Indices) -> Indices:
        """The first row of each one's group; ways are halved on the way, so that none stays long."""
        parent = self._parent
        while True:
            above = parent[rows]
            top = parent[above]
            if np.array_equal(above, top):
                return above
            parent[rows] = top
            rows = above
