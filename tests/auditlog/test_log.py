"""The log on disk: the contract, tampering with every column, several processes, bad days."""

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from countenance.auditlog import log as log_module
from countenance.auditlog import merkle
from countenance.auditlog.checkpoint import Signer, open_checkpoint
from countenance.auditlog.kinds import FIELDS, KINDS
from countenance.auditlog.log import SqliteLog, leaf_of
from countenance.auditlog.verify import verify_log
from countenance.errors import HomeTooNew, LogBroken, LogUnwritable, StorageFailed
from countenance.testing.auditlog import AuditLogContract

SIGNER = Signer("countenance/test", b"k" * 32)


def open_log(path, **more):
    return SqliteLog(path, SIGNER, make=True, **more)


def verify(path, **more):
    return verify_log(path, SIGNER.origin, SIGNER.public_key, **more)


class TestSqliteLog(AuditLogContract):
    def make(self, tmp_path_factory):
        return open_log(tmp_path_factory.mktemp("log") / "log.db")


@pytest.fixture
def path(tmp_path):
    log = open_log(tmp_path / "log.db")
    for n in range(9):
        log.append("compare.shown", {"search": "s", "n": n, "purpose": "household"})
    log.close()
    return tmp_path / "log.db"


def test_a_whole_log_verifies(path):
    found = verify(path)
    assert found.entries == 9
    log = open_log(path)
    assert log.signer is SIGNER
    for position in range(9):
        proof, note = log.prove(position)
        signed = open_checkpoint(note, SIGNER.origin, SIGNER.public_key)
        assert (signed.size, signed.root) == (9, found.root)
        [row] = sqlite3.connect(path).execute("SELECT leaf FROM entries WHERE position = ?", (position,)).fetchall()
        assert merkle.includes(row[0], position, 9, proof, signed.root)
    log.close()


def test_an_empty_log_verifies(tmp_path):
    open_log(tmp_path / "log.db").close()
    assert verify(tmp_path / "log.db").root == merkle.EMPTY_ROOT


def test_progress_is_told(path, monkeypatch):
    from countenance.auditlog import verify as verify_module

    monkeypatch.setattr(verify_module, "TOLD_EVERY", 4)
    told = []
    verify(path, progress=told.append)
    assert told == [4, 8]


def tampered(path, statement, *values):
    with sqlite3.connect(path) as connection:
        connection.execute(statement, values)
    connection.close()


def record_of(path, position):
    connection = sqlite3.connect(path)
    [(record, salt)] = connection.execute("SELECT record, salt FROM entries WHERE position = ?", (position,)).fetchall()
    connection.close()
    return record, salt


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE entries SET record = replace(record, 'household', 'research') WHERE position = 4", "was changed"),
        ("UPDATE entries SET salt = randomblob(16) WHERE position = 4", "was changed"),
        ("UPDATE entries SET leaf = randomblob(32) WHERE position = 4", "was changed"),
        ("UPDATE entries SET root = randomblob(32) WHERE position = 4", "root"),
        ("UPDATE entries SET checkpoint = replace(checkpoint, 'test', 'home') WHERE position = 4", "another log"),
        ("UPDATE entries SET checkpoint = (SELECT checkpoint FROM entries WHERE position = 3) WHERE position = 4",
         "signed as another"),
        ("UPDATE entries SET checkpoint = substr(checkpoint, 1, 90) WHERE position = 4", "signature"),
        ("UPDATE entries SET checkpoint = x'00' WHERE position = 4", "does not open"),
        ("UPDATE entries SET salt = 'text' WHERE position = 4", "was changed"),
        ("UPDATE entries SET leaf = '' WHERE position = 4", "was changed"),
        ("UPDATE entries SET id = 'other' WHERE position = 4", "not in the log's form"),
        ("DELETE FROM entries WHERE position = 4", "is missing"),
    ],
)  # fmt: skip
def test_tampering_with_any_column_names_the_first_bad_entry(path, statement, said):
    tampered(path, statement)
    with pytest.raises(LogBroken, match="number 4") as broken:
        verify(path)
    assert said in broken.value.message
    assert broken.value.hint


def test_a_record_rewritten_with_its_leaf_is_found_by_the_root(path):
    record, salt = record_of(path, 4)
    forged = record.replace(b"household", b"research!")
    tampered(path, "UPDATE entries SET record = ?, leaf = ? WHERE position = 4", forged, leaf_of(salt, forged))
    with pytest.raises(LogBroken, match="number 4"):
        verify(path)


def test_a_log_rewritten_from_some_entry_on_without_the_key_is_found(path, tmp_path):
    other = SqliteLog(tmp_path / "other.db", Signer(SIGNER.origin, b"x" * 32), make=True)
    for entry in open_log(path).entries():
        other.append(entry.kind, {**entry.record, "n": 99 if entry.position == 4 else entry.record["n"]})
    other.close()
    with pytest.raises(LogBroken, match="number 0"):
        verify(tmp_path / "other.db")


@pytest.mark.parametrize("text", [b"{}", b"[1]", b"no json", b'{"b":1, "a":2}'])
def test_a_record_that_is_no_canonical_json_is_named(path, text):
    _, salt = record_of(path, 4)
    tampered(path, "UPDATE entries SET record = ?, leaf = ? WHERE position = 4", text, leaf_of(salt, text))
    with pytest.raises(LogBroken, match="number 4"):
        verify(path)


def shortened(path, size):
    """Cut with care: entries and every node that a log of that size would not have."""
    tampered(path, "DELETE FROM entries WHERE position >= ?", size)
    tampered(path, "DELETE FROM nodes WHERE (number + 1) << level > ?", size)


def test_a_careful_truncation_shows_against_a_checkpoint_that_somebody_kept(path):
    log = open_log(path)
    kept = open_checkpoint(log.checkpoint(), SIGNER.origin, SIGNER.public_key)
    log.close()
    verify(path, kept=[kept])
    shortened(path, 7)
    assert verify(path).entries == 7
    with pytest.raises(LogBroken, match="7 entries"):
        verify(path, kept=[kept])


def test_a_careless_truncation_shows_by_itself(path):
    tampered(path, "DELETE FROM entries WHERE position >= 7")
    with pytest.raises(LogBroken, match="number 7: it is gone"):
        verify(path)


def test_a_whole_rewriting_with_the_key_shows_against_a_kept_checkpoint(path, tmp_path):
    log = open_log(path)
    kept = open_checkpoint(log.checkpoint(), SIGNER.origin, SIGNER.public_key)
    log.close()
    other = open_log(tmp_path / "other.db")
    for n in range(12):
        other.append("compare.shown", {"search": "s", "n": n})
    other.close()
    assert verify(tmp_path / "other.db").entries == 12
    with pytest.raises(LogBroken, match="checkpoint"):
        verify(tmp_path / "other.db", kept=[kept])


# --- bad days ------------------------------------------------------------------------------------------------------
def test_a_log_that_is_missing_is_not_made_anew(tmp_path):
    with pytest.raises(StorageFailed, match="missing"):
        SqliteLog(tmp_path / "log.db", SIGNER, make=False)
    assert not (tmp_path / "log.db").exists()


def test_a_newer_log_is_refused(path):
    tampered(path, "PRAGMA user_version=99")
    with pytest.raises(HomeTooNew):
        open_log(path)


def test_a_damaged_log_is_named(tmp_path):
    (tmp_path / "log.db").write_bytes(b"no database" * 500)
    with pytest.raises(StorageFailed):
        open_log(tmp_path / "log.db")
    with pytest.raises(StorageFailed):
        verify(tmp_path / "log.db")


def test_a_folder_is_no_log(tmp_path):
    with pytest.raises(StorageFailed, match="can't be opened"):
        open_log(tmp_path)


def test_a_log_that_cannot_be_read_is_told(path):
    log = open_log(path)
    tampered(path, "DROP TABLE entries")
    with pytest.raises(StorageFailed, match="can't be read"):
        len(log)
    with pytest.raises(LogUnwritable):
        log.append("compare.shown", {"search": "s"})
    log.close()


def test_a_log_that_cannot_be_written_says_so_and_writes_nothing(path):
    log = open_log(path)
    log._connection.execute("PRAGMA query_only=ON")
    with pytest.raises(LogUnwritable) as refused:
        log.append("compare.shown", {"search": "s"})
    assert refused.value.hint
    log._connection.execute("PRAGMA query_only=OFF")
    assert len(log) == 9
    log.append("compare.shown", {"search": "s"})
    log.close()
    assert verify(path).entries == 10


def test_a_log_that_another_process_holds_is_waited_for_and_then_refused(path, monkeypatch):
    monkeypatch.setattr(log_module, "BUSY_TIMEOUT_MS", 100)
    log = open_log(path)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(LogUnwritable):
        log.append("compare.shown", {"search": "s"})
    holder.execute("ROLLBACK")
    holder.close()
    assert log.append("compare.shown", {"search": "s"}).position == 9
    log.close()


def test_a_full_disk_refuses_and_the_log_goes_on_afterwards(path):
    log = open_log(path)
    (pages,) = log._connection.execute("PRAGMA page_count").fetchone()
    log._connection.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(LogUnwritable, match="full"):
        log.append("compare.shown", {"search": "s", "padding": "x" * 200_000})
    log._connection.execute("PRAGMA max_page_count=100000")
    log.append("compare.shown", {"search": "s"})
    log.close()
    verify(path)


APPENDER = """
import sys
from pathlib import Path
from countenance.auditlog.checkpoint import Signer
from countenance.auditlog.log import SqliteLog
log = SqliteLog(Path(sys.argv[1]), Signer("countenance/test", b"k" * 32), make=True)
for n in range(int(sys.argv[2])):
    print(log.append("compare.shown", {"search": "s", "n": n}).position, flush=True)
"""


def appender(path, count):
    return subprocess.Popen([sys.executable, "-c", APPENDER, str(path), str(count)], stdout=subprocess.PIPE)


def test_two_processes_append_to_one_tree(path):
    both = [appender(path, 40) for _ in range(2)]
    positions = [int(n) for process in both for n in process.communicate()[0].split()]
    assert sorted(positions) == list(range(9, 89))
    assert verify(path).entries == 89


def test_what_was_acknowledged_survives_a_kill_and_the_log_is_a_prefix_extension(path):
    process = appender(path, 100_000)
    seen = -1
    while seen < 30:
        seen = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    rest = process.communicate()[0].split(b"\n")
    acknowledged = max([seen, *(int(n) for n in rest if n.isdigit())])
    shutil.copy(path, path.with_name("copy.db"))
    found = verify(path)
    assert found.entries >= acknowledged + 1 - 1  # the last line may have been cut off in the pipe
    assert found.entries > seen
    log = open_log(path)
    log.append("compare.shown", {"search": "s"})
    log.close()
    assert verify(path).entries == found.entries + 1


# --- details -------------------------------------------------------------------------------------------------------
@pytest.fixture
def detailed(path):
    """Entries 9 and 10 have a detail."""
    log = open_log(path)
    log.append("compare.shown", {"search": "s"}, detail=b"sealed nine")
    log.append("compare.shown", {"search": "s"}, detail=b"sealed ten")
    log.close()
    return path


def test_details_are_bound_to_their_entries(detailed):
    log = open_log(detailed)
    assert (log.detail(8), log.detail(9), log.detail(99)) == (None, b"sealed nine", None)
    log.close()
    verify(detailed)


@pytest.mark.parametrize(
    ("statement", "number", "said"),
    [
        ("UPDATE entries SET detail = x'00' WHERE position = 9", 9, "not the one"),
        ("UPDATE entries SET detail = 'text' WHERE position = 9", 9, "not the one"),
        ("UPDATE entries SET detail = x'00' WHERE position = 4", 4, "not the one"),
        ("UPDATE entries SET detail = NULL WHERE position >= 9", 9, "lacks its detail"),
    ],
)
def test_tampering_with_a_detail_names_the_first_bad_entry(detailed, statement, number, said):
    tampered(detailed, statement)
    with pytest.raises(LogBroken, match=f"number {number}:.*{said}"):
        verify(detailed)


def test_erased_details_leave_the_tree_whole(detailed):
    log = open_log(detailed)
    before = log.checkpoint()
    entry = log.erase_details([9, 9], {"erasure": "e"})
    assert (entry.kind, dict(entry.record)) == ("detail.erased", {"erasure": "e", "positions": [9]})
    assert (log.detail(9), log.detail(10)) == (None, b"sealed ten")
    log.close()
    verify(detailed, kept=[open_checkpoint(before, SIGNER.origin, SIGNER.public_key)])
    tampered(detailed, "UPDATE entries SET detail = NULL WHERE position = 10")
    with pytest.raises(LogBroken, match="number 10"):
        verify(detailed)


def test_an_erased_detail_is_in_no_file_of_the_log(path):
    log = open_log(path)
    position = log.append("home.created", {"home": "h", "kind": "k"}, detail=b"sealed, and then not any more").position
    log.erase_details([position], {"erasure": "e"})
    for file in path.parent.iterdir():
        assert b"sealed, and then not any more" not in file.read_bytes(), file.name
    log.close()


def test_details_are_erased_by_their_own_method_only(path):
    log = open_log(path)
    with pytest.raises(ValueError, match="erase_details"):
        log.append("detail.erased", {"positions": [1]})
    log.close()


# --- what an append stands on ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET root = randomblob(32) WHERE position = 8",
        "UPDATE entries SET checkpoint = replace(checkpoint, 'test', 'home') WHERE position = 8",
        "UPDATE entries SET checkpoint = (SELECT checkpoint FROM entries WHERE position = 3) WHERE position = 8",
        "UPDATE nodes SET hash = randomblob(32) WHERE level = 3",
        "DELETE FROM nodes WHERE level = 0 AND number = 8",
        "DELETE FROM entries WHERE position = 8",
    ],
)
def test_nothing_is_signed_on_top_of_a_broken_end(path, statement):
    tampered(path, statement)
    log = open_log(path)
    with pytest.raises(LogUnwritable) as refused:
        log.append("compare.shown", {"search": "s"})
    assert refused.value.hint
    log.close()


def test_a_log_that_got_shorter_under_a_running_process_is_refused(path):
    log = open_log(path)
    log.append("compare.shown", {"search": "s"})
    shortened(path, 9)
    with pytest.raises(LogUnwritable, match="had 10 entries and now has 9"):
        log.append("compare.shown", {"search": "s"})
    log.close()


@pytest.mark.parametrize("level", [0, 1, 3])
def test_tampering_with_a_node_names_the_first_entry_that_it_belongs_to(path, level):
    tampered(path, "UPDATE nodes SET hash = randomblob(32) WHERE level = ? AND number = 0", level)
    with pytest.raises(LogBroken, match=f"number {2**level - 1}:.*node {level}/0"):
        verify(path)


def test_a_proof_from_a_broken_tree_is_refused(path):
    tampered(path, "DELETE FROM nodes WHERE level = 1")
    log = open_log(path)
    with pytest.raises(LogBroken, match="missing"):
        log.prove(4)
    log.close()


def test_an_entry_that_cannot_be_read_is_named(path):
    tampered(path, "UPDATE entries SET record = x'00' WHERE position = 4")
    log = open_log(path)
    with pytest.raises(LogBroken, match="entry 4"):
        list(log.entries())
    log.close()


def test_the_growth_of_a_log_is_proven(path):
    log = open_log(path)
    old = open_checkpoint(log.checkpoint(), SIGNER.origin, SIGNER.public_key)
    for _ in range(5):
        log.append("compare.shown", {"search": "s"})
    proof, note = log.prove_growth(old.size)
    new = open_checkpoint(note, SIGNER.origin, SIGNER.public_key)
    assert merkle.extends(old.size, new.size, proof, old.root, new.root)
    with pytest.raises(ValueError, match="extension"):
        log.prove_growth(99)
    log.close()


def test_a_proof_and_its_checkpoint_are_of_one_moment(path):
    other = appender(path, 60)
    log = open_log(path)
    while other.poll() is None:
        proof, note = log.prove(4)
        signed = open_checkpoint(note, SIGNER.origin, SIGNER.public_key)
        [(leaf,)] = log._read("SELECT leaf FROM entries WHERE position = 4")
        assert merkle.includes(leaf, 4, signed.size, proof, signed.root)
    other.communicate()
    log.close()


def test_an_empty_file_is_no_log(tmp_path):
    (tmp_path / "log.db").touch()
    with pytest.raises(StorageFailed, match="empty"):
        SqliteLog(tmp_path / "log.db", SIGNER, make=False)


def test_a_path_with_odd_characters_is_that_path(tmp_path):
    folder = tmp_path / "a?b#c%20d"
    folder.mkdir()
    log = open_log(folder / "log.db")
    log.append("compare.shown", {"search": "s"})
    log.close()
    assert verify(folder / "log.db").entries == 1
    assert (folder / "log.db").stat().st_mode & 0o077 == 0


def test_a_record_names_what_its_kind_demands(path):
    log = open_log(path)
    with pytest.raises(ValueError, match="lacks faces, threshold"):
        log.append("search.shown", {"search": "s", "searched": 3})
    assert len(log) == 9
    log.close()


def test_the_documented_kinds_are_those_that_there_are():
    page = (Path(__file__).parents[2] / "docs" / "audit-log.md").read_text(encoding="utf-8")
    assert dict(re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \| (.+) \|$", page, re.MULTILINE)) == KINDS


def test_every_kind_says_what_it_demands():
    assert set(FIELDS) == set(KINDS)


def test_every_kind_has_its_line():
    assert all(text.endswith(".") for text in KINDS.values())
    assert all(kind.count(".") == 1 for kind in KINDS)


def test_a_record_is_canonical_json(path):
    record, _ = record_of(path, 0)
    said = json.loads(record)
    assert list(said) == sorted(said)
    assert set(said) == {"v", "id", "at", "kind", "body"}
    assert os.fsdecode(record).isascii()


# --- several threads at once -----------------------------------------------------------------------------------------
@contextmanager
def threads_that_wait(log, *appends):
    """Each append waits in a thread of its own, for whoever holds the lock."""
    found = {}

    def append(number, kind, record):
        try:
            found[number] = log.append(kind, record)
        except (LogUnwritable, ValueError) as error:
            found[number] = error

    threads = [threading.Thread(target=append, args=(n, *each)) for n, each in enumerate(appends)]
    with log._lock:
        for thread in threads:
            thread.start()
        while len(log._waiting) < len(threads):
            time.sleep(0.001)
        yield found
    for thread in threads:
        thread.join()


def shown(n):
    return "compare.shown", {"search": f"s{n}"}


def test_what_waits_is_written_together_and_each_entry_stands(path):
    log, statements = open_log(path), []
    with threads_that_wait(log, *map(shown, range(8))) as found:
        log._connection.set_trace_callback(statements.append)
    assert statements.count("COMMIT") == 1
    assert sorted(entry.position for entry in found.values()) == list(range(9, 17))
    assert {entry.position: entry.record for entry in log.entries(9)} == {e.position: e.record for e in found.values()}
    assert log.append(*shown(9)).position == 17
    log.close()
    assert verify(path).entries == 18


def test_of_those_written_together_one_without_a_form_is_refused_alone(path):
    log = open_log(path)
    with threads_that_wait(log, shown(0), ("compare.shown", {}), ("no.kind", {}), shown(1)) as found:
        pass
    assert [type(found[n]).__name__ for n in range(4)] == ["LogEntry", "ValueError", "ValueError", "LogEntry"]
    log.close()
    assert verify(path).entries == 11


def test_where_nothing_can_be_written_each_of_those_who_wait_is_told(path):
    log = open_log(path)
    with threads_that_wait(log, *map(shown, range(5))) as found:
        log._connection.execute("PRAGMA query_only=ON")
    assert {type(each) for each in found.values()} == {LogUnwritable}
    assert len({id(each) for each in found.values()}) == 5
    log._connection.execute("PRAGMA query_only=OFF")
    assert log.append(*shown(0)).position == 9
    log.close()
    assert verify(path).entries == 10


def test_what_another_process_appended_is_gone_on_from(path):
    ours, theirs = open_log(path), open_log(path)
    for n in range(7):
        assert (ours if n % 3 else theirs).append(*shown(n)).position == 9 + n
    ours.close()
    theirs.close()
    assert verify(path).entries == 16
