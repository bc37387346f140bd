"""Commands that make something new, killed at any point: the next command works, and nothing secret lies open."""

import base64
import os
import stat
from collections import Counter
from unittest.mock import patch

import pytest

from countenance.errors import WrongUse
from countenance.keys import master
from countenance.testing.toy import picture
from support.bytescan import Thief, face_needles
from support.disk_home import held_after, held_by, opened

ALICE = "alice-in-the-album"
FORM, DEED = "the form that alice signed", "the deed of gift of the archive"
CONSENT = {"basis": "consent", "jurisdiction": "FR", "purposes": ["event-delivery"]}
SEARCH = {"purpose": "event-delivery", "case": "2026-7"}


@pytest.fixture
def album(tmp_path):
    (tmp_path / "album").mkdir()
    (tmp_path / "album" / "a.jpg").write_bytes(picture(f"{ALICE}@10,20,60,80"))
    return tmp_path / "album"


@pytest.mark.parametrize("kind", ["household", "organisation"])
def test_making_a_home_killed_at_every_point(tmp_path, album, breaker, kind):
    (tmp_path / "empty").mkdir()

    def check(copy, ran):
        keyfile = copy / "home.key"
        with patch.dict(os.environ, {"COUNTENANCE_KEYFILE": str(keyfile)}), opened(copy / "home", kind) as home:
            if ran.acknowledged:
                assert home.id == ran.told[0]
            assert [entry.kind for entry in home.parts.log.entries()] == ["home.created"]
            home.verify_log()
            if kind == "household":
                home.add_source("album", album, basis="household", jurisdiction="FR")
                home.ingest()
                assert held_by(home) == held_after({"album": album})
            secrets = [home.parts.keys.secret(name) for name in ("log signing key", "log pseudonyms")]
            secrets.append(master.load(home.id, keyfile).secret)
        for path in copy.rglob("*"):
            holds = [secret for secret in secrets if _lies_open(secret, path)]
            if "home.key" in path.name:  # it, or what a kill left of it under another name
                assert stat.S_IMODE(path.stat().st_mode) == 0o600
            else:
                assert not holds, path

    breaker.everywhere(tmp_path / "empty", "init", kind, at_least=30, then=check)


def _lies_open(secret, path):
    data = path.read_bytes() if path.is_file() else b""
    return any(form in data for form in (secret, base64.b64encode(secret), secret.hex().encode()))


@pytest.fixture
def papers(tmp_path):
    (tmp_path / "form.txt").write_text(FORM)
    (tmp_path / "deed.txt").write_text(DEED)
    (tmp_path / "reference.jpg").write_bytes(picture(f"{ALICE}@10,20,60,80"))
    (tmp_path / "subjects.csv").write_text("name,evidence,reference\nAlice Liddell of Oxford,form.txt,reference.jpg\n")
    return CONSENT | {"evidence": str(tmp_path / "deed.txt"), "subjects": str(tmp_path / "subjects.csv")}


def test_adding_a_source_killed_at_every_point(tmp_path, album, papers, breaker):
    with opened(tmp_path / "home", "organisation") as home:
        keyfile = home.parts.keyfile

    def check(copy, ran):
        with opened(copy) as home:
            there = [source.name for source in home.sources()]
            assert there == ["album"] or not ran.acknowledged
            if there:
                with pytest.raises(WrongUse):
                    home.add_source("album", album, **papers)
            else:
                home.add_source("album", album, **papers)
            home.ingest()
            held = held_by(home)  # no evidence and no key of the one that was killed
            assert Counter(face for _, face in held.rows.elements()) == Counter([f"{ALICE}@10,20,60,80"])
            assert len(list(home.parts.blobs.names())) == 3
            home.verify_log()
        secret = {"deed": DEED.encode(), "form": FORM.encode(), "subject": b"Alice Liddell of Oxford"}
        found = Thief(keyfile, copy).find(secret | face_needles(ALICE))
        assert found.keys() >= secret.keys()
        assert not any(where.raw for where in found.values())

    breaker.everywhere(tmp_path / "home", "add_source", "album", str(album), papers, at_least=28, then=check)


def test_an_organisations_search_killed_at_every_point(tmp_path, album, papers, breaker):
    with opened(tmp_path / "home", "organisation") as home:
        home.add_source("album", album, **papers)
        home.ingest()
        keyfile = home.parts.keyfile
    probe = picture(f"{ALICE}@1,1,50,50")

    def check(copy, ran):
        assert probe not in b"".join(path.read_bytes() for path in copy.rglob("*") if path.is_file())
        with opened(copy) as home:
            assert len(home.search(probe, **SEARCH).leads) == 1
            home.ingest()
            held_by(home)
            kept = [name for name in home.parts.blobs.names() if name.startswith("probe-")]
            assert len(kept) in {1, 2}
            assert len(kept) == 2 or not ran.acknowledged
            shown = [entry.kind for entry in home.parts.log.entries()].count("search.shown")
            assert shown == 2 or not ran.acknowledged
            home.verify_log()
        assert not Thief(keyfile, copy).find({"probe": probe})["probe"].raw

    breaker.everywhere(tmp_path / "home", "search", probe.decode(), SEARCH, at_least=18, then=check)
