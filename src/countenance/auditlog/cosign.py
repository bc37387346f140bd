"""Cosignatures: an outside witness's word that a log has only grown since it last looked.

Formats: C2SP tlog-cosignature (https://c2sp.org/tlog-cosignature, `cosignature/v1`, key type 0x04) on a signed note,
and the request of C2SP tlog-witness (https://c2sp.org/tlog-witness), as files instead of over HTTP:

    old 17                     size that the witness is expected to have seen
    <base64 hash>              the consistency proof, a line a hash
                               an empty line, and the checkpoint
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from countenance.auditlog.checkpoint import (
    COSIGNER,
    Checkpoint,
    key_hash,
    open_checkpoint,
    parse_verifier_key,
    split_note,
    verifier_key,
)
from countenance.errors import LogBroken
from countenance.remedies import Remedy

MAX_PROOF: Final = 63  # hashes, as tlog-witness has it
_STAMP: Final = 8  # bytes of the time in a cosignature
_LATEST: Final = 253_402_300_799  # seconds since 1970 UTC; the end of the year 9999, as no later time has a date


@dataclass(frozen=True, slots=True)
class CosignRequest:
    """What a witness is asked to cosign."""

    old: int  # entries that it has cosigned before; 0: none
    proof: tuple[bytes, ...]
    checkpoint: str

    def text(self) -> str:
        """As a file."""
        lines = [f"old {self.old}", *(base64.b64encode(part).decode() for part in self.proof)]
        return "\n".join(lines) + "\n\n" + self.checkpoint

    def opened(self, origin: str, public_key: bytes) -> Checkpoint:
        """Its checkpoint. Raises LogBroken: it is none of that log."""
        try:
            return open_checkpoint(self.checkpoint, origin, public_key)
        except LogBroken as error:
            said = f"the checkpoint in the request does not hold: {error.message}"
            raise LogBroken(said, Remedy.REQUEST_COSIGNATURE) from error


def read_request(text: str) -> CosignRequest:
    """The inverse of `Request.text`. Raises LogBroken: it is none."""
    head, _, checkpoint = text.partition("\n\n")
    first, *lines = head.split("\n")
    try:
        word, size = first.split(" ")
        proof = tuple(base64.b64decode(line, validate=True) for line in lines)
        old = int(size)
    except (ValueError, binascii.Error) as error:
        raise _no_request() from error
    if word != "old" or str(old) != size or old < 0 or len(proof) > MAX_PROOF or any(len(part) != 32 for part in proof):
        raise _no_request()
    if proof and not old:  # tlog-witness: nothing proves what continues nothing
        raise _no_request()
    return CosignRequest(old, proof, checkpoint)


def _no_request() -> LogBroken:
    return LogBroken("this is not a request for a cosignature", Remedy.REQUEST_COSIGNATURE)


class Cosigner:
    """Signs as a witness."""

    def __init__(self, name: str, private_key: bytes) -> None:
        """`private_key`: the 32 bytes of an Ed25519 seed."""
        self.name = name
        self._key = Ed25519PrivateKey.from_private_bytes(private_key)
        self._public = self._key.public_key().public_bytes_raw()

    def cosign(self, checkpoint: str, at: int) -> str:
        """The signature line for a checkpoint's note; `at`: seconds since 1970 UTC."""
        body, _ = split_note(checkpoint)
        signature = at.to_bytes(_STAMP, "big") + self._key.sign(_message(body, at))
        raw = key_hash(self.name, self._public, COSIGNER) + signature
        return f"\u2014 {self.name} {base64.b64encode(raw).decode()}\n"

    def verifier_key(self) -> str:
        """The public key, for those who are to trust this witness."""
        return verifier_key(self.name, self._public, COSIGNER)


def cosigned_at(note: str, keys: Sequence[str]) -> dict[str, int]:
    """Name -> when (seconds since 1970 UTC), of those of these witnesses whose cosignature the note bears.

    A cosignature of a time after the year 9999 is none.

    Raises LogBroken: one of `keys` is no witness's verifier key.
    """
    body, signed = split_note(note)
    found: dict[str, int] = {}
    for key in keys:
        name, public_key = parse_verifier_key(key, COSIGNER)
        for signer, raw in signed:
            if signer != name or raw[:4] != key_hash(name, public_key, COSIGNER):
                continue
            at = int.from_bytes(raw[4 : 4 + _STAMP], "big")
            try:
                Ed25519PublicKey.from_public_bytes(public_key).verify(raw[4 + _STAMP :], _message(body, at))
            except InvalidSignature:
                continue
            if at <= _LATEST:
                found[name] = max(at, found.get(name, 0))
    return found


def _message(body: str, at: int) -> bytes:
    return f"cosignature/v1\ntime {at}\n{body}\n".encode()
