"""Writing files so that a crash or a power cut leaves the old one or the new one, whole.

At the bottom of the house, beside `errors`: every room that keeps a file of its own needs it. Files are readable by
their owner alone. Crash order, everywhere: the bytes are written under a name that nobody reads, synced, given their
name, and then the folder is synced, without which a power cut may take the name back.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_MODE: Final = 0o600


def replace_file(path: Path, data: bytes) -> None:
    """Write `data` as the whole content of the file, durably; what was there before stands until then.

    A crash leaves at worst a file `.NAME.<random>.new` beside it, which nothing reads.
    Raises: OSError: the file is as it was.
    """
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    create_file(new, data)
    try:
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def create_file(path: Path | str, data: bytes) -> None:
    """Create the file with `data`. Its bytes are durable, its name is after `sync_folder`.

    A crash leaves nothing, a part or the whole under that name.
    Raises: FileExistsError: something is there, and is left alone; OSError: nothing is left.
    """
    _write(path, data, os.O_EXCL, sync=True)


def write_unsynced(path: Path, data: bytes) -> None:
    """Write the file, durable only after `sync_file`; what is there is replaced. Crash and errors as `create_file`.

    For many files: to write all of them and then sync each takes a quarter of the time (ext4), since the first sync
    takes the others along.
    """
    _write(path, data, os.O_TRUNC, sync=False)


def sync_file(path: Path) -> None:
    """Make what was written to the file durable. Raises OSError: also where writing failed after it was closed."""
    _sync(path, 0)


def sync_folder(folder: Path) -> None:
    """Make the names in the folder durable. Raises OSError."""
    _sync(folder, os.O_DIRECTORY)


def sync_folders(folders: Iterable[Path]) -> None:
    """Make the names in these folders durable. Raises OSError."""
    for folder in folders:
        sync_folder(folder)


def _write(path: Path | str, data: bytes, flag: int, *, sync: bool) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | flag, _MODE)
    try:
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            left = memoryview(data)
            while left:
                left = left[file.write(left) :]
            if sync:
                os.fsync(descriptor)
    except BaseException:
        Path(path).unlink(missing_ok=True)
        raise


def _sync(path: Path, flag: int) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | flag)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
