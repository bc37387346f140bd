"""Every date by the book, and never late wherever the person is."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countenance.errors import WrongUse
from countenance.rights.deadlines import Term, business_days_after, law_for, laws


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("law", "opened", "due", "extended"),
    [
        ("gdpr", "2026-11-23T12:00", "2026-12-23", "2027-02-23"),
        ("gdpr", "2027-01-31T12:00", "2027-02-28", "2027-04-30"),  # a month without that day ends with its last
        ("gdpr", "2028-01-31T12:00", "2028-02-29", "2028-04-30"),  # a leap year
        ("gdpr", "2026-11-30T12:00", "2026-12-30", "2027-02-28"),
        ("uk-gdpr", "2026-12-31T12:00", "2027-01-31", "2027-03-31"),
        ("ccpa", "2026-11-23T12:00", "2027-01-07", "2027-02-21"),
        ("pipeda", "2028-02-01T12:00", "2028-03-02", "2028-04-01"),  # over a 29 February
        ("bipa", "2026-11-23T12:00", "2026-12-23", "2027-01-22"),
        ("own", "2026-11-23T12:00", "2026-12-23", "2027-01-22"),
        ("pipeda", "2026-11-23T11:59", "2026-12-22", "2027-01-21"),  # the 22nd yet, farthest west
    ],
)
def test_the_terms_of_each_law(law, opened, due, extended):
    known = laws()[law]
    assert known.due(at(opened)) == at(f"{due}T09:59:59")  # the end of that day, farthest east
    assert known.due_extended(at(opened)) == at(f"{extended}T09:59:59")


@pytest.mark.parametrize(
    ("day", "count", "last"),
    [
        ("2026-11-23", 10, "2026-12-07"),  # Monday
        ("2026-11-27", 1, "2026-11-30"),  # Friday
        ("2026-11-28", 1, "2026-11-30"),  # Saturday
        ("2026-12-24", 10, "2027-01-07"),
        ("2026-11-23", 0, "2026-11-23"),
    ],
)
def test_business_days(day, count, last):
    assert business_days_after(date.fromisoformat(day), count) == date.fromisoformat(last)


def test_only_californias_law_wants_receipt_confirmed():
    confirmed = {law.id: law.confirm_by(at("2026-11-23T12:00")) for law in laws().values()}
    assert confirmed.pop("ccpa") == at("2026-12-07T09:59:59")
    assert set(confirmed.values()) == {None}


@pytest.mark.parametrize(
    ("place", "law"),
    [("FR", "gdpr"), ("NO", "gdpr"), ("EU", "gdpr"), ("GB", "uk-gdpr"), ("US-CA", "ccpa"), ("CA-ON", "pipeda"),
     ("CA", "pipeda"), ("US-IL", "bipa"), ("US-TX", "own"), ("JP", "own"), ("US", "bipa")],
)  # fmt: skip
def test_the_place_chooses_the_law(place, law):
    assert law_for(at("2026-11-23T12:00"), jurisdiction=place).id == law


@pytest.mark.parametrize(("opened", "law"), [("2027-01-31T12:00", "gdpr"), ("2027-03-05T12:00", "pipeda")])
def test_where_nobody_knows_the_first_term_to_end_counts(opened, law):
    for place in (None, "unknown"):
        found = law_for(at(opened), jurisdiction=place)
        assert found.due(at(opened)) == laws()[law].due(at(opened)) == min(x.due(at(opened)) for x in laws().values())


def test_a_law_is_named_or_refused():
    assert law_for(at("2026-11-23T12:00"), law="ccpa", jurisdiction="FR").id == "ccpa"
    with pytest.raises(WrongUse, match="not a law"):
        law_for(at("2026-11-23T12:00"), law="lgpd")
    with pytest.raises(WrongUse, match="not a jurisdiction"):
        law_for(at("2026-11-23T12:00"), jurisdiction="Atlantis")


def test_what_no_law_sets_says_so():
    assert {law.id for law in laws().values() if law.own} == {"bipa", "own"}
    assert all("this program's own" in law.cite for law in laws().values() if law.own)


@given(
    moment=st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)),  # noqa: DTZ001  the zone comes next
    offset=st.integers(-12 * 4, 14 * 4),
    law=st.sampled_from(sorted(laws())),
)
def test_no_deadline_is_late_in_any_zone(moment, offset, law):
    zone = timezone(timedelta(minutes=15 * offset))
    opened = moment.replace(tzinfo=zone)
    for term, due in ((laws()[law].answer, laws()[law].due), (laws()[law].extended, laws()[law].due_extended)):
        end_of_last_day = datetime.combine(term.after(opened.date()) + timedelta(days=1), datetime.min.time(), zone)
        assert due(opened) < end_of_last_day
        assert end_of_last_day - due(opened) < timedelta(days=7)


def test_months_turn_the_year():
    assert Term(months=14).after(date(2026, 11, 30)) == date(2028, 1, 30)
