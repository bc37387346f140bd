"""The pages as one application. A page is a module with `routes`; it is named here once."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from countenance.http import authentication
from countenance.http.context import service_of
from countenance.web import orders, sources
from countenance.web.access import clients, keys, sign_in
from countenance.web.context import PageContext
from countenance.web.erasure import erase, receipts, retention
from countenance.web.guests import guest, guests
from countenance.web.people import history, people
from countenance.web.pictures import duplicates, picture
from countenance.web.render import static_file
from countenance.web.requests import requests, rights
from countenance.web.search import compare, search
from countenance.web.upkeep import doctor, log, status

PAGES = (
    search, compare, picture, history, people, sign_in, sources, log, status, guests, guest, rights, requests,
    orders, receipts, erase, retention, keys, clients, duplicates, doctor,
)  # fmt: skip


async def static(request: Request) -> Response:
    """One of our own files, for good: its address has its hash."""
    found = static_file(request.path_params["name"])
    if found is None:
        raise HTTPException(404)
    return Response(found[0], media_type=found[1], headers={"cache-control": "public, max-age=31536000, immutable"})


async def nowhere(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """Raises HTTPException: no page is at that path."""
    raise HTTPException(404)


async def missing(request: Request, error: Exception) -> Response:
    """No such page, or not by that method."""
    status_code = error.status_code if isinstance(error, HTTPException) else 404
    if status_code != 404:
        return PlainTextResponse("This can't be asked like that.\n", status_code, getattr(error, "headers", None))
    ask = PageContext(request, service_of(request), await authentication.signed_in(request))
    return ask.page("missing.html.jinja", status=404)


def pages() -> ASGIApp:
    """The application. Its requests carry the `Service` (http/context.py)."""
    routes: list[BaseRoute] = [Route("/static/{hash}/{name}", static, methods=["GET"])]
    for each in PAGES:
        routes += each.routes
    return ExceptionMiddleware(Router(routes, default=nowhere), handlers={HTTPException: missing})
