"""`countenance backup`: a home in one sealed file, made while it is in use."""

from __future__ import annotations

import io
import os
import secrets
import shutil
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from countenance import __version__
from countenance.app.paths import path_of
from countenance.app.upkeep.archive import pack
from countenance.durable import sync_folder
from countenance.errors import BackupBroken, HomeBusy, StorageFailed, WrongUse
from countenance.keys import master as masters
from countenance.keys.sealed_file import SealedWriter

if TYPE_CHECKING:
    from countenance.app.home import Home
    from countenance.keys.master import MasterKey


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


def back_up(
    home: Home, file: str | os.PathLike[str], *, verify: bool = False, log_alone: bool = False,
    progress: Callable[[int], None] | None = None,
) -> BackupReport:  # fmt: skip
    """The home (or its log alone) is in `file`, sealed under its master key, which is not in it.

    Order: everything is written and synced under another name; the log says so; then it gets its name. A crash leaves
    a file `.NAME.….partial`, and at worst a log entry for a backup that never got its name.
    Args: verify: it is restored to a folder beside it, looked over, and that folder removed; progress: is told the
    bytes that are written so far, and ends it by raising.
    Raises: WrongUse: the name is taken, or lies in the home; StorageFailed, HomeBusy, KeyMissing, LogUnwritable;
    BackupBroken: it did not pass `verify`, and is removed.
    """
    path = path_of(file).absolute()
    if os.path.lexists(path):
        raise WrongUse(f"{path} is there already, and a backup overwrites nothing", "choose another name")
    if home.path in path.parents:
        raise WrongUse(f"{path} is inside the home: one loss would destroy both", "name a file on another disk")
    if not path.parent.is_dir():
        raise WrongUse(f"there is no folder {path.parent}", "make it, or name another")
    parts = home.parts
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        uid, began, master, sha256 = _write(home, partial, progress, log_alone=log_alone)
        if verify:
            _verify(partial, path, log_alone=log_alone)
        size = partial.stat().st_size
        entry = parts.stores.log.append("backup.made", {"backup": uid, "sha256": sha256, "bytes": size})
        partial.rename(path)
        sync_folder(path.parent)
    except OSError as error:
        raise StorageFailed(f"the backup {path} can't be written: {error.strerror}", "is there room?") from error
    finally:
        partial.unlink(missing_ok=True)
    return BackupReport(path, uid, sha256, size, log_alone, began, master.key_id, verify, entry.id)


def _write(
    home: Home, partial: Path, progress: Callable[[int], None] | None, *, log_alone: bool
) -> tuple[str, int, MasterKey, str]:
    """(uid, entries of the log when it began, the master key, SHA-256) of the backup that stands in `partial`."""
    parts, uid = home.parts, str(uuid.uuid4())
    master = masters.load(home.id, parts.keyfile)
    began = len(parts.log)
    header = {
        "backup": uid,
        "home": home.id,
        "kind": str(home.kind),
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "made_by": __version__,
        "master_key": master.key_id,
        "log_entries": began,
        "log_alone": log_alone,
    }
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        into = file if progress is None else _Counted(file, progress)
        sha256 = pack(home.path, SealedWriter(into, header, master.derive(f"backup {uid}")), log_alone=log_alone)
        file.flush()
        os.fsync(file.fileno())
    if parts.keys.master_id != master.key_id:  # the keys inside may be wrapped by another than the header names
        raise HomeBusy("the master key was changed while the backup was made", "make the backup again")
    return uid, began, master, sha256


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


def _verify(partial: Path, path: Path, *, log_alone: bool) -> None:
    """Raises: BackupBroken: restored beside itself, the home has a problem."""
    from countenance.app.home import open_home
    from countenance.app.upkeep.doctor import examine
    from countenance.app.upkeep.restore import restore, unpacked_log

    beside = path.with_name(f".{path.name}.verifying")
    try:
        if log_alone:
            with unpacked_log(partial, beside):
                return
        restore(partial, beside, verifying=True)
        with open_home(beside) as home:
            problems = [f"{f.what}: {f.said}" for f in examine(home) if f.state == "problem" and f.what != "duties"]
        if problems:
            raise BackupBroken("the backup does not restore whole: " + "; ".join(problems), "run `countenance doctor`")
    finally:
        with suppress(FileNotFoundError):
            shutil.rmtree(beside)
