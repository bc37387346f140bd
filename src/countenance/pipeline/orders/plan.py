"""What an order would change, counted by source, client, picture, face and search under way. Changes nothing.

What it stops is found out by asking the policy as it stands and comparing what the order covers. What it deletes is
found out by the steps of the erasure itself, in a transaction that is undone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from countenance import jurisdictions
from countenance.permits import PERMIT_TERM_S, Act
from countenance.pipeline.erasure.erase import Eraser
from countenance.pipeline.stores import Stores
from countenance.policy.facts import aims_at, aims_at_client, client_facts, overlap
from countenance.protocols import AuditLog, LogEntry
from countenance.records.erasure.erasures import Erasure, Target
from countenance.records.orders import OrderRecord
from countenance.records.sources.coverage import Holdings, holdings
from countenance.records.sources.sources import Source
from countenance.types import ClassId, Client, HomeKind, OrderTerms, Purpose

if TYPE_CHECKING:
    import sqlalchemy as sa

TOTALS: Final[Mapping[str, str]] = {  # of a plan, in words
    "pictures_out_of_search": "pictures out of search",
    "faces_out_of_search": "faces out of search",
    "pictures_deleted": "pictures deleted",
    "faces_deleted": "faces deleted",
    "pictures_unclear": "pictures whose place is unclear",
    "leads_erased": "leads of earlier searches",
    "searches_under_way": "searches under way",
}
LOOK_BACK: Final = 500  # entries of the log at a time


@dataclass(frozen=True, slots=True)
class SourceChange:
    """What changes for one source."""

    source: str
    stops_collecting: bool
    pictures_out_of_search: int  # that could be found through this source
    faces_out_of_search: int
    pictures_deleted: int  # that leave it; one that stands elsewhere too stays there
    faces_deleted: int
    goes: bool  # with its grant and evidence


@dataclass(frozen=True, slots=True)
class ClientChange:
    """What changes for one client."""

    client: str
    stops_offering: bool
    ends_contract: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What an order would change. Counts are of the whole home; what can be found elsewhere still is not counted."""

    order: str
    policy_version: int
    sources: tuple[SourceChange, ...]  # those for which something changes, by name
    clients: tuple[ClientChange, ...]
    pictures_out_of_search: int
    faces_out_of_search: int
    pictures_deleted: int
    faces_deleted: int
    pictures_unclear: int  # of an unknown place or one that only overlaps: stopped, and not deleted
    leads_erased: int  # that kept searches showed
    searches_under_way: int  # permitted within the last minute and not answered: each is decided again

    def as_dict(self) -> dict[str, Any]:
        """For --json; `plan_of` reads it again."""
        return asdict(self)


def plan_of(document: Mapping[str, Any]) -> Plan:
    """The inverse of `as_dict`. Raises KeyError, TypeError: it is something else."""
    return Plan(
        **{
            **document,
            "sources": tuple(SourceChange(**each) for each in document["sources"]),
            "clients": tuple(ClientChange(**each) for each in document["clients"]),
        }
    )


def nothing(order: str) -> Plan:
    """That of an order that changes nothing."""
    return Plan(order, 0, (), (), 0, 0, 0, 0, 0, 0, 0)


def simulate(stores: Stores, eraser: Eraser, order: OrderRecord) -> Plan:
    """What applying the order would change now."""
    return _Simulation(stores, eraser, order).plan()


def authority_of(order: OrderRecord) -> str:
    """On whose word its erasures are."""
    return f"order {order.uid}"


def targets_of(stores: Stores, eraser: Eraser, order: OrderRecord) -> list[Target]:
    """What the order deletes, in turn: each source of its, then what lies in each of its jurisdictions.

    Nothing is kept out: as long as the order stops collecting it keeps out by itself, and then no longer.
    """
    if not order.terms.deletes:
        return []
    authority = authority_of(order)
    named = {name for _, name in order.terms.aimed("source")}
    sources = [source for source in stores.records.sources.all() if source.name in named]
    return [
        *(eraser.target_of(source, authority) for source in sources),
        *(
            Target("jurisdiction", code, authority, places=partial(lies_in, code, unknown=order.terms.deletes_unknown))
            for _, code in order.terms.aimed("jurisdiction")
        ),
    ]


def lies_in(code: str, places: frozenset[str], *, unknown: bool) -> bool:
    """Whether what was taken as of these places goes: one of several in the jurisdiction is enough.

    unknown: also what may lie there: of an unknown place, or of one that only overlaps.
    """
    if unknown:
        return any(overlap(code, place) for place in places or {jurisdictions.UNKNOWN})
    return any(jurisdictions.covers(code, place) for place in places)


def deletes(terms: OrderTerms, places: frozenset[str]) -> bool:
    """Whether the order deletes what was taken as of these places."""
    return any(lies_in(code, places, unknown=terms.deletes_unknown) for _, code in terms.aimed("jurisdiction"))


class _Simulation:
    """One look at the home. The parts are not of one moment; what comes between them, `apply` explains."""

    def __init__(self, stores: Stores, eraser: Eraser, order: OrderRecord) -> None:
        self._stores = stores
        self._eraser = eraser
        self._order = order
        self._terms = order.terms
        self._version, self._classes, self._orders, self._clients = stores.records.policy.facts()
        self._sources = stores.records.sources.all()
        self._covered = frozenset(
            each.id for each in self._classes if any(aims_at(*target, each) for target in self._terms.targets)
        )
        self._sought = self._searchable()
        none: frozenset[ClassId] = frozenset()
        self._lost = self._covered & self._sought if "offer" in self._terms.stops else none
        collected = frozenset(stores.policy.consider(stores.ask(Act.COLLECT)).allowed)
        self._uncollected = self._covered & collected if "collect" in self._terms.stops else none

    def plan(self) -> Plan:
        """All of it."""
        coverage = self._stores.records.coverage
        deleted = self._rehearsed()
        elsewhere = coverage.indexed_faces(self._sought - self._lost) if self._lost else {}
        out = {face: picture for face, picture in coverage.indexed_faces(self._lost).items() if face not in elsewhere}
        sources = [self._of_source(source, deleted) for source in self._sources]
        clients = [self._of_client(client) for client in self._clients]
        return Plan(
            order=self._order.uid,
            policy_version=self._version,
            sources=tuple(change for change in sources if change is not None),
            clients=tuple(change for change in clients if change is not None),
            pictures_out_of_search=len(set(out.values())),
            faces_out_of_search=len(out),
            pictures_deleted=deleted.pictures,
            faces_deleted=deleted.faces,
            pictures_unclear=len(coverage.pictures(self._unclear())),
            leads_erased=deleted.after.erased_leads - deleted.before.erased_leads,
            searches_under_way=self._under_way({change.client for change in clients if change is not None}),
        )

    def _searchable(self) -> frozenset[ClassId]:
        """The classes in which somebody may search now, for a purpose that they have."""
        household = self._stores.kind is HomeKind.HOUSEHOLD
        purposes: set[Purpose | None] = {None} if household else {p for each in self._classes for p in each.purposes}
        asks = [self._stores.ask(Act.SEARCH, purpose=purpose, has_case=not household) for purpose in purposes]
        return frozenset(id_ for ask in asks for id_ in self._stores.policy.consider(ask).allowed)

    def _rehearsed(self) -> _Deleted:
        targets = targets_of(self._stores, self._eraser, self._order)
        return self._stores.records.erasures.rehearse_all(targets, self._stores.clock(), _deleted)

    def _of_source(self, source: Source, deleted: _Deleted) -> SourceChange | None:
        mine = {each.id: each.jurisdictions for each in self._classes if each.source == source.name}
        faces = self._stores.records.coverage.indexed_faces(self._lost & mine.keys())
        change = SourceChange(
            source=source.name,
            stops_collecting=any(mine[id_] == source.jurisdictions for id_ in self._uncollected & mine.keys()),
            pictures_out_of_search=len(set(faces.values())),
            faces_out_of_search=len(faces),
            pictures_deleted=deleted.before.pictures.get(source.name, 0) - deleted.after.pictures.get(source.name, 0),
            faces_deleted=deleted.before.faces.get(source.name, 0) - deleted.after.faces.get(source.name, 0),
            goes=self._terms.deletes and ("source", source.name) in self._terms.targets,
        )
        return None if change == SourceChange(source.name, False, 0, 0, 0, 0, False) else change

    def _of_client(self, client: Client) -> ClientChange | None:
        facts = client_facts(client.uid, self._clients, self._orders, self._stores.clock())
        aimed = any(aims_at_client(*target, client) for target in self._terms.targets)
        if not aimed or facts.contract == "ended":
            return None
        change = ClientChange(client.name, "offer" in self._terms.stops - facts.stopped, self._terms.ends_contracts)
        return change if change.stops_offering or change.ends_contract else None

    def _unclear(self) -> list[ClassId]:
        """The classes that the order covers though nobody knows whether they lie where it is for."""
        if not self._terms.deletes:
            return []
        named = {name for _, name in self._terms.aimed("source")}
        return [
            each.id
            for each in self._classes
            if each.id in self._covered and each.source not in named and not deletes(self._terms, each.jurisdictions)
        ]

    def _under_way(self, clients: set[str]) -> int:
        uids = {client.uid for client in self._clients if client.name in clients}
        return sum(
            bool(self._lost.intersection(entry.record["classes"])) or entry.record.get("client") in uids
            for entry in under_way(self._stores.log, self._stores.clock())
        )


@dataclass(frozen=True, slots=True)
class _Deleted:
    """What erasures came to in a rehearsal."""

    before: Holdings
    after: Holdings
    pictures: int
    faces: int


def _deleted(connection: sa.Connection, hide: Callable[[], Sequence[Erasure]]) -> _Deleted:
    before = holdings(connection)
    hidden = hide()
    after = holdings(connection) if hidden else before
    return _Deleted(before, after, sum(e.counts["pictures"] for e in hidden), sum(e.counts["faces"] for e in hidden))


def under_way(log: AuditLog, now: datetime) -> list[LogEntry]:
    """Searches permitted within a permit's life and not answered yet; one that died is among them for a minute."""
    since = now - timedelta(seconds=PERMIT_TERM_S)
    start = len(log)
    entries: list[LogEntry] = []
    while start and (not entries or datetime.fromisoformat(entries[0].at) >= since):
        start = max(0, start - LOOK_BACK)
        entries = list(log.entries(start))
    answered = {entry.record["search"] for entry in entries if entry.kind in {"search.shown", "compare.shown"}}
    answered |= {entry.record["again"] for entry in entries if "again" in entry.record}  # decided anew
    return [
        entry
        for entry in entries
        if entry.kind == "search.decided" and entry.id not in answered and datetime.fromisoformat(entry.at) >= since
    ]
