"""Erasing by hand: one thing is named, what would go is counted, and then it goes, with a receipt."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from countenance.app.access.identity import Right
from countenance.errors import CountenanceError, WrongUse
from countenance.pipeline.erasure.erase import ErasureReport
from countenance.web.context import PageContext, page

SCOPES: Final = ("source", "jurisdiction", "person", "picture", "face", "probe", "case")


async def _form(
    ask: PageContext, error: CountenanceError | None = None, *, report: ErasureReport | None = None
) -> Response:
    given = {name: ask.field(name) or "" for name in ("scope", "value", "authority")}
    return ask.page(
        "erase.html.jinja", error=error, report=report,
        given={**given, "scope": given["scope"] or "source"},
        sources=[source.name for source in await ask.call(ask.home.sources)],
    )  # fmt: skip


form = page(Right.ERASE)(_form)  # what to erase


@page(Right.ERASE, refused=_form)
async def erase(ask: PageContext) -> Response:
    """Counted first; with `sure` it goes."""
    scope, value, authority = ask.field("scope") or "", ask.field("value") or "", ask.field("authority")
    sure = ask.field("sure") is not None
    if scope not in SCOPES or not value:
        raise WrongUse(ask.text("choose what to erase: its kind, and its name, code or ID"))
    report = await ask.call(ask.home.erase, authority=authority, dry_run=not sure, **{scope: value})
    return await _form(ask, report=report)


routes = [Route("/erase", form, methods=["GET"]), Route("/erase", erase, methods=["POST"])]
