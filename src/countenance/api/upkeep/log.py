"""The audit log, for those who oversee a home: pseudonyms and hashes, no names and no pictures."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import ConfigDict, Field
from starlette.responses import Response, StreamingResponse

from countenance.api.context import ApiContext, may
from countenance.api.operation import answer, operation, operations, sent
from countenance.api.paging import Page
from countenance.api.shapes import Shape
from countenance.app.access.identity import Right
from countenance.errors import LogBroken

router = operations("log")
Overseeing = Annotated[ApiContext, may(Right.OVERSEE)]
LINES: dict[str, dict[str, Any]] = {"application/x-ndjson": {"schema": {"type": "string"}}}


class Entry(Shape):
    """An entry of the log."""

    position: int
    id: str
    at: str
    kind: str
    record: dict[str, Any]


class LogProof(Shape):
    """The proof that an entry is in the log (docs/audit-log.md)."""

    model_config = ConfigDict(extra="allow")


class Checkpoint(Shape):
    """The newest signed checkpoint, and the public key to check it."""

    checkpoint: str
    key: str


class Kept(Shape):
    """A checkpoint that was stored elsewhere."""

    checkpoint: Annotated[str, Field(max_length=100_000)] | None = None


class Cosigned(Shape):
    """What a witness has cosigned."""

    entries: int
    at: str


class LogChecked(Shape):
    """Whether the log is intact and continues every known checkpoint."""

    whole: bool
    why: str | None = Field(description="The first bad entry, or the fork.")
    entries: int | None
    root: str | None
    verifier_key: str | None
    cosigned: dict[str, Cosigned]


@operation(router, "GET", "/log/entries", answer=Page[Entry])
async def list_entries(
    ask: Overseeing, limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    after: Annotated[str | None, Query(max_length=20, pattern="^[0-9]+$")] = None,
    last: Annotated[bool, Query(description="Show the newest `limit` entries.")] = False,
) -> Response:  # fmt: skip
    """List the entries, oldest first."""

    def read() -> dict[str, Any]:
        size = ask.home.audit.size()
        start = max(0, size - limit) if last else min(int(after or 0), size)
        found = [
            {"position": entry.position, "id": entry.id, "at": entry.at, "kind": entry.kind,
             "record": dict(entry.record)} for entry in ask.home.audit.entries(start, limit)
        ]  # fmt: skip
        return {"items": found, "next": str(start + len(found)) if start + len(found) < size else None}

    return answer(await ask.call(read))


@operation(router, "GET", "/log/entries/{entry_id}/proof", answer=LogProof)
async def prove_entry(ask: Overseeing, entry_id: Annotated[str, Path(max_length=100)]) -> Response:
    """Make a proof that an entry is in the log. Others can check it with the public key."""
    return answer(json.loads(await ask.call(ask.home.audit.prove, entry_id)))


@operation(router, "GET", "/log/checkpoint", answer=Checkpoint)
async def log_checkpoint(ask: Overseeing) -> Response:
    """Show the newest signed checkpoint. Give it to someone else: it reveals any later change to these entries."""
    audit = ask.home.audit
    return answer({"checkpoint": await ask.call(audit.checkpoint), "key": audit.verifier_key()})


@operation(router, "POST", "/log/verify", answer=LogChecked, body=Kept, optional=True)
async def verify_log(ask: Overseeing, kept: Annotated[Kept, sent(Kept, optional=True)]) -> Response:
    """Check every entry, the hash tree and its signatures."""
    try:
        found = await ask.call(ask.home.audit.verify, kept.checkpoint)
    except LogBroken as error:
        nothing: dict[str, Any] = {"entries": None, "root": None, "verifier_key": None, "cosigned": {}}
        return answer({"whole": False, "why": error.message, **nothing})
    return answer({"whole": True, "why": None, **found})


@operation(router, "GET", "/log/export", media=LINES)
async def export_log(ask: Overseeing) -> Response:
    """Export every entry with the data to check it, one per line, as `countenance log export` does."""
    return StreamingResponse(await ask.call(ask.home.audit.lines), media_type="application/x-ndjson")
