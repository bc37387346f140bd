"""What a grant must hold before it is recorded. Rules without IO.

Sources: PIPEDA Findings 2021-001 (Clearview AI), par. 40 to 57; Dutch AP, decision of 3 September 2024 (Clearview AI);
EDPB Guidelines 05/2022; Regulation (EU) 2024/1689 (AI Act), art. 5(1)(e).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final

from countenance import jurisdictions
from countenance.errors import GrantInvalid
from countenance.remedies import Remedy
from countenance.rights.retention import check_retention
from countenance.types import SUBJECT_BASES, Basis, HomeKind, Purpose

HOUSEHOLD_LIMIT: Final = 500_000  # pictures in a household home's household sources (docs/grants.md)
ERASE_WITHIN_DAYS: Final = 30  # after withdrawal or expiry, unless the grant says less

_PUBLIC: Final = frozenset({"public", "publicly-available", "publicly_available", "open-web", "osint", "scraped"})


@dataclass(frozen=True, slots=True)
class GrantTerms:
    """A grant that may be recorded; all of it checked."""

    basis: Basis
    default_jurisdictions: frozenset[str]  # of pictures without a value of their own; may be {"unknown"}
    jurisdictions: frozenset[str]  # what the grant covers
    purposes: frozenset[Purpose]
    expires_at: datetime | None
    erase_within_days: int
    retention: Mapping[str, Any] | None
    terms: tuple[tuple[str, str], ...]


def check_grant(
    *,
    home: HomeKind,
    now: datetime,
    basis: str,
    jurisdiction: str,
    within: str | None = None,
    purposes: Sequence[str] = (),
    has_evidence: bool = False,
    has_subjects: bool = False,
    expires: str | None = None,
    erase_within_days: int = ERASE_WITHIN_DAYS,
    retain_days: int | None = None,
    retain_from: str | None = None,
    retain_rule: str | None = None,
    law: str | None = None,
    authority: str | None = None,
) -> GrantTerms:
    """The terms of a grant, or the first thing that is wrong with it. Raises GrantInvalid, WrongUse (a place)."""
    chosen = check_basis(basis)
    if chosen is Basis.HOUSEHOLD and home is not HomeKind.HOUSEHOLD:
        raise GrantInvalid(
            "the household basis is for a household's home, and this is an organisation's",
            Remedy.USE_ONE_OF,
            field="basis",
            values=[each for each in Basis if each is not Basis.HOUSEHOLD],
        )
    default = jurisdictions.parse_set(jurisdiction)
    covered = jurisdictions.parse_set(within) if within else default
    outside = sorted(j for j in default if j != "unknown" and not jurisdictions.within(j, covered))
    if outside:
        raise GrantInvalid(
            f"the pictures' own jurisdiction {', '.join(outside)} is outside what the grant covers: "
            f"{', '.join(sorted(covered))}",
            Remedy.USE_ONE_OF,
            field="jurisdiction",
            values=sorted(covered),
        )
    if chosen is not Basis.HOUSEHOLD and not has_evidence:
        raise GrantInvalid(
            f"a grant on the basis of {chosen} needs its evidence: the signed form, contract, decision or record",
            Remedy.ADD_FIELD,
            field="evidence",
        )
    if chosen in SUBJECT_BASES and not has_subjects and Purpose.EVENT_DELIVERY not in purposes:
        raise GrantInvalid(
            f"a grant on the basis of {chosen} lists its subjects, because only their faces become templates; only "
            f"the purpose {Purpose.EVENT_DELIVERY}, for guests who consent one by one, goes without",
            Remedy.ADD_FIELD,
            field="subjects",
        )
    if has_subjects and chosen not in SUBJECT_BASES:
        raise GrantInvalid(f"a grant on the basis of {chosen} has no subjects", Remedy.OMIT_FIELD, field="subjects")
    terms = tuple(sorted((key, value) for key, value in (("law", law), ("authority", authority)) if value))
    if chosen is Basis.STATUTE and len(terms) < 2:
        raise GrantInvalid(
            "a grant by statute needs the law with its article, and the authority that it empowers",
            Remedy.ADD_ALL_OF,
            values=("law", "authority"),
        )
    if not 0 <= erase_within_days <= ERASE_WITHIN_DAYS:
        raise GrantInvalid(
            f"erasing within {erase_within_days} days is not within the {ERASE_WITHIN_DAYS} days allowed",
            Remedy.USE_RANGE,
            field="erase_within_days",
            values=(0, ERASE_WITHIN_DAYS),
        )
    return GrantTerms(
        basis=chosen,
        default_jurisdictions=default,
        jurisdictions=covered,
        purposes=_purposes(chosen, purposes),
        expires_at=_expiry(expires, now),
        erase_within_days=erase_within_days,
        retention=check_retention(days=retain_days, start=retain_from, rule=retain_rule),
        terms=terms,
    )


def check_basis(text: str) -> Basis:
    """A lawful basis. Raises GrantInvalid: there is none of that name, and *publicly available* is none."""
    if text.strip().lower().replace(" ", "-") in _PUBLIC:
        raise GrantInvalid(
            "'publicly available' is not accepted: being online is not consent. Canada's commissioners (PIPEDA "
            "Findings 2021-001), the Dutch AP (2024) and EDPB Guidelines 05/2022 held so, and the EU AI Act, "
            "art. 5(1)(e), bans untargeted scraping of facial images",
            Remedy.USE_ONE_OF,
            field="basis",
            values=tuple(Basis),
        )
    try:
        return Basis(text)
    except ValueError as error:
        raise GrantInvalid(
            f"{text!r} is not a lawful basis", Remedy.USE_ONE_OF, field="basis", values=tuple(Basis)
        ) from error


def _purposes(basis: Basis, asked: Sequence[str]) -> frozenset[Purpose]:
    known = [p for p in Purpose if p is not Purpose.HOUSEHOLD]
    try:
        chosen = frozenset(Purpose(text) for text in asked)
    except ValueError as error:
        raise GrantInvalid(
            f"{error}: purposes are a closed list", Remedy.USE_SOME_OF, field="purposes", values=known
        ) from error
    if basis is Basis.HOUSEHOLD:
        if chosen - {Purpose.HOUSEHOLD}:
            raise GrantInvalid(
                "the household basis allows the purpose household only", Remedy.OMIT_FIELD, field="purposes"
            )
        return frozenset({Purpose.HOUSEHOLD})
    if Purpose.HOUSEHOLD in chosen:
        raise GrantInvalid(
            f"the purpose household goes with the household basis, not with {basis}", Remedy.USE_SOME_OF,
            field="purposes", values=known,
        )  # fmt: skip
    if not chosen:
        raise GrantInvalid(
            f"a grant on the basis of {basis} needs a purpose", Remedy.USE_SOME_OF, field="purposes", values=known
        )
    return chosen


def _expiry(text: str | None, now: datetime) -> datetime | None:
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise GrantInvalid(
            f"{text!r} is not a date", Remedy.USE_FORMAT, field="expires", values=("2027-12-31",)
        ) from error
    moment = datetime.combine(day, time.max, tzinfo=UTC)  # the whole of that day still counts
    if moment <= now:
        raise GrantInvalid(f"the grant would have expired already, on {text}", Remedy.USE_FUTURE_DATE, field="expires")
    return moment
