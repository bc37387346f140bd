"""Persons: whatever is decided about them can be undone, step by step, back to the start."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from countenance.errors import NotFound, WrongUse
from countenance.records import schema as t
from countenance.records.store import open_records

NOW = datetime(2026, 11, 23, tzinfo=UTC)
FACES = 7


def quiet(*_):
    """No log."""


def filled(path):
    """A store with a picture of seven faces, and their public ids."""
    store = open_records(path)
    tenant = store.sources.ensure_tenant("operator")
    uids = [uuid.uuid4() for _ in range(FACES)]
    with store.database.write() as connection:
        connection.execute(
            t.pictures.insert().values(
                id=1, uid=uuid.uuid4(), tenant_id=tenant, sha256=b"h" * 32, salt=b"s" * 16, width=9, height=9,
                format="JPEG",
            )
        )  # fmt: skip
        connection.execute(
            t.faces.insert(),
            [
                {"id": n + 1, "uid": uid, "picture_id": 1, "x1": 0, "y1": 0, "x2": 1, "y2": 1,
                 "key_id": bytes([n] * 16), "template": b"sealed"}
                for n, uid in enumerate(uids)
            ],
        )  # fmt: skip
    return store, tenant, [str(uid) for uid in uids]


@pytest.fixture
def people(tmp_path):
    store, tenant, faces = filled(tmp_path / "records.db")

    def new(*which, name=None):
        return store.persons.create(
            uid=uuid.uuid4(), tenant_id=tenant, key_id=uuid.uuid4().bytes, name=name, at=NOW, log=quiet,
            faces=[faces[n] for n in which],
        )  # fmt: skip

    yield store.persons, new, faces, store
    store.close()


def numbers(persons, uid, faces):
    return [faces.index(face.uid) for face in persons.faces_of(uid)]


def test_a_person_is_several_faces(people):
    persons, new, faces, _ = people
    one = new(0, 1, name=b"sealed name")
    assert (one.faces, one.name) == (2, b"sealed name")
    assert persons.add(one.uid, [faces[3]], NOW, quiet).faces == 3
    assert numbers(persons, one.uid, faces) == [0, 1, 3]
    assert persons.person_of([1, 2, 3, 4]) == {1: one.id, 2: one.id, 4: one.id}
    assert [p.uid for p in persons.all()] == [one.uid]


def test_a_face_belongs_to_one_person(people):
    persons, new, faces, _ = people
    one, other = new(0), new(1)
    for wrong in (lambda: new(0), lambda: persons.add(other.uid, [faces[0]], NOW, quiet)):
        with pytest.raises(WrongUse, match="belongs to a person already"):
            wrong()
    with pytest.raises(WrongUse, match="no face"):
        new()
    assert numbers(persons, one.uid, faces) == [0]


def test_not_this_person_sticks_until_it_is_undone(people):
    persons, new, faces, _ = people
    one = new(0, 1)
    persons.remove(one.uid, [faces[1], faces[2]], NOW, quiet)
    assert numbers(persons, one.uid, faces) == [0]
    assert persons.refusals() == {(one.id, 2), (one.id, 3)}
    persons.undo(NOW, quiet)
    assert persons.refusals() == {(one.id, 2)}
    persons.undo(NOW, quiet)
    assert (persons.refusals(), numbers(persons, one.uid, faces)) == (set(), [0, 1])


def test_a_merged_person_is_gone_and_comes_back_whole(people):
    persons, new, faces, _ = people
    one, other = new(0, 1), new(2, 3)
    assert persons.merge(one.uid, other.uid, NOW, quiet).faces == 4
    with pytest.raises(NotFound):
        persons.get(other.uid)
    persons.undo(NOW, quiet)
    assert numbers(persons, other.uid, faces) == [2, 3]
    with pytest.raises(WrongUse, match="itself"):
        persons.merge(one.uid, one.uid, NOW, quiet)


def test_split_leaves_at_least_one(people):
    persons, new, faces, _ = people
    one = new(0, 1, 2)

    def split(*which):
        return persons.split(
            one.uid, [faces[n] for n in which], new_uid=uuid.uuid4(), key_id=uuid.uuid4().bytes, at=NOW, log=quiet
        )

    with pytest.raises(WrongUse, match="leave the person at least one face"):
        split(0, 1, 2)
    with pytest.raises(WrongUse, match="does not belong"):
        split(4)
    other = split(1)
    assert (numbers(persons, one.uid, faces), numbers(persons, other.uid, faces)) == ([0, 2], [1])


def test_what_is_unknown_is_told(people):
    persons, new, _, _ = people
    nobody = str(uuid.uuid4())
    for ask in (
        lambda: persons.get(nobody),
        lambda: persons.faces_of(nobody),
        lambda: persons.rename(nobody, None, NOW, quiet),
    ):
        with pytest.raises(NotFound, match=nobody):
            ask()
    with pytest.raises(NotFound, match="nothing to undo"):
        persons.undo(NOW, quiet)
    with pytest.raises(NotFound, match="no face"):
        persons.add(new(0).uid, [nobody], NOW, quiet)


def test_the_log_is_told_of_what_is_decided_and_of_nothing_that_is_refused(people):
    persons, new, faces, _ = people
    one, other = new(0), new(1)
    told = []

    def tell(*which):
        told.append(which)

    for refused in (
        lambda: persons.add(one.uid, [faces[1]], NOW, tell),
        lambda: persons.merge(one.uid, one.uid, NOW, tell),
        lambda: persons.split(one.uid, [faces[0]], new_uid=uuid.uuid4(), key_id=b"k" * 16, at=NOW, log=tell),
    ):
        with pytest.raises(WrongUse):
            refused()
    assert told == []
    persons.merge(one.uid, other.uid, NOW, tell)
    undone = persons.undo(NOW, tell)
    assert (len(told), told[1]) == (2, (undone,))


def test_without_its_log_entry_nothing_is_decided(people):
    persons, new, faces, _ = people
    one, other = new(0, 1), new(2)

    def full(*_):
        raise OSError("no space")

    for act in (
        lambda: persons.rename(one.uid, b"x", NOW, full),
        lambda: persons.add(one.uid, [faces[4]], NOW, full),
        lambda: persons.remove(one.uid, [faces[1]], NOW, full),
        lambda: persons.merge(one.uid, other.uid, NOW, full),
        lambda: persons.undo(NOW, full),
    ):
        with pytest.raises(OSError, match="no space"):
            act()
    assert [(p.uid, p.faces, p.name) for p in persons.all()] == [(one.uid, 2, None), (other.uid, 1, None)]
    assert persons.refusals() == set()


def test_two_who_undo_at_once_take_back_two_decisions(people):
    persons, new, faces, _ = people
    one = new(0)
    persons.add(one.uid, [faces[1]], NOW, quiet)
    persons.add(one.uid, [faces[2]], NOW, quiet)
    both = threading.Barrier(2)

    def undo():
        both.wait()
        return persons.undo(NOW, quiet).uid

    with ThreadPoolExecutor(2) as pool:
        undone = {each.result() for each in (pool.submit(undo), pool.submit(undo))}
    assert len(undone) == 2
    assert numbers(persons, one.uid, faces) == [0]


def test_what_is_being_erased_can_not_be_undone_into_the_lists(people):
    persons, new, _, store = people
    one, other = new(0), new(1)
    persons.merge(one.uid, other.uid, NOW, quiet)
    with store.database.write() as connection:  # as an erasure that was killed after hiding leaves it
        connection.execute(t.erasures.insert().values(id=1, uid=uuid.uuid4(), scope="person", begun_at=NOW, counts={}))
        connection.execute(t.persons.update().where(t.persons.c.id == other.id).values(erasure_id=1, gone_at=NOW))
    persons.undo(NOW, quiet)
    assert persons.all() == ()
    assert persons.history(9)[0].person == one.uid


def test_an_act_whose_face_was_erased_is_undone_without_it(people):
    persons, new, faces, store = people
    one, other = new(0), new(1, 2)
    persons.merge(one.uid, other.uid, NOW, quiet)
    with store.database.write() as connection:  # as an erasure leaves it
        for table in (t.person_faces, t.person_act_faces):
            connection.execute(table.delete().where(table.c.face_id == 2))
        connection.execute(t.faces.delete().where(t.faces.c.id == 2))
    persons.undo(NOW, quiet)
    assert (numbers(persons, one.uid, faces), numbers(persons, other.uid, faces)) == ([0], [2])


class Undoing(RuleBasedStateMachine):
    """Whatever was done, undoing all of it gives back every state in between."""

    def __init__(self):
        super().__init__()
        import tempfile
        from pathlib import Path

        self.folder = tempfile.TemporaryDirectory()
        self.store, self.tenant, self.faces = filled(Path(self.folder.name) / "r.db")
        self.persons = self.store.persons
        self.states = [self.state()]

    def teardown(self):
        while len(self.states) > 1:
            self.undo()
        assert self.state()[0] == {}
        self.store.close()
        self.folder.cleanup()

    def state(self):
        with self.store.database.read() as connection:
            names = {p.uid: p.name for p in self.persons.all() if p.faces}
            members = dict(connection.execute(sa.select(t.person_faces.c.face_id, t.person_faces.c.person_id)).all())
        return members, names, self.persons.refusals()

    def do(self, act):
        before = len(self.persons.history(1_000))
        try:
            act()
        except (WrongUse, NotFound):
            assert len(self.persons.history(1_000)) == before
            assert self.state() == self.states[-1]
            return
        made = len(self.persons.history(1_000)) - before
        self.states += [None] * (made - 1) + [self.state()]  # a removal of a member and a stranger is two acts

    def one(self, number):
        known = self.persons.all()
        return known[number % len(known)].uid if known else str(uuid.uuid4())

    @rule(which=st.sets(st.integers(0, FACES - 1), max_size=3), name=st.sampled_from([None, b"a", b"b"]))
    def new(self, which, name):
        self.do(lambda: self.persons.create(uid=uuid.uuid4(), tenant_id=self.tenant, key_id=b"k" * 16, name=name,
                                         faces=[self.faces[n] for n in which], at=NOW, log=quiet))  # fmt: skip

    @rule(person=st.integers(0, 9), which=st.sets(st.integers(0, FACES - 1), min_size=1, max_size=3))
    def add(self, person, which):
        self.do(lambda: self.persons.add(self.one(person), [self.faces[n] for n in which], NOW, quiet))

    @rule(person=st.integers(0, 9), which=st.sets(st.integers(0, FACES - 1), min_size=1, max_size=3))
    def remove(self, person, which):
        self.do(lambda: self.persons.remove(self.one(person), [self.faces[n] for n in which], NOW, quiet))

    @rule(one=st.integers(0, 9), other=st.integers(0, 9))
    def merge(self, one, other):
        self.do(lambda: self.persons.merge(self.one(one), self.one(other), NOW, quiet))

    @rule(person=st.integers(0, 9), which=st.sets(st.integers(0, FACES - 1), min_size=1, max_size=2))
    def split(self, person, which):
        self.do(lambda: self.persons.split(self.one(person), [self.faces[n] for n in which], new_uid=uuid.uuid4(),
                                           key_id=b"k" * 16, at=NOW, log=quiet))  # fmt: skip

    @rule(person=st.integers(0, 9), name=st.sampled_from([None, b"c"]))
    def name(self, person, name):
        self.do(lambda: self.persons.rename(self.one(person), name, NOW, quiet))

    @precondition(lambda self: len(self.states) > 1)
    @rule()
    def undo(self):
        self.persons.undo(NOW, quiet)
        self.states.pop()
        if self.states[-1] is None:  # between the two acts of one removal: seen now for the first time
            self.states[-1] = self.state()
        assert self.state() == self.states[-1]

    @invariant()
    def every_face_belongs_to_a_person_there_is(self):
        there = {p.id for p in self.persons.all()}
        assert set(self.persons.person_of(range(1, FACES + 1)).values()) <= there


TestUndoing = Undoing.TestCase
TestUndoing.settings = settings(max_examples=12, stateful_step_count=12)
