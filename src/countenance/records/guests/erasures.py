"""Hides a guest who withdraws, inside the transaction that hides their faces, and lists what is to be removed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from countenance.records import schema as t
from countenance.records.changes import note_changes
from countenance.records.queries import chunks
from countenance.records.reachability import USABLE
from countenance.types import FaceId, FaceRefusal

GUEST: Final = "guest"  # the scope of a guest's own withdrawal; it is about the guest's uid


def withdraw_guests(connection: sa.Connection, guests: Sequence[int], at: datetime) -> list[FaceId]:
    """Withdraw these guests, and others with the same subject; return the faces that rested on them alone.

    A face that a class of another grant has too leaves this grant's classes, and stays.
    """
    if not guests:
        return []
    chosen = t.guests.c.id.in_(guests)
    subjects = list(
        connection.scalars(sa.select(t.guests.c.subject_id).where(chosen, t.guests.c.subject_id.is_not(None)))
    )
    connection.execute(
        t.guests.update()
        .where(sa.or_(chosen, t.guests.c.subject_id.in_(subjects)), t.guests.c.withdrawn_at.is_(None))
        .values(withdrawn_at=at)
    )
    mine = t.enrolments.c.subject_id.in_(subjects)
    ties = connection.execute(sa.select(t.enrolments).where(mine)).all()
    note_changes(connection, [(tie.face_id, tie.class_id) for tie in ties if tie.refusal is None], added=False)
    connection.execute(
        t.enrolments.update().where(mine).values(refusal=str(FaceRefusal.NOT_A_SUBJECT), subject_id=None)
    )
    alone: list[FaceId] = []
    for part in chunks(sorted({tie.face_id for tie in ties})):
        elsewhere = sa.exists().where(t.enrolments.c.face_id == t.faces.c.id, USABLE)
        alone += connection.scalars(
            sa.select(t.faces.c.id).where(t.faces.c.id.in_(part), t.faces.c.erasure_id.is_(None), ~elsewhere)
        )
    return alone


def leaving_guests(connection: sa.Connection) -> dict[str, int]:
    """Return the guests who withdrew and whose subject is still there, by uid; empty except while an erasure runs."""
    query = sa.select(t.guests.c.uid, t.guests.c.subject_id).where(
        t.guests.c.withdrawn_at.is_not(None), t.guests.c.subject_id.is_not(None)
    )
    return {row.uid: row.subject_id for row in connection.execute(query)}
