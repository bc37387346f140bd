"""Reads for a list of duplicates: perceptual hashes, and the paths of the pictures that are near each other."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from countenance.records import schema as t
from countenance.records.changes import ROWS_A_READ
from countenance.records.database import Database
from countenance.records.queries import read_where
from countenance.types import ClassId


@dataclass(frozen=True, slots=True)
class HashedPicture:
    """A picture that is somewhere in the scope. `pdq` None: it has no hash yet; empty: too little to see."""

    id: int
    pdq: bytes | None
    places: int


@dataclass(frozen=True, slots=True)
class HashedCrop:
    """An indexed face's sealed crop hash."""

    picture_id: int
    face_uid: str
    key_id: bytes
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Place:
    """One path where a picture is."""

    picture_id: int
    picture_uid: str
    width: int
    height: int
    source: str
    location: bytes
    place: bytes
    size: int


class DuplicateReads:
    """Reads a page at a time, so that no reader holds a snapshot for long. It returns nothing that is being erased."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def pictures(self, classes: Collection[ClassId], sources: Collection[int]) -> Iterator[HashedPicture]:
        """Yield every picture that is in one of these sources in one of these classes."""
        query = (
            sa.select(t.pictures.c.id, t.pictures.c.pdq, sa.func.count().label("places"))
            .join(t.placements, t.placements.c.picture_id == t.pictures.c.id)
            .where(t.pictures.c.erasure_id.is_(None), _within(classes, sources))
            .group_by(t.pictures.c.id)
        )
        for rows in self._db.pages(query, t.pictures.c.id, ROWS_A_READ):
            yield from (HashedPicture(row.id, row.pdq, row.places) for row in rows)

    def crops(self, classes: Collection[ClassId], sources: Collection[int]) -> Iterator[tuple[HashedCrop, ...]]:
        """Yield the crop hashes of such pictures' faces that are searchable in one of these classes, in pages."""
        placed = sa.exists().where(t.placements.c.picture_id == t.faces.c.picture_id, _within(classes, sources))
        searchable = sa.exists().where(
            t.enrolments.c.face_id == t.faces.c.id,
            t.enrolments.c.class_id.in_(list(classes)),
            t.enrolments.c.refusal.is_(None),
        )
        query = (
            sa.select(t.faces.c.id, t.faces.c.picture_id, t.faces.c.uid, t.faces.c.key_id, t.faces.c.crop_hash)
            .join(t.pictures)
            .where(t.faces.c.crop_hash.is_not(None), t.faces.c.erasure_id.is_(None))
            .where(t.pictures.c.erasure_id.is_(None), placed, searchable)
        )
        for rows in self._db.pages(query, t.faces.c.id, ROWS_A_READ):
            yield tuple(HashedCrop(row.picture_id, row.uid, row.key_id, row.crop_hash) for row in rows)

    def places(
        self, pictures: Sequence[int], classes: Collection[ClassId], sources: Collection[int]
    ) -> dict[int, list[Place]]:
        """Return every path of each of these pictures within the same scope."""
        query = (
            sa.select(
                t.pictures.c.id, t.pictures.c.uid, t.pictures.c.width, t.pictures.c.height,
                t.sources.c.name, t.sources.c.location, t.placements.c.place, t.placements.c.size,
            )
            .select_from(t.pictures.join(t.placements).join(t.sources))
            .where(t.pictures.c.erasure_id.is_(None), _within(classes, sources))
            .order_by(t.placements.c.id)
        )  # fmt: skip
        found: dict[int, list[Place]] = {}
        for row in read_where(self._db, query, t.pictures.c.id, pictures):
            found.setdefault(row.id, []).append(Place(*row))
        return found


def _within(classes: Collection[ClassId], sources: Collection[int]) -> sa.ColumnElement[bool]:
    return sa.and_(t.placements.c.class_id.in_(list(classes)), t.placements.c.source_id.in_(list(sources)))
