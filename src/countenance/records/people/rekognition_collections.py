"""Collections and users of the Rekognition door: a collection is a source, a user is a person.

The owner of a collection is the pair (source that its key is bound to, client); for any other owner it does not exist.
"""

from __future__ import annotations

from collections.abc import Collection as Group
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from countenance.records import schema as t
from countenance.records.changes import note_changes
from countenance.records.database import Database
from countenance.records.packing import unpack_landmarks, unpack_quality
from countenance.records.queries import chunks, read_where
from countenance.records.reachability import USABLE, Unreachable, due_of
from countenance.types import Box, ClassId, FaceId, FaceRefusal, Landmarks, Quality


@dataclass(frozen=True, slots=True)
class Owner:
    """The owner of collections: rows of `sources` and `clients`."""

    bound_id: int
    client_id: int | None


@dataclass(frozen=True, slots=True)
class Collection:
    """One collection; `source` is the name of the source that it is."""

    id: int  # of the source
    name: str
    source: str


@dataclass(frozen=True, slots=True)
class CollectionFace:
    """A face of a picture that was uploaded."""

    id: FaceId
    uid: str
    box: Box  # pixels of the picture as displayed
    picture_uid: str
    width: int
    height: int
    place: bytes
    landmarks: Landmarks | None
    quality: Quality | None
    refusal: FaceRefusal | None  # None: searchable
    person: str | None  # uid


@dataclass(frozen=True, slots=True)
class CollectionUser:
    """A user, as a program calls a person; `name` is sealed under `key_id`."""

    id: int
    name: bytes
    key_id: bytes
    person: str | None  # uid; None: no face is associated


class CollectionTable:
    """Reads and writes collections and their users."""

    def __init__(self, database: Database) -> None:
        self._db = database

    # --- collections ---------------------------------------------------------------------------------------------
    def all(self, owner: Owner) -> tuple[Collection, ...]:
        """Return the owner's collections, by name."""
        query = _COLLECTIONS.where(*_owned(owner)).order_by(t.collections.c.name)
        return self._db.every(query, lambda row: Collection(*row))

    def find(self, owner: Owner, name: str) -> Collection | None:
        """Return the owner's collection of that name."""
        query = _COLLECTIONS.where(*_owned(owner), t.collections.c.name == name)
        return self._db.one(query, lambda row: Collection(*row))

    def add(self, owner: Owner, source_id: int, name: str) -> bool:
        """Make the source the owner's collection of that name, from this commit on. False: there is one already."""
        with self._db.write() as connection:
            if connection.execute(_COLLECTIONS.where(*_owned(owner), t.collections.c.name == name)).first() is not None:
                return False
            connection.execute(
                t.collections.insert().values(
                    source_id=source_id, name=name, bound_id=owner.bound_id, client_id=owner.client_id
                )
            )
            return True

    def of_source(self, source_id: int) -> tuple[str, ...]:
        """Return the names of the sources under a copy of this source's grant."""
        query = sa.select(t.sources.c.name).join(t.collections, t.collections.c.source_id == t.sources.c.id)
        return self._db.column(query.where(t.collections.c.bound_id == source_id))

    # --- faces ---------------------------------------------------------------------------------------------------
    def faces(
        self, source_id: int, classes: Group[ClassId], *, after: FaceId = 0, limit: int,
        only: Sequence[str] | None = None, person: str | None = None,
    ) -> tuple[CollectionFace, ...]:  # fmt: skip
        """Return searchable faces of a collection in these classes, by id, after `after`.

        Args: only: of these uids; person: of this one.
        """
        query = _FACES.where(
            t.placements.c.source_id == source_id, t.enrolments.c.class_id.in_(list(classes)),
            t.enrolments.c.refusal.is_(None), t.faces.c.template.is_not(None), t.faces.c.id > after,
        )  # fmt: skip
        if only is not None:
            query = query.where(t.faces.c.uid.in_(list(only)))
        if person is not None:
            query = query.where(t.persons.c.uid == person)
        return self._db.every(query.order_by(t.faces.c.id).limit(limit), _face)

    def faces_of_picture(self, source_id: int, sha256: bytes) -> tuple[CollectionFace, ...]:
        """Return every face of a picture of a collection, also those that are not searchable there."""
        query = _FACES.where(t.placements.c.source_id == source_id, t.pictures.c.sha256 == sha256)
        return self._db.every(query.order_by(t.faces.c.id), _face)

    def count(self, source_id: int, classes: Group[ClassId]) -> tuple[int, int]:
        """Return (searchable faces in these classes, users) of a collection."""
        faces = (
            sa.select(sa.func.count(sa.distinct(t.faces.c.id)))
            .select_from(_JOINED)
            .where(
                t.placements.c.source_id == source_id, t.enrolments.c.class_id.in_(list(classes)),
                t.enrolments.c.refusal.is_(None), t.faces.c.erasure_id.is_(None),
            )
        )  # fmt: skip
        users = sa.select(sa.func.count()).where(t.collection_users.c.source_id == source_id)
        return self._db.count(faces), self._db.count(users)

    def unenrol(self, source_id: int, faces: Sequence[FaceId]) -> Unreachable:
        """Take these faces out of every class of the collection's source; return what nothing supports any more."""
        with self._db.write() as connection:
            return unenrol_from_source(connection, source_id, faces)

    def only_here(self, source_id: int, faces: Sequence[FaceId]) -> tuple[FaceId, ...]:
        """Return those of these faces that no class of another source may use."""
        elsewhere = sa.exists().where(
            t.enrolments.c.face_id == t.faces.c.id, t.enrolments.c.class_id.not_in(_classes_of(source_id)), USABLE
        )
        query = sa.select(t.faces.c.id).where(~elsewhere)
        return tuple(row.id for row in read_where(self._db, query, t.faces.c.id, faces))

    # --- users ---------------------------------------------------------------------------------------------------
    def add_user(self, source_id: int, digest: bytes, name: bytes, key_id: bytes) -> bool:
        """Add a user to the collection, from this commit on. False: it has one of that name."""
        mine = sa.and_(t.collection_users.c.source_id == source_id, t.collection_users.c.digest == digest)
        with self._db.write() as connection:
            if connection.execute(sa.select(t.collection_users.c.id).where(mine)).first() is not None:
                return False
            connection.execute(
                t.collection_users.insert().values(source_id=source_id, digest=digest, name=name, key_id=key_id)
            )
            return True

    def user(self, source_id: int, digest: bytes) -> CollectionUser | None:
        """Return the user whose name has this digest."""
        mine = sa.and_(t.collection_users.c.source_id == source_id, t.collection_users.c.digest == digest)
        return self._db.one(t.collection_users.select().where(mine), _user)

    def users(self, source_id: int, *, after: int = 0, limit: int) -> tuple[CollectionUser, ...]:
        """Return users of a collection, oldest first, after `after`."""
        query = t.collection_users.select().where(
            t.collection_users.c.source_id == source_id, t.collection_users.c.id > after
        )
        return self._db.every(query.order_by(t.collection_users.c.id).limit(limit), _user)

    def users_who_are(self, source_id: int, persons: Sequence[str]) -> tuple[CollectionUser, ...]:
        """Return the users of a collection who are these persons."""
        query = t.collection_users.select().where(t.collection_users.c.source_id == source_id)
        return tuple(map(_user, read_where(self._db, query, t.collection_users.c.person, persons)))

    def with_faces(self, source_id: int, classes: Group[ClassId], persons: Sequence[str]) -> set[str]:
        """Return those of these persons who have a searchable face in the collection."""
        query = (
            sa.select(t.persons.c.uid)
            .distinct()
            .select_from(_JOINED)
            .where(
                t.placements.c.source_id == source_id, t.enrolments.c.class_id.in_(list(classes)),
                t.enrolments.c.refusal.is_(None), t.faces.c.erasure_id.is_(None),
            )
        )  # fmt: skip
        return {row.uid for row in read_where(self._db, query, t.persons.c.uid, persons)}

    def set_person(self, user: CollectionUser, person: str) -> None:
        """Record that the user is that person, from this commit on."""
        self._db.run(t.collection_users.update().where(t.collection_users.c.id == user.id).values(person=person))

    def remove_user(self, user: CollectionUser) -> None:
        """Remove the user from the collection; its faces stay."""
        self._db.run(t.collection_users.delete().where(t.collection_users.c.id == user.id))


def forget_collection(connection: sa.Connection, source_id: int) -> None:
    """Delete the source's collection and users; collections under a copy of its grant have no owner any more."""
    connection.execute(t.collection_users.delete().where(t.collection_users.c.source_id == source_id))
    connection.execute(t.collections.delete().where(t.collections.c.source_id == source_id))
    connection.execute(t.collections.update().where(t.collections.c.bound_id == source_id).values(bound_id=None))


_COLLECTIONS: Final = sa.select(t.collections.c.source_id, t.collections.c.name, t.sources.c.name.label("source")).join(
    t.sources, t.sources.c.id == t.collections.c.source_id
)
_JOINED: Final = (
    t.faces.join(t.pictures, t.pictures.c.id == t.faces.c.picture_id)
    .join(t.enrolments, t.enrolments.c.face_id == t.faces.c.id)
    .join(
        t.placements,
        sa.and_(t.placements.c.picture_id == t.pictures.c.id, t.placements.c.class_id == t.enrolments.c.class_id),
    )
    .outerjoin(t.person_faces, t.person_faces.c.face_id == t.faces.c.id)
    .outerjoin(t.persons, t.persons.c.id == t.person_faces.c.person_id)
)
_OTHER: Final = t.placements.alias("other")
_FIRST_PLACE: Final = (  # a picture may stand in a collection twice
    sa.select(sa.func.min(_OTHER.c.id))
    .where(
        _OTHER.c.picture_id == t.placements.c.picture_id, _OTHER.c.source_id == t.placements.c.source_id,
        _OTHER.c.class_id == t.placements.c.class_id,
    )
    .scalar_subquery()
    .correlate(t.placements)
)  # fmt: skip
_FACES: Final = (
    sa.select(
        t.faces.c.id, t.faces.c.uid, t.faces.c.x1, t.faces.c.y1, t.faces.c.x2, t.faces.c.y2, t.faces.c.landmarks,
        t.faces.c.quality, t.pictures.c.uid.label("picture_uid"), t.pictures.c.width, t.pictures.c.height,
        t.placements.c.place, t.enrolments.c.refusal, t.persons.c.uid.label("person"),
    )
    .select_from(_JOINED)
    .where(t.faces.c.erasure_id.is_(None), t.pictures.c.erasure_id.is_(None))
    .where(t.placements.c.id == _FIRST_PLACE)
)  # fmt: skip


def _owned(owner: Owner) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return t.collections.c.bound_id == owner.bound_id, t.collections.c.client_id.is_not_distinct_from(owner.client_id)


def _face(row: Any) -> CollectionFace:
    return CollectionFace(
        id=row.id, uid=row.uid, box=(row.x1, row.y1, row.x2, row.y2),
        picture_uid=row.picture_uid, width=row.width, height=row.height, place=row.place,
        landmarks=None if row.landmarks is None else unpack_landmarks(row.landmarks),
        quality=None if row.quality is None else unpack_quality(row.quality),
        refusal=None if row.refusal is None else FaceRefusal(row.refusal),
        person=row.person,
    )  # fmt: skip


def _user(row: Any) -> CollectionUser:
    return CollectionUser(row.id, row.name, row.key_id, row.person)


def unenrol_from_source(connection: sa.Connection, source_id: int, faces: Sequence[FaceId]) -> Unreachable:
    """Take these faces out of every class of the source; return those that nothing supports any more."""
    pictures: list[int] = []
    for part in chunks(list(faces)):
        mine = sa.and_(t.enrolments.c.face_id.in_(part), t.enrolments.c.class_id.in_(_classes_of(source_id)))
        rows = connection.execute(sa.select(t.enrolments).where(mine, t.enrolments.c.refusal.is_(None))).all()
        connection.execute(t.enrolments.delete().where(mine))
        note_changes(connection, [(row.face_id, row.class_id) for row in rows], added=False)
        pictures += connection.scalars(sa.select(t.faces.c.picture_id).where(t.faces.c.id.in_(part)))
    due = due_of(connection, pictures)
    return Unreachable(faces=tuple(face for face in due.faces if face in set(faces)))


def _classes_of(source_id: int) -> sa.Select[tuple[int]]:
    return (
        sa.select(t.policy_classes.c.id)
        .join(t.grants, t.grants.c.id == t.policy_classes.c.grant_id)
        .where(t.grants.c.source_id == source_id)
    )
