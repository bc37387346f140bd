"""Probe pictures that are kept with a case: which are due, which an erasure takes, and that they are gone.

The record of the search stays; an empty `probe_blob` says that no picture is kept of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from countenance.records import schema as t
from countenance.records.database import Database
from countenance.records.queries import chunks, read_where

_KEPT: Final = sa.and_(t.searches.c.probe_blob != "", t.searches.c.erasure_id.is_(None))


@dataclass(frozen=True, slots=True)
class KeptProbe:
    """A probe whose bytes are to be removed. `key` None: other probes of its case are sealed under the same key."""

    id: int
    blob: str
    key: bytes | None


class ProbeTable:
    """Reads kept probes; forgetting them is one transaction and safe to repeat."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def of_searches(self, log_entries: Iterable[str]) -> list[int]:
        """Return the probes kept of the searches with these log entries."""
        query = sa.select(t.searches.c.id).where(_KEPT)
        return [row.id for row in read_where(self._db, query, t.searches.c.log_entry, list(log_entries))]

    def of_case(self, reference: str) -> list[int]:
        """Return every probe kept with the case of that reference."""
        mine = sa.select(t.cases.c.id).where(t.cases.c.reference == reference).scalar_subquery()
        return list(self._db.column(sa.select(t.searches.c.id).where(_KEPT, t.searches.c.case_id == mine)))

    def kept_before(self, moment: datetime) -> list[int]:
        """Return the probes kept before a moment."""
        return list(self._db.column(sa.select(t.searches.c.id).where(_KEPT, t.searches.c.at < moment)))

    def count(self) -> int:
        """Return how many probes are kept."""
        return self._db.count(sa.select(sa.func.count()).select_from(t.searches).where(_KEPT))

    def leaving(self, erasure_id: int) -> list[KeptProbe]:
        """Return the probes that an erasure has yet to remove.

        A probe from before each had a key of its own is sealed under its case's key, which goes with the last of them.
        """
        others = t.searches.alias()
        stays = sa.exists().where(
            others.c.case_id == t.searches.c.case_id, others.c.key_id.is_(None), others.c.probe_blob != "",
            others.c.erasure_id.is_distinct_from(erasure_id),
        )  # fmt: skip
        key = sa.case((t.searches.c.key_id.is_not(None), t.searches.c.key_id), (~stays, t.cases.c.key_id), else_=None)
        query = (
            sa.select(t.searches.c.id, t.searches.c.probe_blob, key.label("key"))
            .select_from(t.searches.join(t.cases))
            .where(t.searches.c.erasure_id == erasure_id)
            .order_by(t.searches.c.id)
        )
        return list(self._db.every(query, lambda row: KeptProbe(row.id, row.probe_blob, row.key)))

    def forget(self, probes: Sequence[KeptProbe]) -> None:
        """Delete what names these pictures; the records of their searches stay."""
        with self._db.write() as connection:
            for part in chunks([probe.id for probe in probes]):
                connection.execute(
                    t.searches.update()
                    .where(t.searches.c.id.in_(part))
                    .values(probe_blob="", key_id=None, digest=None, erasure_id=None)
                )


def hide_probes(
    connection: sa.Connection, erasure_id: int, named: Sequence[int], digests: Sequence[bytes], *, shown: bool
) -> int:
    """Mark the probes that go with an erasure; return how many.

    They are those named, those whose bytes are an erased picture's, and, with `shown`, those whose search showed one of
    its faces: they may show the same person. Call it before `drop_face_references`, which forgets what was shown.
    Args: digests: keyed, of the erased pictures' files.
    """
    which = [t.searches.c.id.in_(part) for part in chunks(list(named))]
    which += [t.searches.c.digest.in_(part) for part in chunks(list(digests))]
    if shown:
        mine = sa.select(t.faces.c.id).where(t.faces.c.erasure_id == erasure_id)
        which.append(t.searches.c.id.in_(sa.select(t.shown.c.search_id).where(t.shown.c.face_id.in_(mine))))
    marked = 0
    for condition in which:
        marked += connection.execute(t.searches.update().where(_KEPT, condition).values(erasure_id=erasure_id)).rowcount
    return marked
