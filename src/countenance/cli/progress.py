"""How far something is, on a terminal."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TextIO

DRAWN_EVERY_S: Final = 0.1
WINDOW_S: Final = 30.0  # what the rate and the time left are taken from
CELLS: Final = 20


class Bar:
    """One line of `out`, drawn over itself: what is done, the rate and the time left. `close` empties the line."""

    def __init__(self, out: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._out, self._clock = out, clock
        self._title: str | None = None
        self._seen: deque[tuple[float, int]] = deque()  # (when, how many were done), the oldest first
        self._drawn_at = float("-inf")

    def show(self, title: str, done: int, total: int | None, unit: str, more: str = "") -> None:
        """Draw it, unless it was drawn a moment ago. Another title starts again. `total` is None until it is known."""
        now = self._clock()
        if title != self._title:
            self._title, self._drawn_at = title, float("-inf")
            self._seen.clear()
        if now - self._drawn_at < DRAWN_EVERY_S and done != total:
            return
        self._drawn_at = now
        self._seen.append((now, done))
        while now - self._seen[0][0] > WINDOW_S:
            self._seen.popleft()
        (since, before) = self._seen[0]
        rate = (done - before) / (now - since) if now > since else 0.0
        filled = "#" * (CELLS * done // total) if total else ""
        parts = [f"{title}  [{filled:-<{CELLS}}]", f"{done:,}" if total is None else f"{done:,}/{total:,}"]
        if rate > 0:
            parts.append(f"{rate:.0f} {unit}/s")
            if total is not None:
                minutes, seconds = divmod(round((total - done) / rate), 60)
                parts.append(f"{minutes}:{seconds:02} left")
        width = self._width()
        self._out.write("  ".join([*parts, more])[:width].ljust(width) + "\r")  # what else is written starts the line
        self._out.flush()

    def close(self) -> None:
        """The line is empty."""
        if self._title is not None:
            self._out.write(" " * self._width() + "\r")
            self._out.flush()

    def _width(self) -> int:
        """Columns that can be written without a line break."""
        try:
            return (os.get_terminal_size(self._out.fileno()).columns or 80) - 1  # 0: a terminal that does not know
        except OSError:
            return 79


@contextmanager
def bar_on_terminal(*, quiet: bool = False) -> Iterator[Bar | None]:
    """A bar on standard error; None where nobody looks."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    bar = Bar(sys.stderr)
    try:
        yield bar
    finally:
        bar.close()
