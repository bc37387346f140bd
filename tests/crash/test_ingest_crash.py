"""An ingest killed at any point, and run again: nothing lost, nothing twice, nothing left over."""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from countenance.testing.toy import picture
from support.crash import run_until
from support.disk_home import held_after, held_by, opened

GRANT = {"basis": "household", "jurisdiction": "CA-ON"}


@pytest.fixture
def album(tmp_path):
    folder = tmp_path / "album"
    folder.mkdir()
    (folder / "both.jpg").write_bytes(picture("alice@10,20,60,80", "bob@100,20,150,80"))
    (folder / "carol.jpg").write_bytes(picture("carol@10,20,60,80"))
    (folder / "copy.jpg").write_bytes(picture("carol@10,20,60,80"))
    (folder / "dave.jpg").write_bytes(picture("dave@10,20,60,80"))
    (folder / "letter.jpg").write_bytes(b"not a picture")
    return folder


def check(home_path, album, before):
    """A killed home serves at once; one ingest later it holds exactly what stands in the album."""
    with opened(home_path) as home:
        entries = [entry.id for entry in home.parts.log.entries()]
        assert entries[: len(before)] == before
        home.verify_log()
        home.search(picture("alice@10,20,60,80"))
        home.ingest("album", prune=True)
        assert held_by(home) == held_after({"album": album})
        home.verify_log()
        assert [entry.id for entry in home.parts.log.entries()][: len(entries)] == entries
        assert home.ingest("album").reports[0].taken == 0
    with opened(home_path) as home:  # from the segments
        assert held_by(home) == held_after({"album": album})


def test_a_first_ingest_killed_at_every_point(tmp_path, album, breaker):
    with opened(tmp_path / "home") as home:
        home.add_source("album", album, **GRANT)
        before = [entry.id for entry in home.parts.log.entries()]
    breaker.everywhere(
        tmp_path / "home", "ingest", ["album"], False, at_least=60, then=lambda copy, _: check(copy, album, before)
    )


def test_an_ingest_that_replaces_and_prunes_killed_at_every_point(tmp_path, album, breaker):
    with opened(tmp_path / "home") as home:
        home.add_source("album", album, **GRANT)
        home.ingest("album")
        before = [entry.id for entry in home.parts.log.entries()]
    (album / "both.jpg").write_bytes(picture("alice@10,20,60,80", "erin@100,20,150,80"))
    (album / "dave.jpg").unlink()
    shutil.copy(album / "copy.jpg", album / "another.jpg")
    breaker.everywhere(
        tmp_path / "home", "ingest", ["album"], True, at_least=110, then=lambda copy, _: check(copy, album, before)
    )


# --- any sequence ----------------------------------------------------------------------------------------------------
FACES = [f"{name}@{x},20,{x + 50},80" for name in ("alice", "bob", "bob~", "carol", "dave") for x in (10, 100)]
PLACES = st.sampled_from(["a.jpg", "b.jpg", "deep/c.jpg", "deep/er/d.jpg"])
SHOWN = st.lists(st.sampled_from(FACES), max_size=3, unique_by=lambda face: face.partition("@")[2])
DRAFT = "draft.jpg"
ANCHOR = "anchor.jpg"  # always there: --prune refuses to empty a home because a folder looks empty
PROBES = ("alice", "bob", "carol", "dave", "erin")


class Ingests(RuleBasedStateMachine):
    """A household whose album changes at will, and whose ingests are killed at will."""

    @initialize()
    def begin(self):
        self.folder = Path(tempfile.mkdtemp())
        self.album = self.folder / "album"
        self.album.mkdir()
        self.seen = []
        self.put(ANCHOR, ["erin@10,20,60,80"])
        with opened(self.folder / "home") as home:
            home.add_source("album", self.album, **GRANT)
            self.look_at_log(home)

    def look_at_log(self, home):
        entries = [entry.id for entry in home.parts.log.entries()]
        assert entries[: len(self.seen)] == self.seen
        self.seen = entries
        home.verify_log()

    @rule(place=PLACES, faces=SHOWN)
    def put(self, place, faces):
        path = self.album / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(*faces))

    @rule(faces=st.none() | SHOWN)
    def draft(self, faces):
        """A file that is no picture yet may become one, and one that was may be so no longer."""
        (self.album / DRAFT).write_bytes(b"no picture yet" if faces is None else picture(*faces))

    @rule(place=PLACES)
    def remove(self, place):
        (self.album / place).unlink(missing_ok=True)

    @rule(place=PLACES, other=PLACES)
    def copy(self, place, other):
        if place != other and (self.album / place).exists():
            (self.album / other).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(self.album / place, self.album / other)

    @rule(point=st.integers(0, 120), prune=st.booleans())
    def ingest_until(self, point, prune):
        run_until(point, "support.disk_home:ingest", str(self.folder / "home"), ["album"], prune)
        with opened(self.folder / "home") as home:
            self.look_at_log(home)

    @rule()
    def ingest(self):
        with opened(self.folder / "home") as home:
            home.ingest("album")
            held_by(home)
            self.look_at_log(home)

    @rule()
    def ingest_and_prune(self):
        with opened(self.folder / "home") as home:
            home.ingest("album", prune=True)
            assert held_by(home) == self.expected()
            self.look_at_log(home)

    def expected(self):
        return held_after({"album": self.album})

    def teardown(self):
        if not hasattr(self, "folder"):
            return
        self.ingest_and_prune()
        with opened(self.folder / "fresh") as fresh, opened(self.folder / "home") as home:
            fresh.add_source("album", self.album, **GRANT)
            fresh.ingest()
            for name in PROBES:
                assert leads(home, name) == leads(fresh, name)
        shutil.rmtree(self.folder)


def leads(home, name):
    """What a search shows, but for the ids, and for the order of equals."""
    found = home.search(picture(f"{name}@1,1,50,50"), top=100)
    told = sorted((lead.score, lead.picture.uri.rpartition("/album/")[2], lead.box, lead.band) for lead in found.leads)
    return found.searched, found.threshold, told


def test_any_sequence_of_changes_and_killed_ingests_ends_with_what_stands_in_the_album(sample):
    run_state_machine_as_test(
        seed(sample.seed)(Ingests),
        settings=settings(
            max_examples=12 * sample.fuzz if sample.everything else 3, stateful_step_count=8, database=None
        ),
    )
