"""The audit log: its newest entries, a check of all of it, and proofs to take away."""

from __future__ import annotations

import json
from typing import Any, Final

from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from countenance.app.access.identity import Right
from countenance.app.home import Home
from countenance.auditlog.kinds import KINDS
from countenance.errors import LogBroken, WrongUse
from countenance.remedies import Remedy
from countenance.web.context import PageContext, download, page

A_PAGE: Final = 50  # entries


@page(Right.OVERSEE)
async def log(ask: PageContext) -> Response:
    """The newest entries, or those before `?before=POSITION`."""
    said = ask.request.query_params.get("before")
    position = ask.number("before", most=10**15)
    if said is not None and position is None:
        raise WrongUse(f"{said!r} is not a position in the log", Remedy.LIST_LOG_ENTRIES)
    entries, size, before = await ask.call(_page, ask.home, position)
    return ask.page(
        "log.html.jinja", entries=entries, size=size, before=before, a_page=A_PAGE, kinds=KINDS, checked=None
    )


@page(Right.OVERSEE)
async def verify(ask: PageContext) -> Response:
    """Every entry, the tree and its signatures, checked now."""
    try:
        checked: dict[str, Any] = {"whole": True, **await ask.call(ask.home.audit.verify)}
    except LogBroken as broken:
        checked = {"whole": False, "error": broken}
    if ask.partial:
        return ask.page("log_checked.html.jinja", checked=checked)
    entries, size, before = await ask.call(_page, ask.home, None)
    return ask.page(
        "log.html.jinja", entries=entries, size=size, before=before, a_page=A_PAGE, kinds=KINDS, checked=checked
    )


@page(Right.OVERSEE)
async def proof(ask: PageContext) -> Response:
    """The proof that an entry is in the log, to take away."""
    entry = ask.param("entry_id")
    text = await ask.call(ask.home.audit.prove, entry)
    return download(text, "proof.json", "application/json")


@page(Right.OVERSEE)
async def checkpoint(ask: PageContext) -> Response:
    """The newest signed checkpoint: kept elsewhere, it shows any later rewriting."""
    return download(await ask.call(ask.home.audit.checkpoint), "checkpoint.txt", "text/plain")


@page(Right.OVERSEE)
async def key(ask: PageContext) -> Response:
    """The public key that proofs, exports and receipts are checked with."""
    return PlainTextResponse(ask.home.audit.verifier_key() + "\n")


@page(Right.OVERSEE)
async def export(ask: PageContext) -> Response:
    """Every entry, with what it takes to check them."""
    return download(ask.home.audit.lines(), "log.jsonl", "application/x-ndjson")


def _page(home: Home, before: int | None) -> tuple[list[dict[str, Any]], int, int]:
    """(newest first, entries in all, the position that they stand before)."""
    size = home.audit.size()
    end = size if before is None else min(before, size)
    entries = []
    for entry in home.audit.entries(max(0, end - A_PAGE), min(A_PAGE, end)):
        about = json.dumps(dict(entry.record), ensure_ascii=False, indent=2)
        entries.append({"position": entry.position, "id": entry.id, "at": entry.at, "kind": entry.kind, "about": about})
    return entries[::-1], size, end


routes = [
    Route("/log", log, methods=["GET"]),
    Route("/log/verify", verify, methods=["POST"]),
    Route("/log/checkpoint", checkpoint, methods=["GET"]),
    Route("/log/key", key, methods=["GET"]),
    Route("/log/export", export, methods=["GET"]),
    Route("/log/{entry_id}/proof", proof, methods=["GET"]),
]
