"""What an ingest takes, refuses, recognises and repeats. Toy pictures: see countenance/testing/toy.py."""

import os
from datetime import UTC, datetime
from unittest.mock import patch

import pytest

from countenance.errors import LogUnwritable, NotFound, PolicyDenied, StorageFailed
from countenance.permits import Act
from countenance.pipeline.garbage_collect import collect_garbage
from countenance.pipeline.pictures.enrol import Enroller
from countenance.records.erasure.erasures import Target
from countenance.testing.toy import picture
from countenance.types import Rejected, RejectReason
from support import orders

ALICE, BOB = "alice@10,20,60,80", "bob@100,20,150,80"


def test_every_file_is_in_exactly_one_count(toy, album):
    (album / "a.jpg").write_bytes(picture(ALICE, BOB))
    (album / "deep").mkdir()
    (album / "deep" / "copy.jpg").write_bytes(picture(ALICE, BOB))
    (album / "none.jpg").write_bytes(picture())
    (album / "notes.jpg").write_text("no picture")
    (album / "link.jpg").symlink_to(album / "a.jpg")
    toy.add_source(album)
    report = toy.ingest()
    assert (report.files, report.taken, report.copies) == (5, 2, 1)
    assert report.rejected == {"not_a_picture": 1, "link": 1}
    assert (report.faces, report.indexed, report.refused) == (2, 2, {})
    again = toy.ingest()
    assert (again.unchanged, again.taken, again.rejected) == (3, 0, {"not_a_picture": 1, "link": 1})
    assert toy.log.kinds.count("embed.decided") == 1


def test_an_unchanged_file_is_not_even_looked_at(toy, album):
    (album / "a.jpg").write_bytes(picture(ALICE))
    (album / "b.txt").write_text("no picture")
    toy.add_source(album)
    toy.ingest()
    looked = toy.analyser.looked
    toy.ingest()
    assert toy.analyser.looked == looked


def test_a_changed_file_is_taken_anew_and_what_it_held_is_erased(toy, album):
    (album / "a.jpg").write_bytes(picture(ALICE))
    toy.add_source(album)
    toy.ingest()
    (album / "a.jpg").write_bytes(picture(BOB, "carol@1,1,40,40"))
    report = toy.ingest()
    assert (report.taken, report.erased) == (1, 1)
    assert toy.search(ALICE).leads == ()
    assert len(toy.search(BOB).leads) == 1
    assert toy.records.gallery.counts()["pictures"] == 1
    assert len(toy.blobs.kept) == 2


def test_a_vanished_file_is_counted_and_erased_only_by_prune(toy, album):
    for name in ("a", "b"):
        (album / f"{name}.jpg").write_bytes(picture(f"{name}@1,1,50,50"))
    toy.add_source(album)
    toy.ingest()
    (album / "a.jpg").unlink()
    assert (toy.ingest().vanished, len(toy.search("a@1,1,50,50").leads)) == (1, 1)
    report = toy.ingest(prune=True)
    assert (report.vanished, report.erased) == (1, 1)
    assert toy.search("a@1,1,50,50").leads == ()
    assert toy.ingest().vanished == 0


def test_prune_refuses_an_empty_folder(toy, album):
    (album / "a.jpg").write_bytes(picture(ALICE))
    toy.add_source(album)
    toy.ingest()
    (album / "a.jpg").unlink()
    with pytest.raises(StorageFailed, match="empty"):
        toy.ingest(prune=True)
    assert len(toy.search(ALICE).leads) == 1


def test_a_missing_folder_is_an_error_and_nothing_vanishes(toy, album):
    (album / "a.jpg").write_bytes(picture(ALICE))
    toy.add_source(album)
    toy.ingest()
    album.rename(album.with_name("moved"))
    with pytest.raises(NotFound):
        toy.ingest(prune=True)
    assert len(toy.search(ALICE).leads) == 1


def test_a_renamed_file_is_a_copy_then_a_vanished_place(toy, album):
    (album / "a.jpg").write_bytes(picture(ALICE))
    toy.add_source(album)
    toy.ingest()
    embedded = toy.embedder.embedded
    (album / "a.jpg").rename(album / "b.jpg")
    report = toy.ingest(prune=True)
    assert (report.copies, report.vanished, report.erased) == (1, 1, 0)
    assert toy.embedder.embedded == embedded
    assert toy.search(ALICE).leads[0].picture.uri.endswith("/b.jpg")


def test_a_poor_face_keeps_its_box_and_reason_and_nothing_else(toy, album):
    (album / "a.jpg").write_bytes(picture("blurred@10,20,60,80", "tiny@0,0,9,9"))
    toy.add_source(album)
    report = toy.ingest()
    assert report.refused == {"low_quality": 1, "too_small": 1}
    with toy.records.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT landmarks, quality, key_id, template FROM faces").all()
    assert [tuple(row) for row in rows] == [(None, None, None, None)] * 2
    assert toy.blobs.kept == {}
    assert toy.keys.keys == {}
    assert toy.embedder.embedded == 0


def test_unknown_jurisdiction_is_taken_but_not_indexed_until_it_is_known(toy, album):
    (album / "a.jpg").write_bytes(picture(ALICE))
    toy.add_source(album, jurisdiction="unknown", within="CA")
    report = toy.ingest()
    assert (report.taken, report.indexed, report.refused) == (1, 0, {"not_permitted": 1})
    assert toy.embedder.embedded == 0
    (album / "a.jpg.countenance.toml").write_text('jurisdiction = "CA-ON"')
    report = toy.ingest()
    assert (report.again, report.indexed) == (1, 1)
    [lead] = toy.search(ALICE).leads
    assert lead.jurisdictions == ("CA-ON",)


def test_a_sidecar_outside_the_grant_is_rejected(toy, album):
    (album / "a.jpg").write_bytes(picture(ALICE))
    (album / "a.jpg.countenance.toml").write_text('jurisdiction = "FR"')
    toy.add_source(album)
    assert toy.ingest().rejected == {"bad_sidecar": 1}


def test_what_policy_refused_is_looked_at_again_when_it_permits(toy, album):
    (album / "a.jpg").write_bytes(picture(ALICE))
    toy.add_source(album)
    order = orders.in_force(toy.records, ["embed"], "source", "album", toy.clock())
    assert toy.ingest().refused == {"not_permitted": 1}
    assert toy.ingest().unchanged == 1
    orders.lift(toy.records, order, toy.clock())
    report = toy.ingest()
    assert (report.again, report.indexed) == (1, 1)
    assert len(toy.search(ALICE).leads) == 1


def test_an_order_that_stops_collecting_stops_before_the_first_file(toy, album):
    (album / "a.jpg").write_bytes(picture(ALICE))
    toy.add_source(album)
    orders.in_force(toy.records, ["collect"], "jurisdiction", "CA", toy.clock())
    with pytest.raises(PolicyDenied):
        toy.ingest()
    assert toy.analyser.looked == 0
    assert toy.records.gallery.counts()["pictures"] == 0


def test_the_same_picture_in_two_sources_is_stored_once_and_found_in_both_classes(toy, album, tmp_path):
    (album / "a.jpg").write_bytes(picture(ALICE))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "b.jpg").write_bytes(picture(ALICE))
    toy.add_source(album)
    toy.add_source(tmp_path / "other", "other", jurisdiction="FR")
    toy.ingest("album")
    embedded = toy.embedder.embedded
    report = toy.ingest("other")
    assert (report.again, report.indexed) == (1, 1)
    assert toy.embedder.embedded == embedded
    result = toy.search(ALICE)
    assert len(result.leads) == 1
    toy.records.sources.set_grant_state(toy.records.sources.get("album"), suspended_at=toy.clock())
    [lead] = toy.search(ALICE).leads
    assert (lead.source, lead.jurisdictions) == ("other", ("FR",))
    toy.eraser.erase_source(toy.records.sources.get("other"))
    assert toy.records.gallery.counts()["pictures"] == 1
    with pytest.raises(PolicyDenied):
        toy.search(ALICE)


def test_a_policy_that_moves_while_a_batch_is_embedded_is_asked_again(toy, album):
    (album / "a.jpg").write_bytes(picture(ALICE))
    source = toy.add_source(album)
    embed = toy.embedder.embed

    def suspend_and_embed(crops, permit):
        if permit.act is Act.EMBED:
            toy.records.sources.set_grant_state(source, suspended_at=toy.clock())
        return embed(crops, permit)

    toy.embedder.embed = suspend_and_embed
    report = toy.ingest()
    assert (report.indexed, report.refused) == (0, {"not_permitted": 1})
    assert toy.keys.keys == {}
    assert toy.blobs.kept == {}


def in_the_checks(toy, monkeypatch, act):
    """`act(permit)` is done while the faces of the first batch are checked."""
    done = []

    def checked(self, candidates, permit):
        if not done:
            done.append(act(permit))

    monkeypatch.setattr(Enroller, "_keep_out_persons", checked)


def test_the_checks_of_a_crowd_may_take_longer_than_a_permit_lasts(toy, album, monkeypatch):
    (album / "a.jpg").write_bytes(picture(ALICE, BOB))
    toy.add_source(album)
    in_the_checks(toy, monkeypatch, lambda permit: object.__setattr__(permit, "expires_s", 0.0))
    assert toy.ingest().indexed == 2
    assert toy.log.kinds.count("embed.decided") == 2


@pytest.mark.parametrize("how", ["an order", "the term"])
def test_what_is_no_longer_permitted_after_the_checks_gets_no_template(toy, album, monkeypatch, how):
    (album / "a.jpg").write_bytes(picture(ALICE))
    toy.add_source(album, expires="2030-12-31")

    def age_and_move(permit):
        object.__setattr__(permit, "expires_s", 0.0)
        if how == "an order":
            orders.in_force(toy.records, ["embed"], "source", "album", toy.clock())
        else:  # the clock passes it: no version moves
            toy.now = datetime(2031, 1, 2, tzinfo=UTC)

    in_the_checks(toy, monkeypatch, age_and_move)
    monkeypatch.setattr(toy.embedder, "embed", lambda *_: pytest.fail("a template was made"))
    assert toy.ingest().refused == {"not_permitted": 1}
    assert toy.blobs.kept == {}


def test_a_log_that_cannot_be_written_means_nothing_is_done(toy, album):
    (album / "a.jpg").write_bytes(picture(ALICE))
    toy.add_source(album)
    toy.log.broken = True
    with pytest.raises(LogUnwritable):
        toy.ingest()
    assert toy.analyser.looked == 0


def test_a_crop_store_that_is_full_leaves_no_key_behind(toy, album):
    (album / "a.jpg").write_bytes(picture(ALICE))
    toy.add_source(album)

    def full(_blobs):
        raise StorageFailed("the disk is full")

    toy.blobs.put_many = full
    with pytest.raises(StorageFailed):
        toy.ingest()
    assert toy.keys.keys == {}
    assert toy.records.gallery.counts()["pictures"] == 0


def test_records_that_cannot_be_written_leave_neither_key_nor_crop(toy, album):
    (album / "a.jpg").write_bytes(picture(ALICE))
    toy.add_source(album)

    def full(_batch):
        raise StorageFailed("the disk is full")

    toy.records.pictures.commit = full
    with pytest.raises(StorageFailed):
        toy.ingest()
    assert toy.keys.keys == {}
    assert toy.blobs.kept == {}


def test_what_a_killed_command_left_is_swept_before_the_next_run(toy, album):
    (album / "a.jpg").write_bytes(picture(ALICE))
    toy.add_source(album)
    toy.ingest()
    assert toy.keys.unconfirmed() == ([], [])
    [orphan] = toy.keys.create(blobs=["left-over"])
    toy.blobs.put_many({"left-over": b"sealed"})
    kept = set(toy.keys.keys) - {orphan}
    toy.ingest()
    assert set(toy.keys.keys) == kept
    assert "left-over" not in toy.blobs.kept
    assert toy.keys.unconfirmed() == ([], [])


def test_what_a_row_names_is_not_swept_though_its_note_came_back(toy, album):
    (album / "a.jpg").write_bytes(picture(ALICE))
    toy.add_source(album)
    made = toy.keys.confirm
    toy.keys.confirm = lambda *keys, **blobs: None
    toy.ingest()
    assert all(toy.keys.unconfirmed())
    toy.keys.confirm = made
    kept = set(toy.keys.keys), dict(toy.blobs.kept)
    toy.ingest()
    assert (set(toy.keys.keys), toy.blobs.kept) == kept
    assert toy.keys.unconfirmed() == ([], [])


def test_what_no_note_tells_of_is_found_by_a_whole_sweep_alone(toy, album):
    (album / "a.jpg").write_bytes(picture(ALICE))
    toy.add_source(album)
    toy.ingest()
    kept = set(toy.keys.keys), dict(toy.blobs.kept)
    toy.keys.confirm(toy.keys.create())
    toy.blobs.put_many({"left-over": b"sealed"})
    assert collect_garbage(toy.stores) == (0, 0)
    assert collect_garbage(toy.stores, whole=True) == (1, 1)
    assert (set(toy.keys.keys), toy.blobs.kept) == kept


def test_a_name_that_is_no_utf8_and_a_name_with_a_newline_are_taken(toy, album):
    for name in (b"caf\xe9.jpg", b"two\nlines.jpg"):
        (album / os.fsdecode(name)).write_bytes(picture(f"p{len(name)}@1,1,50,50"))
    toy.add_source(album)
    assert toy.ingest().taken == 2
    assert toy.search("p8@1,1,50,50").leads[0].picture.uri.endswith("caf%E9.jpg")
    assert toy.ingest().unchanged == 2


def test_a_rejection_that_may_pass_is_tried_again(toy, album):
    (album / "a.jpg").write_bytes(picture(ALICE))
    toy.add_source(album)
    look = toy.analyser.analyse
    toy.analyser.analyse = lambda data, **more: Rejected(RejectReason.TIMED_OUT)
    assert toy.ingest().rejected == {"timed_out": 1}
    toy.analyser.analyse = look
    report = toy.ingest()
    assert (report.taken, report.rejected) == (1, {})
    assert list(toy.records.gallery.rejected(toy.records.sources.get("album").id)) == []


def test_progress_counts_up_to_the_total(toy, album):
    for number in range(7):
        (album / f"{number}.jpg").write_bytes(picture(f"p{number}@1,1,50,50"))
    toy.add_source(album)
    seen = []
    toy.ingest(progress=seen.append)
    assert seen[-1].total == 7
    assert seen[-1].done == 7
    assert seen[-1].indexed == 7


# --- many files, and others at work meanwhile ------------------------------------------------------------------------
def test_many_files_go_in_several_batches_and_copies_among_them_are_copies(toy, album):
    for number in range(300):
        (album / f"{number:03}.jpg").write_bytes(picture(f"p{number % 150}@10,20,60,80"))
    toy.add_source(album)
    report = toy.ingest()
    assert (report.files, report.taken, report.copies, report.indexed) == (300, 150, 150, 150)
    assert toy.records.gallery.count_enrolled() == 150
    assert toy.log.kinds.count("ingest.committed") >= 2
    assert toy.ingest().unchanged == 300


def test_a_file_that_can_not_be_read_is_named_and_the_run_goes_on(toy, album, monkeypatch):
    from countenance.collect.folder import FolderCollector

    for name in ("a", "b"):
        (album / f"{name}.jpg").write_bytes(picture(f"{name}@1,1,50,50"))
    toy.add_source(album)
    read = FolderCollector.read

    def unreadable(self, found, permit, *, max_bytes):
        if found.place == "a.jpg":
            return Rejected(RejectReason.UNREADABLE)
        return read(self, found, permit, max_bytes=max_bytes)

    monkeypatch.setattr(FolderCollector, "read", unreadable)
    report = toy.ingest()
    assert (report.taken, report.rejected) == (1, {"unreadable": 1})


def test_a_picture_overwritten_by_something_else_is_erased_and_the_rejection_recorded(toy, album):
    (album / "a.jpg").write_bytes(picture(ALICE))
    (album / "b.jpg").write_bytes(picture(BOB))
    toy.add_source(album)
    toy.ingest()
    (album / "a.jpg").write_text("no picture any more")
    report = toy.ingest()
    assert (report.erased, report.rejected, report.vanished) == (1, {"not_a_picture": 1}, 0)
    assert toy.search(ALICE).leads == ()
    assert len(toy.search(BOB).leads) == 1
    assert toy.records.gallery.counts()["pictures"] == 1
    again = toy.ingest()
    assert (again.unchanged, again.erased, again.rejected) == (1, 0, {"not_a_picture": 1})
    (album / "a.jpg").write_bytes(picture(ALICE))
    assert toy.ingest().taken == 1
    assert len(toy.search(ALICE).leads) == 1


def test_an_overwritten_picture_stays_where_it_stands_elsewhere(toy, album):
    for name in ("a.jpg", "b.jpg"):
        (album / name).write_bytes(picture(ALICE))
    toy.add_source(album)
    toy.ingest()
    (album / "a.jpg").write_text("no picture any more")
    assert toy.ingest().erased == 0
    [lead] = toy.search(ALICE).leads
    assert lead.picture.uri.endswith("b.jpg")


def test_a_picture_that_can_only_not_be_read_or_decoded_now_stays(toy, album, monkeypatch):
    from countenance.collect.folder import FolderCollector

    (album / "a.jpg").write_bytes(picture(ALICE))
    toy.add_source(album)
    toy.ingest()
    os.utime(album / "a.jpg", ns=(1, 1))
    read = FolderCollector.read
    monkeypatch.setattr(FolderCollector, "read", lambda *_, **__: Rejected(RejectReason.UNREADABLE))
    report = toy.ingest(prune=True)
    assert (report.erased, report.vanished, report.rejected) == (0, 0, {"unreadable": 1})
    monkeypatch.setattr(FolderCollector, "read", read)
    with monkeypatch.context() as busy:
        busy.setattr(
            "countenance.pipeline.pictures.ingest.settled", lambda *_: False
        )  # looked at again, whatever it holds
        busy.setattr(toy.analyser, "analyse", lambda *_, **__: Rejected(RejectReason.TIMED_OUT))
        assert toy.ingest().rejected == {"timed_out": 1}
    assert len(toy.search(ALICE).leads) == 1


@pytest.mark.parametrize("why", [RejectReason.UNREADABLE, RejectReason.LINK])
def test_prune_spares_what_lies_below_a_folder_that_can_not_be_read(toy, album, monkeypatch, why):
    """Nothing is behind a link, and so it has vanished; a disk that was pulled out has not."""
    from countenance.collect.folder import FolderCollector

    for place in ("a.jpg", "far/b.jpg", "far/off/c.jpg", "farther/d.jpg"):
        (album / place).parent.mkdir(parents=True, exist_ok=True)
        (album / place).write_bytes(picture(f"{place[-5]}@1,1,50,50"))
    toy.add_source(album)
    toy.ingest()
    (album / "farther" / "d.jpg").unlink()
    walk = FolderCollector.walk

    def walked(self, permit):
        found = walk(self, permit)
        yield from (item for item in found if isinstance(item, tuple) or not item.place.startswith("far/"))
        yield "far", Rejected(why)

    monkeypatch.setattr(FolderCollector, "walk", walked)
    report = toy.ingest(prune=True)
    gone = 1 if why is RejectReason.UNREADABLE else 3
    assert (report.vanished, report.erased, report.rejected) == (gone, gone, {why: 1})


def test_a_file_that_grew_beyond_the_limit_is_no_longer_the_picture_it_was(toy, album, monkeypatch):
    (album / "a.jpg").write_bytes(picture(ALICE))
    toy.add_source(album)
    toy.ingest()
    monkeypatch.setattr("countenance.pipeline.pictures.ingest.MAX_BYTES", 30)
    (album / "a.jpg").write_bytes(picture(ALICE, BOB))
    report = toy.ingest()
    assert (report.erased, report.rejected) == (1, {"too_large": 1})


def test_a_link_where_a_picture_was_is_a_picture_that_vanished(toy, album, tmp_path):
    for name in ("a", "b"):
        (album / f"{name}.jpg").write_bytes(picture(f"{name}@1,1,50,50"))
    toy.add_source(album)
    toy.ingest()
    (album / "a.jpg").rename(tmp_path / "elsewhere.jpg")
    (album / "a.jpg").symlink_to(tmp_path / "elsewhere.jpg")
    report = toy.ingest()
    assert (report.vanished, report.erased, report.rejected) == (1, 0, {"link": 1})
    assert toy.ingest(prune=True).erased == 1


def test_a_picture_that_is_erased_while_it_is_looked_at_again_stays_out(toy, album, tmp_path):
    (album / "a.jpg").write_bytes(picture(ALICE))
    toy.add_source(album)
    toy.add_source(album, "second", jurisdiction="FR")
    toy.ingest("album")
    lead = toy.search(ALICE).leads[0]
    look = toy.analyser.analyse

    def erase_and_look(data, **more):
        toy.analyser.analyse = look
        toy.eraser.erase_picture(lead.picture.id)
        return look(data, **more)

    toy.analyser.analyse = erase_and_look

    report = toy.ingest("second")
    assert report.indexed == 0
    assert toy.search(ALICE).leads == ()
    assert toy.records.gallery.counts()["indexed"] == 0
    assert toy.ingest("second").rejected == {"not_permitted": 1}


def test_a_picture_that_somebody_is_erasing_is_waited_for(toy, album, tmp_path):
    import uuid

    (album / "a.jpg").write_bytes(picture(ALICE))
    other = tmp_path / "other"
    other.mkdir()
    (other / "b.jpg").write_bytes(picture(ALICE))
    toy.add_source(album)
    toy.add_source(other, "other")
    toy.ingest("album")
    source = toy.records.sources.get("album")
    look = toy.analyser.analyse

    def hide_and_look(data, **more):
        toy.analyser.analyse = look  # another process begins to erase the first source
        toy.records.erasures.hide(Target("source", source_id=source.id), uid=uuid.uuid4(), at=toy.clock())
        return look(data, **more)

    toy.analyser.analyse = hide_and_look
    report = toy.ingest("other")
    assert report.taken + report.again == 1
    assert toy.records.erasures.unfinished() == ()
    assert [lead.source for lead in toy.search(ALICE).leads] == ["other"]


def test_an_order_given_in_the_middle_of_a_run_stops_it_before_the_next_file(toy, album):
    for number in range(6):
        (album / f"{number}.jpg").write_bytes(picture(f"alice{'~' * number}@10,20,60,80"))
    toy.add_source(album)
    look, looked = toy.analyser.analyse, []

    def order_after_the_second(data, **more):
        looked.append(data)
        if len(looked) == 2:
            orders.in_force(toy.records, ["collect"], "source", "album", toy.clock())
        return look(data, **more)

    toy.analyser.analyse = order_after_the_second
    with patch("countenance.pipeline.pictures.ingest.READ_AHEAD", 1), pytest.raises(PolicyDenied):
        toy.ingest()
    assert len(looked) == 2
    assert toy.records.gallery.counts()["indexed"] == 0


def test_where_a_pictures_own_sidecar_says_that_it_is_an_order_stops_collecting_it(toy, album):
    for name, place in (("a", "CA-QC"), ("b", "CA-ON")):
        (album / f"{name}.jpg").write_bytes(picture(f"{name}@10,20,60,80"))
        (album / f"{name}.jpg.countenance.toml").write_text(f'jurisdiction = "{place}"')
    toy.add_source(album, jurisdiction="CA-ON", within="CA")
    order = orders.in_force(toy.records, ["collect"], "jurisdiction", "CA-QC", toy.clock())
    report = toy.ingest()
    assert (report.taken, report.rejected, toy.analyser.looked) == (1, {"not_permitted": 1}, 1)
    assert toy.ingest().rejected == {"not_permitted": 1}
    orders.lift(toy.records, order, toy.clock())
    assert (toy.ingest().taken, toy.ingest().unchanged) == (1, 2)
