"""What stands before every door: only our own host names, and headers that tell a browser to be strict."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from countenance.http.problems import other, response

# Nothing is fetched from any other host, and no script runs but our own files: CSP level 3.
PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "content-security-policy": PAGE_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=(), browsing-topics=()",
    "x-robots-tag": "noindex, nofollow",
    "cache-control": "no-store",
}
_A_YEAR: Final = "max-age=31536000"


class OwnHosts:
    """Answers only to the names it is served under, so that no other name can be pointed at it (DNS rebinding)."""

    def __init__(self, app: ASGIApp, *, names: Iterable[str]) -> None:
        """names: host names and addresses, without a port; "*" for any, behind a proxy that checks them."""
        self._app = app
        self._names = frozenset(names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The app, or 421 (RFC 9110 section 15.5.20)."""
        if scope["type"] == "http" and "*" not in self._names:
            host = Headers(scope=scope).get("host", "")
            name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
            if name.strip("[]").lower() not in self._names:
                refused: Response = PlainTextResponse("This service does not answer to that name.\n", 421)
                if f"{scope['path']}/".startswith("/v1/"):
                    refused = response(other(HTTPStatus.MISDIRECTED_REQUEST, instance=scope["state"]["request_id"]))
                await refused(scope, receive, send)
                return
        await self._app(scope, receive, send)


class StrictHeaders:
    """Sets the headers above where an answer does not set its own."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self._app = app
        self._headers = {**_HEADERS, **({"strict-transport-security": _A_YEAR} if secure else {})}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The app, with headers."""

        async def strict(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, strict)
