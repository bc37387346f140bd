"""Statements that several tables need; those over many rows go in parts that every engine takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

import sqlalchemy as sa

from countenance.records import schema as t
from countenance.records.database import Database

CHUNK: Final = 500  # ids a query: below every engine's limit of bound parameters
T = TypeVar("T")


def chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield `items` in parts that one query can take."""
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]


def insert(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add the rows to the table; without rows no statement is run."""
    if rows:
        connection.execute(table.insert(), list(rows))


def insert_one(connection: sa.Connection, table: sa.Table, **values: Any) -> int:
    """Add one row to a table whose key is an id; return that id."""
    made = connection.execute(table.insert().values(**values))
    return int(made.inserted_primary_key[0])  # type: ignore[index]  # an insert of one row has one


def find_or_insert(
    database: Database, query: sa.Select[Any], table: sa.Table, *,
    after: Callable[[sa.Connection], None] | None = None, **values: Any,
) -> int:  # fmt: skip
    """Return the id that `query` finds, or that of the row of `values` which is added where it finds none.

    Two processes that ask at once get the same id. `after` runs in the transaction that adds a row.
    """
    with database.read() as connection:
        found = connection.scalar(query)
    if found is None:
        with database.write() as connection:
            found = connection.scalar(query)
            if found is None:
                found = insert_one(connection, table, **values)
                if after is not None:
                    after(connection)
    return int(found)


def move_counter(connection: sa.Connection, name: str) -> None:
    """Raise the counter of that name by one; a counter that was never raised is 1 afterwards."""
    changed = connection.execute(
        t.counters.update().where(t.counters.c.name == name).values(value=t.counters.c.value + 1)
    )
    if not changed.rowcount:
        connection.execute(t.counters.insert().values(name=name, value=1))


def counter(name: str) -> sa.Select[Any]:
    """Return the query for the value of the counter of that name."""
    return sa.select(t.counters.c.value).where(t.counters.c.name == name)


def ids_of(connection: sa.Connection, table: sa.Table, uids: Sequence[str]) -> dict[str, int]:
    """Return the id of each row of a table with one of these uids."""
    return {row.uid: row.id for row in rows_where(connection, sa.select(table.c.uid, table.c.id), table.c.uid, uids)}


def rows_where(
    connection: sa.Connection, query: sa.Select[Any], column: sa.Column[Any], values: Sequence[Any]
) -> Iterator[Any]:
    """Yield the rows of `query` in which `column` is one of `values`."""
    for part in chunks(values):
        yield from connection.execute(query.where(column.in_(part)))


def read_where(database: Database, query: sa.Select[Any], column: sa.Column[Any], values: Sequence[Any]) -> list[Any]:
    """Return the rows of `query` in which `column` is one of `values`."""
    with database.read() as connection:
        return list(rows_where(connection, query, column, values))


def values_where(
    connection: sa.Connection, query: sa.Select[Any], column: sa.Column[Any], values: Sequence[Any]
) -> Iterator[Any]:
    """Yield the first column of `rows_where`."""
    return (row[0] for row in rows_where(connection, query, column, values))


def living_ids(connection: sa.Connection, table: sa.Table, uids: Iterable[str]) -> list[int]:
    """Return the ids of those of these faces or pictures, by uid, that exist and are not being erased."""
    query = sa.select(table.c.id).where(table.c.erasure_id.is_(None))
    return list(values_where(connection, query, table.c.uid, list(uids)))
