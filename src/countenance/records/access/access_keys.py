"""Access keys: the programs that may send requests, each with its rights and what it is bound to."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from countenance.records import schema as t
from countenance.records.database import Database

USED_EVERY: Final = timedelta(minutes=1)  # how exactly the last use is known: a write for every request is too dear


@dataclass(frozen=True, slots=True)
class AccessKey:
    """One access key; its secret is sealed."""

    uid: str
    key: str  # its public half
    name: str
    rights: tuple[str, ...]  # sorted
    source: str | None  # name
    purpose: str | None
    client: str | None  # name
    case: str | None
    made_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    used_at: datetime | None  # to a minute
    seal_id: bytes = field(repr=False)
    sealed: bytes = field(repr=False)

    def state(self, now: datetime) -> str:
        """Return active, expired or revoked."""
        if self.revoked_at is not None:
            return "revoked"
        return "active" if self.expires_at is None or now < self.expires_at else "expired"


class AccessKeyTable:
    """Reads and writes access keys. None is ever deleted, because the log names them."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def all(self) -> tuple[AccessKey, ...]:
        """Return every key, oldest first."""
        return self._db.every(_KEYS.order_by(t.access_keys.c.id), _access_key)

    def find(self, key: str) -> AccessKey | None:
        """Return the key with that public half."""
        return self._db.one(_KEYS.where(t.access_keys.c.key == key), _access_key)

    def add(
        self, *, uid: uuid.UUID, key: str, name: str, secret: bytes, seal_id: bytes, rights: tuple[str, ...],
        source_uid: str | None, purpose: str | None, client_uid: str | None, case: str | None,
        made_at: datetime, expires_at: datetime | None,
    ) -> None:  # fmt: skip
        """Record a key, which is accepted from this commit on."""
        self._db.run(t.access_keys.insert().values(
            uid=uid, key=key, name=name, secret=secret, seal_id=seal_id, rights=list(rights),
            source_id=_id_of(t.sources, source_uid), purpose=purpose, client_id=_id_of(t.clients, client_uid),
            case_reference=case, made_at=made_at, expires_at=expires_at,
        ))  # fmt: skip

    def revoke(self, uid: str, at: datetime) -> bytes | None:
        """Revoke a key: no process accepts it after this commit. A key that is revoked keeps its first time.

        Returns: the data key of its secret, to be destroyed; None: there is no such key.
        """
        mine = t.access_keys.c.uid == uid
        with self._db.write() as connection:
            connection.execute(
                t.access_keys.update().where(mine, t.access_keys.c.revoked_at.is_(None)).values(revoked_at=at)
            )
            found: bytes | None = connection.scalar(sa.select(t.access_keys.c.seal_id).where(mine))
        return found

    def touch(self, key: AccessKey, at: datetime) -> None:
        """Record that the key is used now; nothing is written where the last use was less than a minute ago."""
        if key.used_at is not None and at - key.used_at < USED_EVERY:
            return
        self._db.run(t.access_keys.update().where(t.access_keys.c.uid == key.uid).values(used_at=at))


_KEYS: Final = sa.select(t.access_keys, t.sources.c.name.label("source"), t.clients.c.name.label("client")).select_from(
    t.access_keys.outerjoin(t.sources).outerjoin(t.clients)
)


def _id_of(table: sa.Table, uid: str | None) -> Any:
    return None if uid is None else sa.select(table.c.id).where(table.c.uid == uid).scalar_subquery()


def _access_key(row: Any) -> AccessKey:
    found: Mapping[str, Any] = row._mapping  # noqa: SLF001  SQLAlchemy's public name for a row as a mapping
    return AccessKey(
        uid=found["uid"], key=found["key"], name=found["name"], rights=tuple(found["rights"]),
        source=found["source"], purpose=found["purpose"], client=found["client"], case=found["case_reference"],
        made_at=found["made_at"], expires_at=found["expires_at"], revoked_at=found["revoked_at"],
        used_at=found["used_at"], seal_id=found["seal_id"], sealed=found["secret"],
    )  # fmt: skip
