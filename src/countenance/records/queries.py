"""Statements over many rows: in parts that every engine takes."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

import sqlalchemy as sa

CHUNK: Final = 500  # ids a query: below every engine's limit of bound parameters
T = TypeVar("T")


def chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """`items` in parts that one query can take."""
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]


def insert(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """The rows stand in the table; none is no statement."""
    if rows:
        connection.execute(table.insert(), list(rows))


def ids_of(connection: sa.Connection, table: sa.Table, uids: Sequence[bytes]) -> dict[bytes, int]:
    """The id of each row of a table with one of these uids."""
    return {row.uid: row.id for row in rows_where(connection, sa.select(table.c.uid, table.c.id), table.c.uid, uids)}


def rows_where(
    connection: sa.Connection, query: sa.Select[Any], column: sa.Column[Any], values: Sequence[Any]
) -> Iterator[Any]:
    """The rows of `query` in which `column` is one of `values`."""
    for part in chunks(values):
        yield from connection.execute(query.where(column.in_(part)))


def values_where(
    connection: sa.Connection, query: sa.Select[Any], column: sa.Column[Any], values: Sequence[Any]
) -> Iterator[Any]:
    """The first column of `rows_where`."""
    return (row[0] for row in rows_where(connection, query, column, values))


def living_ids(connection: sa.Connection, table: sa.Table, uids: Iterable[str]) -> list[int]:
    """The ids of those faces or pictures, by public id, that are there and not being erased."""
    query = sa.select(table.c.id).where(table.c.erasure_id.is_(None))
    return list(values_where(connection, query, table.c.uid, [uuid.UUID(uid).bytes for uid in uids]))
