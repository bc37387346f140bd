"""Gate 1: whether anything may be collected from a source now."""

from __future__ import annotations

from countenance.permits import Act, Permit
from countenance.pipeline.stores import Stores
from countenance.records.sources.sources import Source
from countenance.rights.grants import HOUSEHOLD_LIMIT
from countenance.types import Basis


def decide_collect(stores: Stores, source: Source) -> Permit:
    """A permit to collect from the source, good for a minute. Raises: PolicyDenied (logged as well), LogUnwritable."""
    household = source.grant.basis is Basis.HOUSEHOLD
    full = household and stores.records.pictures.count_household(at_least=HOUSEHOLD_LIMIT) >= HOUSEHOLD_LIMIT
    permit, _ = stores.policy.decide(
        stores.ask(Act.COLLECT, household_full=full),
        classes=frozenset({stores.records.sources.ensure_class(source.grant, source.jurisdictions)}),
        record={"source": source.uid},
    )
    return permit
