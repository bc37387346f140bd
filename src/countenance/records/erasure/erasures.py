"""Erasures: what is hidden, what is still to be removed, what is gone. `pipeline/erasure/erase.py` has the order."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar

import sqlalchemy as sa

from countenance.records import schema as t
from countenance.records.changes import note_changes
from countenance.records.database import Database
from countenance.records.erasure.receipts import Receipt, keep_receipt
from countenance.records.erasure.suppressions import Suppression, insert_suppressions
from countenance.records.guests.erasures import leaving_guests, withdraw_guests
from countenance.records.people.face_references import drop_face_references, forget_persons, hide_persons
from countenance.records.people.rekognition_collections import forget_collection, unenrol_from_source
from countenance.records.pictures.uploads import mark_leaving
from countenance.records.queries import chunks, insert_one, read_where, rows_where
from countenance.records.reachability import drop_placements
from countenance.records.search.probes import hide_probes
from countenance.records.sources.sources import move_policy_version
from countenance.types import Box, ClassId, FaceId, FaceRefusal

T = TypeVar("T")
FACES_A_STEP: Final = 1000
# Where somebody asked for it, what is left of a face in a picture that stays says why. What an opt-out keeps out may
# come back when that is withdrawn (`records/requests/requests.py`). In other scopes (a source, a jurisdiction, what an
# ingest found gone) such a face goes because no placement supports it any more.
LEFT: Final = {
    "face": FaceRefusal.ERASED,
    "person": FaceRefusal.ERASED,
    "request": FaceRefusal.ERASED,
    "order": FaceRefusal.ERASED,
    "erasure": FaceRefusal.ERASED,
    "objection": FaceRefusal.ERASED,
    "opt-out": FaceRefusal.OPTED_OUT,
    "forgotten": FaceRefusal.ERASED,  # an opt-out that keeps nothing out: nothing to withdraw
}
# Somebody's faces go: so do probes whose search showed one of them.
OF_PEOPLE: Final = frozenset(LEFT) | {"guest"}
# A picture goes for what it shows, and not because its place or grant is over: so does a probe with the same bytes.
OF_PICTURES: Final = OF_PEOPLE | {"picture"}


@dataclass(frozen=True, slots=True)
class Erasure:
    """One erasure that has begun, and perhaps is done."""

    id: int
    uid: str
    scope: str
    source_id: int | None
    counts: dict[str, int]  # pictures, faces, placements, persons; probes, where there are any
    begun_at: datetime
    about: str | None = None  # uid or code of what it names
    authority: str | None = None
    done_at: datetime | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """What an erasure takes. All of it is hidden in one commit, which also counts it."""

    scope: str  # face, picture, source, person, jurisdiction, request, order, guest, probe, vanished, replaced
    about: str | None = None  # uid or code of what it names; None: an ingest found it due
    authority: str | None = None  # on whose word
    faces: Sequence[FaceId] = ()  # single faces
    leaving_source: int | None = None  # `faces` leave this collection's source; those go that nothing else supports
    pictures: Sequence[int] = ()  # with all their faces
    source_id: int | None = None  # every placement of it, and each picture that has no other
    places: Callable[[frozenset[str]], bool] | None = None  # every placement in such jurisdictions, likewise
    persons: Sequence[int] = ()
    guests: Sequence[int] = ()  # they withdraw: what came under their consent goes
    named: bytes | None = None  # keyed digest of a source's name
    suppressions: Sequence[Suppression] = ()
    keep_out: Callable[[str, bytes], Suppression] | None = None  # of (tenant, sha256) of each picture found due
    probes: Sequence[int] = ()  # kept with a case: the ids of their searches
    probe_digest: Callable[[bytes], bytes] | None = None  # what a kept probe's file is known by, from its sha256


@dataclass(frozen=True, slots=True)
class HiddenFace:
    """A face whose bytes are still to be removed."""

    id: FaceId
    uid: str
    key_id: bytes | None
    classes: tuple[ClassId, ...]
    second_key: bytes | None = None  # of its template in a second embedding space
    template: bytes | None = field(default=None, repr=False)  # sealed under `key_id`
    second: bytes | None = field(default=None, repr=False)  # sealed under `second_key`

    @property
    def keys(self) -> list[bytes]:
        """Return every data key that belongs to this face alone."""
        return [key for key in (self.key_id, self.second_key) if key]


class ErasureTable:
    """Hides, lists and forgets what is erased. Every step is one transaction and safe to repeat."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def unfinished(self) -> tuple[Erasure, ...]:
        """Return the erasures that have begun and are not done, oldest first."""
        query = t.erasures.select().where(t.erasures.c.done_at.is_(None))
        return self._db.every(query.order_by(t.erasures.c.id), _erasure)

    def hide(self, target: Target, *, uid: uuid.UUID, at: datetime) -> Erasure:
        """Hide what the erasure takes from every search that starts after this commit; return the erasure to finish."""
        with self._db.write() as connection:
            return _hide(connection, target, uid, at)

    def rehearse(self, target: Target, at: datetime) -> dict[str, int]:
        """Return the counts that `hide` would return: take the same steps and undo them."""
        with self._db.rehearsal() as connection:
            return _hide(connection, target, uuid.uuid4(), at).counts

    def rehearse_all(
        self, targets: Sequence[Target], at: datetime, look: Callable[[sa.Connection, Callable[[], list[Erasure]]], T]
    ) -> T:
        """Return what `look` finds before and after it has all of them hidden in turn; then undo that."""
        with self._db.rehearsal() as connection:
            return look(connection, lambda: [_hide(connection, target, uuid.uuid4(), at) for target in targets])

    def on_word_of(self, authority: str) -> tuple[Erasure, ...]:
        """Return every erasure on the word of that authority, done or not, oldest first."""
        query = t.erasures.select().where(t.erasures.c.authority == authority).order_by(t.erasures.c.id)
        return self._db.every(query, _erasure)

    def hidden_faces(self, erasure: Erasure) -> Iterator[tuple[HiddenFace, ...]]:
        """Yield the faces of an erasure that are still in the records, in parts; call `forget_faces` for each part."""
        while True:
            with self._db.read() as connection:
                rows = connection.execute(
                    sa.select(
                        t.faces.c.id,
                        t.faces.c.uid,
                        t.faces.c.key_id,
                        t.faces.c.template,
                        t.face_templates.c.key_id.label("second_key"),
                        t.face_templates.c.template.label("second"),
                    )
                    .select_from(t.faces.outerjoin(t.face_templates))
                    .where(t.faces.c.erasure_id == erasure.id)
                    .order_by(t.faces.c.id)
                    .limit(FACES_A_STEP)
                ).all()
                classes: dict[FaceId, list[ClassId]] = {}
                query = sa.select(t.enrolments.c.face_id, t.enrolments.c.class_id)
                for row in rows_where(connection, query, t.enrolments.c.face_id, [row.id for row in rows]):
                    classes.setdefault(row.face_id, []).append(row.class_id)
            if not rows:
                return
            yield tuple(
                HiddenFace(
                    row.id, row.uid, row.key_id, tuple(classes.get(row.id, ())),
                    row.second_key, row.template, row.second,
                )
                for row in rows
            )  # fmt: skip

    def forget_faces(self, erasure: Erasure, faces: Sequence[HiddenFace]) -> None:
        """Delete these faces; where their picture stays, the box and the reason are left."""
        whole = sa.select(t.pictures.c.id).where(t.pictures.c.erasure_id == erasure.id)
        with self._db.write() as connection:
            for part in chunks([face.id for face in faces]):
                going = list(
                    connection.scalars(
                        sa.select(t.faces.c.id).where(t.faces.c.id.in_(part), t.faces.c.picture_id.in_(whole))
                    )
                )
                drop_face_references(connection, erasure.id, t.faces.c.id.in_(part))
                connection.execute(t.face_templates.delete().where(t.face_templates.c.face_id.in_(part)))
                connection.execute(t.enrolments.delete().where(t.enrolments.c.face_id.in_(going)))
                connection.execute(t.faces.delete().where(t.faces.c.id.in_(going)))
                if erasure.scope in LEFT:
                    connection.execute(
                        t.enrolments.update()
                        .where(t.enrolments.c.face_id.in_(part))
                        .values(refusal=str(LEFT[erasure.scope]), subject_id=None)
                    )
                for face_id in set(part) - set(going):  # a new uid: the old one must lead nowhere
                    connection.execute(
                        t.faces.update()
                        .where(t.faces.c.id == face_id)
                        .values(
                            uid=uuid.uuid4(),
                            **dict.fromkeys(
                                ("landmarks", "quality", "key_id", "template", "space_id", "crop_hash", "erasure_id")
                            ),
                        )
                    )

    def forget_pictures(self, erasure: Erasure) -> None:
        """Delete the erasure's pictures and their placements from the records."""
        mine = sa.select(t.pictures.c.id).where(t.pictures.c.erasure_id == erasure.id)
        with self._db.write() as connection:
            connection.execute(t.placements.delete().where(t.placements.c.picture_id.in_(mine)))
            connection.execute(t.pictures.delete().where(t.pictures.c.erasure_id == erasure.id))

    def person_keys(self, erasure: Erasure) -> list[bytes]:
        """Return the keys of the erasure's persons who are still in the records."""
        return list(self._db.column(sa.select(t.persons.c.key_id).where(t.persons.c.erasure_id == erasure.id)))

    def forget_persons(self, erasure: Erasure) -> None:
        """Delete the erasure's persons from the records, with every act that names one."""
        with self._db.write() as connection:
            forget_persons(connection, erasure.id)

    def source_holdings(self, source_id: int) -> tuple[list[str], list[bytes], list[ClassId]]:
        """Return (blob names, key ids, policy classes) of a source's grants, subjects and collection users."""
        with self._db.read() as connection:
            grants = connection.execute(t.grants.select().where(t.grants.c.source_id == source_id)).all()
            subjects = connection.execute(
                sa.select(t.subjects.c.evidence_blob, t.subjects.c.key_id)
                .join(t.grants)
                .where(t.grants.c.source_id == source_id)
            ).all()
            classes = connection.scalars(
                sa.select(t.policy_classes.c.id).join(t.grants).where(t.grants.c.source_id == source_id)
            ).all()
            users = connection.scalars(
                sa.select(t.collection_users.c.key_id).where(t.collection_users.c.source_id == source_id)
            ).all()
        blobs = [grant.evidence_blob for grant in grants if grant.evidence_blob]
        blobs += [subject.evidence_blob for subject in subjects]
        return blobs, [row.key_id for row in (*grants, *subjects) if row.key_id] + list(users), list(classes)

    def forget_source(self, source_id: int) -> None:
        """Delete the source, its grants, subjects, guests, classes, runs and rejections from the records."""
        grants = sa.select(t.grants.c.id).where(t.grants.c.source_id == source_id)
        classes = sa.select(t.policy_classes.c.id).where(t.policy_classes.c.grant_id.in_(grants))
        with self._db.write() as connection:
            connection.execute(t.enrolments.delete().where(t.enrolments.c.class_id.in_(classes)))
            links = sa.select(t.guest_links.c.id).where(t.guest_links.c.source_id == source_id)
            connection.execute(t.guests.delete().where(t.guests.c.link_id.in_(links)))
            connection.execute(t.guest_links.delete().where(t.guest_links.c.source_id == source_id))
            subjects = sa.select(t.subjects.c.id).where(t.subjects.c.grant_id.in_(grants))
            connection.execute(t.subject_templates.delete().where(t.subject_templates.c.subject_id.in_(subjects)))
            connection.execute(t.subjects.delete().where(t.subjects.c.grant_id.in_(grants)))
            connection.execute(t.policy_classes.delete().where(t.policy_classes.c.grant_id.in_(grants)))
            connection.execute(t.grants.delete().where(t.grants.c.source_id == source_id))
            connection.execute(t.rejections.delete().where(t.rejections.c.source_id == source_id))
            connection.execute(t.runs.delete().where(t.runs.c.source_id == source_id))
            connection.execute(t.jobs.delete().where(t.jobs.c.source_id == source_id))
            bound = t.access_keys.c.source_id == source_id  # keys that were to index under its grant index no more
            connection.execute(t.access_keys.update().where(bound).values(source_id=None))
            forget_collection(connection, source_id)
            connection.execute(t.sources.delete().where(t.sources.c.id == source_id))
            move_policy_version(connection)

    def count_remaining(self, erasure: Erasure) -> int:
        """Count the rows that are still to be deleted; 0: all is forgotten."""
        with self._db.read() as connection:
            return sum(
                int(
                    connection.scalar(
                        sa.select(sa.func.count()).select_from(table).where(table.c.erasure_id == erasure.id)
                    )
                    or 0
                )
                for table in (t.faces, t.pictures, t.persons, t.uploads, t.searches)
            ) + len(leaving_guests(connection))

    def mark_done(self, erasure: Erasure, at: datetime, receipt: Receipt | None = None) -> None:
        """Record that the erasure is over; keep its receipt, if it has one."""
        with self._db.write() as connection:
            connection.execute(t.erasures.update().where(t.erasures.c.id == erasure.id).values(done_at=at))
            if receipt is not None:
                keep_receipt(connection, receipt)

    def awaiting_compaction(self) -> list[int]:
        """Return the ids of erasures that are done and after which the database was not compacted yet."""
        waiting = (t.erasures.c.done_at.is_not(None), t.erasures.c.compacted_at.is_(None))
        return list(self._db.column(sa.select(t.erasures.c.id).where(*waiting)))

    def mark_compacted(self, ids: Sequence[int], at: datetime) -> None:
        """Record that the database was compacted after these erasures."""
        with self._db.write() as connection:
            for part in chunks(list(ids)):
                connection.execute(t.erasures.update().where(t.erasures.c.id.in_(part)).values(compacted_at=at))

    def get(self, uid: str) -> Erasure | None:
        """Return the erasure of that uid."""
        return self._db.one(t.erasures.select().where(t.erasures.c.uid == uid), _erasure)

    def newest_about(self, scope: str, about: str) -> Erasure | None:
        """Return the newest erasure, done or not, that named this."""
        return self._newest(t.erasures.c.about == about, scope)

    def newest_named(self, scope: str, named: bytes) -> Erasure | None:
        """Return the newest erasure, done or not, of the thing whose name has this keyed digest."""
        return self._newest(t.erasures.c.named == named, scope)

    def _newest(self, which: sa.ColumnElement[bool], scope: str) -> Erasure | None:
        return self._db.one(
            t.erasures.select().where(which, t.erasures.c.scope == scope).order_by(t.erasures.c.id.desc()).limit(1),
            _erasure,
        )

    def person_with_faces(self, uid: str) -> tuple[int, list[FaceId]] | None:
        """Return (id, faces) of a person who is not being erased."""
        with self._db.read() as connection:
            found = connection.scalar(
                sa.select(t.persons.c.id).where(t.persons.c.uid == uid, t.persons.c.erasure_id.is_(None))
            )
            if found is None:
                return None
            return int(found), list(
                connection.scalars(sa.select(t.person_faces.c.face_id).where(t.person_faces.c.person_id == found))
            )

    def picture_hashes(self, pictures: Sequence[int]) -> list[tuple[str, bytes]]:
        """Return (tenant name, sha256) of each picture."""
        with self._db.read() as connection:
            return list(_hashes(connection, pictures))

    def boxes(self, faces: Sequence[FaceId]) -> list[tuple[str, bytes, Box]]:
        """Return (tenant name, sha256 of the picture, box) of each face."""
        query = sa.select(
            t.tenants.c.name, t.pictures.c.sha256, t.faces.c.x1, t.faces.c.y1, t.faces.c.x2, t.faces.c.y2
        ).select_from(t.faces.join(t.pictures, t.pictures.c.id == t.faces.c.picture_id).join(t.tenants))
        rows = read_where(self._db, query, t.faces.c.id, faces)
        return [(row.name, row.sha256, (row.x1, row.y1, row.x2, row.y2)) for row in rows]


# --- inside a transaction --------------------------------------------------------------------------------------------
def _hide(connection: sa.Connection, target: Target, uid: uuid.UUID, at: datetime) -> Erasure:
    erasure_id = insert_one(
        connection, t.erasures, uid=uid, scope=target.scope, about=target.about, authority=target.authority,
        named=target.named, source_id=target.source_id, begun_at=at, counts={},
    )  # fmt: skip
    pictures, single = list(target.pictures), list(target.faces)
    if target.leaving_source is not None:
        single = list(unenrol_from_source(connection, target.leaving_source, single).faces)
    suppressions = list(target.suppressions)
    placements = _placements_of(connection, pictures)
    single += withdraw_guests(connection, target.guests, at)
    which = _dropped(connection, target)
    if which is not None:
        placements += _count(connection, t.placements, which)
        mark_leaving(connection, erasure_id, which)
        due = drop_placements(connection, which)
        pictures.extend(due.pictures)
        single.extend(due.faces)
        if target.keep_out is not None:
            suppressions.extend(target.keep_out(*each) for each in _hashes(connection, due.pictures))
    faces = 0
    for part in chunks(pictures):
        connection.execute(t.pictures.update().where(t.pictures.c.id.in_(part)).values(erasure_id=erasure_id))
        faces += _hide_faces(connection, t.faces.c.picture_id.in_(part), erasure_id)
    for part in chunks(single):
        faces += _hide_faces(connection, t.faces.c.id.in_(part), erasure_id)
    _hide_uploads(connection, erasure_id, target)
    persons = hide_persons(connection, erasure_id, target.persons)
    probes = _hide_probes(connection, erasure_id, target, pictures)
    drop_face_references(connection, erasure_id, t.faces.c.erasure_id == erasure_id)
    insert_suppressions(connection, suppressions, erasure_uid=uid)
    counts = {"pictures": len(pictures), "faces": faces, "placements": placements, "persons": persons}
    if probes:
        counts["probes"] = probes
    connection.execute(t.erasures.update().where(t.erasures.c.id == erasure_id).values(counts=counts))
    move_policy_version(connection)
    return Erasure(erasure_id, str(uid), target.scope, target.source_id, counts, at, target.about, target.authority)


def _hide_probes(connection: sa.Connection, erasure_id: int, target: Target, pictures: Sequence[int]) -> int:
    digests: list[bytes] = []
    of_somebody = target.places is None and target.scope in OF_PICTURES
    if of_somebody and target.probe_digest is not None:
        digests = [target.probe_digest(sha256) for _, sha256 in _hashes(connection, pictures)]
    shown = of_somebody and target.scope in OF_PEOPLE
    return hide_probes(connection, erasure_id, target.probes, digests, shown=shown)


def _hide_uploads(connection: sa.Connection, erasure_id: int, target: Target) -> None:
    """Mark uploads as leaving: those of pictures that go, and those that show a face to be erased."""
    pictures = sa.select(t.pictures.c.id).where(t.pictures.c.erasure_id == erasure_id)
    mark_leaving(connection, erasure_id, t.placements.c.picture_id.in_(pictures))
    if target.scope in LEFT:
        shown_in = sa.select(t.faces.c.picture_id).where(t.faces.c.erasure_id == erasure_id)
        mark_leaving(connection, erasure_id, t.placements.c.picture_id.in_(shown_in))
    if target.source_id is not None:  # also what no ingest has taken yet
        mine = t.uploads.update().where(t.uploads.c.source_id == target.source_id)
        connection.execute(mine.values(erasure_id=erasure_id))


def _dropped(connection: sa.Connection, target: Target) -> sa.ColumnElement[bool] | None:
    """Return which placements go though their pictures may stay; None: none."""
    if target.source_id is not None:
        return t.placements.c.source_id == target.source_id
    if target.places is None:
        return None
    classes = connection.execute(sa.select(t.policy_classes.c.id, t.policy_classes.c.jurisdictions))
    return t.placements.c.class_id.in_([row.id for row in classes if target.places(frozenset(row.jurisdictions))])


def _hide_faces(connection: sa.Connection, which: sa.ColumnElement[bool], erasure_id: int) -> int:
    visible = sa.and_(which, t.faces.c.erasure_id.is_(None))
    rows = connection.execute(
        sa.select(t.enrolments.c.face_id, t.enrolments.c.class_id)
        .join(t.faces)
        .where(visible, t.enrolments.c.refusal.is_(None))
    ).all()
    note_changes(connection, [(row.face_id, row.class_id) for row in rows], added=False)
    return connection.execute(t.faces.update().where(visible).values(erasure_id=erasure_id)).rowcount


def _placements_of(connection: sa.Connection, pictures: Sequence[int]) -> int:
    return sum(_count(connection, t.placements, t.placements.c.picture_id.in_(part)) for part in chunks(pictures))


def _count(connection: sa.Connection, table: sa.Table, which: sa.ColumnElement[bool]) -> int:
    return int(connection.scalar(sa.select(sa.func.count()).select_from(table).where(which)) or 0)


def _hashes(connection: sa.Connection, pictures: Sequence[int]) -> Iterator[tuple[str, bytes]]:
    query = sa.select(t.tenants.c.name, t.pictures.c.sha256).join(t.pictures)
    return (tuple(row) for row in rows_where(connection, query, t.pictures.c.id, pictures))


def _erasure(row: Any) -> Erasure:
    return Erasure(
        row.id, row.uid, row.scope, row.source_id, dict(row.counts), row.begun_at, row.about, row.authority, row.done_at
    )
