"""Backups: a home in one sealed file, made while it is in use.

Those that a service makes lie in the one folder that whoever started it named: never a path from a request. Their names
are made here, of the time and of chance, so that nothing is overwritten and the names sort by age.
"""

from __future__ import annotations

import io
import os
import secrets
import shutil
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from countenance.app.paths import path_of
from countenance.app.settings import backups_folder
from countenance.app.upkeep.archive import pack
from countenance.app.upkeep.restore import restore, unpacked_log
from countenance.app.wiring import Parts
from countenance.durable import sync_folder
from countenance.errors import BackupBroken, HomeBusy, StorageFailed, WrongUse
from countenance.keys import master as masters
from countenance.keys.sealed_file import SealedWriter, read_header
from countenance.remedies import Remedy
from countenance.version import __version__

if TYPE_CHECKING:
    from countenance.keys.master import MasterKey


SUFFIX: Final = ".backup"
_TOLD: Final = ("backup", "made_at", "log_alone", "log_entries", "master_key")  # of a backup's header


@dataclass(frozen=True, slots=True)
class BackupReport:
    """A backup that was made."""

    file: Path
    uid: str
    sha256: str
    size: int  # bytes
    log_alone: bool
    log_entries: int  # when it began: what the log says from there on, a restore does again
    master_key: str  # id of the key that opens it
    verified: bool
    log_entry: str

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return {
            "file": str(self.file),
            "backup": self.uid,
            "sha256": self.sha256,
            "bytes": self.size,
            "log_alone": self.log_alone,
            "log_entries": self.log_entries,
            "master_key": self.master_key,
            "verified": self.verified,
            "log_entry": self.log_entry,
        }


class _Counted(io.RawIOBase, BinaryIO):
    """A file that tells how much was written to it."""

    def __init__(self, file: BinaryIO, tell: Callable[[int], None]) -> None:
        self._file, self._tell, self._bytes = file, tell, 0

    def write(self, data: Any, /) -> int:
        """All of `data`, and then it is told."""
        written = self._file.write(data)
        self._bytes += written
        self._tell(self._bytes)
        return written


@dataclass(frozen=True, slots=True)
class BackupService:
    """The backups of one home."""

    parts: Parts
    problems_of: Callable[[Path], Sequence[str]]  # what a doctor finds in the home at that place

    def write(
        self, file: str | os.PathLike[str], *, verify: bool = False, log_alone: bool = False,
        progress: Callable[[int], None] | None = None,
    ) -> BackupReport:  # fmt: skip
        """The home (or its log alone) is in `file`, sealed under its master key, which is not in it.

        Order: everything is written and synced under another name; the log says so; then it gets its name. A crash
        leaves a file `.NAME.….partial`, and at worst a log entry for a backup that never got its name.
        Args: verify: it is restored to a folder beside it, looked over, and that folder removed; progress: is told the
        bytes that are written so far, and ends it by raising.
        Raises: WrongUse: the name is taken, or lies in the home; StorageFailed, HomeBusy, KeyMissing, LogUnwritable;
        BackupBroken: it did not pass `verify`, and is removed.
        """
        path = path_of(file).absolute()
        if os.path.lexists(path):
            raise WrongUse("the file exists already, and a backup overwrites nothing", Remedy.USE_NEW_FILE, path=path)
        if self.parts.path in path.parents:
            raise WrongUse(
                "the backup would be in the home: one loss would take both", Remedy.USE_OTHER_DISK, path=path
            )
        if not path.parent.is_dir():
            raise WrongUse("the folder for the backup does not exist", Remedy.USE_EXISTING_FOLDER, path=path.parent)
        partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
        try:
            uid, began, master, sha256 = self._write(partial, progress, log_alone=log_alone)
            if verify:
                self._verify(partial, path, log_alone=log_alone)
            size = partial.stat().st_size
            entry = self.parts.stores.log.append("backup.made", {"backup": uid, "sha256": sha256, "bytes": size})
            partial.rename(path)
            sync_folder(path.parent)
        except OSError as error:
            raise StorageFailed(
                f"the backup can't be written: {error.strerror}", Remedy.FREE_SPACE, path=path
            ) from error
        finally:
            partial.unlink(missing_ok=True)
        return BackupReport(path, uid, sha256, size, log_alone, began, master.key_id, verify, entry.id)

    def _write(
        self, partial: Path, progress: Callable[[int], None] | None, *, log_alone: bool
    ) -> tuple[str, int, MasterKey, str]:
        """(uid, entries of the log when it began, the master key, SHA-256) of the backup that stands in `partial`."""
        parts, uid = self.parts, str(uuid.uuid4())
        master = masters.load(parts.id, parts.keyfile)
        began = len(parts.log)
        header = {
            "backup": uid,
            "home": parts.id,
            "kind": str(parts.kind),
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "made_by": __version__,
            "master_key": master.key_id,
            "log_entries": began,
            "log_alone": log_alone,
        }
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            into = file if progress is None else _Counted(file, progress)
            sha256 = pack(
                self.parts.path, SealedWriter(into, header, master.derive(f"backup {uid}")), log_alone=log_alone
            )
            file.flush()
            os.fsync(file.fileno())
        if (
            self.parts.keys.master_id != master.key_id
        ):  # the keys inside may be wrapped by another than the header names
            raise HomeBusy("the master key was changed while the backup was made", Remedy.MAKE_BACKUP_AGAIN)
        return uid, began, master, sha256

    def _verify(self, partial: Path, path: Path, *, log_alone: bool) -> None:
        """Raises: BackupBroken: restored beside itself, the home has a problem."""
        beside = path.with_name(f".{path.name}.verifying")
        try:
            if log_alone:
                with unpacked_log(partial, beside):
                    return
            restore(partial, beside, verifying=True)
            if problems := self.problems_of(beside):
                raise BackupBroken("the backup can't be restored completely: " + "; ".join(problems), Remedy.RUN_DOCTOR)
        finally:
            with suppress(FileNotFoundError):
                shutil.rmtree(beside)

    # --- in a service's folder --------------------------------------------------------------------------------------
    def folder(self) -> Path:
        """Where they go. Raises WrongUse: none was named, it is not there, or it lies in the home."""
        found = backups_folder()
        if found is None:
            raise WrongUse(
                "this service has no folder for backups",
                Remedy.SET_VARIABLE,
                values=("COUNTENANCE_BACKUPS to a folder on another disk",),
            )
        if not found.is_dir():
            raise WrongUse("the folder for backups (COUNTENANCE_BACKUPS) does not exist", Remedy.MOUNT_DISK)
        if found == self.parts.path or self.parts.path in found.parents:
            raise WrongUse(
                "the folder for backups is in the home: one loss would take both",
                Remedy.SET_VARIABLE,
                values=("COUNTENANCE_BACKUPS to a folder on another disk",),
            )
        return found

    def make(
        self, *, verify: bool = False, log_alone: bool = False, progress: Callable[[int], None] | None = None
    ) -> dict[str, Any]:
        """A backup is in the folder; as `all` has it, with its SHA-256, whether it was verified, and its log entry.

        Raises: as `folder` and `write` do.
        """
        into = self.folder()
        now = self.parts.stores.clock()
        what = "log" if log_alone else "home"
        name = f"countenance-{now:%Y%m%dT%H%M%SZ}-{what}-{secrets.token_hex(3)}{SUFFIX}"
        made = self.write(into / name, verify=verify, log_alone=log_alone, progress=progress).as_dict()
        return {"name": name, **{what: made[what] for what in made if what != "file"}}

    def all(self) -> list[dict[str, Any]]:
        """Backups of this home in the folder, the oldest first, by what their first lines say: not opened, not checked.

        Raises: WrongUse, as `folder`; StorageFailed.
        """
        try:
            found = sorted(path for path in self.folder().iterdir() if path.suffix == SUFFIX and path.is_file())
            return [backup for path in found if (backup := self._listed(path)) is not None]
        except OSError as error:
            raise StorageFailed(
                f"the folder for backups can't be read: {error.strerror}", Remedy.CHECK_PERMISSION
            ) from error

    def _listed(self, path: Path) -> dict[str, Any] | None:
        try:
            with path.open("rb") as file:
                header, _ = read_header(file)
        except (BackupBroken, FileNotFoundError):  # somebody else's file, or gone since
            return None
        if header.get("home") != self.parts.id or not header.keys() >= set(_TOLD):
            return None
        return {"name": path.name, "bytes": path.stat().st_size, **{what: header[what] for what in _TOLD}}
