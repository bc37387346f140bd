"""Clients: organisations that may search while their contract lasts.

Every write here moves `policy_version` in the same transaction, as in `sources.py`.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from countenance.errors import NotFound, WrongUse
from countenance.records import schema as t
from countenance.records.database import Database
from countenance.records.sources.sources import move_policy_version
from countenance.remedies import Remedy
from countenance.types import Client, ClientClass


class ClientTable:
    """Reads and writes clients. None is ever deleted, because searches and orders name them."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def all(self) -> tuple[Client, ...]:
        """Return every client, by name."""
        with self._db.read() as connection:
            return every_client(connection)

    def find(self, name: str) -> Client | None:
        """Return the client of that name."""
        return self._db.one(t.clients.select().where(t.clients.c.name == name), _client)

    def get(self, name: str) -> Client:
        """Return the client of that name. Raises NotFound."""
        found = self.find(name)
        if found is None:
            raise NotFound(f"there is no client called {name!r}", Remedy.LIST_CLIENTS)
        return found

    def add(self, *, uid: uuid.UUID, name: str, client_class: ClientClass, jurisdiction: str, at: datetime) -> Client:
        """Record a client, who may search from this commit on. Raises WrongUse: the name is taken."""
        with self._db.write() as connection:
            if connection.scalar(sa.select(t.clients.c.id).where(t.clients.c.name == name)) is not None:
                raise WrongUse(f"a client called {name!r} exists", Remedy.CHOOSE_ANOTHER_NAME, field="name")
            connection.execute(
                t.clients.insert().values(
                    uid=uid, name=name, client_class=str(client_class), jurisdiction=jurisdiction, added_at=at
                )
            )
            move_policy_version(connection)
        return self.get(name)

    def end_contract(self, client: Client, at: datetime, *, by: str | None = None) -> Client:
        """End the contract, in every process with this commit; one that has ended keeps its time.

        by: the uuid of the order that ends it; None: the operator.
        """
        with self._db.write() as connection:
            ended = connection.execute(
                t.clients.update()
                .where(t.clients.c.id == client.id, t.clients.c.ended_at.is_(None))
                .values(ended_at=at, ended_by=by)
            )
            if ended.rowcount:
                move_policy_version(connection)
        return self.get(client.name)


def every_client(connection: sa.Connection) -> tuple[Client, ...]:
    """Return every client, by name, as this connection sees them."""
    return tuple(_client(row) for row in connection.execute(t.clients.select().order_by(t.clients.c.name)))


def _client(row: Any) -> Client:
    return Client(
        id=row.id, uid=row.uid, name=row.name, client_class=ClientClass(row.client_class),
        jurisdiction=row.jurisdiction, added_at=row.added_at, ended_at=row.ended_at,
        ended_by=row.ended_by,
    )  # fmt: skip
