"""What a count can show about a rate."""

from __future__ import annotations

import math
from functools import cache


@cache
def upper_limit(count: int, trials: int, confidence: float = 0.95) -> float:
    """The highest rate that `count` of `trials` do not contradict, one-sided.

    For count = 0 and many trials this is the rule of three, 3 / trials.
    Source: Clopper and Pearson 1934, Biometrika 26(4), doi:10.1093/biomet/26.4.404.
    """
    if count >= trials:
        return 1.0
    low, high = count / trials, 1.0
    for _ in range(200):  # bisection down to neighbouring floats
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if _at_most(count, trials, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def _at_most(count: int, trials: int, rate: float) -> float:
    """The probability of at most `count` among `trials` at this rate, 0 < rate < 1."""
    return math.fsum(
        math.exp(
            math.lgamma(trials + 1)
            - math.lgamma(k + 1)
            - math.lgamma(trials - k + 1)
            + k * math.log(rate)
            + (trials - k) * math.log1p(-rate)
        )
        for k in range(count + 1)
    )
