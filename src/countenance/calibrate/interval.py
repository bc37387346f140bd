"""Rates with their uncertainty, from trials that are not independent: one person's picture stands in many pairs.

A `Rate` keeps its count, its trials and how many *independent* trials they are worth (the effective number); its
interval is Wilson's with that number and Student's t (Franco, Little, Louis and Slud 2019, J. Survey Statistics and
Methodology 7(3), doi:10.1093/jssam/smy019, found Wilson with an effective number the best of many).

The variance is not bootstrapped: for rare errors a bootstrap over people (Owen 2007) gives up to three times the
variance of two-way counts, and so intervals that cover far more than they say.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

LEVEL: Final = 0.95  # of every interval that is shown
# The rule of 30: from 30 errors on, a rate is known to within 30 %. Source: Doddington, Przybocki, Martin and Reynolds
# 2000, Speech Communication 31, doi:10.1016/S0167-6393(99)00080-1.
FEW: Final = 30


@dataclass(frozen=True, slots=True)
class MeasuredRate:
    """`errors` of `trials`. Without trials there is no rate and nothing is known: from 0 to 1."""

    errors: int
    trials: int
    effective: float  # independent trials that would tell as much
    units: int  # people that the trials come from

    @property
    def value(self) -> float | None:
        """The share, or None of no trials."""
        return self.errors / self.trials if self.trials else None

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """(low, high), holding the true rate in `level` of such measurements of other people of the same kind."""
        if not self.trials or self.units < 2:
            return 0.0, 1.0
        return wilson(self.errors / self.trials, self.effective, student(level, self.units - 1))

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        low, high = self.interval()
        value = self.value
        return {
            "errors": self.errors,
            "trials": self.trials,
            "rate": None if value is None else float(f"{value:.6g}"),
            "low": float(f"{low:.6g}"),
            "high": float(f"{high:.6g}"),
        }


def wilson(rate: float, trials: float, z: float) -> tuple[float, float]:
    """Wilson's score interval for `rate` of `trials` > 0.

    Source: Wilson 1927, J. American Statistical Association 22, doi:10.1080/01621459.1927.10502953.
    """
    centre = (rate + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * math.sqrt(rate * (1 - rate) / trials + (z / (2 * trials)) ** 2)
    low = 0.0 if rate <= 0 else max(0.0, centre - half)
    high = 1.0 if rate >= 1 else min(1.0, centre + half)
    return low, high


def student(level: float, freedom: int) -> float:
    """The two-sided quantile of Student's t. Within 1 % from 2 degrees of freedom on, at one too low by a tenth.

    Source: Abramowitz and Stegun 1964, Handbook of Mathematical Functions, 26.7.5.
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return math.fsum(term / float(freedom) ** power for power, term in enumerate(terms))


def clustered(errors: NDArray[np.int64], trials: NDArray[np.int64]) -> MeasuredRate:
    """The rate over people, each with (P,) errors of (P,) trials; only different people are independent.

    The variance is that of a ratio estimate over clusters (Cochran 1977, Sampling Techniques, section 11.7). Where all
    or none of the trials are errors the data say nothing of it, and a person counts as one trial (Kish 1965).
    """
    errors, trials = errors[trials > 0], trials[trials > 0]
    count, wrong, total = len(trials), int(errors.sum()), int(trials.sum())
    if count < 2:
        return MeasuredRate(wrong, total, float(total), count)
    rate = wrong / total
    residual = errors - rate * trials
    variance = count / (count - 1) * float(residual @ residual) / total**2
    if wrong in {0, total}:
        effective = total**2 / float((trials.astype(np.float64) ** 2).sum())
    else:
        effective = _effective(rate, variance, total)
    return MeasuredRate(wrong, total, effective, count)


def dyadic(
    errors: NDArray[np.int64], trials: NDArray[np.int64], *, squares: float, products: float, trial_squares: float
) -> MeasuredRate:
    """The rate over pairs of people, in which pairs that share a person are not independent.

    Args:    errors, trials: (P,) of the pairs in which each person is one side, so that every pair counts twice;
             squares, products, trial_squares: sums over pairs of people, each once, of errors squared, errors times
             trials and trials squared.
    Source:  Aronow, Samii and Assenova 2015, Political Analysis 23(4), doi:10.1093/pan/mpv018, equation 4; the same
             idea as Bickel's variance in ISO/IEC 19795-1.
    """
    wrong, total = int(errors.sum()) // 2, int(trials.sum()) // 2
    count = int(np.count_nonzero(trials))
    if not total:
        return MeasuredRate(0, 0, 0.0, 0)
    rate = wrong / total
    residual = errors - rate * trials
    shared = float(residual @ residual) - (squares - 2 * rate * products + rate * rate * trial_squares)
    return MeasuredRate(wrong, total, _effective(rate, shared / total**2, total), count)


def difference(a: MeasuredRate, b: MeasuredRate, level: float = LEVEL) -> tuple[float, float]:
    """(low, high) of a's rate less b's, of rates measured on different people.

    Source: the method of variance estimates recovery, Newcombe 1998, Statistics in Medicine 17(8), method 10.
    """
    if a.value is None or b.value is None:
        return -1.0, 1.0
    (low_a, high_a), (low_b, high_b) = a.interval(level), b.interval(level)
    middle = a.value - b.value
    return (
        middle - math.hypot(a.value - low_a, high_b - b.value),
        middle + math.hypot(high_a - a.value, b.value - low_b),
    )


def _effective(rate: float, variance: float, trials: int) -> float:
    """Independent trials with this variance; never more than there are, since a lucky draw proves nothing."""
    if variance <= 0 or rate in {0.0, 1.0}:
        return float(trials)
    return max(1.0, min(float(trials), rate * (1 - rate) / variance))
