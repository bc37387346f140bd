"""The ring on SQLite: the contract, and that destroyed bytes are not in its files."""

import sqlite3
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from countenance.errors import HomeTooNew, KeyDestroyed, KeyMissing, SealBroken, StorageFailed
from countenance.keys import ring as ring_module
from countenance.keys.master import MasterKey
from countenance.keys.ring import SqliteKeyRing
from countenance.remedies import Remedy
from countenance.testing.keyring import KeyRingContract

MASTER = MasterKey("home", bytes(range(32)))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "keys.db"


@pytest.fixture
def ring(path):
    return SqliteKeyRing(path, MASTER, make=True)


class TestSqliteKeyRing(KeyRingContract):
    @pytest.fixture(autouse=True)
    def _at(self, tmp_path):
        self.path = tmp_path / "keys.db"
        self.rings = []
        yield
        for ring in self.rings:
            ring.close()

    def make(self):
        self.rings.append(SqliteKeyRing(self.path, MASTER, make=True))
        return self.rings[-1]


def wrapped_keys(path):
    with sqlite3.connect(path) as connection:
        return dict(connection.execute("SELECT id, wrapped FROM data_key"))


def files(path):
    return b"".join(p.read_bytes() for p in path.parent.iterdir() if p.name.startswith(path.name))


def readable(path, blobs):
    data = files(path)
    return sum(blob in data for blob in blobs)


# --- destroying -------------------------------------------------------------------------------------------------------
def test_destroyed_keys_are_in_no_page_and_no_log(ring, path):
    keys = [key for _ in range(20) for key in ring.create(100)]
    wrapped = wrapped_keys(path)
    doomed, kept = set(keys[::3]), [key for key in keys if key not in keys[::3]]
    assert readable(path, wrapped.values()) == 2_000  # the scan can find them
    assert ring.destroy(doomed).physically
    assert readable(path, [wrapped[key] for key in doomed]) == 0
    assert readable(path, doomed) == 0
    assert readable(path, [wrapped[key] for key in kept]) == len(kept)
    assert Path(f"{path}-wal").stat().st_size == 0


def test_no_stale_copy_is_left_when_pages_split_and_merge(ring, path):
    living, gone = [], []
    for round_ in range(40):
        living += ring.create(150)
        wrapped = wrapped_keys(path)
        doomed, living = (
            living[round_ % 5 :: 3],
            [k for n, k in enumerate(living) if (n - round_ % 5) % 3 or n < round_ % 5],
        )
        gone += [wrapped[key] for key in doomed]
        assert ring.destroy(doomed).physically
    assert len(gone) > 3_000
    assert readable(path, gone) == 0
    assert sorted(living) == list(ring.ids())


@pytest.mark.parametrize("switched_off", ["secure_delete", "checkpoint"])
def test_the_scan_finds_destroyed_keys_when_the_erasing_is_switched_off(ring, path, switched_off, monkeypatch):
    keys = ring.create(500)
    wrapped = wrapped_keys(path)
    ring.tidy()
    if switched_off == "secure_delete":
        ring._connection.execute("PRAGMA secure_delete=OFF")
    else:
        monkeypatch.setattr(SqliteKeyRing, "tidy", lambda self: None)
        keys += (more := ring.create(10))
        wrapped |= {key: blob for key, blob in wrapped_keys(path).items() if key in more}
    ring.destroy(keys)
    assert readable(path, wrapped.values()) > 5


def test_a_long_reader_makes_destruction_pending_and_tidy_ends_it(ring, path):
    [key] = ring.create()
    [wrapped] = wrapped_keys(path).values()
    sealed = ring.seal(key, "b", b"x")
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM data_key").fetchall()
    started = time.perf_counter()
    gone = ring.destroy([key])
    assert time.perf_counter() - started < ring_module.BUSY_TIMEOUT_MS / 1_000, "it waited as for a writer"
    assert not gone.physically
    assert "keys.db-wal" in gone.pending[0]
    assert readable(path, [wrapped]) == 1  # it was right to say so
    with pytest.raises(KeyDestroyed):
        ring.open(key, "b", sealed)
    reader.execute("COMMIT")
    reader.close()
    assert ring.tidy().physically
    assert readable(path, [wrapped]) == 0


def test_the_next_destruction_ends_a_pending_one(ring, path):
    first, second = ring.create(2)
    wrapped = wrapped_keys(path)
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM data_key").fetchall()
    assert not ring.destroy([first]).physically
    reader.close()
    assert ring.destroy([second]).physically
    assert readable(path, wrapped.values()) == 0


def test_a_short_reader_is_waited_for(ring, path):
    [key] = ring.create()
    reader = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM data_key").fetchall()
    timer = threading.Timer(0.05, reader.close)
    timer.start()
    assert ring.destroy([key]).physically
    timer.join()


# --- opening ----------------------------------------------------------------------------------------------------------
def test_another_master_key_is_refused(ring, path):
    ring.create()
    with pytest.raises(KeyMissing, match="encrypted under the master key"):
        SqliteKeyRing(path, MasterKey("home", bytes(32)), make=False)


def test_a_missing_ring_is_not_quietly_made_anew(path):
    with pytest.raises(StorageFailed, match=r"keys\.db"):
        SqliteKeyRing(path, MASTER, make=False)
    assert not path.exists()


def test_an_empty_file_is_no_ring(path):
    path.touch()
    with pytest.raises(StorageFailed, match="no keys"):
        SqliteKeyRing(path, MASTER, make=False)
    SqliteKeyRing(path, MASTER, make=True).create()  # what a crash while making leaves is completed


def test_what_is_no_database_is_damaged(path):
    path.write_bytes(b"not a database at all" * 500)
    with pytest.raises(StorageFailed, match="damaged"):
        SqliteKeyRing(path, MASTER, make=False)


def test_a_newer_ring_is_refused(ring, path):
    ring._connection.execute("PRAGMA user_version=99")
    with pytest.raises(HomeTooNew):
        SqliteKeyRing(path, MASTER, make=False)


def test_only_the_owner_may_read_the_files(ring, path):
    ring.create()
    assert {stat.S_IMODE(p.stat().st_mode) for p in path.parent.iterdir()} == {0o600}


def test_a_full_disk_is_told_and_leaves_nothing(ring):
    before = ring.create(10)
    [(pages,)] = ring._connection.execute("PRAGMA page_count").fetchall()
    ring._connection.execute(f"PRAGMA max_page_count={pages}").fetchall()
    with pytest.raises(StorageFailed, match="full") as told:
        ring.create(10_000)
    assert "space" in told.value.hint
    assert list(ring.ids()) == sorted(before)


def test_a_wrapped_key_that_was_moved_to_another_row_does_not_unwrap(ring):
    one, two = ring.create(2)
    sealed = ring.seal(one, "b", b"x")
    ring._connection.execute(
        "UPDATE data_key SET wrapped=(SELECT wrapped FROM data_key WHERE id=?) WHERE id=?", (two, one)
    )
    with pytest.raises(SealBroken):
        ring.open(one, "b", sealed)


# --- secrets, processes, threads --------------------------------------------------------------------------------------
def test_a_secret_stays_and_differs_by_name(ring, path):
    first = ring.secret("log signing")
    assert len(first) == 32
    assert ring.secret("log signing") == first
    assert ring.secret("pseudonyms") != first
    assert SqliteKeyRing(path, MASTER, make=False).secret("log signing") == first
    assert first not in files(path)


OPEN = """
import sys
from pathlib import Path
from countenance.keys.master import MasterKey
from countenance.keys.ring import SqliteKeyRing
ring = SqliteKeyRing(Path(sys.argv[1]), MasterKey("home", bytes(range(32))), make=True)
print(ring.secret("log signing").hex(), len(ring.create(200)), flush=True)
"""


def test_processes_that_start_at_once_agree(path):
    started = [
        subprocess.Popen([sys.executable, "-c", OPEN, path], stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    said = {process.communicate()[0] for process in started}
    assert len(said) == 1
    assert {process.returncode for process in started} == {0}
    assert len(list(SqliteKeyRing(path, MASTER, make=False).ids())) == 800


def test_a_killed_process_leaves_keys_whole_or_none(path):
    endless = OPEN + "\nwhile True: print(len(ring.create(100)), flush=True)"
    process = subprocess.Popen([sys.executable, "-c", endless, path], stdout=subprocess.PIPE, text=True)
    said = [int(process.stdout.readline().split()[-1]) for _ in range(6)]
    process.kill()
    said += [int(line) for line in process.communicate()[0].splitlines()]
    ring = SqliteKeyRing(path, MASTER, make=False)
    keys = list(ring.ids())
    assert sum(said) <= len(keys) <= sum(said) + 100
    assert len(keys) % 100 == 0
    for key in keys[::50]:
        assert ring.open(key, "b", ring.seal(key, "b", b"x")) == b"x"


def test_threads_share_a_ring(ring):
    errors = []

    def work():
        try:
            for _ in range(20):
                [key] = ring.create()
                assert ring.open(key, "b", ring.seal(key, "b", b"x")) == b"x"
                ring.destroy([key])
        except Exception as error:  # noqa: BLE001  shown by the test's own assertion
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert list(ring.ids()) == []


def test_a_locked_ring_is_told(ring, path):
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    ring._connection.execute("PRAGMA busy_timeout=20")
    with pytest.raises(StorageFailed, match="locked") as told:
        ring.create()
    assert told.value.remedy is Remedy.WAIT_FOR_OTHER
    other.close()


def test_a_key_costs_at_most_a_hundred_bytes_on_disk(ring, path):
    for _ in range(50):
        ring.confirm(ring.create(200))
    ring.tidy()
    assert path.stat().st_size / 10_000 <= 100


def test_the_chunk_fits_any_sqlite(ring):
    assert ring_module.CHUNK <= 999  # SQLITE_MAX_VARIABLE_NUMBER before 3.32


def test_a_ring_of_version_1_is_brought_up_to_date_and_opens_what_it_sealed(ring, path):
    [key] = ring.create()
    sealed = ring.seal(key, "b", b"x")
    for table in ("key_in_the_making", "blob_in_the_making"):
        ring._connection.execute(f"DROP TABLE {table}")
    ring._connection.execute("PRAGMA user_version=1")
    ring.close()
    again = SqliteKeyRing(path, MASTER, make=False)
    assert again.open(key, "b", sealed) == b"x"
    [new] = again.create(blobs=["crop"])
    assert again.unconfirmed() == ([new], ["crop"])


# --- another master key -----------------------------------------------------------------------------------------------
NEXT = MasterKey("home", bytes(range(1, 33)))


def find_next(key_id):
    return NEXT if key_id == NEXT.key_id else None


def test_after_a_rewrap_everything_opens_with_the_new_master_key_and_nothing_with_the_old(ring, path):
    keys = ring.create(1_000)
    sealed = ring.seal(keys[0], "b", b"text")
    secret, wrapped = ring.secret("pseudonyms"), wrapped_keys(path)
    ring.rewrap(NEXT)
    assert ring.open(keys[0], "b", sealed) == b"text"
    ring.close()
    assert readable(path, wrapped.values()) == 0
    with pytest.raises(KeyMissing, match=NEXT.key_id):
        SqliteKeyRing(path, MASTER, make=False)
    again = SqliteKeyRing(path, NEXT, make=False)
    assert (again.open(keys[0], "b", sealed), again.secret("pseudonyms")) == (b"text", secret)
    again.close()


def test_who_holds_the_old_master_key_takes_the_new_one_at_the_next_act(ring, path):
    [key] = ring.create()
    sealed = ring.seal(key, "b", b"text")
    others = [SqliteKeyRing(path, MASTER, make=False, find=find_next) for _ in range(4)]
    ring.rewrap(NEXT)
    reads, reads_many, makes, asks = others
    assert reads.open(key, "b", sealed) == b"text"
    assert reads_many.open_many([(key, "b", sealed)]) == [b"text"]
    [made] = makes.create()
    assert ring.open(made, "b", makes.seal(made, "b", b"later")) == b"later"
    assert asks.secret("new since") == ring.secret("new since")
    for other in (ring, *others):
        other.close()


def test_who_can_not_find_the_new_master_key_wraps_nothing_under_the_old(ring, path):
    other = SqliteKeyRing(path, MASTER, make=False)
    ring.rewrap(NEXT)
    with pytest.raises(KeyMissing, match=MASTER.key_id):
        other.create()
    assert list(ring.ids()) == []
    other.close()
    ring.close()


def test_a_damaged_key_stops_a_rewrap_whole(ring, path):
    keys = ring.create(3)
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE data_key SET wrapped = zeroblob(60) WHERE id = ?", (keys[1],))
    raw.close()
    before = wrapped_keys(path)
    with pytest.raises(StorageFailed):
        ring.rewrap(NEXT)
    assert (wrapped_keys(path), ring.master_id) == (before, MASTER.key_id)
    ring.close()
