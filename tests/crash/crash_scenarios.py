"""Scenarios that the harness is tried on, in children that import this file."""

import os
import sqlite3
from pathlib import Path


def every_way(tell, path):
    folder = Path(path)
    folder.mkdir()
    folder.mkdir(exist_ok=True)
    with (folder / "a").open("wb") as file:
        file.write(b"four")
        file.flush()
        os.fsync(file.fileno())
    (folder / "b").write_text("four")
    with os.fdopen(os.open(folder / "c", os.O_WRONLY | os.O_CREAT), "wb") as file:
        file.write(b"four")
    descriptor = os.open(folder / "d", os.O_WRONLY | os.O_CREAT)
    os.write(descriptor, b"four")
    os.close(descriptor)
    (folder / "a").read_bytes()
    (folder / "a").replace(folder / "a2")
    (folder / "b").rename(folder / "b2")
    os.link(folder / "c", folder / "c2")
    (folder / "c").unlink()
    (folder / "k.db").touch()
    connection = sqlite3.connect(folder / "k.db", isolation_level=None)
    other = sqlite3.connect(folder / "k.db")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE t (x)")
    connection.execute("BEGIN")
    connection.execute("INSERT INTO t VALUES (1)")
    connection.commit()
    connection.executemany("INSERT INTO t VALUES (?)", [(1,)])
    connection.execute("SELECT * FROM t").fetchall()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    other.close()
    connection.close()
    tell("all")


def in_place(tell, path):
    """What no store may do: the old text is gone before the new one is there."""
    Path(path).write_bytes(b"new text")
    tell(None)


def commit(tell, path):
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("CREATE TABLE t (x)")
    connection.execute("BEGIN")
    connection.execute("INSERT INTO t VALUES (1)")
    connection.execute("COMMIT")
    tell(None)
    connection.close()


def broken(tell):
    tell(1 / 0)
