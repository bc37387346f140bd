"""Reads all that a decision depends on, in one snapshot."""

from __future__ import annotations

import sqlalchemy as sa

from countenance.records import schema as t
from countenance.records.access.clients import every_client
from countenance.records.database import Database
from countenance.records.orders import orders_in_force
from countenance.records.sources.sources import grant_of, policy_version
from countenance.types import Client, Order, PolicyClass, Purpose


class PolicyState:
    """Reads what the policy decides on. `sources.py`, `clients.py` and `orders.py` write it."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def facts(self) -> tuple[int, tuple[PolicyClass, ...], tuple[Order, ...], tuple[Client, ...]]:
        """Return (policy version, classes with grants, orders that may stop something, clients), of one moment."""
        with self._db.snapshot() as connection:
            version = policy_version(connection)
            rows = connection.execute(
                sa.select(
                    t.policy_classes.c.id.label("class_id"),
                    t.policy_classes.c.jurisdictions.label("class_jurisdictions"),
                    t.policy_classes.c.purposes.label("class_purposes"),
                    t.policy_classes.c.flags,
                    t.sources.c.name.label("source"),
                    t.tenants.c.name.label("tenant"),
                    *t.grants.c,
                )
                .select_from(t.policy_classes.join(t.grants).join(t.sources).join(t.tenants))
                .order_by(t.policy_classes.c.id)
            ).all()
            orders = orders_in_force(connection)
            clients = every_client(connection)
        grants = {row.id: grant_of(row) for row in rows}
        classes = tuple(
            PolicyClass(
                id=row.class_id,
                grant=grants[row.id],
                tenant=row.tenant,
                source=row.source,
                jurisdictions=frozenset(row.class_jurisdictions),
                purposes=frozenset(Purpose(p) for p in row.class_purposes),
                flags=frozenset(row.flags),
            )
            for row in rows
        )
        return version, classes, orders, clients
