"""What a grant must hold, clause by clause."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countenance.errors import GrantInvalid, WrongUse
from countenance.rights.grants import ERASE_WITHIN_DAYS, check_basis, check_grant
from countenance.types import SUBJECT_BASES, Basis, HomeKind, Purpose

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
OTHERS = sorted(set(Basis) - {Basis.HOUSEHOLD})


def whole(basis, **changes):
    """A grant that may be recorded, on this basis."""
    terms = {"home": HomeKind.HOUSEHOLD, "now": NOW, "basis": basis, "jurisdiction": "CA-ON"}
    if basis != "household":
        terms |= {"purposes": ["research"], "has_evidence": True, "has_subjects": basis in SUBJECT_BASES}
    if basis == "statute":
        terms |= {"law": "Act, s. 1", "authority": "OPP"}
    return terms | changes


def refused(words, basis="household", **changes):
    with pytest.raises(GrantInvalid, match=words) as caught:
        check_grant(**whole(basis, **changes))
    assert caught.value.hint
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("basis", Basis)
def test_every_basis_can_be_recorded(basis):
    terms = check_grant(**whole(basis))
    assert terms.basis is basis
    assert terms.default_jurisdictions == terms.jurisdictions == {"CA-ON"}
    assert terms.erase_within_days == ERASE_WITHIN_DAYS
    assert terms.expires_at is None


@pytest.mark.parametrize("basis", OTHERS)
def test_an_organisation_may_use_all_but_household(basis):
    assert check_grant(**whole(basis, home=HomeKind.ORGANISATION)).basis is basis
    refused("household's home", home=HomeKind.ORGANISATION)


@pytest.mark.parametrize("basis", OTHERS)
def test_every_other_basis_needs_evidence_and_a_purpose(basis):
    refused("needs its evidence", basis, has_evidence=False)
    refused("needs a purpose", basis, purposes=[])
    refused("goes with the household basis", basis, purposes=["household"])
    refused("closed list", basis, purposes=["mass-identification"])


@pytest.mark.parametrize("basis", Basis)
def test_subjects_go_with_consent_and_licence_alone(basis):
    if basis in SUBJECT_BASES:
        refused("lists its subjects", basis, has_subjects=False)
    else:
        refused("has no subjects", basis, has_subjects=True)


def test_a_household_has_one_purpose():
    assert check_grant(**whole("household")).purposes == {Purpose.HOUSEHOLD}
    assert check_grant(**whole("household", purposes=["household"])).purposes == {Purpose.HOUSEHOLD}
    refused("purpose household only", purposes=["research"])
    refused("purpose household only", purposes=["household", "research"])


def test_several_purposes():
    terms = check_grant(**whole("historical", purposes=["research", "archive-description", "research"]))
    assert terms.purposes == {Purpose.RESEARCH, Purpose.ARCHIVE_DESCRIPTION}


@pytest.mark.parametrize("missing", ["law", "authority"])
def test_a_statute_names_law_and_authority(missing):
    refused("needs the law", "statute", **{missing: None})
    refused("needs the law", "statute", **{missing: ""})
    assert check_grant(**whole("statute")).terms == (("authority", "OPP"), ("law", "Act, s. 1"))


# --- jurisdictions ---------------------------------------------------------------------------------------------------
def test_the_default_lies_within_what_is_covered():
    terms = check_grant(**whole("household", jurisdiction="CA-ON,CA-QC", within="CA"))
    assert (terms.default_jurisdictions, terms.jurisdictions) == ({"CA-ON", "CA-QC"}, {"CA"})
    refused("is outside what the grant covers", jurisdiction="CA-ON,FR", within="CA")


def test_unknown_is_a_default_and_covers_nothing():
    terms = check_grant(**whole("household", jurisdiction="unknown", within="FR"))
    assert (terms.default_jurisdictions, terms.jurisdictions) == ({"unknown"}, {"FR"})


def test_a_place_that_is_none():
    with pytest.raises(WrongUse):
        check_grant(**whole("household", jurisdiction="Atlantis"))


# --- time ------------------------------------------------------------------------------------------------------------
def test_the_last_day_counts_whole():
    ends = check_grant(**whole("household", expires="2026-11-23")).expires_at
    assert ends.date() == NOW.date()
    assert ends > NOW
    assert ends - NOW < timedelta(days=1)
    refused("expired already", expires="2026-11-22")


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "23.11.2027", "2026-11-23T12:00"])
def test_a_day_that_is_none(text):
    refused("not a date", expires=text)


@pytest.mark.parametrize(("days", "good"), [(-1, False), (0, True), (30, True), (31, False)])
def test_within_how_many_days_it_is_erased(days, good):
    if good:
        assert check_grant(**whole("household", erase_within_days=days)).erase_within_days == days
    else:
        refused("30 days allowed", erase_within_days=days)


# --- bases -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("text", ["public", " Public ", "publicly available", "PUBLICLY-AVAILABLE", "open web",
                                  "publicly_available", "osint", "scraped"])  # fmt: skip
def test_being_online_is_not_consent(text):
    with pytest.raises(GrantInvalid, match="being online is not consent") as caught:
        check_basis(text)
    for source in ("PIPEDA Findings 2021-001", "Dutch AP (2024)", "05/2022", "5(1)(e)"):
        assert source in caught.value.message


@given(st.text().filter(lambda text: text not in set(Basis)))
def test_the_list_of_bases_is_closed(text):
    with pytest.raises(GrantInvalid):
        check_basis(text)
