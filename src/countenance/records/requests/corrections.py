"""Corrects what was recorded wrongly: the jurisdictions of a picture, the name of a subject."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import sqlalchemy as sa

from countenance.records import schema as t
from countenance.records.changes import note_changes
from countenance.records.database import Database
from countenance.records.queries import read_where
from countenance.records.sources.sources import move_policy_version
from countenance.types import ClassId, FaceId


class CorrectionTable:
    """Reads what a correction is about, and writes what is right."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def pictures_of(self, faces: Sequence[FaceId]) -> tuple[tuple[int, ClassId, int], ...]:
        """Return (picture, a class in which it is placed, its grant) of these faces' pictures."""
        query = sa.select(t.placements.c.picture_id, t.placements.c.class_id, t.policy_classes.c.grant_id).select_from(
            t.placements.join(t.policy_classes).join(t.faces, t.faces.c.picture_id == t.placements.c.picture_id)
        )
        return tuple(sorted({tuple(row) for row in read_where(self._db, query, t.faces.c.id, faces)}))

    def correct(self, jurisdictions: Iterable[str], moves: Sequence[tuple[int, ClassId, ClassId]]) -> None:
        """Set the pictures' jurisdictions, and move their faces to the classes that go with them. Safe to repeat.

        Args: moves: (picture, the class it was placed in, the one it belongs in).
        """
        with self._db.write() as connection:
            for picture, before, after in moves:
                connection.execute(
                    t.pictures.update().where(t.pictures.c.id == picture).values(jurisdictions=sorted(jurisdictions))
                )
                if before != after:
                    _move(connection, picture, before, after)
            move_policy_version(connection)

    def subjects_of(self, faces: Sequence[FaceId]) -> tuple[int, ...]:
        """Return the subjects of grants to whom these faces are tied."""
        query = sa.select(t.enrolments.c.subject_id).where(t.enrolments.c.subject_id.is_not(None))
        rows = read_where(self._db, query, t.enrolments.c.face_id, faces)
        return tuple(sorted({row.subject_id for row in rows}))

    def rename_subjects(self, names: Mapping[int, bytes]) -> None:
        """Set these sealed names of subjects, by id."""
        with self._db.write() as connection:
            for subject, name in names.items():
                connection.execute(t.subjects.update().where(t.subjects.c.id == subject).values(name=name))


def _move(connection: sa.Connection, picture: int, before: ClassId, after: ClassId) -> None:
    """Move the picture's placements and its faces' enrolments from one class to another; every index sees it."""
    mine = t.faces.c.picture_id == picture
    connection.execute(
        t.placements.update()
        .where(t.placements.c.picture_id == picture, t.placements.c.class_id == before)
        .values(class_id=after)
    )
    query = sa.select(t.enrolments).join(t.faces).where(mine)
    there = set(connection.scalars(query.with_only_columns(t.enrolments.c.face_id).where(
        t.enrolments.c.class_id == after)))  # fmt: skip
    rows = connection.execute(query.where(t.enrolments.c.class_id == before)).all()
    for row in rows:
        connection.execute(
            t.enrolments.delete().where(t.enrolments.c.face_id == row.face_id, t.enrolments.c.class_id == before)
        )
        if row.face_id not in there:
            connection.execute(
                t.enrolments.insert().values(
                    face_id=row.face_id, class_id=after, refusal=row.refusal, subject_id=row.subject_id
                )
            )
    searchable = [row.face_id for row in rows if row.refusal is None]
    note_changes(connection, [(face, before) for face in searchable], added=False)
    note_changes(connection, [(face, after) for face in searchable if face not in there], added=True)
