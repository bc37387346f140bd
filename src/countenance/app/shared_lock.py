"""A lock that many hold at once, or one alone: across threads and processes, by flock(2).

Two files. Who comes in passes the gate first; who wants to be alone keeps it shut while those inside finish, so that
a stream of newcomers can't hold them up for ever. A killed process lets go of both.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from countenance.errors import HomeBusy
from countenance.remedies import Remedy

log = logging.getLogger(__name__)

_FIRST_WAIT_S: Final = 0.001
_LONGEST_WAIT_S: Final = 0.05


class SharedLock:
    """Not across a fork. A thread that holds it may take it again to share, at no cost."""

    def __init__(self, path: Path, *, timeout_s: float) -> None:
        """path: made when first taken; the gate lies beside it, as `path` with .gate behind it."""
        self._path = path
        self._gate = path.with_name(f"{path.name}.gate")
        self._timeout_s = timeout_s
        self._mine = threading.local()

    @contextmanager
    def shared(self) -> Iterator[None]:
        """With any number of others who share it. Raises HomeBusy: somebody is alone for longer than the timeout."""
        if getattr(self._mine, "held", False):
            yield
            return
        with self._held(fcntl.LOCK_SH):
            yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """With nobody else. Raises HomeBusy: others do not end."""
        assert not getattr(self._mine, "held", False), "who shares a lock would wait for itself"
        with self._held(fcntl.LOCK_EX):
            yield

    @contextmanager
    def _held(self, how: int) -> Iterator[None]:
        until = time.monotonic() + self._timeout_s
        gate = os.open(self._gate, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            inside = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                _take(gate, how, until)
                _take(inside, how, until)
                if how == fcntl.LOCK_SH:
                    fcntl.flock(gate, fcntl.LOCK_UN)
                self._mine.held = True
                try:
                    yield
                finally:
                    self._mine.held = False
            finally:
                os.close(inside)
        finally:
            os.close(gate)


def _take(descriptor: int, how: int, until: float) -> None:
    wait = _FIRST_WAIT_S
    while True:
        try:
            return fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if wait == _FIRST_WAIT_S:
                log.info("waiting for another process: naming lock")
            if time.monotonic() > until:
                raise HomeBusy("another process is doing the same work in this home", Remedy.TRY_AGAIN_LATER) from None
            time.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT_S)
