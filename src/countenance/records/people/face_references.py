"""Deletes the rows that name a face, in the commit that hides it: persons, requests, what searches showed.

A search that began before a face was hidden may add a row after that commit, so the rows are deleted once more in the
commit that forgets the face. Everything here is safe to repeat.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from countenance.records import schema as t

_OF_PERSONS: Final = (t.person_faces, t.person_refusals, t.person_act_faces, t.request_faces)


def drop_face_references(connection: sa.Connection, erasure_id: int, faces: sa.ColumnElement[bool]) -> None:
    """Delete every row that names one of these faces; each search counts how many of its leads are gone.

    The clients of those searches become recipients of the erasure.
    Args: faces: which, as a condition on the table `faces`.
    """
    these = sa.select(t.faces.c.id).where(faces)
    _keep_recipients(connection, erasure_id, these)
    shown = sa.select(sa.func.count()).select_from(t.shown).where(t.shown.c.face_id.in_(these))
    connection.execute(
        t.searches.update()
        .where(t.searches.c.id.in_(sa.select(t.shown.c.search_id).where(t.shown.c.face_id.in_(these))))
        .values(
            erased_leads=t.searches.c.erased_leads
            + shown.where(t.shown.c.search_id == t.searches.c.id).correlate(t.searches).scalar_subquery()
        )
    )
    for table in (t.shown, *_OF_PERSONS):
        connection.execute(table.delete().where(table.c.face_id.in_(these)))


def _keep_recipients(connection: sa.Connection, erasure_id: int, faces: sa.Select[tuple[int]]) -> None:
    rows = connection.execute(
        sa.select(
            t.searches.c.client_id,
            sa.func.count(sa.distinct(t.searches.c.id)).label("searches"),
            sa.func.max(t.searches.c.at).label("last_at"),
        )
        .select_from(t.shown.join(t.searches))
        .where(t.searches.c.client_id.is_not(None), t.shown.c.face_id.in_(faces))
        .group_by(t.searches.c.client_id)
    ).all()
    for row in rows:
        mine = sa.and_(t.recipients.c.erasure_id == erasure_id, t.recipients.c.client_id == row.client_id)
        known = connection.execute(
            t.recipients.update()
            .where(mine)
            .values(searches=t.recipients.c.searches + row.searches, last_at=row.last_at)
        )
        if not known.rowcount:
            connection.execute(
                t.recipients.insert().values(
                    erasure_id=erasure_id, client_id=row.client_id, searches=row.searches, last_at=row.last_at
                )
            )


def hide_persons(connection: sa.Connection, erasure_id: int, named: Sequence[int]) -> int:
    """Hide the persons who go with the faces that an erasure hides; return how many there are.

    They are the persons named, those left without a face, and those merged into one of them. With this commit they are
    on no list; their rows stay until `forget_persons`. Call it before `drop_face_references`.
    """
    mine = sa.select(t.faces.c.id).where(t.faces.c.erasure_id == erasure_id)
    theirs = sa.select(t.person_faces.c.person_id).where(t.person_faces.c.face_id.in_(mine))
    keeps_a_face = (
        sa.exists()
        .where(t.person_faces.c.person_id == t.persons.c.id, t.faces.c.id == t.person_faces.c.face_id)
        .where(t.faces.c.erasure_id.is_(None))
    )
    has_a_face = sa.exists().where(t.person_faces.c.person_id == t.persons.c.id)
    going = sa.select(t.persons.c.id).where(t.persons.c.erasure_id == erasure_id)
    merged = sa.select(t.person_acts.c.other_id).where(
        t.person_acts.c.act == "merge", t.person_acts.c.person_id.in_(going)
    )
    into_one = (t.persons.c.id.in_(merged), t.persons.c.gone_at.is_not(None), ~has_a_face)
    when = sa.select(t.erasures.c.begun_at).where(t.erasures.c.id == erasure_id).scalar_subquery()
    hide = (
        t.persons.update()
        .where(t.persons.c.erasure_id.is_(None))
        .values(erasure_id=erasure_id, gone_at=sa.func.coalesce(t.persons.c.gone_at, when))
    )
    for which in ([t.persons.c.id.in_(named)] if named else []), [t.persons.c.id.in_(theirs), ~keeps_a_face]:
        if which:
            connection.execute(hide.where(*which))
    while connection.execute(hide.where(*into_one)).rowcount:  # and into those, in turn
        pass
    return int(connection.scalar(sa.select(sa.func.count()).select_from(going.subquery())) or 0)


def forget_persons(connection: sa.Connection, erasure_id: int) -> None:
    """Delete the erasure's persons, with every act that names one: such an act can't be undone any more."""
    mine = sa.select(t.persons.c.id).where(t.persons.c.erasure_id == erasure_id)
    acts = sa.or_(t.person_acts.c.person_id.in_(mine), t.person_acts.c.other_id.in_(mine))
    connection.execute(
        t.person_act_faces.delete().where(t.person_act_faces.c.act_id.in_(sa.select(t.person_acts.c.id).where(acts)))
    )
    connection.execute(t.person_acts.delete().where(acts))
    connection.execute(t.person_refusals.delete().where(t.person_refusals.c.person_id.in_(mine)))
    connection.execute(t.person_faces.delete().where(t.person_faces.c.person_id.in_(mine)))
    connection.execute(t.persons.delete().where(t.persons.c.erasure_id == erasure_id))
