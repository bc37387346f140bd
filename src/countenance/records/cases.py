"""Cases and the probes kept with them. Seats, clients and the life of a case join later."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from countenance.records import schema as t
from countenance.records.database import Database


@dataclass(frozen=True, slots=True)
class Case:
    """The reason for a search, by somebody's reference."""

    id: int
    uid: str
    reference: str
    key_id: bytes


class Cases:
    """Cases of an organisation's home."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def find(self, reference: str) -> Case | None:
        """The case of that reference."""
        with self._db.read() as connection:
            row = connection.execute(t.cases.select().where(t.cases.c.reference == reference)).one_or_none()
        return None if row is None else Case(row.id, str(uuid.UUID(bytes=row.uid)), row.reference, row.key_id)

    def open(self, reference: str, key_id: bytes, at: datetime) -> Case:
        """A new case, or the one that another process just opened under that reference."""
        with self._db.write() as connection:
            if connection.scalar(sa.select(t.cases.c.id).where(t.cases.c.reference == reference)) is None:
                connection.execute(
                    t.cases.insert().values(uid=uuid.uuid4().bytes, reference=reference, key_id=key_id, opened_at=at)
                )
        found = self.find(reference)
        assert found is not None
        return found

    def keep_search(self, case: Case, *, log_entry: str, purpose: str, probe_blob: str, at: datetime) -> None:
        """The search is recorded with its case."""
        with self._db.write() as connection:
            connection.execute(
                t.searches.insert().values(
                    log_entry=log_entry, case_id=case.id, purpose=purpose, probe_blob=probe_blob, at=at
                )
            )
