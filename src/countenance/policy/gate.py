"""The gates' one decision maker. It decides, writes the decision to the log, and only then mints the permit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from countenance.errors import PolicyDenied
from countenance.permits import Act, Permit, mint
from countenance.policy.facts import PolicyQuery, brought_facts, changes_at, client_facts, facts_of
from countenance.policy.rules import RuleFiles
from countenance.protocols import AuditLog
from countenance.remedies import Remedy
from countenance.types import ClassId, Client, Order, PolicyClass

# policy version, classes, orders, clients
PolicyState = tuple[int, tuple[PolicyClass, ...], tuple[Order, ...], tuple[Client, ...]]


@dataclass(frozen=True, slots=True)
class PolicyDecision:
    """What the rules say of an ask, class by class. Not a permit: nothing has been logged yet."""

    ask: PolicyQuery
    version: int
    rules_sha256: str
    allowed: Mapping[ClassId, tuple[str, ...]]  # class -> the rules that permit it
    denied: Mapping[ClassId, tuple[str, ...]]  # class -> the rules that forbid it; empty: nothing permits it
    good_from: datetime  # a clock that is set back before it makes it old too
    good_until: datetime | None  # when time alone makes it old

    def good_at(self, now: datetime) -> bool:
        """Whether time alone has not made it old."""
        return self.good_from <= now and (self.good_until is None or now < self.good_until)


class Policy:
    """Decides by data: rules, grants, orders. Holds no picture, no face and no database."""

    def __init__(
        self,
        rules: RuleFiles,
        log: AuditLog,
        state: Callable[[], PolicyState],
        version: Callable[[], int],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`state` reads all that policy depends on; `version` reads its version alone, which is cheap."""
        self._rules = rules
        self._log = log
        self._state = state
        self._version = version
        self._clock = clock
        self._kept: dict[tuple[PolicyQuery, str], PolicyDecision] = {}

    def consider(self, ask: PolicyQuery) -> PolicyDecision:
        """The decision, neither logged nor enforced: for status pages and simulations. Never a permit."""
        now, rules, version = self._clock(), self._rules.current(), self._version()
        kept = self._kept.get((ask, rules.sha256))
        if kept is not None and kept.version == version and kept.good_at(now):
            return kept
        version, classes, orders, clients = self._state()
        client = client_facts(ask.client, clients, orders, now)
        facts = [facts_of(policy_class, orders, now, client) for policy_class in classes]
        if ask.brought:
            facts.append(brought_facts(client))
        verdicts = rules.judge(ask, facts)
        decision = PolicyDecision(
            ask=ask,
            version=version,
            rules_sha256=rules.sha256,
            allowed={f.class_id: v.rules for f, v in zip(facts, verdicts, strict=True) if v.allowed},
            denied={f.class_id: v.rules for f, v in zip(facts, verdicts, strict=True) if not v.allowed},
            good_from=now,
            good_until=changes_at(classes, orders, now),
        )
        if len(self._kept) > 64:  # asks differ by purpose, act and case or none; a count of pictures must not pile up
            self._kept.clear()
        self._kept[ask, rules.sha256] = decision
        return decision

    def decide(
        self, ask: PolicyQuery, *, classes: frozenset[ClassId] | None = None, record: Mapping[str, Any] | None = None
    ) -> tuple[Permit, PolicyDecision]:
        """A permit for `ask`, after the decision is durably in the log.

        Args: classes: those the act is about (None: all; a search is over whatever is permitted);
        record: what else the log is to say of it: pseudonyms and hashes only.
        Raises: PolicyDenied: no class may (logged as well); LogUnwritable: nothing is permitted then.
        """
        decision = self.consider(ask)
        allowed = frozenset(decision.allowed if classes is None else classes & decision.allowed.keys())
        refused = decision.denied.keys() if classes is None else classes - allowed
        reasons = tuple(sorted({rule for class_id in allowed for rule in decision.allowed[class_id]}))
        against = tuple(sorted({rule for class_id in refused for rule in decision.denied.get(class_id, ())}))
        entry = self._log.append(
            f"{ask.act}.{'decided' if allowed else 'denied'}",
            {
                **(record or {}),
                "seat": ask.seat,
                "purpose": str(ask.purpose) if ask.purpose else None,
                "classes": sorted(allowed),
                "rules": list(reasons or against),
                "rules_sha256": decision.rules_sha256,
                "policy_version": decision.version,
            },
        )
        if not allowed:
            remedy, field = _remedy(against)
            raise PolicyDenied(_why(ask, against), remedy, field=field, rules=against)
        return mint(act=ask.act, classes=allowed, log_entry=entry.id, reasons=reasons), decision


_ACTS = {
    Act.COLLECT: "collecting",
    Act.EMBED: "making templates",
    Act.SEARCH: "searching",
    Act.GROUP: "suggesting who is one person",
    Act.SUBJECT_CHECK: "checking for subjects",
    Act.SUPPRESSION_CHECK: "checking for suppressed persons",
}
_EXPLAINED: Final = {  # rule -> (why it forbids, how to go on)
    "no-groups-across-a-gallery": (
        "an organisation may sort only subjects of a consent or licence grant into persons, not its whole gallery",
        Remedy.MAKE_PERSON,
    ),
    "grant-suspended": ("its grant is suspended", Remedy.RESUME_SOURCE),
    "grant-withdrawn": ("its grant is withdrawn", Remedy.ADD_SOURCE),
    "grant-expired": ("its grant has expired", Remedy.ADD_SOURCE),
    "jurisdiction-unknown": ("its jurisdiction is unknown, and unknown means not indexed", Remedy.NAME_JURISDICTION),
    "jurisdiction-outside-grant": ("it lies outside the grant's jurisdictions", Remedy.SHOW_SOURCE),
    "household-limit": (
        "a household's home holds at most 500,000 pictures, an organisation's as many as fit",
        Remedy.USE_ORGANISATION_HOME,
    ),
    "household-purpose-with-household-basis": (
        "the purpose household is for sources under the household basis only",
        Remedy.SHOW_SOURCE,
    ),
    "organisation-search-needs-a-case": ("an organisation's search needs a case", Remedy.ADD_FIELD),
    **{
        f"order-stop-{act}": (f"an order in force stops {act}", Remedy.LIST_ORDERS)
        for act in ("collecting", "embedding", "offering")
    },
    "client-unknown": ("there is no such client", Remedy.LIST_CLIENTS),
    "client-contract-ended": ("the client's contract has ended", Remedy.SHOW_CLIENT),
    "client-order-stop-offering": ("an order in force stops offering to this client", Remedy.LIST_ORDERS),
}


def _why(ask: PolicyQuery, rules: tuple[str, ...]) -> str:
    named = [_EXPLAINED[rule][0] if rule in _EXPLAINED else f"rule {rule}" for rule in rules]
    because = "; ".join(named) or (f"no grant names the purpose {ask.purpose}" if ask.purpose else "nothing permits it")
    return f"{_ACTS[ask.act]} is not permitted: {because}"


def _remedy(rules: tuple[str, ...]) -> tuple[Remedy, str]:
    """How to go on, and the parameter that it is about."""
    remedy = next((_EXPLAINED[rule][1] for rule in rules if rule in _EXPLAINED), Remedy.LIST_SOURCES)
    return remedy, "case" if remedy is Remedy.ADD_FIELD else ""
