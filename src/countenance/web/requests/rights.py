"""My rights: what a pictured person asks for, without an account and without a script.

A request is known by its tracking code alone, which stands in a form's body and never in an address. Whoever asks is
told the same, whoever is in the gallery (docs/requests.md, "What nobody learns").
"""

from __future__ import annotations

import uuid
from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route

from countenance.errors import CountenanceError, NotFound, WrongUse
from countenance.http.rates import RateLimit
from countenance.rights.requests import DEFAULT_TIER, TIERS, RequestKind
from countenance.web.context import PageContext, download, page

PHOTO_BYTES: Final = 64 * 2**20
# Where somebody lives: the jurisdiction whose law counts. Empty: nobody knows, and the first deadline to end counts.
PLACES: Final = frozenset({"", "EEA", "GB", "CA", "US-CA", "US-IL", "elsewhere"})
_FIELDS: Final = ("kind", "tier", "which", "name", "contact", "place", "text")


async def _form(ask: PageContext, error: CountenanceError | None = None) -> Response:
    given = {name: ask.field(name) or "" for name in _FIELDS}
    return ask.page(
        "rights.html.jinja", error=error,
        given={**given, "kind": given["kind"] or "opt-out", "tier": given["tier"] or str(DEFAULT_TIER)},
    )  # fmt: skip


form = page(None)(_form)  # what one may ask for, and the form to ask it


@page(None, rate=RateLimit.PUBLIC, max_files=1, refused=_form)
async def send(ask: PageContext) -> Response:
    """The request stands, and its receipt is shown this once; or the form again, with what was wrong."""
    asked = _asked(ask)
    photo = await ask.file("photograph", max_bytes=PHOTO_BYTES) or None
    if not (photo or asked["address"] or asked["face"] or asked["name"]):
        raise WrongUse(ask.text("say who it is about: add a photograph, a name, or the address or ID of a picture"))
    if asked["tier"] == 2 and photo is None:
        raise WrongUse(
            ask.text("to keep you out of new pictures, a photograph of you is needed. Add one, or choose the same")
            + " "
            + ask.text("pictures only: then nothing of your face is kept")
        )
    opened = await ask.call(ask.home.requests.open, photo=photo, **asked)
    return ask.page("rights_receipt.html.jinja", opened=opened, with_photograph=photo is not None)


@page(None)
async def status_form(ask: PageContext) -> Response:
    """Where to type the code."""
    return ask.page("rights_code.html.jinja", error=None)


async def _no_such(ask: PageContext, error: CountenanceError) -> Response:
    if not isinstance(error, NotFound):
        raise error
    return ask.page("rights_code.html.jinja", status=404, error=error)


@page(None, rate=RateLimit.PUBLIC, refused=_no_such)
async def status(ask: PageContext) -> Response:
    """Where a request stands, and what can be done with it."""
    view = await ask.call(ask.home.requests.public_view, _code(ask))
    return _standing(ask, view)


@page(None, rate=RateLimit.PUBLIC, max_files=1, refused=_no_such)
async def prove(ask: PageContext) -> Response:
    """By a code that came to an address on file, or a second photograph, it is known who asks."""
    tracking, requests = _code(ask), ask.home.requests
    view = await ask.call(requests.public_view, tracking)
    try:
        photo = await ask.file("photograph", max_bytes=PHOTO_BYTES) or None
        code = ask.field("code")
        if photo is None and code is None:
            raise WrongUse(ask.text("nothing was sent: enter the code, or take a photograph"))
        view = await ask.call(requests.prove, tracking, code=code, photo=photo)
    except CountenanceError as error:
        return _standing(ask, view, error)
    return _standing(ask, view, done=ask.text("Thank you. Your identity is confirmed."))


@page(None, rate=RateLimit.PUBLIC, refused=_no_such)
async def withdraw(ask: PageContext) -> Response:
    """The request is over, and what is kept for it is destroyed."""
    tracking, requests = _code(ask), ask.home.requests
    view = await ask.call(requests.public_view, tracking)
    if ask.field("sure") is None:
        unsure = WrongUse(ask.text("nothing was withdrawn: tick the box to confirm"))
        return _standing(ask, view, unsure)
    try:
        view = await ask.call(requests.end, tracking)
    except CountenanceError as error:
        return _standing(ask, view, error)
    return _standing(ask, view, done=ask.text("Your request is withdrawn, and its details are destroyed."))


@page(None, rate=RateLimit.PUBLIC, refused=_no_such)
async def answer(ask: PageContext) -> Response:
    """The sealed answer to an access request."""
    data = await ask.call(ask.home.requests.answer, _code(ask))
    return download(data, "my-pictures.zip", "application/zip")


def _asked(ask: PageContext) -> dict[str, Any]:
    """The form's fields as the home takes them. Raises WrongUse."""
    kind, place, which = ask.field("kind") or "", ask.field("place") or "", ask.field("which") or ""
    if kind not in set(RequestKind):
        raise WrongUse(ask.text("choose what you ask for: it is one of six"))
    if place not in PLACES:
        raise WrongUse(ask.text("choose a jurisdiction from the list, or none"))
    tier = None
    if kind == RequestKind.OPT_OUT:
        said = ask.field("tier") or str(DEFAULT_TIER)
        if said not in {str(each) for each in TIERS}:
            raise WrongUse(ask.text("choose how much can be kept: it is one of three"))
        tier = int(said)
    face, address = "", ""
    if which:
        try:
            face = str(uuid.UUID(which))
        except ValueError:
            address = which
    if address and "://" not in address:
        raise WrongUse(
            ask.text("use an address that begins with https:// or file://, or an ID of 32 letters and digits")
        )
    return {
        "kind": kind, "tier": tier, "face": face, "address": address, "name": ask.field("name") or "",
        "contact": ask.field("contact") or "", "text": ask.field("text") or "",
        "law": "own" if place == "elsewhere" else None,
        "jurisdiction": None if place in {"", "elsewhere"} else place,
    }  # fmt: skip


def _code(ask: PageContext) -> str:
    return ask.field("tracking") or ""


def _standing(
    ask: PageContext, view: dict[str, Any], error: CountenanceError | None = None, done: str = ""
) -> Response:
    return ask.page("rights_status.html.jinja", view=view, tracking=_code(ask), error=error, done=done)


routes = [
    Route("/rights", form, methods=["GET"]),
    Route("/rights", send, methods=["POST"]),
    Route("/rights/status", status_form, methods=["GET"]),
    Route("/rights/status", status, methods=["POST"]),
    Route("/rights/proof", prove, methods=["POST"]),
    Route("/rights/withdraw", withdraw, methods=["POST"]),
    Route("/rights/answer", answer, methods=["POST"]),
]
