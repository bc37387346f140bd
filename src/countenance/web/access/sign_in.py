"""Signing in and out: by a link that is good once, or by name, password and code."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from countenance.errors import SignInNeeded, TooMany
from countenance.http import authentication
from countenance.http.rates import RateLimit
from countenance.types import HomeKind
from countenance.web.context import PageContext, own_path, page


@page(None)
async def form(ask: PageContext) -> Response:
    """The form, or how a household's owner gets a link."""
    return ask.page("sign_in.html.jinja", error=None, next=own_path(ask.request.query_params.get("next")), name=None)


@page(None, rate=RateLimit.SIGN_IN)
async def enter(ask: PageContext) -> Response:
    """A session, and on to where they wanted to go; or the form again, which says no more than that it does not fit."""
    name = ask.field("name") or ""
    where = own_path(ask.field("next"))
    password = ask.form.get("password")
    if ask.home.kind is not HomeKind.ORGANISATION:
        return ask.go("/sign-in")
    try:
        token = await ask.call(
            ask.home.sign_in.enter, name, password if isinstance(password, str) else "", ask.field("code") or ""
        )
    except (SignInNeeded, TooMany) as error:
        return ask.page("sign_in.html.jinja", error=error, next=where, name=name)
    return _come_in(ask, token, where)


@page(None)
async def follow(ask: PageContext) -> Response:
    """The link that `countenance serve` prints."""
    ask.service.rates.take(RateLimit.SIGN_IN, authentication.address(ask.request))
    try:
        token = await ask.call(ask.home.sign_in.follow, ask.param("token"))
    except SignInNeeded as error:
        if ask.who.rights:
            return ask.go("/")
        return ask.page("sign_in.html.jinja", status=401, error=error, next="/", name=None)
    return _come_in(ask, token, "/")


@page(None)
async def leave(ask: PageContext) -> Response:
    """The session is over, on both sides."""
    token = authentication.session_token(ask.request)
    if token is not None:
        await ask.call(ask.home.sign_in.leave, token)
    answer = ask.go("/sign-in", ask.text("You are signed out."))
    authentication.forget(ask.service, answer)
    return answer


def _come_in(ask: PageContext, token: str, where: str) -> Response:
    answer = ask.go(where)
    authentication.remember(ask.service, answer, token)
    return answer


routes = [
    Route("/sign-in", form, methods=["GET"]),
    Route("/sign-in", enter, methods=["POST"]),
    Route("/in/{token}", follow, methods=["GET"]),
    Route("/sign-out", leave, methods=["POST"]),
]
