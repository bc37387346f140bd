"""Bodies: never more bytes than a limit, never longer than a time. What is too much is refused before it is read."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import Final

import anyio
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from countenance.http.problems import other, response

MAX_BODY_BYTES: Final = 128 * 2**20  # a picture of 64 MB as base64, and a form around it
SLOWEST_BYTES_A_S: Final = 1024  # a body may take as long as at this rate, and a minute
PATIENCE_S: Final = 60.0


class BodyRefused(Exception):
    """A body is too long or too slow; the connection is answered and closed."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


class BodyLimit:
    """Counts what comes in, and the time that it takes."""

    def __init__(self, app: ASGIApp, *, max_bytes: int = MAX_BODY_BYTES) -> None:
        self._app = app
        self._max = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The app, whose `receive` raises BodyRefused; that is answered here, if the answer has not begun."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            self._check_announced(scope)
            await self._app(scope, self._counting(receive), sending)
        except BodyRefused as refused:
            if begun:
                raise
            await _answer(scope, send, refused)

    def _check_announced(self, scope: Scope) -> None:
        said = Headers(scope=scope).get("content-length", "0")
        if said.isascii() and said.isdecimal() and int(said) > self._max:
            raise BodyRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, self._too_long)

    @property
    def _too_long(self) -> str:
        return f"a body may have {self._max // 2**20} MB"

    def _counting(self, receive: Receive) -> Receive:
        taken, whole, since = 0, False, time.monotonic()

        async def counting() -> Message:
            nonlocal taken, whole
            if whole:
                return await receive()  # waits for the client to leave
            left = since + PATIENCE_S + taken / SLOWEST_BYTES_A_S - time.monotonic()
            try:
                with anyio.fail_after(max(0.0, left)):
                    message = await receive()
            except TimeoutError:
                raise BodyRefused(HTTPStatus.REQUEST_TIMEOUT, "the body came too slowly") from None
            taken += len(message.get("body", b""))
            whole = message["type"] != "http.request" or not message.get("more_body", False)
            if taken > self._max:
                raise BodyRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, self._too_long)
            return message

        return counting


async def _answer(scope: Scope, send: Send, refused: BodyRefused) -> None:
    async def nothing() -> Message:
        return {"type": "http.disconnect"}

    document = other(refused.status, instance=scope["state"]["request_id"], detail=refused.detail)
    await response(document, {"connection": "close"})(scope, nothing, send)
