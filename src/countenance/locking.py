"""Taking a lock between processes. A log line says what is waited for: `countenance -v` shows it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from filelock import BaseFileLock, Timeout

log = logging.getLogger(__name__)


@contextmanager
def held(lock: BaseFileLock, name: str, *, wait_s: float | None = None, poll_s: float = 0.05) -> Iterator[None]:
    """Hold the lock called `name`; wait as long as the lock says, or `wait_s`. Raises filelock.Timeout."""
    wait = lock.timeout if wait_s is None else wait_s
    try:
        lock.acquire(timeout=0)
    except Timeout:
        if wait == 0:
            raise
        began = time.monotonic()
        log.info("waiting for another process: %s lock", name)
        lock.acquire(timeout=wait, poll_interval=poll_s)
        log.info("waited %.1f s for the %s lock", time.monotonic() - began, name)
    try:
        yield
    finally:
        lock.release()
