"""Pictures, their placements and faces, as an ingest writes them."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

import sqlalchemy as sa

from countenance.records import schema as t
from countenance.records.changes import note_changes
from countenance.records.database import Database
from countenance.records.sources import policy_version
from countenance.types import Box, ClassId, FaceId, FaceRefusal, Landmarks, Quality, RejectReason

_POINTS: Final = struct.Struct("<10f")
_QUALITY: Final = struct.Struct("<6f")
_NO_LONGER_A_FILE: Final = frozenset({RejectReason.LINK, RejectReason.NOT_A_FILE})
CHUNK: Final = 500  # ids a query: below every engine's limit of bound parameters
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Enrolment:
    """Whether a face is searchable in a policy class; `refusal` None: it is."""

    class_id: ClassId
    refusal: FaceRefusal | None = None
    subject_id: int | None = None


@dataclass(frozen=True, slots=True)
class FaceRow:
    """A face to record. Without a template only uid, box and enrolments are kept (DESIGN.md section 2)."""

    uid: uuid.UUID
    box: Box
    enrolments: tuple[Enrolment, ...]
    landmarks: Landmarks | None = None
    quality: Quality | None = None
    key_id: bytes | None = None
    template: bytes | None = None  # sealed float16
    space_id: int | None = None
    crop_hash: bytes | None = None  # sealed


@dataclass(frozen=True, slots=True)
class PictureRow:
    """A decoded picture to record, with all its faces."""

    uid: uuid.UUID
    sha256: bytes
    salt: bytes
    width: int
    height: int
    format: str
    taken_at: str | None
    faces: tuple[FaceRow, ...]
    pdq: bytes = b""  # perceptual hash of 32 bytes; empty: too little to see
    known_id: int | None = None  # the picture is there already; its faces are replaced by these


@dataclass(frozen=True, slots=True)
class PlacementRow:
    """One place where a picture stands. `picture`: its sha256."""

    place: bytes
    size: int
    mtime_ns: int
    class_id: ClassId
    sha256: bytes


@dataclass(frozen=True, slots=True)
class RejectionRow:
    """One place that did not become a picture. `sha256`: of what was read there; None: it could not be read."""

    place: bytes
    size: int
    mtime_ns: int
    reason: RejectReason
    detail: str
    sha256: bytes | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """What one commit of an ingest records."""

    tenant_id: int
    source_id: int
    run_id: int
    policy_version: int  # under which its faces were permitted
    pictures: tuple[PictureRow, ...] = ()
    placements: tuple[PlacementRow, ...] = ()
    rejections: tuple[RejectionRow, ...] = ()


@dataclass(frozen=True, slots=True)
class KnownPlace:
    """What an earlier run recorded at a place."""

    id: int
    size: int
    mtime_ns: int
    class_id: ClassId | None  # None: it was rejected
    reason: RejectReason | None
    sha256: bytes | None = None
    hashed: bool = True  # False: its picture was taken before there were perceptual hashes


@dataclass(frozen=True, slots=True)
class KnownPicture:
    """A picture recorded earlier, by content."""

    id: int
    uid: uuid.UUID
    salt: bytes
    faces: tuple[FaceRow, ...]
    face_ids: tuple[FaceId, ...]
    hashed: bool  # False: taken before there were perceptual hashes


@dataclass(frozen=True, slots=True)
class Due:
    """What nothing supports any more and is to be erased: whole pictures, and templates of faces of other pictures."""

    pictures: tuple[int, ...] = ()
    faces: tuple[FaceId, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.pictures or self.faces)


class PolicyMoved(Exception):
    """The policy changed since the batch was permitted: nothing was written; decide again."""


class PictureLeaving(Exception):
    """A picture of the batch is being erased, or has been since it was recognised: nothing was written; look again."""


# Asked for every picture of an ingest: built once, since building a statement costs more than running it.
_BY_HASH: Final = (
    sa.select(t.pictures.c.id, t.pictures.c.uid, t.pictures.c.sha256, t.pictures.c.salt, t.pictures.c.pdq)
    .where(t.pictures.c.tenant_id == sa.bindparam("tenant"), t.pictures.c.erasure_id.is_(None))
    .where(t.pictures.c.sha256.in_(sa.bindparam("hashes", expanding=True)))
)
_SUPPRESSED: Final = sa.select(t.suppressions.c.digest, t.suppressions.c.box).where(
    t.suppressions.c.digest.in_(sa.bindparam("digests", expanding=True))
)


class Pictures:
    """Reads and writes of an ingest. One ingest at a time (the home's lock), beside any number of readers."""

    def __init__(self, database: Database) -> None:
        self._db = database

    # --- runs ----------------------------------------------------------------------------------------------------
    def begin_run(self, source_id: int, at: datetime) -> tuple[int, bool]:
        """(run id, whether any earlier run of the home did not end). A run without an end was killed."""
        with self._db.write() as connection:
            unended = connection.scalar(
                sa.select(sa.func.count()).select_from(t.runs).where(t.runs.c.ended_at.is_(None))
            )
            made = connection.execute(t.runs.insert().values(source_id=source_id, started_at=at))
            return int(made.inserted_primary_key[0]), bool(unended)  # type: ignore[index]  # one row

    def end_run(self, source_id: int, run_id: int, at: datetime) -> None:
        """The run is over; so is every earlier one that was killed, since this one did its work.

        Files that were rejected once and are no longer there are forgotten.
        """
        with self._db.write() as connection:
            connection.execute(
                t.rejections.delete().where(t.rejections.c.source_id == source_id, t.rejections.c.run_id < run_id)
            )
            connection.execute(
                t.runs.update().where(t.runs.c.id <= run_id, t.runs.c.ended_at.is_(None)).values(ended_at=at)
            )

    # --- reads ---------------------------------------------------------------------------------------------------
    def known_places(self, source_id: int, places: Sequence[bytes]) -> dict[bytes, KnownPlace]:
        """What is recorded at these places of a source: placements in force, and rejections."""
        found: dict[bytes, KnownPlace] = {}
        with self._db.read() as connection:
            for part in chunks(places):
                rows = connection.execute(
                    sa.select(t.placements, t.pictures.c.sha256, t.pictures.c.pdq)
                    .join(t.pictures)
                    .where(t.placements.c.source_id == source_id, t.placements.c.place.in_(part))
                    .where(t.pictures.c.erasure_id.is_(None))
                )
                for row in rows:
                    found[row.place] = KnownPlace(
                        row.id, row.size, row.mtime_ns, row.class_id, None, row.sha256, row.pdq is not None
                    )
                rejected = connection.execute(
                    t.rejections.select().where(t.rejections.c.source_id == source_id, t.rejections.c.place.in_(part))
                )
                for row in rejected:
                    found.setdefault(
                        row.place, KnownPlace(row.id, row.size, row.mtime_ns, None, RejectReason(row.reason))
                    )
        return found

    def refused_by_policy(self, source_id: int) -> frozenset[ClassId]:
        """Classes of a source in which a face waits because policy refused it: worth another look if it now permits."""
        waits = sa.exists().where(  # asked once a class: a join would read the enrolments of every face
            t.enrolments.c.class_id == t.policy_classes.c.id,
            t.enrolments.c.refusal == str(FaceRefusal.NOT_PERMITTED),
        )
        query = (
            sa.select(t.policy_classes.c.id)
            .select_from(t.policy_classes.join(t.grants))
            .where(t.grants.c.source_id == source_id, waits)
        )
        with self._db.read() as connection:
            return frozenset(connection.scalars(query))

    def waiting_places(self, source_id: int, classes: Iterable[ClassId], places: Sequence[bytes]) -> set[bytes]:
        """Those of `places` whose picture has a face that policy refused in one of `classes`."""
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
        """The recorded pictures with these contents, with their faces and enrolments."""
        found: dict[bytes, KnownPicture] = {}
        with self._db.read() as connection:
            for part in chunks(hashes):
                pictures = connection.execute(_BY_HASH, {"tenant": tenant_id, "hashes": part}).all()
                faces = _faces_of(connection, [row.id for row in pictures]) if pictures else {}
                for row in pictures:
                    own = faces.get(row.id, [])
                    found[row.sha256] = KnownPicture(
                        id=row.id,
                        uid=uuid.UUID(bytes=row.uid),
                        salt=row.salt,
                        faces=tuple(face for _, face in own),
                        face_ids=tuple(face_id for face_id, _ in own),
                        hashed=row.pdq is not None,
                    )
        return found

    def household_pictures(self, *, at_least: int = 0) -> int:
        """Pictures that stand in a source under the household basis (limited to 500,000 in a home).

        Below `at_least` it may be more than there are: a home that never had so many pictures is not counted through.
        """
        query = (
            sa.select(sa.func.count(sa.distinct(t.placements.c.picture_id)))
            .select_from(t.placements.join(t.policy_classes).join(t.grants))
            .where(t.grants.c.basis == "household")
        )
        with self._db.read() as connection:
            highest = int(connection.scalar(sa.select(sa.func.max(t.pictures.c.id))) or 0)  # no id stands twice
            return highest if highest < at_least else int(connection.scalar(query) or 0)

    def vanished(self, source_id: int, run_id: int) -> Iterator[tuple[int, bytes]]:
        """(placement id, place) of what an earlier run saw and this one did not."""
        last = 0
        while True:
            with self._db.read() as connection:
                rows = connection.execute(
                    sa.select(t.placements.c.id, t.placements.c.place)
                    .where(
                        t.placements.c.source_id == source_id, t.placements.c.run_id < run_id, t.placements.c.id > last
                    )
                    .order_by(t.placements.c.id)
                    .limit(CHUNK)
                ).all()
            if not rows:
                return
            for row in rows:
                yield row.id, row.place
            last = rows[-1].id

    def suppressions(self, digests: Sequence[bytes]) -> dict[bytes, list[Box | None]]:
        """For each keyed digest of a picture what was erased of it: boxes, or None for the whole picture."""
        found: dict[bytes, list[Box | None]] = {}
        with self._db.read() as connection:
            for part in chunks(digests):
                for row in connection.execute(_SUPPRESSED, {"digests": part}):
                    found.setdefault(row.digest, []).append(tuple(row.box) if row.box else None)
        return found

    # --- writes --------------------------------------------------------------------------------------------------
    def seen(self, run_id: int, placements: Sequence[int], rejections: Sequence[int] = ()) -> None:
        """These stand where they stood, unchanged: this run saw them."""
        with self._db.write() as connection:
            for table, ids in ((t.placements, placements), (t.rejections, rejections)):
                for part in chunks(ids):
                    connection.execute(table.update().where(table.c.id.in_(part)).values(run_id=run_id))

    def commit(self, batch: Batch) -> Due:
        """All of the batch is recorded, with the index's change list, or nothing. Safe to do twice.

        Returns: what lost its last support by it.
        Raises: PolicyMoved; PictureLeaving; StorageFailed.
        """
        with self._db.write() as connection:
            if policy_version(connection) != batch.policy_version:
                raise PolicyMoved
            _put_pictures(connection, batch)
            left = _put_placements(connection, batch) + _put_rejections(connection, batch)
            return due_of(connection, left)

    def drop_placements(self, ids: Sequence[int]) -> Due:
        """The placements are gone. Returns what lost its last support by it."""
        with self._db.write() as connection:
            return drop_placements(connection, t.placements.c.id.in_(list(ids)))

    def due(self) -> Due:
        """Everything in the home that has lost its support and is not yet being erased: a run was killed between."""
        with self._db.read() as connection:
            return Due(
                tuple(connection.scalars(_UNPLACED)),
                tuple(connection.scalars(_UNSUPPORTED)),
            )


# --- inside a transaction ------------------------------------------------------------------------------------------
def drop_placements(connection: sa.Connection, which: sa.ColumnElement[bool]) -> Due:
    """Placements, and the enrolments that rested on them alone, are gone; returns what lost its last support."""
    pictures = list(connection.scalars(sa.select(t.placements.c.picture_id).distinct().where(which)))
    connection.execute(t.placements.delete().where(which))
    for part in chunks(pictures):
        _drop_unsupported(connection, part)
    return due_of(connection, pictures)


def _drop_unsupported(connection: sa.Connection, pictures: Sequence[int]) -> None:
    """Enrolments in a class in which the picture has no placement any more leave the index and the records."""
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


def _put_pictures(connection: sa.Connection, batch: Batch) -> None:
    """Pictures, faces and enrolments stand, in as many statements for a thousand as for one.

    Raises: PictureLeaving.
    """
    pictures = batch.pictures
    hashes = [picture.sha256 for picture in pictures]
    leaving = sa.and_(t.pictures.c.tenant_id == batch.tenant_id, t.pictures.c.erasure_id.is_not(None))
    if any(_values(connection, sa.select(t.pictures.c.id).where(leaving), t.pictures.c.sha256, hashes)):
        raise PictureLeaving
    known = {picture.known_id for picture in pictures if picture.known_id is not None}
    if known - set(_values(connection, sa.select(t.pictures.c.id), t.pictures.c.id, sorted(known))):
        raise PictureLeaving
    new = [picture for picture in pictures if picture.known_id is None]
    _insert(
        connection, t.pictures,
        [
            {
                "uid": picture.uid.bytes, "tenant_id": batch.tenant_id, "sha256": picture.sha256, "salt": picture.salt,
                "width": picture.width, "height": picture.height, "format": picture.format,
                "taken_at": picture.taken_at, "pdq": picture.pdq,
            }
            for picture in new
        ],
    )  # fmt: skip
    again = [{"picture": picture.known_id, "pdq": picture.pdq} for picture in pictures if picture.known_id is not None]
    if again:
        connection.execute(t.pictures.update().where(t.pictures.c.id == sa.bindparam("picture")), again)
    made = _ids(connection, t.pictures, [picture.uid.bytes for picture in new])
    placed = [(picture.known_id or made[picture.uid.bytes], face) for picture in pictures for face in picture.faces]
    added, ids = _put_faces(connection, placed, sorted(known))
    _put_enrolments(connection, [(ids[face.uid.bytes], face) for _, face in placed], added)


def _put_faces(
    connection: sa.Connection, placed: Sequence[tuple[int, FaceRow]], known: Sequence[int]
) -> tuple[set[FaceId], dict[bytes, FaceId]]:
    """(picture, face) rows stand; returns the ids of those that are new, and the id of each by its uid."""
    rows = _rows(connection, sa.select(t.faces.c.uid, t.faces.c.id), t.faces.c.picture_id, known)
    ids: dict[bytes, FaceId] = {row.uid: row.id for row in rows}
    new = [(picture_id, face) for picture_id, face in placed if face.uid.bytes not in ids]
    _insert(
        connection, t.faces,
        [
            {
                "uid": face.uid.bytes, "picture_id": picture_id,
                **dict(zip(("x1", "y1", "x2", "y2"), face.box, strict=True)), **_face_values(face),
            }
            for picture_id, face in new
        ],
    )  # fmt: skip
    again = [{"face": ids[f.uid.bytes], **_face_values(f)} for _, f in placed if f.uid.bytes in ids]
    if again:
        connection.execute(t.faces.update().where(t.faces.c.id == sa.bindparam("face")), again)
    made = _ids(connection, t.faces, [face.uid.bytes for _, face in new])
    return set(made.values()), ids | made


def _face_values(face: FaceRow) -> dict[str, Any]:
    return {
        "landmarks": None if face.landmarks is None else _POINTS.pack(*(v for point in face.landmarks for v in point)),
        "quality": None if face.quality is None else pack_quality(face.quality),
        "key_id": face.key_id,
        "template": face.template,
        "space_id": face.space_id,
        "crop_hash": face.crop_hash,
    }


def _put_enrolments(connection: sa.Connection, faces: Sequence[tuple[FaceId, FaceRow]], new: set[FaceId]) -> None:
    """Enrolments stand as these faces have them, and the index hears of those that have become searchable."""
    before = {
        (row.face_id, row.class_id): row.refusal
        for row in _rows(
            connection, t.enrolments.select(), t.enrolments.c.face_id, [id_ for id_, _ in faces if id_ not in new]
        )
    }
    now = {
        (id_, each.class_id): {
            "refusal": None if each.refusal is None else str(each.refusal), "subject_id": each.subject_id
        }
        for id_, face in faces
        for each in face.enrolments
    }  # fmt: skip
    made = [key for key in now if key not in before]
    moved = [key for key, values in now.items() if key in before and before[key] != values["refusal"]]
    _insert(connection, t.enrolments, [{"face_id": key[0], "class_id": key[1], **now[key]} for key in made])
    if moved:
        here = (t.enrolments.c.face_id == sa.bindparam("face"), t.enrolments.c.class_id == sa.bindparam("class"))
        connection.execute(
            t.enrolments.update().where(*here), [{"face": key[0], "class": key[1], **now[key]} for key in moved]
        )
    note_changes(connection, [key for key in [*made, *moved] if now[key]["refusal"] is None], added=True)


def _put_placements(connection: sa.Connection, batch: Batch) -> list[int]:
    """Placements stand; returns the pictures that stood at those places before and now may not."""
    hashes = sorted({placement.sha256 for placement in batch.placements})
    mine = sa.select(t.pictures.c.sha256, t.pictures.c.id).where(t.pictures.c.tenant_id == batch.tenant_id)
    pictures = {row.sha256: row.id for row in _rows(connection, mine, t.pictures.c.sha256, hashes)}
    # A picture that is not there was erased since it was recognised; the next run finds out what its bytes are now.
    now = {
        placement.place: {
            "picture_id": pictures[placement.sha256], "class_id": placement.class_id, "size": placement.size,
            "mtime_ns": placement.mtime_ns, "run_id": batch.run_id,
        }
        for placement in batch.placements
        if placement.sha256 in pictures
    }  # fmt: skip
    here = t.placements.select().where(t.placements.c.source_id == batch.source_id)
    before = {row.place: row for row in _rows(connection, here, t.placements.c.place, list(now))}
    _insert(
        connection, t.placements,
        [
            {"source_id": batch.source_id, "place": place, **values}
            for place, values in now.items()
            if place not in before
        ],
    )  # fmt: skip
    if before:
        connection.execute(
            t.placements.update().where(t.placements.c.id == sa.bindparam("placement")),
            [{"placement": row.id, **now[place]} for place, row in before.items()],
        )
    left = [
        row.picture_id
        for place, row in before.items()
        if (row.picture_id, row.class_id) != (now[place]["picture_id"], now[place]["class_id"])
    ]
    for part in chunks(left):
        _drop_unsupported(connection, part)
    _forget_rejections(connection, batch.source_id, list(now))
    return left


def _put_rejections(connection: sa.Connection, batch: Batch) -> list[int]:
    """Rejections are recorded; returns the pictures that stood at those places and no longer do.

    A picture leaves its place where other bytes were read there: a lead must not point at a file that shows something
    else. What merely can't be read now was not withdrawn, and stays. A link or device where a file was is a file that
    has vanished.
    """
    now = {rejection.place: rejection for rejection in batch.rejections}
    _forget_rejections(connection, batch.source_id, list(now))
    _insert(
        connection, t.rejections,
        [
            {
                "source_id": batch.source_id, "place": rejection.place, "size": rejection.size,
                "mtime_ns": rejection.mtime_ns, "reason": str(rejection.reason), "detail": rejection.detail[:300],
                "run_id": batch.run_id,
            }
            for rejection in now.values()
        ],
    )  # fmt: skip
    stood = (
        sa.select(
            t.placements.c.id, t.placements.c.place, t.placements.c.picture_id, t.placements.c.size, t.pictures.c.sha256
        )
        .join(t.pictures)
        .where(t.placements.c.source_id == batch.source_id)
    )
    before = [
        (row, now[row.place])
        for row in _rows(connection, stood, t.placements.c.place, list(now))
        if now[row.place].reason not in _NO_LONGER_A_FILE
    ]
    others = [row for row, rejection in before if _holds_other_bytes(rejection, row.size, row.sha256)]
    same = {row.id for row, _ in before} - {row.id for row in others}
    for part in chunks(sorted(same)):
        connection.execute(t.placements.update().where(t.placements.c.id.in_(part)).values(run_id=batch.run_id))
    for part in chunks(others):
        connection.execute(t.placements.delete().where(t.placements.c.id.in_([row.id for row in part])))
        _drop_unsupported(connection, [row.picture_id for row in part])
    return [row.picture_id for row in others]


def _holds_other_bytes(rejection: RejectionRow, size: int, sha256: bytes) -> bool:
    """Whether what is rejected is not the picture of `size` bytes that stood there, as far as it was read."""
    unread_and_resized = rejection.reason is RejectReason.TOO_LARGE and rejection.size != size
    return rejection.sha256 not in {None, sha256} or unread_and_resized


def _forget_rejections(connection: sa.Connection, source_id: int, places: Sequence[bytes]) -> None:
    for part in chunks(places):
        connection.execute(
            t.rejections.delete().where(t.rejections.c.source_id == source_id, t.rejections.c.place.in_(part))
        )


def _insert(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        connection.execute(table.insert(), list(rows))


def _ids(connection: sa.Connection, table: sa.Table, uids: Sequence[bytes]) -> dict[bytes, int]:
    return {row.uid: row.id for row in _rows(connection, sa.select(table.c.uid, table.c.id), table.c.uid, uids)}


def _rows(
    connection: sa.Connection, query: sa.Select[Any], column: sa.Column[Any], values: Sequence[Any]
) -> Iterator[Any]:
    """The rows of `query` in which `column` is one of `values`."""
    for part in chunks(values):
        yield from connection.execute(query.where(column.in_(part)))


def _values(
    connection: sa.Connection, query: sa.Select[Any], column: sa.Column[Any], values: Sequence[Any]
) -> Iterator[Any]:
    """The first column of `_rows`."""
    return (row[0] for row in _rows(connection, query, column, values))


_UNPLACED: Final = (
    sa.select(t.pictures.c.id)
    .where(t.pictures.c.erasure_id.is_(None))
    .where(~sa.exists().where(t.placements.c.picture_id == t.pictures.c.id))
)
_UNSUPPORTED: Final = (  # a template that no class may use must not stay (DESIGN.md section 2)
    sa.select(t.faces.c.id)
    .where(t.faces.c.erasure_id.is_(None), t.faces.c.key_id.is_not(None))
    .where(sa.exists().where(t.placements.c.picture_id == t.faces.c.picture_id))
    .where(~sa.exists().where(t.enrolments.c.face_id == t.faces.c.id, t.enrolments.c.refusal.is_(None)))
)


def due_of(connection: sa.Connection, pictures: Sequence[int]) -> Due:
    """What of these pictures has lost its last support."""
    unplaced: list[int] = []
    unsupported: list[FaceId] = []
    for part in chunks(sorted(set(pictures))):
        unplaced.extend(connection.scalars(_UNPLACED.where(t.pictures.c.id.in_(part))))
        unsupported.extend(connection.scalars(_UNSUPPORTED.where(t.faces.c.picture_id.in_(part))))
    return Due(tuple(unplaced), tuple(unsupported))


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
            uid=uuid.UUID(bytes=row.uid),
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


def pack_quality(quality: Quality) -> bytes:
    """24 bytes, in the order of the fields."""
    return _QUALITY.pack(
        quality.width_px, quality.sharpness, quality.pose, quality.exposure, quality.detector, quality.overall
    )


def unpack_quality(packed: bytes) -> Quality:
    """The inverse of `pack_quality`, at float32 precision."""
    return Quality(*_QUALITY.unpack(packed))


def unpack_landmarks(packed: bytes) -> Landmarks:
    """Five (x, y) points from 40 bytes."""
    v = _POINTS.unpack(packed)
    return ((v[0], v[1]), (v[2], v[3]), (v[4], v[5]), (v[6], v[7]), (v[8], v[9]))


def chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """`items` in parts that one query can take."""
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]
