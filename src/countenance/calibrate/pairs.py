"""Pairs of templates with their people, block by block: never all of them in memory.

What holds: rows of one person stand together; each pair of pictures comes once; all pairs of two people come in one
tile, so that what is counted a pair of people is whole when the tile ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from countenance.types import Vectors

TILE: Final = 1024  # rows a side, unless one person has more
BLOCK: Final = 2**20  # pairs in memory at once


class PairBlock(NamedTuple):
    """Some pairs: (K,) rows of their two sides, and their cosines."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    score: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """A grouping of the rows by the user's own labels: `codes` (N,) are places in `names`, -1 for none."""

    attribute: str
    names: tuple[str, ...]
    codes: NDArray[np.int64]

    @property
    def cells(self) -> NDArray[np.int64]:
        """(L, L) the number of each unordered pair of labels: 0, 1, ... along the upper triangle."""
        count = len(self.names)
        table = np.zeros((count, count), np.int64)
        upper = np.triu_indices(count)
        table[upper] = table.T[upper] = np.arange(len(upper[0]))
        return table

    @classmethod
    def none(cls, rows: int) -> Labels:
        """Everybody under one label."""
        return cls("", ("all",), np.zeros(rows, np.int64))


class ImpostorTrials(Protocol):
    """How many impostor pairs there are, by cell (pair of labels) and person."""

    persons: NDArray[np.int64]  # (C, P) pairs in which each person is one side
    squares: NDArray[np.float64]  # (C,) sum over pairs of people of their pairs of pictures, squared

    def of(self, cell: NDArray[np.int64], p: NDArray[np.int64], q: NDArray[np.int64]) -> NDArray[np.float64]:
        """(K,) pairs of pictures of these people in these cells."""


class Pairs(Protocol):
    """What can be measured 1:1."""

    @property
    def people(self) -> NDArray[np.int64]:
        """(N,) the number of each row's person, from 0."""

    @property
    def persons(self) -> int:
        """How many people there are, those without a row included."""

    def tiles(self) -> Iterator[Iterator[PairBlock]]:
        """Every pair once; a tile's blocks are to be read before the next tile."""

    def trials(self, labels: Labels) -> ImpostorTrials:
        """The impostor pairs of which both sides are labelled."""


# --- every pair ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, eq=False)
class EveryPair:
    """All pairs of (N, D) unit rows. Raises: ValueError: a person's rows do not stand together."""

    vectors: Vectors
    people: NDArray[np.int64]  # (N,) rising
    persons: int

    def __post_init__(self) -> None:
        if (np.diff(self.people) < 0).any():
            raise ValueError("the rows of a person must stand together, people in rising order")

    def tiles(self) -> Iterator[Iterator[PairBlock]]:
        """Every pair once."""
        ranges = self._ranges()
        for place, a in enumerate(ranges):
            for b in ranges[place:]:
                yield self._blocks(a, b)

    def trials(self, labels: Labels) -> ImpostorTrials:
        """By closed form."""
        counts = np.zeros((self.persons, len(labels.names)), np.int64)
        known = labels.codes >= 0
        np.add.at(counts, (self.people[known], labels.codes[known]), 1)
        return _EveryTrial(counts)

    def _ranges(self) -> list[tuple[int, int]]:
        """Rows cut into runs of whole people, of TILE rows or one person."""
        ends = np.append(np.flatnonzero(np.diff(self.people)) + 1, len(self.people))
        found, start, last = [], 0, 0
        for end in map(int, ends):
            if end - start > TILE and last > start:
                found.append((start, last))
                start = last
            last = end
        if last > start:
            found.append((start, last))
        return found

    def _blocks(self, a: tuple[int, int], b: tuple[int, int]) -> Iterator[PairBlock]:
        step = max(1, BLOCK // (b[1] - b[0]))
        for start in range(*a, step):
            stop = min(start + step, a[1])
            cosines = self.vectors[start:stop] @ self.vectors[b[0] : b[1]].T
            if a == b:
                rows, columns = np.nonzero(np.arange(start, stop)[:, None] < np.arange(*b)[None])
                yield PairBlock(rows + start, columns + b[0], cosines[rows, columns])
            else:
                rows, columns = np.divmod(np.arange(cosines.size), b[1] - b[0])
                yield PairBlock(rows + start, columns + b[0], cosines.ravel())


class _EveryTrial:
    """The numbers of all pairs of pictures of two people; `counts` is (P, L), each person's pictures by label."""

    def __init__(self, counts: NDArray[np.int64]) -> None:
        self._counts = counts
        self._sides = np.triu_indices(counts.shape[1])
        of_label = counts.sum(axis=0)
        products = (counts.T @ counts).astype(np.float64)  # (L, L) sum over people of their pictures under both labels
        persons, squares = [], []
        for g, h in zip(*self._sides, strict=True):
            if g == h:
                mine = counts[:, g]
                persons.append(mine * (of_label[g] - mine))
                squares.append((products[g, g] ** 2 - float((mine.astype(np.float64) ** 4).sum())) / 2)
            else:
                one, other = counts[:, g], counts[:, h]
                persons.append(one * (of_label[h] - other) + other * (of_label[g] - one))
                alone = float(((2.0 * one * other) ** 2).sum())
                squares.append((2 * products[g, g] * products[h, h] + 2 * products[g, h] ** 2 - alone) / 2)
        self.persons = np.stack(persons)
        self.squares = np.array(squares)

    def of(self, cell: NDArray[np.int64], p: NDArray[np.int64], q: NDArray[np.int64]) -> NDArray[np.float64]:
        g, h = self._sides[0][cell], self._sides[1][cell]
        n = self._counts
        straight, crossed = n[p, g] * n[q, h], n[p, h] * n[q, g]
        return (straight + np.where(g == h, 0, crossed)).astype(np.float64)


# --- listed pairs ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, eq=False)
class GivenPairs:
    """The pairs of a list: rows (K,) of either side. A pair is genuine where both rows are of one person."""

    vectors: Vectors
    people: NDArray[np.int64]  # (N,)
    persons: int
    first: NDArray[np.int64]
    second: NDArray[np.int64]

    def tiles(self) -> Iterator[Iterator[PairBlock]]:
        """One tile: a list of pairs fits."""
        yield self._blocks()

    def trials(self, labels: Labels) -> ImpostorTrials:
        """By counting."""
        p, q = self.people[self.first], self.people[self.second]
        g, h = labels.codes[self.first], labels.codes[self.second]
        take = (p != q) & (g >= 0) & (h >= 0)
        cell = labels.cells[g[take], h[take]]
        return _GivenTrial(cell, p[take], q[take], self.persons, len(labels.names))

    def _blocks(self) -> Iterator[PairBlock]:
        for start in range(0, len(self.first), BLOCK // 16):
            a, b = self.first[start : start + BLOCK // 16], self.second[start : start + BLOCK // 16]
            yield PairBlock(a, b, np.einsum("ij,ij->i", self.vectors[a], self.vectors[b]))


class _GivenTrial:
    """The numbers of listed pairs of two people."""

    def __init__(
        self, cell: NDArray[np.int64], p: NDArray[np.int64], q: NDArray[np.int64], persons: int, labels: int
    ) -> None:
        cells = labels * (labels + 1) // 2
        self._persons = persons
        self.persons = np.zeros((cells, persons), np.int64)
        np.add.at(self.persons, (cell, p), 1)
        np.add.at(self.persons, (cell, q), 1)
        self._keys, self._counts = np.unique(self._key(cell, p, q), return_counts=True)
        self.squares = np.zeros(cells)
        np.add.at(self.squares, self._keys // (persons * persons), self._counts.astype(np.float64) ** 2)

    def of(self, cell: NDArray[np.int64], p: NDArray[np.int64], q: NDArray[np.int64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = self._counts[np.searchsorted(self._keys, self._key(cell, p, q))].astype(np.float64)
        return found

    def _key(self, cell: NDArray[np.int64], p: NDArray[np.int64], q: NDArray[np.int64]) -> NDArray[np.int64]:
        key: NDArray[np.int64] = (cell * self._persons + np.minimum(p, q)) * self._persons + np.maximum(p, q)
        return key
