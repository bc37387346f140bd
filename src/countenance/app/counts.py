"""Counts of what a home holds. In a large home counting takes seconds, and a page must not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar, cast

from countenance.pipeline.stores import Stores

T = TypeVar("T")

QUICK_S: Final = 0.05  # what takes no longer is counted each time
SHARE: Final = 20  # of the time at most a twentieth goes into counting the same thing


@dataclass(frozen=True, slots=True)
class _Counted:
    policy: int
    until: float  # of time.monotonic
    found: Any


@dataclass(slots=True)
class Counts:
    """Counts anew, or tells what it counted a moment ago: for 20 times as long as counting took.

    Never from before an erasure, an order or any other change of policy: that is counted anew, in every process.
    """

    stores: Stores
    _known: dict[Hashable, _Counted] = field(default_factory=dict)
    _counting: threading.Lock = field(default_factory=threading.Lock)

    def all(self) -> Mapping[str, int]:
        """As `Gallery.counts`."""
        return self.cached("all", self.stores.records.gallery.counts)

    def source(self, source_id: int) -> Mapping[str, Any]:
        """As `Gallery.source_counts`."""
        return self.cached(("source", source_id), lambda: self.stores.records.gallery.source_counts(source_id))

    def cached(self, what: Hashable, count: Callable[[], T]) -> T:
        """What `count` finds, or found a moment ago; not to be changed by whoever asked."""
        if (known := self._standing(what)) is not None:
            return cast("T", known.found)
        with self._counting:  # whoever waited here finds what the one before them counted
            if (known := self._standing(what)) is not None:
                return cast("T", known.found)
            policy, began = self.stores.records.sources.policy_version(), time.monotonic()
            found = count()
            took = time.monotonic() - began
            self._known.pop(what, None)
            if took > QUICK_S:
                self._known[what] = _Counted(policy, began + SHARE * took, found)
            return found

    def _standing(self, what: Hashable) -> _Counted | None:
        known = self._known.get(what)
        if known is None or time.monotonic() > known.until:
            return None
        return known if known.policy == self.stores.records.sources.policy_version() else None
