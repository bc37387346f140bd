"""The master key: 32 random bytes in a file of their own, outside the home and its backups.

Nothing is sealed under it directly. Each use has a key of its own, derived by HKDF-SHA-256 (RFC 5869) with the home's
id as salt and the use as info, so that what one use leaks says nothing of another. `key_id` is such a derived value
too: a key check value that says which key a file or a home holds, and nothing about the key.

    # Countenance: the master key of one home. ...
    version: 1
    home: 6f1c...
    key-id: 0f3a...
    key: <base64 of 32 bytes>
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import re
import secrets
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import platformdirs
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from countenance.durable import create_file, sync_folder
from countenance.errors import KeyMissing, StorageFailed, WrongUse
from countenance.remedies import Remedy, remedy_of_storage

KEYFILE_VARIABLE: Final = "COUNTENANCE_KEYFILE"
KEY_BYTES: Final = 32  # AES-256 and HKDF-SHA-256 want no more and no less
MAX_FILE_BYTES: Final = 4096  # ours has about 400; what is longer is something else
VERSION: Final = "1"

_HOME_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_TEXT = """\
# Countenance: the master key of one home. Who has this file and the home can read all that the home holds.
# Keep a copy where you keep other keys: never in the home, never in its backups. Losing it loses the home.
version: {version}
home: {home}
key-id: {key_id}
key: {key}
"""


@dataclass(frozen=True, slots=True)
class MasterKey:
    """A home's master key. Its repr holds no secret."""

    home_id: str
    secret: bytes = field(repr=False)  # KEY_BYTES bytes

    def __post_init__(self) -> None:
        if not _HOME_ID.fullmatch(self.home_id):
            raise ValueError(f"a home's id is 1 to 64 letters, digits and hyphens, not {self.home_id!r}")
        if len(self.secret) != KEY_BYTES:
            raise ValueError(f"a master key has {KEY_BYTES} bytes, not {len(self.secret)}")

    @property
    def key_id(self) -> str:
        """16 hex digits that name this key and betray nothing of it."""
        return self.derive("key id", 8).hex()

    def derive(self, use: str, length: int = KEY_BYTES) -> bytes:
        """`length` bytes for one use; the same each time, unrelated to those of any other use."""
        hkdf = HKDF(SHA256(), length, salt=self.home_id.encode(), info=b"countenance/1/" + use.encode())
        return hkdf.derive(self.secret)


def keyfile_path(home_id: str, environ: Mapping[str, str] = os.environ) -> Path:
    """COUNTENANCE_KEYFILE, or `keys/<home id>.key` in the user's configuration folder."""
    named = environ.get(KEYFILE_VARIABLE)
    if named:
        return Path(named).expanduser()
    return Path(platformdirs.user_config_dir("countenance")) / "keys" / f"{home_id}.key"


def create(home_id: str, path: Path) -> MasterKey:
    """A new key for a new home, durable at `path` with mode 0600; the one that is there, if it is this home's.

    Crash order: written and synced under a temporary name, then linked to its own, which fails if that is taken. A
    crash leaves no key file or a whole one, and at worst a second name for it (`.<name>.<random>.new`), as closed.
    Raises: WrongUse: another home's key is at `path`; StorageFailed: it cannot be written; KeyMissing: as `load`.
    """
    master = MasterKey(home_id, secrets.token_bytes(KEY_BYTES))
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            create_file(unfinished, _text_of(master).encode())
            os.link(unfinished, path)  # unlike a rename it never replaces
        finally:
            unfinished.unlink(missing_ok=True)
        sync_folder(path.parent)
    except FileExistsError:
        return _load_or_refuse(home_id, path)
    except OSError as error:
        raise StorageFailed(
            f"the key file could not be written: {error.strerror}", Remedy.NAME_NEW_KEY_FILE, path=path, partly=False
        ) from error
    return master


def load(home_id: str, path: Path) -> MasterKey:
    """The key of this home.

    Raises: KeyMissing: not there, unreadable, malformed, another home's, or open to other users; the hint says what
    to do about it.
    """
    fields = _fields(_read(path), path)
    if fields.get("version") != VERSION:
        raise KeyMissing(
            f"the key file has version {fields.get('version', 'none')!s}; this version of Countenance reads {VERSION}",
            Remedy.UPGRADE,
            path=path,
        )
    if fields.get("home") != home_id:
        raise KeyMissing(
            f"the key file belongs to home {fields.get('home', 'none')!s}, not to this one ({home_id})",
            Remedy.RESTORE_KEY_FILE,
            path=path,
        )
    try:
        master = MasterKey(home_id, base64.b64decode(fields.get("key", ""), validate=True))
    except (binascii.Error, ValueError) as error:
        raise KeyMissing(
            f"the key file is damaged: its key is not {KEY_BYTES} bytes", Remedy.RESTORE_KEY_FILE, path=path
        ) from error
    if not hmac.compare_digest(master.key_id, fields.get("key-id", "")):
        raise KeyMissing(
            "the key file is damaged: its key and its key-id do not fit", Remedy.RESTORE_KEY_FILE, path=path
        )
    return master


def stage(master: MasterKey, path: Path) -> MasterKey:
    """A new key for the home of `master`, durable beside the key file at `path`; what lay there is thrown away.

    Only with the home's keys still under `master`: what lies there is then of a rotation that never was.
    Raises: StorageFailed.
    """
    new, staged = MasterKey(master.home_id, secrets.token_bytes(KEY_BYTES)), _staged(path)
    if not os.access(path, os.W_OK):
        raise StorageFailed("the key file may not be written", Remedy.MAKE_WRITABLE, path=path, partly=False)
    try:
        staged.unlink(missing_ok=True)
        create_file(staged, _text_of(new).encode())
        sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            staged.unlink(missing_ok=True)
        raise StorageFailed(
            f"a new key can't be written beside the key file, so the old one stays: {error.strerror}",
            remedy_of_storage(error), path=path, partly=False,
        ) from error  # fmt: skip
    return new


def promote(path: Path) -> None:
    """The staged key is the key file, and the old key's bytes are overwritten where the file system allows.

    Only when the home's keys are under the staged key. A crash leaves either file, and `find` goes on from there.
    Raises: StorageFailed.
    """
    try:
        with suppress(FileNotFoundError), path.open("r+b") as old:
            _staged(path).rename(path)  # not there: another process was faster, and `old` may be its new key
            sync_folder(path.parent)
            old.write(b"\0" * os.fstat(old.fileno()).st_size)
            os.fsync(old.fileno())
    except OSError as error:
        raise StorageFailed(
            f"the key file can't be replaced by the new key beside it, {_staged(path).name}: {error.strerror}",
            remedy_of_storage(error),
            path=path,
        ) from error


def find(home_id: str, path: Path, key_id: str) -> MasterKey | None:
    """The key of that id, in the key file or staged beside it; then a rotation was cut short, and ends here."""
    current = load(home_id, path)
    if current.key_id == key_id:
        return current
    with suppress(KeyMissing):
        staged = load(home_id, _staged(path))
        if staged.key_id == key_id:
            promote(path)
            return staged
    current = load(home_id, path)  # another process may have promoted it between the two looks
    return current if current.key_id == key_id else None


def _staged(path: Path) -> Path:
    return path.with_name(f".{path.name}.next")


def _text_of(master: MasterKey) -> str:
    return _TEXT.format(
        version=VERSION, home=master.home_id, key_id=master.key_id, key=base64.b64encode(master.secret).decode()
    )


def _load_or_refuse(home_id: str, path: Path) -> MasterKey:
    found = _fields(_read(path), path).get("home")
    if found != home_id:
        raise WrongUse(
            f"the key file holds the key of another home ({found}), and a key is never overwritten",
            Remedy.NAME_NEW_KEY_FILE,
            path=path,
        )
    return load(home_id, path)


def _read(path: Path) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a FIFO must not hang us
    except FileNotFoundError as error:
        raise KeyMissing("the key file was not found", Remedy.RESTORE_KEY_FILE, path=path) from error
    except OSError as error:
        raise KeyMissing(f"the key file can't be read: {error.strerror}", Remedy.RESTORE_KEY_FILE, path=path) from error
    try:
        status = os.fstat(descriptor)  # of what was opened, so that no swap in between can fool the check
        if not stat.S_ISREG(status.st_mode):
            raise KeyMissing("the key file is not a file", Remedy.RESTORE_KEY_FILE, path=path)
        if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise KeyMissing(
                f"other users may read or write the key file (mode {stat.S_IMODE(status.st_mode):04o})",
                Remedy.PROTECT_KEY_FILE,
                path=path,
            )
        data = os.read(descriptor, MAX_FILE_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(data) > MAX_FILE_BYTES or not data.isascii():
        raise KeyMissing("this is not a key file of Countenance", Remedy.RESTORE_KEY_FILE, path=path)
    return data.decode("ascii")


def _fields(text: str, path: Path) -> dict[str, str]:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not lines or any(": " not in line for line in lines):
        raise KeyMissing("this is not a key file of Countenance, or it is damaged", Remedy.RESTORE_KEY_FILE, path=path)
    return {name: value.strip() for name, value in (line.split(": ", 1) for line in lines)}
