"""The audit log in `log.db`: appended in one transaction each, durable before anything is done, never changed.

An entry's record is canonical JSON (RFC 8785) of pseudonyms and hashes; its leaf is SHA-256(0x00 || salt || record), so
that a record could go one day and the tree stand. With each entry the root after it is kept, signed: verification can
name the first entry that does not fit.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import rfc8785

from countenance.auditlog import merkle
from countenance.auditlog.checkpoint import Signer
from countenance.auditlog.kinds import KINDS
from countenance.errors import HomeTooNew, LogUnwritable, StorageFailed
from countenance.protocols import LogEntry

SCHEMA_VERSION: Final = 1
BUSY_TIMEOUT_MS: Final = 10_000
SALT_BYTES: Final = 16
PAGE: Final = 1_000
_ENTRIES: Final = """CREATE TABLE IF NOT EXISTS entries (
    position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, salt BLOB NOT NULL, record BLOB NOT NULL,
    leaf BLOB NOT NULL, root BLOB NOT NULL, checkpoint TEXT NOT NULL, detail BLOB)"""
_NODES: Final = """CREATE TABLE IF NOT EXISTS nodes (
    level INTEGER NOT NULL, number INTEGER NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (level, number)) WITHOUT ROWID"""


class SqliteLog:
    """`protocols.AuditLog` on SQLite. Safe to use from several threads and processes; not across a fork."""

    def __init__(self, path: Path, signer: Signer, *, make: bool) -> None:
        """The log at `path` is open; `make` allows a new one, for a new home only.

        Raises: StorageFailed: not there, damaged, or it can't be opened; HomeTooNew.
        """
        self._path = path
        self._signer = signer
        self._lock = threading.RLock()
        if not make and not path.is_file():
            raise StorageFailed(f"the audit log {path.name} is missing", "restore the home from a backup")
        try:
            path.touch(mode=0o600)
            self._connection = sqlite3.connect(
                path, timeout=BUSY_TIMEOUT_MS / 1000, isolation_level=None, check_same_thread=False
            )
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
                self._connection.execute(f"PRAGMA {pragma}").fetchall()
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
            if version > SCHEMA_VERSION:
                raise HomeTooNew(
                    f"the audit log has schema {version}; this version of Countenance knows {SCHEMA_VERSION}",
                    "install the newer version that wrote it: pip install --upgrade countenance",
                )
            if version == 0:
                for statement in (_ENTRIES, _NODES, f"PRAGMA user_version={SCHEMA_VERSION}"):
                    self._connection.execute(statement)
        except sqlite3.Error as error:
            raise StorageFailed(f"the audit log {path.name} can't be opened: {error}", _WAY_OUT) from error

    @property
    def signer(self) -> Signer:
        """Whose signature its checkpoints carry."""
        return self._signer

    def append(self, kind: str, record: Mapping[str, Any], *, detail: bytes | None = None) -> LogEntry:
        """See `AuditLog.append`. One transaction, synced to disk; a crash before its end leaves the log as it was."""
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is no kind of log entry; auditlog/kinds.py has the list")
        at = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        entry_id = secrets.token_hex(16)
        body: dict[str, Any] = {"v": 1, "id": entry_id, "at": at, "kind": kind, "body": dict(record)}
        try:
            canonical = rfc8785.dumps(body)
        except rfc8785.CanonicalizationError as error:
            raise ValueError(f"a {kind} record has no canonical form: {error}") from error
        salt = secrets.token_bytes(SALT_BYTES)
        leaf = leaf_of(salt, canonical)
        with self._transaction() as connection:
            (size,) = connection.execute("SELECT COALESCE(MAX(position) + 1, 0) FROM entries").fetchone()
            nodes = list(merkle.completed_by(size, leaf, self._node))
            connection.executemany("INSERT INTO nodes VALUES (?, ?, ?)", nodes)
            root = merkle.root(size + 1, self._node)
            checkpoint = self._signer.sign(size + 1, root)
            connection.execute(
                "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (size, entry_id, salt, canonical, leaf, root, checkpoint, detail),
            )
        return LogEntry(size, entry_id, at, kind, record)

    def checkpoint(self) -> str:
        """The newest signed checkpoint."""
        found = self._read("SELECT checkpoint FROM entries ORDER BY position DESC LIMIT 1")
        return str(found[0][0]) if found else self._signer.sign(0, merkle.EMPTY_ROOT)

    def prove(self, position: int) -> tuple[list[bytes], str]:
        """(inclusion proof of the entry, checkpoint that it leads to). Raises ValueError: no such entry."""
        with self._lock:
            proof = merkle.inclusion_proof(position, len(self), self._node)
            return proof, self.checkpoint()

    def entries(self, start: int = 0) -> Iterator[LogEntry]:
        """In order of position, a page at a time."""
        while page := self._read(
            "SELECT position, record FROM entries WHERE position >= ? ORDER BY position LIMIT ?", (start, PAGE)
        ):
            for position, record in page:
                said = json.loads(record)
                yield LogEntry(position, said["id"], said["at"], said["kind"], said["body"])
            start = page[-1][0] + 1

    def __len__(self) -> int:
        """Entries so far."""
        return int(self._read("SELECT COALESCE(MAX(position) + 1, 0) FROM entries")[0][0])

    def close(self) -> None:
        """The database is closed."""
        with self._lock:
            self._connection.close()

    def _node(self, level: int, index: int) -> bytes:
        [(found,)] = self._connection.execute(
            "SELECT hash FROM nodes WHERE level = ? AND number = ?", (level, index)
        ).fetchall()
        return bytes(found)

    def _read(self, query: str, values: tuple[object, ...] = ()) -> list[Any]:
        try:
            with self._lock:
                return self._connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise StorageFailed(f"the audit log {self._path.name} can't be read: {error}", _WAY_OUT) from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException as error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error | ValueError):
                    raise LogUnwritable(
                        f"the audit log can't be written: {error}; nothing was done", _WAY_OUT
                    ) from error
                raise


_WAY_OUT: Final = "without its log Countenance does nothing: free the disk, or make the home writable, then try again"


def leaf_of(salt: bytes, record: bytes) -> bytes:
    """SHA-256(0x00 || salt || record): the leaf of RFC 9162 over salt and record."""
    return merkle.leaf_hash(salt + record)
