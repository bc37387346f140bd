"""Doing again what a backup is too old to know: later erasures, opt-outs, orders, withdrawals, revoked keys.

All from the log. What each needs beyond its record is sealed beside its entry (redo_detail.py). Everything is gathered
first, so that a thousand erasures are one, and the last state of a grant is the one that counts. Safe to repeat: what
is gone already is passed over.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final

from countenance.errors import LogBroken, SealBroken
from countenance.pipeline.erasure.erase import Eraser
from countenance.pipeline.redo_detail import open_act
from countenance.pipeline.stores import Stores
from countenance.pipeline.upkeep.redo_orders import KINDS as ORDER_KINDS
from countenance.pipeline.upkeep.redo_orders import GatheredOrders, redo_orders
from countenance.pipeline.upkeep.redo_requests import GatheredRequests, concerns, redo_requests, withdrawn_since
from countenance.protocols import LogEntry
from countenance.remedies import Remedy

ACTS: Final = frozenset({"erase.hidden"})  # kinds whose detail says how to do it again
_GRANT_STATES: Final = {
    "source.suspended": "suspended_at",
    "source.resumed": "suspended_at",
    "source.withdrawn": "withdrawn_at",
    "source.takedown": "withdrawn_at",
}


@dataclass(frozen=True, slots=True)
class RedoReport:
    """How much was done again: how many were here to be erased, or to be brought to a later state."""

    faces: int
    pictures: int
    sources: int
    suppressions: int
    requests: int  # of pictured people
    orders: int  # and contracts that ended

    def as_dict(self) -> dict[str, int]:
        """For --json and the log."""
        return asdict(self)


@dataclass(slots=True)
class _Gathered:
    """What the entries say, the later word over the earlier."""

    faces: dict[str, None] = field(default_factory=dict)  # uids, in order
    pictures: dict[str, None] = field(default_factory=dict)
    gone_sources: set[str] = field(default_factory=set)
    guests: dict[str, None] = field(default_factory=dict)  # uids of those who withdrew
    probes: dict[str, None] = field(default_factory=dict)  # log entries of the searches whose probe is gone
    closed_links: dict[str, datetime] = field(default_factory=dict)
    grants: dict[str, dict[str, datetime | None]] = field(default_factory=dict)  # source -> times of its grant
    suppressions: list[dict[str, Any]] = field(default_factory=list)
    requests: GatheredRequests = field(default_factory=GatheredRequests)
    orders: GatheredOrders = field(default_factory=GatheredOrders)
    access_keys: dict[str, datetime] = field(default_factory=dict)  # uids of those revoked, and when

    def take(self, act: dict[str, Any]) -> None:
        self.faces.update(dict.fromkeys(act.get("faces", ())))
        self.pictures.update(dict.fromkeys(act.get("pictures", ())))
        self.suppressions += act.get("suppressions", ())
        if act.get("source"):
            self.gone_sources.add(act["source"])
        self.guests.update(dict.fromkeys(act.get("guests", ())))
        self.probes.update(dict.fromkeys(act.get("probes", ())))

    def take_grant(self, entry: LogEntry) -> None:
        column = _GRANT_STATES[entry.kind]
        at = None if entry.kind == "source.resumed" else datetime.fromisoformat(entry.at)
        times = self.grants.setdefault(entry.record["source"], {})
        if column != "withdrawn_at" or column not in times:  # the term runs from the first withdrawal
            times[column] = at


def redo_acts(stores: Stores, eraser: Eraser, start: int) -> RedoReport:
    """The records are where the log says, as far as it concerns what was erased, opted out or stopped from `start` on.

    Order: whatever keeps out or stops first, then the erasures. A crash leaves some of it: do it again.
    Raises: LogBroken: an entry lacks what it takes, or was sealed by another home; as `Eraser`.
    """
    gathered = _gather(stores, start)
    eraser.resume()
    suppressions = stores.records.redo.add_suppressions(gathered.suppressions)
    requests = redo_requests(stores, gathered.requests)
    orders = redo_orders(stores, gathered.orders)
    revoked = [stores.records.access_keys.revoke(uid, at) for uid, at in gathered.access_keys.items()]
    stores.keys.destroy([key for key in revoked if key is not None])
    sources = {source.uid: source for source in stores.records.sources.all()}
    changed = 0
    for uid, times in gathered.grants.items():
        if uid in sources:
            stores.records.sources.set_grant_state(sources[uid], **times)
            changed += 1
    for uid, at in gathered.closed_links.items():
        stores.records.guests.close_link(uid, at)
    for uid in gathered.guests:
        guest = stores.records.guests.get(uid)
        if guest is not None and guest.withdrawn_at is None:
            eraser.erase_guest(guest)
    faces, pictures = stores.records.redo.ids_of(gathered.faces, gathered.pictures)
    probes = stores.records.probes.of_searches(gathered.probes)
    if faces or pictures or probes:
        eraser.erase_again(faces, pictures, probes)
    for uid in gathered.gone_sources & sources.keys():
        eraser.erase_source(sources[uid])
        changed += uid not in gathered.grants
    return RedoReport(len(faces), len(pictures), changed, suppressions, requests, orders)


def _gather(stores: Stores, start: int) -> _Gathered:
    gathered = _Gathered()
    gathered.requests.withdrawn = withdrawn_since(stores, start)
    for entry in stores.log.entries(start):
        if entry.kind in _GRANT_STATES:
            gathered.take_grant(entry)
        elif entry.kind == "guest.link_closed":
            gathered.closed_links[entry.record["link"]] = datetime.fromisoformat(entry.at)
        elif entry.kind in ORDER_KINDS:
            gathered.orders.take(entry)
        elif entry.kind == "key.revoked":
            gathered.access_keys[entry.record["key"]] = datetime.fromisoformat(entry.at)
        elif entry.kind in ACTS or concerns(entry, gathered.requests.withdrawn):
            sealed = stores.log.detail(entry.position)
            try:
                act = open_act(stores, sealed or b"")
                if entry.kind in ACTS:
                    gathered.take(act)
                else:
                    gathered.requests.take(act, entry.at)
            except SealBroken as error:
                raise LogBroken(
                    f"entry {entry.position} ({entry.kind}) of the log lacks what it takes to do it again; an export "
                    "has no details",
                    Remedy.GIVE_NEWEST_LOG,
                ) from error
    return gathered
