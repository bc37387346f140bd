"""What a decision is made of: who asks what for which reason, and the state of a policy class at that moment.

Facts are values without identity, so that equal facts get one decision (docs/policy.md: once per policy class, never
per face).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from countenance import jurisdictions
from countenance.permits import Act
from countenance.types import Client, GrantState, HomeKind, Order, PolicyClass, Purpose

UNKNOWN = "unknown"
BROUGHT = 0  # the class of pictures that the asker brings and that stay nowhere: both sides of `compare`


@dataclass(frozen=True, slots=True)
class PolicyQuery:
    """Who asks what, and why. A seat and authority join here when there are several.

    The client is named, not described: what its contract is at the moment of the decision comes with the policy's
    state, so that a search that decides again sees what has become of it.
    """

    act: Act
    home: HomeKind
    purpose: Purpose | None = None  # None: implied by each grant (a household home), or the act has none
    has_case: bool = False
    household_full: bool = False  # the home's household sources hold as many pictures as they may
    seat: str = "owner"
    brought: bool = False  # about pictures that the asker brings, and no gallery
    request: bool = False  # for a pictured person whose request is verified, about their own pictures alone
    guest: bool = False  # to show a guest of the source the pictures in which their own face is a subject's
    client: str | None = None  # uuid of the client that asks, or any other word for one that there is not; None: nobody


@dataclass(frozen=True, slots=True)
class ClientFacts:
    """The client that asks, as the rules see it."""

    named: bool  # False: the operator asks
    known: bool = False
    client_class: str = ""
    contract: str = ""  # active or ended
    covered_by: frozenset[str] = frozenset()  # its jurisdiction and all that contain it; empty where that is unknown
    stopped: frozenset[str] = frozenset()  # what orders in force stop for it

    def context(self) -> dict[str, Any]:
        """`client` of the Cedar context."""
        return {
            "named": self.named,
            "known": self.known,
            "class": self.client_class,
            "contract": self.contract,
            "covered_by": sorted(self.covered_by),
            "stopped": sorted(self.stopped),
        }


NOBODY = ClientFacts(named=False)


@dataclass(frozen=True, slots=True)
class Facts:
    """One policy class as the rules see it, and who asks; `context` gives each attribute its name there."""

    class_id: int
    source: str
    tenant: str
    state: GrantState
    basis: str
    purposes: frozenset[str]
    jurisdictions: frozenset[str]
    covered_by: frozenset[str]  # the class's jurisdictions and all that contain them: CA-ON is covered by CA
    known: bool
    within_grant: bool
    flags: frozenset[str]
    stopped: frozenset[str]  # what orders in force stop here: collect, embed, offer
    client: ClientFacts = NOBODY

    def context(self, ask: PolicyQuery) -> dict[str, Any]:
        """The Cedar context."""
        return {
            "home": str(ask.home),
            "seat": ask.seat,
            # In a household home each grant implies its own purpose, so nobody is asked for one.
            "purpose": str(ask.purpose or (min(self.purposes, default="") if ask.home is HomeKind.HOUSEHOLD else "")),
            "has_case": ask.has_case,
            "household_full": ask.household_full,
            "brought": self.class_id == BROUGHT,
            "request": ask.request,
            "guest": ask.guest,
            "grant": {
                "recorded": self.class_id != BROUGHT,
                "state": str(self.state),
                "basis": self.basis,
                "purposes": sorted(self.purposes),
            },
            "source": self.source,
            "tenant": self.tenant,
            "jurisdictions": sorted(self.jurisdictions),
            "covered_by": sorted(self.covered_by),
            "jurisdiction_known": self.known,
            "within_grant": self.within_grant,
            "flags": sorted(self.flags),
            "stopped": sorted(self.stopped),
            "client": self.client.context(),
        }


def brought_facts(client: ClientFacts = NOBODY) -> Facts:
    """The facts of the pictures that an asker brings: no grant, so only a rule made for them can permit."""
    nothing: frozenset[str] = frozenset()
    return Facts(
        class_id=BROUGHT, source="", tenant="operator", state=GrantState.IN_FORCE, basis="", purposes=nothing,
        jurisdictions=nothing, covered_by=nothing, known=True, within_grant=True, flags=nothing, stopped=nothing,
        client=client,
    )  # fmt: skip


def client_facts(uid: str | None, clients: Iterable[Client], orders: Iterable[Order], now: datetime) -> ClientFacts:
    """The facts of the client of that uid at `now` (aware); None: nobody's."""
    if uid is None:
        return NOBODY
    found = next((client for client in clients if client.uid == uid), None)
    if found is None:
        return ClientFacts(named=True)
    covering = [
        order for order in in_force(orders, now) if any(aims_at_client(*target, found) for target in order.targets)
    ]
    over = found.ended_at is not None or any(order.ends_contracts for order in covering)
    return ClientFacts(
        named=True,
        known=True,
        client_class=str(found.client_class),
        contract="ended" if over else "active",
        covered_by=_covered_by(frozenset({found.jurisdiction})),
        stopped=_stopped(covering),
    )


def facts_of(policy_class: PolicyClass, orders: Iterable[Order], now: datetime, client: ClientFacts = NOBODY) -> Facts:
    """The facts of a class at `now` (aware)."""
    places = policy_class.jurisdictions
    known = bool(places) and UNKNOWN not in places
    allowed = policy_class.grant.jurisdictions
    return Facts(
        class_id=policy_class.id,
        source=policy_class.source,
        tenant=policy_class.tenant,
        state=policy_class.grant.state(now),
        basis=str(policy_class.grant.basis),
        purposes=frozenset(str(p) for p in policy_class.purposes),
        jurisdictions=places,
        covered_by=_covered_by(places),
        known=known,
        within_grant=all(place == UNKNOWN or jurisdictions.within(place, allowed) for place in places),
        flags=policy_class.flags,
        stopped=_stopped(
            order for order in in_force(orders, now) if any(aims_at(*target, policy_class) for target in order.targets)
        ),
        client=client,
    )


def _covered_by(places: frozenset[str]) -> frozenset[str]:
    known = places - {UNKNOWN}
    return known.union(*(jurisdictions.parents(place) for place in known))


def in_force(orders: Iterable[Order], now: datetime) -> Iterator[Order]:
    """Those that bind at `now`.

    Each does from the commit that applied it, and a clock that is set back does not end it; its own term does.
    """
    return (order for order in orders if order.ends_at is None or now < order.ends_at)


def _stopped(orders: Iterable[Order]) -> frozenset[str]:
    """What these stop together: of two that disagree the stricter holds."""
    return frozenset().union(*(order.stops for order in orders))


def aims_at(scope: str, value: str, policy_class: PolicyClass) -> bool:
    """Whether a target of an order covers the pictures of a class. Unknown counts as covered."""
    if scope == "source":
        return policy_class.source == value
    return scope == "jurisdiction" and any(overlap(value, place) for place in policy_class.jurisdictions or {UNKNOWN})


def aims_at_client(scope: str, value: str, client: Client) -> bool:
    """Whether a target of an order covers a client. Unknown counts as covered."""
    if scope == "client":
        return client.uid == value
    if scope == "client_class":
        return client.client_class == value
    return scope == "jurisdiction" and overlap(value, client.jurisdiction)


def overlap(one: str, other: str) -> bool:
    """Whether the two may share a place: pictures from somewhere in US, an order for US-IL. Unknown may be anywhere."""
    return UNKNOWN in (one, other) or jurisdictions.covers(one, other) or jurisdictions.covers(other, one)


def changes_at(classes: Iterable[PolicyClass], orders: Iterable[Order], now: datetime) -> datetime | None:
    """The next moment at which time alone changes a fact, so that a kept decision knows when it is old."""
    moments = [m for c in classes for m in (c.grant.starts_at, c.grant.expires_at)]
    moments += [o.ends_at for o in orders]
    return min((m for m in moments if m is not None and m > now), default=None)
