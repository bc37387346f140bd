"""1:N: whom a search through one picture of each person finds, and how often it finds a stranger.

Enrolled is the first picture of each person. A *mated* search is one with any other picture of an enrolled person. A
*non-mated* search is one with any picture, its own person left out of the gallery: so every picture can stand for a
stranger, and nobody has to be kept back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from countenance.calibrate.histogram import BINS, Histogram, bin_of
from countenance.calibrate.interval import MeasuredRate, clustered
from countenance.calibrate.tally import bins_of
from countenance.types import Vectors

RANK: Final = 10  # leads that a search shows by default; a mate below them is missed
PROBES: Final = 1024  # in memory at once, with their scores


@dataclass(frozen=True, slots=True, eq=False)
class SearchOutcomes:
    """The outcome of every search, in bins of a thousandth. M mated, N non-mated searches, P people."""

    enrolled: int
    persons: int  # P, those without an enrolled picture included
    mated: NDArray[np.int64]  # (M,) whom each mated search looks for
    mate: NDArray[np.int64]  # (M,) the bin of the mate's score
    rank: NDArray[np.int64]  # (M,) the mate's place from 1 on; a tie counts against it
    strangers: NDArray[np.int64]  # (N,) who searches for themselves in vain
    best: NDArray[np.int64]  # (N,) the bin of the best other person's score

    def rank_rate(self, rank: int, lost: NDArray[np.int64] | None = None) -> MeasuredRate:
        """How often the mate is not among the first `rank`. `lost` (P,): searches that could not be made."""
        return self._missed(self.rank > rank, lost)

    def fnir(self, threshold: float, lost: NDArray[np.int64] | None = None) -> MeasuredRate:
        """How often the mate is below the threshold, or not among the first RANK."""
        return self._missed((self.mate < bin_of(threshold)) | (self.rank > RANK), lost)

    def fpir(self, threshold: float) -> MeasuredRate:
        """How often a stranger reaches the threshold."""
        trials = np.bincount(self.strangers, minlength=self.persons)
        return clustered(np.bincount(self.strangers[self.best >= bin_of(threshold)], minlength=self.persons), trials)

    def threshold(self, searches: int) -> float:
        """The lowest score at which at most so many non-mated searches find somebody."""
        return Histogram.of(self.best / BINS).lowest_with_at_most(searches)

    def _missed(self, missed: NDArray[np.bool_], lost: NDArray[np.int64] | None) -> MeasuredRate:
        more = np.zeros(self.persons, np.int64) if lost is None else lost
        errors = np.bincount(self.mated[missed], minlength=self.persons)
        return clustered(errors + more, np.bincount(self.mated, minlength=self.persons) + more)


def search_all(vectors: Vectors, people: NDArray[np.int64], persons: int) -> SearchOutcomes:
    """Every search through one enrolled picture a person, of (N, D) rows; at least two people have one."""
    enrolled_people, enrolled = np.unique(people, return_index=True)
    column = np.zeros(persons, np.int64)
    column[enrolled_people] = np.arange(len(enrolled))
    gallery = vectors[enrolled].T
    probe = np.ones(len(people), bool)
    probe[enrolled] = False
    best, mates, ranks = [], [], []
    for start in range(0, len(people), PROBES):
        rows = np.arange(start, min(start + PROBES, len(people)))
        scores = vectors[rows] @ gallery
        own = (np.arange(len(rows)), column[people[rows]])
        mate = scores[own]
        scores[own] = -2.0
        best.append(bins_of(scores.max(axis=1)))
        mated = probe[rows]
        mates.append(bins_of(mate[mated]))
        ranks.append(1 + (scores[mated] >= mate[mated][:, None]).sum(axis=1))
    return SearchOutcomes(
        enrolled=len(enrolled),
        persons=persons,
        mated=people[probe],
        mate=np.concatenate(mates),
        rank=np.concatenate(ranks),
        strangers=people,
        best=np.concatenate(best),
    )
