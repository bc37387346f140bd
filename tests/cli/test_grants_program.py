"""Grants as a user meets them: each command is a process of its own, so each effect is there for the very next one."""

import os
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest

from countenance.app.home import open_home

HOUSEHOLD = ("--basis", "household", "--jurisdiction", "CA-ON")


def names(answer):
    return {lead["uri"].rsplit("/", 1)[1] for lead in answer["leads"]}


def as_if_later(desk, name, **times):
    """The grant's dates as they will stand some day: the program's clock can't be turned."""
    with patch.dict(os.environ, desk.environment()), open_home(desk.home) as home:
        home.parts.stores.records.sources.set_grant_state(home.source(name), **times)


# --- a household -----------------------------------------------------------------------------------------------------
def test_a_household_says_nothing_that_it_would_not_know(desk, album):
    source = desk.quick.does("source", "add", "album", album.root, *HOUSEHOLD)
    assert (source["basis"], source["purposes"], source["state"]) == ("household", ["household"], "in_force")
    assert source["expires_at"] is None
    assert source["erase_within_days"] == 30
    assert source["evidence_sha256"] is None


@pytest.mark.parametrize("basis", ["public", "publicly-available", "Publicly Available", "osint", "scraped"])
def test_being_public_is_no_right_and_the_error_says_who_held_so(desk, album, basis):
    error = desk.quick.fails(
        2, "grant_invalid", "source", "add", "web", album.root, "--basis", basis, "--jurisdiction", "CA"
    )
    for word in ("PIPEDA", "2021-001", "AI Act", "5(1)(e)"):
        assert word in error["message"]
    assert "consent" in error["hint"]
    assert desk.quick.does("source", "list")["sources"] == []


def test_an_unknown_jurisdiction_is_not_indexed(desk, album):
    desk = desk.quick
    desk.run("source", "add", "album", album.root, "--basis", "household", "--jurisdiction", "unknown").ended(
        0, "unknown"
    )
    [report] = desk.does("ingest")["sources"]
    assert report["indexed"] == 0
    assert report["refused"] == {"not_permitted": report["faces"]}
    assert desk.run("search", album.probe).code in {0, 3}


# --- a grant's life --------------------------------------------------------------------------------------------------
@pytest.mark.program
def test_suspended_and_resumed_in_the_very_next_process(mine, album):
    before = mine.does("search", album.probe)
    assert len(before["leads"]) == 3
    mine.run("source", "suspend", "album").ended(0, "no search finds")
    error = mine.fails(3, "policy_denied", "search", album.probe)
    assert "suspended" in error["message"]
    assert error["rules"]
    assert "resume" in error["hint"]
    mine.quick.fails(3, "policy_denied", "ingest", "album")
    assert mine.quick.does("ingest")["skipped"] == [{"source": "album", "why": "its grant is suspended"}]
    mine.run("source", "resume", "album").ended(0)
    after = mine.does("search", album.probe)
    assert [lead["face_id"] for lead in after["leads"]] == [lead["face_id"] for lead in before["leads"]]
    assert mine.quick.does("status")["due"] == []


@pytest.mark.program
def test_withdrawn_for_good_and_due_within_its_days(mine, album):
    mine.run("source", "withdraw", "album").ended(0, "30 days", "erase --source album")
    assert "withdrawn" in mine.fails(3, "policy_denied", "search", album.probe)["message"]
    quick = mine.quick
    [duty] = quick.does("status")["due"]
    assert (duty["source"], duty["days_left"], duty["overdue"]) == ("album", 30, False)
    quick.run("status").ended(0, "due within 30 days", "erase --source album")
    quick.run("doctor").ended(0, "warning")
    for act in ("resume", "suspend"):
        assert "has ended" in quick.fails(2, "wrong_use", "source", act, "album")["message"]
    as_if_later(mine, "album", withdrawn_at=datetime.now(UTC) - timedelta(days=29, hours=1))
    quick.run("source", "withdraw", "album").ended(0)  # a second time puts nothing off
    assert quick.does("status")["due"][0]["days_left"] == 1
    as_if_later(mine, "album", withdrawn_at=datetime.now(UTC) - timedelta(days=31))
    assert quick.does("status")["due"][0]["overdue"] is True
    quick.run("status").ended(0, "OVERDUE")
    quick.run("doctor").ended(1, "problem")
    quick.run("erase", "--source", "album").ended(0)
    assert quick.does("status")["due"] == []
    quick.run("doctor").ended(0)


@pytest.mark.program
def test_taken_down_at_once(mine, album):
    assert mine.does("source", "takedown", "album")["pictures"] == 24
    mine.fails(4, "not_found", "search", album.probe)
    assert mine.quick.does("status")["faces"] == 0
    kinds = [entry["kind"] for entry in mine.quick.does("log", "show", "--last", 6)["entries"]]
    assert "source.takedown" in kinds
    assert "erase.done" in kinds


@pytest.mark.program
def test_expired_it_is_out_of_the_very_next_search_and_due(mine, album):
    as_if_later(mine, "album", expires_at=datetime.now(UTC) + timedelta(days=9, hours=1))
    assert mine.quick.does("source", "show", "album")["days_left"] == 9
    mine.quick.run("status").ended(0, "9 days left", "ends soon")
    as_if_later(mine, "album", expires_at=datetime.now(UTC) - timedelta(days=20))
    assert "expired" in mine.fails(3, "policy_denied", "search", album.probe)["message"]
    assert mine.quick.does("status")["due"][0]["days_left"] == 10
    mine.quick.run("source", "withdraw", "album").ended(0)
    assert mine.quick.does("status")["due"][0]["days_left"] == 10, "withdrawing what has expired puts nothing off"
    mine.quick.fails(2, "wrong_use", "source", "resume", "album")


def test_the_last_day_still_counts_and_the_grant_may_say_less_than_30(desk, album):
    desk, today = desk.quick, datetime.now(UTC).date().isoformat()
    desk.run("source", "add", "album", album.root, *HOUSEHOLD, "--expires", today, "--erase-within", 3).ended(0)
    assert desk.does("source", "show", "album")["state"] == "in_force"
    as_if_later(desk, "album", expires_at=datetime.now(UTC) - timedelta(hours=1))
    assert desk.does("status")["due"][0]["days_left"] == 3
    desk.fails(2, "grant_invalid", "source", "add", "b", album.root, *HOUSEHOLD, "--expires", "2001-01-01")
    desk.fails(2, "grant_invalid", "source", "add", "b", album.root, *HOUSEHOLD, "--erase-within", 31)


# --- consent ---------------------------------------------------------------------------------------------------------
@pytest.fixture
def consents(tmp_path, album):
    """A CSV with one subject, Grace Hopper, by the photograph that shows her alone."""
    (tmp_path / "form.pdf").write_bytes(b"%PDF-1.4 signed")
    (tmp_path / "her.jpg").write_bytes((album.root / "portraits" / "Grace Hopper, 1984.jpg").read_bytes())
    (tmp_path / "people.csv").write_text(
        "name,evidence,reference\nRear Admiral G. M. H.,form.pdf,her.jpg\n", encoding="utf-8"
    )
    return ("--basis", "consent", "--jurisdiction", "US", "--purpose", "own-data",
            "--evidence", tmp_path / "form.pdf", "--subjects", tmp_path / "people.csv")  # fmt: skip


@pytest.mark.program
def test_only_who_consented_becomes_a_template(desk, album, consents):
    added = desk.quick.does("source", "add", "album", album.root, *consents)
    assert len(added["evidence_sha256"]) == 64
    [report] = desk.does("ingest")["sources"]
    assert report["indexed"] + report["refused"]["not_a_subject"] == report["faces"] == 26
    answer = desk.quick.does("search", album.probe, "--purpose", "own-data", "--top", 100, "--threshold", -1)
    assert answer["searched"] == report["indexed"]
    assert all("opper" in name or "scan" in name for name in names(answer))
    assert {"Hopper%2C%20grey.tif", "hopper-avatar.jpg"} <= names(answer)
    for person in ("dahlgren", "Dahlgren", "brother", "Claudet", "Expedition", "0004", "0007"):
        assert not any(person in name for name in names(answer))
    desk.quick.run("doctor").ended(0)
    spilt = [path for path in desk.home.rglob("*") if path.is_file() and b"Rear Admiral" in path.read_bytes()]
    assert spilt == [], "her name is sealed"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("Marie Curie,form.pdf,nowhere.jpg", "does not exist"),
        ("Marie Curie,,her.jpg", "evidence is empty"),
        ("Marie Curie,form.pdf,form.pdf", "can't be used"),
        ("Nobody,form.pdf,cat.jpg", "holds no faces"),
        ("Some of them,form.pdf,five.jpg", "holds 5 faces"),
        ("Some of them,form.pdf,five.jpg,9", "no face 9"),
        ("Some of them,form.pdf,five.jpg,first", "is not a number"),
    ],
)
def test_a_list_of_subjects_that_does_not_hold(desk, album, tmp_path, consents, row, words):
    (tmp_path / "cat.jpg").write_bytes((album.root / "cats and cups" / "Chelsea.jpg").read_bytes())
    (tmp_path / "five.jpg").write_bytes((album.root / "groups" / "Expedition, 1897.jpg").read_bytes())
    (tmp_path / "people.csv").write_text(f"name,evidence,reference,face\n{row}\n", encoding="utf-8")
    error = desk.quick.fails(2, "grant_invalid", "source", "add", "album", album.root, *consents)
    assert words in error["message"]
    assert "line 2" in error["message"]
    assert desk.quick.does("source", "list")["sources"] == []


# --- organisations ---------------------------------------------------------------------------------------------------
@pytest.mark.program
def test_an_organisation_names_purpose_and_case(desk, album, tmp_path):
    (tmp_path / "deed.txt").write_text("a deed of gift")
    desk.quick.run("init", "--kind", "organisation").ended(0)
    quick = desk.quick
    assert "household" in quick.fails(2, "grant_invalid", "source", "add", "a", album.root, *HOUSEHOLD)["message"]
    grant = ("--basis", "historical", "--jurisdiction", "US,FR,SE,NO", "--purpose", "archive-description")
    assert "evidence" in quick.fails(2, "grant_invalid", "source", "add", "a", album.root, *grant)["message"]
    quick.run("source", "add", "a", album.root, *grant, "--evidence", tmp_path / "deed.txt").ended(0)
    quick.run("ingest").ended(0, "26 indexed")
    assert "--purpose" in quick.fails(2, "wrong_use", "search", album.probe)["hint"]
    wanted = ("--purpose", "archive-description")
    assert "--case" in quick.fails(3, "policy_denied", "search", album.probe, *wanted)["hint"]
    assert "--case" in quick.fails(3, "policy_denied", "compare", album.probe, album.probe, *wanted)["hint"]
    quick.fails(3, "policy_denied", "search", album.probe, "--purpose", "research", "--case", "2026-7")
    quick.fails(3, "policy_denied", "search", album.probe, "--purpose", "household", "--case", "2026-7")
    quick.fails(2, "wrong_use", "search", album.probe, *wanted, "--case", "\n")
    assert quick.does("search", album.probe, *wanted, "--case", "2026-7")["leads"]
    assert quick.does("compare", album.probe, album.probe, *wanted, "--case", "2026-7")["score"] == 1
    spilt = [path for path in desk.home.rglob("*") if path.is_file() and b"deed of gift" in path.read_bytes()]
    assert spilt == [], "evidence is sealed"


def test_a_statute_names_its_law_and_authority(desk, album, tmp_path):
    (tmp_path / "order.txt").write_text("an order")
    grant = ("--basis", "statute", "--jurisdiction", "CA-ON", "--purpose", "missing-person",
             "--evidence", tmp_path / "order.txt")  # fmt: skip
    error = desk.quick.fails(2, "grant_invalid", "source", "add", "a", album.root, *grant)
    assert "--authority" in error["hint"]
    added = desk.quick.does("source", "add", "a", album.root, *grant, "--law", "Act, s. 1", "--authority", "OPP")
    assert added["terms"] == {"law": "Act, s. 1", "authority": "OPP"}
