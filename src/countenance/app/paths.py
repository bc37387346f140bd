"""Paths that somebody names."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from countenance.errors import CountenanceError, NotFound, StorageFailed, WrongUse
from countenance.remedies import Remedy


def path_of(path: str | os.PathLike[str]) -> Path:
    """The path that somebody names, with `~` as their folder. Raises: WrongUse: empty, a NUL in it, or no such user."""
    if not os.fspath(path):
        raise WrongUse("a path can't be empty")
    try:
        found = Path(path).expanduser()
    except RuntimeError as error:
        raise WrongUse(
            "the path begins with the home folder of a user who does not exist: write the path in full", path=path
        ) from error
    if "\0" in str(found):
        raise WrongUse("a path can't contain a NUL")
    return found


def require_file(path: Path) -> None:
    """It is a file, so that it ends, as a pipe or a device may not. Raises NotFound."""
    if not path.is_file():
        raise NotFound("the file is not there, or is not a file", Remedy.USE_EXISTING_FILE, path=path)


def read_file(path: Path, most: int) -> bytes:
    """A file of at most so many bytes. Raises: NotFound: it can't be read; WrongUse: it is larger."""
    try:
        require_file(path)
        if path.stat().st_size > most:
            size = f"{most // 2**20} MB"
            raise WrongUse("the file is too large", Remedy.USE_SMALLER_FILE, values=(size,), path=path)
        return path.read_bytes()
    except OSError as error:
        raise NotFound(f"the file can't be read: {error.strerror}", Remedy.USE_EXISTING_FILE, path=path) from error


@contextmanager
def new_file(path: Path) -> Iterator[IO[str]]:
    """A text file that was not there before. Raises: WrongUse: it was; StorageFailed."""
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            yield file
    except FileExistsError as error:
        raise WrongUse("the file exists already", Remedy.USE_NEW_FILE, path=path) from error
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        remedy = Remedy.FREE_SPACE if full else Remedy.USE_WRITABLE_FOLDER
        raise StorageFailed(f"the file can't be written: {error.strerror}", remedy, path=path) from error


@contextmanager
def about_file(path: Path) -> Iterator[None]:
    """What is wrong with the content of a file is told with the file's name; `-` is standard input and has none."""
    try:
        yield
    except CountenanceError as error:
        if str(path) != "-":
            error.path = error.path or str(path)
        raise
