"""Probes that an organisation keeps with its cases: their term, their erasure, and that nothing is left of them."""

from datetime import timedelta

import pytest

from countenance.app.upkeep.restore import restore
from countenance.errors import NotFound, WrongUse
from countenance.pipeline.garbage_collect import collect_garbage
from countenance.testing.toy import picture
from support.bytescan import Thief
from support.disk_home import held_by, opened

ALICE, ROSALIND = "alice-of-the-archive", "other-rosalind"
ASKED = {"purpose": "research", "case": "2026-7"}
OF_ALICE = picture(f"{ALICE}@10,20,60,80", "and-a-passer-by@70,20,90,80")
OF_NOBODY = picture("probe-of-a-stranger@10,20,60,80")


@pytest.fixture
def organisation(tmp_path):
    """The path of an organisation's home with two faces; nothing was searched yet."""
    (tmp_path / "album").mkdir()
    for name in (ALICE, ROSALIND):
        (tmp_path / "album" / f"{name}.jpg").write_bytes(picture(f"{name}@10,20,60,80"))
    (tmp_path / "deed.txt").write_text("the deed of gift of the archive")
    with opened(tmp_path / "home", "organisation") as home:
        home.add_source(
            "album", tmp_path / "album", basis="historical", jurisdiction="FR", purposes=["research"],
            evidence=tmp_path / "deed.txt",
        )  # fmt: skip
        home.ingest()
    return tmp_path / "home"


def kept(home):
    """Which of the two probes can be opened by whoever has home and key."""
    found = Thief(home.parts.keyfile, home.path).find({"alice": OF_ALICE, "nobody": OF_NOBODY})
    assert not any(where.raw for where in found.values())
    return set(found)


def search(home, probe, **question):
    return home.search(probe, face=0, **ASKED | question)


def test_a_probe_is_erased_alone_and_with_its_case(organisation):
    with opened(organisation) as home:
        first, second = search(home, OF_ALICE), search(home, OF_NOBODY)
        assert home.health.status()["probes"] == {"kept": 2, "due": 0}
        would = home.erase(probe=first.log_entry, dry_run=True)
        assert (would.scope, would.probes, kept(home)) == ("probe", 1, {"alice", "nobody"})
        report = home.erase(probe=first.log_entry, authority="the client's word")
        assert (report.probes, report.pending, kept(home)) == (1, (), {"nobody"})
        receipt = home.receipts.get(report.receipt).document
        assert first.log_entry in receipt
        assert '"probes": 1' in receipt
        assert home.erase(probe=first.log_entry).already
        with pytest.raises(NotFound, match="no probe"):
            home.erase(probe="no such entry")
        with pytest.raises(NotFound, match="no case"):
            home.erase(case="2026-8")
        assert home.erase(case="2026-7").probes == 1
        assert kept(home) == set()
        assert home.erase(case="2026-7").already
        assert not second.leads
        held_by(home)
        home.verify_log()


def test_whoever_is_erased_goes_from_the_probes_that_led_to_them(organisation):
    with opened(organisation) as home:
        [lead] = search(home, OF_ALICE).leads
        search(home, OF_NOBODY)
        assert home.erase(face=lead.face_id, dry_run=True).probes == 1
        assert home.erase(face=lead.face_id).probes == 1
        assert kept(home) == {"nobody"}
        held_by(home)


def test_an_erased_picture_goes_as_a_probe_too_though_nothing_was_shown(organisation):
    same = (organisation.parent / "album" / f"{ROSALIND}.jpg").read_bytes()
    with opened(organisation) as home:
        [lead] = search(home, same).leads
        search(home, same, threshold=1.0)
        search(home, OF_ALICE)
        assert home.erase(source="album", dry_run=True).probes == 0  # its grant is over, and not the case
        assert home.erase(picture=lead.picture.id).probes == 2
        assert kept(home) == {"alice"}
        assert not Thief(home.parts.keyfile, home.path).find({"same": same})


def test_probes_end_by_their_term_and_the_database_is_written_anew(organisation, monkeypatch):
    with opened(organisation) as home:
        search(home, OF_NOBODY)
        real = home.parts.stores.clock()
        object.__setattr__(home.parts.stores, "clock", lambda: real + timedelta(days=8))
        search(home, OF_ALICE)
        assert home.retention.retain(run=True).as_dict() == {"due": [], "erased": [], "probes": 0}
        monkeypatch.setenv("COUNTENANCE_PROBE_DAYS", "a week")
        with pytest.raises(WrongUse, match="not a number of days"):
            home.retention.retain(run=False)
        monkeypatch.setenv("COUNTENANCE_PROBE_DAYS", "7")
        assert (home.retention.retain(run=False).probes, home.health.status()["probes"]) == (1, {"kept": 2, "due": 1})
        with opened(organisation) as other, other.parts.ingest_lock():
            [report] = home.retention.retain(run=True).erased
        assert (report.scope, report.probes, kept(home)) == ("probe", 1, {"alice"})
        assert "probes are kept for 7 days" in home.receipts.get(report.receipt).document
        assert (
            home.retention.uncompacted() == home.health.status()["uncompacted_erasures"] == 1
        )  # an ingest had the lock
        assert home.retention.retain(run=True).erased == ()
        assert home.retention.uncompacted() == 0


def test_a_probe_that_was_erased_since_does_not_come_back_with_a_backup(organisation, monkeypatch):
    folder = organisation.parent
    with opened(organisation) as home:
        entry = search(home, OF_ALICE).log_entry
        search(home, OF_NOBODY)
        home.backups.write(folder / "backup")
        home.erase(probe=entry)
        monkeypatch.setenv("COUNTENANCE_KEYFILE", str(home.parts.keyfile))
    restore(folder / "backup", folder / "again", log=organisation)
    with opened(folder / "again") as home:
        assert kept(home) == {"nobody"}


def test_erasing_a_probe_killed_at_every_point(organisation, breaker):
    with opened(organisation) as home:
        entry = search(home, OF_ALICE).log_entry
        search(home, OF_NOBODY)

    def check(copy, ran):
        with opened(copy) as home:
            home.parts.engine().eraser.resume()
            assert home.parts.stores.records.probes.count() == 1 or not ran.acknowledged
            assert home.erase(probe=entry).probes == 1
            collect_garbage(home.parts.stores, whole=True)
            held_by(home)
            assert kept(home) == {"nobody"}

    breaker.everywhere(organisation, "erase", "probe", entry, at_least=23, then=check, kills=0)


def test_writing_anew_killed_at_every_point(organisation, breaker):
    with opened(organisation) as home:
        [lead] = search(home, OF_ALICE).leads
        home.erase(face=lead.face_id)

    def check(copy, ran):
        with opened(copy) as home:
            assert home.retention.uncompacted() == 0 or not ran.acknowledged
            home.retention.compact()
            assert home.retention.uncompacted() == 0

    breaker.everywhere(organisation, "compact", at_least=6, then=check, kills=0)
