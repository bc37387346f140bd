"""A home's databases and files: opened, made, and looked at from outside."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from countenance.app import manifest as manifests
from countenance.app.manifest import HomeManifest
from countenance.app.settings import free_bytes
from countenance.app.shared_lock import SharedLock
from countenance.auditlog.checkpoint import Signer
from countenance.auditlog.log import SqliteLog
from countenance.blobs.files import FileBlobStore
from countenance.errors import HomeBusy, StorageFailed
from countenance.index.snapshots import Snapshots
from countenance.keys import master as masters
from countenance.keys.ring import SqliteKeyRing
from countenance.locking import held
from countenance.pipeline.stores import Stores
from countenance.policy.gate import Policy
from countenance.policy.rules import RuleFiles
from countenance.records.store import open_records
from countenance.remedies import Remedy, remedy_of_storage
from countenance.types import HomeKind

RECORDS, KEYS, LOG = "records.db", "keys.db", "log.db"
LOCK_WAIT_S = 60.0
FULL_BYTES = 2**17  # opening three databases takes their shared-memory files, 32 kB each


@dataclass(frozen=True, slots=True)
class Opened:
    """The stores of a home, and the adapters behind three of them."""

    keys: SqliteKeyRing
    log: SqliteLog
    blobs: FileBlobStore
    stores: Stores

    def close(self) -> None:
        """The databases are closed."""
        self.stores.records.close()
        self.log.close()
        self.keys.close()


def open_databases(path: Path, manifest: HomeManifest) -> Opened:
    """The stores of a home that is there. Raises: KeyMissing, StorageFailed (missing, full, read-only), HomeTooNew."""
    for name in (RECORDS, KEYS, LOG):
        if not (path / name).is_file():
            raise StorageFailed(f"{name} is missing from the home", Remedy.RESTORE_FROM_BACKUP, path=path, partly=False)
    if not os.access(path, os.W_OK):
        read_only = bool(os.statvfs(path).f_flag & os.ST_RDONLY)
        raise StorageFailed(
            "the home is on a disk that is mounted read-only" if read_only else "this user can't write to the home",
            Remedy.MAKE_WRITABLE,
            path=path,
            partly=False,
        )
    try:
        return _open(path, manifest)
    except StorageFailed as error:
        if free_bytes(path) < FULL_BYTES:  # SQLite says no more than "disk I/O error" then
            raise StorageFailed(
                "the disk that holds the home is full", Remedy.FREE_SPACE, path=path, partly=False
            ) from error
        raise


def make_home(path: Path, kind: HomeKind) -> HomeManifest:
    """A new home. Its manifest is written last: until then the folder is no home, and making it goes on where it was.

    Raises: WrongUse, StorageFailed.
    """
    manifest = manifests.draft(path, kind)
    opened = _open(path, manifest, make=True)
    try:
        if len(opened.log) == 0:
            opened.log.append("home.created", {"home": manifest.id, "kind": str(kind)})
    finally:
        opened.close()
    manifests.finish(path, manifest)
    return manifest


def check_databases(path: Path) -> dict[str, tuple[str, Remedy | None]]:
    """For each database of the home at `path` ("ok", None), or what is wrong with it and what helps. Needs no key."""
    found: dict[str, tuple[str, Remedy | None]] = {}
    for name in (RECORDS, KEYS, LOG):
        try:
            with closing(sqlite3.connect(f"{(path / name).as_uri()}?mode=ro", uri=True)) as connection:
                said = str(connection.execute("PRAGMA quick_check").fetchone()[0])
            found[name] = said, None if said == "ok" else Remedy.RESTORE_FROM_BACKUP
        except sqlite3.DatabaseError as error:
            remedy = remedy_of_storage(error)
            if free_bytes(path) < FULL_BYTES:  # SQLite says no more than "disk I/O error" then
                found[name] = "the disk is full", Remedy.FREE_SPACE
            else:
                found[name] = str(error), Remedy.RESTORE_FROM_BACKUP if remedy is Remedy.RUN_DOCTOR else remedy
    return found


def _open(path: Path, manifest: HomeManifest, *, make: bool = False) -> Opened:
    """Raises: KeyMissing, StorageFailed, HomeTooNew."""
    keyfile = masters.keyfile_path(manifest.id)
    master = masters.create(manifest.id, keyfile) if make else masters.load(manifest.id, keyfile)
    keys = SqliteKeyRing(path / KEYS, master, make=make, find=lambda key_id: masters.find(manifest.id, keyfile, key_id))
    log = SqliteLog(path / LOG, Signer(f"countenance/home/{manifest.id}", keys.secret("log signing key")), make=make)
    blobs, records = FileBlobStore(path / "blobs"), open_records(path / RECORDS, make=make)
    naming = SharedLock(path / "naming.lock", timeout_s=LOCK_WAIT_S)
    erasing = FileLock(path / "erasing.lock", timeout=LOCK_WAIT_S, mode=0o600)

    def clock() -> datetime:
        return datetime.now(UTC)

    stores = Stores(
        kind=manifest.kind,
        records=records,
        keys=keys,
        blobs=blobs,
        log=log,
        segments=Snapshots(path / "index", keys),
        policy=Policy(RuleFiles(path / "rules"), log, records.policy.facts, records.sources.policy_version, clock),
        signer=log.signer,
        pseudonym_key=keys.secret("log pseudonyms"),
        clock=clock,
        naming_keys=naming.shared,
        nothing_unnamed=naming.alone,
        erasing=lambda: _held(erasing),
    )
    return Opened(keys, log, blobs, stores)


@contextmanager
def _held(lock: FileLock) -> Iterator[None]:
    try:
        with held(lock, "erasure"):
            yield
    except Timeout as error:
        raise HomeBusy("another process is doing the same work in this home", Remedy.TRY_AGAIN_LATER) from error
