"""The service's own log and metrics: what was asked, how it ended, how long it took. Nothing that tells of anyone.

A line names the route as it is written in the code (`/pictures/{picture_id}`), never the path, the query, an address, a
name or a header; who asks is there as a kind. What was decided about whom stands in the audit log, and nowhere else.
"""

from __future__ import annotations

import time
import traceback
import uuid
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from countenance.http.problems import other, response

REGISTRY: Final = CollectorRegistry()
_REQUESTS = Counter(
    "countenance_requests_total", "Requests answered.", ("door", "method", "route", "status"), registry=REGISTRY
)
_SECONDS = Histogram(
    "countenance_request_seconds", "Time to the first byte of the answer.", ("door", "route"), registry=REGISTRY,
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60),
)  # fmt: skip
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Journal:
    """Gives each request an id, one line and one count; the last to catch what nobody expected."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._log = structlog.get_logger()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The app. A bug becomes a line with its traceback and an answer without one."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = str(uuid.uuid4())
        scope.setdefault("state", {})["request_id"] = request_id
        begun = time.perf_counter()
        status, first_byte, whole = 0, 0.0, False

        async def sending(message: Message) -> None:
            nonlocal status, first_byte, whole
            whole = message["type"] == "http.response.body" and not message.get("more_body", False)
            if message["type"] == "http.response.start":
                status, first_byte = message["status"], time.perf_counter() - begun
                message = {**message, "headers": [*message["headers"], (b"x-request-id", request_id.encode())]}
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as bug:
            self._log.error("request.failed", request=request_id, route=_route(scope), **_where(bug))
            if status and not whole:
                raise  # the answer has begun: all that is left is to cut it off
            if not status:
                await _say_sorry(scope, sending, request_id)
        finally:
            self._note(scope, request_id, status, first_byte, time.perf_counter() - begun)

    def _note(self, scope: Scope, request_id: str, status: int, first_byte: float, whole: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        route, door = _route(scope), str(scope["state"].get("door", "page"))
        _REQUESTS.labels(door, method, route, str(status)).inc()
        _SECONDS.labels(door, route).observe(first_byte)
        fields: dict[str, Any] = {"method": method, "route": route, "status": status, "ms": round(whole * 1000, 1)}
        self._log.info("request", request=request_id, door=door, who=scope["state"].get("who", "nobody"), **fields)


def configure() -> None:
    """One JSON line an event, on standard error; on a terminal only what went wrong, since nobody reads JSON there."""
    import logging
    import sys

    level = logging.WARNING if sys.stderr.isatty() else logging.INFO

    structlog.configure(
        processors=[
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.add_log_level,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def _route(scope: Scope) -> str:
    """As it is written in the code; "none" for a path that nobody serves."""
    written = scope["state"].get("route") or getattr(scope.get("route"), "path", None)
    return str(written or "none")


def _where(bug: Exception) -> dict[str, Any]:
    """Which error, and the lines that it passed. Not its text: that may hold a name or a place."""
    frames = traceback.extract_tb(bug.__traceback__)
    return {
        "error": type(bug).__qualname__,
        "trace": [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames],
    }


async def _say_sorry(scope: Scope, send: Send, request_id: str) -> None:
    async def nothing() -> Message:
        return {"type": "http.disconnect"}

    await response(other(HTTPStatus.INTERNAL_SERVER_ERROR, instance=request_id))(scope, nothing, send)
