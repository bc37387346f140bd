"""A scenario run in a process of its own, and killed with SIGKILL at any point at which it is about to change the disk.

A point is a write, fsync, rename, replace, link, unlink, the making of a file or folder, and of a database each commit,
each change outside a transaction, checkpoint and last close. A write has two: nothing of it is there, and half of it.
A kill after one step is a kill before the next, so what a commit leaves behind is met at the point that follows it. The
acknowledgement (the result is about to be told) and the end are points too.

What SQLite and the kernel do inside one such step is theirs to keep whole (SQLite's own tests kill it there). SIGKILL
loses no page cache: that an fsync is missing shows only when the power fails, and not here.

Two ways to break a scenario, which must agree. `kill_at` kills a child at one point. `stop_at_each` stops one child at
each point in turn, all its threads (SIGSTOP), and lets the caller copy what is on the disk at that moment: what a kill
there would have left, at a fiftieth of the time, so that every point is seen and some are killed at.

`python -m support.crash` is the child; it reports on a pipe as it goes, so that the parent knows how far it
came. No fork: each child is a new interpreter that shares nothing with the test.
"""

from __future__ import annotations

import builtins
import importlib
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from support.forked import run_module

NEVER: Final = -1
EACH: Final = -2  # wait at each for a word from the parent
TIMEOUT_S: Final = 1_000.0  # a child stopped at each point waits for all that the test looks at meanwhile
_OUTSIDE: Final = ("INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "VACUUM")  # by itself, a commit
_PRAGMAS: Final = ("wal_checkpoint", "user_version=")  # change the file; journal_mode does in an empty one


@dataclass(frozen=True, slots=True)
class Ran:
    """How far a child came. `told`: what the scenario gave as its result before the end, if it came to that."""

    points: tuple[str, ...]  # every point met, in order; a killed or stopped child stands before the last one
    told: tuple[Any, ...]

    @property
    def acknowledged(self) -> bool:
        """True: whoever waited for the result has it."""
        return bool(self.told)


def rehearse(scenario: str, *args: Any) -> Ran:
    """The scenario ("module:function") in a child, unharmed. Raises AssertionError: it failed."""
    code, ran, said = _run(NEVER, scenario, args)
    assert code == 0, f"{scenario} ended with {code}:\n{said}"
    assert ran.acknowledged, f"{scenario} told no result"
    return ran


def kill_at(number: int, scenario: str, *args: Any) -> Ran:
    """The scenario in a child that is killed at point `number`, counted from 0.

    Raises AssertionError: the child met fewer points and ended by itself, or failed before.
    """
    code, ran, said = _run(number, scenario, args)
    assert code == -signal.SIGKILL, f"{scenario} met {len(ran.points)} points, not {number + 1}; it said:\n{said}"
    assert len(ran.points) == number + 1, (len(ran.points), number + 1)
    return ran


def run_until(number: int, scenario: str, *args: Any) -> tuple[bool, Ran]:
    """(whether it was killed, how far it came): as `kill_at`, where the number of points is not known before."""
    code, ran, said = _run(number, scenario, args)
    assert code in {0, -signal.SIGKILL}, f"{scenario} ended with {code}:\n{said}"
    return code != 0, ran


def stop_at_each(scenario: str, *args: Any) -> Iterator[Ran]:
    """The scenario in a child that stands still, every thread of it, while the caller has each `Ran`.

    Raises AssertionError: it failed.
    """
    with _child(EACH, scenario, args) as (child, reports):
        assert child.stdin is not None
        points: list[str] = []
        told: list[Any] = []
        for line in reports:
            if "told" in line:
                told.append(line["told"])
                continue
            points.append(line["point"])
            os.kill(child.pid, signal.SIGSTOP)
            os.waitpid(child.pid, os.WUNTRACED)
            yield Ran(tuple(points), tuple(told))
            os.kill(child.pid, signal.SIGCONT)
            with suppress(BrokenPipeError):
                child.stdin.write("go on\n")
                child.stdin.flush()
        said, _ = child.communicate()
    assert child.returncode == 0, f"{scenario} ended with {child.returncode}:\n{said}"


def _run(die_at: int, scenario: str, args: tuple[Any, ...]) -> tuple[int, Ran, str]:
    with _child(die_at, scenario, args) as (child, reports):
        lines = list(reports)
        said, _ = child.communicate()
    points = tuple(line["point"] for line in lines if "point" in line)
    return child.returncode, Ran(points, tuple(line["told"] for line in lines if "told" in line)), said


@contextmanager
def _child(
    die_at: int, scenario: str, args: tuple[Any, ...]
) -> Iterator[tuple[subprocess.Popen[str], Iterator[dict[str, Any]]]]:
    """A child and its reports as they come; it is killed if it is still there at the end, or after `TIMEOUT_S`."""
    reading, writing = os.pipe()
    with open(reading, "rb") as reports:  # noqa: PTH123  a descriptor, not a path
        try:
            child = run_module(
                __name__, scenario, json.dumps(args), die_at, writing,
                pass_fds=(writing,), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )  # fmt: skip
        finally:
            os.close(writing)
        watchdog = threading.Timer(TIMEOUT_S, child.kill)
        watchdog.start()
        try:
            yield child, (json.loads(line) for line in reports)
        finally:
            watchdog.cancel()
            child.kill()
            child.communicate()


# --- the child -------------------------------------------------------------------------------------------------------
class Trace:
    """Counts points, reports each, and kills this process at one of them."""

    def __init__(self, die_at: int, report_to: int) -> None:
        self._die_at = die_at
        self._to = report_to
        self._met = 0
        self._lock = threading.Lock()  # an ingest records in a thread of its own
        self._write = os.write

    def point(self, what: str) -> None:
        """Here the process may die."""
        with self._lock:
            self._report({"point": what})
            if self._met == self._die_at:
                os.kill(os.getpid(), signal.SIGKILL)
            if self._die_at == EACH:
                sys.stdin.readline()
            self._met += 1

    def tell(self, result: Any) -> None:
        """Whoever waits for the result has it now."""
        self.point("acknowledge")
        self._report({"told": result})

    def _report(self, line: Mapping[str, Any]) -> None:
        self._write(self._to, json.dumps(line).encode() + b"\n")


@contextmanager
def traced(trace: Trace) -> Iterator[None]:
    """Every way to the disk that Python code has passes `trace` first."""
    changed: list[tuple[Any, str, Any]] = []

    def put(owner: Any, name: str, new: Any) -> None:
        changed.append((owner, name, getattr(owner, name)))
        setattr(owner, name, new)

    for name in ("fsync", "fdatasync", "replace", "rename", "unlink", "remove", "link", "rmdir", "truncate"):
        put(os, name, _announced(trace, name, getattr(os, name)))
    put(os, "write", _in_halves(trace, os.write))
    put(os, "open", _made(trace, os.open, lambda flags: bool(flags & os.O_CREAT)))
    put(os, "mkdir", _made(trace, os.mkdir, lambda _: True))
    opened = _opening(trace)
    put(io, "open", opened)
    put(builtins, "open", opened)
    connect = _connecting(trace, sqlite3.connect)
    put(sqlite3, "connect", connect)
    put(sqlite3.dbapi2, "connect", connect)  # SQLAlchemy's way in
    try:
        yield
    finally:
        for owner, name, old in reversed(changed):
            setattr(owner, name, old)


def _announced(trace: Trace, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def call(target: Any, *args: Any, **kwargs: Any) -> Any:
        trace.point(f"{name} {_called(target)}")
        return real(target, *args, **kwargs)

    return call


def _called(target: Any) -> str:
    """A file's own name, for a person who reads where a child died."""
    if isinstance(target, int):
        link = f"/proc/self/fd/{target}"
        return Path(os.readlink(link)).name if Path(link).exists() else "a file"  # noqa: PTH115  of a descriptor
    return Path(os.fsdecode(target)).name


def _in_halves(trace: Trace, real: Callable[[int, Any], int]) -> Callable[[int, Any], int]:
    def write(fd: int, data: Any) -> int:
        what = _called(fd)
        trace.point(f"write {what}")
        whole = bytes(data)
        if len(whole) < 2:
            return real(fd, whole)
        done = real(fd, whole[: len(whole) // 2])
        trace.point(f"write, half done {what}")
        return done + real(fd, whole[done:])

    return write


def _made(trace: Trace, real: Callable[..., Any], makes: Callable[[int], bool]) -> Callable[..., Any]:
    """`os.open` or `os.mkdir`, which make something only where it is not there."""

    def call(path: Any, mode: int = 0o777, *args: Any, **kwargs: Any) -> Any:
        if makes(mode) and "dir_fd" not in kwargs and not os.path.lexists(path):
            trace.point(f"make {_called(path)}")
        return real(path, mode, *args, **kwargs)

    return call


def _opening(trace: Trace) -> Callable[..., Any]:
    """`open` whose files write through `os.write`, as it is now."""
    real = io.open

    class File(io.FileIO):
        def write(self, data: Any) -> int:
            return os.write(self.fileno(), data)

    def call(
        file: Any, mode: str = "r", buffering: int = -1, encoding: str | None = None, errors: str | None = None,
        newline: str | None = None, closefd: bool = True, opener: Any = None,
    ) -> Any:  # fmt: skip
        if not set(mode) & set("wax+"):
            return real(file, mode, buffering, encoding, errors, newline, closefd, opener)
        if not isinstance(file, int) and not os.path.lexists(file):
            trace.point(f"make {_called(file)}")
        raw = File(file, mode.replace("b", "").replace("t", ""), closefd, opener)
        if buffering == 0:
            return raw
        buffered = (io.BufferedRandom if "+" in mode else io.BufferedWriter)(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding, errors, newline)

    return call


def _connecting(trace: Trace, real: Callable[..., sqlite3.Connection]) -> Callable[..., sqlite3.Connection]:
    living: Counter[str] = Counter()  # connections by file: only the last to close changes it

    def file_of(connection: sqlite3.Connection) -> str:
        return str(sqlite3.Connection.execute(connection, "PRAGMA database_list").fetchone()[2])

    def point(verb: str, file: str) -> None:
        trace.point(f"{verb.lower()} {Path(file).name}")

    def announce(connection: sqlite3.Connection, sql: str) -> None:
        verb, what = (*sql.split(None, 2), "", "")[:2]
        if connection.in_transaction:
            if verb == "COMMIT":
                point(verb, file_of(connection))
        elif verb in _OUTSIDE:
            point(verb, file_of(connection))
        elif verb == "PRAGMA":
            file = file_of(connection)
            if what.startswith(_PRAGMAS) or (what.startswith("journal_mode=") and not Path(file).stat().st_size):
                point(what, file)

    class Cursor(sqlite3.Cursor):
        def execute(self, sql: str, *values: Any) -> Self:
            announce(self.connection, sql)
            return super().execute(sql, *values)

        def executemany(self, sql: str, values: Any) -> Self:
            announce(self.connection, sql)
            return super().executemany(sql, values)

    class Connection(sqlite3.Connection):
        file = ""

        def cursor(self, factory: Any = None) -> Any:
            return super().cursor(factory or Cursor)

        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            return Cursor(self).execute(sql, *values)

        def executemany(self, sql: str, values: Any) -> sqlite3.Cursor:
            return Cursor(self).executemany(sql, values)

        def commit(self) -> None:
            if self.in_transaction:
                point("commit", self.file)
            super().commit()

        def close(self) -> None:
            if self.file:
                living[self.file] -= 1
                if not living[self.file]:
                    point("close", self.file)
                self.file = ""
            super().close()

    def connect(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        made = real(*args, **{**kwargs, "factory": Connection})
        assert isinstance(made, Connection)
        made.file = file_of(made)
        living[made.file] += 1
        return made

    return connect


def main() -> None:
    """The child. argv: scenario, its arguments as JSON, the point to die at (or NEVER, EACH), where to report."""
    scenario, args, die_at, report_to = sys.argv[1:]
    module, _, function = scenario.partition(":")
    run = getattr(importlib.import_module(module), function)
    trace = Trace(int(die_at), int(report_to))
    with traced(trace):
        run(trace.tell, *json.loads(args))
        trace.point("end")


if __name__ == "__main__":
    main()
