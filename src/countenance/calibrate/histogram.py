"""How many scores reach a score, in bins of a thousandth."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 1000  # bins in a score of 1


def bin_of(score: float) -> int:
    """The bin of `score`: the nearest thousandth, because scores leave rounded to that (docs/design.md)."""
    return round(score * BINS)


@dataclass(frozen=True)
class Histogram:
    """Counts of scores. `counts[i]` holds the scores that round to (first_bin + i) / BINS. May be empty."""

    first_bin: int
    counts: tuple[int, ...]

    @classmethod
    def of(cls, scores: NDArray[np.floating[Any]]) -> Histogram:
        """The histogram of (N,) scores in [-1, 1], N >= 1."""
        bins = np.rint(scores.astype(np.float64) * BINS).astype(np.int64)
        first = int(bins.min())
        return cls.counted(first, np.bincount(bins - first))

    @classmethod
    def counted(cls, first_bin: int, counts: NDArray[np.int64]) -> Histogram:
        """The histogram of (B,) counts from `first_bin` on, without empty bins at either end."""
        filled = np.flatnonzero(counts)
        if not len(filled):
            return cls(0, ())
        first, last = int(filled[0]), int(filled[-1])
        return cls(first_bin + first, tuple(int(count) for count in counts[first : last + 1]))

    @property
    def total(self) -> int:
        """How many scores there are."""
        return int(self._at_or_above[0])

    def at_or_above(self, score: float) -> int:
        """How many scores lie in the bin of `score` or above it: never fewer than lie at or above `score`."""
        place = min(max(bin_of(score) - self.first_bin, 0), len(self.counts))
        return int(self._at_or_above[place])

    def lowest_with_at_most(self, count: int) -> float:
        """The lowest score, on the grid of bins, which at most `count` scores reach."""
        place = int(np.argmax(self._at_or_above <= count))  # falls to 0 at its end, so there is one
        return (self.first_bin + place) / BINS

    @cached_property
    def _at_or_above(self) -> NDArray[np.int64]:
        """(bins + 1,) counts from each bin to the end, falling to 0."""
        return np.append(np.cumsum(np.array(self.counts, np.int64)[::-1])[::-1], 0)
