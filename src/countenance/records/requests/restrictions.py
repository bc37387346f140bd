"""Faces that a request keeps out of every search though they stay: restricted, or objected to and not decided yet.

Called inside the transactions of `records/requests/requests.py`.
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
    """Take these faces out of every search; `restricted` marks the enrolments that they had."""
    for part in chunks(list(faces)):
        searchable = sa.and_(t.enrolments.c.face_id.in_(part), t.enrolments.c.refusal.is_(None))
        rows = connection.execute(sa.select(t.enrolments.c.face_id, t.enrolments.c.class_id).where(searchable)).all()
        note_changes(connection, [(row.face_id, row.class_id) for row in rows], added=False)
        connection.execute(t.enrolments.update().where(searchable).values(refusal=str(FaceRefusal.RESTRICTED)))
    move_policy_version(connection)


def show_again(connection: sa.Connection, faces: Sequence[FaceId]) -> int:
    """Put those of these faces that were restricted back into searches; return how many."""
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
    """Return whether a request hides the face: a granted restriction, or an objection that is not decided."""
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
