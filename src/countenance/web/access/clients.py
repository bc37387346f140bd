"""Clients of an organisation: who may have it search for them, and ending a contract."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from countenance.app.access.clients import described
from countenance.app.access.identity import Right
from countenance.errors import CountenanceError
from countenance.types import ClientClass, HomeKind
from countenance.web.context import PageContext, page


async def _page(ask: PageContext, error: CountenanceError | None = None) -> Response:
    found = [described(client) for client in await ask.call(ask.home.clients.all)]
    return ask.page(
        "clients.html.jinja", error=error,
        clients=sorted(found, key=lambda each: (each["contract"] != "active", each["name"])),
        organisation=ask.home.kind is HomeKind.ORGANISATION, classes=list(ClientClass),
        given={name: ask.field(name) or "" for name in ("name", "client_class", "jurisdiction")},
    )  # fmt: skip


show = page(Right.MANAGE)(_page)  # the clients, those with a contract first, and a form for another


@page(Right.MANAGE, refused=_page)
async def add(ask: PageContext) -> Response:
    """The client may search from now on."""
    said = {name: ask.field(name) or "" for name in ("name", "client_class", "jurisdiction")}
    await ask.call(ask.home.clients.add, **said)
    return ask.go("/clients", ask.text("The client may search from now on."))


@page(Right.MANAGE)
async def end(ask: PageContext) -> Response:
    """The client's very next search is refused."""
    await ask.call(ask.home.clients.end, ask.field("name") or "")
    return ask.go("/clients", ask.text("The contract has ended. Searches for this client are refused."))


routes = [
    Route("/clients", show, methods=["GET"]),
    Route("/clients", add, methods=["POST"]),
    Route("/clients/end", end, methods=["POST"]),
]
