"""The suppression list: keyed digests and sealed hashes; templates only on a person's explicit request.

Every write here also moves the policy version, so that a batch that was permitted before is decided again, and the
counter `kept_out`, so that a process with an opened copy of the list knows when it is old.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from countenance.records import schema as t
from countenance.records.database import Database
from countenance.records.queries import chunks, counter, insert, move_counter
from countenance.records.sources.sources import move_policy_version
from countenance.types import Box

_STAMP: Final = "kept_out"


@dataclass(frozen=True, slots=True)
class Suppression:
    """One row of the list. `box`: in pixels; of a `pdq` in parts of the picture's width and height; None: the whole."""

    kind: str  # bytes, address, pdq
    digest: bytes
    box: Box | None = None
    sealed: bytes | None = None  # of a pdq, under the request's key


@dataclass(frozen=True, slots=True)
class SealedPerson:
    """A person who asked to be kept out of new pictures: a template in a space, sealed under a key of its own."""

    request_uid: str  # 32 hex digits
    space_id: int
    key_id: bytes
    template: bytes


@dataclass(frozen=True, slots=True)
class SealedHash:
    """The perceptual hash of a picture that a request keeps out, with a face's box in parts of width and height."""

    request_id: int
    key_id: bytes
    digest: bytes
    sealed: bytes
    box: Box


@dataclass(frozen=True, slots=True)
class SuppressionRows:
    """The whole list except digests of bytes: those may be as many as there were erasures, and are read by batch."""

    stamp: int
    addresses: tuple[tuple[bytes, int], ...]  # (digest, request id)
    hashes: tuple[SealedHash, ...]
    persons: tuple[SealedPerson, ...]


class SuppressionTable:
    """Reads the list; the writes are inside the transactions of `records/requests/requests.py`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def version(self) -> int:
        """Return a number that grows with every change of what `rows` returns; 0: no one was ever kept out."""
        return self._db.count(_READ_STAMP)

    def rows(self) -> SuppressionRows:
        """Return the list as it is at one moment."""
        with self._db.snapshot() as connection:
            stamp = int(connection.scalar(_READ_STAMP) or 0)
            addresses = connection.execute(
                sa.select(t.suppressions.c.digest, t.suppressions.c.request_id).where(
                    t.suppressions.c.request_id.is_not(None), t.suppressions.c.kind == "address"
                )
            ).all()
            hashes = connection.execute(
                sa.select(t.suppressions, t.requests.c.key_id)
                .join(t.requests)
                .where(t.suppressions.c.kind == "pdq", t.requests.c.key_id.is_not(None))
                .order_by(t.suppressions.c.id)
            ).all()
            persons = connection.execute(
                sa.select(t.suppressed_persons, t.requests.c.uid).join(t.requests).order_by(t.requests.c.id)
            ).all()
        return SuppressionRows(
            stamp,
            tuple((row.digest, row.request_id) for row in addresses),
            tuple(SealedHash(row.request_id, row.key_id, row.digest, row.sealed, tuple(row.box)) for row in hashes),
            tuple(SealedPerson(uuid.UUID(row.uid).hex, row.space_id, row.key_id, row.template) for row in persons),
        )

    def of_pictures(self, digests: Sequence[bytes]) -> dict[bytes, list[tuple[Box | None, int | None]]]:
        """Return for each keyed digest of a picture's bytes what is kept out: (box, or None for all; request id)."""
        found: dict[bytes, list[tuple[Box | None, int | None]]] = {}
        with self._db.read() as connection:
            for part in chunks(digests):
                for row in connection.execute(_OF_PICTURES, {"digests": part}):
                    box = tuple(row.box) if row.box else None
                    found.setdefault(row.digest, []).append((box, row.request_id))
        return found


def insert_suppressions(connection: sa.Connection, rows: Sequence[Suppression], **whose: Any) -> None:
    """Add rows to the list. Args: whose: `erasure_uid` or `request_id`, for all of them."""
    insert(
        connection, t.suppressions,
        [
            {"kind": row.kind, "digest": row.digest, "box": row.box and list(row.box), "sealed": row.sealed, **whose}
            for row in rows
        ],
    )  # fmt: skip


def move_suppressions_version(connection: sa.Connection) -> None:
    """Make every opened copy of the list, and every earlier decision, old from this commit on."""
    move_counter(connection, _STAMP)
    move_policy_version(connection)


_READ_STAMP: Final = counter(_STAMP)
# Asked for every batch of an ingest: built once, since building a statement costs more than running it.
_OF_PICTURES: Final = sa.select(t.suppressions.c.digest, t.suppressions.c.box, t.suppressions.c.request_id).where(
    t.suppressions.c.kind == "bytes", t.suppressions.c.digest.in_(sa.bindparam("digests", expanding=True))
)
