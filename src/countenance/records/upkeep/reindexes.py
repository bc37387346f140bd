"""A change of the model: its state, which faces lack a template in a space, and the second templates."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa

from countenance.errors import WrongUse
from countenance.records import schema as t
from countenance.records.changes import note_changes
from countenance.records.database import Database
from countenance.records.pictures.batch import PolicyMoved
from countenance.records.queries import chunks, insert_one
from countenance.records.sources.sources import policy_version
from countenance.remedies import Remedy
from countenance.types import Box, ClassId, FaceId, FaceRefusal

FACES_A_STEP: Final = 250


class State(StrEnum):
    """The state of a reindex. Searches use the old space while BUILDING, and what `active` says at all times."""

    BUILDING = "building"
    SWITCHED = "switched"
    FINISHING = "finishing"  # the old templates are being destroyed
    ROLLING_BACK = "rolling_back"  # the new ones are
    DONE = "done"


BOTH_STAND: Final = (State.BUILDING, State.SWITCHED)  # nothing of either space is being destroyed


@dataclass(frozen=True, slots=True)
class Reindex:
    """One change of the model. Spaces are ids in the records."""

    id: int
    uid: str
    from_space: int
    to_space: int
    active: int  # the space that searches use
    state: State
    report: str | None = None  # both models on the operator's own labels, as JSON


@dataclass(frozen=True, slots=True)
class FaceWithoutTemplate:
    """A face without a template in a space."""

    id: FaceId
    uid: str
    box: Box
    classes: tuple[ClassId, ...]  # those in which it is searchable


@dataclass(frozen=True, slots=True)
class LackingPicture:
    """A picture with such faces, and one path of it."""

    id: int
    sha256: bytes
    salt: bytes
    place: bytes
    size: int
    mtime_ns: int
    faces: tuple[FaceWithoutTemplate, ...]


@dataclass(frozen=True, slots=True)
class SecondTemplate:
    """A template in a second space, sealed under a key of its own."""

    face: FaceId
    key_id: bytes
    template: bytes


@dataclass(frozen=True, slots=True)
class Pair:
    """A face with templates in two spaces."""

    face: FaceId
    uid: str
    key_id: bytes
    second: SecondTemplate
    second_space: int
    crop_hash: bytes | None = None  # sealed under `key_id`


class ReindexTable:
    """Reads and writes reindexes; every step is one transaction and safe to repeat."""

    def __init__(self, database: Database) -> None:
        self._db = database

    # --- its state -----------------------------------------------------------------------------------------------
    def newest(self) -> Reindex | None:
        """Return the reindex in progress, else the last one; None: the home has the model it was made with."""
        return self._db.one(t.reindexes.select().order_by(t.reindexes.c.id.desc()).limit(1), _reindex)

    def begin(self, uid: uuid.UUID, from_space: int, to_space: int, at: datetime) -> Reindex:
        """Begin a reindex; searches stay with `from_space`. Raises: WrongUse: another one is in progress."""
        with self._db.write() as connection:
            if connection.scalar(sa.select(sa.func.count()).where(t.reindexes.c.state != str(State.DONE))):
                raise WrongUse("another reindex is in progress", Remedy.END_REINDEX)
            reindex_id = insert_one(
                connection, t.reindexes, uid=uid, from_space_id=from_space, to_space_id=to_space,
                active_space_id=from_space, state=str(State.BUILDING), begun_at=at,
            )  # fmt: skip
        return Reindex(reindex_id, str(uid), from_space, to_space, from_space, State.BUILDING)

    def set_state(self, reindex: Reindex, state: State, *, active: int, done_at: datetime | None = None) -> Reindex:
        """Set its state and the space `active`, in which every process searches with its next search."""
        self._db.run(
            t.reindexes.update()
            .where(t.reindexes.c.id == reindex.id)
            .values(state=str(state), active_space_id=active, done_at=done_at)
        )
        return replace(reindex, active=active, state=state)

    def keep_report(self, reindex: Reindex, report: str) -> None:
        """Store the report in place of an earlier one. Raises: WrongUse: the reindex has ended meanwhile."""
        with self._db.write() as connection:
            kept = connection.execute(
                t.reindexes.update()
                .where(t.reindexes.c.id == reindex.id, t.reindexes.c.state.in_(BOTH_STAND))
                .values(report=report)
            )
        if not kept.rowcount:
            raise WrongUse("the reindex ended while its models were measured", Remedy.SHOW_STATUS)

    # --- what is lacking -----------------------------------------------------------------------------------------
    def count_lacking(self, space_id: int) -> int:
        """Count the searchable faces without a template in that space."""
        query = sa.select(sa.func.count()).select_from(t.faces).where(_lacking(space_id), _searchable())
        return self._db.count(query)

    def lacking_pictures(
        self, source_id: int, classes: Sequence[ClassId], space_id: int, after: int, limit: int
    ) -> tuple[LackingPicture, ...]:
        """Return the next pictures of a source, after picture `after`, with a face in `classes` that lacks one."""
        enrolled = t.enrolments.c.refusal.is_(None) & t.enrolments.c.class_id.in_(list(classes))
        faces = t.faces.join(t.enrolments, t.enrolments.c.face_id == t.faces.c.id)
        with self._db.read() as connection:
            ids = connection.scalars(
                sa.select(t.faces.c.picture_id)
                .distinct()
                .select_from(faces.join(t.placements, t.placements.c.picture_id == t.faces.c.picture_id))
                .where(_lacking(space_id), enrolled, t.placements.c.source_id == source_id)
                .where(t.placements.c.class_id == t.enrolments.c.class_id, t.faces.c.picture_id > after)
                .order_by(t.faces.c.picture_id)
                .limit(limit)
            ).all()
            places = {
                row.id: row
                for row in connection.execute(
                    sa.select(
                        t.pictures.c.id, t.pictures.c.sha256, t.pictures.c.salt,
                        t.placements.c.place, t.placements.c.size, t.placements.c.mtime_ns,
                    )
                    .join(t.placements)
                    .where(t.pictures.c.id.in_(ids), t.placements.c.source_id == source_id)
                    .where(t.placements.c.class_id.in_(list(classes)))
                )
            }  # fmt: skip
            found: dict[int, dict[FaceId, tuple[Any, list[ClassId]]]] = {}
            for row in connection.execute(
                sa.select(t.faces, t.enrolments.c.class_id)
                .select_from(faces)
                .where(t.faces.c.picture_id.in_(ids), _lacking(space_id), enrolled)
            ):
                found.setdefault(row.picture_id, {}).setdefault(row.id, (row, []))[1].append(row.class_id)
        return tuple(
            LackingPicture(
                id=each, sha256=places[each].sha256, salt=places[each].salt, place=places[each].place,
                size=places[each].size, mtime_ns=places[each].mtime_ns,
                faces=tuple(
                    FaceWithoutTemplate(row.id, row.uid, (row.x1, row.y1, row.x2, row.y2), tuple(in_classes))
                    for row, in_classes in found[each].values()
                ),
            )
            for each in ids
        )  # fmt: skip

    def add_templates(self, space_id: int, seconds: Sequence[SecondTemplate], policy: int) -> set[FaceId]:
        """Record the templates, so that every index sees them; return the faces that have one by it.

        A face that was erased, or got one, meanwhile is left out. Raises: PolicyMoved: nothing was written.
        """
        with self._db.write() as connection:
            if policy_version(connection) != policy:
                raise PolicyMoved
            wanted = [second.face for second in seconds]
            still = set(connection.scalars(sa.select(t.faces.c.id).where(t.faces.c.id.in_(wanted), _lacking(space_id))))
            rows = [
                {"face_id": s.face, "space_id": space_id, "key_id": s.key_id, "template": s.template}
                for s in seconds
                if s.face in still
            ]
            if rows:
                connection.execute(t.face_templates.insert(), rows)
            enrolled = connection.execute(
                sa.select(t.enrolments.c.face_id, t.enrolments.c.class_id).where(
                    t.enrolments.c.face_id.in_(still), t.enrolments.c.refusal.is_(None)
                )
            ).all()
            note_changes(connection, [(row.face_id, row.class_id) for row in enrolled], added=True)
        return still

    def add_references(self, reindex: Reindex | None, references: Mapping[int, tuple[int, bytes]]) -> None:
        """Set the sealed reference of subjects, by id, in a space: beside their own, or without a reindex as it.

        Raises: WrongUse: a reindex began or ended meanwhile; nothing was written.
        """
        with self._db.write() as connection:
            under_way = connection.execute(t.reindexes.select().where(t.reindexes.c.state != State.DONE)).one_or_none()
            if (reindex and reindex.id) != (under_way and under_way.id) or (
                under_way is not None and under_way.state not in BOTH_STAND
            ):
                raise WrongUse("a change of the model began or ended meanwhile", Remedy.TRY_AGAIN)
            for subject, (space_id, template) in references.items():
                if reindex is None:
                    connection.execute(
                        t.subjects.update()
                        .where(t.subjects.c.id == subject)
                        .values(template=template, space_id=space_id)
                    )
                else:
                    connection.execute(t.subject_templates.delete().where(t.subject_templates.c.subject_id == subject))
                    connection.execute(
                        t.subject_templates.insert().values(subject_id=subject, space_id=space_id, template=template)
                    )

    # --- the end -------------------------------------------------------------------------------------------------
    def pairs(self) -> tuple[Pair, ...]:
        """Return some of the faces that still have templates in two spaces and are not being erased."""
        with self._db.read() as connection:
            rows = connection.execute(
                sa.select(
                    t.faces.c.id, t.faces.c.uid, t.faces.c.key_id, t.faces.c.crop_hash, t.face_templates.c.space_id,
                    t.face_templates.c.key_id.label("second_key"), t.face_templates.c.template,
                )
                .join(t.face_templates)
                .where(t.faces.c.erasure_id.is_(None))
                .order_by(t.faces.c.id)
                .limit(FACES_A_STEP)
            ).all()  # fmt: skip
        return tuple(
            Pair(row.id, row.uid, row.key_id, SecondTemplate(row.id, row.second_key, row.template),
                 row.space_id, row.crop_hash)
            for row in rows
        )  # fmt: skip

    def keep_one(self, pairs: Sequence[Pair], space_id: int, crop_hashes: Mapping[FaceId, bytes]) -> None:
        """Keep of each pair only the template in `space_id`. `crop_hashes`: sealed again under the key that stays."""
        with self._db.write() as connection:
            for pair in pairs:
                if pair.second_space == space_id:
                    connection.execute(
                        t.faces.update()
                        .where(t.faces.c.id == pair.face)
                        .values(
                            key_id=pair.second.key_id,
                            template=pair.second.template,
                            space_id=space_id,
                            crop_hash=crop_hashes.get(pair.face),
                        )
                    )
            connection.execute(
                t.face_templates.delete().where(t.face_templates.c.face_id.in_([pair.face for pair in pairs]))
            )

    def keep_references(self, space_id: int) -> None:
        """Delete every subject's references in other spaces, also where there is none in this one."""
        with self._db.write() as connection:
            seconds = connection.execute(
                t.subject_templates.select().where(t.subject_templates.c.space_id == space_id)
            ).all()
            for row in seconds:
                connection.execute(
                    t.subjects.update()
                    .where(t.subjects.c.id == row.subject_id)
                    .values(template=row.template, space_id=space_id)
                )
            connection.execute(t.subject_templates.delete())
            connection.execute(t.subjects.update().where(t.subjects.c.space_id != space_id).values(template=b""))

    def unlist_lacking(self, space_id: int) -> tuple[FaceId, ...]:
        """Take faces without a template in the space out of every index; return them, to be erased.

        Faces that their person had restricted stay: a restriction keeps.
        """
        with self._db.write() as connection:
            lost = list(connection.scalars(sa.select(t.faces.c.id).where(_lacking(space_id), ~_restricted())))
            for part in chunks(lost):
                rows = connection.execute(t.enrolments.select().where(t.enrolments.c.face_id.in_(part))).all()
                connection.execute(t.enrolments.delete().where(t.enrolments.c.face_id.in_(part)))
                gone = [(row.face_id, row.class_id) for row in rows if row.refusal is None]
                note_changes(connection, gone, added=False)
        return tuple(lost)


def _lacking(space_id: int) -> sa.ColumnElement[bool]:
    second = sa.exists().where(t.face_templates.c.face_id == t.faces.c.id, t.face_templates.c.space_id == space_id)
    return sa.and_(
        t.faces.c.key_id.is_not(None), t.faces.c.erasure_id.is_(None), t.faces.c.space_id != space_id, ~second
    )


def _searchable() -> sa.ColumnElement[bool]:
    return sa.exists().where(t.enrolments.c.face_id == t.faces.c.id, t.enrolments.c.refusal.is_(None))


def _restricted() -> sa.ColumnElement[bool]:
    return sa.exists().where(
        t.enrolments.c.face_id == t.faces.c.id, t.enrolments.c.refusal == str(FaceRefusal.RESTRICTED)
    )


def _reindex(row: Any) -> Reindex:
    return Reindex(row.id, row.uid, row.from_space_id, row.to_space_id, row.active_space_id,
                   State(row.state), row.report)  # fmt: skip
