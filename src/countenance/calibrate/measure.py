"""A calibration measured from templates of known people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from countenance.calibrate.tail import START_RATE, ExponentialTail, fit_tail
from countenance.errors import WrongUse
from countenance.types import Vectors

REPLICATES = 500
MIN_IMPOSTORS = 100_000  # so that at least 100 lie in the tail that is fitted
SEED = 20260101


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Every pair of templates once. `first` and `second` are the numbers of the two people of each impostor pair."""

    genuine: NDArray[np.float32]  # (G,) cosines of two pictures of one person
    impostor: NDArray[np.float32]  # (I,) cosines of pictures of two people
    first: NDArray[np.int64]  # (I,)
    second: NDArray[np.int64]  # (I,)


def score_pairs(vectors: Vectors, people: NDArray[np.int64]) -> Scores:
    """The scores of all pairs of (N, D) unit rows; `people` is (N,), the number of each row's person from 0 on."""
    upper = np.triu_indices(len(vectors), 1)
    cosines = (vectors @ vectors.T)[upper]
    first, second = people[upper[0]], people[upper[1]]
    same = first == second
    return Scores(cosines[same], cosines[~same], first[~same], second[~same])


def tails(scores: Scores, people: NDArray[np.int64]) -> tuple[ExponentialTail, tuple[ExponentialTail, ...]]:
    """The fitted tail, and its REPLICATES from people drawn again with replacement.

    A pair counts as often as the product of its two people's draws, so that the spread is that of other people and
    not only of other pairs of the same ones. Source: Owen 2007, The pigeonhole bootstrap, doi:10.1214/07-AOAS122.

    Raises: WrongUse: fewer than MIN_IMPOSTORS impostor pairs.
    """
    if len(scores.impostor) < MIN_IMPOSTORS:
        raise WrongUse(
            f"{len(scores.impostor)} impostor pairs are too few to fit a tail to",
            f"bring pictures of more people: {MIN_IMPOSTORS} pairs are 450 pictures of 450 people",
        )
    keep = max(1, round(20 * START_RATE * len(scores.impostor)))  # enough of the highest for any draw
    best = np.argsort(scores.impostor)[::-1][:keep]
    high, first, second = scores.impostor[best], scores.first[best], scores.second[best]
    pictures = np.bincount(people).astype(np.float64)

    def fitted(draws: NDArray[Any]) -> ExponentialTail:
        drawn = draws * pictures
        return fit_tail(high, draws[first] * draws[second], float(drawn.sum() ** 2 - (drawn**2).sum()) / 2)

    generator = np.random.default_rng(SEED)
    count = len(pictures)
    again = (np.bincount(generator.integers(0, count, count), minlength=count) for _ in range(REPLICATES))
    return fitted(np.ones(count)), tuple(fitted(draws) for draws in again)
