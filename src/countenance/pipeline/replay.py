"""Doing again what a backup is too old to know: later erasures, opt-outs, orders and withdrawals, from the log.

Each such act leaves beside its log entry what it takes to do it again: uids, keyed digests, rows; never a picture or a
name. It is sealed under a key of the home's that every backup holds, and it stays as long as the log: without it an old
backup would bring the erased back (DESIGN.md section 3).

    faces, pictures: uids of what is to be erased      source: the uid of one that goes whole
    suppressions: what keeps out the erased and those who opted out
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

import rfc8785
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from countenance.errors import LogBroken, SealBroken
from countenance.keys.sealing import seal, unseal
from countenance.pipeline.erase import Eraser
from countenance.pipeline.stores import Stores
from countenance.protocols import LogEntry
from countenance.records.sources import Source

GRANT_ENDS: Final = {"source.withdrawn": "withdrawn_at", "source.takedown": "withdrawn_at"}
STOPS: Final = frozenset({"source.suspended", "source.resumed"})


@dataclass(frozen=True, slots=True)
class Replayed:
    """How much was done again."""

    faces: int  # erased
    pictures: int
    sources: int  # erased, withdrawn, suspended or resumed
    suppressions: int
    orders: int

    def as_dict(self) -> dict[str, int]:
        """For --json and the log."""
        return asdict(self)
