"""By when a request must be answered. Rules without IO but for the shipped data file; no clock is read here.

Where several laws may count, the one whose term ends first decides; so it does where nobody knows which counts. The day
on which a request came is taken as that of the zone farthest west (UTC-12), and the last day ends as it does farthest
east (UTC+14), so that no deadline is late wherever the person is.
"""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import cache
from typing import Any, Final

from countenance import jurisdictions
from countenance.errors import WrongUse
from countenance.remedies import Remedy

OWN: Final = "own"
FARTHEST_WEST: Final = timezone(timedelta(hours=-12))
FARTHEST_EAST: Final = timezone(timedelta(hours=14))
_SATURDAY: Final = 5


@dataclass(frozen=True, slots=True)
class Term:
    """So many calendar months or days after a day."""

    months: int = 0
    days: int = 0

    def after(self, day: date) -> date:
        """The last day of the term. In a month without that day, the month's last.

        Source: Regulation (EEC, Euratom) No 1182/71, art. 3(1) and 3(2)(c). Its art. 3(4), by which a term that ends on
        a weekend ends on the next working day, is left out: earlier is never late.
        """
        years, month = divmod(day.month - 1 + self.months, 12)
        year = day.year + years
        last = calendar.monthrange(year, month + 1)[1]
        return date(year, month + 1, min(day.day, last)) + timedelta(days=self.days)


@dataclass(frozen=True, slots=True)
class Law:
    """One law's deadlines."""

    id: str
    name: str
    jurisdictions: frozenset[str]
    answer: Term
    extended: Term  # from the same first day
    reasons: bool  # an extension needs them
    cite: str
    confirm_business_days: int | None = None
    own: bool = False  # no law says so

    def counts_in(self, place: str) -> bool:
        """Whether somebody there may lean on it: it covers the place, or a part of it."""
        return any(
            jurisdictions.covers(each, place) or jurisdictions.covers(place, each) for each in self.jurisdictions
        )

    def due(self, opened: datetime) -> datetime:
        """The last moment at which the answer is in time, for a request opened then (aware)."""
        return _end_of(self.answer.after(_day(opened)))

    def due_extended(self, opened: datetime) -> datetime:
        """The same, once the term is extended."""
        return _end_of(self.extended.after(_day(opened)))

    def confirm_by(self, opened: datetime) -> datetime | None:
        """The last moment to confirm receipt; None: the law sets none."""
        if self.confirm_business_days is None:
            return None
        return _end_of(business_days_after(_day(opened), self.confirm_business_days))


def business_days_after(day: date, count: int) -> date:
    """The `count`-th Monday to Friday after `day`."""
    while count:
        day += timedelta(days=1)
        count -= day.weekday() < _SATURDAY
    return day


@cache
def laws() -> Mapping[str, Law]:
    """Every law of the data file, by id, in its order."""
    import tomllib
    from importlib.resources import files

    text = files("countenance.rights").joinpath("data", "deadlines.toml").read_text("utf-8")
    return {name: _law(name, raw) for name, raw in tomllib.loads(text).items()}


def law_for(opened: datetime, *, law: str | None = None, jurisdiction: str | None = None) -> Law:
    """The law whose deadline counts: the one named, or of those that may count there the first to end.

    Args: jurisdiction: where the person is; None or "unknown": nobody knows, and every law may count.
    Raises: WrongUse: no such law, no such place.
    """
    known = laws()
    if law is not None:
        if law not in known:
            raise WrongUse(
                f"{law!r} is not a law whose deadlines are known", Remedy.USE_ONE_OF, field="law", values=tuple(known)
            )
        return known[law]
    place = jurisdictions.UNKNOWN if jurisdiction is None else jurisdictions.parse(jurisdiction)
    if place == jurisdictions.UNKNOWN:
        candidates = list(known.values())
    else:
        candidates = [each for each in known.values() if each.counts_in(place)] or [known[OWN]]
    return min(candidates, key=lambda each: each.due(opened))


def _law(name: str, raw: dict[str, Any]) -> Law:
    return Law(
        id=name, name=raw["name"], jurisdictions=frozenset(raw["jurisdictions"]), answer=Term(**raw["answer"]),
        extended=Term(**raw["extended"]), reasons=raw["reasons"], cite=raw["cite"],
        confirm_business_days=raw.get("confirm_business_days"), own=raw.get("own", False),
    )  # fmt: skip


def _day(moment: datetime) -> date:
    return moment.astimezone(FARTHEST_WEST).date()


def _end_of(day: date) -> datetime:
    return datetime.combine(day, time.max, tzinfo=FARTHEST_EAST).astimezone(UTC).replace(microsecond=0)
