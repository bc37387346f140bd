"""What a backup holds: a home as a tar, sealed (keys/sealed_file.py). Packing it while it is in use, and unpacking it.

The order makes it consistent without stopping anybody. Records are copied before blobs, keys and log: whatever a row
names was there before it, and what is erased while we copy stands in the log that is copied last, from where a restore
does it again. The index is left out: a cache, made anew from the records. Locks and SQLite's own side files too.
"""

from __future__ import annotations

import io
import os
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from countenance.app.opening import KEYS, LOG, RECORDS
from countenance.errors import BackupBroken, StorageFailed, reason_of
from countenance.keys.sealed_file import CHUNK, SealedReader, SealedWriter
from countenance.remedies import Remedy

_LEFT_OUT: Final = frozenset({"index", RECORDS, KEYS, LOG})
_UNFINISHED: Final = "new"  # of the blob store


def pack(home: Path, into: SealedWriter, *, log_alone: bool = False) -> str:
    """The home is in the archive; the SHA-256 of the whole. A crash leaves a file that is known to be cut off."""
    with tarfile.open(mode="w|", fileobj=into, bufsize=CHUNK, format=tarfile.PAX_FORMAT) as tar:
        if not log_alone:
            _add_database(tar, home / RECORDS)
            for path in _files(home):
                _add(tar, path.relative_to(home).as_posix(), path)
            _add_database(tar, home / KEYS)
        _add_database(tar, home / LOG)
    return into.finish()


def unpack(archive: SealedReader, into: Path) -> None:
    """Every file is in the empty folder `into`, not synced yet. Raises: BackupBroken, StorageFailed."""
    try:
        with tarfile.open(mode="r|", fileobj=archive, bufsize=CHUNK) as tar:
            for member in tar:
                name = PurePosixPath(member.name)
                if not member.isreg() or name.is_absolute() or ".." in name.parts:
                    raise BackupBroken(
                        f"the backup holds {member.name!r}, which is not a file of a home", Remedy.USE_ANOTHER_COPY
                    )
                path = into / name
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                data = tar.extractfile(member)
                assert data is not None
                with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                    while part := data.read(CHUNK):
                        file.write(part)
        archive.read()  # to the end, which is authenticated too
    except tarfile.TarError as error:
        raise BackupBroken(f"the backup is damaged: {error}", Remedy.USE_ANOTHER_COPY) from error
    except OSError as error:
        raise StorageFailed(f"the backup can't be unpacked: {error.strerror}", Remedy.FREE_SPACE) from error


@contextmanager
def database_copy(path: Path, folder: Path) -> Iterator[BinaryIO]:
    """A copy of one moment of the SQLite database at `path`, in a file in `folder` without a name, gone with a crash.

    Readers see nothing of it. Its write-ahead log can't be emptied while it is read: 1 s for 800 MB.
    """
    try:
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=".copy-")
        with os.fdopen(descriptor, "rb") as file:
            with closing(sqlite3.connect(name, isolation_level=None)) as copy:
                copy.execute("PRAGMA journal_mode=OFF").fetchall()
                os.unlink(name)  # noqa: PTH108  SQLite has it open, and so have we; a crash before leaves it empty
                with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as source:
                    source.backup(copy)
            yield file
    except (sqlite3.Error, OSError) as error:
        raise StorageFailed(f"{path.name} can't be copied: {reason_of(error)}", Remedy.FREE_SPACE) from error


def _files(home: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(home):
        here = Path(folder)
        at_top = here == home
        folders[:] = sorted(name for name in folders if not (at_top and name in _LEFT_OUT) and name != _UNFINISHED)
        for name in sorted(names):
            if name.endswith((".lock", "-wal", "-shm")) or (at_top and name in _LEFT_OUT) or name.startswith("."):
                continue
            yield here / name


def _add(tar: tarfile.TarFile, name: str, path: Path) -> None:
    try:
        data = path.read_bytes()  # all are small: a crop, a document, weights that somebody brought
    except FileNotFoundError:
        return  # erased since the folder was listed; the log says so
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


def _add_database(tar: tarfile.TarFile, path: Path) -> None:
    with database_copy(path, path.parent) as copy:
        member = tarfile.TarInfo(path.name)
        member.size = os.fstat(copy.fileno()).st_size
        tar.addfile(member, copy)
