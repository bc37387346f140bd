"""Links by which guests of an event come in. What a guest does by one is a page's business, and not a program's."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Path
from pydantic import ConfigDict, Field
from starlette.responses import Response

from countenance.api.context import ApiContext
from countenance.api.operation import answer, operation, operations, sent
from countenance.api.paging import After, Limit, Page, page
from countenance.api.shapes import Line, Moment, Shape
from countenance.api.sources import Collecting, Name
from countenance.errors import NotFound
from countenance.remedies import Remedy

router = operations("guests")
LinkId = Annotated[UUID, Path(description="The ID of the link, not its token.")]

EXAMPLE: Final[Any] = {
    "link": "6d1f0a52-3f9c-4c7e-9c1b-2b0d8a4f7e63", "source": "gala", "organiser": "Ann's Weddings, hello@ann.example",
    "made_at": "2026-11-23T17:00:00Z", "expires_at": "2026-12-23T23:59:59Z", "closed_at": None, "open": True,
    "guests": 12, "withdrawn": 1,
}  # fmt: skip


class GuestLink(Shape):
    """A link for guests, and how many guests used it."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    link: str = Field(description="The ID of the link. It gives no access.")
    source: str
    organiser: str
    made_at: Moment
    expires_at: Moment
    closed_at: Moment | None
    open: bool
    guests: int
    withdrawn: int = Field(description="How many of them withdrew.")


class GuestLinks(Page[GuestLink]):
    """Links of a source, oldest first."""

    waiting: int = Field(description="How many guests wait for a search of the pictures (a job of kind guests).")


class MadeLink(GuestLink):
    """A new link. Its token is shown only once."""

    token: str = Field(description="The secret of the link. The page for guests is /guest/ followed by it.")


class NewLink(Shape):
    """A new link: who invites, and until when."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"organiser": "Ann's Weddings, hello@ann.example", "expires": "2026-12-23"}]}
    )

    organiser: Line = Field(description="Who is responsible, and how to reach them. Guests see this text.")
    expires: Annotated[str, Field(max_length=10)] | None = Field(
        None, description="The last day of the link, such as 2027-01-31. Default: 30 days from now."
    )


@operation(router, "GET", "/sources/{name}/guest-links", answer=GuestLinks)
async def list_guest_links(ask: Collecting, name: Name, limit: Limit = 100, after: After = None) -> Response:
    """List the links of a source, oldest first, with the number of guests, without tokens."""
    await ask.call(ask.source, name)
    found = await ask.call(ask.home.guests.links, name)
    links = page(found, lambda each: (each["made_at"], each["link"]), limit, after)
    return answer({**links, "waiting": await ask.call(ask.home.guests.waiting, name)})


@operation(router, "POST", "/sources/{name}/guest-links", answer=MadeLink, status=201, body=NewLink)
async def make_guest_link(ask: Collecting, name: Name, new: Annotated[NewLink, sent(NewLink)]) -> Response:
    """Make a link for guests of a source. The grant must allow event-delivery. The token is shown only once."""
    await ask.call(ask.source, name)
    return answer(await ask.call(ask.home.guests.open_link, name, **new.model_dump()), 201)


@operation(router, "POST", "/sources/{name}/guest-links/{link}/close", answer=GuestLink)
async def close_guest_link(ask: Collecting, name: Name, link: LinkId) -> Response:
    """Close a link to new guests. Guests who already used it keep their own links."""
    await ask.call(ask.source, name)
    return answer(await ask.call(_closed, ask, name, str(link)))


def _closed(ask: ApiContext, name: str, link: str) -> dict[str, Any]:
    if link not in {each["link"] for each in ask.home.guests.links(name)}:
        raise NotFound(f"the source {name!r} has no guest link {link}", Remedy.LIST_GUEST_LINKS)
    return ask.home.guests.close_link(link)
