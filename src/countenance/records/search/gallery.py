"""Reads for a search: whether a face is still visible, and where it is. Also counts what a home holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import sqlalchemy as sa

from countenance.records import schema as t
from countenance.records.changes import ROWS_A_READ
from countenance.records.database import Database
from countenance.records.packing import unpack_quality
from countenance.records.pictures.uploads import upload_blob
from countenance.records.queries import chunks
from countenance.records.sources.sources import policy_version
from countenance.types import Basis, Box, ClassId, FaceId, FaceRefusal

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class VisibleFace:
    """A face that may be shown now, with one path of its picture."""

    face: FaceId
    class_id: ClassId
    uid: str
    box: Box
    quality: float | None
    picture_uid: str
    width: int
    height: int
    taken_at: str | None
    place: bytes
    source: str
    location: bytes
    basis: Basis
    jurisdictions: tuple[str, ...]
    key_id: bytes
    pdq: bytes | None  # perceptual hash of the picture; empty: too little to see; None: it has none yet
    crop_hash: bytes | None  # of the face's crop, sealed under `key_id`
    sha256: bytes  # of the picture's file


@dataclass(frozen=True, slots=True)
class FacePlace:
    """A face by its uid, as `erase` and the pages need it."""

    id: FaceId
    uid: str
    picture_id: int
    key_id: bytes | None
    second_key: bytes | None = None  # of its template in a second space; seals its crop where a reindex was cut short


class Gallery:
    """Reads faces and pictures, and counts them; it writes nothing."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def visible(
        self, faces: Sequence[FaceId], classes: Iterable[ClassId], policy: int
    ) -> dict[FaceId, VisibleFace] | None:
        """Return those of `faces` that may be shown under `classes`, at one moment.

        Returns: None: the policy has moved on from version `policy`; decide again.
        """
        allowed = frozenset(classes)
        found: dict[FaceId, VisibleFace] = {}
        with self._db.snapshot() as connection:
            if policy_version(connection) != policy:
                return None
            for part in chunks(list(faces)):
                for row in connection.execute(_VISIBLE, {"faces": part}):
                    if row.class_id in allowed:
                        found.setdefault(row.face_id, _visible_face(row))
        return found

    def face(self, uid: str) -> FacePlace | None:
        """Return the face of that uid, unless it is being erased."""
        query = (
            sa.select(t.faces.c.id, t.faces.c.picture_id, t.faces.c.key_id, t.face_templates.c.key_id.label("second"))
            .select_from(t.faces.outerjoin(t.face_templates))
            .where(t.faces.c.uid == uid, t.faces.c.erasure_id.is_(None))
        )
        return self._db.one(query, lambda row: FacePlace(row.id, uid, row.picture_id, row.key_id, row.second))

    def is_restricted(self, face: FaceId) -> bool:
        """Return whether the face is kept and shown to no one, as the person pictured asked."""
        query = sa.select(sa.func.count()).where(
            t.enrolments.c.face_id == face, t.enrolments.c.refusal == str(FaceRefusal.RESTRICTED)
        )
        return bool(self._db.count(query))

    def picture_id(self, uid: str) -> int | None:
        """Return the id of the picture of that uid, unless it is being erased."""
        query = sa.select(t.pictures.c.id).where(t.pictures.c.uid == uid, t.pictures.c.erasure_id.is_(None))
        return self._db.one(query, lambda row: int(row.id))

    def blob_names(self) -> Iterator[str]:
        """Yield the name of every blob that a row needs: crops, evidence, probes, documents, proofs."""
        with self._db.read() as connection:
            for column in (
                t.grants.c.evidence_blob, t.subjects.c.evidence_blob, t.searches.c.probe_blob, t.request_files.c.blob,
                t.order_papers.c.blob,
            ):  # fmt: skip
                yield from connection.scalars(sa.select(column).where(column.is_not(None), column != "")).all()
            handed_in = sa.select(t.uploads.c.uid).where(t.uploads.c.key_id.is_not(None))
            yield from (upload_blob(uid) for uid in connection.scalars(handed_in).all())
        yield from self._of_indexed_faces(t.faces.c.uid)

    def key_ids(self) -> Iterator[bytes]:
        """Yield every data key that a row still needs."""
        with self._db.read() as connection:
            for column in (
                t.grants.c.key_id, t.searches.c.key_id, t.orders.c.key_id, t.persons.c.key_id, t.requests.c.key_id,
                t.requests.c.proof_key_id, t.suppressed_persons.c.key_id, t.accounts.c.key_id,
                t.answers.c.key_id, t.uploads.c.key_id, t.subjects.c.key_id, t.collection_users.c.key_id,
            ):  # fmt: skip
                yield from connection.scalars(sa.select(column).where(column.is_not(None))).all()
            shared = sa.and_(t.searches.c.key_id.is_(None), t.searches.c.probe_blob != "")  # as before schema 0007
            yield from connection.scalars(sa.select(t.cases.c.key_id).join(t.searches).where(shared).distinct()).all()
            in_force = t.access_keys.c.revoked_at.is_(None)
            yield from connection.scalars(sa.select(t.access_keys.c.seal_id).where(in_force)).all()
        yield from self._of_indexed_faces(t.faces.c.key_id)
        seconds = sa.select(t.face_templates.c.face_id, t.face_templates.c.key_id)
        for rows in self._db.pages(seconds, t.face_templates.c.face_id, ROWS_A_READ):
            yield from (row.key_id for row in rows)

    def _of_indexed_faces(self, column: sa.Column[T]) -> Iterator[T]:
        """Yield one column of every face that has a key."""
        query = sa.select(t.faces.c.id, column).where(t.faces.c.key_id.is_not(None))
        for rows in self._db.pages(query, t.faces.c.id, ROWS_A_READ):
            yield from (row[1] for row in rows)

    def count_enrolled(self) -> int:
        """Count the rows that an index in step with the records holds."""
        return self._db.count(
            sa.select(sa.func.count())
            .select_from(t.enrolments.join(t.faces))
            .where(t.enrolments.c.refusal.is_(None), t.faces.c.erasure_id.is_(None))
        )

    def counts(self) -> dict[str, int]:
        """Return how many pictures, faces, indexed faces and rejections there are, without what is being erased."""
        count = self._db.count
        return {
            "pictures": count(
                sa.select(sa.func.count()).select_from(t.pictures).where(t.pictures.c.erasure_id.is_(None))
            ),
            "faces": count(sa.select(sa.func.count()).select_from(t.faces).where(t.faces.c.erasure_id.is_(None))),
            "indexed": count(
                sa.select(sa.func.count(sa.distinct(t.enrolments.c.face_id)))
                .select_from(t.enrolments.join(t.faces))
                .where(t.enrolments.c.refusal.is_(None), t.faces.c.erasure_id.is_(None))
            ),
            "rejected": count(sa.select(sa.func.count()).select_from(t.rejections)),
        }

    def source_counts(self, source_id: int) -> dict[str, object]:
        """Return of one source: pictures, paths, indexed faces, faces refused and paths rejected by reason."""
        mine = t.placements.c.source_id == source_id
        with self._db.read() as connection:
            places, pictures = connection.execute(
                sa.select(sa.func.count(), sa.func.count(sa.distinct(t.placements.c.picture_id))).where(mine)
            ).one()
            enrolled = connection.execute(
                sa.select(t.enrolments.c.refusal, sa.func.count())
                .select_from(t.enrolments.join(t.policy_classes).join(t.grants).join(t.faces))
                .where(t.grants.c.source_id == source_id, t.faces.c.erasure_id.is_(None))
                .group_by(t.enrolments.c.refusal)
            ).all()
            rejected = connection.execute(
                sa.select(t.rejections.c.reason, sa.func.count())
                .where(t.rejections.c.source_id == source_id)
                .group_by(t.rejections.c.reason)
            ).all()
        return {
            "places": int(places),
            "pictures": int(pictures),
            "indexed": sum(n for refusal, n in enrolled if refusal is None),
            "refused": _by_public_reason({refusal: n for refusal, n in enrolled if refusal is not None}),
            "rejected": dict(sorted((reason, n) for reason, n in rejected)),
        }

    def rejected(self, source_id: int) -> Iterator[tuple[bytes, str, str]]:
        """Yield (path, reason, detail) of every path of a source that is no picture, by path."""
        columns = (t.rejections.c.place, t.rejections.c.reason, t.rejections.c.detail)
        query = sa.select(*columns).where(t.rejections.c.source_id == source_id)
        for rows in self._db.pages(query, t.rejections.c.place, ROWS_A_READ):
            yield from (tuple(row) for row in rows)


def _by_public_reason(refused: dict[str, int]) -> dict[str, int]:
    """Return counts by the reason that is made public: an erasure is one policy reason among others."""
    counts: Counter[str] = Counter()
    for reason, count in refused.items():
        counts[str(FaceRefusal(reason).public)] += count
    return dict(sorted(counts.items()))


# Asked by every search: built once, since building a statement costs more than running it.
_VISIBLE: Final = (
    sa.select(
        t.faces.c.id.label("face_id"),
        t.policy_classes.c.id.label("class_id"),
        t.faces.c.uid.label("face_uid"),
        t.faces.c.x1, t.faces.c.y1, t.faces.c.x2, t.faces.c.y2,
        t.faces.c.quality, t.faces.c.key_id, t.faces.c.crop_hash,
        t.pictures.c.uid.label("picture_uid"), t.pictures.c.width, t.pictures.c.height, t.pictures.c.taken_at,
        t.pictures.c.pdq, t.pictures.c.sha256,
        t.placements.c.place,
        t.sources.c.name, t.sources.c.kind, t.sources.c.location,
        t.grants.c.basis,
        t.policy_classes.c.jurisdictions,
    )
    .select_from(
        t.faces.join(t.pictures, t.pictures.c.id == t.faces.c.picture_id)
        .join(t.enrolments, t.enrolments.c.face_id == t.faces.c.id)
        .join(
            t.placements,
            sa.and_(
                t.placements.c.picture_id == t.faces.c.picture_id, t.placements.c.class_id == t.enrolments.c.class_id
            ),
        )
        .join(t.sources, t.sources.c.id == t.placements.c.source_id)
        .join(t.policy_classes, t.policy_classes.c.id == t.placements.c.class_id)
        .join(t.grants, t.grants.c.id == t.policy_classes.c.grant_id)
    )
    .where(t.faces.c.id.in_(sa.bindparam("faces", expanding=True)))
    .where(t.faces.c.erasure_id.is_(None), t.pictures.c.erasure_id.is_(None))
    .where(t.enrolments.c.refusal.is_(None), t.faces.c.template.is_not(None))
    .order_by(t.placements.c.id)
)  # fmt: skip


def _visible_face(row: Any) -> VisibleFace:
    quality = None if row.quality is None else unpack_quality(row.quality).overall
    return VisibleFace(
        face=row.face_id, class_id=row.class_id, uid=row.face_uid,
        box=(row.x1, row.y1, row.x2, row.y2), quality=quality, picture_uid=row.picture_uid,
        width=row.width, height=row.height, taken_at=row.taken_at, place=row.place, source=row.name,
        location=row.location, basis=Basis(row.basis),
        jurisdictions=tuple(row.jurisdictions), key_id=row.key_id, pdq=row.pdq,
        crop_hash=row.crop_hash, sha256=row.sha256,
    )  # fmt: skip
