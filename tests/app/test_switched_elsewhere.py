"""Another process switches the model, or measures it: what an open home does next is of the new one."""

import sys
from dataclasses import replace

import pytest

from countenance.app.access.identity import Binding, Right, Who, WhoKind
from countenance.app.engine import Engine
from countenance.app.home import open_home
from countenance.rights.guests import VERSION
from countenance.testing.toy import TURNED, picture
from support.disk_home import toy_eyes

ALICE, BOB = picture("alice@10,20,60,80"), picture("bob@10,20,60,80")
PIECES = {"embedder", "analyser", "live", "eraser", "calibration", "searcher"}
PROGRAM = Who(WhoKind.KEY, "a-key", "a program", frozenset(Right), Binding(source="inbox"))


class World:
    """A home with albums and a source for uploads, which has done all of it before another process switches."""

    def __init__(self, home, folder):
        self.home, self.folder = home, folder
        for name in ("album", "second", "third"):
            (folder / name).mkdir()
            (folder / name / "alice.jpg").write_bytes(ALICE)
            (folder / name / "both.jpg").write_bytes(picture("alice~@10,20,60,80", f"{name}@100,20,150,80"))
            home.add_source(name, folder / name, basis="household", jurisdiction="CA-ON")
        home.add_source("inbox", None, basis="household", jurisdiction="CA-ON")
        home.ingest()
        self.lead, other = home.search(ALICE).leads[:2]
        self.person = home.people.new([self.lead.face_id], "Alice").id
        self.erased = other.face_id
        self.picture = home.pictures.page("album")[0][0].picture_id
        self.desk = home.collections(PROGRAM)
        self.collection, self.short = self.desk.make("faces"), self.desk.make("short")
        self.before = home.parts.engine()
        assert all(getattr(self.before, piece) for piece in PIECES - {"live"})
        self.before.live.refresh()

    def switch(self):
        with open_home(self.home.path) as other:
            other.reindexing.begin_or_go_on(TURNED.model)
            other.reindexing.switch(unmeasured=True, accept_loss=True)


@pytest.fixture(scope="module")
def switched(tmp_path_factory):
    """One for all: each entry has its own album, face and collection."""
    folder = tmp_path_factory.mktemp("switched")
    with pytest.MonkeyPatch.context() as patched, toy_eyes():
        patched.setenv("COUNTENANCE_KEYFILE", str(folder / "keys" / "home.key"))
        with open_home(folder / "home") as home:
            world = World(home, folder)
            world.switch()
            yield world


@pytest.fixture
def world(toy_home, tmp_path):
    with toy_home() as home:
        yield World(home, tmp_path)


def asked_for_access(world):
    return world.home.requests.open("access", photo=ALICE, contact="a@example.org")


def indexed_by_a_program(world):
    looked = world.home.detect(BOB)
    world.desk.index(world.collection, BOB, looked, looked.faces, None)


def another_source(world):
    (world.folder / "more").mkdir()
    world.home.add_source("more", world.folder / "more", basis="household", jurisdiction="CA-ON")


def taken_again(world):
    (world.folder / "album" / "dora.jpg").write_bytes(picture("dora@10,20,60,80"))
    world.home.ingest("album")


HOUSEHOLD = {
    "search": lambda w: w.home.search(ALICE),
    "search and look": lambda w: w.home.search_and_look(ALICE),
    "search face": lambda w: w.home.search_face(w.lead.face_id),
    "search person": lambda w: w.home.search_person(w.person),
    "detect": lambda w: w.home.detect(ALICE),
    "compare": lambda w: w.home.compare(ALICE, BOB),
    "suggest": lambda w: w.home.suggest_people(),
    "curves": lambda w: w.home.searches.curves(),
    "odds": lambda w: w.home.searches.odds(3, 0.5),
    "picture": lambda w: w.home.pictures.image(w.picture),
    "models": lambda w: w.home.models.all(),
    "erase face": lambda w: w.home.erase(face=w.erased),
    "erase source": lambda w: w.home.erase(source="second"),
    "takedown": lambda w: w.home.takedown("third"),
    "retain": lambda w: w.home.retention.retain(run=True),
    "finish orders": lambda w: w.home.orders.finish(),
    "add a source": another_source,
    "ingest": taken_again,
    "upload": lambda w: w.home.uploads.index_now("inbox", "bob.jpg", BOB),
    "request": asked_for_access,
    "status": lambda w: w.home.health.status(),
    "doctor": lambda w: list(w.home.health.examine()),
    "ready": lambda w: w.home.health.check_ready(),
    "collection": lambda w: w.desk.search(ALICE, w.desk.question(w.collection)),
    "collection's model": lambda w: w.desk.model(),
    "collection's faces": indexed_by_a_program,
    "collection's end": lambda w: w.desk.delete(w.short),
}


def used_by(entry, before, monkeypatch):
    """The engines that it took a piece of, but for the look at which of them is at work."""
    used = []

    def spied(engine, name):
        if name in PIECES and sys._getframe(1).f_code.co_name != "engine":
            used.append(engine)
        return object.__getattribute__(engine, name)

    with monkeypatch.context() as spying:
        spying.setattr(Engine, "__getattribute__", spied)
        entry()
    assert before not in used
    return {engine.embedder.space for engine in used}


@pytest.mark.parametrize("entry", HOUSEHOLD)
def test_whatever_is_done_next_is_of_the_new_model(switched, entry, monkeypatch):
    assert used_by(lambda: HOUSEHOLD[entry](switched), switched.before, monkeypatch) == {TURNED}


def test_an_evaluation_is_of_the_new_model(switched, tmp_path):
    for name in ("ann", "ben", "cleo"):
        (tmp_path / "people" / name).mkdir(parents=True)
        for number in (1, 2):
            (tmp_path / "people" / name / f"{number}.jpg").write_bytes(picture(f"{name}{'~' * number}@10,20,60,80"))
    assert switched.home.evaluate(people=tmp_path / "people").space == TURNED


@pytest.fixture(scope="module")
def event(tmp_path_factory):
    """An event with a guest who waits; gives (home, token of the link, token of the guest, engine of before)."""
    where = tmp_path_factory.mktemp("event")
    folder = where / "party"
    folder.mkdir()
    (folder / "us.jpg").write_bytes(picture("alice@10,20,60,80", "bob@100,20,150,80"))
    (where / "form.pdf").write_bytes(b"a form")
    with pytest.MonkeyPatch.context() as patched, toy_eyes():
        patched.setenv("COUNTENANCE_KEYFILE", str(where / "keys" / "home.key"))
        with open_home(where / "home", kind="organisation") as home:
            home.add_source(
                "party", folder, basis="consent", jurisdiction="CA-ON", purposes=["event-delivery"],
                evidence=where / "form.pdf",
            )  # fmt: skip
            home.ingest("party")
            link = home.guests.open_link("party", organiser="Ada, ada@example.org")["token"]
            guest, before = home.guests.consent(link, ALICE, agreed=VERSION)[1], home.parts.engine()
            with open_home(home.path) as other:
                other.reindexing.begin_or_go_on(TURNED.model)
                other.references.add("party")
                other.reindexing.switch(unmeasured=True, accept_loss=True)
            yield home, link, guest, before


GUESTS = {
    "consent": lambda home, link, _: home.guests.consent(link, BOB, agreed=VERSION),
    "search for guests": lambda home, *_: home.search_for_guests("party"),
    "standing": lambda home, _, guest: home.guests.standing(guest),
    "withdraw": lambda home, _, guest: home.guests.withdraw(guest),
}


@pytest.mark.parametrize("entry", GUESTS)
def test_what_is_done_for_guests_is_of_the_new_model(event, entry, monkeypatch):
    home, link, guest, before = event
    assert used_by(lambda: GUESTS[entry](home, link, guest), before, monkeypatch) == {TURNED}


def test_a_calibration_that_another_process_put_in_place_counts_at_once(world):
    own = world.before.calibration
    with open_home(world.home.path) as other:
        other.parts.calibrations.keep(replace(own, about={"measured": "elsewhere"}))
    assert world.home.health.status()["calibration"] == world.before.calibration.id != own.id
    with open_home(world.home.path) as other:
        other.use_shipped_calibration()
    assert world.home.search(ALICE).calibration == own.id


def test_an_engine_that_was_left_can_be_used_until_the_home_is_closed(world):
    """A search in another thread may still be at it."""
    world.switch()
    world.home.search(ALICE)
    assert world.before.searcher.search(ALICE, world.desk.question(None))[0].model != TURNED.model
    assert len(world.home.parts._engines) == 2
    closed = []
    for engine in world.home.parts._engines:
        engine.close = lambda engine=engine: closed.append(engine)
    world.home.close()
    assert world.before in closed
    assert len(closed) == 2
    assert world.home.search(ALICE).model == TURNED.model  # opened anew
