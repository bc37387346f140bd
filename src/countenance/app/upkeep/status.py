"""What a home holds and what is due in it. Reads only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from countenance.app.erasure.retention import RetentionService, duty_of
from countenance.app.orders import OrderService
from countenance.app.requests.requests import RequestService
from countenance.app.upkeep.backlog import waiting
from countenance.app.upkeep.reindex import ReindexService
from countenance.app.wiring import Parts
from countenance.embed.runtimes import providers
from countenance.records.sources.sources import Source

OPEN_ORDERS = frozenset({"draft", "in_force", "stayed"})
WARN_DAYS = 30  # a grant that ends within so many days is named


def _sizes(folder: str, leaving_out: str = "") -> Iterator[int]:
    """Bytes of each file; of one that another process removes meanwhile, none."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if entry.name != leaving_out:
                    yield from _sizes(entry.path)
            elif entry.is_file(follow_symlinks=False):
                with suppress(FileNotFoundError):
                    yield entry.stat(follow_symlinks=False).st_size


def source_status(source: Source, now: datetime) -> dict[str, Any]:
    """One source in a line: basis, state, days left."""
    grant = source.grant
    left = None if grant.expires_at is None else (grant.expires_at - now).days
    return {
        "name": source.name,
        "basis": str(grant.basis),
        "state": str(grant.state(now)),
        "days_left": left,
        "ends_soon": left is not None and 0 <= left <= WARN_DAYS,
    }


@dataclass(frozen=True, slots=True)
class StatusService:
    """What one home holds and what is due in it."""

    parts: Parts
    orders: OrderService
    requests: RequestService
    retention: RetentionService
    reindexing: ReindexService

    def read(self) -> dict[str, Any]:
        """The answer of `countenance status --json`."""
        parts, engine = self.parts, self.parts.engine()
        stores, records = parts.stores, parts.stores.records
        now = stores.clock()
        sources = records.sources.all()
        disk_bytes, exact = parts.counts.cached("disk", self._disk)
        return {
            "home": str(parts.path),
            "kind": str(parts.kind),
            "keyfile": str(parts.keyfile),
            **parts.counts.all(),
            "sources": [source_status(source, now) for source in sources],
            "due": [duty.as_dict() for source in sources if (duty := duty_of(source, now)) is not None],
            "requests": self.requests.duties(),
            "waiting": parts.counts.cached("waiting", lambda: [each.as_dict() for each in waiting(stores)]),
            "probes": {"kept": records.probes.count(), "due": len(self.retention.overdue_probes())},
            "uncompacted_erasures": self.retention.uncompacted(),
            "unfinished_erasures": len(records.erasures.unfinished()),
            "orders": [
                about for about in map(self.orders.describe, self.orders.all()) if about["state"] in OPEN_ORDERS
            ],
            "log_entries": len(stores.log),
            "model": engine.embedder.space.model,
            "space": engine.embedder.space.weights_sha256,
            "detector": parts.detector().name,
            "reindex": self.reindexing.status(),
            "calibration": engine.calibration.id,
            "calibration_own": parts.calibrations.has(engine.embedder.space),
            "runtime": engine.embedder.runtime,
            "providers": providers(),  # of ONNX Runtime on this machine
            "disk_bytes": disk_bytes,
            "disk_bytes_exact": exact,  # False: of very many crops only some were asked for their size
        }

    def _disk(self) -> tuple[int, bool]:
        """(bytes, whether they are exact)."""
        blob_bytes, exact = self.parts.blobs.size()
        return blob_bytes + sum(_sizes(str(self.parts.path), leaving_out="blobs")), exact
