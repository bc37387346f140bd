"""Pictures that show one photograph, in groups. Nothing is changed: which of them to keep is the reader's to decide."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route

from countenance.app.access.identity import Right
from countenance.web.context import PageContext, page

GROUPS: Final = 30  # the largest
COPIES: Final = 12  # of a group


@page(Right.SEARCH)
async def look(ask: PageContext) -> Response:
    """The largest groups, of one source or of all."""
    source = ask.field("source")

    def find() -> dict[str, Any]:
        found = ask.home.duplicates(*([source] if source else []), top=GROUPS)
        return {
            "groups": [(group[:COPIES], len(group) - COPIES) for group in found.groups],
            "found": found.groups_found, "pictures": found.pictures, "unhashed": found.unhashed, "plain": found.plain,
        }  # fmt: skip

    return await _page(ask, await ask.call(find))


async def _page(ask: PageContext, found: dict[str, Any] | None = None) -> Response:
    return ask.page(
        "duplicates.html.jinja", found=found, source=ask.field("source") or "",
        sources=[source.name for source in await ask.call(ask.home.sources)],
    )  # fmt: skip


# Where to look. Looking takes a while in a large home and stands in the log, so no mere link does it.
form = page(Right.SEARCH)(_page)


routes = [Route("/duplicates", form, methods=["GET"]), Route("/duplicates", look, methods=["POST"])]
