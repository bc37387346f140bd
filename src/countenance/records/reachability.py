"""What supports a picture and a template: a placement, and a class that may use it. What loses that must be erased."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from countenance.records import schema as t
from countenance.records.changes import note_changes
from countenance.records.queries import chunks
from countenance.types import FaceId, FaceRefusal

# Searchable in a class, or kept from searches for a while on the pictured person's own request.
USABLE: Final = sa.or_(t.enrolments.c.refusal.is_(None), t.enrolments.c.refusal == str(FaceRefusal.RESTRICTED))
UNPLACED: Final = (
    sa.select(t.pictures.c.id)
    .where(t.pictures.c.erasure_id.is_(None))
    .where(~sa.exists().where(t.placements.c.picture_id == t.pictures.c.id))
)
UNSUPPORTED: Final = (  # a template that no class may use must not stay
    sa.select(t.faces.c.id)
    .where(t.faces.c.erasure_id.is_(None), t.faces.c.key_id.is_not(None))
    .where(sa.exists().where(t.placements.c.picture_id == t.faces.c.picture_id))
    .where(~sa.exists().where(t.enrolments.c.face_id == t.faces.c.id, USABLE))
)


@dataclass(frozen=True, slots=True)
class Unreachable:
    """What nothing supports any more: whole pictures, and templates of faces of other pictures. It must be erased."""

    pictures: tuple[int, ...] = ()
    faces: tuple[FaceId, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.pictures or self.faces)


def due_of(connection: sa.Connection, pictures: Sequence[int]) -> Unreachable:
    """Return what nothing supports any more of these pictures."""
    unplaced: list[int] = []
    unsupported: list[FaceId] = []
    for part in chunks(sorted(set(pictures))):
        unplaced.extend(connection.scalars(UNPLACED.where(t.pictures.c.id.in_(part))))
        unsupported.extend(connection.scalars(UNSUPPORTED.where(t.faces.c.picture_id.in_(part))))
    return Unreachable(tuple(unplaced), tuple(unsupported))


def drop_placements(connection: sa.Connection, which: sa.ColumnElement[bool]) -> Unreachable:
    """Delete placements and the enrolments that rested on them alone; return what nothing supports any more."""
    pictures = list(connection.scalars(sa.select(t.placements.c.picture_id).distinct().where(which)))
    connection.execute(t.placements.delete().where(which))
    for part in chunks(pictures):
        drop_unsupported(connection, part)
    return due_of(connection, pictures)


def drop_unsupported(connection: sa.Connection, pictures: Sequence[int]) -> None:
    """Delete enrolments in classes in which the picture has no placement any more, from index and records."""
    supported = (
        sa.exists()
        .where(t.placements.c.picture_id == t.faces.c.picture_id)
        .where(t.placements.c.class_id == t.enrolments.c.class_id)
    )
    rows = connection.execute(
        sa.select(t.enrolments.c.face_id, t.enrolments.c.class_id, t.enrolments.c.refusal)
        .join(t.faces)
        .where(t.faces.c.picture_id.in_(list(pictures)), ~supported)
        # a picture without any placement keeps its rows until its erasure has removed what they lead to
        .where(sa.exists().where(t.placements.c.picture_id == t.faces.c.picture_id))
    ).all()
    for row in rows:
        connection.execute(
            t.enrolments.delete().where(t.enrolments.c.face_id == row.face_id, t.enrolments.c.class_id == row.class_id)
        )
    note_changes(connection, [(row.face_id, row.class_id) for row in rows if row.refusal is None], added=False)
