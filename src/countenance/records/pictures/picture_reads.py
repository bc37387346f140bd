"""Reads of single pictures: where each one is, and the state of each face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from countenance.records import schema as t
from countenance.records.database import Database
from countenance.records.packing import unpack_quality
from countenance.types import Basis, Box, ClassId, FaceRefusal


@dataclass(frozen=True, slots=True)
class PlaceRow:
    """A path where a picture is."""

    source: str
    source_id: int
    location: bytes
    place: bytes
    class_id: ClassId
    basis: Basis
    purposes: tuple[str, ...]
    jurisdictions: tuple[str, ...]
    expires_at: str | None


@dataclass(frozen=True, slots=True)
class FaceView:
    """A face and its state in each class; None: searchable."""

    id: int
    uid: str
    box: Box
    quality: float | None
    states: dict[ClassId, FaceRefusal | None]
    person: str | None  # uid


@dataclass(frozen=True, slots=True)
class PictureView:
    """A picture that is not being erased."""

    id: int
    uid: str
    sha256: bytes
    width: int
    height: int
    format: str
    taken_at: str | None


class PictureReads:
    """Reads single pictures, and a source's pictures a page at a time."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def get(self, uid: str) -> PictureView | None:
        """Return the picture of that uid."""
        query = t.pictures.select().where(t.pictures.c.uid == uid, t.pictures.c.erasure_id.is_(None))
        return self._db.one(query, _picture)

    def of_source(self, source_id: int, after: int, limit: int) -> list[PictureView]:
        """Return pictures of a source, by id, after that one."""
        query = (
            sa.select(t.pictures)
            .select_from(t.placements.join(t.pictures))
            .where(t.placements.c.source_id == source_id, t.placements.c.picture_id > after)
            .where(t.pictures.c.erasure_id.is_(None))
            .distinct()
            .order_by(t.placements.c.picture_id)  # as its index has them, so that nothing is sorted
        )
        return list(self._db.every(query.limit(limit), _picture))

    def places(self, picture_id: int) -> list[PlaceRow]:
        """Return every path of the picture, the first recorded first."""
        query = (
            sa.select(
                t.sources.c.name, t.sources.c.id, t.sources.c.location, t.placements.c.place, t.placements.c.class_id,
                t.grants.c.basis, t.policy_classes.c.purposes, t.policy_classes.c.jurisdictions, t.grants.c.expires_at,
            )
            .select_from(
                t.placements.join(t.sources, t.sources.c.id == t.placements.c.source_id)
                .join(t.policy_classes, t.policy_classes.c.id == t.placements.c.class_id)
                .join(t.grants, t.grants.c.id == t.policy_classes.c.grant_id)
            )
            .where(t.placements.c.picture_id == picture_id)
            .order_by(t.placements.c.id)
        )  # fmt: skip
        return list(self._db.every(query, _place))

    def faces(self, picture_id: int) -> list[FaceView]:
        """Return the picture's faces that are not being erased, in the order in which they were found."""
        query = (
            sa.select(t.faces, t.enrolments.c.class_id, t.enrolments.c.refusal, t.persons.c.uid.label("person_uid"))
            .select_from(
                t.faces.outerjoin(t.enrolments, t.enrolments.c.face_id == t.faces.c.id)
                .outerjoin(t.person_faces, t.person_faces.c.face_id == t.faces.c.id)
                .outerjoin(
                    t.persons, sa.and_(t.persons.c.id == t.person_faces.c.person_id, t.persons.c.erasure_id.is_(None))
                )
            )
            .where(t.faces.c.picture_id == picture_id, t.faces.c.erasure_id.is_(None))
            .order_by(t.faces.c.id)
        )
        with self._db.read() as connection:
            return _faces(connection.execute(query).all())

    def leaving_boxes(self, picture_id: int) -> tuple[Box, ...]:
        """Return the boxes of its faces that are being erased, which `faces` leaves out."""
        faces = t.faces.c
        query = sa.select(faces.x1, faces.y1, faces.x2, faces.y2).where(
            faces.picture_id == picture_id, faces.erasure_id.is_not(None)
        )
        return self._db.every(query.order_by(faces.id), tuple)


def _faces(rows: Sequence[Any]) -> list[FaceView]:
    found: dict[int, FaceView] = {}
    for row in rows:
        if row.id not in found:
            found[row.id] = FaceView(
                row.id, row.uid, (row.x1, row.y1, row.x2, row.y2),
                None if row.quality is None else unpack_quality(row.quality).overall, {},
                row.person_uid,
            )  # fmt: skip
        if row.class_id is not None:
            found[row.id].states[row.class_id] = None if row.refusal is None else FaceRefusal(row.refusal)
    return list(found.values())


def _place(row: Any) -> PlaceRow:
    return PlaceRow(
        row.name, row.id, row.location, row.place, row.class_id, Basis(row.basis), tuple(row.purposes),
        tuple(row.jurisdictions), None if row.expires_at is None else row.expires_at.isoformat(),
    )  # fmt: skip


def _picture(row: Any) -> PictureView:
    return PictureView(row.id, row.uid, row.sha256, row.width, row.height, row.format, row.taken_at)
