"""/v1/backups: into the folder that was named beforehand, and nowhere else."""

import hashlib

import pytest

from countenance.app.upkeep.backups import BackupService
from countenance.app.upkeep.restore import restore
from countenance.client import Refused
from countenance.errors import StorageFailed
from countenance.remedies import COMMON, Remedy


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder for backups."""
    found = tmp_path / "elsewhere"
    found.mkdir()
    monkeypatch.setenv("COUNTENANCE_BACKUPS", str(found))
    return found


def test_a_backup_is_made_listed_and_restores(made, typed, folder, tmp_path):
    home = typed("manage")
    *_, last = home.follow(home.back_up(verify=True)["id"])
    assert (last["kind"], last["state"], last["source"], last["error"]) == ("backup", "done", None, None)
    told = last["progress"]
    data = (folder / told["name"]).read_bytes()
    assert (told["sha256"], told["bytes"]) == (hashlib.sha256(data).hexdigest(), len(data))
    assert (told["verified"], told["log_alone"]) == (True, False)
    *_, log = home.follow(home.back_up(log_alone=True)["id"])
    (folder / "notes.backup").write_text("somebody else's")
    (folder / "b.backup").mkdir()
    listed = {each["backup"]: each for each in home.backups()}
    assert set(listed) == {told["backup"], log["progress"]["backup"]}
    assert all(each.items() >= listed[each["backup"]].items() - {("made_at", listed[each["backup"]]["made_at"])}
               for each in (told, log["progress"]))  # fmt: skip
    restore(folder / told["name"], tmp_path / "again", log=made.path)


def test_one_that_is_stopped_leaves_nothing(made, typed, folder, monkeypatch):
    ran = BackupService.write

    def stopped_at_once(service, file, *, progress, **options):
        def tell(written):
            made.jobs.stop(made.jobs.newest(1)[0].id)
            progress(written)

        return ran(service, file, progress=tell, **options)

    monkeypatch.setattr(BackupService, "write", stopped_at_once)
    home = typed("manage")
    assert list(home.follow(home.back_up()["id"]))[-1]["state"] == "stopped"
    assert list(folder.iterdir()) == []
    assert list(home.backups()) == []


def test_without_a_folder_it_is_said_how_to_name_one(made, typed, tmp_path, monkeypatch):
    home = typed("manage")
    for named in (None, tmp_path / "nowhere", made.path, made.path / "blobs"):
        if named is not None:
            monkeypatch.setenv("COUNTENANCE_BACKUPS", str(named))
        for asked in (home.back_up, lambda: list(home.backups())):
            with pytest.raises(Refused) as told:
                asked()
            assert (told.value.status, "COUNTENANCE_BACKUPS" in str(told.value.problem)) == (400, True)
            assert str(tmp_path) not in str(told.value.problem)
    assert made.jobs.newest() == []


def test_it_is_for_who_manages_the_whole_home_and_names_no_path(made, typed, folder, program):
    for key in (typed("collect", "oversee"), typed("manage", source="album")):
        with pytest.raises(Refused) as told:
            key.back_up()
        assert told.value.status == 403
    assert program("manage").post("/backups", {"file": "/etc/backup"}).status_code == 422


def test_what_goes_wrong_is_told_without_where_it_lies(made, typed, folder, monkeypatch):
    def full(service, file, **_):
        raise StorageFailed("the backup can't be written: no space left", Remedy.FREE_SPACE, path=file)

    monkeypatch.setattr(BackupService, "write", full)
    home = typed("manage")
    *_, last = home.follow(home.back_up()["id"])
    assert last["state"] == "failed"
    assert last["error"]["kind"] == "storage_failed"
    assert last["error"]["message"] == "the backup can't be written: no space left"
    assert last["error"]["hint"] == COMMON[Remedy.FREE_SPACE]
    assert str(made.path.parent) not in str(last)
