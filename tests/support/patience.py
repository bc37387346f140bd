"""Waits for a condition, on a machine that may do other things too."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")
PATIENCE_S: Final = 300  # for what takes a second


def until(condition: Callable[[], T]) -> T:
    """Return what `condition` gives, once it gives something. Raises AssertionError: it gave nothing for PATIENCE_S."""
    ends = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.02)
    return found
