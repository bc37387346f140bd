"""What a decision is made of: who asks what for which reason, and the state of a policy class at that moment.

Facts are values without identity, so that equal facts get one decision (DESIGN.md section 2: once per distinct tuple of
attributes, never per face).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from countenance import jurisdictions
from countenance.permits import Act
from countenance.types import GrantState, HomeKind, Order, PolicyClass, Purpose

UNKNOWN = "unknown"
BROUGHT = 0  # the class of pictures that the asker brings and that stay nowhere: both sides of `compare`


@dataclass(frozen=True, slots=True)
class Ask:
    """Who asks what, and why. A seat, client and authority join here when there are several."""

    act: Act
    home: HomeKind
    purpose: Purpose | None = None  # None: implied by each grant (a household home), or the act has none
    has_case: bool = False
    household_full: bool = False  # the home's household sources hold as many pictures as they may
    seat: str = "owner"
    brought: bool = False  # about pictures that the asker brings, and no gallery


@dataclass(frozen=True, slots=True)
class Facts:
    """One policy class as the rules see it; `context` gives each attribute its name there."""

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

    def context(self, ask: Ask) -> dict[str, Any]:
        """The Cedar context."""
        return {
            "home": str(ask.home),
            "seat": ask.seat,
            # In a household home each grant implies its own purpose, so nobody is asked for one.
            "purpose": str(ask.purpose or (min(self.purposes, default="") if ask.home is HomeKind.HOUSEHOLD else "")),
            "has_case": ask.has_case,
            "household_full": ask.household_full,
            "brought": self.class_id == BROUGHT,
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
        }


def brought_facts() -> Facts:
    """The facts of the pictures that an asker brings: no grant, so only a rule made for them can permit."""
    nothing: frozenset[str] = frozenset()
    return Facts(
        class_id=BROUGHT, source="", tenant="operator", state=GrantState.IN_FORCE, basis="", purposes=nothing,
        jurisdictions=nothing, covered_by=nothing, known=True, within_grant=True, flags=nothing, stopped=nothing,
    )  # fmt: skip


def facts_of(policy_class: PolicyClass, orders: Iterable[Order], now: datetime) -> Facts:
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
        stopped=frozenset().union(*(o.stops for o in orders if _covers(o, policy_class, now))),
    )


def _covered_by(places: frozenset[str]) -> frozenset[str]:
    known = places - {UNKNOWN}
    return known.union(*(jurisdictions.parents(place) for place in known))


def _covers(order: Order, policy_class: PolicyClass, now: datetime) -> bool:
    in_force = now >= order.starts_at and (order.ends_at is None or now < order.ends_at)
    return in_force and any(_aims_at(scope, value, policy_class) for scope, value in order.targets)


def _aims_at(scope: str, value: str, policy_class: PolicyClass) -> bool:
    if scope == "source":
        return policy_class.source == value
    if scope == "jurisdiction":
        # Unknown counts as covered; so does a place that merely overlaps (pictures from somewhere in US, an order
        # for US-IL).
        return UNKNOWN in policy_class.jurisdictions or any(
            jurisdictions.covers(value, place) or jurisdictions.covers(place, value)
            for place in policy_class.jurisdictions
        )
    return False  # a client or a class of them: no home has clients yet


def changes_at(classes: Iterable[PolicyClass], orders: Iterable[Order], now: datetime) -> datetime | None:
    """The next moment at which time alone changes a fact, so that a kept decision knows when it is old."""
    moments = [m for c in classes for m in (c.grant.starts_at, c.grant.expires_at)]
    moments += [m for o in orders for m in (o.starts_at, o.ends_at)]
    return min((m for m in moments if m is not None and m > now), default=None)
