"""The bytes of a home as somebody sees them who has stolen it *and* its master key (docs/erasure.md).

The thief reads files, not databases: every byte of every file counts, in free pages, write-ahead logs and what was left
half-written. From the raw bytes come

    1. data keys: any 16 + 60 bytes anywhere that unwrap under the master key as an id and its key, be the row deleted;
    2. whatever those keys seal: at each byte that could begin something sealed, under each key, decrypted without a
       look at its tag or aad (AES-GCM encrypts in counter mode), so that a damaged or moved piece opens as well.

Then needles are looked for in both: the raw bytes and everything opened. A long needle is found by any 16 bytes of it
that stand where they stood in it, so a template that is half overwritten is found too.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from numpy.typing import NDArray

from countenance.keys import master as masters
from countenance.keys.sealing import NONCE_BYTES, SEAL_VERSION, WRAPPED_BYTES
from countenance.pipeline.vectors import pack_vector
from countenance.testing.toy import picture, seen, vector

ID_BYTES: Final = 16
PIECE_BYTES: Final = 16  # of a long needle: no chance of meeting them by accident
LONG_BYTES: Final = 64  # a needle of this length or more is looked for in pieces
INSIDE_BYTES: Final = 512  # opened of what is sealed inside a database: a template has at most that
EPOCH_MS: Final = 2**32  # an id begins with milliseconds; its two first bytes change every 49 days


@dataclass(frozen=True, slots=True)
class FoundBytes:
    """Where a needle lies: files in which it lies open, and files in which a key that was found opens it."""

    raw: frozenset[str] = frozenset()
    opened: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.raw or self.opened)


class Thief:
    """Everything under some folders, as it is now, with the master key."""

    def __init__(self, keyfile: Path, *folders: Path) -> None:
        """Raises AssertionError: there is nothing to read."""
        self.files = {
            str(path.relative_to(folder.parent)): path.read_bytes()
            for folder in folders
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        assert self.files, folders
        home_id = next(line.split(": ")[1] for line in keyfile.read_text().splitlines() if line.startswith("home: "))
        wrapping = AESGCM(masters.load(home_id, keyfile).derive("wrap data keys"))
        self.keys = {key: secret for data in self.files.values() for key, secret in _keys_in(data, wrapping)}
        self._opened = {name: [*_opened(data, self.keys.values())] for name, data in self.files.items()}

    def find(self, needles: Mapping[str, bytes]) -> dict[str, FoundBytes]:
        """Where each lies; one that lies nowhere is left out."""
        found = {}
        for what, needle in needles.items():
            pieces = _pieces(needle)
            where = FoundBytes(
                frozenset(name for name, data in self.files.items() if _holds(data, pieces)),
                frozenset(name for name, plain in self._opened.items() if any(_holds(each, pieces) for each in plain)),
            )
            if where:
                found[what] = where
        return found


def face_needles(name: str) -> dict[str, bytes]:
    """All that a template or crop of a toy face could be on a disk."""
    exact = vector(name)
    kept = pack_vector(exact)
    pixels = b"".join(bytes((letter, 0, 0)) for letter in name.encode())  # the toy crop's first row, RGB
    return {
        f"{name}: template, float32": exact.astype("<f4").tobytes(),
        f"{name}: template, float16": kept,
        f"{name}: template, from float16": np.frombuffer(kept, "<f2").astype("<f4").tobytes(),
        f"{name}: crop": pixels,
        f"{name}: thumbnail": b"thumbnail of " + name.encode(),
    }


def picture_needles(place: str, *faces: str) -> dict[str, bytes]:
    """What names a toy picture: its content, the hash of it, its place."""
    data = picture(*faces)
    sha256 = hashlib.sha256(data)
    return {
        f"{place}: content": data,
        f"{place}: sha256": sha256.digest(),
        f"{place}: sha256 in hex": sha256.hexdigest().encode(),
        f"{place}: place": place.encode(),
        f"{place}: perceptual hash": seen(data),
    }


def _pieces(needle: bytes) -> list[bytes]:
    assert len(needle) >= PIECE_BYTES // 2, f"{needle!r} is too short to mean anything"
    if len(needle) < LONG_BYTES:
        return [needle]
    cut = [needle[start : start + PIECE_BYTES] for start in range(0, len(needle), PIECE_BYTES)]
    return [piece for piece in cut if len(set(piece)) > PIECE_BYTES // 2]


def _holds(data: bytes, pieces: Iterable[bytes]) -> bool:
    return any(piece in data for piece in pieces)


def _keys_in(data: bytes, wrapping: AESGCM) -> Iterator[tuple[bytes, bytes]]:
    """(id, data key) wherever both stand, one after the other, in a row, a free page or a log."""
    epoch = int(time.time() * 1000) // EPOCH_MS
    for start in sorted({at for each in (epoch, epoch - 1) for at in _all(data, each.to_bytes(2, "big"))}):
        key = data[start : start + ID_BYTES]
        wrapped = data[start + ID_BYTES : start + ID_BYTES + WRAPPED_BYTES]
        if len(wrapped) == WRAPPED_BYTES:
            try:
                yield key, wrapping.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], b"data key|" + key)
            except InvalidTag:
                continue


def _opened(data: bytes, keys: Iterable[bytes]) -> Iterator[bytes]:
    """What each key makes of each place at which something sealed could begin. Most of it is noise."""
    starts = np.array([*_all(data, SEAL_VERSION)], np.int64)
    if not len(starts):
        return
    padded = np.frombuffer(data + bytes(NONCE_BYTES + 1 + INSIDE_BYTES), np.uint8)
    counters = _counters(padded, starts, INSIDE_BYTES // 16)
    sealed = padded[starts[:, None] + 1 + NONCE_BYTES + np.arange(INSIDE_BYTES)]
    for key in keys:
        cipher = Cipher(algorithms.AES256(key), modes.ECB())
        stream = np.frombuffer(cipher.encryptor().update(counters.tobytes()), np.uint8)
        yield (stream.reshape(sealed.shape) ^ sealed).tobytes()
        if starts[0] == 0:  # a blob or segment: all of the file is sealed as one
            blocks = len(data) // 16 + 1
            whole = np.frombuffer(data[1 + NONCE_BYTES :], np.uint8)
            stream = np.frombuffer(cipher.encryptor().update(_counters(padded, starts[:1], blocks).tobytes()), np.uint8)
            yield (stream[: len(whole)] ^ whole).tobytes()


def _counters(data: NDArray[np.uint8], starts: NDArray[np.int64], blocks: int) -> NDArray[np.uint8]:
    """(len(starts), blocks, 16): the nonce after each start, with GCM's counter from 2 (SP 800-38D, 7.1)."""
    nonces = data[starts[:, None] + 1 + np.arange(NONCE_BYTES)]
    counts = np.arange(2, 2 + blocks, dtype=">u4").view(np.uint8).reshape(blocks, 4)
    made = np.empty((len(starts), blocks, 16), np.uint8)
    made[:, :, :NONCE_BYTES] = nonces[:, None, :]
    made[:, :, NONCE_BYTES:] = counts[None, :, :]
    return made


def _all(data: bytes, what: bytes) -> Iterator[int]:
    at = data.find(what)
    while at >= 0:
        yield at
        at = data.find(what, at + 1)
