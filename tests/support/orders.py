"""Orders that a test puts in force without their papers' contents."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from countenance.records.orders import OrderPaper, OrderRecord
from countenance.records.store import RecordStore
from countenance.types import OrderTerms


def a_paper(kind: str, at: datetime) -> OrderPaper:
    """A document that nobody sealed."""
    return OrderPaper(kind, "0" * 64, f"paper-{uuid.uuid4()}", at)


def in_force(
    records: RecordStore, stops: Iterable[str], scope: str, value: str, at: datetime, **more: Any
) -> OrderRecord:
    """An order in force since `at`, that stops these of "collect", "embed", "offer"."""
    terms = {
        "stops": frozenset(stops), "deletes": False, "deletes_unknown": False, "ends_contracts": False,
        "targets": ((scope, value),), "authority": "a court", "dated": at.date().isoformat(), "ends_at": None, **more,
    }  # fmt: skip
    drafted = records.orders.add_draft(
        uid=uuid.uuid4(), terms=OrderTerms(**terms), key_id=bytes(16), paper=a_paper("order", at)
    )
    return records.orders.mark_done(records.orders.put_in_force(drafted, at, {}), at, {})


def lift(records: RecordStore, order: OrderRecord, at: datetime) -> OrderRecord:
    """It is over."""
    return records.orders.lift(order, a_paper("lift", at), bytes(16))
