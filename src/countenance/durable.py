"""Writing small files so that a crash or a power cut leaves the old one or the new one, whole.

At the bottom of the house, beside `errors`: every room that keeps a file of its own needs it.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """The names in the folder are on the disk. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_durably(path: Path, data: bytes) -> None:
    """The file holds `data`, and did hold what was there before until it does. Raises OSError: it is as it was.

    A crash leaves at worst a file `.NAME.<random>.new` beside it, which nothing reads.
    """
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    try:
        with new.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
