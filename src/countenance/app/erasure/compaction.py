"""Writing `records.db` anew after erasures, so that no page keeps what was in it before.

SQLite overwrites what is deleted (`secure_delete`), but a page from which a row moved to another may keep the bytes of
its last place: a random id, or the SHA-256 of a picture. VACUUM copies what is held and nothing else.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from countenance.app.settings import free_bytes
from countenance.app.wiring import Parts
from countenance.errors import StorageFailed
from countenance.remedies import Remedy


@dataclass(frozen=True, slots=True)
class CompactionReport:
    """What it came to."""

    erasures: int  # after which this is the first
    bytes_before: int
    bytes_after: int
    pending: bool  # a reader kept the write-ahead log, where old pages may lie until `doctor` empties it

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return asdict(self)


def due(parts: Parts) -> int:
    """How many erasures were done since the last compaction."""
    return len(parts.stores.records.erasures.awaiting_compaction())


def compact(parts: Parts) -> CompactionReport:
    """Pages of `records.db` keep nothing of what was erased before.

    No erasure and no ingest runs meanwhile; another process that writes waits. A crash leaves the file as it was, or
    written anew and not noted, and then it is done once more.
    Raises: HomeBusy: an ingest runs; StorageFailed: no room, or another process is writing.
    """
    stores = parts.stores
    file = parts.path / "records.db"
    with parts.ingest_lock(), stores.erasing():
        erasures = stores.records.erasures.awaiting_compaction()
        before = file.stat().st_size
        if free_bytes(parts.path) < 2 * before:
            raise StorageFailed(
                f"compacting records.db needs {2 * before / 2**20:,.0f} MB free on its disk", Remedy.FREE_SPACE
            )
        emptied = stores.records.database.compact()
        if emptied:
            stores.records.erasures.mark_compacted(erasures, stores.clock())
    return CompactionReport(len(erasures), before, file.stat().st_size, not emptied)
