"""Data keys in `keys.db`, wrapped by the master key.

A database of its own, with no long readers, because that is what makes destruction final: `secure_delete=on` zeroes a
deleted row in its page, and `wal_checkpoint(TRUNCATE)` drops the copies in the write-ahead log, which only a reader can
hold up (measured: docs/design.md). Every statement here is read to its end before the next line runs.

The standard library's sqlite3 and not SQLAlchemy: what matters here (those two pragmas, `WITHOUT ROWID`, the log
file's name) is SQLite's alone and would only be hidden by a portable layer. A PostgreSQL or KMS ring follows behind
`protocols.KeyRing` with the same `sealing.py`; it has seven short statements to say in its own tongue.

A key's id is 6 bytes of milliseconds and 10 random ones (as UUIDv7, RFC 9562): new keys stand together at the end of
the tree, so that a commit of a thousand touches a few dozen pages and not a thousand.

Opened data keys are not remembered: another process may destroy one at any time, and destroyed means destroyed.

Another process may also wrap every key anew under another master key (`rewrap`). Who holds the old one notices at its
next write, before anything is wrapped, or when a key does not open, and takes the new one from the key file.
"""

from __future__ import annotations

import itertools
import logging
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from countenance.associated_data import data_key_aad, secret_aad
from countenance.errors import HomeTooNew, KeyDestroyed, KeyMissing, SealBroken, StorageFailed
from countenance.keys.master import MasterKey
from countenance.keys.sealing import seal, unseal, unwrap, wrap
from countenance.protocols import RemovalResult
from countenance.remedies import Remedy, remedy_of_storage
from countenance.types import KeyId

log = logging.getLogger(__name__)

SCHEMA_VERSION: Final = 2  # 2: what is in the making
BUSY_TIMEOUT_MS: Final = 10_000  # a writer waits this long for another process's short transaction
CHECKPOINT_TIMEOUT_MS: Final = 200  # readers of the key store are shorter than that (docs/design.md)
CHUNK: Final = 999  # ids in one query: SQLite's oldest limit on variables; a millisecond's read
PENDING: Final = "keys.db and keys.db-wal (held by a reader; emptied by the next erasure or `countenance doctor`)"

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS data_key (id BLOB PRIMARY KEY, wrapped BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS secret (name TEXT PRIMARY KEY, wrapped BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS master (key_id TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS key_in_the_making (id BLOB PRIMARY KEY) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS blob_in_the_making (name TEXT PRIMARY KEY) WITHOUT ROWID",
)


class SqliteKeyRing:
    """`protocols.KeyRing` on SQLite. Safe to use from several threads and processes; not across a fork."""

    def __init__(
        self, path: Path, master: MasterKey, *, make: bool, find: Callable[[str], MasterKey | None] = lambda _: None
    ) -> None:
        """The ring at `path` is open. `make` allows a new one, for a new home only: an empty ring opens nothing.

        Args: find: the master key with that id, where the key file holds it by now.
        A crash while making leaves an empty database, and the next opening with `make` completes it.
        Raises: KeyMissing: the home was sealed under another master key; StorageFailed; HomeTooNew.
        """
        self._path = path
        self._find = find
        self._lock = RLock()
        self._take(master)
        self._connection = _open(path, make=make)
        try:
            self._prepare(master, make=make)
        except BaseException:
            self._connection.close()
            raise

    # --- keys ----------------------------------------------------------------------------------------------------
    def create(self, count: int = 1, *, blobs: Iterable[str] = ()) -> list[KeyId]:
        """See `KeyRing.create`. One commit; a crash before it leaves none, one after it what `unconfirmed` lists."""
        born = (time.time_ns() // 1_000_000).to_bytes(6, "big")
        keys = sorted(born + secrets.token_bytes(10) for _ in range(count))
        with self._transaction() as connection:
            rows = [(key, wrap(self._wrapping_key, data_key_aad(key), secrets.token_bytes(32))) for key in keys]
            connection.executemany("INSERT INTO data_key VALUES (?, ?)", rows)
            connection.executemany("INSERT INTO key_in_the_making VALUES (?)", ((key,) for key in keys))
            connection.executemany("INSERT OR IGNORE INTO blob_in_the_making VALUES (?)", ((name,) for name in blobs))
        return keys

    def confirm(self, keys: Iterable[KeyId] = (), *, blobs: Iterable[str] = ()) -> None:
        """See `KeyRing.confirm`. Not synced: a power cut may bring the notes back, and a sweep finds what rows name."""
        with self._lock:
            self._connection.execute("PRAGMA synchronous=NORMAL")
            try:
                with self._transaction() as connection:
                    connection.executemany("DELETE FROM key_in_the_making WHERE id = ?", ((key,) for key in keys))
                    connection.executemany("DELETE FROM blob_in_the_making WHERE name = ?", ((name,) for name in blobs))
            finally:
                self._connection.execute("PRAGMA synchronous=FULL")

    def unconfirmed(self) -> tuple[list[KeyId], list[str]]:
        """See `KeyRing.unconfirmed`."""
        keys = self._rows("SELECT id FROM key_in_the_making ORDER BY id")
        blobs = self._rows("SELECT name FROM blob_in_the_making ORDER BY name")
        return [key for (key,) in keys], [name for (name,) in blobs]

    def seal(self, key: KeyId, aad: str, plaintext: bytes) -> bytes:
        """See `KeyRing.seal`."""
        return seal(self._data_key(key), aad, plaintext)

    def seal_many(self, items: Sequence[tuple[KeyId, str, bytes]]) -> list[bytes]:
        """See `KeyRing.seal_many`. Holds the data keys of one chunk at a time."""
        sealed: list[bytes] = []
        for start in range(0, len(items), CHUNK):
            chunk = items[start : start + CHUNK]
            keys = self._data_keys({key for key, _, _ in chunk})
            for key, aad, plaintext in chunk:
                if key not in keys:
                    raise _destroyed(key)
                sealed.append(seal(keys[key], aad, plaintext))
        return sealed

    def open(self, key: KeyId, aad: str, sealed: bytes) -> bytes:
        """See `KeyRing.open`."""
        return unseal(self._data_key(key), aad, sealed)

    def open_many(self, items: Sequence[tuple[KeyId, str, bytes]]) -> list[bytes | None]:
        """See `KeyRing.open_many`. Holds the data keys of one chunk at a time."""
        opened: list[bytes | None] = []
        for start in range(0, len(items), CHUNK):
            chunk = items[start : start + CHUNK]
            keys = self._data_keys({key for key, _, _ in chunk})
            opened += (
                unseal(data_key, aad, sealed) if (data_key := keys.get(key)) is not None else None
                for key, aad, sealed in chunk
            )
        return opened

    def destroy(self, keys: Iterable[KeyId]) -> RemovalResult:
        """See `KeyRing.destroy`. Safe to repeat; empties the log even where every key is destroyed already.

        Crash order: the rows are deleted in one commit, from which on no process opens what they sealed; then the
        write-ahead log is emptied. A crash in between leaves wrapped keys in the log until the next `destroy`, `tidy`
        or last close.
        """
        gone = [(key,) for key in keys]
        with self._transaction() as connection:
            connection.executemany("DELETE FROM data_key WHERE id = ?", gone)
            connection.executemany("DELETE FROM key_in_the_making WHERE id = ?", gone)
        return self.tidy()

    def tidy(self) -> RemovalResult:
        """What earlier destructions left in the write-ahead log is gone too, or still pending."""
        with self._told(), self._lock:
            self._connection.execute(f"PRAGMA busy_timeout={CHECKPOINT_TIMEOUT_MS}")
            try:
                busy, _, _ = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                self._connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        if busy:
            log.info("a reader holds the log of keys.db: destroyed keys leave it later")
            return RemovalResult(physically=False, pending=(PENDING,))
        self._sync_log()
        return RemovalResult(physically=True)

    def ids(self) -> Iterator[KeyId]:
        """See `KeyRing.ids`. Ascending, each page of them a read of its own; keys made meanwhile may be missing."""
        last = b""
        while page := self._rows("SELECT id FROM data_key WHERE id > ? ORDER BY id LIMIT ?", (last, CHUNK)):
            yield from (key for (key,) in page)
            last = page[-1][0]

    # --- secrets -------------------------------------------------------------------------------------------------
    def secret(self, name: str) -> bytes:
        """The home's 32 secret bytes of that name, made when first asked for; the same for every process."""
        aad = secret_aad(name)
        query = "SELECT wrapped FROM secret WHERE name = ?"
        found = self._rows(query, (name,))
        if not found:
            with self._transaction() as connection:  # whoever commits first has made it
                made = wrap(self._secrets_key, aad, secrets.token_bytes(32))
                connection.execute("INSERT INTO secret VALUES (?, ?) ON CONFLICT (name) DO NOTHING", (name, made))
            found = self._rows(query, (name,))
        try:
            return unwrap(self._secrets_key, aad, found[0][0])
        except SealBroken:
            if not self._followed():
                raise
            return self.secret(name)

    # --- the master key ------------------------------------------------------------------------------------------
    @property
    def master_id(self) -> str:
        """The id of the master key that wraps the keys now."""
        return str(self._rows("SELECT key_id FROM master")[0][0])

    def rewrap(self, new: MasterKey) -> None:
        """Every key and secret is wrapped by `new`, and by nothing else that is left in this database.

        One transaction: a crash leaves all under the old master key or all under the new. `new` must be durable in
        the key file, or beside it where `find` looks, before. Writers wait meanwhile: 5 to 9 s for a million keys.
        """
        to_keys, to_secrets = AESGCM(new.derive("wrap data keys")), AESGCM(new.derive("wrap secrets"))
        with self._transaction() as connection:  # which has just taken the master key that is in force
            from_keys, from_secrets = self._wrapping_key, self._secrets_key

            def key_anew(key: KeyId, wrapped: bytes) -> bytes:
                return wrap(to_keys, data_key_aad(key), unwrap(from_keys, data_key_aad(key), wrapped))

            def secret_anew(name: str, wrapped: bytes) -> bytes:
                aad = secret_aad(name)
                return wrap(to_secrets, aad, unwrap(from_secrets, aad, wrapped))

            connection.create_function("key_anew", 2, key_anew)
            connection.create_function("secret_anew", 2, secret_anew)
            connection.execute("UPDATE data_key SET wrapped = key_anew(id, wrapped)")
            connection.execute("UPDATE secret SET wrapped = secret_anew(name, wrapped)")
            connection.execute("UPDATE master SET key_id = ?", (new.key_id,))
        self._take(new)
        self.tidy()

    def _take(self, master: MasterKey) -> None:
        with self._lock:
            self._master_id = master.key_id
            self._wrapping_key = AESGCM(master.derive("wrap data keys"))
            self._secrets_key = AESGCM(master.derive("wrap secrets"))

    def _followed(self) -> bool:
        """Whether another master key wraps the keys by now, and is taken. Raises: KeyMissing: nobody holds it."""
        with self._lock:
            now = self.master_id
            if now == self._master_id:
                return False
            found = self._find(now)
            if found is None:
                raise KeyMissing(
                    f"this home is encrypted under the master key {now}, but the key file holds {self._master_id}",
                    Remedy.RESTORE_KEY_FILE,
                )
            self._take(found)
            log.info("another process changed the master key: %s wraps the keys now", now)
            return True

    def close(self) -> None:
        """The database is closed; with the last process's close SQLite removes the write-ahead log."""
        with self._lock:
            self._connection.close()

    # --- inside --------------------------------------------------------------------------------------------------
    def _data_key(self, key: KeyId) -> AESGCM:
        found = self._rows("SELECT wrapped FROM data_key WHERE id = ?", (key,))
        if not found:
            raise _destroyed(key)
        try:
            return AESGCM(unwrap(self._wrapping_key, data_key_aad(key), found[0][0]))
        except SealBroken:
            if not self._followed():
                raise
            return self._data_key(key)

    def _data_keys(self, keys: set[KeyId]) -> dict[KeyId, AESGCM]:
        places = ",".join(itertools.repeat("?", len(keys)))
        rows = self._rows(f"SELECT id, wrapped FROM data_key WHERE id IN ({places})", tuple(keys))  # noqa: S608  only ?
        try:
            return {key: AESGCM(unwrap(self._wrapping_key, data_key_aad(key), wrapped)) for key, wrapped in rows}
        except SealBroken:
            if not self._followed():
                raise
            return self._data_keys(keys)

    def _rows(self, query: str, values: Sequence[object] = ()) -> list[Any]:
        with self._told(), self._lock:
            return self._connection.execute(query, values).fetchall()

    def _prepare(self, master: MasterKey, *, make: bool) -> None:
        with self._told():
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "temp_store=MEMORY"):
                self._connection.execute(f"PRAGMA {pragma}").fetchall()
            [(version,)] = self._rows("PRAGMA user_version")
        if version > SCHEMA_VERSION:
            raise HomeTooNew(
                f"keys.db has version {version}; this version of Countenance knows up to {SCHEMA_VERSION}",
                Remedy.UPGRADE,
            )
        if version == 0 and not make:
            raise StorageFailed("keys.db holds no keys at all", Remedy.RESTORE_FROM_BACKUP, partly=False)
        if version < SCHEMA_VERSION:
            with self._transaction() as connection:
                for statement in _SCHEMA:
                    connection.execute(statement)
                connection.execute(
                    "INSERT INTO master SELECT ? WHERE NOT EXISTS (SELECT 1 FROM master)", (master.key_id,)
                )
                connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        self._followed()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Holds the write lock; committed and durable at the end, or nothing happened."""
        with self._told(), self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                if self._connection.execute("PRAGMA user_version").fetchone()[0]:
                    self._followed()  # nothing is wrapped under a master key that another process has put away
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise StorageFailed(f"{self._path.name} could not be used: {error}", remedy_of_storage(error)) from error
        except sqlite3.DatabaseError as error:
            raise StorageFailed(f"{self._path.name} is damaged: {error}", Remedy.RESTORE_FROM_BACKUP) from error

    def _sync_log(self) -> None:
        """SQLite does not sync the emptied log's new length; without it a power cut could bring the old one back."""
        try:
            descriptor = os.open(f"{self._path}-wal", os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _destroyed(key: KeyId) -> KeyDestroyed:
    return KeyDestroyed(f"the key {key.hex()} was destroyed, and its data is erased for good, in backups too")


def _open(path: Path, *, make: bool) -> sqlite3.Connection:
    """A connection to a file that only its owner may read. SQLite gives its log the same mode."""
    try:
        if make:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        return sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, check_same_thread=False,
            timeout=BUSY_TIMEOUT_MS / 1000,
        )  # fmt: skip
    except (OSError, sqlite3.OperationalError) as error:
        raise StorageFailed(
            f"{path.name} could not be opened: {getattr(error, 'strerror', None) or error}",
            remedy_of_storage(error) if path.exists() else Remedy.RESTORE_FROM_BACKUP,
            partly=False,
        ) from error
