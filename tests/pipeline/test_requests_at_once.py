"""Two who take a step of a request at the same moment, and a disk that fails meanwhile."""

from dataclasses import replace

import pytest

from countenance.errors import PolicyDenied, SpaceMismatch, StorageFailed, WrongUse
from countenance.permits import Act
from countenance.pipeline.address import address_of
from countenance.pipeline.erasure.suppression_list import SuppressionList
from countenance.pipeline.requests.book import RequestBook
from countenance.testing import forged
from countenance.testing.toy import SPACE, ToyEmbedder, picture
from countenance.types import ARCFACE, CropSpec
from support.requests import ask, desk_of, shown, verified


# --- at the same moment ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "step"),
    [
        ("request.verified", lambda desk, uid: desk.verify(uid, document="letter")),
        ("request.decided", lambda desk, uid: desk.decide(uid, grant=False, reason="twice")),
        ("request.extended", lambda desk, uid: desk.extend(uid, "many requests")),
        ("request.withdrawn", lambda desk, uid: desk.withdraw(uid)),
    ],
)
def test_of_two_who_take_a_step_at_once_one_is_told_that_it_was_taken(filled, desk, monkeypatch, kind, step):
    opened = desk.open(ask(photo=False, name="alice"))
    append, taken = filled.log.append, []

    def append_late(said, record, **more):
        if said == kind and not taken:
            taken.append(True)
            desk_of(filled).withdraw(opened.uid)
        return append(said, record, **more)

    monkeypatch.setattr(filled.log, "append", append_late)
    with pytest.raises(WrongUse, match="withdrawn"):
        step(desk, opened.uid)
    assert taken


def test_a_code_for_a_request_that_is_gone_meanwhile_is_not_made(filled, desk, monkeypatch):
    opened = desk.open(ask(photo=False, name="alice"))
    stale = desk.get(opened.uid)
    desk.withdraw(opened.uid)
    monkeypatch.setattr(RequestBook, "get_at", lambda *_: stale)
    with pytest.raises(WrongUse, match="withdrawn"):
        desk.send_code(opened.uid)


def test_a_limit_that_is_met_while_a_request_is_written_leaves_nothing(filled, monkeypatch):
    desk = desk_of(filled, a_day=1)
    desk.open(ask(), photo=picture("alice@1,1,50,50"))
    before = set(filled.keys.keys), set(filled.blobs.kept)
    monkeypatch.setattr(filled.records.requests, "limit_met", lambda *_, **__: None)
    with pytest.raises(PolicyDenied):
        desk.open(ask(), photo=picture("alice@1,1,50,50"))
    assert (set(filled.keys.keys), set(filled.blobs.kept)) == before
    assert filled.log.kinds[-1] == "request.refused"


def test_in_a_home_without_pictures_a_request_is_taken_up_all_the_same(toy):
    desk = desk_of(toy)
    opened = verified(desk, tier=2)
    assert desk.found(desk.get(opened.uid)) == ()
    done = desk.decide(opened.uid, grant=True)
    assert (done.erased, done.erasure_receipt) == (0, None)
    assert done.kept_out == 2  # the photograph itself: its bytes and its looks


def test_what_keeps_out_by_another_version_of_a_model_is_not_compared(filled, desk):
    desk.decide(verified(desk, tier=2).uid, grant=True)
    kept = filled.kept_out

    class Other(ToyEmbedder):
        space = replace(SPACE, weights_sha256="f" * 64)

    class Larger(ToyEmbedder):
        crop = CropSpec(128, 128, ARCFACE.points)

    [face] = filled.analyser.analyse(picture("alice@10,20,60,80")).faces
    permit = forged.live(Act.SUPPRESSION_CHECK, [1])
    assert kept.persons([face], permit) == [True]
    for embedder in (Other(), Larger()):
        with pytest.raises(SpaceMismatch, match="which is not here"):
            SuppressionList(filled.stores, lambda _, it=embedder: it, lambda _: filled.calibration).persons(
                [face], permit
            )


def test_an_address_is_that_of_one_source_alone(filled, desk, tmp_path):
    filled.add_source(tmp_path / "other", "other")
    opened = desk.open(ask("erasure", photo=False, address=address_of(filled.source.location, b"alice.jpg")))
    desk.verify(opened.uid, document="letter")
    assert [face.place for face in desk.found(desk.get(opened.uid))] == [b"alice.jpg"]
    done = desk.decide(opened.uid, grant=True)
    assert (done.erased, bool(done.erasure_receipt)) == (1, True)
    filled.ingest()
    assert shown(filled, "alice") == {"both.jpg"}


# --- what takes no restricted face with it, and a disk that fails ----------------------------------------------------
def test_a_restricted_face_is_due_for_no_erasure(filled, desk):
    desk.decide(verified(desk, "restriction").uid, grant=True)
    assert not filled.records.pictures.due()
    lacking = filled.records.sources.ensure_space("another model", "1" * 64, 8)
    given_up = set(filled.records.reindexes.unlist_lacking(lacking))
    assert given_up
    assert given_up.isdisjoint(filled.records.requests.faces(filled.records.requests.all()[0]))


def test_a_decision_that_a_failing_disk_cut_short_is_gone_on_with(filled, desk, monkeypatch):
    opened = verified(desk, tier=2)
    delete_many = filled.blobs.delete_many

    def fail(_names):
        raise StorageFailed("a crop can't be deleted: no space left on device")

    monkeypatch.setattr(filled.blobs, "delete_many", fail)
    with pytest.raises(StorageFailed):
        desk.decide(opened.uid, grant=True)
    assert desk.get(opened.uid).state == "deciding"
    assert shown(filled, "alice") == set()
    monkeypatch.setattr(filled.blobs, "delete_many", delete_many)
    [done] = desk_of(filled).resume()
    assert (done.request.uid, done.request.state) == (opened.uid, "decided")
    assert desk.resume() == ()
    filled.ingest()
    assert shown(filled, "alice") == set()
    assert not [name for name in filled.blobs.kept if name.startswith("request")]
