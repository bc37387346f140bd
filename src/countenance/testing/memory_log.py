"""An audit log that keeps its entries in a list, for tests of what stands before it. Never wired by `app`."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from countenance.auditlog.kinds import FIELDS, KINDS
from countenance.errors import LogUnwritable
from countenance.protocols import LogEntry


class MemoryLog:
    """Records what was appended; `broken` makes it refuse as a full disk does."""

    def __init__(self) -> None:
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

    def detail(self, position: int) -> bytes | None:
        """As it was handed in."""
        return self.details.get(position)

    def checkpoint(self) -> str:
        """Nothing is signed here."""
        return ""

    def entries(self, start: int = 0) -> Iterator[LogEntry]:
        """In order."""
        return iter(self.kept[start:])

    def __len__(self) -> int:
        return len(self.kept)

    @property
    def kinds(self) -> list[str]:
        """The kinds so far, in order."""
        return [entry.kind for entry in self.kept]
