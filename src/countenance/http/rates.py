"""How often one may ask: moving windows for each address and each credential, in the memory of one worker process.

With several workers each counts its own share. What must hold whatever process answers, and after a restart (failed
sign-ins, a person's requests), is counted in the records instead.
"""

from __future__ import annotations

import time
from enum import StrEnum
from typing import Final

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from countenance.errors import TooMany


class RateLimit(StrEnum):
    """What is counted apart."""

    PAGES = "pages"  # by address: anything at all
    SIGN_IN = "sign in"  # by address
    PUBLIC = "public"  # by address: forms that anybody may send
    PROGRAM = "program"  # by access key


_A_MINUTE: Final = {RateLimit.PAGES: 1200, RateLimit.SIGN_IN: 10, RateLimit.PUBLIC: 20, RateLimit.PROGRAM: 6000}


class Rates:
    """Counts, and refuses what is too often."""

    def __init__(self, workers: int = 1) -> None:
        """workers: among how many processes the requests are shared out."""
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._items: dict[RateLimit, RateLimitItem] = {
            rate: RateLimitItemPerMinute(max(1, -(-count // workers))) for rate, count in _A_MINUTE.items()
        }

    def take(self, rate: RateLimit, whose: str) -> None:
        """One more. Raises TooMany."""
        item = self._items[rate]
        if not self._limiter.hit(item, rate, whose):
            resets = self._limiter.get_window_stats(item, rate, whose).reset_time
            after_s = max(0.0, resets - time.time())
            raise TooMany(f"too many requests; retry in {int(after_s) + 1} seconds", after_s=after_s)
