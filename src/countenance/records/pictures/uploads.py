"""Pictures that were uploaded to sources without a folder: the path of each, and whether its bytes are kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from countenance.records import schema as t
from countenance.records.database import Database
from countenance.records.queries import CHUNK, chunks


@dataclass(frozen=True, slots=True)
class Upload:
    """A picture that was uploaded."""

    id: int
    uid: str
    place: bytes
    size: int
    mtime_ns: int
    sha256: bytes
    key_id: bytes | None  # None: its bytes are not kept any more

    @property
    def blob(self) -> str:
        """Return the name of its bytes in the blob store."""
        return upload_blob(self.uid)


def upload_blob(uid: str) -> str:
    """Return the name in the blob store of the bytes of the upload of that uid."""
    return f"upload-{uid}"


class UploadTable:
    """Reads and writes uploads."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def get(self, source_id: int, place: bytes) -> Upload | None:
        """Return the upload at that path."""
        query = t.uploads.select().where(t.uploads.c.source_id == source_id, t.uploads.c.place == place)
        return self._db.one(query, _upload)

    def get_by_source_uid(self, source_uid: str, place: bytes) -> Upload | None:
        """Return the upload at that path of the source of that uid."""
        query = (
            sa.select(t.uploads)
            .join(t.sources, t.sources.c.id == t.uploads.c.source_id)
            .where(t.sources.c.uid == source_uid, t.uploads.c.place == place)
        )
        return self._db.one(query, _upload)

    def walk(self, source_id: int) -> Iterator[Upload]:
        """Yield all uploads of a source that are not being erased, by path."""
        query = t.uploads.select().where(t.uploads.c.source_id == source_id, t.uploads.c.erasure_id.is_(None))
        for rows in self._db.pages(query, t.uploads.c.place, CHUNK):
            yield from map(_upload, rows)

    def count_waiting(self, source_id: int) -> int:
        """Count the uploads that no ingest has taken or rejected yet."""
        new = sa.and_(t.uploads.c.source_id == source_id, ~_placed(), ~_rejected())
        query = sa.select(sa.func.count()).select_from(t.uploads).where(new)
        return self._db.count(query)

    def put(self, source_id: int, upload: Upload) -> Upload | None:
        """Record an upload at its path. Returns: the one that was there before, whose bytes must be deleted."""
        with self._db.write() as connection:
            here = (t.uploads.c.source_id == source_id) & (t.uploads.c.place == upload.place)
            before = connection.execute(t.uploads.select().where(here)).one_or_none()
            connection.execute(t.uploads.delete().where(here))
            connection.execute(
                t.uploads.insert().values(
                    uid=upload.uid, source_id=source_id, place=upload.place, size=upload.size,
                    mtime_ns=upload.mtime_ns, sha256=upload.sha256, key_id=upload.key_id,
                )
            )  # fmt: skip
        return None if before is None else _upload(before)

    def rejected(self, source_id: int) -> list[Upload]:
        """Return the uploads that an ingest refused: nothing of them is kept."""
        query = t.uploads.select().where(t.uploads.c.source_id == source_id, _rejected(), ~_placed())
        return list(self._db.every(query, _upload))

    def leaving(self, erasure_id: int) -> list[Upload]:
        """Return the uploads whose bytes go with the erasure and are still there."""
        query = t.uploads.select().where(t.uploads.c.erasure_id == erasure_id)
        return list(self._db.every(query, _upload))

    def forget(self, uploads: Sequence[Upload]) -> None:
        """Delete these uploads; where the picture stays, with other faces, the path is kept without bytes."""
        with self._db.write() as connection:
            for part in chunks([upload.id for upload in uploads]):
                here = t.uploads.c.id.in_(part)
                connection.execute(t.uploads.update().where(here, _placed()).values(key_id=None, erasure_id=None))
                connection.execute(t.uploads.delete().where(here, ~_placed()))


def mark_leaving(connection: sa.Connection, erasure_id: int, which: sa.ColumnElement[bool]) -> None:
    """Mark the uploads at these placements: they go with the erasure."""
    here = sa.select(t.placements.c.id).where(
        t.placements.c.source_id == t.uploads.c.source_id, t.placements.c.place == t.uploads.c.place, which
    )
    connection.execute(t.uploads.update().where(sa.exists(here.correlate(t.uploads))).values(erasure_id=erasure_id))


def _placed() -> sa.ColumnElement[bool]:
    """Return the condition that an ingest took it and its picture is not being erased."""
    return sa.exists(
        sa.select(t.placements.c.id)
        .join(t.pictures)
        .where(t.placements.c.source_id == t.uploads.c.source_id, t.placements.c.place == t.uploads.c.place)
        .where(t.pictures.c.erasure_id.is_(None))
        .correlate(t.uploads)
    )


def _rejected() -> sa.ColumnElement[bool]:
    """Return the condition that an ingest refused these very bytes, not others that were there before."""
    return sa.exists(
        sa.select(t.rejections.c.id)
        .where(t.rejections.c.source_id == t.uploads.c.source_id, t.rejections.c.place == t.uploads.c.place)
        .where(t.rejections.c.size == t.uploads.c.size, t.rejections.c.mtime_ns == t.uploads.c.mtime_ns)
        .correlate(t.uploads)
    )


def _upload(row: Any) -> Upload:
    return Upload(row.id, row.uid, row.place, row.size, row.mtime_ns, row.sha256, row.key_id)
