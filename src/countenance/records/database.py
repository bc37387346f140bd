"""Opens `records.db`: connections, pragmas, schema revision. It does not know what the tables mean.

SQLite runs with WAL, `secure_delete=on` and `synchronous=FULL`; `truncate_wal` runs after an erasure. Another engine
(PostgreSQL) is another URL; what only SQLite needs is behind `if engine.dialect.name == "sqlite"`.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from countenance.errors import HomeTooNew, StorageFailed, WrongUse
from countenance.records import schema
from countenance.remedies import Remedy

BUSY_TIMEOUT_MS: Final = 10_000  # a writer waits this long for another process's short transaction
CHECKPOINT_TIMEOUT_MS: Final = 200  # readers hold snapshots of at most 200 ms (docs/design.md)
SLOW_LOCK_S: Final = 0.5  # a wait for the write lock that is worth a line in the program's log
T = TypeVar("T")
log = logging.getLogger(__name__)


class Database:
    """One open database. Several threads may use it; each `read` or `write` has a connection of its own."""

    def __init__(self, engine: sa.Engine, what: str) -> None:
        self.engine = engine
        self._what = what

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Give a connection to read with; each statement sees what is committed as it begins. Raises StorageFailed."""
        with self._errors(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[sa.Connection]:
        """Give a connection to read with; all statements see one moment, where in `read` each sees its own."""
        with self._begun("BEGIN") as connection:  # SQLAlchemy's begin() begins nothing on this driver
            yield connection
            connection.commit()

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Give one transaction that takes the write lock at once; at its end all is durable, or nothing happened."""
        with self._begun("BEGIN IMMEDIATE") as connection:
            yield connection
            connection.commit()

    @contextmanager
    def rehearsal(self) -> Iterator[sa.Connection]:
        """Give a transaction as `write` does, and undo at its end whatever was done in it."""
        with self._begun("BEGIN IMMEDIATE") as connection:
            yield connection
            connection.rollback()

    @contextmanager
    def _begun(self, how: str) -> Iterator[sa.Connection]:
        with self.read() as connection:
            if self.engine.dialect.name == "sqlite":
                began = time.monotonic()
                connection.exec_driver_sql(how)
                if (waited_s := time.monotonic() - began) > SLOW_LOCK_S:
                    log.info("%s: waited %.1f s for the transaction of another process", self._what, waited_s)
            yield connection

    # --- statements on their own -----------------------------------------------------------------------------------
    def one(self, query: sa.Executable, make: Callable[[Any], T]) -> T | None:
        """Return what `make` makes of the only row of `query`; None: there is no row."""
        with self.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else make(row)

    def every(self, query: sa.Executable, make: Callable[[Any], T]) -> tuple[T, ...]:
        """Return what `make` makes of each row of `query`, in its order."""
        with self.read() as connection:
            return tuple(map(make, connection.execute(query)))

    def column(self, query: sa.Executable) -> tuple[Any, ...]:
        """Return the first value of each row of `query`, in its order."""
        with self.read() as connection:
            return tuple(connection.scalars(query))

    def count(self, query: sa.Executable) -> int:
        """Return the number in the first row of `query`; 0: there is no row, or the number is null."""
        with self.read() as connection:
            return int(connection.scalar(query) or 0)

    def pages(self, query: sa.Select[Any], by: sa.Column[Any], size: int) -> Iterator[Sequence[Any]]:
        """Yield the rows of `query` in the order of the unique column `by`, at most `size` at a time.

        Each page is a transaction of its own, so that no reader holds a snapshot for long. `query` selects `by`.
        """
        page = query.order_by(by).limit(size)
        with self.read() as connection:
            rows = connection.execute(page).all()
        while rows:
            yield rows
            with self.read() as connection:
                rows = connection.execute(page.where(by > rows[-1]._mapping[by])).all()  # noqa: SLF001  public, for all its name

    def run(self, statement: sa.Executable) -> int:
        """Carry out one statement in a transaction of its own; return how many rows it changed."""
        with self.write() as connection:
            return connection.execute(statement).rowcount

    # --- the file --------------------------------------------------------------------------------------------------
    def truncate_wal(self) -> bool:
        """Empty the write-ahead log, so that nothing deleted is left in it. False: a reader kept it full."""
        if self.engine.dialect.name != "sqlite":
            return False
        with self._errors(), self.engine.connect() as connection:
            connection.exec_driver_sql(f"PRAGMA busy_timeout={CHECKPOINT_TIMEOUT_MS}")
            try:
                busy, _, _ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
            finally:
                connection.exec_driver_sql(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        if busy:
            log.info("%s: a reader keeps the write-ahead log; what was deleted may still be in it", self._what)
        return not busy

    def compact(self) -> bool:
        """Rewrite the file from what it holds (VACUUM), so that nothing else is in it.

        False: a reader kept the write-ahead log. Old pages may then still be in that log; `truncate_wal` empties it
        later. `secure_delete` overwrites what is deleted, but not what a page keeps of rows that moved to another page.
        Compacting needs memory for a copy (`temp_store`: nothing of a home gets into another folder) and disk for
        another copy in the write-ahead log; no other process can write meanwhile. A crash leaves the database as it
        was.
        Raises: StorageFailed: no room, or another process was writing all the time.
        """
        if self.engine.dialect.name != "sqlite":
            return True
        with self._errors(), self.engine.connect() as connection:
            log.info("%s: compacting", self._what)
            connection.exec_driver_sql("VACUUM")
        return self.truncate_wal()

    def close(self) -> None:
        """Close the connections; SQLite empties its write-ahead log with the last one."""
        self.engine.dispose()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except UnicodeEncodeError as error:  # a byte of an argument, which a path may have and a name may not
            raise WrongUse(f"{str(error.object)[:200]!r} is not text in UTF-8") from error
        except sa.exc.OperationalError as error:
            reason = str(error.orig)
            raise StorageFailed(f"{self._what} could not be used: {reason}", _remedy(reason)) from error
        except sa.exc.DatabaseError as error:
            if isinstance(error, sa.exc.IntegrityError):
                raise
            raise StorageFailed(f"{self._what} is damaged: {error.orig}", Remedy.RESTORE_FROM_BACKUP) from error


def _remedy(reason: str) -> Remedy:
    if "readonly" in reason or "read-only" in reason or "unable to open" in reason:
        return Remedy.MAKE_WRITABLE
    if "full" in reason:
        return Remedy.FREE_SPACE
    if "locked" in reason:
        return Remedy.WAIT_FOR_OTHER
    return Remedy.RUN_DOCTOR


def open_sqlite(path: Path, *, make: bool = True) -> Database:
    """Open the database at `path`, at the newest schema; make it if it is not there, unless it must be (`make`).

    A crash while making it leaves an empty file, and the next opening makes what is missing.
    Raises: HomeTooNew: written by a newer version; StorageFailed.
    """
    with suppress(OSError):  # what stops this stops the engine too, which says more
        path.touch(mode=0o600)
    engine = sa.create_engine(
        f"sqlite:///{path}", poolclass=sa.pool.QueuePool, pool_size=4, max_overflow=12,
        connect_args={"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False},
    )  # fmt: skip
    sa.event.listen(engine, "connect", _prepare)
    database = Database(engine, path.name)
    try:
        _bring_up_to_date(database, make=make)
    except StorageFailed as error:
        error.partly = False  # nothing was done before
        raise
    return database


def _prepare(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun by name, so that writers take the lock at once
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "foreign_keys=ON", "temp_store=MEMORY"):
        connection.execute(f"PRAGMA {pragma}")


@cache
def _tables() -> tuple[str, ...]:
    """The SQL that makes all tables and indexes, in its order. Written once a process: running it takes less time."""
    written: list[str] = []
    dialect = sqlite.dialect()

    def write(statement: Any, *_: Any, **__: Any) -> None:
        written.append(str(statement.compile(dialect=dialect)))

    schema.metadata.create_all(sa.create_mock_engine("sqlite://", write), checkfirst=False)
    return tuple(written)


def _bring_up_to_date(database: Database, *, make: bool) -> None:
    with database.read() as connection:
        known = sa.inspect(connection).has_table("alembic_version")
        found = connection.scalar(sa.text("SELECT version_num FROM alembic_version")) if known else None
    if found == schema.SCHEMA_REVISION:
        return
    if found is None and not make:  # what an empty home would say of itself is not true of this one
        raise StorageFailed("records.db holds no records at all", Remedy.RESTORE_FROM_BACKUP)
    if found is None:
        with database.write() as connection:  # one transaction: a second process that was waiting finds it done
            if not sa.inspect(connection).has_table("alembic_version"):
                for statement in _tables():
                    connection.exec_driver_sql(statement)
                connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
                connection.execute(sa.text("INSERT INTO alembic_version VALUES (:v)"), {"v": schema.SCHEMA_REVISION})
        return
    from countenance.records import migrate  # alembic takes half a second to import

    if not migrate.knows(found):
        raise HomeTooNew(
            f"this home has schema {found}; this version of Countenance knows up to {schema.SCHEMA_REVISION}",
            Remedy.UPGRADE,
        )
    log.info("migrating the schema from %s to %s", found, schema.SCHEMA_REVISION)
    migrate.upgrade(database.engine)
