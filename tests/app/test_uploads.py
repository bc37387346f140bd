"""Pictures that are handed in: sealed, taken, looked at, and gone with whoever they show."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from importlib import resources
from urllib.parse import unquote

import pytest

from countenance.app.home import open_home
from countenance.app.pictures import pictures
from countenance.collect.uploaded import UploadCollector
from countenance.errors import NotFound, StorageFailed, WrongUse
from countenance.pipeline.address import address_of
from countenance.protocols import FoundFile
from countenance.remedies import Remedy
from countenance.testing.collector import CollectorContract
from support.patience import until

DATA = resources.files("countenance.app.demo") / "data"
HOPPER, BROTHERS, CAT = ((DATA / name).read_bytes() for name in ("grace-hopper.jpg", "two-brothers.jpg", "cat.jpg"))


class TestHandedIn(CollectorContract):
    def make(self, files, scratch):
        self.files = dict(files)
        return UploadCollector(
            lambda: (FoundFile(place, len(data), 1) for place, data in sorted(self.files.items())),
            self.files.get,
            lambda place: address_of(b"upload://x", place.encode()),
        )

    def vanish(self, place, scratch):
        del self.files[place]

    def test_an_address_has_the_whole_name(self, collector):
        assert "/d e" in unquote(collector.uri("trip/far/d e.jpg"))


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("COUNTENANCE_KEYFILE", str(tmp_path / "key"))
    with open_home(tmp_path / "home") as found:
        found.add_source("event", None, basis="household", jurisdiction="CA-ON")
        yield found


def uploads(home):
    return {each.place.decode(): each for each in home.parts.stores.records.uploads.walk(home.source("event").id)}


def is_gone(home, upload):
    """Neither its blob nor its key is there, and no file holds its plain bytes."""
    assert upload.key_id not in set(home.parts.keys.ids())
    return upload.blob not in set(home.parts.blobs.names())


def nothing_lies_open(home, data):
    return all(data[1000:1064] not in path.read_bytes() for path in home.path.rglob("*") if path.is_file())


def test_what_is_handed_in_is_sealed_taken_and_found(home):
    home.uploads.put("event", "day one/hopper.jpg", HOPPER)
    assert home.uploads.waiting("event") == 1
    assert nothing_lies_open(home, HOPPER)
    [report] = home.ingest("event").reports
    assert (report.taken, report.indexed, home.uploads.waiting("event")) == (1, 1, 0)
    [lead] = home.search(HOPPER).leads
    assert unquote(lead.picture.uri).endswith("/day one/hopper.jpg")
    assert lead.picture.uri.startswith("upload:")
    [report] = home.ingest("event").reports
    assert (report.unchanged, report.vanished) == (1, 0)
    assert nothing_lies_open(home, HOPPER)


def test_the_same_again_changes_nothing_and_others_take_its_place(home):
    home.uploads.put("event", "a.jpg", HOPPER)
    first = uploads(home)["a.jpg"]
    home.uploads.put("event", "a.jpg", HOPPER)
    assert uploads(home)["a.jpg"] == first
    home.ingest("event")
    home.uploads.put("event", "a.jpg", BROTHERS)
    assert is_gone(home, first)
    [report] = home.ingest("event").reports
    assert (report.taken, report.erased) == (1, 1)
    assert home.search(HOPPER).leads == ()


def test_one_picture_is_taken_at_once_and_need_not_be_kept(home):
    taken = home.uploads.index_now("event", "hopper.jpg", HOPPER)
    assert [face.state for face in taken.faces] == ["indexed"]
    assert home.pictures.image(taken.picture_id).startswith(b"\xff\xd8\xff")
    other = home.uploads.index_now("event", "brothers.jpg", BROTHERS, keep=False)
    assert len(other.faces) == 2
    assert uploads(home)["brothers.jpg"].key_id is None
    with pytest.raises(NotFound):
        home.pictures.image(other.picture_id)
    assert len(home.search(BROTHERS, face=0).leads) >= 1
    assert home.uploads.index_now("event", "hopper.jpg", HOPPER).picture_id == taken.picture_id


@pytest.mark.parametrize("data", [b"nothing", HOPPER[:2000], b"GIF89a"])
def test_what_is_no_picture_is_told_and_not_kept(home, data):
    told = home.uploads.index_now("event", "bad.jpg", data)
    assert told.rejected is not None
    assert uploads(home) == {}
    assert list(home.parts.blobs.names()) == []
    assert [reason for _, place, reason, _ in home.ingests.ingested([], []).rejected] == []


@pytest.mark.parametrize(
    "place", ["", "/etc/passwd", "../x.jpg", "a/../../x.jpg", "a//b", "./x", "nul\0.jpg", "x" * 1025, "half\udc80.jpg"]
)
def test_a_name_is_data_and_never_a_path(home, place):
    with pytest.raises(WrongUse):
        home.uploads.put("event", place, CAT)
    assert uploads(home) == {}


def test_a_source_with_a_folder_takes_nothing_that_is_handed_in(home, tmp_path):
    (tmp_path / "folder").mkdir()
    home.add_source("folder", tmp_path / "folder", basis="household", jurisdiction="CA-ON")
    with pytest.raises(WrongUse, match="folder"):
        home.uploads.put("folder", "a.jpg", HOPPER)


@pytest.mark.parametrize("what", ["picture", "face", "source", "jurisdiction"])
def test_an_erasure_takes_the_bytes_and_leaves_others(home, what):
    home.uploads.index_now("event", "cat.jpg", CAT)
    taken = home.uploads.index_now("event", "hopper.jpg", HOPPER)
    before = uploads(home)
    named = {"picture": taken.picture_id, "face": taken.faces[0].face_id, "source": "event", "jurisdiction": "CA"}
    assert home.erase(**{what: named[what]}, dry_run=True).faces == 1
    assert uploads(home) == before
    home.erase(**{what: named[what]})
    assert is_gone(home, before["hopper.jpg"])
    if what in {"picture", "face"}:
        assert uploads(home)["cat.jpg"] == before["cat.jpg"]
        assert home.parts.blobs.get(before["cat.jpg"].blob)
        assert home.uploads.index_now("event", "again.jpg", HOPPER).rejected is not None or what == "face"
    else:
        assert is_gone(home, before["cat.jpg"])


def test_what_a_crash_left_between_the_blob_and_the_row_is_swept(home, monkeypatch):
    rows = home.parts.stores.records.uploads

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(type(rows), "put", killed)
    with suppress(KeyboardInterrupt):
        home.uploads.put("event", "hopper.jpg", HOPPER)
    monkeypatch.undo()
    assert len(list(home.parts.blobs.names())) == 1
    home.ingest("event")
    assert (list(home.parts.blobs.names()), uploads(home)) == ([], {})


# --- looking at them -------------------------------------------------------------------------------------------------
def test_pictures_are_paged_and_tell_what_became_of_each_face(home):
    for number, data in enumerate((HOPPER, BROTHERS, CAT)):
        home.uploads.put("event", f"{number}.jpg", data)
    home.ingest("event")
    first, more = home.pictures.page("event", limit=2)
    rest, end = home.pictures.page("event", after=more, limit=2)
    assert sorted(len(each.faces) for each in first + rest) == [0, 1, 2]
    assert end is None
    hopper = next(each for each in first + rest if len(each.faces) == 1)
    [place] = hopper.places
    assert (place.source, place.basis, place.jurisdictions) == ("event", "household", ("CA-ON",))
    home.erase(face=hopper.faces[0].face_id)
    [face] = home.pictures.details(hopper.picture_id).faces
    assert (face.face_id, face.state) == (None, "not_permitted")
    home.suspend("event")
    with pytest.raises(NotFound):
        home.pictures.details(hopper.picture_id)
    assert home.pictures.page("event") == ([], None)


def test_whoever_asked_to_be_left_alone_is_blurred(home, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "b.jpg").write_bytes(BROTHERS)
    home.add_source("folder", tmp_path / "folder", basis="household", jurisdiction="CA-ON")
    home.ingest("folder")
    [[picture], _] = home.pictures.page("folder")
    before = home.pictures.image(picture.picture_id)
    home.erase(face=picture.faces[0].face_id)
    after = home.pictures.image(picture.picture_id)
    assert after != before
    assert len(home.detect(after).faces) == 1


@pytest.fixture
def meanwhile(home, monkeypatch):
    """Something comes into force while the next picture is drawn."""

    def comes(act):
        look, acts = home.parts.engine().analyser.analyse, [act]

        def looks(*args, **kwargs):
            drawn = look(*args, **kwargs)
            if acts:
                acts.pop()()
            return drawn

        monkeypatch.setattr(home.parts.engine().analyser, "analyse", looks)

    return comes


def test_an_erasure_while_a_picture_is_drawn_wins(home, tmp_path, meanwhile):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "b.jpg").write_bytes(BROTHERS)
    home.add_source("folder", tmp_path / "folder", basis="household", jurisdiction="CA-ON")
    home.ingest("folder")
    [[picture], _] = home.pictures.page("folder")
    meanwhile(lambda: home.erase(face=picture.faces[0].face_id))
    drawn = home.pictures.image(picture.picture_id)
    assert len(home.detect(drawn).faces) == 1


def test_a_face_is_blurred_from_the_moment_that_hides_it(home, tmp_path, monkeypatch):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "b.jpg").write_bytes(BROTHERS)
    home.add_source("folder", tmp_path / "folder", basis="household", jurisdiction="CA-ON")
    home.ingest("folder")
    [[picture], _] = home.pictures.page("folder")
    with monkeypatch.context() as broken:
        broken.setattr(home.parts.blobs, "delete_many", _fails)
        with pytest.raises(StorageFailed):
            home.erase(face=picture.faces[0].face_id)
    assert len(home.pictures.details(picture.picture_id).faces) == 1  # it is hidden, and not yet erased
    assert len(home.detect(home.pictures.image(picture.picture_id)).faces) == 1


def _fails(*_):
    raise StorageFailed("the disk is full", Remedy.FREE_SPACE)


def test_a_source_stopped_while_a_picture_is_drawn_or_a_crop_opened_wins(home, meanwhile, monkeypatch):
    taken = home.uploads.index_now("event", "hopper.jpg", HOPPER)
    meanwhile(lambda: home.suspend("event"))
    with pytest.raises(NotFound):
        home.pictures.image(taken.picture_id)
    [face] = taken.faces
    opened = home.parts.keys.open

    def opens(*args):
        plain = opened(*args)
        monkeypatch.setattr(home.parts.keys, "open", opened)
        home.erase(face=face.face_id)
        return plain

    monkeypatch.setattr(home.parts.keys, "open", opens)
    with pytest.raises(NotFound):
        home.crop(face.face_id)


def test_a_crop_whose_key_goes_before_it_is_opened_is_told_as_none(home, monkeypatch):
    [face] = home.uploads.index_now("event", "hopper.jpg", HOPPER).faces
    opened = home.parts.keys.open

    def opens(*args):
        monkeypatch.setattr(home.parts.keys, "open", opened)
        home.erase(face=face.face_id)
        return opened(*args)

    monkeypatch.setattr(home.parts.keys, "open", opens)
    with pytest.raises(NotFound):
        home.crop(face.face_id)


def test_the_veil_covers_every_reason_that_a_person_can_have():
    assert {str(reason.public) for reason in pictures._VEILED} == {"not_permitted"}


# --- jobs ------------------------------------------------------------------------------------------------------------
def test_a_job_tells_how_it_goes_to_any_process_and_ends(home):
    home.uploads.put("event", "hopper.jpg", HOPPER)
    job = home.jobs.start("event")
    told = list(home.jobs.follow(job.id, every_s=0.02))
    assert (told[-1].state, told[-1].progress["taken"], told[-1].source) == ("done", 1, "event")
    assert not told[-1].open
    assert home.jobs.newest(source="event")[0] == told[-1]


def test_a_job_waits_for_another_ingest_can_be_stopped_and_asks_for_no_second_one(home):
    with home.parts.ingest_lock():
        job = home.jobs.start("event")
        until(lambda: home.jobs.get(job.id).state != "queued")
        home.jobs.stop(job.id)
        assert list(home.jobs.follow(job.id, every_s=0.02))[-1].state == "stopped"


def test_a_job_that_fails_says_why_and_one_whose_process_died_is_told_as_stopped(home, monkeypatch):
    home.suspend("event")
    job = home.jobs.start("event")
    assert list(home.jobs.follow(job.id, every_s=0.02))[-1].error["kind"] == "policy_denied"
    home.resume("event")
    home.parts.stores.records.jobs.set_state(job.id, "running", among=("failed",))
    assert home.jobs.get(job.id).state == "running"
    monkeypatch.setattr("countenance.app.jobs.LOST", timedelta(seconds=-1))
    assert home.jobs.get(job.id).state == "stopped"


def test_a_job_that_meets_a_bug_says_where_and_not_about_whom(home, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("Jane Doe")

    monkeypatch.setattr(type(home.ingests), "ingest", broken)
    job = home.jobs.start("event")
    error = list(home.jobs.follow(job.id, every_s=0.02))[-1].error
    assert "RuntimeError in test_uploads.py" in error["message"]
    assert "Jane" not in str(error)


def test_closing_the_home_ends_what_runs_in_it(tmp_path, monkeypatch):
    monkeypatch.setenv("COUNTENANCE_KEYFILE", str(tmp_path / "key"))
    with open_home(tmp_path / "home") as home:
        home.add_source("event", None, basis="household", jurisdiction="CA-ON")
        for number in range(5):
            home.uploads.put("event", f"{number}.jpg", HOPPER + bytes(number))
        job = home.jobs.start("event")
    with open_home(tmp_path / "home") as home:
        assert home.jobs.get(job.id).state in {"stopped", "done"}
        [report] = home.ingest("event").reports
        assert report.files == 5


def test_many_threads_use_one_home_while_it_ingests(home):
    """Searches, looks, erasures and uploads beside a job, as the service does it: each is answered."""
    for number in range(8):
        home.uploads.put("event", f"{number}.jpg", BROTHERS + bytes(number))
    home.uploads.index_now("event", "hopper.jpg", HOPPER)
    job = home.jobs.start("event")
    with ThreadPoolExecutor(8) as threads:
        searches = [threads.submit(home.search, HOPPER) for _ in range(12)]
        looks = [threads.submit(home.detect, BROTHERS) for _ in range(6)]
        cat = threads.submit(home.uploads.index_now, "event", "cat.jpg", CAT)
        assert all(len(each.result().leads) == 1 for each in searches)
        assert all(len(each.result().faces) == 2 for each in looks)
        assert cat.result().rejected is None
        [gone] = {each.result().leads[0].picture.id for each in searches}
        threads.submit(home.erase, picture=gone).result()
        assert threads.submit(home.search, HOPPER).result().leads == ()
    assert list(home.jobs.follow(job.id, every_s=0.05))[-1].state == "done"
