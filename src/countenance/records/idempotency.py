"""Answers to writes under their idempotency keys. Digests are keyed; an answer is sealed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from countenance.records import schema as t
from countenance.records.database import Database


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """A write that was sent under a key; `status` None: it is in progress."""

    request: bytes
    status: int | None
    body: bytes | None
    key_id: bytes | None
    at: datetime


class IdempotencyTable:
    """Reads and writes answers; each write is one transaction."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def begin(self, digest: bytes, request: bytes, *, now: datetime, lost_before: datetime) -> KeptAnswer | None:
        """Record that a write is in progress and return None, or return what is recorded of it already.

        A write that has been in progress since `lost_before` is taken as lost: its process is gone.
        """
        row = t.answers.c.digest == digest
        with self._db.write() as connection:
            lost = row & t.answers.c.status.is_(None) & (t.answers.c.at < lost_before)
            connection.execute(t.answers.delete().where(lost))
            found = connection.execute(t.answers.select().where(row)).one_or_none()
            if found is None:
                connection.execute(t.answers.insert().values(digest=digest, request=request, at=now))
                return None
        return KeptAnswer(found.request, found.status, found.body, found.key_id, found.at)

    def record_answer(self, digest: bytes, *, status: int, body: bytes, key_id: bytes) -> None:
        """Record the answer; `body` is sealed under `key_id`."""
        change = t.answers.update().where(t.answers.c.digest == digest)
        self._db.run(change.values(status=status, body=body, key_id=key_id))

    def drop(self, digest: bytes) -> None:
        """Forget a write that came to nothing, so that it may be sent again."""
        self._db.run(t.answers.delete().where(t.answers.c.digest == digest, t.answers.c.status.is_(None)))

    def forget(self, before: datetime) -> tuple[bytes, ...]:
        """Delete the answers from before that moment; return the keys that sealed them."""
        over = t.answers.c.status.is_not(None) & (t.answers.c.at < before)
        with self._db.write() as connection:
            keys = connection.scalars(sa.select(t.answers.c.key_id).where(over)).all()
            if keys:
                connection.execute(t.answers.delete().where(over))
        return tuple(key for key in keys if key is not None)

    def clear_bodies(self) -> tuple[bytes, ...]:
        """Delete the text of every answer, but not that it was given; return the keys that sealed them."""
        kept = t.answers.c.key_id.is_not(None)
        with self._db.write() as connection:
            keys = tuple(connection.scalars(sa.select(t.answers.c.key_id).where(kept)))
            if keys:
                connection.execute(t.answers.update().where(kept).values(body=None, key_id=None))
        return keys
