"""A guest's pages, for whoever has a link: consent, their pictures, the files, the way out. No account, no script.

Both kinds of link look alike, `/guest/TOKEN`: the one that an organiser shares asks for consent, a guest's own shows
their pictures. One that is not in use gets one answer, whatever the reason.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route

from countenance.errors import BadPicture, CountenanceError, NotFound, SeveralFaces, TooMany, WrongUse
from countenance.http.bodies import MAX_BODY_BYTES
from countenance.http.rates import RateLimit
from countenance.web.context import PageContext, download, page

SIZES: Final = frozenset({640, 1600})  # of a picture on a page, pixels of its longest side
_SAY_AGAIN: Final = (BadPicture, SeveralFaces, TooMany, WrongUse)  # and NoFace: the form, with what was wrong


@page(None)
async def visit(ask: PageContext) -> Response:
    """What the link is for: consent, or a guest's own pictures."""
    token = ask.param("token")
    try:
        return await _own(ask, token)
    except NotFound:
        return await _consent_form(ask, token)


@page(None, rate=RateLimit.PUBLIC, max_files=1)
async def agree(ask: PageContext) -> Response:
    """They are a guest, and on to their own link; or the form again, with what was wrong."""
    token = ask.param("token")
    photograph = await ask.file("photograph", max_bytes=MAX_BODY_BYTES)
    try:
        source, own = await ask.call(ask.home.guests.consent, token, photograph, agreed=ask.field("agreed") or "")
    except CountenanceError as error:
        if isinstance(error, _SAY_AGAIN) or error.kind == "no_face":
            return await _consent_form(ask, token, error)
        if isinstance(error, NotFound):
            return _not_in_use(ask)
        raise
    await ask.call(ask.home.guests.search_soon, source, new=True)
    return ask.go(
        f"/guest/{own}", ask.text("Thank you. Save the address of this page: you need it to see your pictures.")
    )


async def _consent_form(ask: PageContext, token: str, error: CountenanceError | None = None) -> Response:
    try:
        asked = await ask.call(ask.home.guests.invitation, token)
    except NotFound:
        return _not_in_use(ask)
    return ask.page("guest_consent.html.jinja", asked=asked, error=error)


async def _own(ask: PageContext, token: str) -> Response:
    guests = ask.home.guests
    standing = await ask.call(guests.standing, token)
    looking = not standing.finished and standing.available and standing.withdrawn_at is None
    if looking:
        await ask.call(guests.search_soon, standing.event)  # goes on where it was, if whoever was at it has gone
    values: dict[str, Any] = {
        "standing": standing,
        "looking": looking,
        "trouble": await ask.call(guests.trouble, standing.event),
        "here": f"/guest/{token}",
        "address": own_address(ask, f"/guest/{token}"),
    }
    if ask.partial:  # only how far it is: what is shown is logged each time
        headers = {} if looking else {"hx-refresh": "true"}
        return ask.page("guest_looking.html.jinja", headers=headers, **values)
    return ask.page("guest_pictures.html.jinja", pictures=await ask.call(guests.pictures, token), **values)


@page(None)
async def picture(ask: PageContext) -> Response:
    """One picture of theirs, as a JPEG that fits a page."""
    size = int(ask.param("size"))
    if size not in SIZES:
        return _not_in_use(ask)
    return await _jpeg(ask, lambda token, id_: ask.home.guests.image(token, id_, preview_px=size))


@page(None)
async def original(ask: PageContext) -> Response:
    """The very file of one picture of theirs, to keep."""
    token, picture_id = ask.param("token"), ask.id
    try:
        data = await ask.call(ask.home.guests.original, token, picture_id)
        name = next(each.name for each in await ask.call(ask.home.guests.pictures, token) if each.id == picture_id)
    except (NotFound, StopIteration):
        return _not_in_use(ask)
    return download(data, name, "application/octet-stream")


@page(None)
async def archive(ask: PageContext) -> Response:
    """All of their pictures' files, as a ZIP that is made as it is sent."""
    try:
        parts = await ask.call(ask.home.guests.download, ask.param("token"))
    except NotFound:
        return _not_in_use(ask)
    return download(_read_in_threads(ask, parts), "my-pictures.zip", "application/zip")


@page(None)
async def ask_to_withdraw(ask: PageContext) -> Response:
    """What withdrawing does, before it is done."""
    token = ask.param("token")
    try:
        standing = await ask.call(ask.home.guests.standing, token)
    except NotFound:
        return _not_in_use(ask)
    if standing.withdrawn_at is not None:
        return ask.go(f"/guest/{token}")
    return ask.page("guest_withdraw.html.jinja", standing=standing, here=f"/guest/{token}")


@page(None, rate=RateLimit.PUBLIC)
async def withdraw(ask: PageContext) -> Response:
    """Nothing is shown from now on, and all that their consent brought is erased."""
    token = ask.param("token")
    try:
        await ask.call(ask.home.guests.withdraw, token)
    except NotFound:
        return _not_in_use(ask)
    return ask.go(f"/guest/{token}", ask.text("You have withdrawn. All data about your face is erased."))


@page(None)
async def receipt(ask: PageContext) -> Response:
    """The signed receipt of what their withdrawal erased."""
    try:
        standing = await ask.call(ask.home.guests.standing, ask.param("token"))
        if standing.receipt is None:
            return _not_in_use(ask)
        found = await ask.call(ask.home.receipts.get, standing.receipt)
    except NotFound:
        return _not_in_use(ask)
    return download(found.document, "receipt.json", "application/json")


async def _jpeg(ask: PageContext, make: Callable[[str, str], bytes]) -> Response:
    try:
        data = await ask.call(make, ask.param("token"), ask.id)
    except NotFound:
        return _not_in_use(ask)
    return Response(data, media_type="image/jpeg")


def _not_in_use(ask: PageContext) -> Response:
    return ask.page("guest_missing.html.jinja", status=404)


def own_address(ask: PageContext, path: str) -> str:
    """The whole address of a page of ours, by the name that the browser used, which is one of ours."""
    return f"{'https' if ask.service.secure else 'http'}://{ask.request.headers['host']}{path}"


async def _read_in_threads(ask: PageContext, parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    while (part := await ask.call(next, parts, None)) is not None:
        yield part


routes = [
    Route("/guest/{token}", visit, methods=["GET"]),
    Route("/guest/{token}", agree, methods=["POST"]),
    Route("/guest/{token}/pictures/{id:uuid}/{size:int}.jpg", picture, methods=["GET"]),
    Route("/guest/{token}/pictures/{id:uuid}/file", original, methods=["GET"]),
    Route("/guest/{token}/my-pictures.zip", archive, methods=["GET"]),
    Route("/guest/{token}/withdraw", ask_to_withdraw, methods=["GET"]),
    Route("/guest/{token}/withdraw", withdraw, methods=["POST"]),
    Route("/guest/{token}/receipt.json", receipt, methods=["GET"]),
]
