"""Status: what is held, in use and due."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from countenance.app.identity import Right
from countenance.app.status import status_of
from countenance.web.ask import Ask, page


@page(Right.OVERSEE)
async def status(ask: Ask) -> Response:
    """The page."""
    return ask.page("status.html.jinja", found=await ask.call(status_of, ask.home))


routes = [Route("/status", status, methods=["GET"])]
