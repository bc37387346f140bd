"""The organiser's page of a source's guests: links with their codes, how many came, closing."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from markupsafe import Markup
from starlette.responses import Response
from starlette.routing import Route

from countenance.app.access.identity import Right
from countenance.errors import GrantInvalid, WrongUse
from countenance.web.context import PageContext, page
from countenance.web.guests.guest import own_address


@page(Right.COLLECT)
async def show(ask: PageContext) -> Response:
    """The links of the source that the query names."""
    return await _page(ask, ask.request.query_params.get("source", ""))


@page(Right.COLLECT)
async def make(ask: PageContext) -> Response:
    """A new link, shown this once, with a code to scan."""
    source = ask.field("source") or ""
    try:
        made = await ask.call(
            ask.home.guests.open_link, source, organiser=ask.field("organiser") or "", expires=ask.field("expires")
        )
    except (GrantInvalid, WrongUse) as error:
        return await _page(ask, source, error=error)
    address = own_address(ask, f"/guest/{made['token']}")
    return await _page(ask, source, made={**made, "address": address, "code": qr_code(address)})


@page(Right.COLLECT)
async def close(ask: PageContext) -> Response:
    """The link takes nobody in any more."""
    closed = await ask.call(ask.home.guests.close_link, ask.field("link") or "")
    return ask.go(f"/guests?source={quote(closed['source'])}", ask.text("The link is closed."))


async def _page(ask: PageContext, source: str, **values: Any) -> Response:
    links = await ask.call(ask.home.guests.links, source)
    waiting = await ask.call(ask.home.guests.waiting, source)
    if waiting:
        await ask.call(ask.home.guests.search_soon, source)
    filled = {"made": None, "error": None, **values}
    organiser = ask.field("organiser") or (links[0]["organiser"] if links else "")
    return ask.page("guests.html.jinja", source=source, links=links, waiting=waiting, organiser=organiser, **filled)


def qr_code(address: str) -> Markup:
    """The address as an inline SVG, black on white in any colour scheme: so that every camera reads it."""
    import segno

    code = segno.make(address, micro=False, error="m")
    return Markup(code.svg_inline(border=4, dark="#000", light="#fff", omitsize=True, svgclass="qr", lineclass=None))  # noqa: S704  made by segno of an address, with no text in it


routes = [
    Route("/guests", show, methods=["GET"]),
    Route("/guests/link", make, methods=["POST"]),
    Route("/guests/close", close, methods=["POST"]),
]
