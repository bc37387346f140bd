"""An ingest killed at any point, and run again: nothing lost, nothing twice, nothing left over."""

import shutil

import pytest

from countenance.testing.disk_home import held_after, held_by, opened
from countenance.testing.toy import picture

GRANT = {"basis": "household", "jurisdiction": "CA-ON"}


@pytest.fixture
def album(tmp_path):
    folder = tmp_path / "album"
    folder.mkdir()
    (folder / "both.jpg").write_bytes(picture("alice@10,20,60,80", "bob@100,20,150,80"))
    (folder / "carol.jpg").write_bytes(picture("carol@10,20,60,80"))
    (folder / "copy.jpg").write_bytes(picture("carol@10,20,60,80"))
    (folder / "dave.jpg").write_bytes(picture("dave@10,20,60,80"))
    (folder / "letter.jpg").write_bytes(b"not a picture")
    return folder


def check(home_path, album, before):
    """A killed home serves at once; one ingest later it holds exactly what stands in the album."""
    with opened(home_path) as home:
        entries = [entry.id for entry in home.parts.log.entries()]
        assert entries[: len(before)] == before
        home.verify_log()
        home.search(picture("alice@10,20,60,80"))
        home.ingest("album", prune=True)
        assert held_by(home) == held_after({"album": album})
        home.verify_log()
        assert [entry.id for entry in home.parts.log.entries()][: len(entries)] == entries
        assert home.ingest("album").reports[0].taken == 0
    with opened(home_path) as home:  # from the segments
        assert held_by(home) == held_after({"album": album})


def test_a_first_ingest_killed_at_every_point(tmp_path, album, breaker):
    with opened(tmp_path / "home") as home:
        home.add_source("album", album, **GRANT)
        before = [entry.id for entry in home.parts.log.entries()]
    breaker.everywhere(
        tmp_path / "home", "ingest", ["album"], False, at_least=50, then=lambda copy, _: check(copy, album, before)
    )


def test_an_ingest_that_replaces_and_prunes_killed_at_every_point(tmp_path, album, breaker):
    with opened(tmp_path / "home") as home:
        home.add_source("album", album, **GRANT)
        home.ingest("album")
        before = [entry.id for entry in home.parts.log.entries()]
    (album / "both.jpg").write_bytes(picture("alice@10,20,60,80", "erin@100,20,150,80"))
    (album / "dave.jpg").unlink()
    shutil.copy(album / "copy.jpg", album / "another.jpg")
    breaker.everywhere(
        tmp_path / "home", "ingest", ["album"], True, at_least=80, then=lambda copy, _: check(copy, album, before)
    )
