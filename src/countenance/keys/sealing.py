"""Authenticated sealing with AES-256-GCM (NIST SP 800-38D): what one data key seals, and how a data key is wrapped.

    sealed  = 0x01 | nonce (12) | ciphertext | tag (16)      associated data: what it is and of whom
    wrapped =        nonce (12) | 32 bytes   | tag (16)      associated data: what the key is, and its id or name

Nonces are random. A data key seals a handful of things and the wrapping key fewer than 2**32 (SP 800-38D, 8.3).
"""

from __future__ import annotations

import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from countenance.errors import SealBroken
from countenance.remedies import Remedy

SEAL_VERSION: Final = b"\x01"
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
WRAPPED_BYTES: Final = NONCE_BYTES + 32 + TAG_BYTES
_SHORTEST: Final = len(SEAL_VERSION) + NONCE_BYTES + TAG_BYTES


def seal(key: AESGCM, aad: str, plaintext: bytes) -> bytes:
    """`plaintext` sealed and bound; 29 bytes longer."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return SEAL_VERSION + nonce + key.encrypt(nonce, plaintext, aad.encode())


def unseal(key: AESGCM, aad: str, sealed: bytes) -> bytes:
    """The plaintext. Raises: SealBroken: damaged, or bound to something else."""
    if len(sealed) < _SHORTEST or sealed[:1] != SEAL_VERSION:
        raise SealBroken(f"the encrypted {aad} is damaged", Remedy.RESTORE_FROM_BACKUP)
    try:
        return key.decrypt(sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :], aad.encode())
    except InvalidTag as error:
        raise SealBroken(
            f"the encrypted {aad} is damaged, or was moved here from another record", Remedy.RESTORE_FROM_BACKUP
        ) from error


def wrap(wrapping_key: AESGCM, about: bytes, secret: bytes) -> bytes:
    """`secret` under the wrapping key, bound to what it is."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + wrapping_key.encrypt(nonce, secret, about)


def unwrap(wrapping_key: AESGCM, about: bytes, wrapped: bytes) -> bytes:
    """The secret. Raises: SealBroken."""
    try:
        return wrapping_key.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], about)
    except (InvalidTag, ValueError) as error:
        raise SealBroken("a key in keys.db is damaged", Remedy.RESTORE_FROM_BACKUP) from error
