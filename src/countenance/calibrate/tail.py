"""The impostors' tail beyond the data: peaks over a threshold, with an exponential distribution of the excess.

Above a high score u, what is left of an impostor distribution is close to a generalised Pareto distribution (Coles
2001, An Introduction to Statistical Modeling of Extreme Values, chapter 4). Its shape is taken as 0, the exponential:
the fitted shape is slightly negative (docs/calibration.md), which would put an end to all scores not far beyond the
data; the exponential has no end and errs towards too many false leads, never too few.

    FMR(score) = rate * exp(-(score - start) / scale)        for score >= start

The fit looks at scores between two quantiles. What lies above the upper one counts as "above", whatever its score, so
that a few wrong labels (one person under two names) move the fit no more than any other pair would.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

START_RATE = 1e-3  # the fit begins where this share of impostors lies above,
STOP_RATE = 1e-5  # and counts without looking where this share does


@dataclass(frozen=True, slots=True)
class ExponentialTail:
    """A fitted tail."""

    start: float  # score
    rate: float  # FMR at `start`
    scale: float  # the mean excess: the score that divides FMR by e

    def fmr(self, score: float) -> float:
        """The fitted false-match rate at a score from `start` on."""
        return self.rate * math.exp(-(score - self.start) / self.scale)

    def score_at(self, fmr: float) -> float:
        """The score with this fitted false-match rate, at most `rate`."""
        return self.start + self.scale * math.log(self.rate / fmr)


def fit_tail(scores: NDArray[np.floating[Any]], weights: NDArray[np.floating[Any]], total: float) -> ExponentialTail:
    """The maximum-likelihood exponential tail of weighted scores, those above the upper quantile censored.

    Args:    scores: (N,) the highest impostor scores, in any order, at least the highest START_RATE of all;
             weights: (N,) how often each counts; total: the weight of all impostors.
    Source:  the censored exponential: Lawless 2003, Statistical Models and Methods for Lifetime Data, section 4.1:
             scale = sum of (censored) excesses / number of uncensored ones.
    """
    order = np.argsort(scores, kind="stable")[::-1]  # at once where they rise already
    scores, weights = scores[order].astype(np.float64), weights[order].astype(np.float64)
    above = np.cumsum(weights) / total
    start, stop = (scores[int(np.searchsorted(above, rate))] for rate in (START_RATE, STOP_RATE))
    excess = np.minimum(scores, stop) - start
    seen = (scores > start) & (scores <= stop)
    scale = float((weights * excess)[scores > start].sum() / weights[seen].sum())
    return ExponentialTail(float(start), float(weights[scores > start].sum() / total), scale)


def shape(scores: NDArray[np.floating[Any]], start: float) -> float:
    """The generalised Pareto shape of the scores above `start`: a check on the exponential, whose shape is 0.

    Source: probability-weighted moments, Hosking and Wallis 1987, Technometrics 29(3),
            doi:10.1080/00401706.1987.10488243.
    """
    excess = np.sort(scores[scores > start].astype(np.float64)) - start
    exceeding = 1 - (np.arange(1, len(excess) + 1) - 0.35) / len(excess)
    mean, moment = float(excess.mean()), float((exceeding * excess).mean())
    return 2 - mean / (mean - 2 * moment)
