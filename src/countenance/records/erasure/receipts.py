"""Receipts as they were signed, and the clients who must be told of an erasure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from countenance.records import schema as t
from countenance.records.database import Database


@dataclass(frozen=True, slots=True)
class Receipt:
    """A signed document."""

    uid: str
    kind: str  # erasure, order, request
    about: str  # uid of it
    at: datetime
    document: str = field(repr=False)  # signed JSON (pipeline/receipts.py)


@dataclass(frozen=True, slots=True)
class Recipient:
    """A client who was shown what an erasure took."""

    client_id: int
    client: str  # name
    client_uid: str
    searches: int  # of theirs that showed it
    last_at: datetime
    told_at: datetime | None
    answer: str | None  # the client's own receipt, as it came


class ReceiptTable:
    """Reads and keeps receipts, and records what recipients were told and answered."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def all(self) -> tuple[Receipt, ...]:
        """Return every receipt, oldest first."""
        return self._db.every(t.receipts.select().order_by(t.receipts.c.id), _receipt)

    def ids(self) -> tuple[tuple[str, str], ...]:
        """Return (its uid, uid of what it is about) of every receipt, oldest first."""
        return self._db.every(sa.select(t.receipts.c.uid, t.receipts.c.about).order_by(t.receipts.c.id), tuple)

    def get(self, uid: str) -> Receipt | None:
        """Return the receipt of that uid."""
        return self._newest(t.receipts.c.uid == uid)

    def of(self, about: str) -> Receipt | None:
        """Return the newest receipt about the erasure, order or request of that uid."""
        return self._newest(t.receipts.c.about == about)

    def keep(self, receipt: Receipt) -> None:
        """Keep a receipt."""
        with self._db.write() as connection:
            keep_receipt(connection, receipt)

    def recipients(self, erasure: str) -> tuple[Recipient, ...]:
        """Return the clients who were shown what the erasure of that uid took, by name."""
        with self._db.read() as connection:
            rows = connection.execute(
                sa.select(t.recipients, t.clients.c.name, t.clients.c.uid.label("client_uid"))
                .select_from(t.recipients.join(t.clients).join(t.erasures))
                .where(t.erasures.c.uid == erasure)
                .order_by(t.clients.c.name)
            ).all()
        return tuple(
            Recipient(row.client_id, row.name, row.client_uid, row.searches, row.last_at, row.told_at, row.answer)
            for row in rows
        )

    def update_recipient(self, erasure: str, client_id: int, **values: Any) -> None:
        """Record `told_at` or `answer` of a recipient."""
        mine = sa.select(t.erasures.c.id).where(t.erasures.c.uid == erasure).scalar_subquery()
        self._db.run(
            t.recipients.update()
            .where(t.recipients.c.erasure_id == mine, t.recipients.c.client_id == client_id)
            .values(**values)
        )

    def _newest(self, which: sa.ColumnElement[bool]) -> Receipt | None:
        return self._db.one(t.receipts.select().where(which).order_by(t.receipts.c.id.desc()).limit(1), _receipt)


def keep_receipt(connection: sa.Connection, receipt: Receipt) -> None:
    """Keep the receipt, in the transaction of what it is about."""
    connection.execute(
        t.receipts.insert().values(
            uid=receipt.uid, kind=receipt.kind, about=receipt.about, at=receipt.at, document=receipt.document
        )
    )


def _receipt(row: Any) -> Receipt:
    return Receipt(row.uid, row.kind, row.about, row.at, row.document)
