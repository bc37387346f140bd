"""Faces that a request keeps out of every search though they stay: restricted, or objected to and not decided yet.

Inside the transactions of `records/requests/requests.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from countenance.records import schema as t
from countenance.records.changes import note_changes
from countenance.records.queries import chunks
from countenance.records.requests.states import DECIDED, DECIDING, VERIFIED
from countenance.records.sources.sources import move_policy_version
from countenance.types import FaceId, FaceRefusal


def restrict(connection: sa.Connection, faces: Sequence[FaceId]) -> None:
    """These leave every search and stay; what they were enrolled in is known by the word `restricted`."""
    for part in chunks(list(faces)):
        searchable = sa.and_(t.enrolments.c.face_id.in_(part), t.enrolments.c.refusal.is_(None))
        rows = connection.execute(sa.select(t.enrolments.c.face_id, t.enrolments.c.class_id).where(searchable)).all()
        note_changes(connection, [(row.face_id, row.class_id) for row in rows], added=False)
        connection.execute(t.enrolments.update().where(searchable).values(refusal=str(FaceRefusal.RESTRICTED)))
    move_policy_version(connection)


def show_again(connection: sa.Connection, faces: Sequence[FaceId]) -> int:
    """Those of these that were restricted are in searches again; how many."""
    shown = 0
    for part in chunks(list(faces)):
        hidden = sa.and_(t.enrolments.c.face_id.in_(part), t.enrolments.c.refusal == str(FaceRefusal.RESTRICTED))
        rows = connection.execute(sa.select(t.enrolments.c.face_id, t.enrolments.c.class_id).where(hidden)).all()
        connection.execute(t.enrolments.update().where(hidden).values(refusal=None))
        note_changes(connection, [(row.face_id, row.class_id) for row in rows], added=True)
        shown += len({row.face_id for row in rows})
    if shown:
        move_policy_version(connection)
    return shown


def is_held(connection: sa.Connection, face: FaceId) -> bool:
    """Whether a request hides the face: a restriction that was granted, or an objection that nobody has decided."""
    return bool(connection.scalar(_HOLDING.where(t.request_faces.c.face_id == face)))


_HOLDING: Final = (
    sa.select(sa.func.count())
    .select_from(t.request_faces.join(t.requests))
    .where(
        sa.or_(
            sa.and_(t.requests.c.kind == "objection", t.requests.c.state.in_((VERIFIED, DECIDING))),
            sa.and_(
                t.requests.c.kind == "restriction", t.requests.c.state.in_((DECIDING, DECIDED)),
                t.requests.c.outcome == "granted",
            ),
        )
    )
)  # fmt: skip
