"""Orders as whoever must obey them uses them: by names and by the beginning of an id."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from countenance.app.inputs import DocumentLike, document_of
from countenance.app.paths import path_of
from countenance.app.wiring import Parts
from countenance.errors import NotFound, WrongUse
from countenance.pipeline.ids import beginning_so
from countenance.pipeline.orders.orders import Applied, OrderWorkflow
from countenance.pipeline.orders.plan import Plan, plan_of
from countenance.records.orders import OrderRecord
from countenance.remedies import Remedy
from countenance.rights.orders import check_order

MAX_PLAN_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class OrderService:
    """The orders of one home (docs/orders.md). An order is named by its uuid or a beginning of it that is its alone."""

    parts: Parts

    @property
    def book(self) -> OrderWorkflow:
        """With the model that the home is searched with at this moment."""
        return OrderWorkflow(self.parts.stores, self.parts.engine().eraser)

    def all(self) -> tuple[OrderRecord, ...]:
        """Every order, oldest first."""
        return self.parts.stores.records.orders.all()

    def get(self, order: str) -> OrderRecord:
        """Raises: NotFound; WrongUse: several begin so."""
        known = {each.uid: each for each in self.all()}
        return known[beginning_so(order, {uid: uid for uid in known}, "order", Remedy.LIST_ORDERS)]

    def draft(
        self,
        *,
        document: DocumentLike,
        authority: str,
        dated: str,
        until: str | None = None,
        stop_collecting: bool = False,
        stop_offering: bool = False,
        delete: bool = False,
        delete_unknown: bool = False,
        end_contracts: bool = False,
        jurisdictions: Sequence[str] = (),
        sources: Sequence[str] = (),
        clients: Sequence[str] = (),
        client_classes: Sequence[str] = (),
    ) -> OrderRecord:
        """The order is recorded with its document, and stops nothing yet.

        Args: document: sealed under a key of the order's own; authority: whose order it is; dated: the day on the
        document, "2021-02-02"; until: the last day of its own term, where it has one; delete_unknown: with `delete`
        for jurisdictions, also what may lie there; sources, clients: by name.
        Raises: WrongUse, NotFound, LogUnwritable, StorageFailed.
        """
        stores = self.parts.stores
        terms = check_order(
            now=stores.clock(), stop_collecting=stop_collecting, stop_offering=stop_offering, delete=delete,
            delete_unknown=delete_unknown, end_contracts=end_contracts, places=jurisdictions, sources=sources,
            clients=[stores.records.clients.get(name).uid for name in clients], client_classes=client_classes,
            authority=authority, dated=dated, until=until,
        )  # fmt: skip
        return self.book.draft(terms, document_of(document))

    def simulate(self, order: str) -> Plan:
        """What applying it would change now; nothing is changed. Raises: NotFound, WrongUse: it is over."""
        return self.book.simulate(self.get(order))

    def apply(self, order: str, *, simulated: Plan | str | os.PathLike[str] | None = None) -> Applied:
        """It is in force, and all that it demands is done; twice gives the same answer.

        simulated: a plan, or the file that holds one as JSON; each difference from it is explained.
        Raises: NotFound, WrongUse, LogUnwritable, StorageFailed, HomeBusy.
        """
        plan = simulated if simulated is None or isinstance(simulated, Plan) else _read(path_of(simulated))
        return self.book.apply(self.get(order), simulated=plan)

    def stay(self, order: str, document: DocumentLike) -> OrderRecord:
        """It stops nothing from now on, until `resume`. Raises: NotFound, WrongUse, LogUnwritable, StorageFailed."""
        return self.book.stay(self.get(order), document_of(document))

    def resume(self, order: str, document: DocumentLike) -> OrderRecord:
        """The stay is over. Raises: NotFound, WrongUse, LogUnwritable, StorageFailed."""
        return self.book.resume(self.get(order), document_of(document))

    def lift(self, order: str, document: DocumentLike) -> OrderRecord:
        """It is over for good. Raises: NotFound, WrongUse, LogUnwritable, StorageFailed."""
        return self.book.lift(self.get(order), document_of(document))

    def paper(self, order: str, number: int) -> bytes:
        """One of its papers, as it was handed in; 1 is its document. Raises: NotFound, WrongUse."""
        found = self.get(order)
        if number > len(found.papers):
            said = f"the order has {len(found.papers)} papers, counted from 1"
            raise NotFound(said, Remedy.SHOW_ORDER, values=(found.uid,))
        return self.book.paper(found, found.papers[number - 1])

    def papers(self, order: str, folder: str | os.PathLike[str]) -> list[Path]:
        """Its document and the decisions about it are written there, by number and kind. Raises: NotFound, WrongUse."""
        found, where = self.get(order), path_of(folder)
        if where.exists() and (not where.is_dir() or any(where.iterdir())):
            raise WrongUse("the folder is not empty", Remedy.USE_EMPTY_FOLDER, path=where)
        where.mkdir(parents=True, exist_ok=True)
        written = []
        for number, paper in enumerate(found.papers, start=1):
            path = where / f"{number}-{paper.kind}"
            path.write_bytes(self.book.paper(found, paper))
            written.append(path)
        return written

    def finish(self) -> tuple[OrderRecord, ...]:
        """Every order that was applied is done. Raises: LogUnwritable, StorageFailed, HomeBusy."""
        return self.book.finish()

    def describe(self, order: OrderRecord | str) -> dict[str, Any]:
        """An order, or that of this id, as JSON, in names. Raises: NotFound, WrongUse: several begin so."""
        order = self.get(order) if isinstance(order, str) else order
        stores, terms = self.parts.stores, order.terms
        names = {client.uid: client.name for client in stores.records.clients.all()}

        def iso(moment: Any) -> str | None:
            return None if moment is None else moment.isoformat(timespec="seconds")

        return {
            "id": order.uid,
            "state": str(order.state(stores.clock())),
            "unfinished": order.unfinished,
            "authority": terms.authority,
            "dated": terms.dated,
            "stops": sorted("collecting" if what == "collect" else "offering" for what in terms.stops - {"embed"}),
            "deletes": terms.deletes,
            "deletes_unknown": terms.deletes_unknown,
            "ends_contracts": terms.ends_contracts,
            "targets": [
                {"scope": scope, "value": names.get(value, value) if scope == "client" else value}
                for scope, value in terms.targets
            ],
            "drafted_at": iso(order.drafted_at),
            "in_force_since": iso(order.starts_at),
            "ends_at": iso(terms.ends_at),
            "stayed_at": iso(order.stayed_at),
            "lifted_at": iso(order.lifted_at),
            "done_at": iso(order.done_at),
            "outcome": dict(order.outcome) if order.outcome else None,
            "papers": [{"kind": p.kind, "at": iso(p.at), "sha256": p.sha256} for p in order.papers],
        }


def _read(path: Path) -> Plan:
    """The plan in a file that `order simulate --json` wrote. Raises WrongUse."""
    try:
        if path.stat().st_size > MAX_PLAN_BYTES:
            raise WrongUse("the simulation has more than 64 MB", Remedy.SIMULATE_ORDER, path=path)
        found = json.loads(path.read_bytes())
        if not isinstance(found, Mapping):
            raise TypeError("no object")
        return plan_of(found)
    except OSError as error:
        raise WrongUse(f"the simulation can't be read: {error.strerror}", Remedy.SIMULATE_ORDER, path=path) from error
    except (ValueError, TypeError, KeyError) as error:
        raise WrongUse("the file is not a simulation", Remedy.SIMULATE_ORDER, path=path) from error
