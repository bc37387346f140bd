"""Backups and restores killed at any point: whole or not there, and the erased never come back."""

import pytest

from countenance.app.upkeep.restore import restore
from countenance.errors import CountenanceError
from countenance.testing.toy import picture
from support.bytescan import Thief, face_needles
from support.disk_home import held_by, opened, toy_eyes


@pytest.fixture
def both(tmp_path, monkeypatch):
    """A home with its key beside it."""
    album = tmp_path / "album"
    album.mkdir()
    (album / "a.jpg").write_bytes(picture("alice@10,20,60,80", "bob@100,20,150,80"))
    (album / "c.jpg").write_bytes(picture("carol@10,20,60,80"))
    folder = tmp_path / "both"
    monkeypatch.setenv("COUNTENANCE_KEYFILE", str(folder / "home.key"))
    with opened(folder / "home") as home:
        home.add_source("album", album, basis="household", jurisdiction="CA-ON")
        home.ingest()
    return folder


def test_a_backup_killed_at_every_point(both, breaker, monkeypatch):
    def check(copy, ran):
        monkeypatch.setenv("COUNTENANCE_KEYFILE", str(copy / "home.key"))
        if (copy / "backup").exists():
            with toy_eyes():
                restore(copy / "backup", copy / "again", log=copy / "home")
            with opened(copy / "again") as again, opened(copy / "home") as home:
                assert held_by(again) == held_by(home)
        else:
            assert not ran.acknowledged
            with opened(copy / "home") as home:
                assert home.backups.write(copy / "backup").sha256
                held_by(home)

    breaker.everywhere(both, "back_up", at_least=21, then=check)


def test_a_restore_killed_at_every_point(both, breaker, monkeypatch):
    with opened(both / "home") as home:
        home.backups.write(both / "backup")
        home.erase(face=home.search(picture("bob@1,1,50,50")).leads[0].face_id)
        home.erase(picture=home.search(picture("carol@1,1,50,50")).leads[0].picture.id)
        left = held_by(home)

    def check(copy, ran):
        monkeypatch.setenv("COUNTENANCE_KEYFILE", str(copy / "home.key"))
        if not (copy / "again").exists():
            assert not ran.acknowledged
            with toy_eyes():
                restore(copy / "backup", copy / "again", log=copy / "home")
        with opened(copy / "again") as again:
            assert held_by(again) == left
            thief = Thief(again.parts.keyfile, again.path)
            assert thief.find(face_needles("bob")) == thief.find(face_needles("carol")) == {}
            assert thief.find(face_needles("alice"))
            again.verify_log()
        with toy_eyes(), pytest.raises(CountenanceError, match="exists already"):
            restore(copy / "backup", copy / "again", log=copy / "home")

    breaker.everywhere(both, "restore", at_least=75, then=check)
