"""The change list: compacted, it still leads everybody to the same, or tells them to begin anew."""

import uuid
from datetime import UTC, datetime

import pytest

from countenance.records.changes import ChangeList, ChangesForgotten
from countenance.records.database import Database
from countenance.records.store import open_records

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def records(tmp_path):
    store = open_records(tmp_path / "records.db")
    yield store
    store.close()


def put(records, *, faces, class_ids=(1,)):
    """Faces enrolled in these classes, each with its row in the list."""
    with records.database.write() as connection:
        run = connection.exec_driver_sql
        run("PRAGMA defer_foreign_keys=ON")
        run("PRAGMA ignore_check_constraints=ON")
        for face in faces:
            run(
                "INSERT OR IGNORE INTO faces (id, uid, picture_id, x1, y1, x2, y2) VALUES (?, ?, 1, 0, 0, 1, 1)",
                (face, uuid.UUID(int=face).bytes),
            )
            for class_id in class_ids:
                run("INSERT OR REPLACE INTO enrolments (face_id, class_id) VALUES (?, ?)", (face, class_id))
                run("INSERT INTO changes (face_id, class_id, added) VALUES (?, ?, 1)", (face, class_id))


def take(records, face):
    with records.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM enrolments WHERE face_id = ?", (face,))
        connection.exec_driver_sql("INSERT INTO changes (face_id, class_id, added) VALUES (?, 1, 0)", (face,))


def listed(records):
    with records.database.read() as connection:
        return [tuple(row) for row in connection.exec_driver_sql("SELECT seq, face_id FROM changes ORDER BY seq")]


@pytest.fixture
def lax(records, monkeypatch):
    """No foreign keys: the list cares for faces and enrolments alone."""
    with records.database.read() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
    records.database.engine.dispose()
    import sqlalchemy as sa

    sa.event.listen(records.database.engine, "connect", lambda raw, _: raw.execute("PRAGMA foreign_keys=OFF"))
    return records


def test_what_says_nothing_any_more_goes_and_the_newest_stay(lax):
    put(lax, faces=range(1, 9))  # 1 to 8
    put(lax, faces=[3])  # 9: says it again
    take(lax, 5)  # 10
    put(lax, faces=[20, 21])  # 11, 12
    take(lax, 21)  # 13
    assert lax.changes.compact_if_due(kept=2) == 3
    assert listed(lax) == [(1, 1), (2, 2), (4, 4), (6, 6), (7, 7), (8, 8), (9, 3), (11, 20), (12, 21), (13, 21)]
    assert lax.changes.forgotten() == 11
    assert lax.changes.compact_if_due(kept=2) == 0  # nothing is due


def test_who_stands_before_what_was_forgotten_begins_anew_and_who_began_so_goes_on(lax):
    put(lax, faces=range(1, 9))
    take(lax, 2)
    assert lax.changes.after(8, 1)[0][0].sealed is None
    lax.changes.compact_if_due(kept=2)
    assert lax.changes.forgotten() == 7
    for seq in (0, 3, 6):
        with pytest.raises(ChangesForgotten):
            lax.changes.after(seq, 1)
        assert lax.changes.after(seq, 1, since=7)[0]
    assert [row.seq for row in lax.changes.after(7, 1)[0]] == [8, 9]


def test_it_waits_until_a_fourth_of_the_list_is_new(lax):
    put(lax, faces=range(1, 101))
    lax.changes.compact_if_due(kept=2)
    assert lax.changes.forgotten() == 98
    put(lax, faces=range(101, 120))
    lax.changes.compact_if_due(kept=2)
    assert lax.changes.forgotten() == 98
    put(lax, faces=range(120, 140))
    lax.changes.compact_if_due(kept=2)
    assert lax.changes.forgotten() == 137


@pytest.mark.parametrize("number", range(1, 5))
def test_killed_between_its_pages_it_has_told_what_it_forgets(lax, monkeypatch, number):
    monkeypatch.setattr("countenance.records.changes.ROWS_A_READ", 5)
    put(lax, faces=range(1, 21))
    for face in range(1, 16):
        take(lax, face)
    put(lax, faces=[30])
    real, count = Database.write, 0

    def dies(self):
        nonlocal count
        count += 1
        if count == number:
            raise KeyboardInterrupt
        return real(self)

    with monkeypatch.context() as patched:
        patched.setattr(Database, "write", dies)
        with pytest.raises(KeyboardInterrupt):
            lax.changes.compact_if_due(kept=2)
    assert lax.changes.forgotten() == (0 if number == 1 else 34)
    assert len(listed(lax)) == 36 - 5 * max(0, number - 2)
    put(lax, faces=range(40, 70))
    ChangeList(lax.database).compact_if_due(kept=2)
    assert {face for _, face in listed(lax)} == {*range(16, 21), 30, *range(40, 70)}


def test_what_is_read_of_a_snapshot_is_of_one_moment(records):
    def classes(connection):
        return connection.exec_driver_sql("SELECT count(*) FROM counters").scalar()

    with records.database.snapshot() as connection:
        assert classes(connection) == 0
        with records.database.write() as writer:
            writer.exec_driver_sql("INSERT INTO counters VALUES ('new', 1)")
        assert classes(connection) == 0
    with records.database.read() as connection:
        assert classes(connection) == 1
