r"""A file of any length, sealed in chunks as it is written: a backup.

    countenance-backup/1\n   header: one line of JSON, read by anybody   \n   then, again and again:
    length (4 bytes, big-endian) | sealed chunk (sealing.py)

Each chunk is bound to the header's hash, to its number and to whether it is the last, so that none can be changed, left
out, moved or cut off, nor the header be exchanged (the STREAM construction: Hoang et al. 2015, doi:10.1007/
978-3-662-47989-6_24; nonces are random here, which changes nothing of it).
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from countenance.associated_data import backup_part_aad
from countenance.errors import BackupBroken, SealBroken
from countenance.keys.sealing import seal, unseal
from countenance.remedies import Remedy

MAGIC: Final = b"countenance-backup/1\n"
CHUNK: Final = 2**20  # bytes of plaintext; a sealed chunk is 29 longer
MAX_HEADER: Final = 4_096


class SealedWriter(io.RawIOBase):
    """Write-only. `finish` seals the last chunk; without it the file is cut off, and known to be."""

    def __init__(self, file: BinaryIO, header: Mapping[str, Any], key: bytes) -> None:
        """`key`: 32 bytes, for this file alone."""
        line = json.dumps(dict(header), sort_keys=True).encode() + b"\n"
        assert len(line) <= MAX_HEADER
        self._file, self._key, self._about = file, AESGCM(key), hashlib.sha256(line).hexdigest()
        self._number, self._waiting = 0, bytearray()
        self._hash = hashlib.sha256()
        self._put(MAGIC + line)

    def writable(self) -> bool:
        """True."""
        return True

    def write(self, data: Any, /) -> int:
        """All of `data` is taken."""
        self._waiting += data
        while len(self._waiting) > CHUNK:  # one stays behind: only `finish` knows which is the last
            self._seal(bytes(self._waiting[:CHUNK]), last=False)
            del self._waiting[:CHUNK]
        return len(data)

    def finish(self) -> str:
        """The last chunk is written; the SHA-256 of the whole file, in hex."""
        self._seal(bytes(self._waiting), last=True)
        return self._hash.hexdigest()

    def _seal(self, data: bytes, *, last: bool) -> None:
        sealed = seal(self._key, backup_part_aad(self._about, self._number, last=last), data)
        self._put(len(sealed).to_bytes(4, "big") + sealed)
        self._number += 1

    def _put(self, data: bytes) -> None:
        self._hash.update(data)
        self._file.write(data)


class SealedReader(io.RawIOBase):
    """Read-only, from front to back. What it gives has been authenticated, chunk by chunk."""

    def __init__(self, file: BinaryIO, key_for: Callable[[Mapping[str, Any]], bytes]) -> None:
        """`key_for` gives the key when it is shown the header, of which nothing is trusted before a chunk opens.

        Raises: BackupBroken: no such file.
        """
        self._file = file
        self.header, line = read_header(file)
        self._key, self._about = AESGCM(key_for(self.header)), hashlib.sha256(line).hexdigest()
        self._number, self._waiting, self._ended = 0, b"", False

    def readable(self) -> bool:
        """True."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes; b"" at the end, which is known to be the end. Raises: BackupBroken."""
        while not self._ended and (size < 0 or len(self._waiting) < size):
            self._waiting += self._next()
        size = len(self._waiting) if size < 0 else size
        given, self._waiting = self._waiting[:size], self._waiting[size:]
        return given

    def _next(self) -> bytes:
        length = int.from_bytes(self._file.read(4), "big")
        sealed = self._file.read(length) if 0 < length <= CHUNK + 64 else b""
        if len(sealed) < length:
            sealed = b""  # the length was changed, or the file is cut off here: no part opens from less than it says
        following = self._file.read(1)
        if following:
            self._file.seek(-1, io.SEEK_CUR)
        try:
            data = unseal(self._key, backup_part_aad(self._about, self._number, last=not following), sealed)
        except SealBroken as error:
            raise BackupBroken(
                f"the backup is cut off or changed after part {self._number}", Remedy.USE_ANOTHER_COPY
            ) from error
        self._number += 1
        self._ended = not following
        return data


def read_header(file: BinaryIO) -> tuple[dict[str, Any], bytes]:
    """(the header, its line), unauthenticated. Raises: BackupBroken: this is no such file."""
    if file.read(len(MAGIC)) != MAGIC:
        raise BackupBroken("this file is not a backup of Countenance, or of another version", Remedy.USE_ANOTHER_COPY)
    line = file.readline(MAX_HEADER)
    try:
        header = json.loads(line)
    except ValueError as error:
        raise BackupBroken("the backup's first lines are damaged", Remedy.USE_ANOTHER_COPY) from error
    if not isinstance(header, dict):
        raise BackupBroken("the backup's first lines are damaged", Remedy.USE_ANOTHER_COPY)
    return header, line
