"""Cases and the searches kept with them: who asked, the probe, what was shown."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import sqlalchemy as sa

from countenance.records import schema as t
from countenance.records.database import Database
from countenance.records.queries import chunks, find_or_insert, insert_one
from countenance.records.sources.sources import policy_version

SearchId: TypeAlias = int


@dataclass(frozen=True, slots=True)
class Case:
    """The reason for a search, under a reference."""

    id: int
    uid: str
    reference: str


class CaseTable:
    """Reads and writes the cases of an organisation's home."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def find(self, reference: str) -> Case | None:
        """Return the case of that reference."""
        query = sa.select(t.cases.c.id, t.cases.c.uid, t.cases.c.reference).where(t.cases.c.reference == reference)
        return self._db.one(query, lambda row: Case(*row))

    def ensure(self, reference: str, at: datetime) -> Case:
        """Return the case of that reference; open it if it is new."""
        same = sa.select(t.cases.c.id).where(t.cases.c.reference == reference)
        find_or_insert(self._db, same, t.cases, uid=uuid.uuid4(), reference=reference, key_id=b"", opened_at=at)
        found = self.find(reference)
        assert found is not None
        return found

    def keep_search(
        self, case: Case, *, log_entry: str, purpose: str, at: datetime, client_id: int | None = None,
        probe_blob: str = "", key_id: bytes | None = None, digest: bytes | None = None,
    ) -> SearchId:  # fmt: skip
        """Record the search with its case.

        Args: client_id: who asked; None: the operator; probe_blob, key_id, digest: of a probe that is kept: its blob,
        the key that it is sealed under, the keyed digest of its file.
        """
        with self._db.write() as connection:
            return insert_one(
                connection, t.searches, log_entry=log_entry, case_id=case.id, purpose=purpose, probe_blob=probe_blob,
                at=at, client_id=client_id, key_id=key_id, digest=digest,
            )  # fmt: skip

    def keep_shown(self, search: SearchId, faces: Sequence[str], policy: int) -> bool:
        """Record that the search shows the faces of these uids, of which each may still be shown.

        False: nothing was written, since the policy has moved on from version `policy`; an erasure moves it too.
        """
        with self._db.write() as connection:
            if policy_version(connection) != policy:
                return False
            for part in chunks(faces):
                connection.execute(
                    t.shown.insert().from_select(
                        ["search_id", "face_id"],
                        sa.select(sa.literal(search), t.faces.c.id).where(t.faces.c.uid.in_(list(part))),
                    )
                )
        return True
