"""The record store on SQLite: the contract, the schema's history, and what the file does on a bad day."""

import logging
import random
import shutil
import sqlite3
import threading
import uuid
from contextlib import closing, suppress
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from countenance.errors import HomeTooNew, StorageFailed
from countenance.records import database as database_module
from countenance.records import migrate, schema
from countenance.records.database import open_sqlite
from countenance.records.erasure.erasures import Target
from countenance.records.store import open_records
from countenance.records.upkeep.reindexes import SecondTemplate
from countenance.remedies import Remedy
from support.records import RecordStoreContract


class TestSqlite(RecordStoreContract):
    def make(self, tmp_path_factory):
        return open_records(tmp_path_factory.mktemp("records") / "records.db")


def shape(path):
    """Tables, columns and indexes as SQLite has them, without the order of columns' clauses."""
    with sqlite3.connect(path) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        tables.remove("alembic_version")
        found = {}
        for table in sorted(tables):
            columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
            indexes = connection.execute(f"PRAGMA index_list({table})").fetchall()
            keys = connection.execute(f"PRAGMA foreign_key_list({table})").fetchall()
            found[table] = (
                sorted((c[1], c[2], c[3], c[5]) for c in columns),
                sorted((i[2], tuple(r[2] for r in connection.execute(f"PRAGMA index_info({i[1]})"))) for i in indexes),
                sorted((k[2], k[3], k[4]) for k in keys),
            )
    connection.close()
    return found


def at_revision(path, revision):
    engine = sa.create_engine(f"sqlite:///{path}")
    migrate.upgrade(engine, revision)
    engine.dispose()


def test_the_migrations_lead_to_the_schema_that_a_new_home_gets(tmp_path):
    open_records(tmp_path / "new.db").close()
    at_revision(tmp_path / "migrated.db", "head")
    assert shape(tmp_path / "migrated.db") == shape(tmp_path / "new.db")
    assert migrate.revisions()[-1] == schema.SCHEMA_REVISION


@pytest.mark.parametrize("revision", migrate.revisions())
def test_a_home_of_each_earlier_schema_opens(tmp_path, revision):
    at_revision(tmp_path / "records.db", revision)
    store = open_records(tmp_path / "records.db")
    assert store.sources.all() == ()
    with store.database.read() as connection:
        assert connection.scalar(sa.text("SELECT version_num FROM alembic_version")) == schema.SCHEMA_REVISION
    store.close()


def test_a_picture_of_the_first_schema_is_there_after_it_and_lacks_a_hash(tmp_path):
    at_revision(tmp_path / "records.db", "0001")
    with sqlite3.connect(tmp_path / "records.db") as connection:
        connection.execute("INSERT INTO tenants (id, uid, name) VALUES (1, x'01', 'operator')")
        connection.execute(
            "INSERT INTO pictures (id, uid, tenant_id, sha256, salt, width, height, format) "
            "VALUES (7, ?, 1, ?, ?, 64, 48, 'JPEG')", (b"u" * 16, b"h" * 32, b"s" * 16),
        )  # fmt: skip
        connection.execute(
            "INSERT INTO faces (id, uid, picture_id, x1, y1, x2, y2, key_id, template) "
            "VALUES (9, ?, 7, 1, 2, 30, 40, ?, 'sealed')", (b"f" * 16, b"k" * 16),
        )  # fmt: skip
    connection.close()
    store = open_records(tmp_path / "records.db")
    known = store.pictures.known_pictures(1, [b"h" * 32])[b"h" * 32]
    assert known.hashed is False
    assert (known.faces[0].template, known.faces[0].crop_hash) == ("sealed", None)
    store.close()


def test_a_home_of_the_first_schema_keeps_its_rows_and_may_be_reindexed(tmp_path):
    path = tmp_path / "records.db"
    at_revision(path, "0001")
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("INSERT INTO tenants VALUES (1, x'01', 'operator')")
        raw.execute("INSERT INTO spaces VALUES (1, 'old', 'a', 2), (2, 'new', 'b', 3)")
        raw.execute("INSERT INTO pictures VALUES (1, x'02', 1, x'03', x'04', 9, 9, 'JPEG', NULL, NULL)")
        raw.execute("INSERT INTO faces VALUES (1, ?, 1, 0, 0, 5, 5, NULL, NULL, x'05', x'06', 1, NULL)", (bytes(16),))
        raw.commit()
    store = open_records(path)
    assert store.reindexes.newest() is None
    begun = store.reindexes.begin(uuid.uuid4(), 1, 2, datetime.now(UTC))
    assert (begun.active, store.reindexes.newest()) == (1, begun)
    assert store.reindexes.add_templates(2, [SecondTemplate(1, b"key", b"sealed")], store.sources.policy_version()) == {
        1
    }
    assert set(store.gallery.key_ids()) == {b"\x05", b"key"}
    store.close()


def test_a_home_that_changes_its_model_at_the_third_schema_goes_on_after_it(tmp_path):
    path = tmp_path / "records.db"
    at_revision(path, "0003")
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("INSERT INTO tenants VALUES (1, x'01', 'operator')")
        raw.execute("INSERT INTO spaces VALUES (1, 'old', 'a', 2), (2, 'new', 'b', 3)")
        raw.execute("INSERT INTO sources (id, uid, tenant_id, name, kind, location, jurisdictions, added_at) "
                    "VALUES (1, x'02', 1, 'event', 'folder', x'2f', '[]', '2026-01-01T00:00:00+00:00')")  # fmt: skip
        raw.execute("INSERT INTO grants (id, uid, source_id, basis, jurisdictions, purposes, terms, starts_at, "
                    "erase_within_days) VALUES (1, x'03', 1, 'consent', '[]', '[]', '[]', "
                    "'2026-01-01T00:00:00+00:00', 30)")  # fmt: skip
        raw.execute("INSERT INTO subjects VALUES (1, ?, 1, x'04', 'hash', 'blob', x'05', 1)", (bytes(16),))
        raw.execute("INSERT INTO reindexes VALUES (1, ?, 1, 2, 1, 'building', '2026-01-01T00:00:00+00:00', NULL)",
                    (bytes(16),))  # fmt: skip
        raw.commit()
    store = open_records(path)
    under_way = store.reindexes.newest()
    assert (under_way.state, under_way.report) == ("building", None)
    store.reindexes.add_references(under_way, {1: (2, b"new")})
    [subject] = store.sources.subjects(1)
    assert (subject.reference_in(1), subject.reference_in(2), subject.reference_in(3)) == (b"\x05", b"new", None)
    store.reindexes.keep_report(under_way, "{}")
    assert store.reindexes.newest().report == "{}"
    store.reindexes.keep_references(2)
    [subject] = store.sources.subjects(1)
    assert (subject.template, subject.space_id, subject.second_space) == (b"new", 2, None)
    store.close()


def test_an_order_and_a_suppression_of_the_fourth_schema_still_bind(tmp_path):
    path = tmp_path / "records.db"
    at_revision(path, "0004")
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("INSERT INTO orders (id, uid, stops, scope, value, starts_at) "
                    "VALUES (3, ?, '[\"offer\"]', 'jurisdiction', 'CA', '2026-01-01T00:00:00Z')",
                    (bytes(16),))  # fmt: skip
        raw.execute("INSERT INTO suppressions (id, digest, box, erasure_uid) VALUES (1, ?, '[1,2,3,4]', x'07')",
                    (b"d" * 32,))  # fmt: skip
        raw.execute("INSERT INTO cases VALUES (1, x'01', 'case-1', x'02', '2026-01-01T00:00:00Z')")
        raw.execute("INSERT INTO searches VALUES (1, 'entry', 1, 'research', 'probe', '2026-01-01T00:00:00Z')")
        raw.commit()
    store = open_records(path)
    _, _, [order], _ = store.policy.facts()
    assert store.orders.unfinished() == ()
    assert (order.id, order.stops, order.targets) == (3, {"offer"}, {("jurisdiction", "CA")})
    assert store.suppressions.of_pictures([b"d" * 32]) == {b"d" * 32: [((1, 2, 3, 4), None)]}
    with store.database.read() as connection:
        assert connection.execute(sa.select(schema.searches.c.client_id, schema.searches.c.erased_leads)).one() == (
            None, 0,
        )  # fmt: skip
    store.close()


def test_a_probe_of_the_sixth_schema_lies_under_its_cases_key_and_can_be_erased(tmp_path):
    path = tmp_path / "records.db"
    at_revision(path, "0006")
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("INSERT INTO cases VALUES (1, x'01', 'case-1', x'02', '2026-01-01T00:00:00Z')")
        for number in (1, 2):
            raw.execute("INSERT INTO searches (id, log_entry, case_id, purpose, probe_blob, at) VALUES "
                        "(?1, 'entry-' || ?1, 1, 'research', 'probe-' || ?1, '2026-01-01T00:00:00Z')",
                        (number,))  # fmt: skip
        raw.commit()
    store = open_records(path)
    assert store.probes.of_searches(["entry-1", "entry-3"]) == [1]
    assert store.probes.of_case("case-1") == [1, 2]
    assert list(store.gallery.key_ids()) == [b"\x02"]
    for number, key in ((1, None), (2, b"\x02")):  # the case's key goes with the last probe under it
        target = Target("probe", f"entry-{number}", probes=[number])
        erasure = store.erasures.hide(target, uid=uuid.uuid4(), at=datetime(2026, 1, 2, tzinfo=UTC))
        assert erasure.counts["probes"] == store.erasures.count_remaining(erasure) == 1
        [probe] = store.probes.leaving(erasure.id)
        assert (probe.blob, probe.key) == (f"probe-{number}", key)
        store.probes.forget([probe])
        assert store.erasures.count_remaining(erasure) == 0
    assert (store.probes.count(), list(store.gallery.key_ids()), list(store.gallery.blob_names())) == (0, [], [])
    store.close()


def test_what_a_page_kept_of_rows_that_moved_is_gone_once_the_file_is_written_anew(tmp_path):
    database = open_sqlite(tmp_path / "records.db")
    chance = random.Random(7)
    gone, stay = [], []
    with database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE places (id INTEGER PRIMARY KEY, place BLOB UNIQUE)")
        for number in range(2_000):
            stay.append(chance.randbytes(16) + bytes(chance.randrange(800)))
            connection.exec_driver_sql("INSERT INTO places (place) VALUES (?)", (stay[-1],))
            if number % 3 == 2:
                gone.append(stay.pop(chance.randrange(len(stay))))
                connection.exec_driver_sql("DELETE FROM places WHERE place = ?", (gone[-1],))

    def lie(which):
        files = b"".join(file.read_bytes() for file in tmp_path.iterdir())
        return sum(each[:16] in files for each in which)

    assert database.truncate_wal()
    left = lie(gone)
    assert database.compact()
    assert (lie(gone), lie(stay)) == (0, len(stay))
    database.close()
    if not left:
        pytest.skip("this SQLite left nothing of the deleted in its pages, so that nothing was shown")


def test_an_earlier_schema_is_migrated_in_one_transaction(tmp_path, monkeypatch):
    open_records(tmp_path / "records.db").close()
    with sqlite3.connect(tmp_path / "records.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'older'")
    connection.close()
    asked = []
    monkeypatch.setattr(migrate, "knows", lambda revision: revision == "older")
    monkeypatch.setattr(migrate, "upgrade", asked.append)
    open_records(tmp_path / "records.db").close()
    assert len(asked) == 1


def test_a_newer_schema_is_refused_with_the_way_out(tmp_path):
    open_records(tmp_path / "records.db").close()
    with sqlite3.connect(tmp_path / "records.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(HomeTooNew, match="9999") as refused:
        open_records(tmp_path / "records.db")
    assert refused.value.remedy is Remedy.UPGRADE


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "records.db").write_bytes(b"no database " * 100)
    with pytest.raises(StorageFailed, match=r"records\.db"):
        open_records(tmp_path / "records.db")


def test_records_that_a_home_had_and_that_are_empty_now_are_told_and_never_made_anew(tmp_path):
    path = tmp_path / "records.db"
    path.touch()
    with pytest.raises(StorageFailed, match=r"records\.db holds no records") as refused:
        open_records(path, make=False)
    assert refused.value.remedy is Remedy.RESTORE_FROM_BACKUP


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StorageFailed, match=r"records\.db"):
        open_records(tmp_path / "nowhere" / "records.db")


def test_a_killed_making_is_completed(tmp_path):
    with sqlite3.connect(tmp_path / "records.db") as connection:
        connection.execute("CREATE TABLE tenants (id INTEGER)")
        connection.execute("DROP TABLE tenants")
    connection.close()
    store = open_records(tmp_path / "records.db")
    assert store.changes.newest() == 0
    store.close()


def test_deleted_rows_leave_no_bytes_once_the_log_is_truncated(tmp_path):
    database = open_sqlite(tmp_path / "records.db")
    secret = b"the name of a case that must not stay"
    with database.write() as connection:
        connection.execute(
            sa.text("INSERT INTO cases (uid, reference, key_id, opened_at) VALUES (:u, :r, :u, '2026-01-01')"),
            {"u": b"u" * 16, "r": secret.decode()},
        )
    with database.write() as connection:
        connection.execute(sa.text("DELETE FROM cases"))
    assert database.truncate_wal()
    for file in tmp_path.iterdir():
        assert secret not in file.read_bytes(), file.name
    database.close()


def test_a_write_that_fails_writes_nothing(tmp_path):
    database = open_sqlite(tmp_path / "records.db")
    with suppress(RuntimeError), database.write() as connection:
        connection.execute(sa.text("INSERT INTO counters VALUES ('x', 1)"))
        raise RuntimeError
    with database.read() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM counters")) == 0
    database.close()


def test_two_processes_write_one_after_the_other(tmp_path):
    one, two = open_sqlite(tmp_path / "records.db"), open_sqlite(tmp_path / "records.db")
    for database in (one, two, one):
        with database.write() as connection:
            connection.execute(sa.text("INSERT INTO tenants (uid, name) VALUES (randomblob(16), hex(randomblob(8)))"))
    with two.read() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM tenants")) == 3
    one.close()
    two.close()


def test_whoever_waits_for_the_lock_finds_it_in_the_programs_log(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(database_module, "SLOW_LOCK_S", 0.05)
    caplog.set_level(logging.INFO)
    one, two = open_sqlite(tmp_path / "records.db"), open_sqlite(tmp_path / "records.db")
    caplog.clear()
    holds, ends = threading.Event(), threading.Event()

    def hold():
        with one.write():
            holds.set()
            ends.wait(300)

    holder = threading.Thread(target=hold)
    holder.start()
    assert holds.wait(300)
    threading.Timer(0.3, ends.set).start()
    with two.write():
        pass
    holder.join()
    assert [record.getMessage()[:19] for record in caplog.records] == ["records.db: waited "]
    one.close()
    two.close()


def test_a_uid_is_text_here_and_sixteen_bytes_on_disk(tmp_path):
    store = open_records(tmp_path / "records.db")
    uid = uuid.uuid4()
    with store.database.write() as connection:
        connection.execute(
            schema.tenants.insert(), [{"uid": uid, "name": "a"}, {"uid": str(uuid.uuid4()), "name": "b"}]
        )
    with store.database.read() as connection:
        mine = sa.select(schema.tenants.c.uid).where(schema.tenants.c.uid.in_([str(uid).upper()]))
        assert connection.scalars(mine).all() == [str(uid)]
        assert connection.scalar(sa.text("SELECT uid FROM tenants WHERE name = 'a'")) == uid.bytes
        with pytest.raises(sa.exc.StatementError):
            connection.scalars(sa.select(schema.tenants.c.id).where(schema.tenants.c.uid == "no uuid"))
    store.close()


def test_pages_go_through_everything_once_in_order(tmp_path):
    database = open_sqlite(tmp_path / "records.db")
    with database.write() as connection:
        connection.execute(
            schema.tenants.insert(), [{"id": n, "uid": uuid.uuid4(), "name": f"{n:03}"} for n in range(1, 8)]
        )
    for by, size in ((schema.tenants.c.id, 3), (schema.tenants.c.name, 7), (schema.tenants.c.id, 100)):
        query = sa.select(schema.tenants.c.id, schema.tenants.c.name).where(schema.tenants.c.id != 4)
        pages = list(database.pages(query, by, size))
        assert [row.id for page in pages for row in page] == [1, 2, 3, 5, 6, 7]
        assert all(len(page) <= size for page in pages)
    database.close()


def test_a_copied_home_opens(tmp_path):
    open_records(tmp_path / "records.db").close()
    shutil.copy(tmp_path / "records.db", tmp_path / "copy.db")
    open_records(tmp_path / "copy.db").close()
