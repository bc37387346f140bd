"""What every table is made with: the metadata that holds them all, and two column types."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


class UtcTime(sa.types.TypeDecorator[datetime]):
    """An aware UTC datetime, stored as RFC 3339 text, which sorts and which a person with `sqlite3` can read."""

    impl = sa.String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> str | None:
        """Return the text. Raises ValueError: the datetime has no zone."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone can't be kept")
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")

    def process_result_value(self, value: str | None, dialect: Any) -> datetime | None:
        """Return the datetime, aware, UTC."""
        del dialect
        return None if value is None else datetime.fromisoformat(value)


class Uid(sa.types.TypeDecorator[str]):
    """A uuid, as text in Python (a `UUID` may go in too) and as its 16 bytes in the database."""

    impl = sa.LargeBinary(16)
    cache_ok = True

    def process_bind_param(self, value: str | uuid.UUID | None, dialect: Any) -> bytes | None:
        """Return the 16 bytes. Raises ValueError: the text is no uuid."""
        del dialect
        if value is None:
            return None
        return (value if isinstance(value, uuid.UUID) else uuid.UUID(value)).bytes

    def process_result_value(self, value: bytes | None, dialect: Any) -> str | None:
        """Return the uuid as text, with hyphens."""
        del dialect
        return None if value is None else str(uuid.UUID(bytes=value))


def uid_column() -> sa.Column[str]:
    """Return a column `uid` in which no value occurs twice."""
    return sa.Column("uid", Uid, nullable=False, unique=True)
