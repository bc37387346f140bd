"""Persons: several faces that are one person by a decision. Every decision is kept, so that it can be undone.

Faces are named by their rows, which a change of the model does not touch. A decision is one transaction with its act:
it is checked, then the caller's `log` is called, then rows change, so that the log has no decision that was refused.
`undo` takes back the newest act that is not undone, so that its inverse always fits. What an erasure took from an act
is not brought back. The caller seals names under the person's own key.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from countenance.errors import NotFound, WrongUse
from countenance.records import schema as t
from countenance.records.changes import ROWS_A_READ
from countenance.records.database import Database
from countenance.records.queries import insert_one, read_where, rows_where, values_where
from countenance.remedies import Remedy
from countenance.types import ClassId, FaceId


class PersonAct(StrEnum):
    """What can be decided about persons."""

    NEW = "new"  # a person of these faces
    NAME = "name"
    ADD = "add"
    REMOVE = "remove"  # "not this person": they are not suggested for it again
    REFUSE = "refuse"  # the same, of faces that did not belong to it
    MERGE = "merge"  # all faces of another come to it
    SPLIT = "split"  # these faces become another person


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One person; `name` is sealed under `key_id`."""

    id: int
    uid: str
    key_id: bytes
    name: bytes | None
    made_at: datetime
    faces: int  # of those that are not being erased


@dataclass(frozen=True, slots=True)
class KnownFace:
    """A face by its id and its uid, with the person that it belongs to."""

    id: FaceId
    uid: str
    person_id: int | None


@dataclass(frozen=True, slots=True)
class SealedTemplate:
    """A face's template in one space, as it is stored."""

    face: FaceId
    uid: str
    key_id: bytes
    sealed: bytes
    subject_id: int | None = None  # of the grant, to whom the face is tied


@dataclass(frozen=True, slots=True)
class PersonDecision:
    """One act of the history."""

    uid: str
    act: PersonAct
    person: str  # uids
    other: str | None
    faces: int  # that it was about and that are still there
    at: datetime
    undone_at: datetime | None


class PersonTable:
    """Reads and writes the persons of a home."""

    def __init__(self, database: Database) -> None:
        self._db = database

    # --- reads ---------------------------------------------------------------------------------------------------
    def all(self) -> tuple[PersonRow, ...]:
        """Return every person, the one with most faces first."""
        return self._db.every(_PERSONS.order_by(sa.desc("faces"), t.persons.c.id), _person)

    def get(self, uid: str) -> PersonRow:
        """Return the person of that uid. Raises NotFound: no such person, or it was merged into another."""
        with self._db.read() as connection:
            return _get(connection, uid)

    def by_id(self, ids: Iterable[int]) -> dict[int, PersonRow]:
        """Return those of these persons that exist, by id."""
        return {row.id: _person(row) for row in read_where(self._db, _PERSONS, t.persons.c.id, list(ids))}

    def faces_of(self, uid: str) -> tuple[KnownFace, ...]:
        """Return the faces of a person that are not being erased. Raises NotFound."""
        with self._db.read() as connection:
            person = _get(connection, uid)
            query = _FACES.where(t.person_faces.c.person_id == person.id).order_by(t.faces.c.id)
            rows = connection.execute(query).all()
        return tuple(_face(row) for row in rows)

    def known_faces(self, uids: Sequence[str]) -> tuple[KnownFace, ...]:
        """Return faces by their public ids, in that order. Raises NotFound: names the first that is missing."""
        with self._db.read() as connection:
            return tuple(_known(connection, uids))

    def person_of(self, faces: Sequence[FaceId]) -> dict[FaceId, int]:
        """Return face -> person, for those of these faces that belong to one."""
        query = sa.select(t.person_faces.c.face_id, t.person_faces.c.person_id)
        return {row.face_id: row.person_id for row in read_where(self._db, query, t.person_faces.c.face_id, faces)}

    def members(self, persons: Iterable[int]) -> dict[int, list[FaceId]]:
        """Return person -> faces that are not being erased."""
        query = (
            sa.select(t.person_faces.c.person_id, t.person_faces.c.face_id)
            .join(t.faces)
            .where(t.faces.c.erasure_id.is_(None))
            .order_by(t.person_faces.c.face_id)
        )
        found: dict[int, list[FaceId]] = {}
        for row in read_where(self._db, query, t.person_faces.c.person_id, list(persons)):
            found.setdefault(row.person_id, []).append(row.face_id)
        return found

    def templates(self, faces: Sequence[FaceId], space_id: int) -> list[SealedTemplate]:
        """Return the sealed templates of those of these faces that have one in that space."""
        query = _TEMPLATES.where(_in_space(space_id))
        return [_sealed(row, space_id) for row in read_where(self._db, query, t.faces.c.id, faces)]

    def enrolled(self, classes: Iterable[ClassId], space_id: int) -> Iterator[tuple[SealedTemplate, ...]]:
        """Yield every face that is enrolled in one of these classes once, with its subject, a page at a time."""
        mine = (
            sa.select(sa.func.min(t.enrolments.c.subject_id))
            .where(t.enrolments.c.face_id == t.faces.c.id, t.enrolments.c.refusal.is_(None))
            .where(t.enrolments.c.class_id.in_(sorted(classes)))
            .correlate(t.faces)
        )
        there = (
            sa.exists()
            .where(t.enrolments.c.face_id == t.faces.c.id, t.enrolments.c.refusal.is_(None))
            .where(t.enrolments.c.class_id.in_(sorted(classes)))
            .correlate(t.faces)
        )
        query = _TEMPLATES.add_columns(mine.scalar_subquery().label("subject_id")).where(
            there, t.faces.c.erasure_id.is_(None), _in_space(space_id)
        )
        for rows in self._db.pages(query, t.faces.c.id, ROWS_A_READ):
            yield tuple(_sealed(row, space_id, row.subject_id) for row in rows)

    def count(self) -> int:
        """Return how many persons with a face there are."""
        query = sa.select(sa.func.count(sa.distinct(t.person_faces.c.person_id)))
        return self._db.count(query)

    def refusals(self) -> set[tuple[int, FaceId]]:
        """Return every (person, face) that a user has said do not belong together."""
        query = sa.select(t.person_refusals.c.person_id, t.person_refusals.c.face_id)
        return set(self._db.every(query, tuple))

    def history(self, limit: int) -> tuple[PersonDecision, ...]:
        """Return the newest acts, newest first."""
        return self._db.every(_ACTS.limit(limit), _decision)

    # --- decisions -----------------------------------------------------------------------------------------------
    def create(self, *, uid: uuid.UUID, tenant_id: int, key_id: bytes, name: bytes | None, faces: Sequence[str],
            at: datetime, log: Callable[[], object]) -> PersonRow:  # fmt: skip
        """Make a person of these faces. Raises: NotFound; WrongUse: one of them belongs to another."""
        with self._db.write() as connection:
            known = _free(_known(connection, faces))
            log()
            person_id = insert_one(
                connection, t.persons, uid=uid, tenant_id=tenant_id, key_id=key_id, name=name, made_at=at
            )
            _join(connection, person_id, known)
            _note(connection, PersonAct.NEW, person_id, known, at)
            return _get(connection, str(uid))

    def rename(self, uid: str, name: bytes | None, at: datetime, log: Callable[[], object]) -> PersonRow:
        """Set the person's name. Raises NotFound."""
        with self._db.write() as connection:
            person = _get(connection, uid)
            log()
            connection.execute(t.persons.update().where(t.persons.c.id == person.id).values(name=name))
            _note(connection, PersonAct.NAME, person.id, (), at, before=person.name)
            return _get(connection, uid)

    def add(self, uid: str, faces: Sequence[str], at: datetime, log: Callable[[], object]) -> PersonRow:
        """Add these faces to the person, whatever was refused. Raises: NotFound; WrongUse: one is another's."""
        with self._db.write() as connection:
            person = _get(connection, uid)
            known = _free(_known(connection, faces))
            log()
            _join(connection, person.id, known)
            _note(connection, PersonAct.ADD, person.id, known, at)
            return _get(connection, uid)

    def remove(self, uid: str, faces: Sequence[str], at: datetime, log: Callable[[], object]) -> PersonRow:
        """Remove these faces from the person, whether they belong to it or not; they are not suggested for it again.

        Raises: NotFound.
        """
        with self._db.write() as connection:
            person = _get(connection, uid)
            known = list(_known(connection, faces))
            log()
            for act, some in (
                (PersonAct.REMOVE, [face for face in known if face.person_id == person.id]),
                (PersonAct.REFUSE, [face for face in known if face.person_id != person.id]),
            ):
                if some:
                    _part(connection, [face.id for face in some if face.person_id == person.id])
                    _refuse(connection, person.id, some)
                    _note(connection, act, person.id, some, at)
            return _get(connection, uid)

    def merge(self, uid: str, other_uid: str, at: datetime, log: Callable[[], object]) -> PersonRow:
        """Move all faces of the other person to this one; the other is gone.

        Raises: NotFound; WrongUse: the same person.
        """
        with self._db.write() as connection:
            person, other = _get(connection, uid), _get(connection, other_uid)
            if person.id == other.id:
                raise WrongUse("a person can't be merged with itself")
            log()
            query = _FACES.where(t.person_faces.c.person_id == other.id)
            moved = [_face(row) for row in connection.execute(query)]
            _move(connection, other.id, person.id, [face.id for face in moved])
            connection.execute(t.persons.update().where(t.persons.c.id == other.id).values(gone_at=at))
            _note(connection, PersonAct.MERGE, person.id, moved, at, other_id=other.id)
            return _get(connection, uid)

    def split(
        self, uid: str, faces: Sequence[str], *, new_uid: uuid.UUID, key_id: bytes, at: datetime,
        log: Callable[[], object],
    ) -> PersonRow:  # fmt: skip
        """Make these faces of a person a person of their own.

        Returns: the new one. Raises: NotFound; WrongUse: that is all of them, or one is not the person's.
        """
        with self._db.write() as connection:
            person = _get(connection, uid)
            known = list(_known(connection, faces))
            if strange := next((face for face in known if face.person_id != person.id), None):
                raise WrongUse(f"face {strange.uid} does not belong to this person", Remedy.SHOW_PERSON, field="faces")
            if len(known) >= person.faces:
                raise WrongUse("a split must leave the person at least one face", field="faces")
            log()
            tenant = connection.scalar(sa.select(t.persons.c.tenant_id).where(t.persons.c.id == person.id))
            other_id = insert_one(connection, t.persons, uid=new_uid, tenant_id=tenant, key_id=key_id, made_at=at)
            _move(connection, person.id, other_id, [face.id for face in known])
            _note(connection, PersonAct.SPLIT, person.id, known, at, other_id=other_id)
            return _get(connection, str(new_uid))

    def undo(self, at: datetime, log: Callable[[PersonDecision], object]) -> PersonDecision:
        """Undo the newest act that is not undone. Raises NotFound: there is none."""
        with self._db.write() as connection:
            row = connection.execute(_ACTS.where(t.person_acts.c.undone_at.is_(None)).limit(1)).one_or_none()
            if row is None:
                raise NotFound("there is nothing to undo", Remedy.SHOW_PERSON_HISTORY)
            newest = _decision(row)
            log(newest)
            faces = list(
                connection.scalars(sa.select(t.person_act_faces.c.face_id).where(t.person_act_faces.c.act_id == row.id))
            )
            _UNDO[newest.act](connection, row, faces, at)
            connection.execute(t.person_acts.update().where(t.person_acts.c.id == row.id).values(undone_at=at))
        return newest


# --- inverses --------------------------------------------------------------------------------------------------------
def _undo_new(connection: sa.Connection, act: Any, faces: list[FaceId], at: datetime) -> None:
    _part(connection, faces)
    connection.execute(t.persons.update().where(t.persons.c.id == act.person_id).values(gone_at=at))


def _undo_name(connection: sa.Connection, act: Any, faces: list[FaceId], at: datetime) -> None:
    del faces, at
    connection.execute(t.persons.update().where(t.persons.c.id == act.person_id).values(name=act.before))


def _undo_add(connection: sa.Connection, act: Any, faces: list[FaceId], at: datetime) -> None:
    del act, at
    _part(connection, faces)


def _undo_refuse(connection: sa.Connection, act: Any, faces: list[FaceId], at: datetime) -> None:
    del at
    earlier = (
        sa.select(t.person_act_faces.c.face_id)
        .join(t.person_acts)
        .where(
            t.person_acts.c.act.in_([PersonAct.REMOVE, PersonAct.REFUSE]),
            t.person_acts.c.person_id == act.person_id,
            t.person_acts.c.id != act.id,
            t.person_acts.c.undone_at.is_(None),
        )
    )
    refused = t.person_refusals.c
    for face in faces:
        connection.execute(
            t.person_refusals.delete().where(
                refused.person_id == act.person_id, refused.face_id == face, refused.face_id.not_in(earlier)
            )
        )


def _undo_remove(connection: sa.Connection, act: Any, faces: list[FaceId], at: datetime) -> None:
    _undo_refuse(connection, act, faces, at)
    for face in faces:
        connection.execute(t.person_faces.insert().values(face_id=face, person_id=act.person_id))


def _undo_merge(connection: sa.Connection, act: Any, faces: list[FaceId], at: datetime) -> None:
    del at
    connection.execute(t.persons.update().where(t.persons.c.id == act.other_id).values(gone_at=None))
    _move(connection, act.person_id, act.other_id, faces)


def _undo_split(connection: sa.Connection, act: Any, faces: list[FaceId], at: datetime) -> None:
    _move(connection, act.other_id, act.person_id, faces)
    connection.execute(t.persons.update().where(t.persons.c.id == act.other_id).values(gone_at=at))


_UNDO = {
    PersonAct.NEW: _undo_new,
    PersonAct.NAME: _undo_name,
    PersonAct.ADD: _undo_add,
    PersonAct.REMOVE: _undo_remove,
    PersonAct.REFUSE: _undo_refuse,
    PersonAct.MERGE: _undo_merge,
    PersonAct.SPLIT: _undo_split,
}


# --- rows ------------------------------------------------------------------------------------------------------------
_COUNT = (
    sa.select(sa.func.count())
    .select_from(t.person_faces.join(t.faces))
    .where(t.person_faces.c.person_id == t.persons.c.id, t.faces.c.erasure_id.is_(None))
    .correlate(t.persons)
    .scalar_subquery()
    .label("faces")
)
_PERSONS = sa.select(t.persons, _COUNT).where(t.persons.c.gone_at.is_(None), t.persons.c.erasure_id.is_(None))
_OTHER = t.persons.alias("other")
_ACTS = (  # newest first, without those of anybody who is being erased
    sa.select(
        t.person_acts,
        t.persons.c.uid.label("person"),
        _OTHER.c.uid.label("other"),
        sa.select(sa.func.count())
        .where(t.person_act_faces.c.act_id == t.person_acts.c.id)
        .correlate(t.person_acts)
        .scalar_subquery()
        .label("faces"),
    )
    .select_from(
        t.person_acts.join(t.persons, t.persons.c.id == t.person_acts.c.person_id).outerjoin(
            _OTHER, _OTHER.c.id == t.person_acts.c.other_id
        )
    )
    .where(t.persons.c.erasure_id.is_(None), _OTHER.c.erasure_id.is_(None))
    .order_by(t.person_acts.c.id.desc())
)
_FACES = (
    sa.select(t.faces.c.id, t.faces.c.uid, t.person_faces.c.person_id)
    .select_from(t.faces.outerjoin(t.person_faces))
    .where(t.faces.c.erasure_id.is_(None))
)


_TEMPLATES = sa.select(
    t.faces.c.id, t.faces.c.uid, t.faces.c.key_id, t.faces.c.template, t.faces.c.space_id,
    t.face_templates.c.key_id.label("second_key"), t.face_templates.c.template.label("second"),
).select_from(t.faces.outerjoin(t.face_templates))  # fmt: skip


def _in_space(space_id: int) -> sa.ColumnElement[bool]:
    return sa.or_(
        sa.and_(t.faces.c.space_id == space_id, t.faces.c.template.is_not(None)),
        t.face_templates.c.space_id == space_id,
    )


def _sealed(row: Any, space_id: int, subject_id: int | None = None) -> SealedTemplate:
    first = row.space_id == space_id
    return SealedTemplate(
        row.id, row.uid, row.key_id if first else row.second_key, row.template if first else row.second, subject_id
    )


def _get(connection: sa.Connection, uid: str) -> PersonRow:
    row = connection.execute(_PERSONS.where(t.persons.c.uid == uid)).one_or_none()
    if row is None:
        raise NotFound(f"there is no person {uid}", Remedy.LIST_PERSONS)
    return _person(row)


def _known(connection: sa.Connection, uids: Sequence[str]) -> Iterable[KnownFace]:
    """Yield these faces in the order of `uids`, each once. Only faces with a template are known."""
    wanted = [str(uuid.UUID(uid)) for uid in dict.fromkeys(uids)]
    query = _FACES.where(t.faces.c.template.is_not(None))
    found = {row.uid: _face(row) for row in rows_where(connection, query, t.faces.c.uid, wanted)}
    for uid in wanted:
        if uid not in found:
            raise NotFound(f"there is no face {uid}", Remedy.SHOW_PERSON)
        yield found[uid]


def _free(faces: Iterable[KnownFace]) -> list[KnownFace]:
    free = list(faces)
    if not free:
        raise WrongUse("no face is named", Remedy.ADD_FIELD, field="faces")
    if taken := next((face for face in free if face.person_id is not None), None):
        raise WrongUse(f"face {taken.uid} belongs to a person already", Remedy.MERGE_PERSONS)
    return free


def _join(connection: sa.Connection, person_id: int, faces: Sequence[KnownFace]) -> None:
    connection.execute(t.person_faces.insert(), [{"face_id": face.id, "person_id": person_id} for face in faces])


def _refuse(connection: sa.Connection, person_id: int, faces: Sequence[KnownFace]) -> None:
    query = sa.select(t.person_refusals.c.face_id).where(t.person_refusals.c.person_id == person_id)
    there = set(values_where(connection, query, t.person_refusals.c.face_id, [face.id for face in faces]))
    for face in faces:
        if face.id not in there:
            connection.execute(t.person_refusals.insert().values(person_id=person_id, face_id=face.id))


def _part(connection: sa.Connection, faces: Sequence[FaceId]) -> None:
    for face in faces:
        connection.execute(t.person_faces.delete().where(t.person_faces.c.face_id == face))


def _move(connection: sa.Connection, from_id: int, to_id: int, faces: Sequence[FaceId]) -> None:
    for face in values_where(
        connection, sa.select(t.person_faces.c.face_id).where(t.person_faces.c.person_id == from_id),
        t.person_faces.c.face_id, faces,
    ):  # fmt: skip
        connection.execute(t.person_faces.update().where(t.person_faces.c.face_id == face).values(person_id=to_id))


def _note(
    connection: sa.Connection, act: PersonAct, person_id: int, faces: Sequence[KnownFace], at: datetime, *,
    other_id: int | None = None, before: bytes | None = None,
) -> None:  # fmt: skip
    act_id = insert_one(
        connection, t.person_acts, uid=uuid.uuid4(), act=str(act), person_id=person_id, other_id=other_id,
        before=before, at=at,
    )  # fmt: skip
    if faces:
        connection.execute(t.person_act_faces.insert(), [{"act_id": act_id, "face_id": face.id} for face in faces])


def _decision(row: Any) -> PersonDecision:
    return PersonDecision(row.uid, PersonAct(row.act), row.person, row.other, row.faces, row.at, row.undone_at)


def _person(row: Any) -> PersonRow:
    return PersonRow(row.id, row.uid, row.key_id, row.name, row.made_at, row.faces)


def _face(row: Any) -> KnownFace:
    return KnownFace(row.id, row.uid, row.person_id)
