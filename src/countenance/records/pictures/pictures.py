"""Pictures, their placements and faces, as an ingest reads and writes them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from countenance.records import schema as t
from countenance.records.database import Database
from countenance.records.packing import unpack_landmarks, unpack_quality
from countenance.records.pictures.batch import Batch, Enrolment, FaceRow, PlacementRow, PolicyMoved
from countenance.records.pictures.commit import put_pictures, put_placements, put_rejections
from countenance.records.queries import CHUNK, chunks, insert_one
from countenance.records.reachability import UNPLACED, UNSUPPORTED, Unreachable, drop_placements, due_of
from countenance.records.sources.sources import policy_version
from countenance.types import ClassId, FaceId, FaceRefusal, RejectReason

# Asked for every picture of an ingest: built once, since building a statement costs more than running it.
_BY_HASH: Final = (
    sa.select(
        t.pictures.c.id,
        t.pictures.c.uid,
        t.pictures.c.sha256,
        t.pictures.c.salt,
        t.pictures.c.pdq,
        t.pictures.c.jurisdictions,
    )
    .where(t.pictures.c.tenant_id == sa.bindparam("tenant"), t.pictures.c.erasure_id.is_(None))
    .where(t.pictures.c.sha256.in_(sa.bindparam("hashes", expanding=True)))
)


@dataclass(frozen=True, slots=True)
class KnownPlace:
    """What an earlier run recorded at a path."""

    id: int
    size: int
    mtime_ns: int
    class_id: ClassId | None  # None: it was rejected
    reason: RejectReason | None
    sha256: bytes | None = None
    hashed: bool = True  # False: its picture was taken before there were perceptual hashes
    corrected: frozenset[str] | None = None  # its jurisdictions, corrected on a request


@dataclass(frozen=True, slots=True)
class KnownPicture:
    """A picture recorded earlier, by content."""

    id: int
    uid: uuid.UUID
    salt: bytes
    faces: tuple[FaceRow, ...]
    face_ids: tuple[FaceId, ...]
    hashed: bool  # False: taken before there were perceptual hashes
    corrected: frozenset[str] | None = None  # its jurisdictions, corrected on a request


@dataclass(frozen=True, slots=True)
class UntiedPicture:
    """A picture of a source with a face that is tied to no subject of its grant, and every path of it there."""

    id: int
    sha256: bytes
    places: tuple[PlacementRow, ...]


class PictureTable:
    """Reads and writes for an ingest. One ingest at a time (the home's lock), beside any number of readers."""

    def __init__(self, database: Database) -> None:
        self._db = database

    # --- runs ----------------------------------------------------------------------------------------------------
    def begin_run(self, source_id: int, at: datetime) -> tuple[int, bool]:
        """Begin a run; return (run id, whether an earlier run has no end). A run without an end was killed."""
        with self._db.write() as connection:
            unended = connection.scalar(
                sa.select(sa.func.count()).select_from(t.runs).where(t.runs.c.ended_at.is_(None))
            )
            return insert_one(connection, t.runs, source_id=source_id, started_at=at), bool(unended)

    def end_run(self, source_id: int, run_id: int, at: datetime, *, whole: bool = True, beside: bool = False) -> None:
        """End the run, and every earlier one that was killed, since this one did its work.

        If the whole source was walked, files that were rejected once and are no longer there are forgotten.
        Args: beside: it ran beside others, and did the work of none.
        """
        with self._db.write() as connection:
            if whole:
                connection.execute(
                    t.rejections.delete().where(t.rejections.c.source_id == source_id, t.rejections.c.run_id < run_id)
                )
            connection.execute(
                t.runs.update()
                .where(t.runs.c.id == run_id if beside else t.runs.c.id <= run_id, t.runs.c.ended_at.is_(None))
                .values(ended_at=at)
            )

    # --- reads ---------------------------------------------------------------------------------------------------
    def known_places(self, source_id: int, places: Sequence[bytes]) -> dict[bytes, KnownPlace]:
        """Return what is recorded at these paths of a source: placements in force, and rejections."""
        found: dict[bytes, KnownPlace] = {}
        with self._db.read() as connection:
            for part in chunks(places):
                rows = connection.execute(
                    sa.select(t.placements, t.pictures.c.sha256, t.pictures.c.pdq, t.pictures.c.jurisdictions)
                    .join(t.pictures)
                    .where(t.placements.c.source_id == source_id, t.placements.c.place.in_(part))
                    .where(t.pictures.c.erasure_id.is_(None))
                )
                for row in rows:
                    found[row.place] = KnownPlace(
                        row.id, row.size, row.mtime_ns, row.class_id, None, row.sha256, row.pdq is not None,
                        _codes(row.jurisdictions),
                    )  # fmt: skip
                rejected = connection.execute(
                    t.rejections.select().where(t.rejections.c.source_id == source_id, t.rejections.c.place.in_(part))
                )
                for row in rejected:
                    found.setdefault(
                        row.place, KnownPlace(row.id, row.size, row.mtime_ns, None, RejectReason(row.reason))
                    )
        return found

    def refused_by_policy(self, source_id: int) -> frozenset[ClassId]:
        """Return the classes of a source with a face that policy refused: they need another look if it now permits."""
        waits = sa.exists().where(  # asked once a class: a join would read the enrolments of every face
            t.enrolments.c.class_id == t.policy_classes.c.id, t.enrolments.c.refusal == str(FaceRefusal.NOT_PERMITTED)
        )
        query = (
            sa.select(t.policy_classes.c.id)
            .select_from(t.policy_classes.join(t.grants))
            .where(t.grants.c.source_id == source_id, waits)
        )
        return frozenset(self._db.column(query))

    def waiting_places(self, source_id: int, classes: Iterable[ClassId], places: Sequence[bytes]) -> set[bytes]:
        """Return those of `places` whose picture has a face that policy refused in one of `classes`."""
        found: set[bytes] = set()
        wanted = list(classes)
        with self._db.read() as connection:
            for part in chunks(places):
                found.update(
                    connection.scalars(
                        sa.select(t.placements.c.place)
                        .select_from(
                            t.placements.join(t.faces, t.faces.c.picture_id == t.placements.c.picture_id).join(
                                t.enrolments,
                                sa.and_(
                                    t.enrolments.c.face_id == t.faces.c.id,
                                    t.enrolments.c.class_id == t.placements.c.class_id,
                                ),
                            )
                        )
                        .where(t.placements.c.source_id == source_id, t.placements.c.place.in_(part))
                        .where(t.enrolments.c.class_id.in_(wanted))
                        .where(t.enrolments.c.refusal == str(FaceRefusal.NOT_PERMITTED))
                    )
                )
        return found

    def known_pictures(self, tenant_id: int, hashes: Sequence[bytes]) -> dict[bytes, KnownPicture]:
        """Return the recorded pictures with these contents, with their faces and enrolments."""
        found: dict[bytes, KnownPicture] = {}
        with self._db.read() as connection:
            for part in chunks(hashes):
                pictures = connection.execute(_BY_HASH, {"tenant": tenant_id, "hashes": part}).all()
                faces = _faces_of(connection, [row.id for row in pictures]) if pictures else {}
                for row in pictures:
                    own = faces.get(row.id, [])
                    found[row.sha256] = KnownPicture(
                        id=row.id,
                        uid=uuid.UUID(row.uid),
                        salt=row.salt,
                        faces=tuple(face for _, face in own),
                        face_ids=tuple(face_id for face_id, _ in own),
                        hashed=row.pdq is not None,
                        corrected=_codes(row.jurisdictions),
                    )
        return found

    def untied(self, source_id: int, after: int, limit: int) -> list[UntiedPicture]:
        """Return pictures of a source, by id and after that one, with a face tied to no subject of its grant."""
        query = sa.select(t.pictures.c.id, t.pictures.c.sha256).where(t.pictures.c.id > after, *_untied(source_id))
        with self._db.read() as connection:
            pictures = connection.execute(query.order_by(t.pictures.c.id).limit(limit)).all()
            places: dict[int, list[PlacementRow]] = {picture.id: [] for picture in pictures}
            hashes = {picture.id: picture.sha256 for picture in pictures}
            for part in chunks(list(places)):
                here = t.placements.select().where(
                    t.placements.c.source_id == source_id, t.placements.c.picture_id.in_(part)
                )
                for row in connection.execute(here.order_by(t.placements.c.id)):
                    places[row.picture_id].append(
                        PlacementRow(row.place, row.size, row.mtime_ns, row.class_id, hashes[row.picture_id])
                    )
        return [UntiedPicture(each.id, each.sha256, tuple(places[each.id])) for each in pictures]

    def count_untied(self, source_id: int, up_to: int) -> tuple[int, int]:
        """Return (pictures of a source with a face tied to no subject up to the id `up_to`, all of them)."""
        query = sa.select(sa.func.count()).select_from(t.pictures).where(*_untied(source_id))
        return self._db.count(query.where(t.pictures.c.id <= up_to)), self._db.count(query)

    def count_household(self, *, at_least: int = 0) -> int:
        """Count the pictures of sources under the household basis (limited to 500,000 in a home).

        Below `at_least` the number may be too high: a home that never had so many pictures is not counted through.
        """
        query = (
            sa.select(sa.func.count(sa.distinct(t.placements.c.picture_id)))
            .select_from(t.placements.join(t.policy_classes).join(t.grants))
            .where(t.grants.c.basis == "household")
        )
        with self._db.read() as connection:
            highest = int(connection.scalar(sa.select(sa.func.max(t.pictures.c.id))) or 0)  # no id is used twice
            return highest if highest < at_least else int(connection.scalar(query) or 0)

    def vanished(self, source_id: int, run_id: int) -> Iterator[tuple[int, bytes]]:
        """Yield (placement id, path) of what an earlier run saw and this one did not."""
        query = sa.select(t.placements.c.id, t.placements.c.place).where(
            t.placements.c.source_id == source_id, t.placements.c.run_id < run_id
        )
        for rows in self._db.pages(query, t.placements.c.id, CHUNK):
            yield from ((row.id, row.place) for row in rows)

    # --- writes --------------------------------------------------------------------------------------------------
    def mark_seen(self, run_id: int, placements: Sequence[int], rejections: Sequence[int] = ()) -> None:
        """Record that this run saw these placements and rejections unchanged."""
        with self._db.write() as connection:
            for table, ids in ((t.placements, placements), (t.rejections, rejections)):
                for part in chunks(ids):
                    connection.execute(table.update().where(table.c.id.in_(part)).values(run_id=run_id))

    def commit(self, batch: Batch) -> Unreachable:
        """Record all of the batch, with the index's change list, or nothing. Safe to do twice.

        Returns: what nothing supports any more.
        Raises: PolicyMoved; PictureLeaving; StorageFailed.
        """
        with self._db.write() as connection:
            if policy_version(connection) != batch.policy_version:
                raise PolicyMoved
            put_pictures(connection, batch)
            left = put_placements(connection, batch) + put_rejections(connection, batch)
            return due_of(connection, left)

    def drop_placements(self, ids: Sequence[int]) -> Unreachable:
        """Delete the placements; return what nothing supports any more."""
        with self._db.write() as connection:
            return drop_placements(connection, t.placements.c.id.in_(list(ids)))

    def due(self) -> Unreachable:
        """Return everything that nothing supports and that is not being erased: what a killed run left."""
        with self._db.read() as connection:
            return Unreachable(tuple(connection.scalars(UNPLACED)), tuple(connection.scalars(UNSUPPORTED)))


def _faces_of(connection: sa.Connection, pictures: Sequence[int]) -> Mapping[int, list[tuple[FaceId, FaceRow]]]:
    enrolled: dict[FaceId, list[Enrolment]] = {}
    found: dict[int, list[tuple[FaceId, FaceRow]]] = {}
    rows = connection.execute(
        t.faces.select().where(t.faces.c.picture_id.in_(list(pictures))).order_by(t.faces.c.id)
    ).all()
    for row in connection.execute(t.enrolments.select().join(t.faces).where(t.faces.c.picture_id.in_(list(pictures)))):
        refusal = None if row.refusal is None else FaceRefusal(row.refusal)
        enrolled.setdefault(row.face_id, []).append(Enrolment(row.class_id, refusal, row.subject_id))
    for row in rows:
        face = FaceRow(
            uid=uuid.UUID(row.uid),
            box=(row.x1, row.y1, row.x2, row.y2),
            enrolments=tuple(enrolled.get(row.id, ())),
            landmarks=None if row.landmarks is None else unpack_landmarks(row.landmarks),
            quality=None if row.quality is None else unpack_quality(row.quality),
            key_id=row.key_id,
            template=row.template,
            space_id=row.space_id,
            crop_hash=row.crop_hash,
        )
        found.setdefault(row.picture_id, []).append((row.id, face))
    return found


def _untied(source_id: int) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the condition for pictures of the source with a face that is tied to no subject of its grant."""
    classes = sa.select(t.policy_classes.c.id).join(t.grants).where(t.grants.c.source_id == source_id)
    return (
        t.pictures.c.erasure_id.is_(None),
        sa.exists().where(t.placements.c.picture_id == t.pictures.c.id, t.placements.c.source_id == source_id),
        sa.exists().where(
            t.faces.c.picture_id == t.pictures.c.id,
            t.enrolments.c.face_id == t.faces.c.id,
            t.enrolments.c.refusal == str(FaceRefusal.NOT_A_SUBJECT),
            t.enrolments.c.class_id.in_(classes),
        ),
    )


def _codes(stored: list[str] | None) -> frozenset[str] | None:
    return None if stored is None else frozenset(stored)
