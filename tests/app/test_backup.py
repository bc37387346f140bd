"""Backups: made in use, tested by restoring, and nothing that was erased since comes back with one."""

import json
import shutil
import threading

import pytest

from countenance.app.home import open_home
from countenance.app.upkeep.restore import restore
from countenance.errors import (
    BackupBroken,
    KeyMissing,
    LogBroken,
    NotFound,
    PolicyDenied,
    SignInNeeded,
    StorageFailed,
    WrongUse,
)
from countenance.testing import toy
from support.bytescan import Thief, face_needles
from support.disk_home import held_after, held_by

ALICE, BOB, CAROL = (toy.picture(f"{name}@1,1,50,50") for name in ("alice", "bob", "carol"))


@pytest.fixture
def album(tmp_path):
    folder = tmp_path / "album"
    folder.mkdir()
    (folder / "alice.jpg").write_bytes(toy.picture("alice@10,20,60,80"))
    (folder / "both.jpg").write_bytes(toy.picture("alice~@10,20,60,80", "bob@100,20,150,80"))
    (folder / "carol.jpg").write_bytes(toy.picture("carol@10,20,60,80"))
    return folder


@pytest.fixture
def home(toy_home, album):
    with toy_home() as opened:
        opened.add_source("album", album, basis="household", jurisdiction="CA-ON")
        opened.ingest()
        yield opened


def sees(home, probe):
    return len(home.search(probe).leads)


def test_what_is_backed_up_is_there_again(home, album, tmp_path):
    made = home.backups.write(tmp_path / "b", verify=True)
    assert (made.verified, made.size) == (True, (tmp_path / "b").stat().st_size)
    done = restore(tmp_path / "b", tmp_path / "again", log=home.path)
    assert done.replayed.as_dict() == {
        "faces": 0,
        "pictures": 0,
        "sources": 0,
        "suppressions": 0,
        "requests": 0,
        "orders": 0,
    }
    with open_home(tmp_path / "again") as again:
        assert (again.id, again.kind) == (home.id, home.kind)
        assert held_by(again) == held_after({"album": album})
        assert again.verify_log()["entries"] == len(home.parts.log) + 1
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []


def test_nothing_that_was_erased_since_comes_back(home, tmp_path):
    face, picture = home.search(BOB).leads[0], home.search(CAROL).leads[0]
    home.backups.write(tmp_path / "b")
    home.erase(face=face.face_id)
    home.erase(picture=picture.picture.id)
    home.close()
    shutil.rmtree(home.path / "blobs")  # the machine is lost but for its log
    done = restore(tmp_path / "b", tmp_path / "again", log=home.path / "log.db")
    assert (done.replayed.faces, done.replayed.pictures, done.replayed.suppressions) == (1, 1, 2)
    with open_home(tmp_path / "again") as again:
        thief = Thief(again.parts.keyfile, again.path)
        assert thief.find(face_needles("bob")) == {}
        assert thief.find(face_needles("carol")) == {}
        assert thief.find(face_needles("alice"))
        assert (sees(again, BOB), sees(again, CAROL), sees(again, ALICE)) == (0, 0, 2)
        again.ingest()  # the files are still there
        assert (sees(again, BOB), sees(again, CAROL), sees(again, ALICE)) == (0, 0, 2)


def test_an_erasure_of_a_source_and_the_end_of_a_grant_hold_after_a_restore(home, tmp_path, album):
    other = tmp_path / "other"
    other.mkdir()
    (other / "dora.jpg").write_bytes(toy.picture("dora@10,20,60,80"))
    home.add_source("other", other, basis="household", jurisdiction="CA-ON")
    home.ingest("other")
    home.backups.write(tmp_path / "b")
    home.withdraw("album")
    home.takedown("other")
    restore(tmp_path / "b", tmp_path / "again", log=home.path)
    with open_home(tmp_path / "again") as again:
        [source] = again.sources()
        assert source.name == "album"
        assert source.grant.withdrawn_at is not None
        assert Thief(again.parts.keyfile, again.path).find(face_needles("dora")) == {}


def test_an_access_key_that_was_revoked_since_does_not_come_back(home, tmp_path):
    gone, kept = home.access_keys.make("gone"), home.access_keys.make("kept")
    home.backups.write(tmp_path / "b")
    home.access_keys.revoke(gone.key.key)
    restore(tmp_path / "b", tmp_path / "again", log=home.path)
    with open_home(tmp_path / "again") as again:
        assert again.access_keys.bearer(kept.token).name == "kept"
        assert gone.key.seal_id not in set(again.parts.keys.ids())
        with pytest.raises(SignInNeeded):
            again.access_keys.bearer(gone.token)


def test_what_is_erased_while_the_backup_is_made_does_not_come_back(home, tmp_path, monkeypatch):
    from countenance.app.upkeep import archive

    lead = home.search(BOB).leads[0]
    real = archive._files

    def erasing(path):
        home.erase(face=lead.face_id)  # records are copied already, its blob and key are gone when their turn comes
        return real(path)

    monkeypatch.setattr(archive, "_files", erasing)
    made = home.backups.write(tmp_path / "b", verify=True)
    assert made.verified
    restore(tmp_path / "b", tmp_path / "again", log=home.path)
    with open_home(tmp_path / "again") as again:
        assert sees(again, BOB) == 0
        assert held_by(again) == held_by(home)


def test_a_backup_is_whole_while_others_write(home, album, tmp_path):
    stop = threading.Event()

    def write():
        number = 0
        with open_home(home.path) as mine:
            while not stop.is_set():
                number += 1
                (album / f"new-{number}.jpg").write_bytes(toy.picture(f"new{number}@10,20,60,80"))
                mine.ingest("album")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(3):
            assert home.backups.write(tmp_path / f"b{number}", verify=True).verified
    finally:
        stop.set()
        writer.join()


# --- the log ---------------------------------------------------------------------------------------------------------
def test_without_a_later_log_every_source_stands_still(home, tmp_path):
    home.backups.write(tmp_path / "b")
    with pytest.raises(WrongUse, match="says what was erased"):
        restore(tmp_path / "b", tmp_path / "again")
    done = restore(tmp_path / "b", tmp_path / "again", without_log=True)
    assert done.suspended == ("album",)
    with open_home(tmp_path / "again") as again:
        [last] = [e for e in again.parts.log.entries() if e.kind == "home.restored"]
        assert last.record["log_known"] is False
        assert again.source("album").grant.suspended_at is not None
        again.resume("album")
        assert sees(again, ALICE) == 2


def test_a_log_that_does_not_know_of_the_backup_is_refused(home, tmp_path):
    made = home.backups.write(tmp_path / "old", log_alone=True)
    assert made.log_alone
    home.backups.write(tmp_path / "b")
    for log in (tmp_path / "old", tmp_path / "b"):
        with pytest.raises(LogBroken):
            restore(tmp_path / "b", tmp_path / "again", log=log)
    later = home.backups.write(tmp_path / "later", log_alone=True, verify=True)
    assert later.verified
    assert restore(tmp_path / "b", tmp_path / "again", log=tmp_path / "later").log_entry


def test_a_log_that_is_no_continuation_is_refused(home, tmp_path):
    home.backups.write(tmp_path / "one")
    restore(tmp_path / "one", tmp_path / "fork", log=home.path)
    home.backups.write(tmp_path / "two")
    with open_home(tmp_path / "fork") as fork:
        fork.search(ALICE)
    with pytest.raises(LogBroken):
        restore(tmp_path / "two", tmp_path / "again", log=tmp_path / "fork")
    assert not (tmp_path / "again").exists()


def test_a_log_backup_is_no_backup_of_the_home(home, tmp_path):
    home.backups.write(tmp_path / "log", log_alone=True)
    with pytest.raises(BackupBroken, match="log alone"):
        restore(tmp_path / "log", tmp_path / "again", log=home.path)


# --- keys ------------------------------------------------------------------------------------------------------------
def test_a_backup_from_before_a_rotation_opens_with_the_old_key_file_alone(home, tmp_path, monkeypatch):
    kept = tmp_path / "old.key"
    kept.write_bytes(home.parts.keyfile.read_bytes())
    kept.chmod(0o600)
    home.backups.write(tmp_path / "b")
    done = home.keyring.rotate()
    assert sees(home, ALICE) == 2
    with pytest.raises(KeyMissing, match=done.before):
        restore(tmp_path / "b", tmp_path / "again", log=home.path)
    home.backups.write(tmp_path / "new", verify=True)
    monkeypatch.setenv("COUNTENANCE_KEYFILE", str(kept))
    assert restore(tmp_path / "b", tmp_path / "again", log=home.path).backup


# --- what goes wrong -------------------------------------------------------------------------------------------------
def test_nothing_is_overwritten(home, tmp_path):
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(WrongUse, match="overwrites nothing"):
        home.backups.write(tmp_path / "taken")
    with pytest.raises(WrongUse, match="would be in the home"):
        home.backups.write(home.path / "b")
    with pytest.raises(WrongUse, match="folder for the backup does not exist"):
        home.backups.write(tmp_path / "nowhere" / "b")
    home.backups.write(tmp_path / "b")
    with pytest.raises(WrongUse, match="exists already"):
        restore(tmp_path / "b", home.path, log=home.path)
    assert (tmp_path / "taken").read_text() == "mine"


def test_a_damaged_or_shortened_backup_leaves_nothing(home, tmp_path):
    home.backups.write(tmp_path / "b")
    whole = (tmp_path / "b").read_bytes()
    renamed = whole.replace(b'"kind"', b'"kinb"')
    for number, wrong in enumerate((whole[:-1], whole[: len(whole) // 2], b"text", renamed)):
        (tmp_path / f"w{number}").write_bytes(wrong)
        with pytest.raises(BackupBroken):
            restore(tmp_path / f"w{number}", tmp_path / "again", log=home.path)
        assert not (tmp_path / "again").exists()
        assert not (tmp_path / ".again.restoring").exists()
    with pytest.raises(NotFound):
        restore(tmp_path / "none", tmp_path / "again", log=home.path)


def test_a_backup_that_can_not_be_written_is_told_and_leaves_nothing(home, tmp_path, monkeypatch):

    def full(*_args, **_more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("countenance.app.upkeep.backups.pack", full)
    with pytest.raises(StorageFailed, match="No space"):
        home.backups.write(tmp_path / "b")
    assert [p.name for p in tmp_path.iterdir() if "b" in p.name and p.is_file()] == []


def test_a_backup_that_does_not_restore_whole_is_not_kept(home, tmp_path, monkeypatch):
    from countenance.app.upkeep import archive

    monkeypatch.setattr(archive, "_files", lambda path: iter([path / "home.toml"]))  # as if the crops were forgotten
    with pytest.raises(BackupBroken, match="crops and evidence"):
        home.backups.write(tmp_path / "b", verify=True)
    assert not (tmp_path / "b").exists()


def test_a_backup_holds_no_key_and_no_face_that_opens_without_it(home, tmp_path):
    home.backups.write(tmp_path / "b")
    data = (tmp_path / "b").read_bytes()
    assert home.parts.keyfile.read_text().split("key: ")[-1].strip().encode() not in data
    for needle in face_needles("alice").values():
        assert needle not in data
    header = json.loads(data.split(b"\n")[1])
    assert header["home"] == home.id


def asked(home, kind, name, **more):
    request = home.requests.open(kind, photo=toy.picture(f"{name}@1,1,50,50", "#one"), **more)["request"]
    home.requests.verify(request, photo=toy.picture(f"{name}~~~@1,1,50,50", "#two"))
    return request


@pytest.mark.parametrize("opened_before", [True, False])
def test_what_pictured_people_had_done_since_holds(home, album, tmp_path, opened_before):
    lasting = asked(home, "restriction", "bob")
    home.requests.decide(lasting, grant=True)
    ended = asked(home, "restriction", "carol")
    home.requests.decide(ended, grant=True)
    early = asked(home, "opt-out", "alice") if opened_before else None
    home.backups.write(tmp_path / "b")
    opt_out = early or asked(home, "opt-out", "alice")
    home.requests.decide(opt_out, grant=True)
    home.requests.withdraw(ended)
    objection = asked(home, "objection", "carol")
    assert [sees(home, probe) for probe in (ALICE, BOB, CAROL)] == [0, 0, 0]
    given_up = asked(home, "opt-out", "dora", address=str(album / "later.jpg"))
    home.requests.decide(given_up, grant=True)
    home.requests.withdraw(given_up)
    home.close()
    done = restore(tmp_path / "b", tmp_path / "again", log=home.path)
    assert done.replayed.requests == 3  # opted out, withdrawn, objected
    for file in ("resaved.jpg", "later.jpg"):
        (album / file).write_bytes(toy.picture("alice~@10,20,60,80", "bob@101,20,150,80"))
    (album / "alice.jpg").write_bytes(toy.picture("erin@10,20,60,80"))
    with open_home(tmp_path / "again") as again:
        again.ingest()
        assert [sees(again, probe) for probe in (ALICE, CAROL)] == [1, 0]  # in a picture that is like none of before
        assert sees(again, toy.picture("erin@1,1,50,50")) == 0  # at an address that is kept out
        assert again.requests.show(opt_out)["state"] == "decided"
        assert again.requests.show(ended)["state"] == "withdrawn"
        again.requests.decide(objection, grant=False, reason="a court asked for them")
        assert sees(again, CAROL) == 1
        again.requests.withdraw(lasting)
        assert sees(again, BOB) == 2
        held_by(again, ignore_left_over=True)
        again.verify_log()


def test_orders_and_ended_contracts_hold_after_a_restore(toy_home, album, tmp_path):
    paper = tmp_path / "order.pdf"
    paper.write_bytes(b"signed")
    grant = {"basis": "statute", "purposes": ["missing-person"], "evidence": paper, "law": "Act, s. 1",
             "authority": "Police"}  # fmt: skip
    asked = {"purpose": "missing-person", "case": "1"}
    far = tmp_path / "far"
    far.mkdir()
    (far / "dora.jpg").write_bytes(toy.picture("dora@10,20,60,80"))
    with toy_home(kind="organisation") as home:
        home.add_source("album", album, jurisdiction="CA-ON", **grant)
        home.add_source("far", far, jurisdiction="FR", **grant)
        home.ingest()
        home.clients.add("Agency", client_class="state-agency", jurisdiction="FR")
        home.clients.add("Firm", client_class="private-company", jurisdiction="FR")
        home.backups.write(tmp_path / "b")
        drafted = [
            home.orders.draft(authority="Commissioner", dated="2021-02-03", document=paper, **terms)
            for terms in (
                {"stop_collecting": True, "stop_offering": True, "delete": True, "jurisdictions": ["CA"]},
                {"stop_offering": True, "client_classes": ["private-company"], "end_contracts": True},
                {"stop_offering": True, "sources": ["far"]},
                {"stop_offering": True, "jurisdictions": ["FR"]},
            )
        ]
        for order in drafted:
            home.orders.apply(order.uid)
        home.orders.stay(drafted[2].uid, paper)
        home.orders.lift(drafted[3].uid, paper)
        states = [order.state(home.parts.stores.clock()) for order in home.orders.all()]
    done = restore(tmp_path / "b", tmp_path / "again", log=home.path)
    assert done.replayed.orders == 5
    with open_home(tmp_path / "again") as again:
        assert [order.state(again.parts.stores.clock()) for order in again.orders.all()] == states
        assert [order.unfinished for order in again.orders.all()] == [False] * 4
        assert {client.name for client in again.clients.all() if client.ended_at} == {"Firm"}
        assert [lead.source for lead in again.search(toy.picture("dora@1,1,50,50"), **asked).leads] == ["far"]
        assert again.search(ALICE, **asked).leads == ()
        assert Thief(again.parts.keyfile, again.path).find(face_needles("carol")) == {}
        with pytest.raises(PolicyDenied):
            again.search(toy.picture("dora@1,1,50,50"), client="Firm", **asked)
