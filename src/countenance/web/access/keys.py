"""Access keys of programs: made, listed, revoked. A key's secret is shown this once."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from countenance.app.access.access_keys import described
from countenance.app.access.identity import Right
from countenance.errors import CountenanceError
from countenance.types import HomeKind, Purpose
from countenance.web.context import PageContext, page

BINDING: Final = ("source", "purpose", "client", "case", "expires")


async def _page(
    ask: PageContext, error: CountenanceError | None = None, *, made: dict[str, str] | None = None
) -> Response:
    now = ask.home.now()
    found = [described(key, now) for key in reversed(await ask.call(ask.home.access_keys.all))]
    organisation = ask.home.kind is HomeKind.ORGANISATION
    failed = error is not None  # then the form keeps what was said
    return ask.page(
        "keys.html.jinja", error=error, made=made, organisation=organisation,
        keys=sorted(found, key=lambda key: key["state"] != "active"),
        sources=[source.name for source in await ask.call(ask.home.sources)],
        clients=[client.name for client in await ask.call(ask.home.clients.all)] if organisation else [],
        purposes=[purpose for purpose in Purpose if purpose is not Purpose.HOUSEHOLD],
        given={name: (ask.field(name) if failed else None) or "" for name in ("name", *BINDING)},
        chosen=set(map(str, ask.form.getlist("right"))) if failed else {str(Right.SEARCH)},
    )  # fmt: skip


show = page(Right.MANAGE)(_page)  # the keys, those that count first, and a form for another


@page(Right.MANAGE, refused=_page)
async def make(ask: PageContext) -> Response:
    """A key with no right that whoever makes it lacks; its token is on this answer alone."""
    rights = list(map(str, ask.form.getlist("right")))
    for right in set(rights) & set(Right):
        ask.who.require(Right(right))
    bound = {name: ask.field(name) for name in BINDING}
    made = await ask.call(lambda: ask.home.access_keys.make(ask.field("name") or "", rights=rights, **bound))
    return await _page(ask, made={"name": made.key.name, "token": made.token})


@page(Right.MANAGE)
async def revoke(ask: PageContext) -> Response:
    """The key counts no more, in any process."""
    await ask.call(ask.home.access_keys.revoke, ask.field("key") or "")
    return ask.go("/keys", ask.text("The key is revoked."))


routes = [
    Route("/keys", show, methods=["GET"]),
    Route("/keys", make, methods=["POST"]),
    Route("/keys/revoke", revoke, methods=["POST"]),
]
