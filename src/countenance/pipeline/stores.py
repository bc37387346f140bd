"""The adapters that the pipeline's acts share, wired by `app`. A value: it decides nothing."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from countenance.auditlog.checkpoint import Signer
from countenance.index.snapshots import Snapshots
from countenance.permits import Act
from countenance.policy.facts import PolicyQuery
from countenance.policy.gate import Policy
from countenance.protocols import AuditLog, BlobStore, KeyRing
from countenance.records.store import RecordStore
from countenance.types import HomeKind


@dataclass(frozen=True, slots=True)
class Stores:
    """Everything that a home keeps, and the policy that stands before it."""

    kind: HomeKind
    records: RecordStore
    keys: KeyRing
    blobs: BlobStore
    log: AuditLog
    segments: Snapshots
    policy: Policy
    signer: Signer  # of the log's checkpoints and of receipts
    pseudonym_key: bytes  # 32 bytes, kept in keys.db
    clock: Callable[[], datetime]
    naming_keys: Callable[[], AbstractContextManager[object]]  # shared, from making a key until a row names it
    nothing_unnamed: Callable[[], AbstractContextManager[object]]  # alone: nobody is between a key and its row
    erasing: Callable[[], AbstractContextManager[object]]  # one process finishes erasures at a time

    def ask(self, act: Act, **more: object) -> PolicyQuery:
        """An ask of this home."""
        return PolicyQuery(act=act, home=self.kind, **more)  # type: ignore[arg-type]  # checked by Ask's own callers

    def pseudonym(self, kind: str, data: bytes) -> str:
        """A name for `data` in the log: HMAC-SHA-256 under a key of the home's; no outsider can test a guess."""
        return self.digest(kind, data).hex()

    def digest(self, kind: str, data: bytes) -> bytes:
        """The 32 bytes of `pseudonym`."""
        return hmac.new(self.pseudonym_key, kind.encode() + b"\0" + data, hashlib.sha256).digest()


def probe_digest(stores: Stores, sha256: bytes) -> bytes:
    """What a probe's file is known by, in the log and with its case."""
    return stores.digest("probe", sha256)


def salted_hash(salt: bytes, sha256: bytes) -> str:
    """The log's name for a picture. Its salt lies in the picture's row and goes with it; then the name is nobody's."""
    return hashlib.sha256(salt + sha256).hexdigest()
