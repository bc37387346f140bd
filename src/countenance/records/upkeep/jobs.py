"""Work that takes longer than a request: what was asked for, its progress, how it ended. Counts and kinds; no name."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from countenance.errors import NotFound
from countenance.records import schema as t
from countenance.records.database import Database
from countenance.remedies import Remedy

OPEN: Final = ("queued", "running", "stopping")


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job as the records have it."""

    uid: str
    kind: str
    source: str | None  # its name; None: of the whole home, or it has been erased since
    state: str  # queued, running, stopping, done, failed, stopped
    progress: Mapping[str, Any]
    error: Mapping[str, Any] | None
    made_at: datetime
    begun_at: datetime | None
    beat_at: datetime | None
    done_at: datetime | None


class JobTable:
    """Reads and writes jobs; each write is one transaction."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, uid: uuid.UUID, kind: str, source_id: int | None, at: datetime) -> None:
        """Add a job to the queue."""
        row: dict[str, Any] = {"uid": uid, "kind": kind, "source_id": source_id, "state": "queued"}
        self._db.run(t.jobs.insert().values(**row, progress={}, made_at=at, beat_at=at))

    def get(self, uid: str) -> JobRow:
        """Return the job of that uid. Raises NotFound."""
        found = self._db.one(_JOBS.where(t.jobs.c.uid == uid), _job)
        if found is None:
            raise NotFound(f"there is no job {uid}", Remedy.LIST_JOBS)
        return found

    def newest(self, limit: int, source_id: int | None = None) -> list[JobRow]:
        """Return the newest jobs, newest first."""
        query = _JOBS if source_id is None else _JOBS.where(t.jobs.c.source_id == source_id)
        return list(self._db.every(query.order_by(t.jobs.c.id.desc()).limit(limit), _job))

    def record_heartbeat(self, uid: str, at: datetime, progress: Mapping[str, Any] | None = None) -> str:
        """Record that a worker is on it, and its progress; return its state.

        Another process may have asked it to stop.
        """
        new: dict[str, Any] = {"beat_at": at} if progress is None else {"beat_at": at, "progress": dict(progress)}
        mine = t.jobs.c.uid == uid
        with self._db.write() as connection:
            connection.execute(t.jobs.update().where(mine, t.jobs.c.state.in_(OPEN)).values(**new))
            return str(connection.scalar(sa.select(t.jobs.c.state).where(mine)) or "stopped")

    def set_state(self, uid: str, to: str, *, among: tuple[str, ...] = OPEN, **values: Any) -> bool:
        """Move the job from one of the states `among` to another. False: it is in none of them."""
        mine = t.jobs.update().where(t.jobs.c.uid == uid, t.jobs.c.state.in_(among))
        return bool(self._db.run(mine.values(state=to, **values)))

    def forget(self, before: datetime) -> None:
        """Delete the jobs that ended before that moment."""
        self._db.run(t.jobs.delete().where(t.jobs.c.done_at < before))


_JOBS = sa.select(t.jobs, t.sources.c.name.label("source")).select_from(t.jobs.outerjoin(t.sources))


def _job(row: Any) -> JobRow:
    return JobRow(
        row.uid, row.kind, row.source, row.state, dict(row.progress), row.error, row.made_at,
        row.begun_at, row.beat_at, row.done_at,
    )  # fmt: skip
