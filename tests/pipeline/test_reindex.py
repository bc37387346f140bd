"""Changing the model, with toy eyes: what is read again, what is refused, and what is left at the end."""

import os
import uuid
from pathlib import Path

import numpy as np
import pytest

from countenance.app.pictures.crops import Crops
from countenance.collect.folder import FolderCollector
from countenance.errors import SpaceMismatch, StorageFailed, WrongUse
from countenance.permits import Act
from countenance.pipeline.live_index import LiveIndex, ensure_space_id
from countenance.pipeline.search.search import Searcher, SearchQuery
from countenance.pipeline.upkeep import reindex
from countenance.pipeline.upkeep.reindex import Reindexer
from countenance.records.upkeep.reindexes import State
from countenance.testing import forged
from countenance.testing.toy import SPACE, TURNED, ToyEmbedder, TurnedEmbedder, picture


class Change:
    """A reindex of a toy home, from the toy's space to the turned one."""

    def __init__(self, toy):
        self.toy = toy
        self.embedder = TurnedEmbedder()
        self.reindexer = Reindexer(toy.stores, toy.eraser)
        self.records = toy.records.reindexes
        self.old = ensure_space_id(toy.stores, SPACE)
        self.new = ensure_space_id(toy.stores, TURNED)

    def begin(self):
        return self.records.begin(uuid.uuid4(), self.old, self.new, self.toy.clock())

    def build(self, space=None, embedder=None):
        return self.reindexer.build(
            self.records.newest(), space or self.new, embedder or self.embedder, self.toy.analyser,
            lambda source: FolderCollector(Path(os.fsdecode(source.location))),
        )  # fmt: skip

    def search(self, *faces, **question):
        live = LiveIndex(self.toy.stores, TURNED)
        searcher = Searcher(self.toy.stores, self.toy.analyser, self.embedder, live, self.toy.calibration)
        return searcher.search(picture(*faces), SearchQuery(**question))[0]

    def rows(self, space):
        return len(LiveIndex(self.toy.stores, space).refresh())


@pytest.fixture
def change(toy, album):
    for name, faces in {"a": ["alice@10,20,60,80", "bob@100,20,150,80"], "c": ["carol@10,20,60,80"]}.items():
        (album / f"{name}.jpg").write_bytes(picture(*faces))
    toy.add_source(album)
    toy.ingest()
    return Change(toy)


def names(result):
    return [Path(lead.picture.uri).name for lead in result.leads]


def needless_keys(toy):
    with toy.stores.segments.resting() as segments:
        return set(toy.keys.keys) - {*toy.records.gallery.key_ids(), *segments}


def test_the_old_space_answers_until_the_switch_and_the_new_one_after_it(change):
    toy = change.toy
    change.begin()
    before = toy.search("alice@1,1,50,50")
    assert change.build().as_dict() == {"made": 3, "lacking": 0}
    assert toy.search("alice@1,1,50,50").leads == before.leads
    assert change.records.newest().active == change.old
    assert names(change.search("alice@1,1,50,50")) == ["a.jpg"]
    switched = change.reindexer.switch(change.records.newest(), measured=True)
    assert (switched.state, switched.active) == (State.SWITCHED, change.new)
    assert change.records.newest() == switched
    assert change.build().made == 0


def test_a_probe_of_one_space_meets_no_row_of_the_other(change):
    change.begin()
    change.build()
    permit = forged.live(Act.SEARCH, [c.id for c in change.toy.records.policy.facts()[1]])
    live = LiveIndex(change.toy.stores, TURNED).refresh()
    with pytest.raises(SpaceMismatch):
        live.search(np.eye(1, 64, dtype=np.float32), 1, permit)


def test_finish_leaves_one_template_a_face_one_key_and_the_crop(change):
    toy = change.toy
    old_keys = set(toy.records.gallery.key_ids())
    uid = toy.search("alice@1,1,50,50").leads[0].face_id
    change.begin()
    change.build()
    change.reindexer.switch(change.records.newest(), measured=True)
    assert change.reindexer.finish(change.records.newest(), TURNED) == ()
    assert change.records.newest().state is State.DONE
    assert not old_keys & set(toy.keys.keys)
    assert needless_keys(toy) == set()
    assert change.rows(TURNED) == 3
    assert change.rows(SPACE) == 0
    assert names(change.search("alice@1,1,50,50")) == ["a.jpg"]
    assert Crops(toy.stores).crop(uid) == b"thumbnail of alice"
    kinds = [entry.kind for entry in toy.log.entries()]
    assert [kind for kind in kinds if kind.startswith("reindex.")] == ["reindex.built", "reindex.switched",
                                                                       "reindex.finished"]  # fmt: skip


def test_going_back_before_the_switch_or_after_it_leaves_the_home_as_it_was(change):
    toy = change.toy
    before = toy.search("alice@1,1,50,50")
    for switched in (False, True):
        change.begin()
        change.build()
        if switched:
            change.reindexer.switch(change.records.newest(), measured=True)
        back = change.reindexer.roll_back(change.records.newest())
        assert back.active == change.old
        change.reindexer.finish(back, SPACE)
        assert toy.search("alice@1,1,50,50").leads == before.leads
        assert change.rows(TURNED) == 0
        assert needless_keys(toy) == set()


def test_what_can_not_be_read_again_is_named_and_keeps_its_old_template(change, album):
    (album / "a.jpg").unlink()
    (album / "c.jpg").write_bytes(picture("carol@10,20,60,80") + b" ")
    change.begin()
    built = change.build()
    assert (built.made, built.lacking) == (0, 3)
    assert {(place, why) for _, place, why in built.why} == {(b"a.jpg", "unreadable"), (b"c.jpg", "changed")}
    assert names(change.toy.search("alice@1,1,50,50")) == ["a.jpg"]


def test_a_face_that_is_not_found_again_is_named(change, album, monkeypatch):
    monkeypatch.setattr(reindex, "SAME_BOX_IOU", 2.0)
    change.begin()
    built = change.build()
    assert {why for _, _, why in built.why} == {"face not found again"}


def test_the_lost_are_erased_by_finish_and_taken_again_when_their_file_is_read_anew(change, album):
    toy = change.toy
    (album / "c.jpg").rename(album / "elsewhere.bin.tmp")
    change.begin()
    change.build()
    change.reindexer.switch(change.records.newest(), measured=True)
    change.reindexer.finish(change.records.newest(), TURNED)
    assert change.search("carol@1,1,50,50").leads == ()
    assert needless_keys(toy) == set()
    assert toy.records.gallery.count_enrolled() == 2
    (album / "elsewhere.bin.tmp").rename(album / "carol-again.jpg")
    toy.embedder = change.embedder
    toy.ingest(prune=True)
    assert names(change.search("carol@1,1,50,50")) == ["carol-again.jpg"]


def test_a_grant_that_no_longer_permits_gets_no_new_template(change):
    toy = change.toy
    source = toy.records.sources.get("album")
    change.begin()
    toy.records.sources.set_grant_state(source, suspended_at=toy.clock())
    looked = toy.analyser.looked
    assert change.build().as_dict() == {"made": 0, "lacking": 3}
    assert toy.analyser.looked == looked
    toy.records.sources.set_grant_state(source, suspended_at=None)
    assert change.build().made == 3


def test_a_grant_that_is_suspended_while_a_batch_is_embedded_gets_none_either(change):
    toy = change.toy
    embed = change.embedder.embed

    def suspend_and_embed(crops, permit):
        toy.records.sources.set_grant_state(toy.records.sources.get("album"), suspended_at=toy.clock())
        return embed(crops, permit)

    change.begin()
    change.embedder.embed = suspend_and_embed
    assert change.build().as_dict() == {"made": 0, "lacking": 3}
    assert needless_keys(toy) == set()


def test_faces_that_come_in_meanwhile_are_caught_up_with(change, album):
    change.begin()
    change.build()
    (album / "d.jpg").write_bytes(picture("dave@10,20,60,80"))
    change.toy.ingest()
    assert change.records.count_lacking(change.new) == 1
    assert change.build().as_dict() == {"made": 1, "lacking": 0}
    assert names(change.search("dave@1,1,50,50")) == ["d.jpg"]


def test_faces_that_came_in_after_the_switch_are_there_after_going_back(change, album):
    toy = change.toy
    change.begin()
    change.build()
    change.reindexer.switch(change.records.newest(), measured=True)
    (album / "d.jpg").write_bytes(picture("dave@10,20,60,80"))
    toy.embedder = change.embedder
    toy.ingest()
    assert names(change.search("dave@1,1,50,50")) == ["d.jpg"]
    toy.embedder = ToyEmbedder()
    back = change.reindexer.roll_back(change.records.newest())
    assert change.build(change.old, toy.embedder).as_dict() == {"made": 1, "lacking": 0}
    change.reindexer.finish(back, SPACE)
    assert names(toy.search("dave@1,1,50,50")) == ["d.jpg"]
    assert needless_keys(toy) == set()


@pytest.mark.parametrize("when", ["building", "switched"])
def test_erasing_a_face_during_it_removes_both_templates(change, when):
    toy = change.toy
    uid = toy.search("alice@1,1,50,50").leads[0].face_id
    change.begin()
    change.build()
    if when == "switched":
        change.reindexer.switch(change.records.newest(), measured=True)
    place = toy.records.gallery.face(uid)
    toy.eraser.erase_face(uid)
    assert {place.key_id, place.second_key}.isdisjoint(toy.keys.keys)
    assert (change.rows(SPACE), change.rows(TURNED)) == (2, 2)
    assert change.build().made == 0  # it does not come back
    assert change.search("alice@1,1,50,50").leads == ()
    toy.eraser.erase_source(toy.records.sources.get("album"))
    assert (change.rows(SPACE), change.rows(TURNED)) == (0, 0)
    assert needless_keys(toy) == set()


def test_a_face_that_is_erased_while_its_batch_is_embedded_gets_none(change):
    toy = change.toy
    uid = toy.search("alice@1,1,50,50").leads[0].face_id
    embed = change.embedder.embed

    def erase_and_embed(crops, permit):
        change.embedder.embed = embed
        toy.eraser.erase_face(uid)
        return embed(crops, permit)

    change.begin()
    change.embedder.embed = erase_and_embed
    assert change.build().as_dict() == {"made": 2, "lacking": 0}
    assert needless_keys(toy) == set()


def test_two_reindexes_at_once_are_refused(change):
    change.begin()
    with pytest.raises(WrongUse, match="another reindex"):
        change.begin()


@pytest.mark.parametrize("what", ["keep_one", "unlist_lacking", "set_state"])
def test_a_finish_cut_short_goes_on(change, monkeypatch, what):
    toy = change.toy
    change.begin()
    change.build()
    change.reindexer.switch(change.records.newest(), measured=True)
    uid = toy.search("alice@1,1,50,50").leads[0].face_id

    def die(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(type(change.records), what, die)
        with pytest.raises(KeyboardInterrupt):
            change.reindexer.finish(change.records.newest(), TURNED)
    assert Crops(toy.stores).crop(uid) == b"thumbnail of alice"  # also between two keys
    assert names(change.search("alice@1,1,50,50")) == ["a.jpg"]
    change.reindexer.finish(change.records.newest(), TURNED)
    assert Crops(toy.stores).crop(uid) == b"thumbnail of alice"
    assert needless_keys(toy) == set()
    assert change.rows(TURNED) == 3


def test_a_full_disk_leaves_no_key_and_no_template(change, monkeypatch):
    change.begin()

    def full(*_):
        raise StorageFailed("records.db could not be used: database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(type(change.records), "add_templates", full)
        with pytest.raises(StorageFailed):
            change.build()
    assert needless_keys(change.toy) == set()
    assert change.build().made == 3
