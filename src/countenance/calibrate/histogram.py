"""How many scores lie at or above a score, in bins of a thousandth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

BIN = 0.001  # scores leave rounded to three decimals (DESIGN.md section 2), so finer bins would show nothing


def bin_of(score: float) -> int:
    """The bin that holds `score`: floor(score / BIN), where a score written with three decimals opens its own bin."""
    return math.floor(round(score / BIN, 6))


@dataclass(frozen=True)
class Histogram:
    """Counts of scores. Bin i of `counts` holds first_bin + i <= score / BIN < first_bin + i + 1."""

    first_bin: int
    counts: tuple[int, ...]

    @classmethod
    def of(cls, scores: NDArray[np.floating[Any]]) -> Histogram:
        """The histogram of (N,) scores in [-1, 1], N >= 1."""
        bins = np.floor(np.round(scores.astype(np.float64) / BIN, 6)).astype(np.int64)
        first = int(bins.min())
        return cls(first, tuple(int(count) for count in np.bincount(bins - first)))

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
        return round((self.first_bin + place) * BIN, 3)

    @cached_property
    def _at_or_above(self) -> NDArray[np.int64]:
        """(bins + 1,) counts from each bin to the end, falling to 0."""
        return np.append(np.cumsum(np.array(self.counts, np.int64)[::-1])[::-1], 0)
