"""Checking a log, offline, with nothing but its file and the public key: every entry, in order, from the first.

What a success shows: these entries, in this order, were signed with that key. What it can't show: that the key's owner
has not rewritten the whole log, or cut off its end with care. For that, hand in a checkpoint that somebody else has
kept.

Entries are read a page at a time, so that a log of any length is checked in little memory and while others append.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import rfc8785

from countenance.auditlog import merkle
from countenance.auditlog.checkpoint import Checkpoint, open_checkpoint
from countenance.auditlog.kinds import DETAIL_ERASED, KINDS
from countenance.auditlog.log import PAGE, leaf_of
from countenance.errors import LogBroken, StorageFailed
from countenance.remedies import Remedy

TOLD_EVERY: Final = 10_000

Nodes: TypeAlias = dict[tuple[int, int], bytes]  # (level, index) -> hash


@dataclass(frozen=True, slots=True)
class VerifiedLog:
    """A log that is whole."""

    entries: int
    root: bytes


class _Row(NamedTuple):
    """A row of `entries`, as found: nothing of it is trusted, its types least."""

    position: int
    id: Any
    salt: Any
    record: Any
    leaf: Any
    root: Any
    checkpoint: Any
    detail: Any


def verify_log(
    path: Path,
    origin: str,
    public_key: bytes,
    *,
    kept: Collection[Checkpoint] = (),
    progress: Callable[[int], None] | None = None,
) -> VerifiedLog:
    """The whole log is as it was signed. `progress` is told the number of entries checked, every 10,000.

    Nothing is written, and a file in a folder that can't be written is read too.

    Args: kept: checkpoints of this log that others have; it must continue each.
    Raises: LogBroken: names the first entry that does not fit, and what is wrong with it; StorageFailed: the file can't
    be read.
    """
    try:
        with closing(sqlite3.connect(_read_only(path), uri=True)) as connection:
            return _verified(connection, origin, public_key, kept, progress)
    except sqlite3.Error as error:
        raise StorageFailed(
            f"the audit log {path.name} can't be read: {error}", Remedy.RESTORE_FROM_BACKUP, partly=False
        ) from error


def _read_only(path: Path) -> str:
    """Its address for SQLite, which makes a `-shm` beside a WAL database even to read it.

    Where it can't, an unchanging file is meant (`immutable`): only without a write-ahead log, whose entries that way of
    reading would leave out.
    """
    wal = path.with_name(f"{path.name}-wal")
    writable = os.access(path.absolute().parent, os.W_OK, effective_ids=True)
    alone = not writable and not (wal.exists() and wal.stat().st_size)
    return f"{path.absolute().as_uri()}?mode=ro" + ("&immutable=1" if alone else "")


def _verified(
    connection: sqlite3.Connection,
    origin: str,
    public_key: bytes,
    kept: Collection[Checkpoint],
    progress: Callable[[int], None] | None,
) -> VerifiedLog:
    nodes: Nodes = {}  # complete subtrees that a later one may still need

    def node(level: int, index: int) -> bytes:
        return nodes[level, index]

    size, root = 0, merkle.EMPTY_ROOT
    details_gone: dict[int, str] = {}  # position -> id: no entry has said yet that they were erased
    for row, kept_nodes in _rows(connection):
        if row.position != size:
            raise _broken(size, "is missing" if row.position > size else "is not a position")
        said = _checked_record(row)
        for level, index, found in merkle.completed_by(size, row.leaf, node):
            if kept_nodes.get((level, index)) != found:
                raise _broken(size, f"({row.id}) does not lead to node {level}/{index} that was kept with it")
            nodes[level, index] = found
            for child in ((level - 1, 2 * index), (level - 1, 2 * index + 1)):
                nodes.pop(child, None)
        size += 1
        root = merkle.root(size, node)
        if root != row.root:
            raise _broken(row.position, f"({row.id}) does not lead to the root that was kept with it")
        _check_signature(row, Checkpoint(origin, size, root), public_key)
        if _detail_is_missing(row, said):
            details_gone[row.position] = row.id
        if said["kind"] == DETAIL_ERASED:
            for position in said["body"]["positions"]:
                details_gone.pop(position, None)
        if any(each.size == size and each.root != root for each in kept):
            raise _broken(row.position, f"({row.id}) or one before it is not what the checkpoint covers: {_FORK}")
        if progress is not None and size % TOLD_EVERY == 0:
            progress(size)
    covered = max((each.size for each in kept), default=0)
    if covered > size:
        raise LogBroken(
            f"the log has {size} entries, and the checkpoint covers {covered}: number {size} and later are gone; "
            "it was cut, or put back",
            Remedy.COMPARE_LOG,
        )
    _check_end(connection)
    for position, entry_id in details_gone.items():
        raise _broken(position, f"({entry_id}) lacks its detail, and no later entry says that it was erased")
    return VerifiedLog(size, root)


def _checked_record(row: _Row) -> dict[str, Any]:
    try:
        fits = isinstance(row.record, bytes) and leaf_of(row.salt, row.record) == row.leaf
    except (ValueError, TypeError):  # the salt is none
        fits = False
    if not fits:
        raise _broken(row.position, f"({row.id}) was changed: its record does not give its leaf")
    try:
        said = json.loads(row.record)
        canonical = rfc8785.dumps(said) == row.record
    except (ValueError, RecursionError) as error:  # also of the canonicalizer
        raise _broken(row.position, f"({row.id}) holds no canonical JSON") from error
    if not canonical or not isinstance(said, dict) or said.get("id") != row.id or said.get("kind") not in KINDS:
        raise _broken(row.position, f"({row.id}) is not in the log's form")
    return said


def _check_signature(row: _Row, expected: Checkpoint, public_key: bytes) -> None:
    try:
        signed = open_checkpoint(str(row.checkpoint), expected.origin, public_key)
    except LogBroken as error:
        raise _broken(row.position, f"({row.id}) carries a checkpoint that does not open: {error.message}") from error
    if signed != expected:
        raise _broken(row.position, f"({row.id}) was signed as another entry, or after others")


def _detail_is_missing(row: _Row, said: dict[str, Any]) -> bool:
    """True: it had a detail and has none. Raises LogBroken: it has another one, or one that it never had."""
    if row.detail is None:
        return "detail" in said
    if not isinstance(row.detail, bytes) or hashlib.sha256(row.detail).hexdigest() != said.get("detail"):
        raise _broken(row.position, f"({row.id}) has a detail that is not the one it was signed with")
    return False


def _check_end(connection: sqlite3.Connection) -> None:
    """Raises LogBroken: the tree has leaves whose entries are gone."""
    query = "SELECT (SELECT COUNT(*) FROM entries), (SELECT COALESCE(MAX(number) + 1, 0) FROM nodes WHERE level = 0)"
    entries, leaves = connection.execute(query).fetchone()
    if entries != leaves:
        raise _broken(entries, f"is gone, with all later ones: the tree has {leaves} leaves, the log {entries} entries")


def _rows(connection: sqlite3.Connection) -> Iterator[tuple[_Row, Nodes]]:
    """Each row with the stored nodes of its page."""
    last = None
    while page := connection.execute(
        "SELECT position, id, salt, record, leaf, root, checkpoint, detail FROM entries "
        "WHERE ?1 IS NULL OR position > ?1 ORDER BY position LIMIT ?2",
        (last, PAGE),
    ).fetchall():
        nodes = _nodes(connection, page[0][0], page[-1][0] + 1)
        yield from ((_Row(*row), nodes) for row in page)
        last = page[-1][0]


def _nodes(connection: sqlite3.Connection, start: int, end: int) -> Nodes:
    """The stored nodes of each level whose last leaf lies in start..end - 1."""
    found: Nodes = {}
    for level in range(max(end, 1).bit_length()):
        rows = connection.execute(
            "SELECT number, hash FROM nodes WHERE level = ? AND number BETWEEN ? AND ?",
            (level, start >> level, (end >> level) - 1),
        )
        found.update(((level, number), kept) for number, kept in rows)
    return found


_FORK: Final = "the log was rewritten, or forked"


def _broken(position: int, what: str) -> LogBroken:
    return LogBroken(f"the first bad entry is number {position}: it {what}", Remedy.COMPARE_LOG)
