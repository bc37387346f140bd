"""Both doors of one home as one ASGI application, behind the guards that stand before every door."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, astuple, dataclass
from http import HTTPStatus
from typing import Final

import structlog
from starlette.routing import Mount, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from countenance.api.app import rest
from countenance.api.rekognition.app import RekognitionDoor
from countenance.app.home import Home, open_home
from countenance.errors import CountenanceError
from countenance.http.access_log import Journal, configure
from countenance.http.bodies import BodyLimit
from countenance.http.context import Service
from countenance.http.middleware import OwnHosts, StrictHeaders
from countenance.http.problems import other, response
from countenance.http.rates import Rates
from countenance.service import health
from countenance.web.app import pages

ENVIRONMENT: Final = "COUNTENANCE_SERVING"  # what `serve` tells its worker processes


@dataclass(frozen=True, slots=True)
class Serving:
    """How a home is served. Worker processes read it from their environment."""

    home: str
    names: tuple[str, ...]  # host names that it answers to
    secure: bool  # behind TLS, ours or a proxy's
    workers: int = 1

    def to_environment(self) -> dict[str, str]:
        """For a child process."""
        return {ENVIRONMENT: json.dumps(asdict(self))}

    @classmethod
    def from_environment(cls, env: Mapping[str, str] = os.environ) -> Serving:
        """In it. Raises KeyError: this process was not started by `serve`."""
        said = json.loads(env[ENVIRONMENT])
        return cls(said["home"], tuple(said["names"]), said["secure"], said["workers"])


class Nowhere:
    """What no door takes: the path /v1 alone, or one with a line break."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """404, as at /v1."""
        await response(other(HTTPStatus.NOT_FOUND, instance=scope["state"]["request_id"]))(scope, receive, send)


def application(home: Home, serving: Serving) -> ASGIApp:
    """The application over an open home."""
    service = Service(home, secure=serving.secure, rates=Rates(serving.workers))

    @asynccontextmanager
    async def lifespan(_: ASGIApp) -> AsyncIterator[None]:
        finishing = asyncio.create_task(_finish(service))  # requests are answered meanwhile
        yield
        await finishing
        home.close()

    nowhere = Nowhere()
    doors = Router(
        [*health.routes, RekognitionDoor(), Route("/v1", nowhere), Mount("/v1", rest()), Mount("/", pages())],
        lifespan=lifespan, default=nowhere,
    )  # fmt: skip
    guarded = StrictHeaders(Journal(OwnHosts(BodyLimit(doors), names=serving.names)), secure=serving.secure)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["service"] = service
        await guarded(scope, receive, send)

    return app


async def _finish(service: Service) -> None:
    """What a killed process left is done; where that fails, `status` goes on to name it."""
    try:
        done = await service.call(service.home.health.finish)
    except CountenanceError as error:
        structlog.get_logger().warning("unfinished.left", kind=error.kind)
        return
    if any(astuple(done)):
        structlog.get_logger().info("unfinished.done", **asdict(done))


def worker() -> ASGIApp:
    """What each worker process serves: `uvicorn` calls it once there. Raises: as opening a home."""
    serving = Serving.from_environment()
    configure()
    return application(open_home(serving.home), serving)
