"""Orders of regulators, courts and platforms, with their papers. `pipeline/orders/orders.py` has the order of steps.

Every write that puts an order in force or out of it moves `policy_version` in the same transaction.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa

from countenance.errors import NotFound, WrongUse
from countenance.records import schema as t
from countenance.records.database import Database
from countenance.records.erasure.receipts import Receipt, keep_receipt
from countenance.records.queries import insert_one
from countenance.records.sources.sources import move_policy_version
from countenance.remedies import Remedy
from countenance.types import Order, OrderTerms

_SAID: Final = ("stops", "deletes", "deletes_unknown", "ends_contracts", "targets", "authority", "dated")


class OrderState(StrEnum):
    """What state an order is in."""

    DRAFT = "draft"
    IN_FORCE = "in_force"
    STAYED = "stayed"
    EXPIRED = "expired"  # its own term is over
    LIFTED = "lifted"


@dataclass(frozen=True, slots=True)
class OrderPaper:
    """A sealed document of an order: the order itself, or a decision about it."""

    kind: str  # order, stay, resume, lift
    sha256: str
    blob: str
    at: datetime


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """An order and what was done about it."""

    id: int
    uid: str
    terms: OrderTerms
    key_id: bytes | None  # seals its papers; None: it has none, from before there were commands for orders
    drafted_at: datetime
    starts_at: datetime | None
    stayed_at: datetime | None
    lifted_at: datetime | None
    done_at: datetime | None
    plan: Mapping[str, Any] | None
    outcome: Mapping[str, Any] | None
    papers: tuple[OrderPaper, ...]

    def state(self, now: datetime) -> OrderState:
        """Return the state at `now` (aware). In force from the commit that applied it, whatever the clock says."""
        if self.lifted_at is not None:
            return OrderState.LIFTED
        if self.starts_at is None:
            return OrderState.DRAFT
        if self.stayed_at is not None:
            return OrderState.STAYED
        if self.terms.ends_at is not None and now >= self.terms.ends_at:
            return OrderState.EXPIRED
        return OrderState.IN_FORCE

    @property
    def unfinished(self) -> bool:
        """Return whether it was applied and not all that it demands is done. Stayed or lifted, it goes no further."""
        return self.starts_at is not None and self.done_at is None and (self.stayed_at or self.lifted_at) is None


class OrderTable:
    """Reads and writes orders. None is ever deleted."""

    def __init__(self, database: Database) -> None:
        self._db = database

    # --- reads ---------------------------------------------------------------------------------------------------
    def all(self) -> tuple[OrderRecord, ...]:
        """Return every order, oldest first."""
        return self._where(sa.true())

    def get(self, uid: str) -> OrderRecord:
        """Return the order of that uuid. Raises NotFound."""
        found = self._where(t.orders.c.uid == uid)
        if not found:
            raise NotFound(f"there is no order {uid}", Remedy.LIST_ORDERS)
        return found[0]

    def unfinished(self) -> tuple[OrderRecord, ...]:
        """Return the orders whose `unfinished` is true, oldest first."""
        return self._where(
            sa.and_(
                t.orders.c.starts_at.is_not(None), t.orders.c.done_at.is_(None), t.orders.c.stayed_at.is_(None),
                t.orders.c.lifted_at.is_(None),
            )
        )  # fmt: skip

    def _where(self, which: sa.ColumnElement[bool]) -> tuple[OrderRecord, ...]:
        with self._db.snapshot() as connection:
            rows = connection.execute(t.orders.select().where(which).order_by(t.orders.c.id)).all()
            mine = sa.select(t.orders.c.id).where(which)
            papers = connection.execute(
                t.order_papers.select().where(t.order_papers.c.order_id.in_(mine)).order_by(t.order_papers.c.id)
            ).all()
        return tuple(_record(row, [paper for paper in papers if paper.order_id == row.id]) for row in rows)

    # --- writes --------------------------------------------------------------------------------------------------
    def add_draft(self, *, uid: uuid.UUID, terms: OrderTerms, key_id: bytes, paper: OrderPaper) -> OrderRecord:
        """Record the order with its document; it stops nothing yet."""
        with self._db.write() as connection:
            made = insert_one(
                connection, t.orders, uid=uid, stops=sorted(terms.stops), deletes=terms.deletes,
                deletes_unknown=terms.deletes_unknown, ends_contracts=terms.ends_contracts,
                targets=[list(target) for target in terms.targets], authority=terms.authority, dated=terms.dated,
                ends_at=terms.ends_at, key_id=key_id, drafted_at=paper.at,
            )  # fmt: skip
            _keep(connection, made, paper)
        return self.get(str(uid))

    def put_back(self, uid: str, said: Mapping[str, Any], at: datetime) -> None:
        """Record an order as its draft's log entry says, without its papers: after a restore."""
        ends_at = datetime.fromisoformat(said["ends_at"]) if said["ends_at"] else None
        self._db.run(
            t.orders.insert().values(uid=uid, drafted_at=at, ends_at=ends_at, **{name: said[name] for name in _SAID})
        )

    def set_times(self, uid: str, times: Mapping[str, datetime | None], outcome: Mapping[str, Any] | None) -> None:
        """Set when it was put in force, stayed, lifted and done, as the log says: after a restore."""
        values: dict[str, Any] = {**times, **({} if outcome is None else {"outcome": dict(outcome)})}
        with self._db.write() as connection:
            connection.execute(t.orders.update().where(t.orders.c.uid == uid).values(**values))
            move_policy_version(connection)

    def put_in_force(self, order: OrderRecord, at: datetime, plan: Mapping[str, Any]) -> OrderRecord:
        """Put the order in force, in every process with this commit; one that is in force already stays as it was."""
        with self._db.write() as connection:
            changed = connection.execute(
                t.orders.update()
                .where(t.orders.c.id == order.id, t.orders.c.starts_at.is_(None), t.orders.c.lifted_at.is_(None))
                .values(starts_at=at, plan=dict(plan))
            )
            if changed.rowcount:
                move_policy_version(connection)
        return self.get(order.uid)

    def mark_done(
        self, order: OrderRecord, at: datetime, outcome: Mapping[str, Any], receipt: Receipt | None = None
    ) -> OrderRecord:
        """Record that all that it demands at once is done, and keep its receipt."""
        with self._db.write() as connection:
            connection.execute(
                t.orders.update().where(t.orders.c.id == order.id).values(done_at=at, outcome=dict(outcome))
            )
            if receipt is not None:
                keep_receipt(connection, receipt)
        return self.get(order.uid)

    def stay(self, order: OrderRecord, paper: OrderPaper, key_id: bytes) -> OrderRecord:
        """Stay the order: it stops nothing from this commit on, until `resume`.

        Raises WrongUse: it is over, stayed or a draft.
        """
        in_force = sa.and_(t.orders.c.starts_at.is_not(None), t.orders.c.stayed_at.is_(None))
        return self._decide(order, paper, key_id, in_force, stayed_at=paper.at)

    def resume(self, order: OrderRecord, paper: OrderPaper, key_id: bytes) -> OrderRecord:
        """Resume the order: it stops what it stopped, from this commit on. Raises WrongUse: it is not stayed."""
        return self._decide(order, paper, key_id, t.orders.c.stayed_at.is_not(None), stayed_at=None)

    def lift(self, order: OrderRecord, paper: OrderPaper, key_id: bytes) -> OrderRecord:
        """Lift the order for good. Raises WrongUse: it is lifted already."""
        return self._decide(order, paper, key_id, sa.true(), lifted_at=paper.at)

    def _decide(
        self,
        order: OrderRecord,
        paper: OrderPaper,
        key_id: bytes,
        fits: sa.ColumnElement[bool],
        **times: datetime | None,
    ) -> OrderRecord:
        with self._db.write() as connection:
            changed = connection.execute(
                t.orders.update()
                .where(t.orders.c.id == order.id, t.orders.c.lifted_at.is_(None), fits)
                .values(key_id=key_id, **times)
            )
            if not changed.rowcount:
                raise WrongUse(
                    f"the state of the order {order.uid} does not allow this decision: {paper.kind}",
                    Remedy.SHOW_ORDER,
                    values=(order.uid,),
                )
            _keep(connection, order.id, paper)
            move_policy_version(connection)
        return self.get(order.uid)


def orders_in_force(connection: sa.Connection) -> tuple[Order, ...]:
    """Return the orders that stop something. `policy.facts` drops those whose own term is over, by the clock."""
    rows = connection.execute(
        t.orders.select().where(
            t.orders.c.starts_at.is_not(None), t.orders.c.lifted_at.is_(None), t.orders.c.stayed_at.is_(None)
        )
    )
    return tuple(
        Order(
            id=row.id, stops=frozenset(row.stops), targets=frozenset((scope, value) for scope, value in row.targets),
            starts_at=row.starts_at, ends_at=row.ends_at, ends_contracts=row.ends_contracts,
        )
        for row in rows
    )  # fmt: skip


def _keep(connection: sa.Connection, order_id: int, paper: OrderPaper) -> None:
    connection.execute(
        t.order_papers.insert().values(
            order_id=order_id, kind=paper.kind, at=paper.at, sha256=paper.sha256, blob=paper.blob
        )
    )


def _record(row: Any, papers: Sequence[Any]) -> OrderRecord:
    terms = OrderTerms(
        stops=frozenset(row.stops), deletes=row.deletes, deletes_unknown=row.deletes_unknown,
        ends_contracts=row.ends_contracts, targets=tuple((scope, value) for scope, value in row.targets),
        authority=row.authority, dated=row.dated, ends_at=row.ends_at,
    )  # fmt: skip
    return OrderRecord(
        id=row.id, uid=row.uid, terms=terms, key_id=row.key_id, drafted_at=row.drafted_at,
        starts_at=row.starts_at, stayed_at=row.stayed_at, lifted_at=row.lifted_at, done_at=row.done_at,
        plan=row.plan, outcome=row.outcome,
        papers=tuple(OrderPaper(paper.kind, paper.sha256, paper.blob, paper.at) for paper in papers),
    )  # fmt: skip
