"""Looking the home over: what fits, what does not, and what to do; without where anything lies on the machine."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from countenance.app.access.identity import Right
from countenance.web.context import PageContext, page
from countenance.web.remedies import door


@page(Right.MANAGE)
async def form(ask: PageContext) -> Response:
    """What it does. It takes a while in a large home, and finishes what was interrupted, so no mere link does it."""
    return _page(ask)


@page(Right.MANAGE)
async def examine(ask: PageContext) -> Response:
    """What was found, problems first."""
    return _page(ask, await ask.call(ask.home.health.report))


def _page(ask: PageContext, found: dict[str, Any] | None = None) -> Response:
    order = ("problem", "warning", "ok")
    findings = None
    if found:
        advised = map(door(ask.language, signed_in=True).advised, found["findings"])
        findings = sorted(advised, key=lambda each: order.index(each["state"]))
    return ask.page("doctor.html.jinja", findings=findings)


routes = [Route("/doctor", form, methods=["GET"]), Route("/doctor", examine, methods=["POST"])]
