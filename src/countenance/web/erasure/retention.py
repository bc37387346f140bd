"""Terms of retention: what is due to be erased, and erasing what is overdue, with a receipt each."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from countenance.app.access.identity import Right
from countenance.app.erasure.retention import RetentionReport
from countenance.app.settings import probe_days
from countenance.errors import CountenanceError, WrongUse
from countenance.types import HomeKind
from countenance.web.context import PageContext, page


async def _page(
    ask: PageContext, error: CountenanceError | None = None, *, ran: RetentionReport | None = None
) -> Response:
    found = await ask.call(ask.home.retention.retain, run=False)
    return ask.page(
        "retention.html.jinja", error=error, ran=ran,
        due=[duty.as_dict() for duty in found.duties], probes=found.probes, probe_days=probe_days(),
        keeps_probes=ask.home.kind is HomeKind.ORGANISATION,
        compaction=await ask.call(ask.home.retention.uncompacted),
    )  # fmt: skip


show = page(Right.ERASE)(_page)  # what is due, the most urgent first


@page(Right.ERASE, refused=_page)
async def run(ask: PageContext) -> Response:
    """What is overdue goes; what is left is shown with the receipts."""
    if ask.field("sure") is None:
        raise WrongUse(ask.text("nothing was erased: tick the box to confirm, because this cannot be undone"))
    ran = await ask.call(ask.home.retention.retain, run=True)
    return await _page(ask, ran=ran)


routes = [Route("/retention", show, methods=["GET"]), Route("/retention/run", run, methods=["POST"])]
