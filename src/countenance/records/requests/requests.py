"""Requests of pictured people, as records: opened, verified, decided, withdrawn. Each step is one transaction.

A step starts only from the state that it needs, so that of two who take it at once one is refused.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from countenance.records import schema as t
from countenance.records.database import Database
from countenance.records.erasure.receipts import Receipt, keep_receipt
from countenance.records.erasure.suppressions import Suppression, insert_suppressions, move_suppressions_version
from countenance.records.queries import chunks, insert_one, living_ids, read_where
from countenance.records.requests.faces import FOUND, RequestFace, found_face
from countenance.records.requests.restrictions import is_held, restrict, show_again
from countenance.records.requests.states import DECIDED, DECIDING, OPEN, VERIFIED, WITHDRAWN
from countenance.types import Box, FaceId, FaceRefusal

PHOTOGRAPH: Final = "photograph"


@dataclass(frozen=True, slots=True)
class SubjectRequest:
    """One request. Times are aware, UTC."""

    id: int
    uid: str
    kind: str
    tier: int | None
    state: str
    law: str
    opened_at: datetime
    due_at: datetime
    extended_at: datetime | None
    verified_at: datetime | None
    verified_by: str | None
    decided_at: datetime | None
    outcome: str | None
    key_id: bytes | None
    details: bytes | None  # sealed
    proof_key_id: bytes | None
    code: bytes | None
    code_at: datetime | None
    tries: int


@dataclass(frozen=True, slots=True)
class NewRequest:
    """A request to record."""

    uid: uuid.UUID
    tracking: bytes
    kind: str
    tier: int | None
    law: str
    opened_at: datetime
    due_at: datetime
    key_id: bytes
    details: bytes
    proof_key_id: bytes
    contact: bytes | None
    files: tuple[tuple[str, str], ...]  # (kind, blob)


@dataclass(frozen=True, slots=True)
class NewPerson:
    """A template that keeps a person out of new pictures."""

    space_id: int
    key_id: bytes
    template: bytes


@dataclass(frozen=True, slots=True)
class RestoredRequest:
    """A request as the log has it, for a home that was restored from before it."""

    uid: uuid.UUID
    tracking: bytes
    kind: str
    tier: int | None
    law: str
    opened_at: datetime
    due_at: datetime
    state: str  # verified or decided
    outcome: str | None
    at: datetime  # when that was
    key_id: bytes
    keep_out: tuple[Suppression, ...]
    hides: tuple[str, ...]  # public ids of faces


@dataclass(frozen=True, slots=True)
class SealedFace:
    """A face's template in a space, sealed."""

    id: FaceId
    uid: str
    key_id: bytes
    template: bytes


@dataclass(frozen=True, slots=True)
class ShowingSearch:
    """A search that showed one of some faces."""

    face_uid: str
    at: datetime
    purpose: str
    client: str | None  # None: the operator's own
    client_class: str | None


class WrongState(Exception):
    """The request is not in the state that the step needs. Nothing was written."""


class RequestTable:
    """Reads and writes requests."""

    def __init__(self, database: Database) -> None:
        self._db = database

    # --- reads ---------------------------------------------------------------------------------------------------
    def get(self, uid: str) -> SubjectRequest | None:
        """Return the request of that uid."""
        return self._one(t.requests.c.uid == uid)

    def tracked(self, digest: bytes) -> SubjectRequest | None:
        """Return the request whose tracking code has this keyed digest."""
        return self._one(t.requests.c.tracking == digest)

    def all(self, *, states: Iterable[str] = ()) -> tuple[SubjectRequest, ...]:
        """Return the requests in the order in which they were opened; with `states`: only those."""
        wanted = list(states)
        query = t.requests.select().order_by(t.requests.c.id)
        return self._db.every(query.where(t.requests.c.state.in_(wanted)) if wanted else query, _request)

    def files(self, request: SubjectRequest) -> Mapping[str, str]:
        """Return kind -> blob."""
        files = t.request_files.c
        query = sa.select(files.kind, files.blob).where(files.request_id == request.id).order_by(files.id)
        return dict(self._db.every(query, tuple))

    def faces(self, request: SubjectRequest) -> tuple[FaceId, ...]:
        """Return the faces that the request is about and that are not being erased."""
        return self._db.column(
            sa.select(t.request_faces.c.face_id)
            .join(t.faces)
            .where(t.request_faces.c.request_id == request.id, t.faces.c.erasure_id.is_(None))
            .order_by(t.request_faces.c.face_id)
        )

    def found(self, request: SubjectRequest) -> tuple[RequestFace, ...]:
        """Return the same faces, each with every path of its picture."""
        with self._db.read() as connection:
            rows = connection.execute(FOUND, {"request": request.id}).all()
        return tuple(found_face(row) for row in rows)

    def faces_at(self, *, face: str | None = None, address: tuple[bytes, bytes] | None = None) -> tuple[FaceId, ...]:
        """Return the faces with a template that a uid, or (a source's location, a path in it), names."""
        query = sa.select(t.faces.c.id).where(t.faces.c.key_id.is_not(None), t.faces.c.erasure_id.is_(None))
        if face is not None:
            query = query.where(t.faces.c.uid == face)
        if address is not None:
            location, place = address
            query = (
                query.join(t.pictures, t.pictures.c.id == t.faces.c.picture_id)
                .join(t.placements, t.placements.c.picture_id == t.pictures.c.id)
                .join(t.sources, t.sources.c.id == t.placements.c.source_id)
                .where(t.sources.c.location == location, t.placements.c.place == place)
                .where(t.pictures.c.erasure_id.is_(None))
            )
        return self._db.column(query.distinct().order_by(t.faces.c.id))

    def named(self, uids: Sequence[str]) -> dict[str, FaceId]:
        """Return the faces of these uids that are not being erased."""
        query = sa.select(t.faces.c.uid, t.faces.c.id).where(t.faces.c.erasure_id.is_(None))
        return {row.uid: row.id for row in read_where(self._db, query, t.faces.c.uid, uids)}

    def tracking_of(self, request: SubjectRequest) -> bytes:
        """Return the keyed digest of its tracking code."""
        with self._db.read() as connection:
            return bytes(
                connection.execute(sa.select(t.requests.c.tracking).where(t.requests.c.id == request.id)).scalar_one()
            )

    def uids(self, faces: Iterable[FaceId]) -> tuple[str, ...]:
        """Return the uids of these faces, without those that are being erased."""
        query = sa.select(t.faces.c.uid).where(t.faces.c.erasure_id.is_(None))
        return tuple(row.uid for row in read_where(self._db, query, t.faces.c.id, sorted(faces)))

    def templates(self, space_id: int, *, faces: Sequence[FaceId] | None = None) -> tuple[SealedFace, ...]:
        """Return the sealed templates of these faces in a space; None: of restricted faces, which no index holds."""
        query = (
            sa.select(
                t.faces.c.id, t.faces.c.uid, t.faces.c.key_id, t.faces.c.template, t.faces.c.space_id,
                t.face_templates.c.key_id.label("second_key"), t.face_templates.c.template.label("second"),
                t.face_templates.c.space_id.label("second_space"),
            )
            .select_from(t.faces.outerjoin(t.face_templates))
            .where(t.faces.c.erasure_id.is_(None), t.faces.c.template.is_not(None))
        )  # fmt: skip
        if faces is None:
            query = query.where(_restricted())
        rows: list[Any] = []
        with self._db.read() as connection:
            for part in [None] if faces is None else chunks(list(faces)):
                rows += connection.execute(query if part is None else query.where(t.faces.c.id.in_(part))).all()
        found = []
        for row in rows:
            uid = row.uid
            if row.space_id == space_id:
                found.append(SealedFace(row.id, uid, row.key_id, row.template))
            elif row.second_space == space_id:
                found.append(SealedFace(row.id, uid, row.second_key, row.second))
        return tuple(found)

    def boxes_beside(self, picture_id: int, faces: Sequence[FaceId]) -> tuple[Box, ...]:
        """Return the boxes of a picture's other faces, in pixels."""
        query = sa.select(t.faces.c.x1, t.faces.c.y1, t.faces.c.x2, t.faces.c.y2).where(
            t.faces.c.picture_id == picture_id, t.faces.c.id.not_in(list(faces))
        )
        return self._db.every(query, tuple)

    def shown(self, faces: Sequence[FaceId]) -> tuple[ShowingSearch, ...]:
        """Return every kept search that showed one of these faces, oldest first."""
        query = sa.select(
            t.faces.c.uid, t.searches.c.at, t.searches.c.purpose, t.clients.c.name, t.clients.c.client_class
        ).select_from(t.shown.join(t.searches).join(t.faces).outerjoin(t.clients))
        rows = read_where(self._db, query, t.shown.c.face_id, faces)
        found = (ShowingSearch(row.uid, row.at, row.purpose, row.name, row.client_class) for row in rows)
        return tuple(sorted(found, key=lambda each: (each.at, each.face_uid)))

    def _one(self, which: sa.ColumnElement[bool]) -> SubjectRequest | None:
        return self._db.one(t.requests.select().where(which), _request)

    def limit_met(self, contact: bytes | None, *, since: datetime, limits: Mapping[str, int]) -> str | None:
        """Return which limit one more request would meet, as `add` has them; None: none."""
        with self._db.read() as connection:
            return _limit_met(connection, contact, since, limits)

    def count_suppressions(self, request: SubjectRequest) -> int:
        """Count the rows that keep something out for this request."""
        query = sa.select(sa.func.count()).select_from(t.suppressions).where(t.suppressions.c.request_id == request.id)
        return self._db.count(query)

    def faces_of_subjects(self, subjects: Sequence[int]) -> tuple[FaceId, ...]:
        """Return the faces that are tied to one of these subjects of a grant."""
        query = sa.select(t.enrolments.c.face_id).join(t.faces).where(t.faces.c.erasure_id.is_(None))
        rows = read_where(self._db, query, t.enrolments.c.subject_id, subjects)
        return tuple(sorted({row.face_id for row in rows}))

    # --- the steps -----------------------------------------------------------------------------------------------
    def add(self, new: NewRequest, *, since: datetime, limits: Mapping[str, int]) -> str | None:
        """Record a request; or return the limit that it met, and write nothing.

        Args: since: what was opened from then on counts for `a_day`, also where a clock that was set back says that it
        is yet to come; limits: `a_day`, `waiting`, `a_contact`.
        """
        with self._db.write() as connection:
            met = _limit_met(connection, new.contact, since, limits)
            if met is not None:
                return met
            request_id = insert_one(
                connection, t.requests, uid=new.uid, tracking=new.tracking, kind=new.kind, tier=new.tier, state=OPEN,
                law=new.law, opened_at=new.opened_at, due_at=new.due_at, key_id=new.key_id, details=new.details,
                proof_key_id=new.proof_key_id, contact=new.contact,
            )  # fmt: skip
            _add_files(connection, request_id, new.files)
        return None

    def count_attempt(self, request: SubjectRequest, most: int) -> bool:
        """Count one more proof. False: the limit is reached, and nothing changed."""
        return bool(
            self._db.run(
                t.requests.update()
                .where(t.requests.c.id == request.id, t.requests.c.tries < most)
                .values(tries=t.requests.c.tries + 1)
            )
        )

    def record_code(self, request: SubjectRequest, digest: bytes, at: datetime, most: int) -> bool:
        """Record the one-time code that is accepted from now on, and no earlier one. False: the limit is reached.

        Raises WrongState.
        """
        with self._db.write() as connection:
            _require(connection, request, OPEN)
            return bool(
                connection.execute(
                    t.requests.update()
                    .where(t.requests.c.id == request.id, t.requests.c.codes < most)
                    .values(code=digest, code_at=at, codes=t.requests.c.codes + 1)
                ).rowcount
            )

    def mark_verified(
        self, request: SubjectRequest, by: str, at: datetime, faces: Mapping[FaceId, float | None], *, hide: bool
    ) -> None:
        """Record that it is known who asks, and the faces found. `hide`: they leave every search with this commit.

        Raises WrongState: it was not open any more.
        """
        with self._db.write() as connection:
            _require(connection, request, OPEN)
            _update(connection, request, state=VERIFIED, verified_at=at, verified_by=by, code=None, code_at=None)
            living = _living(connection, list(faces))
            if living:
                connection.execute(
                    t.request_faces.insert(),
                    [{"request_id": request.id, "face_id": face, "score": faces[face]} for face in living],
                )
            if hide:
                restrict(connection, living)

    def extend(self, request: SubjectRequest, due_at: datetime, at: datetime, details: bytes) -> None:
        """Extend the deadline. Raises WrongState: it is decided, or was extended before."""
        with self._db.write() as connection:
            _require(connection, request, OPEN, VERIFIED)
            if connection.scalar(sa.select(t.requests.c.extended_at).where(t.requests.c.id == request.id)):
                raise WrongState
            _update(connection, request, due_at=due_at, extended_at=at, details=details)

    def begin_deciding(
        self,
        request: SubjectRequest,
        *,
        outcome: str,
        details: bytes,
        faces: Sequence[FaceId] | None,
        keep_out: Sequence[Suppression] = (),
        person: NewPerson | None = None,
        hide: bool = False,
    ) -> None:
        """Record the decision; what it keeps out is kept out of every ingest from this commit on.

        Args: faces: it is about these and no others; None: about those found; hide: they are out of every search.
        Raises WrongState: it was not verified (or, refused, not open), or is decided.
        """
        with self._db.write() as connection:
            _require(connection, request, VERIFIED, *((OPEN,) if outcome == "refused" else ()))
            _update(connection, request, state=DECIDING, outcome=outcome, details=details)
            if faces is not None:
                _choose(connection, request, faces)
            insert_suppressions(connection, keep_out, request_id=request.id)
            if person is not None:
                connection.execute(
                    t.suppressed_persons.insert().values(
                        request_id=request.id, space_id=person.space_id, key_id=person.key_id, template=person.template
                    )
                )
            if keep_out or person is not None:
                move_suppressions_version(connection)
            if hide:
                restrict(connection, _faces_of(connection, request))

    def lift_restriction(self, request: SubjectRequest) -> int:
        """Put the faces that only this request hides back into searches; return how many."""
        with self._db.write() as connection:
            return _lift(connection, request)

    def mark_decided(self, request: SubjectRequest, at: datetime, receipt: Receipt, *, forget: bool) -> None:
        """Record that it is carried out, and keep its receipt; forget its files and proof key, destroyed by now.

        Args: forget: forget its details and their key too.
        """
        gone = {"details": None, "key_id": None} if forget else {}
        with self._db.write() as connection:
            _require(connection, request, DECIDING)
            connection.execute(t.request_files.delete().where(t.request_files.c.request_id == request.id))
            if (request.kind, request.outcome) != ("restriction", "granted"):  # whose faces it was must not be kept
                connection.execute(t.request_faces.delete().where(t.request_faces.c.request_id == request.id))
            _update(connection, request, state=DECIDED, decided_at=at, proof_key_id=None, contact=None, **gone)
            keep_receipt(connection, receipt)

    def withdraw(self, request: SubjectRequest) -> tuple[bytes, ...]:
        """Withdraw the request: it keeps nothing out and hides nothing any more. Returns the keys to destroy.

        The next ingest looks again at faces that it kept out. Raises WrongState: it is withdrawn already, or is being
        carried out.
        """
        with self._db.write() as connection:
            _require(connection, request, OPEN, VERIFIED, DECIDED)
            keys = list(
                connection.scalars(
                    sa.select(t.suppressed_persons.c.key_id).where(t.suppressed_persons.c.request_id == request.id)
                )
            )
            _lift(connection, request)
            kept = connection.execute(t.suppressions.delete().where(t.suppressions.c.request_id == request.id)).rowcount
            connection.execute(t.suppressed_persons.delete().where(t.suppressed_persons.c.request_id == request.id))
            if kept or keys:
                connection.execute(
                    t.enrolments.update()
                    .where(t.enrolments.c.refusal == str(FaceRefusal.OPTED_OUT))
                    .values(refusal=str(FaceRefusal.NOT_PERMITTED))
                )
                move_suppressions_version(connection)
            connection.execute(t.request_faces.delete().where(t.request_faces.c.request_id == request.id))
            connection.execute(t.request_files.delete().where(t.request_files.c.request_id == request.id))
            row = connection.execute(t.requests.select().where(t.requests.c.id == request.id)).one()
            _update(
                connection, request, state=WITHDRAWN, key_id=None, proof_key_id=None, details=None, contact=None,
                code=None,
            )  # fmt: skip
        return tuple(key for key in (*keys, row.key_id, row.proof_key_id) if key)

    def put_back(self, back: RestoredRequest) -> tuple[bytes, ...]:
        """Record the request as it was; return the keys of its older state, to be destroyed. Safe to repeat."""
        when = {"verified_at" if back.state == VERIFIED else "decided_at": back.at}
        values = {
            "tracking": back.tracking, "kind": back.kind, "tier": back.tier, "law": back.law, "state": back.state,
            "opened_at": back.opened_at, "due_at": back.due_at, "outcome": back.outcome, "key_id": back.key_id,
            "details": None, "proof_key_id": None, "contact": None, "code": None, **when,
        }  # fmt: skip
        with self._db.write() as connection:
            before = connection.execute(t.requests.select().where(t.requests.c.uid == back.uid)).one_or_none()
            if before is None:
                connection.execute(t.requests.insert().values(uid=back.uid, **values))
            else:
                connection.execute(t.requests.update().where(t.requests.c.id == before.id).values(**values))
            request = _request(connection.execute(t.requests.select().where(t.requests.c.uid == back.uid)).one())
            connection.execute(t.request_files.delete().where(t.request_files.c.request_id == request.id))
            connection.execute(t.suppressions.delete().where(t.suppressions.c.request_id == request.id))
            insert_suppressions(connection, back.keep_out, request_id=request.id)
            _lift(connection, request)
            faces = living_ids(connection, t.faces, back.hides)
            if faces:
                connection.execute(
                    t.request_faces.insert(), [{"request_id": request.id, "face_id": face} for face in faces]
                )
                restrict(connection, faces)
            move_suppressions_version(connection)
        return () if before is None else tuple(key for key in (before.key_id, before.proof_key_id) if key)


# --- inside a transaction --------------------------------------------------------------------------------------------
def _limit_met(
    connection: sa.Connection, contact: bytes | None, since: datetime, limits: Mapping[str, int]
) -> str | None:
    count = sa.select(sa.func.count()).select_from(t.requests)
    waiting = count.where(t.requests.c.state.in_((OPEN, VERIFIED, DECIDING)))
    if int(connection.scalar(count.where(t.requests.c.opened_at >= since)) or 0) >= limits["a_day"]:
        return "a_day"
    if int(connection.scalar(waiting) or 0) >= limits["waiting"]:
        return "waiting"
    if contact is not None:
        same = int(connection.scalar(waiting.where(t.requests.c.contact == contact)) or 0)
        if same >= limits["a_contact"]:
            return "a_contact"
    return None


def _require(connection: sa.Connection, request: SubjectRequest, *states: str) -> None:
    found = connection.scalar(sa.select(t.requests.c.state).where(t.requests.c.id == request.id))
    if found not in states:
        raise WrongState


def _update(connection: sa.Connection, request: SubjectRequest, **values: Any) -> None:
    connection.execute(t.requests.update().where(t.requests.c.id == request.id).values(**values))


def _add_files(connection: sa.Connection, request_id: int, files: Sequence[tuple[str, str]]) -> None:
    if files:
        connection.execute(
            t.request_files.insert(), [{"request_id": request_id, "kind": kind, "blob": blob} for kind, blob in files]
        )


def _living(connection: sa.Connection, faces: Sequence[FaceId]) -> list[FaceId]:
    found: list[FaceId] = []
    for part in chunks(list(faces)):
        found += connection.scalars(
            sa.select(t.faces.c.id).where(t.faces.c.id.in_(part), t.faces.c.erasure_id.is_(None)).order_by(t.faces.c.id)
        )
    return found


def _faces_of(connection: sa.Connection, request: SubjectRequest) -> list[FaceId]:
    return list(
        connection.scalars(sa.select(t.request_faces.c.face_id).where(t.request_faces.c.request_id == request.id))
    )


def _choose(connection: sa.Connection, request: SubjectRequest, faces: Sequence[FaceId]) -> None:
    before = set(_faces_of(connection, request))
    others = sorted(before - set(faces))
    for part in chunks(others):
        connection.execute(
            t.request_faces.delete().where(
                t.request_faces.c.request_id == request.id, t.request_faces.c.face_id.in_(part)
            )
        )
    show_again(connection, [face for face in others if not is_held(connection, face)])
    new = [face for face in _living(connection, faces) if face not in before]
    if new:
        connection.execute(t.request_faces.insert(), [{"request_id": request.id, "face_id": face} for face in new])


def _lift(connection: sa.Connection, request: SubjectRequest) -> int:
    faces = _faces_of(connection, request)
    connection.execute(t.request_faces.delete().where(t.request_faces.c.request_id == request.id))
    return show_again(connection, [face for face in faces if not is_held(connection, face)])


def _restricted() -> sa.ColumnElement[bool]:
    return sa.exists().where(
        t.enrolments.c.face_id == t.faces.c.id, t.enrolments.c.refusal == str(FaceRefusal.RESTRICTED)
    )


def _request(row: Any) -> SubjectRequest:
    return SubjectRequest(
        id=row.id, uid=row.uid, kind=row.kind, tier=row.tier, state=row.state, law=row.law,
        opened_at=row.opened_at, due_at=row.due_at, extended_at=row.extended_at, verified_at=row.verified_at,
        verified_by=row.verified_by, decided_at=row.decided_at, outcome=row.outcome, key_id=row.key_id,
        details=row.details, proof_key_id=row.proof_key_id, code=row.code, code_at=row.code_at, tries=row.tries,
    )  # fmt: skip
