"""Orders of regulators, courts and platforms: drafted, simulated, applied, stayed, resumed, lifted.

Applying, in an order that is safe to repeat after a crash at any line:

    log the intent -> in force -> contracts end -> erasures, each in its own order -> log the end -> receipt

In force is one commit that moves the policy version: from then on no search that has not shown its leads yet, and no
batch that is not recorded yet, gets round it, in any process. What follows is done by `finish`, which runs before an
ingest, before another order is applied and in `doctor`; only then is the order acknowledged.

A draft, a stay, a resumption and a lift are: the sealed paper, the log, one commit. A crash before the last leaves
sealed bytes that no row names (swept) and at worst an entry for what did not come to be; the order stands as it stood.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from countenance.associated_data import paper_aad
from countenance.errors import HomeBusy, StorageFailed, WrongUse
from countenance.pipeline.clients import ClientWorkflow
from countenance.pipeline.documents import Document, read_document
from countenance.pipeline.erasure.erase import Eraser
from countenance.pipeline.orders.plan import (
    TOTALS,
    Plan,
    SourceChange,
    authority_of,
    nothing,
    plan_of,
    simulate,
    targets_of,
)
from countenance.pipeline.receipts import rfc3339, sign_receipt
from countenance.pipeline.stores import Stores
from countenance.policy.facts import aims_at_client
from countenance.records.orders import OrderPaper, OrderRecord, OrderState
from countenance.remedies import Remedy
from countenance.types import OrderTerms


@dataclass(frozen=True, slots=True)
class Applied:
    """What an order that was applied has changed."""

    order: OrderRecord
    plan: Plan  # as counted just before
    pictures_deleted: int
    faces_deleted: int
    contracts_ended: int
    pending: tuple[str, ...]  # where bytes may still lie, sealed under keys that are destroyed
    differences: tuple[str, ...]  # from the simulation that was handed over, and from the count just before
    receipt: str | None  # id of the signed one

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return {
            "order": self.order.uid,
            "in_force_since": self.order.starts_at.isoformat() if self.order.starts_at else None,
            "done_at": self.order.done_at.isoformat() if self.order.done_at else None,
            "plan": self.plan.as_dict(),
            "pictures_deleted": self.pictures_deleted,
            "faces_deleted": self.faces_deleted,
            "contracts_ended": self.contracts_ended,
            "pending": list(self.pending),
            "as_simulated": not self.differences,
            "differences": list(self.differences),
            "receipt": self.receipt,
        }


@dataclass(frozen=True, slots=True)
class OrderWorkflow:
    """The orders of one home."""

    stores: Stores
    eraser: Eraser

    # --- papers --------------------------------------------------------------------------------------------------
    def draft(self, terms: OrderTerms, document: Document) -> OrderRecord:
        """The order is recorded with its document, and stops nothing yet.

        Raises: NotFound: a source that there is not; WrongUse: the document; LogUnwritable, StorageFailed.
        """
        named = {name: self.stores.records.sources.get(name).uid for _, name in terms.aimed("source")}
        data = read_document(document, "the order")
        uid = uuid.uuid4()
        with self.stores.naming_keys():
            [key] = self.stores.keys.create()
            paper = self._seal(str(uid), key, "order", data)
            self.stores.log.append("order.drafted", _record(str(uid), terms, named, paper))
            order = self.stores.records.orders.add_draft(uid=uid, terms=terms, key_id=key, paper=paper)
            self.stores.keys.confirm([key], blobs=[paper.blob])
        return order

    def stay(self, order: OrderRecord, document: Document) -> OrderRecord:
        """A decision stays it: what it stops goes on from now on, until `resume`. Staying it twice changes nothing.

        Raises: WrongUse: a draft or over, or the document; LogUnwritable, StorageFailed.
        """
        if self._state(order) in {OrderState.DRAFT, OrderState.LIFTED}:
            raise WrongUse(f"the order {order.uid} is not in force", Remedy.SHOW_ORDER, values=(order.uid,))
        if order.stayed_at is not None:
            return order
        return self._decided(order, "stay", "order.stayed", document)

    def resume(self, order: OrderRecord, document: Document) -> OrderRecord:
        """The stay is over: it stops again what it stopped. One that is not stayed stays as it is.

        Raises: WrongUse: a draft or over, or the document; LogUnwritable, StorageFailed.
        """
        if self._state(order) in {OrderState.DRAFT, OrderState.LIFTED}:
            raise WrongUse(f"the order {order.uid} is not stayed", Remedy.SHOW_ORDER, values=(order.uid,))
        if order.stayed_at is None:
            return order
        resumed = self._decided(order, "resume", "order.resumed", document)
        self.finish()
        return self.stores.records.orders.get(resumed.uid)

    def lift(self, order: OrderRecord, document: Document) -> OrderRecord:
        """It is over for good: offering and collecting go on, and nothing that it deleted or ended comes back.

        Lifting it twice changes nothing. Raises: WrongUse: the document; LogUnwritable, StorageFailed.
        """
        return order if order.lifted_at is not None else self._decided(order, "lift", "order.lifted", document)

    def paper(self, order: OrderRecord, paper: OrderPaper) -> bytes:
        """The document as it was brought. Raises: NotFound, KeyDestroyed, SealBroken."""
        aad = paper_aad(order.uid, paper.blob)
        return self.stores.keys.open(order.key_id or b"", aad, self.stores.blobs.get(paper.blob))

    # --- in force ------------------------------------------------------------------------------------------------
    def simulate(self, order: OrderRecord) -> Plan:
        """What applying it would change now; nothing is changed. Raises WrongUse: it is over."""
        if self._state(order) in {OrderState.LIFTED, OrderState.EXPIRED}:
            raise WrongUse(f"the order {order.uid} has ended", Remedy.DRAFT_ORDER)
        return simulate(self.stores, self.eraser, order)

    def apply(self, order: OrderRecord, *, simulated: Plan | None = None) -> Applied:
        """It is in force, and all that it demands is done; applying it twice gives the same answer.

        simulated: what somebody was told that it would change; each difference is explained.
        Raises: WrongUse: it is stayed or over; LogUnwritable: nothing was done; StorageFailed: perhaps it is in force
        and something is left to do, which is done when it is applied again.
        """
        state = self._state(order)
        if state is OrderState.STAYED:
            raise WrongUse(f"the order {order.uid} is stayed", Remedy.RESUME_ORDER)
        if state in {OrderState.LIFTED, OrderState.EXPIRED}:
            raise WrongUse(f"the order {order.uid} has ended", Remedy.DRAFT_ORDER)
        self.finish()
        if state is OrderState.DRAFT:
            plan = simulate(self.stores, self.eraser, order)
            totals = {name: getattr(plan, name) for name in TOTALS}
            self.stores.log.append("order.applied", {"order": order.uid, **totals})
            self.stores.records.orders.put_in_force(order, self.stores.clock(), plan.as_dict())
            try:
                self.finish()
            except (StorageFailed, HomeBusy) as error:
                remedy = Remedy.FREE_SPACE if error.remedy is Remedy.FREE_SPACE else Remedy.APPLY_ORDER  # both: again
                raise type(error)(
                    f"the order is in force, and not all that it demands is done: {error.message}",
                    remedy, values=(order.uid,), partly=True,
                ) from error  # fmt: skip
        return self.applied(self.stores.records.orders.get(order.uid), simulated=simulated)

    def finish(self) -> tuple[OrderRecord, ...]:
        """Every order that was applied is done, unless it is stayed. Raises: LogUnwritable, StorageFailed, HomeBusy."""
        if not self.stores.records.orders.unfinished():
            return ()
        with self.stores.erasing():
            return tuple(self._finish(order) for order in self.stores.records.orders.unfinished())

    def applied(self, order: OrderRecord, *, simulated: Plan | None = None) -> Applied:
        """What an order that was applied, and is done, has changed."""
        plan = plan_of(order.plan) if order.plan else nothing(order.uid)
        done = {"pictures": 0, "faces": 0, "contracts": 0, "pending": (), **(order.outcome or {})}
        receipt = self.stores.records.receipts.of(order.uid)
        differences = [] if simulated is None else [*_differences(simulated, plan)]
        for name, counted in (("pictures", plan.pictures_deleted), ("faces", plan.faces_deleted)):
            if order.plan and done[name] != counted:  # after a restore nobody knows what was counted then
                why = "some came or went between the count and the deletion"
                differences.append(f"{name} deleted: {counted} counted, {done[name]} done; {why}")
        return Applied(
            order, plan, done["pictures"], done["faces"], done["contracts"], tuple(done["pending"]),
            tuple(differences), None if receipt is None else receipt.uid,
        )  # fmt: skip

    def _finish(self, order: OrderRecord) -> OrderRecord:
        if order.terms.ends_contracts:
            contracts = ClientWorkflow(self.stores)
            for client in contracts.all():
                if any(aims_at_client(*target, client) for target in order.terms.targets):
                    contracts.end(client.name, by=order.uid)
        pending = {place for report in self.eraser.resume() for place in report.pending}
        for target in targets_of(self.stores, self.eraser, order):
            pending.update(self.eraser.erase_target(target).pending)
        erased = self.stores.records.erasures.on_word_of(authority_of(order))
        outcome = {
            "pictures": sum(each.counts["pictures"] for each in erased),
            "faces": sum(each.counts["faces"] for each in erased),
            "contracts": sum(client.ended_by == order.uid for client in self.stores.records.clients.all()),
            "erasures": [each.uid for each in erased],  # each has its own entries and its own receipt
            "pending": sorted(pending),
        }
        entry = self.stores.log.append("order.done", {"order": order.uid, **outcome})
        account = _account(order, outcome)
        receipt = sign_receipt(self.stores, kind="order", about=order.uid, account=account, entry=entry)
        return self.stores.records.orders.mark_done(order, self.stores.clock(), outcome, receipt)

    # --- how -----------------------------------------------------------------------------------------------------
    def _state(self, order: OrderRecord) -> OrderState:
        return order.state(self.stores.clock())

    def _decided(self, order: OrderRecord, kind: str, event: str, document: Document) -> OrderRecord:
        data = read_document(document, "the decision")
        with self.stores.naming_keys():
            key = order.key_id or self.stores.keys.create()[0]
            paper = self._seal(order.uid, key, kind, data)
            self.stores.log.append(event, {"order": order.uid, "document_sha256": paper.sha256})
            decided: OrderRecord = getattr(self.stores.records.orders, kind)(order, paper, key)
            self.stores.keys.confirm([key], blobs=[paper.blob])
        return decided

    def _seal(self, order: str, key: bytes, kind: str, data: bytes) -> OrderPaper:
        """The paper lies sealed in the blob store, noted as in the making."""
        blob = f"order-{uuid.uuid4()}"
        sealed = self.stores.keys.seal(key, paper_aad(order, blob), data)
        self.stores.keys.create(0, blobs=[blob])
        self.stores.blobs.put_many({blob: sealed})
        return OrderPaper(kind, hashlib.sha256(data).hexdigest(), blob, self.stores.clock())


def _record(uid: str, terms: OrderTerms, sources: Mapping[str, str], paper: OrderPaper) -> dict[str, Any]:
    """What the log says of a draft: all that would be needed to put it in force again; of a source, its uuid."""
    return {
        "order": uid,
        "stops": sorted(terms.stops),
        "deletes": terms.deletes,
        "deletes_unknown": terms.deletes_unknown,
        "ends_contracts": terms.ends_contracts,
        "targets": [[scope, sources[value] if scope == "source" else value] for scope, value in terms.targets],
        "authority": terms.authority,
        "dated": terms.dated,
        "ends_at": terms.ends_at.isoformat() if terms.ends_at else None,
        "document_sha256": paper.sha256,
    }


def _account(order: OrderRecord, outcome: Mapping[str, Any]) -> dict[str, Any]:
    """What its receipt tells: what was demanded, on whose word, and what came of it."""
    terms = order.terms
    demands = ["stop " + {"collect": "collecting", "offer": "offering"}[what] for what in sorted(terms.stops)]
    return {
        "authority": terms.authority,
        "dated": terms.dated,
        "asked_at": rfc3339(order.drafted_at),
        "in_force_since": rfc3339(order.starts_at or order.drafted_at),
        "demands": demands + ["delete"] * terms.deletes + ["end contracts"] * terms.ends_contracts,
        "covers": [value for _, value in terms.aimed("jurisdiction", "client_class")],
        "document_sha256": [paper.sha256 for paper in order.papers if paper.kind == "order"],
        "counts": {name: outcome[name] for name in ("pictures", "faces", "contracts")},
        "erasures": outcome["erasures"],
        "pending": outcome["pending"],
    }


def _differences(before: Plan, now: Plan) -> Iterator[str]:
    """In what the home has changed since somebody was told what would happen. Raises WrongUse: of another order."""
    if before.order != now.order:
        raise WrongUse(f"the simulation is of another order: {before.order}", Remedy.SIMULATE_ORDER)
    moved = "" if before.policy_version == now.policy_version else "; what the policy decides on has changed since"
    sources = {each.source: each for each in before.sources}
    for change in now.sources:
        was = sources.pop(change.source, None)
        if was is None:
            yield f"{change.source}: not in the simulation{moved or '; its pictures came since'}"
        elif was != change:
            yield f"{change.source}: {_numbers(was)} simulated, {_numbers(change)} when applied{moved or _CAME}"
    yield from (f"{name}: in the simulation, and nothing to change when applied{moved or _CAME}" for name in sources)
    clients = {each.client: each for each in before.clients}
    yield from (f"client {each.client}: not in the simulation{moved}" for each in now.clients
                if clients.pop(each.client, None) != each)  # fmt: skip
    yield from (f"client {name}: in the simulation, and nothing to change when applied{moved}" for name in clients)
    for name, what in TOTALS.items():
        if getattr(before, name) != getattr(now, name):
            yield f"{what}: {getattr(before, name)} simulated, {getattr(now, name)} when applied{moved or _CAME}"


def _numbers(change: SourceChange) -> str:
    return (
        f"{change.faces_out_of_search} faces out of search and {change.faces_deleted} deleted, of "
        f"{change.pictures_out_of_search} and {change.pictures_deleted} pictures"
    )


_CAME = "; pictures or searches came or went since"
