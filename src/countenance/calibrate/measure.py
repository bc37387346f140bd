"""A calibration measured from templates of known people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from countenance.calibrate.calibration import Calibration
from countenance.calibrate.histogram import BINS, Histogram, bin_of
from countenance.calibrate.pairs import EveryPair
from countenance.calibrate.tail import START_RATE, ExponentialTail, fit_tail, shape
from countenance.calibrate.tally import Distributions, bins_of
from countenance.errors import WrongUse
from countenance.types import EmbeddingSpace

REPLICATES: Final = 500
MIN_IMPOSTORS: Final = 100_000  # so that at least 100 lie in the tail that is fitted
MIN_PEOPLE: Final = 100  # so that the spread over people can be told
SEED: Final = 20260101
KEPT: Final = 20 * START_RATE  # of the impostor pairs, the highest: enough for any draw of any people
MAX_KEPT: Final = 2**18  # beyond so many only LEAST_KEPT, if that is more: of many people draws differ less
LEAST_KEPT: Final = 4 * START_RATE
METHOD: Final = (
    "all pairs once; genuine: one person, impostor: two people; tail: censored exponential between FMR 1e-3 and 1e-5, "
    f"{REPLICATES} draws of the people with replacement (seed {SEED}). docs/calibration.md."
)


def measured(pairs: EveryPair, found: Distributions, space: EmbeddingSpace, about: Mapping[str, Any]) -> Calibration:
    """The calibration of `space` by these people; `found` are the distributions of `pairs`.

    Raises: WrongUse: too few people or pairs (`check_enough`).
    """
    check_enough(len(np.unique(pairs.people)), found.impostor.total, found.genuine.total)
    tail, replicates, tail_shape = tails(pairs, found.impostor)
    told = {
        **about,
        "genuine_pairs": found.genuine.total,
        "impostor_pairs": found.impostor.total,
        "tail_shape": round(tail_shape, 4),
    }
    draft = Calibration("", space, found.impostor, found.genuine, tail, replicates, told)
    return Calibration.from_json(draft.to_json())  # with its id


def check_enough(people: int, impostors: int, genuine: int) -> None:
    """Raises: WrongUse: these are too few to calibrate with; it says how many are needed."""
    if people < MIN_PEOPLE or impostors < MIN_IMPOSTORS or not genuine:
        raise WrongUse(
            f"{impostors:,} impostor and {genuine:,} genuine pairs of {people:,} people are too few to calibrate with; "
            f"it needs at least {MIN_PEOPLE} people, one person with two pictures, and {MIN_IMPOSTORS:,} impostor "
            "pairs, as 450 pictures of 450 people have"
        )


def tails(pairs: EveryPair, impostor: Histogram) -> tuple[ExponentialTail, tuple[ExponentialTail, ...], float]:
    """The fitted tail, its REPLICATES from people drawn again with replacement, and its shape as a check.

    A pair counts as often as the product of its two people's draws, so that the spread is that of other people and
    not only of other pairs of the same ones. Source: Owen 2007, The pigeonhole bootstrap, doi:10.1214/07-AOAS122.
    """
    high, first, second = _highest(pairs, impostor)
    pictures = np.bincount(pairs.people, minlength=pairs.persons).astype(np.float64)
    present = np.flatnonzero(pictures)

    def fitted(draws: NDArray[Any]) -> ExponentialTail:
        drawn = draws * pictures
        return fit_tail(high, draws[first] * draws[second], float(drawn.sum() ** 2 - (drawn**2).sum()) / 2)

    def drawn_again() -> NDArray[np.int64]:
        places = generator.integers(0, len(present), len(present))
        return np.bincount(present[places], minlength=pairs.persons)

    generator = np.random.default_rng(SEED)
    tail = fitted(np.ones(pairs.persons))
    return tail, tuple(fitted(drawn_again()) for _ in range(REPLICATES)), shape(high, tail.start)


def _highest(pairs: EveryPair, impostor: Histogram) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """Scores, rising, and people of the highest impostor pairs, from which every draw's tail can be fitted."""
    wanted = min(KEPT * impostor.total, max(MAX_KEPT, LEAST_KEPT * impostor.total))
    lowest = bin_of(impostor.lowest_with_at_most(int(wanted))) - 1  # one bin more, so that it is never too few
    kept: list[tuple[NDArray[Any], ...]] = []
    for tile in pairs.tiles():
        for block in tile:
            p, q = pairs.people[block.first], pairs.people[block.second]
            take = (p != q) & (bins_of(block.score) >= max(lowest, -BINS))
            kept.append((block.score[take], p[take], q[take]))
    scores, first, second = (np.concatenate(parts) for parts in zip(*kept, strict=True))
    order = np.argsort(scores, kind="stable")
    return scores[order], first[order], second[order]
