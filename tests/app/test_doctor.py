"""Doctor: each thing it looks at, whole and broken, and that a problem is said once."""

import shutil
import sqlite3
from dataclasses import replace
from datetime import timedelta

import pytest
from filelock import FileLock

from countenance.app.opening import check_databases
from countenance.app.upkeep import doctor
from countenance.cli.remedies import DOOR
from countenance.errors import StorageFailed
from countenance.remedies import Remedy


@pytest.fixture
def filled(toy_home, pictures):
    with toy_home() as home:
        home.add_source("album", pictures, basis="household", jurisdiction="CA-ON")
        home.ingest("album")
        yield home


def found(home):
    """what -> (state, what it says, what to do), of all findings."""
    findings = list(home.health.examine())
    for finding in findings:
        assert finding.state in {"ok", "warning", "problem"}
        assert finding.said
        assert bool(finding.do) == (finding.state != "ok"), finding
    return {finding.what: finding for finding in findings}


def test_a_whole_home(filled, monkeypatch):
    monkeypatch.setattr(doctor, "LOW_DISK_BYTES", 0)
    seen = found(filled)
    assert list(seen) == ["records.db", "keys.db", "log.db", "disk", "master key", "erasures", "log",
                          "crops and evidence", "data keys", "index", "weights", "calibration"]  # fmt: skip
    assert {finding.state for finding in seen.values()} == {"ok"}
    assert seen["index"].as_dict() == {
        "what": "index", "state": "ok", "said": "4 rows, as the records have them", "do": {},
    }  # fmt: skip


def test_a_key_beside_its_home(filled, toy_home, tmp_path, monkeypatch):
    for beside in (filled.path, filled.path / "index", filled.path.parent):
        filled.close()
        shutil.copy2(tmp_path / "keys" / "home.key", beside / "a.key")
        monkeypatch.setenv("COUNTENANCE_KEYFILE", str(beside / "a.key"))
        assert found(filled)["master key"].state == "warning"


def test_a_damaged_database(filled, toy_home):
    filled.close()
    (filled.path / "records.db").write_bytes(b"garbage" * 4096)
    seen = found(filled)
    assert seen["records.db"].state == "problem"
    assert "not a database" in seen["records.db"].said
    assert seen["keys.db"].state == seen["log.db"].state == "ok"
    assert seen["home"].state == "problem"
    assert set(seen) == {"records.db", "keys.db", "log.db", "disk", "home"}


def test_a_database_with_a_broken_page(filled):
    filled.close()
    path = filled.path / "records.db"
    data = bytearray(path.read_bytes())
    data[4096 * 3 : 4096 * 9] = b"\xa5" * (4096 * 6)
    path.write_bytes(data)
    assert check_databases(filled.path)["records.db"] != "ok"


def test_an_erasure_that_was_interrupted_is_finished(filled, monkeypatch):
    eraser = filled.parts.engine().eraser
    with monkeypatch.context() as broken:
        broken.setattr(type(eraser.stores.records.erasures), "forget_pictures", _full_disk)
        with pytest.raises(StorageFailed):
            filled.erase(source="album")
    assert found(filled)["erasures"].said == "1 finished now"
    assert found(filled)["erasures"].said == "none is unfinished"
    assert filled.sources() == ()


def _full_disk(*_):
    raise StorageFailed("the disk is full", Remedy.FREE_SPACE)


def test_what_is_due_and_overdue(filled):
    sources = filled.parts.stores.records.sources
    filled.withdraw("album")
    assert found(filled)["duties"].state == "warning"
    long_ago = filled.parts.stores.clock() - timedelta(days=31)
    sources.set_grant_state(filled.source("album"), withdrawn_at=long_ago)
    duty = found(filled)["duties"]
    assert (duty.state, DOOR.hint(duty.do)) == ("problem", "countenance erase --source album")


def test_a_log_entry_that_was_changed(filled):
    filled.close()
    with sqlite3.connect(filled.path / "log.db") as connection:
        tables = [name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")]
        assert "entries" in tables
        connection.execute("update entries set record = replace(record, 'household', 'historical')")
    connection.close()
    seen = found(filled)
    assert seen["log"].state == "problem"
    assert seen["crops and evidence"].state == "ok", "the others are looked at all the same"


def test_a_crop_that_is_missing_or_spare(filled):
    [*names] = filled.parts.stores.blobs.names()
    filled.parts.stores.blobs.put_many({"a-stray-blob": b"x"})
    with FileLock(filled.path / "ingest.lock"):  # an ingest may have it in the making
        spare = found(filled)["crops and evidence"]
    assert (spare.state, spare.said) == ("warning", "1 that no record names")
    assert found(filled)["crops and evidence"].state == "ok", "doctor has swept it"
    filled.parts.stores.blobs.delete_many([names[0]])
    missing = found(filled)["crops and evidence"]
    assert (missing.state, missing.said) == ("problem", f"1 of {len(names)} are missing")


def test_a_data_key_that_is_missing(filled):
    key = next(filled.parts.stores.records.gallery.key_ids())
    filled.parts.stores.keys.destroy([key])
    seen = found(filled)
    assert seen["data keys"].state == "problem"
    assert seen["data keys"].said == "1 of 4 are missing"


def test_an_index_that_lacks_rows(filled, monkeypatch):
    monkeypatch.setattr(type(filled.parts.engine().live.refresh()), "count", lambda *_: 3)
    seen = found(filled)["index"]
    assert (seen.state, seen.said) == ("problem", "3 rows, and the records have 4")
    assert (seen.path, seen.do["remedy"]) == (str(filled.path / "index"), Remedy.DELETE_INDEX)


def test_little_room(filled, monkeypatch):
    monkeypatch.setattr(doctor, "free_bytes", lambda _: 10 * 2**20)
    assert found(filled)["disk"].state == "warning"


def test_a_damaged_calibration_of_the_homes_own(filled):
    calibrations = filled.parts.calibrations
    calibrations.keep(replace(filled.parts.engine().calibration, space=filled.parts.engine().embedder.space))
    assert "measured in this home" in found(filled)["calibration"].said
    [path] = calibrations.folder.iterdir()
    path.write_bytes(path.read_bytes()[:-9])
    seen = found(filled)["calibration"]
    assert seen.state == "problem"
    assert "--use-shipped" in DOOR.hint(seen.do)


def test_a_calibration_with_another_detector_is_named(filled):
    parts = filled.parts
    about = {"detector": {"model": "my-eyes", "weights_sha256": "0" * 64}}
    parts.calibrations.keep(replace(parts.engine().calibration, space=parts.engine().embedder.space, about=about))
    seen = found(filled)["calibration"]
    assert seen.state == "warning"
    assert "another detector than yunet-2023mar" in seen.said


def test_a_look_that_fails_is_a_problem_and_the_next_is_taken(filled, monkeypatch):
    monkeypatch.setattr(type(filled.audit), "verify", _full_disk)
    seen = found(filled)
    assert (seen["log"].state, seen["log"].said, DOOR.hint(seen["log"].do)) == (
        "problem",
        "the disk is full",
        DOOR.text(Remedy.FREE_SPACE),
    )
    assert seen["weights"].state == "ok"
