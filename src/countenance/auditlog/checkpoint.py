"""Signed checkpoints: what a log's owner swears to, in a text that others can keep.

Format: C2SP tlog-checkpoint (https://c2sp.org/tlog-checkpoint) inside a C2SP signed note (https://c2sp.org/signed-note):
three lines (origin, size, base64 root), an empty line, and a signature line.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from countenance.errors import LogBroken
from countenance.remedies import Remedy

_ED25519: Final = b"\x01"  # signature type of signed-note
COSIGNER: Final = b"\x04"  # of a timestamped cosignature (cosign.py)
_SIGNATURE: Final = re.compile(r"\u2014 (\S+) ([A-Za-z0-9+/=]+)")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The size and root of a log at some moment."""

    origin: str
    size: int
    root: bytes  # 32 bytes

    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


class Signer:
    """Signs checkpoints of one log."""

    def __init__(self, origin: str, private_key: bytes) -> None:
        """`private_key`: the 32 bytes of an Ed25519 seed."""
        self.origin = origin
        self._key = Ed25519PrivateKey.from_private_bytes(private_key)
        self.public_key = self._key.public_key().public_bytes_raw()

    def sign(self, size: int, root: bytes) -> str:
        """The checkpoint as a signed note."""
        body = Checkpoint(self.origin, size, root).text()
        return f"{body}\n\u2014 {self.origin} {self.signature(body.encode())}\n"

    def signature(self, text: bytes) -> str:
        """Base64 of the key's hash (4 bytes) and its signature over `text`, as on a signed note."""
        return base64.b64encode(key_hash(self.origin, self.public_key) + self._key.sign(text)).decode()

    def verifier_key(self) -> str:
        """The public key in signed-note's form: name+hash+base64(type || key). Give this to whoever is to check."""
        return verifier_key(self.origin, self.public_key)


def verifier_key(origin: str, public_key: bytes, kind: bytes = _ED25519) -> str:
    """The text form of a public key."""
    encoded = base64.b64encode(kind + public_key).decode()
    return f"{origin}+{key_hash(origin, public_key, kind).hex()}+{encoded}"


def key_hash(origin: str, public_key: bytes, kind: bytes = _ED25519) -> bytes:
    """The first 4 bytes of SHA-256(name || newline || type || key)."""
    return hashlib.sha256(origin.encode() + b"\n" + kind + public_key).digest()[:4]


def parse_verifier_key(text: str, kind: bytes = _ED25519) -> tuple[str, bytes]:
    """(origin, public key of 32 bytes). Raises LogBroken: it is no key of that kind."""
    try:
        origin, hashed, encoded = text.strip().split("+", 2)
        raw = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error) as error:
        raise LogBroken("this is not a verifier key", Remedy.USE_FORMAT, values=("name+0123abcd+AQ...",)) from error
    if raw[:1] != kind or len(raw) != 33 or key_hash(origin, raw[1:], kind).hex() != hashed:
        raise LogBroken("this is not a verifier key, or a damaged one", Remedy.ASK_FOR_IT_AGAIN)
    return origin, raw[1:]


def open_checkpoint(note: str, origin: str, public_key: bytes) -> Checkpoint:
    """The checkpoint that a note holds, its signature checked. Raises LogBroken."""
    body, signed = split_note(note)
    lines = body.split("\n")
    if len(lines) < 3 or (lines[0] != origin and not signed):
        raise LogBroken("this is not a checkpoint of a log", Remedy.GIVE_CHECKPOINT)
    if lines[0] != origin:
        raise LogBroken(
            f"this is a checkpoint of another log, {lines[0][:100]}, not of {origin}", Remedy.GIVE_CHECKPOINT
        )
    try:
        size, root = int(lines[1]), base64.b64decode(lines[2], validate=True)
    except (ValueError, binascii.Error) as error:
        raise LogBroken("the checkpoint is malformed", Remedy.GIVE_CHECKPOINT) from error
    if size < 0 or str(size) != lines[1] or len(root) != 32:
        raise LogBroken("the checkpoint is malformed", Remedy.GIVE_CHECKPOINT)
    for name, raw in signed:
        if name == origin and raw[:4] == key_hash(origin, public_key):
            try:
                Ed25519PublicKey.from_public_bytes(public_key).verify(raw[4:], (body + "\n").encode())
            except InvalidSignature:
                continue
            return Checkpoint(origin, size, root)
    raise LogBroken(
        "the checkpoint's signature does not fit: it was changed, or signed with another key", Remedy.GIVE_CHECKPOINT
    )


def split_note(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    """(text without its last newline, [(name, key hash and signature)]) of a signed note; nothing is checked."""
    body, _, signatures = note.partition("\n\n")
    signed: list[tuple[str, bytes]] = []
    for name, encoded in _SIGNATURE.findall(signatures):
        with suppress(binascii.Error):
            signed.append((name, base64.b64decode(encoded, validate=True)))
    return body, signed
