"""What a page must remember from one step to the next: sealed so that only the session it belongs to opens it.

A probe is chosen on one page, its face on the next, and its leads are read on a third, perhaps answered by another
worker process each time. The key is derived from the session's token, which the home does not keep: without the cookie
nobody opens what lies here, not even with the home's master key (docs/adr/0029). Nothing lies here for longer than
LASTS_S; a process that ends takes its own along; what a killed one leaves goes with the next use of any tray.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from countenance.errors import NotFound, StorageFailed
from countenance.remedies import Remedy

LASTS_S: Final = 15 * 60
MOST: Final = 48  # of one session; one more, and the oldest goes
_NAME: Final = re.compile(r"[0-9a-f]{32}")
_NONCE: Final = 12  # bytes, NIST SP 800-38D section 8.2.2


class SessionStore:
    """Sealed files in one folder, each for one session."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mine: set[Path] = set()
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self.sweep()

    def put(self, session: str, about: Any, parts: Sequence[bytes] = ()) -> str:
        """The name under which `get` gives it back, for LASTS_S. A crash leaves a sealed file that is swept.

        Args: about: what JSON can say; parts: bytes. Raises StorageFailed.
        """
        owner, key = _keys(session)
        name = secrets.token_hex(16)
        path = self._folder / f"{owner}-{name}"
        header = json.dumps([about, [len(part) for part in parts]]).encode()
        nonce = secrets.token_bytes(_NONCE)
        sealed = nonce + _cipher(key).encrypt(
            nonce, b"".join([struct.pack("<Q", len(header)), header, *parts]), name.encode()
        )
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            path.touch(mode=0o600, exist_ok=False)
            path.write_bytes(sealed)
        except OSError as error:
            path.unlink(missing_ok=True)
            raise StorageFailed(f"the state of a page can't be kept: {error.strerror}", Remedy.FREE_SPACE) from error
        with self._lock:
            self._mine.add(path)
        self._make_room(owner)
        self._sweep_later()
        return name

    def get(self, session: str, name: str) -> tuple[Any, list[bytes]]:
        """(about, parts) as they were put; they stay. Raises NotFound: another session's, over, or never there."""
        owner, key = _keys(session)
        path = self._folder / f"{owner}-{name}"
        try:
            if _NAME.fullmatch(name) is None or time.time() - path.stat().st_mtime > LASTS_S:
                raise FileNotFoundError
            sealed = path.read_bytes()
        except OSError as error:
            raise NotFound(
                f"this page has expired: what it showed is kept for {LASTS_S // 60} minutes", Remedy.SEARCH_AGAIN
            ) from error
        data = _cipher(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], name.encode())
        (length,) = struct.unpack_from("<Q", data)
        about, lengths = json.loads(data[8 : 8 + length])
        parts, at = [], 8 + length
        for each in lengths:
            parts.append(data[at : at + each])
            at += each
        return about, parts

    def sweep(self) -> None:
        """Nothing is here that is over."""
        for path, age in self._ages():
            if age > LASTS_S:
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """What this process put is gone."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            mine, self._mine = self._mine, set()
        for path in mine:
            path.unlink(missing_ok=True)

    def _make_room(self, owner: str) -> None:
        theirs = sorted((age, path) for path, age in self._ages() if path.name.startswith(owner))
        for _, path in theirs[MOST:]:
            path.unlink(missing_ok=True)

    def _sweep_later(self) -> None:
        with self._lock:
            if self._timer is None:
                self._timer = threading.Timer(LASTS_S + 1, self._swept)
                self._timer.daemon = True
                self._timer.start()

    def _swept(self) -> None:
        self.sweep()
        with self._lock:
            self._timer = None
            self._mine = {path for path in self._mine if path.exists()}
            left = bool(self._mine)
        if left:
            self._sweep_later()

    def _ages(self) -> Iterator[tuple[Path, float]]:
        if not self._folder.is_dir():
            return
        now = time.time()
        for path in list(self._folder.iterdir()):
            try:
                yield path, now - path.stat().st_mtime
            except FileNotFoundError:  # another process swept it
                continue


def _keys(session: str) -> tuple[str, bytes]:
    """(whose files these are, 32 hex digits; the key that opens them). HKDF with SHA-256, RFC 5869."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    made = HKDF(SHA256(), 48, None, b"countenance tray").derive(session.encode("utf-8", "surrogatepass"))
    return hashlib.sha256(made[:16]).hexdigest()[:32], made[16:]


def _cipher(key: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)
