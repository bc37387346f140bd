"""What must be read to write a redoable act to the log, and what brings a restored home up to the log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from countenance.records import schema as t
from countenance.records.database import Database
from countenance.records.erasure.erasures import Erasure
from countenance.records.guests.erasures import leaving_guests
from countenance.records.queries import living_ids
from countenance.records.sources.sources import move_policy_version


class RedoTable:
    """Reads what is hidden for an erasure, by uid, and adds what older records lack."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def of_erasure(self, erasure: Erasure) -> dict[str, Any] | None:
        """Return what it takes to do an erasure again, before its rows are gone; None: the log has it already.

        {"faces": uids of single faces, "pictures": uids, "source": uid or None, "suppressions": rows, "guests": uids,
        "probes": log entries of the searches whose probe goes}, as JSON.
        """
        mine = t.pictures.c.erasure_id == erasure.id
        with self._db.snapshot() as connection:
            if connection.scalar(sa.select(t.erasures.c.noted_at).where(t.erasures.c.id == erasure.id)) is not None:
                return None
            whole = sa.select(t.pictures.c.id).where(mine)
            faces = connection.scalars(
                sa.select(t.faces.c.uid).where(t.faces.c.erasure_id == erasure.id, t.faces.c.picture_id.not_in(whole))
            ).all()
            pictures = connection.scalars(sa.select(t.pictures.c.uid).where(mine)).all()
            source = connection.scalar(sa.select(t.sources.c.uid).where(t.sources.c.id == erasure.source_id))
            guests = sorted(leaving_guests(connection))
            probes = connection.scalars(
                sa.select(t.searches.c.log_entry).where(t.searches.c.erasure_id == erasure.id)
            ).all()
            kept_out = connection.execute(
                t.suppressions.select().where(t.suppressions.c.erasure_uid == erasure.uid)
            ).all()
        return {
            "faces": sorted(faces),
            "pictures": sorted(pictures),
            "source": source,
            "suppressions": [suppression_row(row) for row in kept_out],
            "guests": guests,
            "probes": sorted(probes),
        }

    def mark_noted(self, erasure: Erasure, at: datetime) -> None:
        """Record that the log has what it takes to do the erasure again."""
        self._db.run(t.erasures.update().where(t.erasures.c.id == erasure.id).values(noted_at=at))

    def ids_of(self, faces: Iterable[str], pictures: Iterable[str]) -> tuple[list[int], list[int]]:
        """Return the ids of those of these uids that exist and are not being erased."""
        with self._db.read() as connection:
            return living_ids(connection, t.faces, faces), living_ids(connection, t.pictures, pictures)

    def add_suppressions(self, rows: Sequence[Mapping[str, Any]]) -> int:
        """Add those of these rows that are missing; return how many."""
        added = 0
        with self._db.write() as connection:
            for row in rows:
                values = {
                    "kind": row["kind"],
                    "digest": bytes.fromhex(row["digest"]),
                    "box": row["box"],
                    "sealed": None if row["sealed"] is None else bytes.fromhex(row["sealed"]),
                    "erasure_uid": row["erasure"],
                }
                there = connection.execute(
                    sa.select(t.suppressions.c.box).where(
                        t.suppressions.c.kind == values["kind"], t.suppressions.c.digest == values["digest"]
                    )
                ).all()
                if all(found.box != row["box"] for found in there):
                    connection.execute(t.suppressions.insert().values(**values))
                    added += 1
            move_policy_version(connection)
        return added


def suppression_row(row: Any) -> dict[str, Any]:
    """Return a row of `suppressions` as JSON, as `RedoTable.add_suppressions` takes it."""
    return {
        "kind": row.kind,
        "digest": row.digest.hex(),
        "box": row.box,
        "sealed": None if row.sealed is None else row.sealed.hex(),
        "erasure": row.erasure_uid,
    }
