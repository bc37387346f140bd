"""The backups that a service makes, in the one folder that whoever started it named: never a path from a request.

A backup's name is made here, of the time and of chance, so that nothing is overwritten and the names sort by age.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from countenance.app.redact import without_paths
from countenance.app.settings import backups_folder
from countenance.app.upkeep.backup import back_up
from countenance.errors import BackupBroken, CountenanceError, StorageFailed, WrongUse
from countenance.keys.sealed_file import read_header

if TYPE_CHECKING:
    from countenance.app.home import Home

SUFFIX: Final = ".backup"
_TOLD: Final = ("backup", "made_at", "log_alone", "log_entries", "master_key")  # of a backup's header


def folder(home: Home) -> Path:
    """Where they go. Raises WrongUse: none was named, it is not there, or it lies in the home."""
    found = backups_folder()
    if found is None:
        raise WrongUse(
            "this service was given no folder for backups",
            "start it with COUNTENANCE_BACKUPS=DIR, a folder on another disk; or `countenance backup FILE` there",
        )
    if not found.is_dir():
        raise WrongUse("the folder for backups is not there", "make or mount what COUNTENANCE_BACKUPS names")
    if found == home.path or home.path in found.parents:
        raise WrongUse(
            "the folder for backups is inside the home: one loss would destroy both",
            "name another in COUNTENANCE_BACKUPS",
        )
    return found


def make(
    home: Home, *, verify: bool = False, log_alone: bool = False, progress: Callable[[int], None] | None = None
) -> dict[str, Any]:
    """A backup is in the folder; as `listed` has it, with its SHA-256, whether it was verified, and its log entry.

    Raises: as `folder` and `back_up` do, without where anything lies.
    """
    into = folder(home)
    now = home.parts.stores.clock()
    what = "log" if log_alone else "home"
    name = f"countenance-{now:%Y%m%dT%H%M%SZ}-{what}-{secrets.token_hex(3)}{SUFFIX}"
    try:
        made = back_up(home, into / name, verify=verify, log_alone=log_alone, progress=progress).as_dict()
    except CountenanceError as error:
        error.message, error.worded = without_paths(home, error.message), without_paths(home, error.worded)
        raise
    return {"name": name, **{what: made[what] for what in made if what != "file"}}


def listed(home: Home) -> list[dict[str, Any]]:
    """Backups of this home in the folder, the oldest first, by what their first lines say: not opened, not checked.

    Raises: WrongUse, as `folder`; StorageFailed.
    """
    try:
        found = sorted(path for path in folder(home).iterdir() if path.suffix == SUFFIX and path.is_file())
        return [told for path in found if (told := _told(home, path)) is not None]
    except OSError as error:
        raise StorageFailed(f"the folder for backups can't be read: {error.strerror}", "may this user?") from error


def _told(home: Home, path: Path) -> dict[str, Any] | None:
    try:
        with path.open("rb") as file:
            header, _ = read_header(file)
    except (BackupBroken, FileNotFoundError):  # somebody else's file, or gone since
        return None
    if header.get("home") != home.id or not header.keys() >= set(_TOLD):
        return None
    return {"name": path.name, "bytes": path.stat().st_size, **{what: header[what] for what in _TOLD}}
