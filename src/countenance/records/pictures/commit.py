"""Records a batch: pictures, faces, enrolments, placements, rejections and the index's change list.

Everything here runs inside the one transaction of `PictureTable.commit`: a crash leaves all of a batch or nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from countenance.records import schema as t
from countenance.records.changes import note_changes
from countenance.records.packing import pack_landmarks, pack_quality
from countenance.records.pictures.batch import Batch, FaceRow, PictureLeaving, RejectionRow
from countenance.records.queries import chunks, ids_of, insert, rows_where, values_where
from countenance.records.reachability import drop_unsupported
from countenance.types import FaceId, RejectReason

_NO_LONGER_A_FILE: Final = frozenset({RejectReason.LINK, RejectReason.NOT_A_FILE})


def put_pictures(connection: sa.Connection, batch: Batch) -> None:
    """Record pictures, faces and enrolments, in as many statements for a thousand as for one.

    Raises: PictureLeaving.
    """
    pictures = batch.pictures
    hashes = [picture.sha256 for picture in pictures]
    leaving = sa.and_(t.pictures.c.tenant_id == batch.tenant_id, t.pictures.c.erasure_id.is_not(None))
    if any(values_where(connection, sa.select(t.pictures.c.id).where(leaving), t.pictures.c.sha256, hashes)):
        raise PictureLeaving
    known = {picture.known_id for picture in pictures if picture.known_id is not None}
    if known - set(values_where(connection, sa.select(t.pictures.c.id), t.pictures.c.id, sorted(known))):
        raise PictureLeaving
    new = [picture for picture in pictures if picture.known_id is None]
    mine = sa.select(t.pictures.c.id).where(t.pictures.c.tenant_id == batch.tenant_id)
    if any(values_where(connection, mine, t.pictures.c.sha256, [picture.sha256 for picture in new])):
        raise PictureLeaving  # an ingest and somebody who handed it in had the same at once
    insert(
        connection, t.pictures,
        [
            {
                "uid": picture.uid, "tenant_id": batch.tenant_id, "sha256": picture.sha256, "salt": picture.salt,
                "width": picture.width, "height": picture.height, "format": picture.format,
                "taken_at": picture.taken_at, "pdq": picture.pdq,
            }
            for picture in new
        ],
    )  # fmt: skip
    again = [{"picture": picture.known_id, "pdq": picture.pdq} for picture in pictures if picture.known_id is not None]
    if again:
        connection.execute(t.pictures.update().where(t.pictures.c.id == sa.bindparam("picture")), again)
    made = ids_of(connection, t.pictures, [str(picture.uid) for picture in new])
    placed = [(picture.known_id or made[str(picture.uid)], face) for picture in pictures for face in picture.faces]
    added, ids = _put_faces(connection, placed, sorted(known))
    _put_enrolments(connection, [(ids[str(face.uid)], face) for _, face in placed], added)


def _put_faces(
    connection: sa.Connection, placed: Sequence[tuple[int, FaceRow]], known: Sequence[int]
) -> tuple[set[FaceId], dict[str, FaceId]]:
    """Record (picture, face) rows; return the ids of the new ones, and the id of each by its uid."""
    rows = rows_where(connection, sa.select(t.faces.c.uid, t.faces.c.id), t.faces.c.picture_id, known)
    ids: dict[str, FaceId] = {row.uid: row.id for row in rows}
    new = [(picture_id, face) for picture_id, face in placed if str(face.uid) not in ids]
    insert(
        connection, t.faces,
        [
            {
                "uid": face.uid, "picture_id": picture_id,
                **dict(zip(("x1", "y1", "x2", "y2"), face.box, strict=True)), **_face_values(face),
            }
            for picture_id, face in new
        ],
    )  # fmt: skip
    again = [{"face": ids[str(f.uid)], **_face_values(f)} for _, f in placed if str(f.uid) in ids]
    if again:
        connection.execute(t.faces.update().where(t.faces.c.id == sa.bindparam("face")), again)
    made = ids_of(connection, t.faces, [str(face.uid) for _, face in new])
    return set(made.values()), ids | made


def _face_values(face: FaceRow) -> dict[str, Any]:
    return {
        "landmarks": None if face.landmarks is None else pack_landmarks(face.landmarks),
        "quality": None if face.quality is None else pack_quality(face.quality),
        "key_id": face.key_id,
        "template": face.template,
        "space_id": face.space_id,
        "crop_hash": face.crop_hash,
    }


def _put_enrolments(connection: sa.Connection, faces: Sequence[tuple[FaceId, FaceRow]], new: set[FaceId]) -> None:
    """Record the enrolments of these faces; the index learns which have become searchable."""
    before = {
        (row.face_id, row.class_id): row.refusal
        for row in rows_where(
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
    insert(connection, t.enrolments, [{"face_id": key[0], "class_id": key[1], **now[key]} for key in made])
    if moved:
        here = (t.enrolments.c.face_id == sa.bindparam("face"), t.enrolments.c.class_id == sa.bindparam("class"))
        connection.execute(
            t.enrolments.update().where(*here), [{"face": key[0], "class": key[1], **now[key]} for key in moved]
        )
    note_changes(connection, [key for key in [*made, *moved] if now[key]["refusal"] is None], added=True)


def put_placements(connection: sa.Connection, batch: Batch) -> list[int]:
    """Record placements; return the pictures that were at those paths before and may have left."""
    hashes = sorted({placement.sha256 for placement in batch.placements})
    mine = sa.select(t.pictures.c.sha256, t.pictures.c.id).where(t.pictures.c.tenant_id == batch.tenant_id)
    pictures = {row.sha256: row.id for row in rows_where(connection, mine, t.pictures.c.sha256, hashes)}
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
    before = {row.place: row for row in rows_where(connection, here, t.placements.c.place, list(now))}
    insert(
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
        drop_unsupported(connection, part)
    _forget_rejections(connection, batch.source_id, list(now))
    return left


def put_rejections(connection: sa.Connection, batch: Batch) -> list[int]:
    """Record rejections; return the pictures that were at those paths and have left.

    A picture leaves its path where other bytes were read there: a lead must not point at a file that shows something
    else. A picture that only can't be read now was not withdrawn, and stays. A link or device where a file was is a
    file that has vanished.
    """
    now = {rejection.place: rejection for rejection in batch.rejections}
    _forget_rejections(connection, batch.source_id, list(now))
    insert(
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
        for row in rows_where(connection, stood, t.placements.c.place, list(now))
        if now[row.place].reason not in _NO_LONGER_A_FILE
    ]
    others = [row for row, rejection in before if _holds_other_bytes(rejection, row.size, row.sha256)]
    same = {row.id for row, _ in before} - {row.id for row in others}
    for part in chunks(sorted(same)):
        connection.execute(t.placements.update().where(t.placements.c.id.in_(part)).values(run_id=batch.run_id))
    for part in chunks(others):
        connection.execute(t.placements.delete().where(t.placements.c.id.in_([row.id for row in part])))
        drop_unsupported(connection, [row.picture_id for row in part])
    return [row.picture_id for row in others]


def _holds_other_bytes(rejection: RejectionRow, size: int, sha256: bytes) -> bool:
    """Return whether the rejected file is not the picture of `size` bytes that was there, as far as it was read."""
    unread_and_resized = rejection.reason is RejectReason.TOO_LARGE and rejection.size != size
    return rejection.sha256 not in {None, sha256} or unread_and_resized


def _forget_rejections(connection: sa.Connection, source_id: int, places: Sequence[bytes]) -> None:
    for part in chunks(places):
        connection.execute(
            t.rejections.delete().where(t.rejections.c.source_id == source_id, t.rejections.c.place.in_(part))
        )
