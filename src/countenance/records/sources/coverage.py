"""Counts what a set of policy classes holds, and each source: what an order would touch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from countenance.records import schema as t
from countenance.records.database import Database
from countenance.records.queries import read_where
from countenance.types import ClassId, FaceId


@dataclass(frozen=True, slots=True)
class Holdings:
    """What the home holds at one moment, without what is being erased."""

    pictures: dict[str, int]  # by source's name; a picture in two sources counts in each
    faces: dict[str, int]  # likewise, with or without a template
    erased_leads: int  # of kept searches: shown then, erased since


class Coverage:
    """Reads what is in policy classes; it writes nothing."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def indexed_faces(self, classes: Iterable[ClassId]) -> dict[FaceId, int]:
        """Return the faces that an index holds in one of these classes, each with its picture."""
        query = (
            sa.select(t.faces.c.id, t.faces.c.picture_id)
            .join(t.enrolments)
            .where(t.enrolments.c.refusal.is_(None), t.faces.c.erasure_id.is_(None))
        )
        rows = read_where(self._db, query, t.enrolments.c.class_id, sorted(classes))
        return {row.id: row.picture_id for row in rows}

    def pictures(self, classes: Iterable[ClassId]) -> set[int]:
        """Return the pictures with a placement in one of these classes."""
        query = (
            sa.select(t.placements.c.picture_id).join(t.pictures).where(t.pictures.c.erasure_id.is_(None)).distinct()
        )
        rows = read_where(self._db, query, t.placements.c.class_id, sorted(classes))
        return {row.picture_id for row in rows}


def holdings(connection: sa.Connection) -> Holdings:
    """Return what that connection sees, so that a rehearsal can be looked at from within."""
    standing = t.placements.join(t.sources, t.sources.c.id == t.placements.c.source_id).join(
        t.pictures, t.pictures.c.id == t.placements.c.picture_id
    )
    mine = t.pictures.c.erasure_id.is_(None)
    pictures = sa.select(t.sources.c.name, sa.func.count(sa.distinct(t.placements.c.picture_id))).select_from(standing)
    faces = sa.select(t.sources.c.name, sa.func.count(sa.distinct(t.faces.c.id))).select_from(
        standing.join(t.faces, t.faces.c.picture_id == t.placements.c.picture_id)
    )
    return Holdings(
        {row[0]: row[1] for row in connection.execute(pictures.where(mine).group_by(t.sources.c.name))},
        {
            row[0]: row[1]
            for row in connection.execute(faces.where(mine, t.faces.c.erasure_id.is_(None)).group_by(t.sources.c.name))
        },
        int(connection.scalar(sa.select(sa.func.coalesce(sa.func.sum(t.searches.c.erased_leads), 0))) or 0),
    )
