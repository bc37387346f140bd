"""What a process that was killed left half carried out: erasures, orders, decisions on requests. They are done.

`countenance doctor` and every process that serves do it. What was begun is hidden from searches already; this is for
the bytes. Safe beside whoever is at it: each waits for the other, and finds nothing left to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from countenance.app.requests.requests import finish_decisions

if TYPE_CHECKING:
    from countenance.app.home import Home


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """How many of each were done now."""

    erasures: int
    orders: int
    requests: int


def finish(home: Home) -> RecoveryReport:
    """Raises: LogUnwritable, StorageFailed, HomeBusy."""
    erasures = home.parts.engine().eraser.resume() if home.parts.stores.records.erasures.unfinished() else ()
    return RecoveryReport(len(erasures), len(home.orders.finish()), finish_decisions(home))
