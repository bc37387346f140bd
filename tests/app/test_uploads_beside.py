"""Pictures handed in beside an ingest, beside each other, and beside whoever looks at something else."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from countenance.app.access.identity import Binding, Right, Who, WhoKind
from countenance.collect.folder import FolderCollector
from countenance.errors import HomeBusy, LogUnwritable
from countenance.testing import toy
from support.disk_home import held_by

GRANT = {"basis": "household", "jurisdiction": "CA-ON"}
ALICE = toy.picture("alice@10,20,60,80")


@pytest.fixture
def home(toy_home):
    with toy_home() as home:
        home.add_source("inbox", None, **GRANT)
        yield home


def leads_to(home, name):
    return [lead.picture.id for lead in home.search(toy.picture(f"{name}@1,1,50,50")).leads]


@pytest.fixture
def held(home, pictures, monkeypatch):
    """An ingest of `album` that stands still, holding its lock, until the event is set."""
    home.add_source("album", pictures, **GRANT)
    there, go_on = threading.Event(), threading.Event()
    read = FolderCollector.read

    def waits(*args, **more):
        there.set()
        assert go_on.wait(300)
        return read(*args, **more)

    monkeypatch.setattr(FolderCollector, "read", waits)
    with ThreadPoolExecutor(1) as pool:
        ingest = pool.submit(home.ingest, "album")
        assert there.wait(300)
        yield go_on, ingest
        go_on.set()


def test_a_picture_is_taken_at_once_while_an_ingest_runs(home, held):
    go_on, ingest = held
    taken = home.uploads.index_now("inbox", "zoe.jpg", toy.picture("zoe@10,20,60,80"))
    assert leads_to(home, "zoe") == [taken.picture_id]
    assert not ingest.done()
    go_on.set()
    [report] = ingest.result().reports
    assert (report.taken, report.vanished) == (3, 0)
    assert leads_to(home, "zoe") == [taken.picture_id]
    held_by(home)


def test_the_very_picture_that_an_ingest_is_reading_is_one_picture(home, held):
    go_on, ingest = held
    taken = home.uploads.index_now("inbox", "a.jpg", ALICE)
    go_on.set()
    assert ingest.result().reports[0].faces == 4
    assert [place.source for place in home.pictures.details(taken.picture_id).places] == ["inbox", "album"]
    assert taken.picture_id in leads_to(home, "alice")
    held_by(home)


@pytest.fixture
def desk(home):
    """Collections of a program, by a key that is bound to the source `inbox`."""
    rights = frozenset({Right.COLLECT, Right.SEARCH})
    return home.collections(Who(WhoKind.KEY, "a-key", "a program", rights, Binding(source="inbox")))


def index(home, desk, collection, picture):
    looked = home.detect(picture)
    return desk.index(collection, picture, looked, looked.faces, None)


def test_a_program_indexes_faces_while_an_ingest_runs(home, desk, held):
    go_on, ingest = held
    collection = desk.make("staff")
    taken, refused = index(home, desk, collection, toy.picture("zoe@10,20,60,80"))
    assert (len(taken), refused) == (1, ())
    assert not ingest.done()
    assert [lead.face_id for lead in home.search(toy.picture("zoe@1,1,50,50")).leads] == [taken[0].uid]
    go_on.set()
    assert ingest.result().reports[0].vanished == 0
    assert [face.uid for face in desk.faces(collection, limit=9)] == [taken[0].uid]
    held_by(home)


def test_a_program_that_indexes_a_known_picture_waits_for_the_ingest(home, desk, monkeypatch):
    collection = desk.make("staff")
    index(home, desk, collection, ALICE)
    monkeypatch.setattr("countenance.app.pictures.uploads.WAIT_S", 0.05)
    with home.parts.ingest_lock(), ThreadPoolExecutor(1) as other, pytest.raises(HomeBusy):
        other.submit(index, home, desk, collection, ALICE).result()


def test_a_known_picture_that_needs_another_look_waits_for_the_ingest(home, monkeypatch):
    home.add_source("unknown", None, basis="household", jurisdiction="unknown")
    taken = home.uploads.index_now("unknown", "a.jpg", ALICE)
    assert [face.state for face in taken.faces] == ["not_permitted"]  # told, though no search may see it
    monkeypatch.setattr("countenance.app.pictures.uploads.WAIT_S", 0.05)
    with home.parts.ingest_lock(), ThreadPoolExecutor(1) as other, pytest.raises(HomeBusy):
        other.submit(home.uploads.index_now, "inbox", "a.jpg", ALICE).result()


def test_nothing_is_handed_in_while_the_home_changes_its_model(home, monkeypatch):
    monkeypatch.setattr("countenance.app.pictures.uploads.WAIT_S", 0.05)
    with home.parts.reindex_lock(), ThreadPoolExecutor(1) as other, pytest.raises(HomeBusy, match="reindexing"):
        other.submit(home.uploads.index_now, "inbox", "a.jpg", ALICE).result()


def test_what_waits_where_something_was_refused_before_is_not_dropped(home):
    home.uploads.put("inbox", "a.jpg", b"notes")
    home.ingest("inbox")
    home.uploads.put("inbox", "a.jpg", ALICE)
    assert home.uploads.waiting("inbox") == 1
    home.uploads.index_now("inbox", "b.jpg", toy.picture("bob@10,20,60,80"))
    assert home.uploads.waiting("inbox") == 1
    home.ingest("inbox")
    assert len(leads_to(home, "alice")) == 1


def test_one_that_fails_ends_nobody_elses_look(home, monkeypatch):
    """The child processes are everybody's: what one run does not want any more may not be killed with them."""
    closed = []
    monkeypatch.setattr(
        type(home.parts.engine().analyser), "analyse_many", lambda *_: closed.append("many"), raising=False
    )
    append = home.parts.log.append

    def full(kind, *args, **more):
        if kind == "ingest.committed":
            raise LogUnwritable("the log's disk is full")
        return append(kind, *args, **more)

    monkeypatch.setattr(home.parts.log, "append", full)
    with pytest.raises(LogUnwritable):
        home.uploads.index_now("inbox", "a.jpg", ALICE)
    assert closed == []


def test_many_threads_hand_in_search_look_and_erase_beside_an_ingest(home, pictures):
    for n in range(30):
        (pictures / f"more-{n}.jpg").write_bytes(toy.picture(f"more{n}@10,20,60,80"))
    home.add_source("album", pictures, **GRANT)
    first = home.uploads.index_now("inbox", "first.jpg", toy.picture("first@10,20,60,80"))
    going, same = threading.Event(), toy.picture("same@10,20,60,80")

    def looks(_):
        going.wait()
        return [len(home.search(ALICE).leads) + len(home.detect(ALICE).faces) for _ in range(5)]

    def hands_in(n):
        going.wait()
        shared = (pictures / f"more-{n}.jpg").read_bytes()
        for which, data in (("up", toy.picture(f"up{n}@10,20,60,80")), ("same", same), ("more", shared)):
            home.uploads.index_now("inbox", f"{which}-{n}.jpg", data)

    with ThreadPoolExecutor(12) as pool:
        work = [pool.submit(looks, n) for n in range(3)] + [pool.submit(hands_in, n) for n in range(6)]
        work.append(pool.submit(lambda: going.wait() and home.erase(picture=first.picture_id)))
        work.append(pool.submit(lambda: going.wait() and home.ingest("album")))
        going.set()
        for each in work:
            each.result()
    assert leads_to(home, "first") == []
    names = ["same", *(f"more{n}" for n in range(30)), *(f"up{n}" for n in range(6))]
    assert {name: len(leads_to(home, name)) for name in names} == dict.fromkeys(names, 1)
    held_by(home)
