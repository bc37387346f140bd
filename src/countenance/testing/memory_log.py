"""An audit log that keeps its entries in a list, for tests of what stands before it. Never wired by `app`."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import rfc8785

from countenance.auditlog import merkle
from countenance.auditlog.checkpoint import Signer
from countenance.auditlog.kinds import DETAIL_ERASED, FIELDS, KINDS
from countenance.errors import LogUnwritable
from countenance.protocols import EntryProof, LogEntry


class MemoryLog:
    """Records what was appended; `broken` makes it refuse as a full disk does."""

    def __init__(self) -> None:
        self.signer = Signer("countenance/home/in-memory", secrets.token_bytes(32))
        self.kept: list[LogEntry] = []
        self.details: dict[int, bytes] = {}
        self.broken = False

    def append(self, kind: str, record: Mapping[str, Any], *, detail: bytes | None = None) -> LogEntry:
        """Raises LogUnwritable: `broken` is set; ValueError: as the real log, an unknown kind or a field missing."""
        if self.broken:
            raise LogUnwritable("the log can't be written")
        if missing := FIELDS[kind] - record.keys() if kind in KINDS else {"a known kind"}:
            raise ValueError(f"a {kind} record lacks {', '.join(sorted(missing))}")
        at = datetime.now(UTC).isoformat()
        self.kept.append(LogEntry(len(self.kept), uuid.uuid4().hex, at, kind, dict(record)))
        if detail is not None:
            self.details[self.kept[-1].position] = detail
        return self.kept[-1]

    def erase_details(self, positions: Collection[int], record: Mapping[str, Any]) -> LogEntry:
        """As the real log."""
        entry = self.append(DETAIL_ERASED, {**record, "positions": sorted({*positions})})
        for position in positions:
            self.details.pop(position, None)
        return entry

    def detail(self, position: int) -> bytes | None:
        """As it was handed in."""
        return self.details.get(position)

    def checkpoint(self) -> str:
        """Of everything so far."""
        return self.signer.sign(len(self), merkle.root(len(self), self._node))

    def prove_entry(self, position: int) -> EntryProof:
        """Of a tree that is computed anew each time."""
        path = merkle.inclusion_proof(position, len(self), self._node)
        return EntryProof(position, self._record(position), b"", tuple(path), self.checkpoint())

    def _record(self, position: int) -> bytes:
        kept = self.kept[position]
        return rfc8785.dumps({"v": 1, "id": kept.id, "at": kept.at, "kind": kept.kind, "body": dict(kept.record)})

    def _node(self, level: int, index: int) -> bytes:
        if level == 0:
            return merkle.leaf_hash(self._record(index))
        return merkle.node_hash(self._node(level - 1, 2 * index), self._node(level - 1, 2 * index + 1))

    def entries(self, start: int = 0) -> Iterator[LogEntry]:
        """In order."""
        return iter(self.kept[start:])

    def __len__(self) -> int:
        return len(self.kept)

    @property
    def kinds(self) -> list[str]:
        """The kinds so far, in order."""
        return [entry.kind for entry in self.kept]
