"""The audit log in `log.db`: appended in one transaction each, durable before anything is done, never changed.

An entry's record is canonical JSON (RFC 8785) of pseudonyms and hashes; its leaf is SHA-256(0x00 || salt || record), so
that a record could go one day and the tree stand. With each entry the root after it is kept, signed: verification can
name the first entry that does not fit.

Sealed detail lies beside the tree; the record holds its SHA-256. It goes by `erase_details` alone, which writes the
entry that names the positions: a detail that is missing without one is a fault (docs/audit-log.md).

Nothing is signed on top of what does not fit: an append first checks that the end of the log is whole and signed.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import sqlite3
import threading
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import rfc8785

from countenance.auditlog import merkle
from countenance.auditlog.checkpoint import Signer, open_checkpoint
from countenance.auditlog.kinds import DETAIL_ERASED, FIELDS, KINDS
from countenance.errors import HomeTooNew, LogBroken, LogUnwritable, StorageFailed, WrongUse
from countenance.protocols import EntryProof, LogEntry
from countenance.remedies import Remedy, remedy_of_storage

SCHEMA_VERSION: Final = 1
BUSY_TIMEOUT_MS: Final = 10_000
SALT_BYTES: Final = 16
PAGE: Final = 1_000
_ENTRIES: Final = """CREATE TABLE IF NOT EXISTS entries (
    position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, salt BLOB NOT NULL, record BLOB NOT NULL,
    leaf BLOB NOT NULL, root BLOB NOT NULL, checkpoint TEXT NOT NULL, detail BLOB)"""
_NODES: Final = """CREATE TABLE IF NOT EXISTS nodes (
    level INTEGER NOT NULL, number INTEGER NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (level, number)) WITHOUT ROWID"""


@dataclass(frozen=True, slots=True)
class _End:
    """Where the log ends: how many entries, and what was signed of them."""

    size: int
    root: bytes
    checkpoint: str
    frontier: tuple[bytes, ...]  # merkle.frontier


@dataclass(slots=True)
class _Waiting:
    """What is to be appended, and then what became of it."""

    kind: str
    record: Mapping[str, Any]
    detail: bytes | None = None
    erased: Sequence[int] = ()  # positions whose details go with it
    entry: LogEntry | None = None
    error: Exception | None = None


class SqliteLog:
    """`protocols.AuditLog` on SQLite. Safe to use from several threads and processes; not across a fork."""

    def __init__(self, path: Path, signer: Signer, *, make: bool) -> None:
        """The log at `path` is open; `make` allows a new one, for a new home only.

        Raises: StorageFailed: not there, damaged, or it can't be opened; HomeTooNew.
        """
        self._path = path
        self._signer = signer
        self._lock = threading.RLock()
        self._end = _End(0, merkle.EMPTY_ROOT, "", ())  # as it was last written here
        self._waiting: deque[_Waiting] = deque()
        try:
            if make:
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            elif not path.is_file():
                raise StorageFailed(f"the audit log {path.name} is missing", Remedy.RESTORE_FROM_BACKUP, partly=False)
            self._connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=BUSY_TIMEOUT_MS / 1000, isolation_level=None,
                check_same_thread=False,
            )  # fmt: skip
        except (OSError, sqlite3.Error) as error:
            raise StorageFailed(
                f"the audit log {path.name} can't be opened: {getattr(error, 'strerror', None) or error}",
                remedy_of_storage(error), partly=False,
            ) from error  # fmt: skip
        try:
            self._prepare(make=make)
        except BaseException:
            self._connection.close()
            raise

    @property
    def signer(self) -> Signer:
        """Whose signature its checkpoints carry."""
        return self._signer

    def append(self, kind: str, record: Mapping[str, Any], *, detail: bytes | None = None) -> LogEntry:
        """See `AuditLog.append`. One transaction, synced to disk; a crash before its end leaves the log as it was.

        What other threads append meanwhile is written with it: who gets the lock first writes for all who wait.
        """
        if kind == DETAIL_ERASED:
            raise ValueError("erase_details writes this entry itself, when it erases details")
        return self._append(_Waiting(kind, record, detail))

    def erase_details(self, positions: Collection[int], record: Mapping[str, Any]) -> LogEntry:
        """The details of these entries are gone, and a `detail.erased` entry names them, in one transaction.

        The write-ahead log is emptied too, unless a reader holds it: then it is with the next time, or the last close.
        Copies of the log elsewhere keep what they have. Raises as `append`.
        """
        named = sorted({*positions})
        entry = self._append(_Waiting(DETAIL_ERASED, {**record, "positions": named}, erased=named))
        self._read("PRAGMA wal_checkpoint(TRUNCATE)")
        return entry

    def detail(self, position: int) -> bytes | None:
        """The sealed detail of an entry; None where it has none, or no more."""
        found = self._read("SELECT detail FROM entries WHERE position = ?", (position,))
        return found[0][0] if found else None

    def checkpoint(self) -> str:
        """The newest signed checkpoint."""
        found = self._read("SELECT checkpoint FROM entries ORDER BY position DESC LIMIT 1")
        return str(found[0][0]) if found else self._signer.sign(0, merkle.EMPTY_ROOT)

    def prove(self, position: int) -> tuple[list[bytes], str]:
        """(inclusion proof of the entry, checkpoint that it leads to). Raises ValueError: no such entry."""
        with self._snapshot():
            return merkle.inclusion_proof(position, len(self), self._node), self.checkpoint()

    def prove_entry(self, position: int, *, under: str | None = None) -> EntryProof:
        """See `AuditLog.prove_entry`. `under`: an older checkpoint of this log that the proof is to lead to."""
        with self._snapshot():
            checkpoint = self.checkpoint() if under is None else under
            size = open_checkpoint(checkpoint, self._signer.origin, self._signer.public_key).size
            path = merkle.inclusion_proof(position, size, self._node)
            [(record, salt)] = self._read("SELECT record, salt FROM entries WHERE position = ?", (position,))
        return EntryProof(position, bytes(record), bytes(salt), tuple(path), checkpoint)

    def raw_entries(self) -> Iterator[tuple[int, bytes, bytes]]:
        """(position, record, salt) in order, a page at a time."""
        start = 0
        while page := self._read(
            "SELECT position, record, salt FROM entries WHERE position >= ? ORDER BY position LIMIT ?", (start, PAGE)
        ):
            yield from ((position, bytes(record), bytes(salt)) for position, record, salt in page)
            start = page[-1][0] + 1

    def position_of(self, entry_id: str) -> int | None:
        """The position of the entry with that id."""
        found = self._read("SELECT position FROM entries WHERE id = ?", (entry_id,))
        return int(found[0][0]) if found else None

    def checkpoint_of(self, size: int) -> str:
        """The signed checkpoint of the first `size` entries, size > 0."""
        return str(self._read("SELECT checkpoint FROM entries WHERE position = ?", (size - 1,))[0][0])

    def prove_growth(self, old: int) -> tuple[list[bytes], str]:
        """(proof that the log of `old` entries is the beginning of this one, checkpoint that it leads to).

        Raises ValueError: not 0 < old <= len(self).
        """
        with self._snapshot():
            return merkle.consistency_proof(old, len(self), self._node), self.checkpoint()

    def entries(self, start: int = 0) -> Iterator[LogEntry]:
        """In order of position, a page at a time. Raises LogBroken: one can't be read; `log verify` says more."""
        while page := self._read(
            "SELECT position, record FROM entries WHERE position >= ? ORDER BY position LIMIT ?", (start, PAGE)
        ):
            for position, record in page:
                try:
                    said = json.loads(record)
                    entry = LogEntry(position, said["id"], said["at"], said["kind"], said["body"])
                except (ValueError, TypeError, KeyError) as error:
                    raise LogBroken(
                        f"entry {position} of the audit log is not in its form", Remedy.VERIFY_LOG
                    ) from error
                yield entry
            start = page[-1][0] + 1

    def __len__(self) -> int:
        """Entries so far."""
        return int(self._read("SELECT COALESCE(MAX(position) + 1, 0) FROM entries")[0][0])

    def close(self) -> None:
        """The database is closed."""
        with self._lock:
            self._connection.close()

    def _prepare(self, *, make: bool) -> None:
        try:
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
                self._connection.execute(f"PRAGMA {pragma}").fetchall()
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
            if version > SCHEMA_VERSION:
                raise HomeTooNew(
                    f"the audit log has schema {version}; this version of Countenance knows {SCHEMA_VERSION}",
                    Remedy.UPGRADE,
                )
            if version == 0:
                if not make:
                    raise StorageFailed(
                        f"the audit log {self._path.name} is empty", Remedy.RESTORE_FROM_BACKUP, partly=False
                    )
                for statement in (_ENTRIES, _NODES, f"PRAGMA user_version={SCHEMA_VERSION}"):
                    self._connection.execute(statement)
        except sqlite3.Error as error:
            raise StorageFailed(
                f"the audit log {self._path.name} can't be opened: {error}", remedy_of_storage(error), partly=False
            ) from error

    def _append(self, mine: _Waiting) -> LogEntry:
        self._waiting.append(mine)
        with self._lock:
            if mine.entry is None and mine.error is None:
                self._commit_waiting()
        if mine.error is not None:
            raise mine.error
        assert mine.entry is not None
        return mine.entry

    def _commit_waiting(self) -> None:
        """Every entry that waits stands, durably, in one transaction, or each has its error. Holds the lock."""
        batch = [self._waiting.popleft() for _ in range(len(self._waiting))]
        try:
            with self._transaction() as connection:
                end = self._checked_end()
                for each in batch:
                    try:
                        end = self._write(connection, end, each)
                    except ValueError as error:  # of this entry alone: it has no form
                        each.error = error
            self._end = end
        except BaseException as error:
            for each in batch:
                each.entry = None
                each.error = each.error or _of_another(error)
            if not isinstance(error, LogUnwritable):
                raise

    def _write(self, connection: sqlite3.Connection, end: _End, waiting: _Waiting) -> _End:
        """The entry is in this transaction. Raises ValueError: it has no form; nothing was written."""
        at = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        entry_id, salt = secrets.token_hex(16), secrets.token_bytes(SALT_BYTES)
        canonical = _canonical(entry_id, at, waiting.kind, waiting.record, waiting.detail)
        leaf = leaf_of(salt, canonical)
        frontier, completed = merkle.grown(end.size, end.frontier, leaf)
        connection.executemany("INSERT INTO nodes VALUES (?, ?, ?)", completed)
        root = merkle.root_of(frontier)
        checkpoint = self._signer.sign(end.size + 1, root)
        connection.execute(
            "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (end.size, entry_id, salt, canonical, leaf, root, checkpoint, waiting.detail),
        )
        connection.executemany("UPDATE entries SET detail = NULL WHERE position = ?", ((p,) for p in waiting.erased))
        waiting.entry = LogEntry(end.size, entry_id, at, waiting.kind, waiting.record)
        return _End(end.size + 1, root, checkpoint, frontier)

    def _checked_end(self) -> _End:
        """What stands. Raises LogUnwritable: the end is not what was signed, or was there before and is gone."""
        last = self._read("SELECT position + 1, root, checkpoint FROM entries ORDER BY position DESC LIMIT 1")
        size, root, note = last[0] if last else (0, merkle.EMPTY_ROOT, "")
        if (size, root, note) == (self._end.size, self._end.root, self._end.checkpoint):
            return self._end  # its subtrees are remembered: to read them again would cost more than to write the entry
        if size < self._end.size:
            raise LogUnwritable(f"the audit log had {self._end.size} entries and now has {size}", Remedy.VERIFY_LOG)
        try:  # another process wrote it, or somebody else did
            frontier = merkle.frontier(size, self._node)
            signed = open_checkpoint(str(note), self._signer.origin, self._signer.public_key)
            fits = root == merkle.root_of(frontier) and (signed.size, signed.root) == (size, root)
        except LogBroken as error:
            raise LogUnwritable(f"the end of the audit log is broken: {error.message}", Remedy.VERIFY_LOG) from error
        if not fits:
            raise LogUnwritable("the end of the audit log is not what was signed", Remedy.VERIFY_LOG)
        return _End(int(size), bytes(root), str(note), frontier)

    def _node(self, level: int, index: int) -> bytes:
        found = self._read("SELECT hash FROM nodes WHERE level = ? AND number = ?", (level, index))
        if not found:
            raise LogBroken(f"node {level}/{index} of the audit log's tree is missing", Remedy.VERIFY_LOG)
        return bytes(found[0][0])

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        """All that is read inside is of one moment."""
        with self._lock:
            self._read("BEGIN")
            try:
                yield
            finally:
                self._read("COMMIT")

    def _read(self, query: str, values: tuple[object, ...] = ()) -> list[Any]:
        try:
            with self._lock:
                return self._connection.execute(query, values).fetchall()
        except UnicodeEncodeError as error:
            raise WrongUse(f"{str(error.object)[:200]!r} is not text in UTF-8") from error
        except sqlite3.Error as error:
            raise StorageFailed(
                f"the audit log {self._path.name} can't be read: {error}", remedy_of_storage(error)
            ) from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Holds the write lock; committed and synced at the end, or nothing was written."""
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException as error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error | StorageFailed) and not isinstance(error, LogUnwritable):
                    why = error.message if isinstance(error, StorageFailed) else error
                    raise LogUnwritable(f"the audit log can't be written: {why}", remedy_of_storage(error)) from error
                raise


def _of_another(error: BaseException) -> Exception:
    """What an entry is told that was to be written together with another; an exception each, raised in its thread."""
    if isinstance(error, LogUnwritable):
        return LogUnwritable(error.message, error.remedy)
    return LogUnwritable(f"the audit log was not written: {type(error).__name__}", Remedy.TRY_AGAIN)


def _canonical(entry_id: str, at: str, kind: str, record: Mapping[str, Any], detail: bytes | None) -> bytes:
    """The bytes of the record. Raises ValueError: unknown kind, a field is missing, or it has no canonical form."""
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is no kind of log entry; auditlog/kinds.py has the list")
    if missing := FIELDS[kind] - record.keys():
        raise ValueError(f"a {kind} record lacks {', '.join(sorted(missing))}")
    body: dict[str, Any] = {"v": 1, "id": entry_id, "at": at, "kind": kind, "body": dict(record)}
    if detail is not None:
        body["detail"] = hashlib.sha256(detail).hexdigest()
    try:
        return rfc8785.dumps(body)
    except rfc8785.CanonicalizationError as error:
        raise ValueError(f"a {kind} record has no canonical form: {error}") from error


def leaf_of(salt: bytes, record: bytes) -> bytes:
    """SHA-256(0x00 || salt || record): the leaf of RFC 9162 over salt and record.

    Raises ValueError: a salt of another length. Else a record's first bytes could be passed off as the salt's last.
    """
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes, not {len(salt)}")
    return merkle.leaf_hash(salt + record)
