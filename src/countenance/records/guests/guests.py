"""Guest links of sources, and the guests who came by them. `guests/erasures.py` hides a guest who withdraws."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from countenance.records import schema as t
from countenance.records.database import Database
from countenance.records.guests.erasures import leaving_guests
from countenance.records.queries import chunks, read_where
from countenance.records.sources.sources import WITHDRAWN, SealedSubject, move_policy_version, put_subject
from countenance.types import FaceId

TRIES_WITHIN: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class GuestLink:
    """A link that an organiser shares."""

    id: int
    uid: str  # uuid; the name by which the log knows it
    source: str  # its name
    source_id: int
    organiser: str  # who is responsible, and how to reach them
    made_at: datetime
    expires_at: datetime
    closed_at: datetime | None
    guests: int  # who consented by it, also those who withdrew since
    withdrawn: int

    def open_at(self, now: datetime) -> bool:
        """Return whether a guest may still come in by this link, as far as the link itself allows it."""
        return self.closed_at is None and self.made_at <= now < self.expires_at


@dataclass(frozen=True, slots=True)
class Guest:
    """A person who consented by a link."""

    id: int
    uid: str  # uuid; the name by which the log knows them
    source: str  # its name
    source_id: int
    organiser: str  # as on the link that they came by
    subject_id: int | None  # None: withdrawn, or somebody who is kept out
    consented_at: datetime
    withdrawn_at: datetime | None
    checked_to: int  # pictures up to this id were looked at for them
    checked_at: datetime | None  # None: not all of them yet


@dataclass(frozen=True, slots=True)
class NewGuest:
    """A guest to record, with the subject that they become, or are already."""

    uid: uuid.UUID
    digest: bytes
    link: GuestLink
    at: datetime
    grant_id: int
    subject: SealedSubject | None = None
    subject_id: int | None = None


class GuestTable:
    """Reads and writes links and guests. A token is known only by its keyed digest."""

    def __init__(self, database: Database) -> None:
        self._db = database

    # --- links ---------------------------------------------------------------------------------------------------
    def add_link(
        self, *, uid: uuid.UUID, digest: bytes, source_id: int, organiser: str, made_at: datetime, expires_at: datetime
    ) -> None:
        """Record a link."""
        self._db.run(t.guest_links.insert().values(
            uid=uid, digest=digest, source_id=source_id, organiser=organiser, made_at=made_at, expires_at=expires_at,
        ))  # fmt: skip

    def links(self, source_id: int) -> tuple[GuestLink, ...]:
        """Return the links of a source, newest first."""
        query = _LINKS.where(t.guest_links.c.source_id == source_id)
        return self._db.every(query.order_by(t.guest_links.c.id.desc()), _link)

    def link(self, digest: bytes) -> GuestLink | None:
        """Return the link whose token has this digest."""
        return self._one_link(t.guest_links.c.digest == digest)

    def link_named(self, uid: str) -> GuestLink | None:
        """Return the link of that uid."""
        return self._one_link(t.guest_links.c.uid == uid)

    def _one_link(self, which: sa.ColumnElement[bool]) -> GuestLink | None:
        return self._db.one(_LINKS.where(which), _link)

    def close_link(self, uid: str, at: datetime) -> None:
        """Close the link: no one comes in by it from this commit on. A closed link keeps its first time."""
        self._db.run(
            t.guest_links.update()
            .where(t.guest_links.c.uid == uid, t.guest_links.c.closed_at.is_(None))
            .values(closed_at=at)
        )

    def count_attempt(self, link: GuestLink, now: datetime, limit: int) -> bool:
        """Count one more photograph. False: the limit for an hour is reached, and nothing changed."""
        here = t.guest_links.c.id == link.id
        with self._db.write() as connection:
            row = connection.execute(sa.select(t.guest_links.c.tries, t.guest_links.c.tries_from).where(here)).one()
            fresh = row.tries_from is None or not row.tries_from <= now < row.tries_from + TRIES_WITHIN
            tries = 0 if fresh else row.tries
            if tries >= limit:
                return False
            connection.execute(
                t.guest_links.update().where(here).values(tries=tries + 1, tries_from=now if fresh else row.tries_from)
            )
        return True

    # --- guests --------------------------------------------------------------------------------------------------
    def add(self, new: NewGuest) -> bool:
        """Record guest and subject together. False: the link was closed, or the subject left, since they were read."""
        with self._db.write() as connection:
            closed = connection.scalar(sa.select(t.guest_links.c.closed_at).where(t.guest_links.c.id == new.link.id))
            there = new.subject_id is None or connection.scalar(
                sa.select(t.subjects.c.id).where(t.subjects.c.id == new.subject_id, ~WITHDRAWN)
            )
            if closed is not None or not there:
                return False
            subject_id = new.subject_id
            if new.subject is not None:
                subject_id = put_subject(connection, new.grant_id, new.subject)
            connection.execute(
                t.guests.insert().values(
                    uid=new.uid, digest=new.digest, link_id=new.link.id, subject_id=subject_id, consented_at=new.at
                )
            )
            move_policy_version(connection)
        return True

    def of_token(self, digest: bytes) -> Guest | None:
        """Return the guest whose token has this digest."""
        return self._one(t.guests.c.digest == digest)

    def get(self, uid: str) -> Guest | None:
        """Return the guest of that uid."""
        return self._one(t.guests.c.uid == uid)

    def _one(self, which: sa.ColumnElement[bool]) -> Guest | None:
        return self._db.one(_GUESTS.where(which), _guest)

    def faces(self, guest: Guest) -> list[FaceId]:
        """Return the faces that are tied to the guest's subject, by picture."""
        if guest.subject_id is None:
            return []
        query = (
            sa.select(t.faces.c.id)
            .join(t.enrolments)
            .where(t.enrolments.c.subject_id == guest.subject_id, t.enrolments.c.refusal.is_(None))
            .where(t.faces.c.erasure_id.is_(None))
            .order_by(t.faces.c.picture_id, t.faces.c.id)
        )
        return list(dict.fromkeys(self._db.column(query)))

    # --- looking for them ----------------------------------------------------------------------------------------
    def waiting(self, source_id: int) -> tuple[Guest, ...]:
        """Return the guests of a source for whom not every picture was checked, without those who withdrew."""
        query = _GUESTS.where(
            t.guest_links.c.source_id == source_id, t.guests.c.checked_at.is_(None), t.guests.c.withdrawn_at.is_(None)
        )
        return self._db.every(query.order_by(t.guests.c.id), _guest)

    def mark_checked(self, guests: Sequence[Guest], to: int, at: datetime | None = None) -> None:
        """Record that pictures up to the id `to` were checked for these guests; with `at`: all of them."""
        with self._db.write() as connection:
            for part in chunks([guest.id for guest in guests]):
                here = t.guests.update().where(t.guests.c.id.in_(part))
                connection.execute(here.where(t.guests.c.checked_to < to).values(checked_to=to))
                if at is not None:
                    connection.execute(here.values(checked_at=at))

    # --- their leaving -------------------------------------------------------------------------------------------
    def of_faces(self, faces: Sequence[FaceId]) -> list[int]:
        """Return the ids of the guests to whose subjects these faces are tied."""
        query = sa.select(t.guests.c.id).join(t.enrolments, t.enrolments.c.subject_id == t.guests.c.subject_id)
        return sorted({row.id for row in read_where(self._db, query, t.enrolments.c.face_id, faces)})

    def leaving(self) -> tuple[list[str], list[bytes]] | None:
        """Return (blobs, keys) of the subjects of guests who withdrew; None: no such subject is still there."""
        with self._db.read() as connection:
            subjects = set(leaving_guests(connection).values())
            query = sa.select(t.subjects.c.evidence_blob, t.subjects.c.key_id)
            rows = connection.execute(query.where(t.subjects.c.id.in_(subjects))).all() if subjects else ()
        return ([row.evidence_blob for row in rows], [row.key_id for row in rows if row.key_id]) if rows else None

    def forget_withdrawn(self) -> None:
        """Delete the subjects of guests who withdrew; that the guests came and withdrew stays."""
        with self._db.write() as connection:
            subjects = sorted(set(leaving_guests(connection).values()))
            connection.execute(t.guests.update().where(t.guests.c.subject_id.in_(subjects)).values(subject_id=None))
            connection.execute(t.subject_templates.delete().where(t.subject_templates.c.subject_id.in_(subjects)))
            connection.execute(t.subjects.delete().where(t.subjects.c.id.in_(subjects)))
            move_policy_version(connection)


_IN: Final = sa.select(sa.func.count()).where(t.guests.c.link_id == t.guest_links.c.id)
_LINKS: Final = sa.select(
    t.guest_links,
    t.sources.c.name,
    _IN.scalar_subquery().label("guests"),
    _IN.where(t.guests.c.withdrawn_at.is_not(None)).scalar_subquery().label("withdrawn"),
).join(t.sources)
_GUESTS: Final = sa.select(
    t.guests, t.guest_links.c.organiser, t.sources.c.name, t.sources.c.id.label("source_id")
).select_from(t.guests.join(t.guest_links).join(t.sources))


def _link(row: Any) -> GuestLink:
    return GuestLink(
        id=row.id, uid=row.uid, source=row.name, source_id=row.source_id,
        organiser=row.organiser, made_at=row.made_at, expires_at=row.expires_at, closed_at=row.closed_at,
        guests=row.guests, withdrawn=row.withdrawn,
    )  # fmt: skip


def _guest(row: Any) -> Guest:
    return Guest(
        id=row.id, uid=row.uid, source=row.name, source_id=row.source_id,
        organiser=row.organiser, subject_id=row.subject_id, consented_at=row.consented_at,
        withdrawn_at=row.withdrawn_at,
        checked_to=row.checked_to, checked_at=row.checked_at,
    )  # fmt: skip
