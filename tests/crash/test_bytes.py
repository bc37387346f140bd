"""What a thief with the master key finds: the others by every way there is, the erased by none."""

import shutil
import sqlite3
from contextlib import closing, contextmanager

import pytest

from countenance.blobs.files import FileBlobStore
from countenance.errors import StorageFailed
from countenance.keys.ring import SqliteKeyRing
from countenance.protocols import RemovalResult
from countenance.testing.toy import picture
from support.bytescan import Thief, face_needles, picture_needles
from support.disk_home import opened

GRANT = {"basis": "household", "jurisdiction": "CA-ON"}
ERASED, BESIDE, OTHER, SHARED, ELSEWHERE = (
    "erased-zenobia", "beside-her-quentin", "other-rosalind", "shared-ulrich", "elsewhere-ottoline"
)  # fmt: skip
PICTURE = ("birthday-of-zenobia.jpg", f"{ERASED}@10,20,60,80", f"{BESIDE}@100,20,150,80")
ALBUM, ARCHIVE = "zenobias-own-album", "town-hall-archive"


@pytest.fixture
def filled(tmp_path):
    """The path of a home with two sources."""
    shared = picture(f"{SHARED}@10,20,60,80")
    for name, pictures in {
        ALBUM: {PICTURE[0]: picture(*PICTURE[1:]), "rosalind.jpg": picture(f"{OTHER}@10,20,60,80"), "u.jpg": shared},
        ARCHIVE: {"ottoline.jpg": picture(f"{ELSEWHERE}@10,20,60,80"), "ulrich.jpg": shared},
    }.items():
        (tmp_path / name).mkdir()
        for place, data in pictures.items():
            (tmp_path / name / place).write_bytes(data)
    with opened(tmp_path / "home") as home:
        for name in (ALBUM, ARCHIVE):
            home.add_source(name, tmp_path / name, **GRANT)
        home.ingest()
    return tmp_path / "home"


def thief(home):
    return Thief(home.parts.keyfile, home.path, home.path.parent / "temporary")


def lead_to(home, name):
    [lead] = home.search(picture(f"{name}@1,1,50,50")).leads
    return lead


def erase(home, scope):
    """Erased at that scope; what must be gone of it, and who must still be there."""
    lead = lead_to(home, ERASED)
    which = {"face": lead.face_id, "picture": lead.picture.id, "source": ALBUM}[scope]
    report = home.erase(**{scope: which})
    gone = face_needles(ERASED)
    controls = {ELSEWHERE, SHARED}
    if scope != "face":
        gone |= face_needles(BESIDE) | picture_needles(*PICTURE)
    if scope == "source":
        gone |= face_needles(OTHER) | picture_needles("rosalind.jpg", f"{OTHER}@10,20,60,80")
        gone |= {"the source's name, and its folder's": ALBUM.encode()}
    else:
        controls |= {OTHER}
    return report, gone, controls


def assert_only_controls(found_by, gone, controls):
    assert found_by.find(gone) == {}
    for name in controls:
        found = found_by.find(face_needles(name))
        assert set(found) == {f"{name}: template, float16", f"{name}: thumbnail"}
        assert not any(where.raw for where in found.values())
        places = found[f"{name}: template, float16"].opened
        assert any(place.endswith(".segment") for place in places), places
        assert any(place.endswith(("records.db", "records.db-wal")) for place in places), places


SCOPES = pytest.mark.parametrize("scope", ["face", "picture", "source"])


@SCOPES
def test_of_the_erased_nothing_can_be_found_or_opened(filled, scope):
    with opened(filled) as home:
        before = thief(home)
        report, gone, controls = erase(home, scope)
        assert set(before.find(gone)) >= {f"{ERASED}: template, float16", f"{ERASED}: thumbnail"}
        assert report.pending == ()
        assert_only_controls(thief(home), gone, controls)
        home.ingest(*([ARCHIVE] if scope == "source" else []))
        assert thief(home).find(face_needles(ERASED)) == {}
        keyfile = home.parts.keyfile
    if scope == "picture":  # its place is known again, as one that is not permitted
        gone = {what: needle for what, needle in gone.items() if "place" not in what}
    assert_only_controls(Thief(keyfile, filled), gone, controls)


def back_up(home):
    """A copy of everything but the keys, inside the home, as somebody might have made it before the erasure."""
    shutil.copytree(
        home.path, home.path / "backup", ignore=shutil.ignore_patterns("keys.db*", "backup", "*lock", ".writers")
    )


@SCOPES
def test_a_backup_without_keys_does_not_bring_the_erased_back(filled, scope):
    with opened(filled) as home:
        back_up(home)
        _, _, controls = erase(home, scope)
        found = thief(home)
    assert found.find(face_needles(ERASED)) == {}
    for name in controls:
        where = found.find(face_needles(name))[f"{name}: template, float16"].opened
        assert any("backup" in place for place in where), where


@pytest.fixture
def unlooked(monkeypatch):
    """The erasure's own look for what it left is blind, so that the thief's can be tried."""
    monkeypatch.setattr("countenance.pipeline.erasure.scan._none_of", lambda found: None)


@SCOPES
def test_an_erasure_that_destroys_no_key_notices_it_itself(filled, scope, monkeypatch):
    monkeypatch.setattr(SqliteKeyRing, "destroy", lambda ring, keys: RemovalResult(physically=True))
    with opened(filled) as home, pytest.raises(StorageFailed, match="can still be read"):
        erase(home, scope)


@SCOPES
@pytest.mark.usefixtures("unlooked")
def test_the_scan_finds_the_erased_where_keys_are_not_destroyed(filled, scope, monkeypatch):
    monkeypatch.setattr(SqliteKeyRing, "destroy", lambda ring, keys: RemovalResult(physically=True))
    with opened(filled) as home:
        back_up(home)
        erase(home, scope)
        found = thief(home).find(face_needles(ERASED))
    assert set(found) == {f"{ERASED}: template, float16", f"{ERASED}: thumbnail"}


@pytest.mark.usefixtures("unlooked")
def test_the_scan_finds_a_crop_that_was_not_deleted_though_its_row_is_gone(filled, monkeypatch):
    monkeypatch.setattr(SqliteKeyRing, "destroy", lambda ring, keys: RemovalResult(physically=True))
    monkeypatch.setattr(FileBlobStore, "delete_many", lambda store, names: RemovalResult(physically=True))
    with opened(filled) as home:
        erase(home, "picture")
        found = thief(home).find(face_needles(ERASED))
    [place] = found.pop(f"{ERASED}: thumbnail").opened
    assert "blobs" in place


@pytest.mark.parametrize("left_in", ["log", "free page"])
def test_the_scan_finds_a_key_that_was_deleted_but_not_destroyed(filled, monkeypatch, left_in):
    """The row is gone for every query; its bytes lie in the write-ahead log, or in the page it stood on."""
    with monkeypatch.context() as untidy, opened(filled) as home:
        untidy.setattr(SqliteKeyRing, "tidy", lambda ring: RemovalResult(physically=True))
        back_up(home)
        if left_in == "free page":
            home.parts.keys._connection.execute("PRAGMA secure_delete=OFF")
        erase(home, "face")
        if left_in == "log":
            with closing(sqlite3.connect(filled / "keys.db")) as connection:
                rows = connection.execute("SELECT count(*) FROM data_key").fetchone()[0]
            assert len(thief(home).keys) > rows
        else:
            home.parts.keys._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        found = thief(home).find(face_needles(ERASED))
    assert f"{ERASED}: template, float16" in found


def test_the_scan_finds_half_a_template_that_lies_open(filled, tmp_path):
    needles = face_needles(ERASED)
    (tmp_path / "temporary" / "core").write_bytes(b"x" * 77 + needles[f"{ERASED}: template, float32"][100:])
    with opened(filled) as home:
        raw = {what: where.raw for what, where in thief(home).find(needles).items() if where.raw}
    assert raw == {f"{ERASED}: template, float32": {"temporary/core"}}


# --- a reader that will not let go -----------------------------------------------------------------------------------
@contextmanager
def long_reader(path):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM faces").fetchall()
        yield


@SCOPES
def test_a_long_reader_of_the_records_delays_nothing_that_matters(filled, scope):
    with opened(filled) as home:
        with long_reader(filled / "records.db"):
            report, gone, controls = erase(home, scope)
            assert report.log_entry is not None
            assert len(report.pending) == 1
            found = thief(home)
            biometric = {what: needle for what, needle in gone.items() if "template" in what or "thumbnail" in what}
            assert found.find(biometric) == {}
            waiting = found.find(gone)  # what was never sealed waits in the records, as the report says
            assert bool(waiting) == (scope != "face")
            places = {place for where in waiting.values() for place in where.raw}
            assert all(place.removeprefix("home/") in report.pending[0].split() for place in places), places
        assert home.parts.stores.records.database.truncate_wal()
        assert_only_controls(thief(home), gone, controls)


# --- what an ordinary day leaves -------------------------------------------------------------------------------------
def test_after_an_ingest_and_a_search_no_template_and_no_crop_lies_open(filled):
    names = (ERASED, BESIDE, OTHER, SHARED, ELSEWHERE)
    probe = picture("probe-of-a-stranger@10,20,60,80")
    with opened(filled) as home:
        home.search(probe)
        home.compare(probe, picture(f"{ERASED}@10,20,60,80"))
        found = thief(home)
        for name in names:
            where = found.find(face_needles(name))
            assert set(where) == {f"{name}: template, float16", f"{name}: thumbnail"}
            assert not any(each.raw for each in where.values())
        assert found.find(face_needles("probe-of-a-stranger") | {"the probe": probe}) == {}


def test_an_organisation_keeps_a_probe_sealed_and_its_template_not_at_all(tmp_path):
    (tmp_path / "album").mkdir()
    (tmp_path / "album" / "a.jpg").write_bytes(picture(f"{OTHER}@10,20,60,80"))
    (tmp_path / "deed.txt").write_text("the deed of gift of the archive")
    probe = picture("probe-of-a-stranger@10,20,60,80")
    with opened(tmp_path / "home", "organisation") as home:
        home.add_source(
            "album", tmp_path / "album", basis="historical", jurisdiction="FR", purposes=["research"],
            evidence=tmp_path / "deed.txt",
        )  # fmt: skip
        home.ingest()
        home.search(probe, purpose="research", case="2026-7")
        found = thief(home)
    sealed = found.find({"probe": probe, "deed": b"the deed of gift of the archive"})
    assert set(sealed) == {"probe", "deed"}
    assert not any(where.raw for where in sealed.values())
    assert found.find(face_needles("probe-of-a-stranger")) == {}
