"""How long what a grant brought may be kept: a term that the grant itself sets, beside its expiry.

Kept with the grant as JSON: {"rule": "bipa"}, or {"days": N, "from": one of STARTS}.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from countenance.errors import GrantInvalid
from countenance.remedies import Remedy

STARTS: Final = ("added", "interaction", "purpose")  # added to the home; last interaction; purpose met
BIPA: Final = "bipa"
MAX_DAYS: Final = 36_525  # a century


def check_retention(*, days: int | None, start: str | None, rule: str | None) -> dict[str, Any] | None:
    """The term as it is kept; None: none is set. Raises GrantInvalid."""
    if rule is not None:
        if rule != BIPA:
            raise GrantInvalid(
                f"{rule!r} is not a rule of retention", Remedy.USE_ONE_OF, field="retain_rule", values=(BIPA,)
            )
        if days is not None or start is not None:
            raise GrantInvalid(
                "a rule of retention has its own term", Remedy.OMIT_FIELD, values=("retain_days", "retain_from")
            )
        return {"rule": BIPA}
    if days is None:
        if start is not None:
            raise GrantInvalid(
                "the beginning of the term is given, but not its length", Remedy.ADD_FIELD, field="retain_days",
                values=(365,),
            )  # fmt: skip
        return None
    if not 0 <= days <= MAX_DAYS:
        raise GrantInvalid(
            f"{days} days cannot be a term of retention", Remedy.USE_RANGE, field="retain_days", values=(0, MAX_DAYS)
        )
    if (start or STARTS[0]) not in STARTS:
        raise GrantInvalid(
            f"{start!r} is not a beginning of a term", Remedy.USE_ONE_OF, field="retain_from", values=STARTS
        )
    return {"days": days, "from": start or STARTS[0]}


def retention_ends(
    retention: Mapping[str, Any] | None, *, added_at: datetime, interaction_at: datetime | None,
    purpose_met_at: datetime | None,
) -> tuple[datetime, str] | None:  # fmt: skip
    """(when it is to be erased, why); None: no term, or one that has not begun.

    BIPA, 740 ILCS 14/15(a): when the initial purpose is satisfied, or within 3 years of the individual's last
    interaction, whichever is first; without any recorded interaction the 3 years run from the day the source was added.
    """
    if retention is None:
        return None
    last = interaction_at or added_at
    if retention.get("rule") == BIPA:
        three_years = _years_after(last, 3)
        if purpose_met_at is not None and purpose_met_at < three_years:
            return purpose_met_at, "its purpose is met (740 ILCS 14/15(a))"
        return three_years, "three years since the last interaction (740 ILCS 14/15(a))"
    start = {"added": added_at, "interaction": last, "purpose": purpose_met_at}[retention["from"]]
    if start is None:
        return None
    return start + timedelta(days=retention["days"]), f"its grant keeps it for {retention['days']} days"


def _years_after(moment: datetime, years: int) -> datetime:
    """The same day and time; of 29 February the 28th, where there is no 29th."""
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:
        return moment.replace(year=moment.year + years, day=28)
