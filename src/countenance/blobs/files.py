"""Sealed bytes, a file each. What is here opens only with a data key that lies elsewhere.

<root>/3f/<name>        3f: the CRC-32 of the name modulo 256, so that no folder holds more than its share
<root>/new/<name>.0123abcd          half written; nobody reads it
<root>/.writers         locked shared by who writes, alone by who sweeps
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import threading
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from countenance.durable import create_file, sync_folders
from countenance.errors import NotFound, StorageFailed
from countenance.protocols import RemovalResult
from countenance.remedies import Remedy, remedy_of_storage

_NAME: Final = re.compile(r"[a-z0-9-]{1,64}")
_UNFINISHED: Final = "new"  # one folder for all, so that a sweep need not look through a million names
_FOLDERS: Final = "[0-9a-f][0-9a-f]"
ASKED_OF_FOLDERS: Final = 16  # one folder in so many, for the size of a large store
ENOUGH_ASKED: Final = 4_096


class FileBlobStore:
    """`protocols.BlobStore` in a folder. Safe for several threads and processes."""

    def __init__(self, root: Path) -> None:
        """Nothing is made on disk before the first blob."""
        self._root = root
        self._making = threading.Lock()

    def put_many(self, blobs: Mapping[str, bytes]) -> None:
        """See `BlobStore.put_many`.

        Crash order: each is written and synced under another name, then renamed; then every folder touched is synced
        once. A crash leaves whole blobs and files in `new`, which `remove_unfinished` removes.
        """
        places = [(_folder_of(name), name) for name in blobs]  # all names are checked before any is written
        if not places:
            return
        # Strings where there is one for each blob: a Path would cost more than what is done with it.
        root, written, new = os.fspath(self._root), dict[str, str](), list[str]()
        try:
            folders = [self._root / folder for folder in {folder for folder, _ in places}]
            self._make(folders)
            with self._writing(fcntl.LOCK_SH):
                for (parent, name), data in zip(places, blobs.values(), strict=True):
                    unfinished = f"{root}/{_UNFINISHED}/{name}.{secrets.token_hex(4)}"
                    written[f"{root}/{parent}/{name}"] = unfinished
                    create_file(unfinished, data)
                for path, unfinished in written.items():  # not before all are written: one may replace another
                    if not os.path.lexists(path):
                        new.append(path)
                    os.rename(unfinished, path)  # noqa: PTH104  # strings, see above
                sync_folders({*folders, self._root})
        except OSError as error:
            for path in (*written.values(), *new):
                with contextlib.suppress(OSError):
                    os.unlink(path)  # noqa: PTH108  # strings, see above
            raise StorageFailed(
                f"a crop or document can't be written: {error.strerror}", remedy_of_storage(error)
            ) from error

    def get(self, name: str) -> bytes:
        """See `BlobStore.get`."""
        try:
            return self._path(name).read_bytes()
        except FileNotFoundError as error:
            raise NotFound(f"there is no blob {name}") from error
        except OSError as error:
            raise StorageFailed(f"blob {name} can't be read: {error.strerror}", Remedy.RUN_DOCTOR) from error

    def delete_many(self, names: Iterable[str]) -> RemovalResult:
        """See `BlobStore.delete_many`. A crash leaves some of them; do it again.

        Gone from the file system's tree, that is: freed disk blocks are nobody's to overwrite, and what lay in them
        stays sealed.
        """
        paths = [self._path(name) for name in names]
        try:
            for path in paths:
                path.unlink(missing_ok=True)
            # Of those too that were not there: a crash may have come between their removal and its sync.
            sync_folders({path.parent for path in paths if path.parent.is_dir()})
        except OSError as error:
            raise StorageFailed(
                f"a crop or document can't be deleted: {error.strerror}", remedy_of_storage(error)
            ) from error
        return RemovalResult(physically=True)

    def names(self) -> Iterator[str]:
        """See `BlobStore.names`. Holds one folder's names at a time."""
        for folder in self._root.glob(_FOLDERS):
            with os.scandir(folder) as items:
                found = [item.name for item in items if _NAME.fullmatch(item.name)]
            yield from found

    def size(self) -> tuple[int, bool]:
        """(bytes, whether they are exact). To ask a million files takes 5 s, so of many a sixteenth is asked.

        The CRC-32 spreads names evenly: with 4,096 crops asked the sum is off by a few per cent.
        """
        folders = sorted(self._root.glob(_FOLDERS))
        some = folders[::ASKED_OF_FOLDERS]
        sizes = [size for folder in some for size in _sizes(folder)]
        if len(sizes) >= ENOUGH_ASKED:
            return sum(sizes) * len(folders) // len(some), False
        rest = (size for folder in folders if folder not in some for size in _sizes(folder))
        return sum(sizes) + sum(rest), True

    def remove_unfinished(self) -> int:
        """What crashes left half-written is gone; how many files that was. 0 while somebody writes: try another day.

        Raises: StorageFailed.
        """
        if not self._root.is_dir():
            return 0
        try:
            with self._writing(fcntl.LOCK_EX | fcntl.LOCK_NB):
                left = list(self._root.glob(f"{_UNFINISHED}/*"))
                for path in left:
                    path.unlink(missing_ok=True)
                sync_folders({path.parent for path in left})
        except BlockingIOError:
            return 0
        except OSError as error:
            raise StorageFailed(
                f"half-written files can't be removed: {error.strerror}", remedy_of_storage(error)
            ) from error
        return len(left)

    def _path(self, name: str) -> Path:
        return self._root / _folder_of(name) / name

    def _make(self, folders: Iterable[Path]) -> None:
        """The folders are there, and made once, whichever thread comes first. None is ever removed."""
        with self._making:
            if not self._root.is_dir():
                self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
                sync_folders({self._root.parent})
            (self._root / ".writers").touch(mode=0o600)
            for folder in (self._root / _UNFINISHED, *folders):
                folder.mkdir(mode=0o700, exist_ok=True)

    @contextlib.contextmanager
    def _writing(self, lock: int) -> Iterator[None]:
        """Holds the lock, which the kernel drops if we die. Raises BlockingIOError: LOCK_NB, and it is taken."""
        descriptor = os.open(self._root / ".writers", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, lock)
            yield
        finally:
            os.close(descriptor)


def _folder_of(name: str) -> str:
    """Raises ValueError: that is no name of a blob."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a blob: 1 to 64 of a-z, 0-9 and -")
    return f"{zlib.crc32(name.encode()) % 256:02x}"


def _sizes(folder: Path) -> Iterator[int]:
    """Bytes of each file; of one that another process removes meanwhile, none."""
    with os.scandir(folder) as items:
        for item in items:
            with contextlib.suppress(FileNotFoundError):
                yield item.stat(follow_symlinks=False).st_size
