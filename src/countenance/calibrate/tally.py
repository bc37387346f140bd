"""Counting over pairs: histograms of their scores, and who falsely reaches or misses a threshold how often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from countenance.calibrate.histogram import BINS, Histogram, bin_of
from countenance.calibrate.interval import MeasuredRate, clustered, dyadic
from countenance.calibrate.pairs import ImpostorTrials, Labels, Pairs


@dataclass(frozen=True, slots=True)
class Distributions:
    """The scores of all pairs; either may be empty."""

    genuine: Histogram
    impostor: Histogram


def distributions(pairs: Pairs) -> Distributions:
    """The histograms of genuine and impostor scores."""
    counts = np.zeros((2, 2 * BINS + 1), np.int64)  # impostor, genuine
    for tile in pairs.tiles():
        for block in tile:
            same = pairs.people[block.first] == pairs.people[block.second]
            bins = bins_of(block.score) + BINS
            counts[1] += np.bincount(bins[same], minlength=2 * BINS + 1)
            counts[0] += np.bincount(bins[~same], minlength=2 * BINS + 1)
    return Distributions(genuine=Histogram.counted(-BINS, counts[1]), impostor=Histogram.counted(-BINS, counts[0]))


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Errors at T thresholds under one grouping of L labels: C = L (L + 1) / 2 cells, a cell a pair of labels."""

    labels: Labels
    trials: ImpostorTrials  # impostors
    hits: NDArray[np.int64]  # (T, C, P) impostor pairs that reach a threshold, of which each person is one side
    squares: NDArray[np.float64]  # (T, C) sum over pairs of people of their hits, squared
    products: NDArray[np.float64]  # (T, C) sum over pairs of people of their hits times their trials
    genuine: NDArray[np.int64]  # (C, P) genuine pairs
    misses: NDArray[np.int64]  # (T, C, P) genuine pairs below a threshold

    def fmr(self, threshold: int, cell: int) -> MeasuredRate:
        """False matches at the threshold of that number, in that cell."""
        return dyadic(
            self.hits[threshold, cell],
            self.trials.persons[cell],
            squares=float(self.squares[threshold, cell]),
            products=float(self.products[threshold, cell]),
            trial_squares=float(self.trials.squares[cell]),
        )

    def fnmr(self, threshold: int, cell: int, lost: NDArray[np.int64] | None = None) -> MeasuredRate:
        """False non-matches there; `lost` (P,): genuine pairs that could not be compared, and count as missed."""
        more = np.zeros(self.genuine.shape[1], np.int64) if lost is None else lost
        return clustered(self.misses[threshold, cell] + more, self.genuine[cell] + more)


def tally(pairs: Pairs, thresholds: Sequence[float], groupings: Sequence[Labels]) -> tuple[Tally, ...]:
    """The errors at each threshold (scores) under each grouping, in one pass over the pairs."""
    cuts = np.array([bin_of(threshold) for threshold in thresholds], np.int64)
    counters = [_Counter(labels, pairs, cuts) for labels in groupings]
    for tile in pairs.tiles():
        reached = [_NOTHING]
        for block in tile:
            bins = bins_of(block.score)
            same = pairs.people[block.first] == pairs.people[block.second]
            for counter in counters:
                counter.add_genuine(block.first[same], block.second[same], bins[same])
            high = ~same & (bins >= cuts.min(initial=2 * BINS))
            reached.append((block.first[high], block.second[high], bins[high]))
        whole = [np.concatenate(parts) for parts in zip(*reached, strict=True)]
        for counter in counters:
            counter.add_impostors(*whole)
    return tuple(counter.done() for counter in counters)


def bins_of(scores: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
    """The bin of each score, kept within those of -1 and 1: a float32 product may lie a hair beyond."""
    bins: NDArray[np.int64] = np.clip(np.rint(scores.astype(np.float64) * BINS), -BINS, BINS).astype(np.int64)
    return bins


_NOTHING = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64))


class _Counter:
    def __init__(self, labels: Labels, pairs: Pairs, cuts: NDArray[np.int64]) -> None:
        self._labels, self._people, self._cuts, self._cells = labels, pairs.people, cuts, labels.cells
        self._trials, self._persons = pairs.trials(labels), pairs.persons
        shape = self._trials.persons.shape
        self._genuine = np.zeros(shape, np.int64)
        self._misses, self._hits = (np.zeros((len(cuts), *shape), np.int64) for _ in "ab")
        self._squares, self._products = (np.zeros((len(cuts), len(self._trials.squares))) for _ in "ab")

    def add_genuine(self, first: NDArray[np.int64], second: NDArray[np.int64], bins: NDArray[np.int64]) -> None:
        cell, p, _, bins = self._labelled(first, second, bins)
        np.add.at(self._genuine, (cell, p), 1)
        for number, cut in enumerate(self._cuts):
            np.add.at(self._misses[number], (cell[bins < cut], p[bins < cut]), 1)

    def add_impostors(self, first: NDArray[np.int64], second: NDArray[np.int64], bins: NDArray[np.int64]) -> None:
        """A tile's."""
        cell, p, q, bins = self._labelled(first, second, bins)
        persons = self._persons
        key = (cell * persons + np.minimum(p, q)) * persons + np.maximum(p, q)
        for number, cut in enumerate(self._cuts):
            take = bins >= cut
            np.add.at(self._hits[number], (cell[take], p[take]), 1)
            np.add.at(self._hits[number], (cell[take], q[take]), 1)
            pairs, counts = np.unique(key[take], return_counts=True)
            cells, people = np.divmod(pairs, persons * persons)
            trials = self._trials.of(cells, *np.divmod(people, persons))
            np.add.at(self._squares[number], cells, counts.astype(np.float64) ** 2)
            np.add.at(self._products[number], cells, counts * trials)

    def done(self) -> Tally:
        return Tally(self._labels, self._trials, self._hits, self._squares, self._products, self._genuine, self._misses)

    def _labelled(
        self, first: NDArray[np.int64], second: NDArray[np.int64], bins: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """(cell, person, person, bin) of the pairs of which both sides have a label."""
        g, h = self._labels.codes[first], self._labels.codes[second]
        take = (g >= 0) & (h >= 0)
        return self._cells[g[take], h[take]], self._people[first[take]], self._people[second[take]], bins[take]
