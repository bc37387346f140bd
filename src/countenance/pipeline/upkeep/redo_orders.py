"""Orders and ended contracts that a backup is too old to know, put where the log says. Their papers don't come back.

Everything that the policy needs of an order stands in the record of its draft, so that no sealed detail is needed. What
it deleted is erased again by the erasures' own entries (redo.py); one that was applied and not done goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from countenance.pipeline.stores import Stores
from countenance.protocols import LogEntry

_TIMES: Final = {
    "order.applied": "starts_at",
    "order.stayed": "stayed_at",
    "order.resumed": "stayed_at",
    "order.lifted": "lifted_at",
    "order.done": "done_at",
}
KINDS: Final = frozenset({"order.drafted", *_TIMES, "client.ended"})


@dataclass(slots=True)
class GatheredOrders:
    """What the entries say, the later word over the earlier."""

    drafts: dict[str, tuple[Mapping[str, Any], datetime]] = field(default_factory=dict)
    times: dict[str, dict[str, datetime | None]] = field(default_factory=dict)
    outcomes: dict[str, dict[str, Any]] = field(default_factory=dict)
    ended: dict[str, tuple[datetime, str | None]] = field(default_factory=dict)  # client -> when, by which order

    def take(self, entry: LogEntry) -> None:
        """An entry of one of `KINDS`."""
        at, said = datetime.fromisoformat(entry.at), entry.record
        if entry.kind == "client.ended":
            self.ended.setdefault(said["client"], (at, said.get("order")))
            return
        uid = said["order"]
        if entry.kind == "order.drafted":
            self.drafts[uid] = said, at
            return
        times = self.times.setdefault(uid, {})
        if entry.kind == "order.resumed":
            times["stayed_at"] = None
        elif entry.kind != "order.applied" or "starts_at" not in times:
            times[_TIMES[entry.kind]] = at
        if entry.kind == "order.done":
            self.outcomes[uid] = {name: value for name, value in said.items() if name != "order"}


def redo_orders(stores: Stores, gathered: GatheredOrders) -> int:
    """Orders and contracts are where the log says; how many were brought there. Safe to repeat."""
    orders, changed = stores.records.orders, 0
    names = {source.uid: source.name for source in stores.records.sources.all()}
    known = {order.uid for order in orders.all()}
    for uid, (said, at) in gathered.drafts.items():
        if uid not in known:
            targets = [
                [scope, names.get(value, value) if scope == "source" else value] for scope, value in said["targets"]
            ]
            orders.put_back(uid, {**said, "targets": targets}, at)
            known.add(uid)
            changed += 1
    for uid in known & gathered.times.keys():
        orders.set_times(uid, gathered.times[uid], gathered.outcomes.get(uid))
        changed += uid not in gathered.drafts
    for client in stores.records.clients.all():
        if client.uid in gathered.ended and client.ended_at is None:
            at, by = gathered.ended[client.uid]
            stores.records.clients.end_contract(client, at, by=by)
            changed += 1
    return changed
