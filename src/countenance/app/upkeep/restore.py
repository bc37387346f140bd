"""`countenance restore`: a home from a backup, in which nothing that was erased, opted out or stopped since comes back.

A backup is older than what was acknowledged after it. The audit log knows all of that, so a restore asks for the log:
it is taken in place of the one in the backup, of which it must be the continuation, and every erasure, opt-out, order
and withdrawal in it is done again before the restored home has its name (pipeline/upkeep/redo.py).
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from countenance.app import manifest as manifests
from countenance.app.opening import KEYS, LOG, RECORDS
from countenance.app.paths import path_of
from countenance.app.settings import Settings
from countenance.app.upkeep.archive import database_copy, unpack
from countenance.app.wiring import Parts
from countenance.auditlog.checkpoint import Signer, open_checkpoint
from countenance.auditlog.log import SqliteLog
from countenance.auditlog.verify import verify_log
from countenance.durable import sync_folder
from countenance.errors import BackupBroken, KeyMissing, LogBroken, NotFound, StorageFailed, WrongUse
from countenance.keys import master as masters
from countenance.keys.master import MasterKey
from countenance.keys.ring import SqliteKeyRing
from countenance.keys.sealed_file import MAGIC, SealedReader
from countenance.pipeline.garbage_collect import collect_garbage
from countenance.pipeline.upkeep.redo import RedoReport, redo_acts
from countenance.remedies import Remedy

_NEEDED: Final = (RECORDS, KEYS, LOG, manifests.FILE)


@dataclass(frozen=True, slots=True)
class RestoredHome:
    """A home that came from a backup."""

    home: Path
    backup: str  # its uid
    made_at: str
    replayed: RedoReport
    suspended: tuple[str, ...]  # sources that stand still until somebody resumes each: no later log was at hand
    log_entry: str

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return {
            "home": str(self.home),
            "backup": self.backup,
            "made_at": self.made_at,
            "replayed": self.replayed.as_dict(),
            "suspended": list(self.suspended),
            "log_entry": self.log_entry,
        }


def restore(
    file: str | os.PathLike[str],
    where: str | os.PathLike[str] | None,
    *,
    log: str | os.PathLike[str] | None = None,
    without_log: bool = False,
    verifying: bool = False,
) -> RestoredHome:
    """The home of the backup `file` stands at `where`, a folder that is not there or empty; None: where `open` looks.

    Order: everything is unpacked and done again in `.NAME.restoring` beside it, synced, and then renamed. A crash
    leaves that folder, which the next restore to the same place throws away, and never half a home.
    Args: log: the newest log there is: a home's folder, its log.db, or a backup of it; without_log: nobody has it any
    more, so every source is suspended until somebody decides on each; verifying: the backup's own log will do.
    Raises: WrongUse: the place is taken, or neither log nor `without_log`; BackupBroken; LogBroken: that log is not
    the continuation of the backup's; KeyMissing, NotFound, StorageFailed.
    """
    path, place = path_of(file).absolute(), Settings.read(None if where is None else path_of(where)).home
    if (log is None) is not without_log and not verifying:
        raise WrongUse(
            "only the log says what was erased, opted out or ordered after the backup was made, so restoring needs it; "
            "or you say that it is lost",
            Remedy.ADD_ONE_OF,
            values=("log", "without_log"),
        )
    if os.path.lexists(place) and (not place.is_dir() or any(place.iterdir())):
        raise WrongUse("the folder exists already", Remedy.USE_EMPTY_FOLDER, path=place)
    work = place.with_name(f".{place.name}.restoring")
    try:
        shutil.rmtree(work, ignore_errors=True)  # of a restore that was cut short
        work.mkdir(mode=0o700, parents=True)
        header, master = _unpacked(path, work)
        found = _checked(work, header)
        if log is not None:
            _take_log(work, path_of(log).absolute(), header, master)
        restored = _again(work, found, header, place, log_known=verifying or log is not None)
        os.sync()
        work.rename(place)
        sync_folder(place.parent)
    except OSError as error:
        raise StorageFailed(
            f"the home can't be made here: {error.strerror}", Remedy.USE_WRITABLE_FOLDER, path=place, partly=False
        ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return restored


def _again(
    work: Path, found: manifests.HomeManifest, header: Mapping[str, Any], place: Path, *, log_known: bool
) -> RestoredHome:
    """What the log says was done since is done again."""
    parts = Parts(work, found)
    try:
        suspended: list[str] = []
        if not log_known:
            for source in parts.stores.records.sources.all():
                if source.grant.withdrawn_at is None:
                    record = {"source": source.uid, "grant": source.grant_uid}
                    parts.stores.log.append("source.suspended", record)
                    parts.stores.records.sources.set_grant_state(source, suspended_at=parts.stores.clock())
                    suspended.append(source.name)
        done = redo_acts(parts.stores, parts.engine().eraser, header["log_entries"])
        collect_garbage(parts.stores, whole=True)  # keys of the index that was left out, and what was in the making
        entry = parts.stores.log.append(
            "home.restored", {"backup": header["backup"], "replayed": done.as_dict(), "log_known": log_known}
        )
    finally:
        parts.close()
    return RestoredHome(place, header["backup"], header["made_at"], done, tuple(suspended), entry.id)


def _unpacked(path: Path, into: Path) -> tuple[Mapping[str, Any], MasterKey]:
    """(header, master key) of a backup whose files are in `into`."""
    masters_found: list[MasterKey] = []

    def key_for(header: Mapping[str, Any]) -> bytes:
        try:
            home, key_id, uid = str(header["home"]), str(header["master_key"]), str(header["backup"])
        except KeyError as error:
            raise BackupBroken("the first lines of the backup are damaged", Remedy.USE_ANOTHER_COPY) from error
        keyfile = masters.keyfile_path(home)
        found = masters.find(home, keyfile, key_id)
        if found is None:
            raise KeyMissing(
                f"the backup of {header.get('made_at')} needs the master key {key_id}, which the key file "
                "does not hold; a new master key opens no older backup",
                Remedy.RESTORE_KEY_FILE,
                path=keyfile,
            )
        masters_found.append(found)
        return found.derive(f"backup {uid}")

    try:
        with path.open("rb") as file:
            reader = SealedReader(file, key_for)
            unpack(reader, into)
    except FileNotFoundError as error:
        raise NotFound("the backup does not exist", Remedy.USE_EXISTING_FILE, path=path) from error
    return reader.header, masters_found[0]


def _checked(work: Path, header: Mapping[str, Any]) -> manifests.HomeManifest:
    """The home's manifest. Raises: BackupBroken: files are missing, it is another home's, or of the log alone."""
    if header["log_alone"]:
        raise BackupBroken("this is a backup of the log alone: give it as the log, with a backup of the home")
    if missing := [name for name in _NEEDED if not (work / name).is_file()]:
        raise BackupBroken(f"the backup lacks {', '.join(missing)}", Remedy.USE_ANOTHER_COPY)
    found = manifests.read(work)
    if found is None or found.id != header["home"]:
        raise BackupBroken("the backup holds another home than it says", Remedy.USE_ANOTHER_COPY)
    return found


def _take_log(work: Path, log: Path, header: Mapping[str, Any], master: MasterKey) -> None:
    """The later log stands in place of the backup's. Raises: LogBroken, NotFound, StorageFailed."""
    ring = SqliteKeyRing(work / KEYS, master, make=False)
    try:
        signer = Signer(f"countenance/home/{master.home_id}", ring.secret("log signing key"))
    finally:
        ring.close()
    own = SqliteLog(work / LOG, signer, make=False)
    try:
        known_end = open_checkpoint(own.checkpoint(), signer.origin, signer.public_key)
    finally:
        own.close()
    with unpacked_log(log, work / "later") as later:
        verify_log(later, signer.origin, signer.public_key, kept=[known_end])
        known = SqliteLog(later, signer, make=False)
        try:
            made = (e.record["backup"] for e in known.entries(header["log_entries"]) if e.kind == "backup.made")
            if header["backup"] not in made:
                raise LogBroken(f"{log.name} ends before the backup was made", Remedy.GIVE_NEWEST_LOG)
        finally:
            known.close()
        for name in (LOG, f"{LOG}-wal", f"{LOG}-shm"):
            (work / name).unlink(missing_ok=True)
        later.rename(work / LOG)


@contextmanager
def unpacked_log(log: Path, folder: Path) -> Iterator[Path]:
    """A log.db of our own in `folder`, which goes: of a home's folder, a log.db, or a backup. Raises: NotFound."""
    folder.mkdir(mode=0o700)
    try:
        source = log / LOG if log.is_dir() else log
        if not source.is_file():
            raise NotFound(
                "the log does not exist: name the folder of a home, its log.db, or a backup of the log",
                Remedy.USE_EXISTING_FILE,
                path=log,
            )
        with source.open("rb") as file:
            sealed = file.read(len(MAGIC)) == MAGIC
        if sealed:
            _unpacked(source, folder)
        else:
            _copy_log(source, folder / LOG)
        yield folder / LOG
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copy_log(source: Path, to: Path) -> None:
    """With what is still in its write-ahead log. On a disk that can't be written nobody else writes to it either."""
    if os.access(source.parent, os.W_OK):
        with database_copy(source, to.parent) as copy, to.open("wb") as file:
            shutil.copyfileobj(copy, file)
        return
    shutil.copyfile(source, to)
    wal = source.with_name(f"{source.name}-wal")
    if wal.is_file():
        shutil.copyfile(wal, to.with_name(f"{to.name}-wal"))
    with closing(sqlite3.connect(to)) as copy:
        copy.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
