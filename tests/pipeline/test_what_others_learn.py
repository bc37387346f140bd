"""Who searches can't tell an opt-out from a face that was never there; no search that starts after one shows them."""

import re
import threading
import uuid
from contextlib import ExitStack, contextmanager

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from countenance.pipeline.requests.requests import RequestWorkflow
from countenance.rights.guests import VERSION
from countenance.rights.requests import RequestLimits, check_asked
from countenance.testing.toy import picture
from countenance.types import HomeKind
from support.disk_home import opened
from support.toy_home import ToyHome

PEOPLE = ["bob", "carol", "dan", "erin", "frank"]
ID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}")


def desk_of(home):
    limits = RequestLimits(a_day=10_000, waiting=10_000)
    return RequestWorkflow(
        home.stores, home.analyser, home.embedder, home.live, home.calibration, home.eraser, "operator", limits
    )


def opt_out(home, name, tier):
    desk = desk_of(home)
    asked = check_asked(kind="opt-out", tier=tier, name="", contact="", text="", address="", face="", has_photo=True)
    opened = desk.open(asked, photo=picture(f"{name}@1,1,50,50", "#one"))
    desk.verify(opened.uid, photo=picture(f"{name}~~~@1,1,50,50", "#two"))
    return desk.decide(opened.uid, grant=True)


@contextmanager
def home_with(folder, album, people):
    """A home over `album`, of whose pictures those of `people` alone are there when it is taken."""
    album.mkdir(parents=True, exist_ok=True)
    home = ToyHome(folder)
    try:
        for number, name in enumerate(people):
            (album / f"{name}-{number}.jpg").write_bytes(picture(f"{name}@10,20,60,80", f"#{name}{number}"))
        home.add_source(album)
        home.ingest()
        yield home
    finally:
        home.close()


def answer(home, name, **question):
    found = home.search(f"{name}@1,1,50,50", **question).as_dict()
    return ID.sub("id", repr(found).replace(str(home.folder.parent), ""))


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    others=st.lists(st.sampled_from(PEOPLE), max_size=12),
    times=st.integers(1, 3),
    tier=st.sampled_from([0, 1, 2]),
    top=st.integers(1, 20),
)
def test_two_homes_that_differ_by_one_suppressed_person_answer_alike(tmp_path, others, times, tier, top):
    place = tmp_path / uuid.uuid4().hex
    with ExitStack() as stack:
        without = stack.enter_context(home_with(place / "a" / "home", place / "a" / "album", others))
        with_her = stack.enter_context(
            home_with(place / "b" / "home", place / "b" / "album", [*others, *["alice"] * times])
        )
        opt_out(with_her, "alice", tier)
        with_her.ingest()
        for probe in ("alice", "alice~", "bob", "stranger"):
            for question in ({}, {"top": top, "threshold": -1.0}, {"fpir": 0.3}):
                one, other = (
                    answer(home, probe, **question).replace(f"/{side}/album", "/album")
                    for side, home in (("a", without), ("b", with_her))
                )
                assert one == other


def test_a_search_does_the_same_work_for_an_opted_out_person_as_for_nobody(tmp_path):
    def work(home, probe):
        done = []

        def note(_connection, _cursor, statement, *_rest):
            done.append(statement)

        home.search(probe)
        sa.event.listen(home.records.database.engine, "before_cursor_execute", note)
        embedded, logged = home.embedder.embedded, len(home.log)
        home.search(probe)
        sa.event.remove(home.records.database.engine, "before_cursor_execute", note)
        return done, home.embedder.embedded - embedded, len(home.log) - logged

    with home_with(tmp_path / "home", tmp_path / "album", ["alice", "bob", "carol"]) as home:
        there = work(home, "alice@1,1,50,50")
        opt_out(home, "alice", 2)
        hers, nobodys = (work(home, f"{name}@1,1,50,50") for name in ("alice", "nobody"))
        assert hers == nobodys
        assert len(there[0]) >= len(hers[0])


@pytest.mark.parametrize("people", [15])
def test_no_search_that_starts_after_an_opt_out_shows_the_person(tmp_path, people):
    names = [f"person{number}" for number in range(people)]
    gone: set[str] = set()
    faults: list[str] = []
    searches = 0
    over = threading.Event()

    def search(home, number):
        nonlocal searches
        while not over.is_set():
            for name in names[number::3]:
                acknowledged = set(gone)
                shown = {lead.picture.uri.rpartition("/")[2].partition("-")[0] for lead in home.search(
                    f"{name}@1,1,50,50", threshold=0.5).leads}  # fmt: skip
                searches += 1
                faults.extend(shown & acknowledged)

    with home_with(tmp_path / "home", tmp_path / "album", names) as home:
        threads = [threading.Thread(target=search, args=(home, number)) for number in range(3)]
        for thread in threads:
            thread.start()
        try:
            for name in names:
                opt_out(home, name, 1)
                gone.add(name)
        finally:
            over.set()
            for thread in threads:
                thread.join()
        assert faults == []
        assert searches > people
        assert all(not home.search(f"{name}@1,1,50,50").leads for name in names)


def test_another_process_that_has_been_searching_shows_the_person_no_more(tmp_path, monkeypatch):
    monkeypatch.setenv("COUNTENANCE_KEYFILE", str(tmp_path / "key"))
    album = tmp_path / "album"
    album.mkdir()
    (album / "alice.jpg").write_bytes(picture("alice@10,20,60,80"))
    probe = picture("alice@1,1,50,50", "#one")
    with opened(tmp_path / "home") as one, opened(tmp_path / "home") as other:
        one.add_source("album", album, basis="household", jurisdiction="CA-ON")
        one.ingest()
        assert len(other.search(probe).leads) == 1
        request = one.requests.open("opt-out", photo=probe)["request"]
        one.requests.verify(request, photo=picture("alice~~@1,1,50,50", "#two"))
        one.requests.decide(request, grant=True)
        assert other.search(probe).leads == ()


def test_a_guest_who_is_kept_out_is_answered_like_anybody_who_is_in_no_picture(tmp_path):
    """With a photograph of somebody else nobody learns whether that person opted out."""

    def comes(folder, name):
        home = ToyHome(folder, kind=HomeKind.ORGANISATION)
        album, form = folder / "album", folder / "form.pdf"
        album.mkdir()
        form.write_bytes(b"a form")
        (album / "one.jpg").write_bytes(picture("alice@10,20,60,80", "bob@100,20,150,80"))
        grant = {"basis": "consent", "purposes": ["event-delivery"], "evidence": form}
        source = home.add_source(album, "party", **grant)
        home.ingest("party")
        opt_out(home, "alice", 2)
        before = len(home.log)
        token = home.guests.consent(
            home.guests.open_link(source, organiser="Ada")[1], picture(f"{name}@1,1,50,50", "#me"), agreed=VERSION
        )[1]
        home.guests.match_waiting_guests(source, home.ingest_run("party"))
        shown = home.guests.pictures(token)
        made = home.records.sources.subjects(source.grant.id)
        standing = ID.sub("id", re.sub(r"datetime\([^)]*\)", "then", repr(home.guests.standing(token))))
        report = home.guests.withdraw(token).as_dict()
        entries = [entry for entry in home.log.kept[before:] if entry.kind.startswith(("guest.", "erase."))]
        logged = [(entry.kind, sorted(entry.record)) for entry in entries]
        home.close()
        return (shown, standing, ID.sub("id", repr(report)), logged), made

    (kept_out, made), (nobody, _) = comes(tmp_path / "a", "alice"), comes(tmp_path / "b", "stranger")
    assert kept_out == nobody
    assert kept_out[0] == made == ()  # and nothing of her was kept
