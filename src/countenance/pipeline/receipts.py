"""Receipts of a home: made from what was done and the log entry that says so, logged by their hash, kept.

Crash order: the entry of the act is in the log; then `receipt.signed` with the receipt's hash; then the receipt's row,
with whatever else its act records last. A crash between leaves an entry about a receipt that nobody was given; the act
is finished again and signs another.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from countenance.auditlog import receipt as receipts
from countenance.pipeline.stores import Stores
from countenance.protocols import LogEntry
from countenance.records.erasure.receipts import Receipt


def sign_receipt(stores: Stores, *, kind: str, about: str, account: Mapping[str, Any], entry: LogEntry) -> Receipt:
    """A receipt that is signed and logged, and for its caller to keep in the transaction that ends the act.

    Args: kind: erasure, order or request; about: uid of it; account: what this kind tells, ids, counts and places and
    no person; entry: of the log, the one that says that it was done.
    Raises: LogUnwritable, StorageFailed.
    """
    at = stores.clock()
    uid = str(uuid.uuid4())
    content = {"id": uid, "kind": kind, "about": about, "at": rfc3339(at), **account}
    document = receipts.write(stores.signer, stores.log.prove_entry(entry.position), content)
    stores.log.append(
        "receipt.signed", {"receipt": uid, "about": about, "sha256": hashlib.sha256(document.encode()).hexdigest()}
    )
    return Receipt(uid, kind, about, at, document)


def rfc3339(at: datetime) -> str:
    """In UTC, to the second: 2026-11-23T15:00:00Z."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
