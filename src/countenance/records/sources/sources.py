"""Sources, grants, subjects and policy classes: most of what the policy decides on.

Every write here moves `policy_version` in the same transaction, so that an earlier decision is known to be old.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from countenance.errors import NotFound, WrongUse
from countenance.records import schema as t
from countenance.records.database import Database
from countenance.records.queries import counter, find_or_insert, insert_one, move_counter
from countenance.remedies import Remedy
from countenance.types import Basis, ClassId, Grant, Purpose


@dataclass(frozen=True, slots=True)
class Source:
    """Where pictures come from, with its grant."""

    id: int
    uid: str  # uuid; the name by which the log knows it
    tenant_id: int
    tenant: str
    name: str
    kind: str
    location: bytes  # of a folder its absolute path, as bytes
    jurisdictions: frozenset[str]  # default of its pictures
    added_at: datetime
    grant: Grant
    grant_uid: str
    grant_key: bytes | None
    evidence_blob: str | None
    retention: Mapping[str, Any] | None = None  # rights/retention.py
    interaction_at: datetime | None = None
    purpose_met_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewGrant:
    """A grant to record; `rights` has checked it."""

    basis: Basis
    jurisdictions: frozenset[str]
    purposes: frozenset[Purpose]
    terms: tuple[tuple[str, str], ...]
    starts_at: datetime
    expires_at: datetime | None
    erase_within_days: int
    key_id: bytes | None
    evidence_sha256: str | None
    evidence_blob: str | None
    retention: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class SealedSubject:
    """A subject of a grant. Name, evidence and template are sealed under `key_id`, or else under the grant's key."""

    uid: str
    name: bytes
    evidence_sha256: str
    evidence_blob: str
    template: bytes  # empty: the model that made it has gone
    space_id: int
    id: int = 0
    second: bytes = b""  # in `second_space`, while the home changes its model
    second_space: int | None = None
    key_id: bytes | None = None  # a guest's own

    def reference_in(self, space_id: int) -> bytes | None:
        """Return the sealed reference in that space; None: it was never made there, or is gone."""
        found = {self.space_id: self.template, self.second_space: self.second}.get(space_id)
        return found or None


def move_policy_version(connection: sa.Connection) -> None:
    """Make every earlier decision old from this commit on."""
    move_counter(connection, "policy_version")


_ONE_SOURCE = sa.select(t.sources.c.id).limit(1)
_POLICY_VERSION = counter("policy_version")


def policy_version(connection: sa.Connection) -> int:
    """Return the policy version as this connection sees it; 0: a new home."""
    found = connection.scalar(_POLICY_VERSION)
    return int(found or 0)


class SourceTable:
    """Reads and writes what the policy decides on."""

    def __init__(self, database: Database) -> None:
        self._db = database

    # --- reads ---------------------------------------------------------------------------------------------------
    def policy_version(self) -> int:
        """Return the policy version, which grows with every change of what policy decides on."""
        with self._db.read() as connection:
            return policy_version(connection)

    def all(self) -> tuple[Source, ...]:
        """Return every source, by name."""
        return self._db.every(_SOURCES.order_by(t.sources.c.name), _source)

    def any(self) -> bool:
        """Return whether there is a source."""
        return bool(self._db.column(_ONE_SOURCE))

    def get(self, name: str) -> Source:
        """Return the source of that name. Raises NotFound."""
        found = self._db.one(_SOURCES.where(t.sources.c.name == name), _source)
        if found is None:
            raise NotFound(f"there is no source called {name!r}", Remedy.LIST_SOURCES)
        return found

    def subjects(self, grant_id: int) -> tuple[SealedSubject, ...]:
        """Return the subjects of a grant, sealed, without guests who have withdrawn."""
        with self._db.read() as connection:
            rows = connection.execute(
                sa.select(
                    t.subjects,
                    t.subject_templates.c.template.label("second"),
                    t.subject_templates.c.space_id.label("second_space"),
                )
                .outerjoin(t.subject_templates)
                .where(t.subjects.c.grant_id == grant_id, ~WITHDRAWN)
                .order_by(t.subjects.c.id)
            ).all()
        return tuple(
            SealedSubject(
                uid=row.uid, name=row.name, evidence_sha256=row.evidence_sha256,
                evidence_blob=row.evidence_blob, template=row.template, space_id=row.space_id, id=row.id,
                second=row.second or b"", second_space=row.second_space, key_id=row.key_id,
            )
            for row in rows
        )  # fmt: skip

    def classes_of(self, grant: Grant) -> frozenset[ClassId]:
        """Return every policy class of a grant."""
        query = sa.select(t.policy_classes.c.id).where(t.policy_classes.c.grant_id == grant.id)
        return frozenset(self._db.column(query))

    # --- writes --------------------------------------------------------------------------------------------------
    def ensure_tenant(self, name: str) -> int:
        """Return the id of the tenant of that name; record it if it is new."""
        query = sa.select(t.tenants.c.id).where(t.tenants.c.name == name)
        return find_or_insert(self._db, query, t.tenants, uid=uuid.uuid4(), name=name)

    def add(
        self, *, uid: uuid.UUID, grant_uid: uuid.UUID, tenant_id: int, name: str, kind: str, location: bytes,
        jurisdictions: frozenset[str], added_at: datetime, grant: NewGrant, subjects: Sequence[SealedSubject] = (),
    ) -> Source:  # fmt: skip
        """Record source, grant and subjects together, or nothing. Raises WrongUse: the name is taken."""
        with self._db.write() as connection:
            taken = connection.scalar(
                sa.select(t.sources.c.id).where(t.sources.c.tenant_id == tenant_id, t.sources.c.name == name)
            )
            if taken is not None:
                raise WrongUse(f"a source called {name!r} exists", Remedy.CHOOSE_ANOTHER_NAME, field="name")
            source_id = insert_one(
                connection, t.sources, uid=uid, tenant_id=tenant_id, name=name, kind=kind, location=location,
                jurisdictions=sorted(jurisdictions), added_at=added_at,
            )  # fmt: skip
            grant_id = insert_one(
                connection, t.grants, uid=grant_uid, source_id=source_id, basis=str(grant.basis),
                jurisdictions=sorted(grant.jurisdictions), purposes=sorted(grant.purposes),
                terms=[list(term) for term in grant.terms], key_id=grant.key_id, evidence_sha256=grant.evidence_sha256,
                evidence_blob=grant.evidence_blob, starts_at=grant.starts_at, expires_at=grant.expires_at,
                erase_within_days=grant.erase_within_days, retention=grant.retention,
            )  # fmt: skip
            for subject in subjects:
                put_subject(connection, grant_id, subject)
            move_policy_version(connection)
        return self.get(name)

    def set_grant_state(self, source: Source, **times: datetime | None) -> None:
        """Record `suspended_at` or `withdrawn_at`, in force in every process with this commit."""
        with self._db.write() as connection:
            connection.execute(t.grants.update().where(t.grants.c.id == source.grant.id).values(**times))
            move_policy_version(connection)

    def ensure_class(self, grant: Grant, jurisdictions: frozenset[str]) -> ClassId:
        """Return the policy class (grant, jurisdictions, the grant's purposes); record it if it is new."""
        parts = [grant.id, sorted(jurisdictions), sorted(grant.purposes), []]  # the last: flags
        digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
        query = sa.select(t.policy_classes.c.id).where(t.policy_classes.c.digest == digest)
        return find_or_insert(
            self._db, query, t.policy_classes, after=move_policy_version, grant_id=grant.id, jurisdictions=parts[1],
            purposes=parts[2], flags=parts[3], digest=digest,
        )  # fmt: skip

    def ensure_space(self, model: str, weights_sha256: str, dimension: int) -> int:
        """Return the id of an embedding space; record it if it is new."""
        query = sa.select(t.spaces.c.id).where(t.spaces.c.model == model, t.spaces.c.weights_sha256 == weights_sha256)
        return find_or_insert(
            self._db, query, t.spaces, model=model, weights_sha256=weights_sha256, dimension=dimension
        )

    def spaces(self) -> dict[int, tuple[str, str, int]]:
        """Return every embedding space that templates were made in: id -> (model, sha256, dimension)."""
        with self._db.read() as connection:
            return {
                row.id: (row.model, row.weights_sha256, row.dimension) for row in connection.execute(t.spaces.select())
            }


WITHDRAWN: Final = sa.exists().where(
    t.guests.c.subject_id == t.subjects.c.id, t.guests.c.withdrawn_at.is_not(None)
)  # they stand until the erasure has removed what they lead to


def put_subject(connection: sa.Connection, grant_id: int, subject: SealedSubject) -> int:
    """Add a subject to a grant; return its id."""
    return insert_one(
        connection, t.subjects, uid=subject.uid, grant_id=grant_id, name=subject.name,
        evidence_sha256=subject.evidence_sha256, evidence_blob=subject.evidence_blob, template=subject.template,
        space_id=subject.space_id, key_id=subject.key_id,
    )  # fmt: skip


_SOURCES = sa.select(
    t.sources.c.uid.label("source_uid"),
    t.sources.c.tenant_id,
    t.sources.c.name.label("source_name"),
    t.sources.c.kind,
    t.sources.c.location,
    t.sources.c.jurisdictions.label("source_jurisdictions"),
    t.sources.c.added_at,
    t.tenants.c.name.label("tenant"),
    *t.grants.c,
).select_from(t.sources.join(t.tenants).join(t.grants))


def grant_of(row: Any) -> Grant:
    """Return the grant in a row that holds all columns of `grants`."""
    return Grant(
        id=row.id,
        source_id=row.source_id,
        basis=Basis(row.basis),
        jurisdictions=frozenset(row.jurisdictions),
        purposes=frozenset(Purpose(p) for p in row.purposes),
        evidence_sha256=row.evidence_sha256,
        starts_at=row.starts_at,
        expires_at=row.expires_at,
        erase_within_days=row.erase_within_days,
        suspended_at=row.suspended_at,
        withdrawn_at=row.withdrawn_at,
        terms=tuple((key, value) for key, value in row.terms),
    )


def _source(row: Any) -> Source:
    return Source(
        id=row.source_id, uid=row.source_uid, tenant_id=row.tenant_id, tenant=row.tenant,
        name=row.source_name, kind=row.kind, location=row.location,
        jurisdictions=frozenset(row.source_jurisdictions), added_at=row.added_at, grant=grant_of(row),
        grant_uid=row.uid, grant_key=row.key_id, evidence_blob=row.evidence_blob,
        retention=row.retention, interaction_at=row.last_interaction_at, purpose_met_at=row.purpose_met_at,
    )  # fmt: skip
