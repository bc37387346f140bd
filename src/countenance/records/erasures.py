"""Erasures: what is hidden, what is left to remove, what is gone. The order is `pipeline/erase.py`'s."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from countenance.records import schema as t
from countenance.records.changes import note_changes
from countenance.records.database import Database
from countenance.records.queries import chunks
from countenance.records.sources import move_policy_version
from countenance.records.support import drop_placements
from countenance.types import Box, ClassId, FaceId, FaceRefusal

FACES_A_STEP: Final = 1000
# Where somebody asked for it, what is left of a face in a picture that stays says why. What an opt-out keeps out may
# come back when that is withdrawn (`records/requests.py`).
LEFT: Final = {
    "face": FaceRefusal.ERASED,
    "erasure": FaceRefusal.ERASED,
    "objection": FaceRefusal.ERASED,
    "opt-out": FaceRefusal.OPTED_OUT,
    "forgotten": FaceRefusal.ERASED,  # an opt-out that keeps nothing out: nothing to withdraw
}


@dataclass(frozen=True, slots=True)
class Erasure:
    """One erasure, begun and perhaps not done."""

    id: int
    uid: str
    scope: str
    source_id: int | None
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class HiddenFace:
    """A face that waits for its bytes to be removed."""

    id: FaceId
    uid: str
    key_id: bytes | None
    classes: tuple[ClassId, ...]
    second_key: bytes | None = None  # of its template in a second embedding space

    @property
    def keys(self) -> list[bytes]:
        """Every data key that is the face's alone."""
        return [key for key in (self.key_id, self.second_key) if key]


@dataclass(frozen=True, slots=True)
class Suppression:
    """What keeps an erased picture, or one face of it, out when its file is met again."""

    digest: bytes
    box: Box | None
    kind: str = "bytes"  # or address, pdq


class Erasures:
    """Hide, list, forget. Every step is one transaction and safe to repeat."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def unfinished(self) -> tuple[Erasure, ...]:
        """Begun and not done, oldest first."""
        with self._db.read() as connection:
            rows = connection.execute(
                t.erasures.select().where(t.erasures.c.done_at.is_(None)).order_by(t.erasures.c.id)
            )
            return tuple(_erasure(row) for row in rows)

    def hide(
        self,
        *,
        uid: uuid.UUID,
        scope: str,
        at: datetime,
        faces: Sequence[FaceId] = (),
        pictures: Sequence[int] = (),
        source_id: int | None = None,
        suppressions: Sequence[Suppression] = (),
    ) -> Erasure:
        """Hidden from every search that starts after this commit; listed as an erasure to finish.

        faces: single faces; pictures: with all their faces; source_id: every placement of it, and each picture
        that has no other.
        """
        with self._db.write() as connection:
            made = connection.execute(
                t.erasures.insert().values(uid=uid.bytes, scope=scope, source_id=source_id, begun_at=at, counts={})
            )
            erasure_id = int(made.inserted_primary_key[0])  # type: ignore[index]  # one row
            gone, single = list(pictures), list(faces)
            if source_id is not None:
                due = drop_placements(connection, t.placements.c.source_id == source_id)
                gone.extend(due.pictures)
                single.extend(due.faces)
            hidden_faces = 0
            for part in chunks(gone):
                connection.execute(t.pictures.update().where(t.pictures.c.id.in_(part)).values(erasure_id=erasure_id))
                hidden_faces += self._hide_faces(connection, t.faces.c.picture_id.in_(part), erasure_id)
            for part in chunks(single):
                hidden_faces += self._hide_faces(connection, t.faces.c.id.in_(part), erasure_id)
            if suppressions:
                connection.execute(
                    t.suppressions.insert(),
                    [
                        {
                            "kind": s.kind,
                            "digest": s.digest,
                            "box": list(s.box) if s.box else None,
                            "erasure_uid": uid.bytes,
                        }
                        for s in suppressions
                    ],
                )
            counts = {"pictures": len(gone), "faces": hidden_faces}
            connection.execute(t.erasures.update().where(t.erasures.c.id == erasure_id).values(counts=counts))
            move_policy_version(connection)
        return Erasure(erasure_id, str(uid), scope, source_id, counts)

    @staticmethod
    def _hide_faces(connection: sa.Connection, which: sa.ColumnElement[bool], erasure_id: int) -> int:
        visible = sa.and_(which, t.faces.c.erasure_id.is_(None))
        rows = connection.execute(
            sa.select(t.enrolments.c.face_id, t.enrolments.c.class_id)
            .join(t.faces)
            .where(visible, t.enrolments.c.refusal.is_(None))
        ).all()
        note_changes(connection, [(row.face_id, row.class_id) for row in rows], added=False)
        return connection.execute(t.faces.update().where(visible).values(erasure_id=erasure_id)).rowcount

    def hidden_faces(self, erasure: Erasure) -> Iterator[tuple[HiddenFace, ...]]:
        """The faces of an erasure still in the records, in parts; `forget_faces` each part before the next."""
        while True:
            with self._db.read() as connection:
                rows = connection.execute(
                    sa.select(t.faces.c.id, t.faces.c.uid, t.faces.c.key_id, t.face_templates.c.key_id.label("second"))
                    .select_from(t.faces.outerjoin(t.face_templates))
                    .where(t.faces.c.erasure_id == erasure.id)
                    .order_by(t.faces.c.id)
                    .limit(FACES_A_STEP)
                ).all()
                classes: dict[FaceId, list[ClassId]] = {}
                for part in chunks([row.id for row in rows]):
                    for row in connection.execute(
                        sa.select(t.enrolments.c.face_id, t.enrolments.c.class_id).where(
                            t.enrolments.c.face_id.in_(part)
                        )
                    ):
                        classes.setdefault(row.face_id, []).append(row.class_id)
            if not rows:
                return
            yield tuple(
                HiddenFace(
                    row.id, str(uuid.UUID(bytes=row.uid)), row.key_id, tuple(classes.get(row.id, ())), row.second
                )
                for row in rows
            )

    def forget_faces(self, erasure: Erasure, faces: Sequence[HiddenFace]) -> None:
        """Of these faces nothing is left, or, where their picture stays, the box and the reason."""
        whole = sa.select(t.pictures.c.id).where(t.pictures.c.erasure_id == erasure.id)
        with self._db.write() as connection:
            for part in chunks([face.id for face in faces]):
                going = list(
                    connection.scalars(
                        sa.select(t.faces.c.id).where(t.faces.c.id.in_(part), t.faces.c.picture_id.in_(whole))
                    )
                )
                connection.execute(t.face_templates.delete().where(t.face_templates.c.face_id.in_(part)))
                connection.execute(t.request_faces.delete().where(t.request_faces.c.face_id.in_(part)))
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
                            uid=uuid.uuid4().bytes,
                            **dict.fromkeys(
                                ("landmarks", "quality", "key_id", "template", "space_id", "crop_hash", "erasure_id")
                            ),
                        )
                    )

    def forget_pictures(self, erasure: Erasure) -> None:
        """The erasure's pictures and their placements are gone from the records."""
        mine = sa.select(t.pictures.c.id).where(t.pictures.c.erasure_id == erasure.id)
        with self._db.write() as connection:
            connection.execute(t.placements.delete().where(t.placements.c.picture_id.in_(mine)))
            connection.execute(t.pictures.delete().where(t.pictures.c.erasure_id == erasure.id))

    def source_holdings(self, source_id: int) -> tuple[list[str], list[bytes], list[ClassId]]:
        """(blob names, key ids, policy classes) of a source's grants: evidence and subjects' evidence."""
        with self._db.read() as connection:
            grants = connection.execute(t.grants.select().where(t.grants.c.source_id == source_id)).all()
            proofs = connection.scalars(
                sa.select(t.subjects.c.evidence_blob).join(t.grants).where(t.grants.c.source_id == source_id)
            ).all()
            classes = connection.scalars(
                sa.select(t.policy_classes.c.id).join(t.grants).where(t.grants.c.source_id == source_id)
            ).all()
        blobs = [grant.evidence_blob for grant in grants if grant.evidence_blob] + list(proofs)
        return blobs, [grant.key_id for grant in grants if grant.key_id], list(classes)

    def forget_source(self, source_id: int) -> None:
        """The source, its grants, subjects, classes, runs and rejections are gone from the records."""
        grants = sa.select(t.grants.c.id).where(t.grants.c.source_id == source_id)
        classes = sa.select(t.policy_classes.c.id).where(t.policy_classes.c.grant_id.in_(grants))
        with self._db.write() as connection:
            connection.execute(t.enrolments.delete().where(t.enrolments.c.class_id.in_(classes)))
            subjects = sa.select(t.subjects.c.id).where(t.subjects.c.grant_id.in_(grants))
            connection.execute(t.subject_templates.delete().where(t.subject_templates.c.subject_id.in_(subjects)))
            connection.execute(t.subjects.delete().where(t.subjects.c.grant_id.in_(grants)))
            connection.execute(t.policy_classes.delete().where(t.policy_classes.c.grant_id.in_(grants)))
            connection.execute(t.grants.delete().where(t.grants.c.source_id == source_id))
            connection.execute(t.rejections.delete().where(t.rejections.c.source_id == source_id))
            connection.execute(t.runs.delete().where(t.runs.c.source_id == source_id))
            connection.execute(t.sources.delete().where(t.sources.c.id == source_id))
            move_policy_version(connection)

    def done(self, erasure: Erasure, at: datetime) -> None:
        """The erasure is over."""
        with self._db.write() as connection:
            connection.execute(t.erasures.update().where(t.erasures.c.id == erasure.id).values(done_at=at))

    def picture_hashes(self, pictures: Sequence[int]) -> list[tuple[str, bytes]]:
        """(tenant name, sha256) of each picture."""
        found: list[tuple[str, bytes]] = []
        with self._db.read() as connection:
            for part in chunks(pictures):
                rows = connection.execute(
                    sa.select(t.tenants.c.name, t.pictures.c.sha256).join(t.pictures).where(t.pictures.c.id.in_(part))
                )
                found.extend((row.name, row.sha256) for row in rows)
        return found

    def count_faces(self, pictures: Sequence[int]) -> int:
        """Faces of these pictures that are not being erased yet."""
        with self._db.read() as connection:
            return sum(
                int(
                    connection.scalar(
                        sa.select(sa.func.count())
                        .select_from(t.faces)
                        .where(t.faces.c.picture_id.in_(part), t.faces.c.erasure_id.is_(None))
                    )
                    or 0
                )
                for part in chunks(pictures)
            )

    def count_source(self, source_id: int) -> tuple[int, int]:
        """(pictures, faces) that would go with a source: those that stand in no other."""
        elsewhere = (
            sa.exists().where(t.placements.c.picture_id == t.pictures.c.id).where(t.placements.c.source_id != source_id)
        )
        with self._db.read() as connection:
            pictures = connection.scalars(
                sa.select(t.pictures.c.id)
                .where(t.pictures.c.erasure_id.is_(None), ~elsewhere)
                .where(sa.exists().where(t.placements.c.picture_id == t.pictures.c.id))
            ).all()
        return len(pictures), self.count_faces(pictures)

    def face_box(self, face: FaceId) -> tuple[str, bytes, Box]:
        """(tenant name, sha256 of the picture, box) of a face."""
        with self._db.read() as connection:
            row = connection.execute(
                sa.select(t.tenants.c.name, t.pictures.c.sha256, t.faces.c.x1, t.faces.c.y1, t.faces.c.x2, t.faces.c.y2)
                .select_from(t.faces.join(t.pictures, t.pictures.c.id == t.faces.c.picture_id).join(t.tenants))
                .where(t.faces.c.id == face)
            ).one()
        return row.name, row.sha256, (row.x1, row.y1, row.x2, row.y2)


def _erasure(row: Any) -> Erasure:
    return Erasure(row.id, str(uuid.UUID(bytes=row.uid)), row.scope, row.source_id, dict(row.counts))
