"""A key ring and a blob store that forget with the process, for tests of what uses them. Never wired by `app`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from countenance.errors import KeyDestroyed, NotFound, SealBroken
from countenance.protocols import RemovalResult
from countenance.types import KeyId

NONCE_BYTES = 12


class MemoryKeyRing:
    """Real sealing, keys in a dict."""

    def __init__(self) -> None:
        self.keys: dict[KeyId, AESGCM] = {}
        self._keys_in_the_making: dict[KeyId, None] = {}
        self._blobs_in_the_making: dict[str, None] = {}

    def create(self, count: int = 1, *, blobs: Iterable[str] = ()) -> list[KeyId]:
        """New keys."""
        made = [os.urandom(16) for _ in range(count)]
        self.keys.update({key: AESGCM(os.urandom(32)) for key in made})
        self._keys_in_the_making.update(dict.fromkeys(made))
        self._blobs_in_the_making.update(dict.fromkeys(blobs))
        return made

    def confirm(self, keys: Iterable[KeyId] = (), *, blobs: Iterable[str] = ()) -> None:
        """Forgotten."""
        for key in keys:
            self._keys_in_the_making.pop(key, None)
        for name in blobs:
            self._blobs_in_the_making.pop(name, None)

    def unconfirmed(self) -> tuple[list[KeyId], list[str]]:
        """What is not made."""
        return list(self._keys_in_the_making), list(self._blobs_in_the_making)

    def seal(self, key: KeyId, aad: str, plaintext: bytes) -> bytes:
        """Raises KeyDestroyed."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher(key).encrypt(nonce, plaintext, aad.encode())

    def seal_many(self, items: Sequence[tuple[KeyId, str, bytes]]) -> list[bytes]:
        """Each of them sealed."""
        return [self.seal(*item) for item in items]

    def open(self, key: KeyId, aad: str, sealed: bytes) -> bytes:
        """Raises KeyDestroyed, SealBroken."""
        try:
            return self._cipher(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], aad.encode())
        except (InvalidTag, ValueError) as error:  # ValueError: too short for a nonce
            raise SealBroken("does not open") from error

    def open_many(self, items: Sequence[tuple[KeyId, str, bytes]]) -> list[bytes | None]:
        """None where the key is destroyed."""
        return [self.open(*item) if item[0] in self.keys else None for item in items]

    def destroy(self, keys: Iterable[KeyId]) -> RemovalResult:
        """Gone at once."""
        for key in keys:
            self.keys.pop(key, None)
            self._keys_in_the_making.pop(key, None)
        return RemovalResult(physically=True)

    def ids(self) -> Iterator[KeyId]:
        """Every living key."""
        return iter(list(self.keys))

    def _cipher(self, key: KeyId) -> AESGCM:
        if key not in self.keys:
            raise KeyDestroyed("no such key")
        return self.keys[key]


class MemoryBlobs:
    """Blobs in a dict."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def put_many(self, blobs: Mapping[str, bytes]) -> None:
        """Kept."""
        self.kept.update(blobs)

    def get(self, name: str) -> bytes:
        """Raises NotFound."""
        if name not in self.kept:
            raise NotFound(f"there is no blob {name}")
        return self.kept[name]

    def delete_many(self, names: Iterable[str]) -> RemovalResult:
        """Gone at once."""
        for name in names:
            self.kept.pop(name, None)
        return RemovalResult(physically=True)

    def names(self) -> Iterator[str]:
        """Every name."""
        return iter(list(self.kept))
