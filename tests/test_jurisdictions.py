from itertools import chain
from pathlib import Path

import pycountry
import pytest

from countenance import jurisdictions
from countenance.errors import WrongUse
from countenance.jurisdictions import covers, name, parents, parse, parse_set, within

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("CA", "CA"),
        (" ca-on ", "CA-ON"),
        ("us_ca", "US-CA"),
        ("eu", "EU"),
        ("US-MI/Detroit", "US-MI/detroit"),
        ("us-ny/New York City", "US-NY/new-york-city"),
        ("Unknown", "unknown"),
    ],
)
def test_a_code_is_taken_however_it_is_typed(typed, code):
    assert parse(typed) == code


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("UK", "GB"),
        ("Ontario", "CA-ON"),
        ("Ontaroi", "CA-ON"),
        ("USA", "US"),
        ("Detroit", "US-MI/detroit"),
        ("European Union", "EU"),
        ("Georgia", "US-GA"),
        ("caon", "CA-ON"),
    ],
)
def test_a_name_is_refused_with_the_code_that_was_meant(typed, meant):
    with pytest.raises(WrongUse) as refused:
        parse(typed)
    assert f"{meant} (" in refused.value.hint


@pytest.mark.parametrize(
    "typed", ["", " ", "/", "-", "ZZ", "US-ZZ", "US-MI/", "US-MI/nowhere", "unknown/detroit", "\udc80", "U\nS"]
)
def test_what_is_no_code_is_refused_with_a_way_out(typed):
    with pytest.raises(WrongUse) as refused:
        parse(typed)
    assert refused.value.hint


def test_a_list_of_codes_is_a_set():
    assert parse_set("ca-on; us, EU,") == {"CA-ON", "US", "EU"}
    for nothing in ("", " , "):
        with pytest.raises(WrongUse):
            parse_set(nothing)


@pytest.mark.parametrize(
    ("code", "above"),
    [
        ("US-MI/detroit", ("US-MI", "US")),
        ("FR", ("EU", "EEA")),
        ("NO", ("EEA",)),
        ("FR-67", ("FR-6AE", "FR-GES", "FR", "EU", "EEA")),
        ("GB-EDH", ("GB-SCT", "GB")),
        ("CA", ()),
        ("unknown", ()),
    ],
)
def test_parents_come_nearest_first(code, above):
    assert parents(code) == above


def test_a_parent_covers_its_parts_and_never_the_other_way():
    assert covers("CA", "CA-ON")
    assert covers("EEA", "FR-75")
    assert covers("CA", "CA")
    assert not covers("CA-ON", "CA")
    assert not covers("CH", "FR")
    assert within("US-MI/detroit", frozenset({"GB", "US"}))
    assert not within("US", frozenset({"US-MI"}))
    assert not within("US", frozenset())


def test_unknown_is_within_nothing_not_even_itself():
    assert not within("unknown", frozenset({"unknown", "US", "EU"}))
    assert not covers("unknown", "unknown")
    assert not covers("US", "unknown")
    assert not covers("unknown", "US")


def test_a_place_that_iso_lists_twice_has_one_code():
    assert parse("PR") == parse("US-PR") == "US-PR"  # under US law
    assert within(parse("GP"), frozenset({"EU"}))  # an outermost region is in the EU
    assert not within(parse("FR-NC"), frozenset({"EU"}))  # an overseas territory is not
    data = jurisdictions._data()
    for kept in data.same.values():
        assert kept not in data.same  # no chains


def test_names_are_for_people():
    assert name("CA-ON") == "Ontario, Canada"
    assert name("US-MI/detroit") == "Detroit, Michigan, United States"
    assert name("EU") == "European Union"
    assert name("unknown") == "unknown"


def test_every_code_of_iso_is_known_and_stands_below_its_country():
    for country in pycountry.countries:
        assert parse(country.alpha_2)
    for part in pycountry.subdivisions:
        code = parse(part.code)
        assert code != part.code or covers(part.country_code, code)


def test_the_data_file_agrees_with_iso():
    data = jurisdictions._data()
    assert data.part_of == {part.code: part.parent_code for part in pycountry.subdivisions if part.parent_code}
    for code in chain(data.groups_of, data.places, data.same.values(), data.said.values()):
        assert parse(code) == code


def test_the_codes_and_names_are_those_of_pycountry(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    import iso3166

    assert iso3166.FILE.read_text("utf-8") == iso3166.text(), "run: python tools/iso3166.py"


@pytest.mark.parametrize("code", [*(c.alpha_2 for c in pycountry.countries), "FR-67", "US-MI", "ZZ", "ZZ-1"])
def test_a_code_has_the_name_that_people_use(code):
    country = pycountry.countries.get(alpha_2=code[:2])
    usual = getattr(country, "common_name", country.name) if country else code
    part = pycountry.subdivisions.get(code=code) if "-" in code else None
    assert name(code) == (f"{part.name}, {usual}" if part else usual)


def test_comparing_stored_codes_loads_no_list_of_countries():
    jurisdictions._iso.cache_clear()
    assert within("US-MI/detroit", frozenset({"US"}))
    assert jurisdictions._iso.cache_info().currsize == 0
