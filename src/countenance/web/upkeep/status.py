"""Status: what is due, held, in use."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from countenance.app.access.identity import Right
from countenance.app.settings import free_bytes
from countenance.web.context import PageContext, page


@page(Right.OVERSEE)
async def status(ask: PageContext) -> Response:
    """The page."""
    found = await ask.call(ask.home.health.status)
    return ask.page("status.html.jinja", found=found, free=free_bytes(ask.home.path), size=_size)


def _size(count: int) -> str:
    """Bytes as people say them, in powers of ten (IEC 80000-13)."""
    for unit, many in (("GB", 1e9), ("MB", 1e6)):
        if count >= many:
            return f"{count / many:,.1f} {unit}"
    return f"{count / 1e3:,.0f} kB"


routes = [Route("/status", status, methods=["GET"])]
