"""Signatures of requests that were carried out: each is accepted once, by one process, until it expires."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from countenance.records import schema as t
from countenance.records.database import Database


class SignatureTable:
    """Registers signatures, known by their keyed digests."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def register(self, digest: bytes, now: datetime, expires_at: datetime) -> bool:
        """Register a signature until it expires, and forget those that have; False: this one was registered before."""
        with self._db.write() as connection:
            connection.execute(t.signatures.delete().where(t.signatures.c.expires_at < now))
            query = sa.select(t.signatures.c.digest).where(t.signatures.c.digest == digest)
            if connection.execute(query).first() is not None:
                return False
            connection.execute(t.signatures.insert().values(digest=digest, expires_at=expires_at))
            return True
