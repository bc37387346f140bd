"""Files that are there after the power failed."""

from __future__ import annotations

import os
from pathlib import Path


def write_file(path: Path, content: bytes) -> None:
    """The file holds `content`, readable by its owner alone. Its bytes are durable, its name is after `sync_folder`.

    A crash leaves nothing, a part or the whole under that name. Raises: OSError.
    """
    write_unsynced(path, content)
    sync_file(path)


def write_unsynced(path: Path, content: bytes) -> None:
    """As `write_file`, but durable only after `sync_file`.

    For many files: to write all of them and then sync each takes a quarter of the time (ext4), since the first sync
    takes the others along. Raises: OSError.
    """
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)


def sync_file(path: Path) -> None:
    """What was written to the file is durable. Raises: OSError: also where writing it failed after it was closed."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_folder(folder: Path) -> None:
    """The names in `folder` are durable. Raises: OSError."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
