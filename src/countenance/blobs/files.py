"""Sealed bytes, a file each. What is here opens only with a data key that lies elsewhere."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from countenance.errors import NotFound, StorageFailed
from countenance.protocols import Gone

_NAME: Final = re.compile(r"[a-z0-9-]{1,64}")
_UNFINISHED: Final = ".new"


class FileBlobStore:
    """`protocols.BlobStore` in a folder: `<root>/<2 hex of its crc>/<name>`. Safe for several processes."""

    def __init__(self, root: Path) -> None:
        """Nothing is made on disk before the first blob."""
        self._root = root

    def put_many(self, blobs: Mapping[str, bytes]) -> None:
        """See `BlobStore.put_many`.

        Crash order: each is written and synced under another name, then renamed; then their folders are synced. A crash
        leaves whole blobs and files that end in `.new`, which `sweep` removes.
        """
        done: list[Path] = []
        try:
            for name, data in blobs.items():
                path = self._path(name)
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                unfinished = path.with_name(f"{name}.{secrets.token_hex(4)}{_UNFINISHED}")
                done.append(unfinished)
                _write_durably(unfinished, data)
                unfinished.rename(path)
                done[-1] = path
            self._sync({path.parent for path in done})
        except OSError as error:
            for path in done:
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
            raise StorageFailed(f"a crop or document can't be written: {error.strerror}", _way_out(error)) from error

    def get(self, name: str) -> bytes:
        """See `BlobStore.get`."""
        try:
            return self._path(name).read_bytes()
        except FileNotFoundError as error:
            raise NotFound(f"there is no blob {name}") from error
        except OSError as error:
            raise StorageFailed(f"blob {name} can't be read: {error.strerror}", "run `countenance doctor`") from error

    def delete_many(self, names: Iterable[str]) -> Gone:
        """See `BlobStore.delete_many`. A crash leaves some of them; do it again."""
        folders = set()
        try:
            for name in names:
                path = self._path(name)
                with contextlib.suppress(FileNotFoundError):
                    path.unlink()
                    folders.add(path.parent)
            self._sync(folders)
        except OSError as error:
            raise StorageFailed(f"a crop or document can't be deleted: {error.strerror}", _way_out(error)) from error
        return Gone(physically=True)

    def names(self) -> Iterator[str]:
        """See `BlobStore.names`."""
        for folder in sorted(self._root.glob("[0-9a-f][0-9a-f]")):
            for item in os.scandir(folder):
                if _NAME.fullmatch(item.name):
                    yield item.name

    def sweep(self) -> int:
        """What crashes left half-written is gone. Only while nobody writes."""
        left = list(self._root.glob(f"[0-9a-f][0-9a-f]/*{_UNFINISHED}"))
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a blob: 1 to 64 of a-z, 0-9 and -")
        return self._root / f"{zlib.crc32(name.encode()) % 256:02x}" / name

    def _sync(self, folders: set[Path]) -> None:
        for folder in (*folders, self._root) if folders else ():
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _write_durably(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _way_out(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return "free some space and run the same command again; nothing acknowledged is lost"
    return "the home must be on a disk that this user may write to"
