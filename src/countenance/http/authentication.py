"""Who asks: by the cookie of a session, or by the key in an Authorization header. Both give a `Who`."""

from __future__ import annotations

from typing import Final

from starlette.requests import HTTPConnection
from starlette.responses import Response

from countenance.app.access.identity import NOBODY, Who
from countenance.app.access.sign_in import SESSION_FOR
from countenance.errors import SignInNeeded
from countenance.http.context import Service, service_of

FORM_FIELD: Final = "form_token"
FORM_HEADER: Final = "x-form-token"


def cookie_name(service: Service) -> str:
    """Of this home, since cookies of one host are shared by all its ports. `__Host-`: RFC 6265bis section 4.1.3.2."""
    name = f"countenance-{service.home.id[:8]}"
    return f"__Host-{name}" if service.secure else name


def session_token(connection: HTTPConnection) -> str | None:
    """What the session's cookie holds."""
    return connection.cookies.get(cookie_name(service_of(connection)))


def address(connection: HTTPConnection) -> str:
    """Where the request comes from, for limits alone; never in a log."""
    return "" if connection.client is None else connection.client.host


async def signed_in(connection: HTTPConnection) -> Who:
    """By the session's cookie; NOBODY where there is none that stands."""
    token = session_token(connection)
    if token is None:
        return NOBODY
    service = service_of(connection)
    try:
        return await service.call(service.home.sign_in.who, token)
    except SignInNeeded:
        return NOBODY


def remember(service: Service, response: Response, token: str) -> None:
    """The browser keeps the session: out of reach of scripts and of other sites."""
    response.set_cookie(
        cookie_name(service), token, max_age=int(SESSION_FOR[service.home.kind].total_seconds()), path="/",
        secure=service.secure, httponly=True, samesite="lax",
    )  # fmt: skip


def forget(service: Service, response: Response) -> None:
    """The browser drops it."""
    response.delete_cookie(cookie_name(service), path="/", secure=service.secure, httponly=True, samesite="lax")
