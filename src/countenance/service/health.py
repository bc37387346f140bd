"""For whoever keeps the service running: is it there, can it work, what has it done. Tells nothing of anyone."""

from __future__ import annotations

import os

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from countenance.errors import CountenanceError
from countenance.http.access_log import REGISTRY
from countenance.http.context import service_of


async def health(_: Request) -> Response:
    """The process answers."""
    return JSONResponse({"status": "ok"})


async def ready(request: Request) -> Response:
    """It can search: databases answer, the index is loaded. 503 and why, as a kind of error, while it can't."""
    service = service_of(request)
    try:
        await service.call(service.home.health.check_ready)
    except CountenanceError as error:
        return JSONResponse({"status": "not ready", "kind": error.kind}, 503)
    return JSONResponse({"status": "ready"})


async def metrics(_: Request) -> Response:
    """Prometheus's text format, summed over the worker processes."""
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # of prometheus-client
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


routes = [
    Route("/healthz", health, methods=["GET"]),
    Route("/readyz", ready, methods=["GET"]),
    Route("/metrics", metrics, methods=["GET"]),
]
