"""One picture of the home: what it shows, what became of each face, by which right it is here, and its way out."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from countenance.app.access.identity import Right
from countenance.app.pictures.pictures import PREVIEW_PX
from countenance.web.context import PageContext, page
from countenance.web.search.search import jpeg

SMALL_PX = 320  # longest side where many are shown at once


@page(Right.SEARCH)
async def picture(ask: PageContext) -> Response:
    """The page."""
    details = await ask.call(ask.home.pictures.details, _id(ask))
    return ask.page("picture.html.jinja", details=details)


@page(Right.SEARCH)
async def image(ask: PageContext) -> Response:
    """The picture, or with `?small` a small one of it; whoever asked to be left alone is blurred in it."""
    longest = SMALL_PX if "small" in ask.request.query_params else PREVIEW_PX
    return jpeg(await ask.call(ask.home.pictures.image, _id(ask), longest=longest))


@page(Right.ERASE)
async def before_erasing(ask: PageContext) -> Response:
    """What would go."""
    details = await ask.call(ask.home.pictures.details, _id(ask))
    report = await ask.call(ask.home.erase, picture=details.picture_id, dry_run=True)
    return ask.page("picture_erase.html.jinja", details=details, report=report)


@page(Right.ERASE)
async def erase(ask: PageContext) -> Response:
    """It is gone."""
    details = await ask.call(ask.home.pictures.details, _id(ask))
    report = await ask.call(ask.home.erase, picture=details.picture_id)
    where = f"/receipts/{report.receipt}" if report.receipt and ask.who.may(Right.OVERSEE) else "/"
    return ask.go(where, ask.text("The picture is erased from this home."))


def _id(ask: PageContext) -> str:
    return ask.param("picture")


routes = [
    Route("/pictures/{picture:uuid}", picture, methods=["GET"]),
    Route("/pictures/{picture:uuid}/image", image, methods=["GET"]),
    Route("/pictures/{picture:uuid}/erase", before_erasing, methods=["GET"]),
    Route("/pictures/{picture:uuid}/erase", erase, methods=["POST"]),
]
