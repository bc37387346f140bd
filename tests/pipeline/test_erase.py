"""What an erasure removes, what it keeps out, and that it is finished after any interruption."""

import uuid

import pytest

from countenance.errors import LogUnwritable, NotFound, PolicyDenied, StorageFailed, WrongUse
from countenance.protocols import RemovalResult
from countenance.testing.toy import picture

ALICE, BOB = "alice@10,20,60,80", "bob@100,20,150,80"


@pytest.fixture
def filled(toy, album):
    (album / "both.jpg").write_bytes(picture(ALICE, BOB))
    (album / "alice.jpg").write_bytes(picture("alice~@10,20,60,80"))
    toy.add_source(album)
    toy.ingest()
    return toy


def faces_of(home, name):
    return [lead.face_id for lead in home.search(name).leads]


def test_an_erased_face_is_gone_and_is_not_taken_again(filled, album):
    [bob] = faces_of(filled, BOB)
    report = filled.eraser.erase_face(bob)
    assert (report.faces, report.pictures, report.pending) == (1, 0, ())
    assert filled.log.kinds[-4:] == ["erase.begun", "erase.hidden", "erase.done", "receipt.signed"]
    assert bob not in filled.blobs.kept
    assert len(filled.keys.keys) == 3  # two faces and a segment
    for _ in range(2):
        assert faces_of(filled, BOB) == []
        assert len(faces_of(filled, ALICE)) == 2
        filled.ingest()
    (album / "renamed.jpg").write_bytes((album / "both.jpg").read_bytes())
    (album / "both.jpg").unlink()
    filled.ingest(prune=True)
    assert faces_of(filled, BOB) == []
    again = filled.eraser.erase_face(bob)
    assert (again.already, again.uid, again.receipt) == (True, report.uid, report.receipt)


def test_an_erased_face_stays_out_of_a_new_source_with_the_same_picture(filled, album, tmp_path):
    [bob] = faces_of(filled, BOB)
    filled.eraser.erase_face(bob)
    filled.eraser.erase_source(filled.records.sources.get("album"))
    filled.add_source(album, "again")
    report = filled.ingest("again")
    assert report.refused == {"not_permitted": 1}
    assert faces_of(filled, BOB) == []
    assert len(faces_of(filled, ALICE)) == 2
    assert filled.records.gallery.source_counts(filled.records.sources.get("again").id)["refused"] == {
        "not_permitted": 1
    }


def test_an_erased_picture_is_gone_and_is_not_taken_again(filled, album):
    lead = filled.search(BOB).leads[0]
    report = filled.eraser.erase_picture(lead.picture.id)
    assert (report.faces, report.pictures) == (2, 1)
    assert faces_of(filled, BOB) == []
    again = filled.ingest()
    assert again.rejected == {"not_permitted": 1}
    assert len(faces_of(filled, ALICE)) == 1
    told = filled.eraser.erase_picture(lead.picture.id)
    assert (told.already, told.uid, told.pictures, told.log_entry) == (True, report.uid, 1, report.log_entry)


def test_an_erased_source_is_gone_with_its_grant_and_evidence(organisation, album, tmp_path):
    (tmp_path / "form.pdf").write_text("signed")
    (tmp_path / "ref.jpg").write_bytes(picture(ALICE))
    (tmp_path / "subjects.csv").write_text("name,evidence,reference\nAlice,form.pdf,ref.jpg\n")
    (album / "a.jpg").write_bytes(picture(ALICE))
    organisation.add_source(
        album, basis="licence", purposes=["research"], evidence=tmp_path / "form.pdf",
        subjects=tmp_path / "subjects.csv",
    )  # fmt: skip
    organisation.ingest()
    report = organisation.eraser.erase_source(organisation.records.sources.get("album"))
    assert (report.pictures, report.faces) == (1, 1)
    assert organisation.blobs.kept == {}
    assert organisation.keys.keys == {}
    assert organisation.records.sources.all() == ()
    with organisation.records.database.read() as connection:
        for table in ("pictures", "placements", "faces", "enrolments", "grants", "subjects", "policy_classes", "runs"):
            assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() == 0, table
    with pytest.raises(PolicyDenied):
        organisation.search(ALICE, purpose="research", case="1")


def test_a_source_may_be_added_and_taken_again_after_its_erasure(filled, album):
    filled.eraser.erase_source(filled.records.sources.get("album"))
    filled.add_source(album)
    assert filled.ingest().indexed == 3


def test_a_template_that_no_class_may_use_goes_with_the_class_that_could(toy, organisation, album, tmp_path):
    (tmp_path / "form.pdf").write_text("signed")
    (tmp_path / "ref.jpg").write_bytes(picture("carol@1,1,50,50"))
    (tmp_path / "subjects.csv").write_text("name,evidence,reference\nCarol,form.pdf,ref.jpg\n")
    (album / "a.jpg").write_bytes(picture(ALICE))
    home = organisation
    home.add_source(album, "wide", basis="historical", purposes=["research"], evidence=tmp_path / "form.pdf")
    home.add_source(
        album, "narrow", basis="consent", purposes=["research"], evidence=tmp_path / "form.pdf",
        subjects=tmp_path / "subjects.csv",
    )  # fmt: skip
    home.ingest("wide")
    assert home.ingest("narrow").refused == {"not_a_subject": 1}
    home.eraser.erase_source(home.records.sources.get("wide"))
    with home.records.database.read() as connection:
        [row] = connection.exec_driver_sql("SELECT landmarks, quality, key_id, template FROM faces").all()
    assert tuple(row) == (None, None, None, None)
    assert home.records.gallery.counts() == {"pictures": 1, "faces": 1, "indexed": 0, "rejected": 0}


@pytest.mark.parametrize("what", ["face", "picture", "source"])
def test_a_dry_run_counts_and_changes_nothing(filled, what):
    lead = filled.search(BOB).leads[0]
    kinds = list(filled.log.kinds)
    if what == "source":
        report = filled.eraser.erase_source(filled.records.sources.get("album"), dry_run=True)
    else:
        uid = lead.face_id if what == "face" else lead.picture.id
        report = getattr(filled.eraser, f"erase_{what}")(uid, dry_run=True)
    assert report.dry_run
    assert (report.pictures, report.faces) == {"face": (0, 1), "picture": (1, 2), "source": (2, 3)}[what]
    assert filled.log.kinds == kinds
    assert faces_of(filled, BOB)
    assert report.as_dict()["log_entry"] is None


@pytest.mark.parametrize("what", ["face", "picture"])
def test_unknown_and_malformed_ids(filled, what):
    erase = getattr(filled.eraser, f"erase_{what}")
    with pytest.raises(NotFound):
        erase(str(uuid.uuid4()))
    with pytest.raises(WrongUse):
        erase("../../etc/passwd")


def test_nothing_due_is_no_erasure(filled):
    from countenance.records.reachability import Unreachable

    assert filled.eraser.erase_unsupported(Unreachable(), "vanished") is None
    assert filled.eraser.resume() == ()


def test_without_its_log_nothing_is_erased(filled):
    [bob] = faces_of(filled, BOB)
    filled.log.broken = True
    with pytest.raises(LogUnwritable):
        filled.eraser.erase_face(bob)
    filled.log.broken = False
    assert filled.records.erasures.unfinished() == ()
    assert faces_of(filled, BOB) == [bob]


@pytest.mark.parametrize("kind", ["erase.hidden", "erase.done", "receipt.signed"])
def test_a_log_that_breaks_on_the_way_leaves_it_hidden_and_unacknowledged(filled, monkeypatch, kind):
    [bob] = faces_of(filled, BOB)
    real = filled.log.append

    def append(said, record, **more):
        if said == kind:
            raise LogUnwritable("the disk is full")
        return real(said, record, **more)

    with monkeypatch.context() as patched:
        patched.setattr(filled.log, "append", append)
        with pytest.raises(LogUnwritable):
            filled.eraser.erase_face(bob)
    assert faces_of(filled, BOB) == []
    assert filled.records.receipts.all() == ()
    [report] = filled.eraser.resume()
    assert (report.about, len(filled.records.receipts.all())) == (bob, 1)
    assert filled.eraser.erase_face(bob).receipt == report.receipt


@pytest.mark.parametrize(("store", "act", "left"), [("keys", "destroy", "template"), ("blobs", "delete_many", "crop")])
def test_what_can_still_be_read_is_not_acknowledged_as_erased(filled, monkeypatch, store, act, left):
    [bob] = faces_of(filled, BOB)
    with monkeypatch.context() as patched:
        patched.setattr(getattr(filled, store), act, lambda which: RemovalResult(physically=True))
        with pytest.raises(StorageFailed, match=f"can still be read: 1 {left}"):
            filled.eraser.erase_face(bob)
    assert "erase.done" not in filled.log.kinds
    assert filled.records.receipts.all() == ()
    [report] = filled.eraser.resume()
    assert report.about == bob
    assert bob not in filled.blobs.kept


def test_erasing_a_picture_writes_no_snapshot_of_the_whole_index(filled, monkeypatch):
    lead = filled.search(BOB).leads[0]
    monkeypatch.setattr("countenance.pipeline.erasure.erase.snapshot", None)
    assert filled.eraser.erase_picture(lead.picture.id).placements == 1


class Died(BaseException):
    """As a kill would end the process: nothing catches it."""


STEPS = (
    ("records.erasures", "hidden_faces"),
    ("stores.segments", "remove"),
    ("blobs", "delete_many"),
    ("keys", "destroy"),
    ("records.erasures", "forget_faces"),
    ("records.erasures", "forget_pictures"),
    ("records.erasures", "source_holdings"),
    ("records.erasures", "forget_source"),
    ("records.database", "truncate_wal"),
    ("records.erasures", "mark_done"),
)


@pytest.mark.parametrize("scope", ["face", "picture", "source"])
@pytest.mark.parametrize(("owner", "step"), STEPS)
def test_an_erasure_that_died_at_any_step_is_finished_by_the_next_opening(filled, monkeypatch, scope, owner, step):
    lead = filled.search(BOB).leads[0]
    target = filled
    for part in owner.split("."):
        target = getattr(target, part)
    real = getattr(type(target), step)

    def die(*args, **kwargs):
        raise Died

    erase = {
        "face": lambda: filled.eraser.erase_face(lead.face_id),
        "picture": lambda: filled.eraser.erase_picture(lead.picture.id),
        "source": lambda: filled.eraser.erase_source(filled.records.sources.get("album")),
    }[scope]
    with monkeypatch.context() as patched:
        patched.setattr(type(target), step, die)
        if step in {"source_holdings", "forget_source"} and scope != "source":
            erase()  # such a step is not on this way
        else:
            with pytest.raises(Died):
                erase()
    assert getattr(type(target), step) is real
    if scope != "source":
        assert faces_of(filled, BOB) == []  # hidden, whatever comes next
    filled.eraser.resume()
    assert filled.records.erasures.unfinished() == ()
    assert lead.face_id not in filled.blobs.kept
    assert filled.log.kinds[-1] in {"receipt.signed", "search.shown"}
    expected = {"face": 2, "picture": 1, "source": 0}[scope]
    assert filled.records.gallery.counts()["indexed"] == expected
    named = set(filled.records.gallery.key_ids())
    with filled.stores.segments.resting() as segments:
        assert set(filled.keys.keys) == named | set(segments)


def test_a_reader_that_holds_the_log_of_the_records_is_named_as_pending(filled):
    with filled.records.database.read() as connection, connection.begin():
        connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql("SELECT count(*) FROM faces").scalar()
        report = filled.eraser.erase_face(faces_of(filled, BOB)[0])
        assert any("records.db-wal" in place for place in report.pending)
    assert filled.records.database.truncate_wal()
