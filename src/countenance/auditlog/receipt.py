"""Receipts: signed accounts of what was done, which anybody can check offline with the log's public key alone.

A receipt is one JSON document. Its signature (Ed25519, by the log's own key) is over a line that says what is signed
and then the canonical JSON (RFC 8785) of all the rest:

    receipt    v, id, kind, home, about, at, and the account of that kind
    log        the entry that speaks of it (record and salt), its position, its inclusion proof and the checkpoint
    signed_by  the public key, in signed-note's form (https://c2sp.org/signed-note)
    signature  base64 of the key's hash (4 bytes) and the signature, as on a signed note

What a success of `check` shows: this account was signed with that key, and the log to which the checkpoint belongs
holds the entry that says the same. It does not show that the account is true.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from countenance.auditlog import merkle
from countenance.auditlog.checkpoint import Signer, key_hash, open_checkpoint, parse_verifier_key
from countenance.errors import LogBroken, ReceiptRefused
from countenance.protocols import EntryProof
from countenance.remedies import Remedy

VERSION: Final = 1
SIGNED: Final = b"countenance receipt v1\n"  # so that no signature of another kind can pass for one of a receipt
MAX_BYTES: Final = 16 * 2**20
# kind of receipt -> kinds of log entries that may speak of it
ENTRIES: Final[Mapping[str, frozenset[str]]] = {
    "erasure": frozenset({"erase.done"}),
    "order": frozenset({"order.done"}),
    "request": frozenset({"request.decided", "request.withdrawn", "request.answered"}),
}
_FIELDS: Final = frozenset({"v", "id", "kind", "home", "about", "at"})
_SAME: Final = frozenset(
    {"scope", "pictures", "faces", "placements", "persons", "pending", "tier", "outcome"}
)  # in account and entry


@dataclass(frozen=True, slots=True)
class VerifiedReceipt:
    """A receipt that holds."""

    receipt: Mapping[str, Any]
    entry: Mapping[str, Any]  # the log's record: id, at, kind, body
    position: int
    checkpoint: str
    signed_by: str


def write(signer: Signer, proof: EntryProof, receipt: Mapping[str, Any]) -> str:
    """The signed document. `receipt`: all but its version and home. Raises ValueError: it has no canonical form."""
    document: dict[str, Any] = {
        "receipt": {"v": VERSION, "home": signer.origin, **receipt},
        "log": {
            "position": proof.position,
            "record": proof.record.decode(),
            "salt": proof.salt.hex(),
            "path": [part.hex() for part in proof.path],
            "checkpoint": proof.checkpoint,
        },
        "signed_by": signer.verifier_key(),
    }
    try:
        signature = signer.signature(SIGNED + rfc8785.dumps(document))
    except rfc8785.CanonicalizationError as error:
        raise ValueError(f"a receipt has no canonical form: {error}") from error
    return json.dumps({**document, "signature": signature}, indent=2, ensure_ascii=False) + "\n"


def read(text: str | bytes) -> dict[str, Any]:
    """The document, nothing of it checked but its form. Raises ReceiptRefused."""
    if len(text) > MAX_BYTES:
        raise ReceiptRefused("this is not a receipt: it has more than 16 MB", Remedy.ASK_FOR_IT_AGAIN)
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        if _is_page(text):
            raise ReceiptRefused(
                "this is a page for reading; the file that can be verified is the .json file of the same receipt",
                Remedy.GIVE_RECEIPT_FILE,
            ) from error
        raise ReceiptRefused("this is not a receipt, or one that was cut short", Remedy.ASK_FOR_IT_AGAIN) from error
    if not isinstance(document, dict) or set(document) != {"receipt", "log", "signed_by", "signature"}:
        raise ReceiptRefused("this is not a receipt: it has other parts", Remedy.ASK_FOR_IT_AGAIN)
    receipt = document["receipt"]
    if not isinstance(receipt, dict) or not receipt.keys() >= _FIELDS:
        raise ReceiptRefused("this is not a receipt: it says too little", Remedy.ASK_FOR_IT_AGAIN)
    if receipt["v"] != VERSION:
        raise ReceiptRefused(
            f"the receipt is of version {receipt['v']!r}; this version of Countenance knows {VERSION}", Remedy.UPGRADE
        )
    return document


def check(text: str | bytes, key: str, *, about: str | None = None) -> VerifiedReceipt:
    """The receipt, if it was signed with `key` (a verifier key), is whole, and the log's proof in it holds.

    Args: about: uid of the erasure, order or request, or of what was erased, that it must be of.
    Raises: ReceiptRefused: says what does not fit; LogBroken: `key` is no verifier key.
    """
    origin, public_key = parse_verifier_key(key)
    document = read(text)
    receipt = document["receipt"]
    if receipt["home"] != origin:
        raise ReceiptRefused(
            f"the receipt is of another home, {receipt['home']}; the key is of {origin}", Remedy.GET_TRUSTED_KEY
        )
    signature = document.pop("signature")
    if document["signed_by"] != key.strip():
        raise ReceiptRefused("the receipt was signed with another key than the one given", Remedy.GET_TRUSTED_KEY)
    try:
        raw = base64.b64decode(signature, validate=True)
        body = rfc8785.dumps(document)
    except (TypeError, ValueError, binascii.Error, rfc8785.CanonicalizationError) as error:
        raise ReceiptRefused("the receipt's signature does not fit: it was changed", Remedy.ASK_FOR_IT_AGAIN) from error
    if raw[:4] != key_hash(origin, public_key):
        raise ReceiptRefused("the receipt was signed with another key than the one given", Remedy.GET_TRUSTED_KEY)
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(raw[4:], SIGNED + body)
    except InvalidSignature as error:
        raise ReceiptRefused("the receipt's signature does not fit: it was changed", Remedy.ASK_FOR_IT_AGAIN) from error
    entry, position = _entry(document["log"], origin, public_key)
    _agree(receipt, entry)
    if about is not None and about not in {receipt["about"], receipt.get("of")}:
        raise ReceiptRefused(f"the receipt is about {receipt['about']}, not about {about}", Remedy.ASK_FOR_RIGHT_ONE)
    return VerifiedReceipt(receipt, entry, position, document["log"]["checkpoint"], key.strip())


def _is_page(text: str | bytes) -> bool:
    """Whether it is HTML, as a receipt for people is."""
    head = text[:1000]
    head = head.decode("utf-8", "replace") if isinstance(head, bytes) else head
    return head.lstrip("\ufeff \t\r\n").lower().startswith(("<!doctype html", "<html"))


def _entry(log: Any, origin: str, public_key: bytes) -> tuple[dict[str, Any], int]:
    """(record, position) of the log entry that the receipt carries, proven. Raises ReceiptRefused."""
    try:
        record, position = log["record"].encode(), log["position"]
        leaf = merkle.leaf_hash(bytes.fromhex(log["salt"]) + record)
        path = [bytes.fromhex(part) for part in log["path"]]
        said = json.loads(record)
        checkpoint = open_checkpoint(log["checkpoint"], origin, public_key)
        proven = merkle.includes(leaf, position, checkpoint.size, path, checkpoint.root)
        entry = {"id": said["id"], "at": said["at"], "kind": said["kind"], "body": dict(said["body"])}
    except LogBroken as error:
        raise ReceiptRefused(
            f"the receipt's checkpoint does not hold: {error.message}", Remedy.ASK_FOR_IT_AGAIN
        ) from error
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ReceiptRefused("the receipt's proof from the log is malformed", Remedy.ASK_FOR_IT_AGAIN) from error
    if not proven:
        raise ReceiptRefused(
            "the receipt's entry is not in the log that its checkpoint covers", Remedy.ASK_FOR_IT_AGAIN
        )
    return entry, position


def _agree(receipt: Mapping[str, Any], entry: Mapping[str, Any]) -> None:
    """The log's entry speaks of the same act. Raises ReceiptRefused."""
    kind, body = receipt["kind"], entry["body"]
    if entry["kind"] not in ENTRIES.get(kind, frozenset()) or body.get(kind) != receipt["about"]:
        raise ReceiptRefused("the log entry in the receipt is about something else", Remedy.ASK_FOR_IT_AGAIN)
    account = {**receipt, **receipt["counts"]} if isinstance(receipt.get("counts"), dict) else receipt
    different = sorted(name for name in _SAME & body.keys() & account.keys() if body[name] != account[name])
    if different:
        raise ReceiptRefused(
            f"the log entry in the receipt says otherwise: {', '.join(different)}", Remedy.ASK_FOR_IT_AGAIN
        )
