"""Checking a log, offline, with nothing but its file and the public key: every entry, in order, from the first.

What a success shows: these entries, in this order, were signed with that key. What it can't show: that the key's owner
has not rewritten the whole log. For that, hand in a checkpoint that somebody else has kept (`at_least`).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import rfc8785

from countenance.auditlog import merkle
from countenance.auditlog.checkpoint import Checkpoint, open_checkpoint
from countenance.auditlog.kinds import KINDS
from countenance.auditlog.log import PAGE, leaf_of
from countenance.errors import LogBroken, StorageFailed

TOLD_EVERY: Final = 10_000


@dataclass(frozen=True, slots=True)
class Verified:
    """A log that is whole."""

    entries: int
    root: bytes


def verify_log(
    path: Path,
    origin: str,
    public_key: bytes,
    *,
    at_least: Checkpoint | None = None,
    progress: Callable[[int], None] | None = None,
) -> Verified:
    """The whole log is as it was signed.

    Raises: LogBroken: names the first entry that does not fit, and what is wrong with it; StorageFailed: the file can't
    be read.
    """
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
            found = _verified(_rows(connection), origin, public_key, at_least, progress)
        connection.close()
    except sqlite3.Error as error:
        raise StorageFailed(
            f"the audit log {path.name} can't be read: {error}", "restore the home from a backup"
        ) from error
    return found


def _verified(
    rows: Iterator[tuple[Any, ...]],
    origin: str,
    public_key: bytes,
    at_least: Checkpoint | None,
    progress: Callable[[int], None] | None,
) -> Verified:
    nodes: dict[tuple[int, int], bytes] = {}  # complete subtrees that a later one may still need

    def node(level: int, index: int) -> bytes:
        return nodes[level, index]

    size, root = 0, merkle.EMPTY_ROOT
    for position, entry_id, salt, record, leaf, kept_root, note in rows:
        if position != size:
            raise _broken(size, "is missing" if position > size else "stands twice")
        _check_record(position, entry_id, salt, record, leaf)
        for level, index, found in merkle.completed_by(size, leaf, node):
            nodes[level, index] = found
            for child in ((level - 1, 2 * index), (level - 1, 2 * index + 1)):
                nodes.pop(child, None)
        size += 1
        root = merkle.root(size, node)
        if root != kept_root:
            raise _broken(position, f"({entry_id}) does not lead to the root that was kept with it")
        try:
            signed = open_checkpoint(note, origin, public_key)
        except LogBroken as error:
            raise _broken(position, f"({entry_id}): {error.message}") from error
        if (signed.size, signed.root) != (size, root):
            raise _broken(position, f"({entry_id}) was signed as another entry, or after others")
        if at_least is not None and at_least.size == size and at_least.root != root:
            raise _broken(position, f"({entry_id}) or one before it is not what the checkpoint covers")
        if progress is not None and size % TOLD_EVERY == 0:
            progress(size)
    if at_least is not None and at_least.size > size:
        raise LogBroken(
            f"the log has {size} entries, and the checkpoint covers {at_least.size}: number {size} and later are gone",
            _HINT,
        )
    return Verified(size, root)


def _check_record(position: int, entry_id: str, salt: Any, record: Any, leaf: Any) -> None:
    if not (isinstance(salt, bytes) and isinstance(record, bytes)) or leaf_of(salt, record) != leaf:
        raise _broken(position, f"({entry_id}) was changed: its record does not give its leaf")
    try:
        said = json.loads(record)
        canonical = rfc8785.dumps(said) == record
    except (ValueError, rfc8785.CanonicalizationError) as error:
        raise _broken(position, f"({entry_id}) holds no canonical JSON") from error
    if not canonical or not isinstance(said, dict) or said.get("id") != entry_id or said.get("kind") not in KINDS:
        raise _broken(position, f"({entry_id}) is not in the log's form")


def _rows(connection: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    start = -1
    while page := connection.execute(
        "SELECT position, id, salt, record, leaf, root, checkpoint FROM entries "
        "WHERE position > ? ORDER BY position LIMIT ?",
        (start, PAGE),
    ).fetchall():
        yield from page
        start = page[-1][0]


_HINT: Final = (
    "the log has been tampered with or damaged: compare it with a backup, and tell whoever oversees this home"
)


def _broken(position: int, what: str) -> LogBroken:
    return LogBroken(f"the first bad entry is number {position}: it {what}", _HINT)
