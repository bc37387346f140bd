"""Pictures from a local folder, and from nowhere else.

Names come from whoever filled the folder, so none of them ever becomes a path of this process: each folder is opened
below the one before it (openat), never through a link, and a file is looked at only after it is open. A folder that
turns into a link between the walk and the read is refused, not followed.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from countenance import permits
from countenance.collect.sidecar import (
    MANIFEST_NAME,
    MAX_MANIFEST_BYTES,
    MAX_SIDECAR_BYTES,
    SIDECAR_SUFFIX,
    MalformedValue,
    Own,
    PictureManifest,
    is_place,
    parse_manifest,
    parse_sidecar,
)
from countenance.errors import NotFound, StorageFailed, WrongUse
from countenance.permits import Act, Permit
from countenance.protocols import FoundFile
from countenance.remedies import Remedy
from countenance.types import Rejected, RejectReason

FOLDER_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
FILE_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC  # a FIFO would block
HOME_FILES: Final = frozenset({"home.toml", "keys.db"})  # a folder that holds both is a Countenance home
OUR_OWN_TROUBLE: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})  # says nothing about the picture
LINES_NAMED: Final = 5  # of a manifest, in one sentence

Parts: TypeAlias = tuple[str, ...]  # of a place; () is the source's root


@dataclass(frozen=True, slots=True)
class _Entry:
    """One name in a folder, as it was when the folder was listed."""

    name: str
    status: os.stat_result | None  # of the name itself, not of what it may link to; None: it could not be asked


class FolderCollector:
    """A Collector over one folder of this machine. `root` may itself be a link: its owner named it."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()

    def walk(self, permit: Permit) -> Iterator[FoundFile | tuple[str, Rejected]]:
        """Every place once: a folder's files by name, then its folders by name; (place, Rejected) for what cannot be.

        Holds one folder's names in memory, and the picture manifest if there is one. Sidecars, the manifest and
        Countenance's own homes are not pictures; a sidecar without its picture, and manifest rows that name no file,
        are reported, because somebody said something about a jurisdiction that otherwise would be lost.
        Raises: PermitRefused: no live permit to COLLECT now (the walk may outlive it); NotFound: the root is not a
        folder that is there; StorageFailed: it can't be read; WrongUse: the manifest can't be read.
        """
        permits.require(permit, Act.COLLECT)
        with self._opened(()) as root:
            manifest = _manifest_in(root)
        return self._walked(manifest)

    def read(self, found: FoundFile, permit: Permit, *, max_bytes: int) -> bytes | Rejected:
        """The bytes at that place, which did not change while they were read. Never follows a link, never blocks.

        Raises: PermitRefused: no live permit to COLLECT; ValueError: `found` is not in a source; NotFound or
        StorageFailed: the root is gone or unreadable, or this process is out of files or memory.
        """
        permits.require(permit, Act.COLLECT)
        if not is_place(found.place):
            raise ValueError(f"{found.place!r} is not in a source")
        *above, name = found.place.split("/")
        try:
            with self._opened(above) as folder:
                return _read(folder, name, max_bytes)
        except OSError as error:
            return _rejected(error)

    def uri(self, place: str) -> str:
        """The file:// address, with every byte of the name."""
        return (self._root / place).as_uri()

    # --- walking -----------------------------------------------------------------------------------------------------
    def _walked(self, manifest: PictureManifest) -> Iterator[FoundFile | tuple[str, Rejected]]:
        unmet = dict(manifest.rows)
        waiting: list[Parts] = [()]
        while waiting:
            folder = waiting.pop()
            try:
                with self._opened(folder) as fd:
                    entries = _listed(fd)
                    sidecars = _sidecars_in(fd, entries)
            except OSError as error:
                yield "/".join(folder), _rejected(error)
                continue
            names = {entry.name for entry in entries}
            if names >= HOME_FILES:
                yield "/".join(folder) or ".", Rejected(RejectReason.NOT_A_FILE, "a Countenance home, not pictures")
                continue
            below: list[Parts] = []
            for entry in entries:
                parts = (*folder, entry.name)
                if entry.status is not None and stat.S_ISDIR(entry.status.st_mode):
                    below.append(parts)
                elif entry.name.endswith(SIDECAR_SUFFIX):
                    if entry.name.removesuffix(SIDECAR_SUFFIX) not in names:
                        yield "/".join(parts), Rejected(RejectReason.BAD_SIDECAR, "a sidecar whose picture is not here")
                elif parts != (MANIFEST_NAME,):
                    place = "/".join(parts)
                    yield _judged(place, entry.status, _agreed(sidecars.get(entry.name), unmet.pop(place, None)))
            waiting.extend(reversed(below))
        if manifest.homeless or unmet:
            yield MANIFEST_NAME, Rejected(RejectReason.BAD_SIDECAR, _about(manifest.homeless, len(unmet)))

    @contextmanager
    def _opened(self, parts: Sequence[str]) -> Iterator[int]:
        """A file descriptor of that folder of the source, reached without following a link below the root.

        Raises: OSError: a folder below the root; NotFound, StorageFailed: the root.
        """
        try:
            fd = os.open(self._root, FOLDER_FLAGS)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFound("the folder of the source does not exist", Remedy.MOUNT_DISK, path=self._root) from error
        except OSError as error:
            raise StorageFailed(
                f"the folder of the source can't be read: {error.strerror}", Remedy.CHECK_PERMISSION, path=self._root
            ) from error
        try:
            for part in parts:
                below = os.open(part, FOLDER_FLAGS | os.O_NOFOLLOW, dir_fd=fd)
                os.close(fd)
                fd = below
            yield fd
        finally:
            os.close(fd)


def _listed(folder: int) -> list[_Entry]:
    """The folder's names with their status, sorted by name."""
    entries = []
    with os.scandir(folder) as names:
        for each in names:
            try:
                entries.append(_Entry(each.name, each.stat(follow_symlinks=False)))
            except OSError:
                entries.append(_Entry(each.name, None))
    return sorted(entries, key=lambda entry: entry.name)


def _sidecars_in(folder: int, entries: list[_Entry]) -> dict[str, Own]:
    """A picture's name -> what its sidecar says, for each sidecar in the folder."""
    found: dict[str, Own] = {}
    for entry in entries:
        if entry.name.endswith(SIDECAR_SUFFIX):
            try:
                content = _read(folder, entry.name, MAX_SIDECAR_BYTES)
            except OSError as error:
                content = _rejected(error)
            own = (
                MalformedValue(f"its sidecar: {content.detail}")
                if isinstance(content, Rejected)
                else parse_sidecar(content)
            )
            found[entry.name.removesuffix(SIDECAR_SUFFIX)] = own
    return found


def _manifest_in(root: int) -> PictureManifest:
    """The source's picture manifest, or one without rows. Raises: WrongUse: it can't be read."""
    try:
        content = _read(root, MANIFEST_NAME, MAX_MANIFEST_BYTES)
    except FileNotFoundError:
        return PictureManifest({}, ())
    except OSError as error:
        content = _rejected(error)
    if isinstance(content, Rejected):
        raise WrongUse(f"{MANIFEST_NAME} can't be read: {content.detail}", Remedy.CORRECT_FILE)
    return parse_manifest(content)


def _agreed(sidecar: Own | None, row: Own | None) -> Own | None:
    """A picture's own codes where it has any; None: the source's default stands."""
    if sidecar is not None and row is not None and sidecar != row:
        return MalformedValue(f"its sidecar and its row in {MANIFEST_NAME} do not agree")
    return row if sidecar is None else sidecar


def _judged(place: str, status: os.stat_result | None, own: Own | None) -> FoundFile | tuple[str, Rejected]:
    """What is known of a place before it is opened. `own`: the picture's own jurisdictions, if it has any."""
    if status is None:
        return place, Rejected(RejectReason.UNREADABLE, "it went away while its folder was read")
    if stat.S_ISLNK(status.st_mode):
        return place, Rejected(RejectReason.LINK, "a symbolic link; links are never followed")
    if not stat.S_ISREG(status.st_mode):
        return place, Rejected(RejectReason.NOT_A_FILE, "a FIFO, socket or device")
    if isinstance(own, MalformedValue):
        return place, Rejected(RejectReason.BAD_SIDECAR, own.detail)
    return FoundFile(place, status.st_size, status.st_mtime_ns, own)


# --- reading ---------------------------------------------------------------------------------------------------------
def _read(folder: int, name: str, max_bytes: int) -> bytes | Rejected:
    """The bytes of a file in an open folder. Raises: OSError: it can't be opened or read."""
    fd = os.open(name, FILE_FLAGS, dir_fd=folder)
    try:
        before = os.fstat(fd)
        if not stat.S_ISREG(before.st_mode):
            return Rejected(RejectReason.NOT_A_FILE, "a FIFO, socket, device or folder")
        if before.st_size > max_bytes:
            return Rejected(RejectReason.TOO_LARGE, f"{before.st_size:,} bytes, more than {max_bytes:,}")
        with os.fdopen(fd, "rb", closefd=False) as file:
            content = file.read(before.st_size + 1)  # one more than there should be
        after = os.fstat(fd)
    finally:
        os.close(fd)
    if len(content) != before.st_size or (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        return Rejected(RejectReason.CHANGED_WHILE_READ, "it was being written; ingest again when that has ended")
    return content


def _rejected(error: OSError) -> Rejected:
    """Why a place below the root can't be opened or read.

    Raises: StorageFailed: it is this process that is out of files or memory, and the next place would fare no better.
    """
    if error.errno in OUR_OWN_TROUBLE:
        raise StorageFailed(f"too many files are open: {error.strerror}") from error
    if error.errno in {errno.ELOOP, errno.ENOTDIR}:  # ENOTDIR: a link where a folder was (or a file)
        return Rejected(RejectReason.LINK, "a symbolic link, or a folder on the way to it is a folder no more")
    if error.errno in {errno.ENXIO, errno.ENODEV}:
        return Rejected(RejectReason.NOT_A_FILE, "a socket or device")
    if error.errno == errno.ENOENT:
        return Rejected(RejectReason.UNREADABLE, "it is no longer there")
    return Rejected(RejectReason.UNREADABLE, (error.strerror or "it can't be read").lower())


def _about(homeless: tuple[int, ...], unmet: int) -> str:
    """One sentence on the rows of a manifest that are of no use."""
    parts = []
    if homeless:
        lines = ", ".join(map(str, homeless[:LINES_NAMED])) + (", ..." if len(homeless) > LINES_NAMED else "")
        parts.append(f"{len(homeless)} rows name no path inside the source (lines {lines})")
    if unmet:
        parts.append(f"{unmet} rows name no file that is here")
    return "; ".join(parts)
