"""The faces that a request is about, each with every path of its picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from countenance.records import schema as t
from countenance.types import Box, FaceId


@dataclass(frozen=True, slots=True)
class RequestFace:
    """A face that a request is about, at one path. There is one for each path of its picture."""

    id: FaceId
    uid: str
    box: Box  # pixels
    score: float | None
    key_id: bytes | None
    second_key: bytes | None
    picture_id: int
    picture_uid: str
    sha256: bytes
    width: int
    height: int
    pdq: bytes | None
    taken_at: str | None
    tenant: str
    source: str
    location: bytes
    place: bytes
    basis: str
    purposes: tuple[str, ...]
    jurisdictions: tuple[str, ...]
    state: str | None  # of the face there: null, or a FaceRefusal


FOUND: Final = (
    sa.select(
        t.faces.c.id, t.faces.c.uid, t.faces.c.x1, t.faces.c.y1, t.faces.c.x2, t.faces.c.y2, t.faces.c.key_id,
        t.face_templates.c.key_id.label("second_key"), t.request_faces.c.score,
        t.pictures.c.id.label("picture_id"), t.pictures.c.uid.label("picture_uid"), t.pictures.c.sha256,
        t.pictures.c.width, t.pictures.c.height, t.pictures.c.pdq, t.pictures.c.taken_at,
        t.tenants.c.name.label("tenant"), t.sources.c.name.label("source"), t.sources.c.location,
        t.placements.c.place, t.grants.c.basis, t.grants.c.purposes, t.policy_classes.c.jurisdictions,
        t.enrolments.c.refusal,
    )
    .select_from(
        t.request_faces.join(t.faces, t.faces.c.id == t.request_faces.c.face_id)
        .outerjoin(t.face_templates, t.face_templates.c.face_id == t.faces.c.id)
        .join(t.pictures, t.pictures.c.id == t.faces.c.picture_id)
        .join(t.tenants, t.tenants.c.id == t.pictures.c.tenant_id)
        .join(t.placements, t.placements.c.picture_id == t.pictures.c.id)
        .join(t.sources, t.sources.c.id == t.placements.c.source_id)
        .join(t.policy_classes, t.policy_classes.c.id == t.placements.c.class_id)
        .join(t.grants, t.grants.c.id == t.policy_classes.c.grant_id)
        .outerjoin(
            t.enrolments,
            sa.and_(
                t.enrolments.c.face_id == t.faces.c.id, t.enrolments.c.class_id == t.placements.c.class_id
            ),
        )
    )
    .where(t.request_faces.c.request_id == sa.bindparam("request"))
    .where(t.faces.c.erasure_id.is_(None), t.pictures.c.erasure_id.is_(None))
    .order_by(t.request_faces.c.score.desc(), t.faces.c.id, t.placements.c.id)
)  # fmt: skip


def found_face(row: Any) -> RequestFace:
    """Return the face in a row of `FOUND`."""
    return RequestFace(
        id=row.id, uid=row.uid, box=(row.x1, row.y1, row.x2, row.y2), score=row.score,
        key_id=row.key_id, second_key=row.second_key, picture_id=row.picture_id,
        picture_uid=row.picture_uid, sha256=row.sha256, width=row.width, height=row.height,
        pdq=row.pdq, taken_at=row.taken_at, tenant=row.tenant, source=row.source, location=row.location,
        place=row.place, basis=row.basis, purposes=tuple(row.purposes), jurisdictions=tuple(row.jurisdictions),
        state=row.refusal,
    )  # fmt: skip
