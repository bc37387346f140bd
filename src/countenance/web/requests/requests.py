"""Requests, for whoever answers them: what waits and until when, who asks, what granting would do, what it did."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route

from countenance.app.access.identity import Right
from countenance.errors import CountenanceError, NotFound
from countenance.remedies import Remedy
from countenance.web.context import PageContext, page

PHOTO_BYTES: Final = 64 * 2**20
ERASING: Final = frozenset({"opt-out", "erasure", "objection"})
_UNSEEN: Final = (  # in place of a face that may not be shown
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><rect width="8" height="8" fill="#8a9693"/>'
    '<path d="M2 2l4 4M6 2L2 6" stroke="#fff" stroke-width=".5"/></svg>'
)


@page(Right.REQUESTS)
async def queue(ask: PageContext) -> Response:
    """What waits, the first due first; `?all=1` the decided and withdrawn too."""
    every = ask.request.query_params.get("all") == "1"
    found = await ask.call(ask.home.requests.listed, every=every)
    return ask.page("requests.html.jinja", requests=found, every=every)


async def _shown(
    ask: PageContext, error: CountenanceError | None = None, *, at: str = "", sent: dict[str, Any] | None = None
) -> Response:
    """The request's page; with an error, beside the form `at` which it came."""
    found = await ask.call(ask.home.requests.show, ask.id)
    faces: dict[str, dict[str, Any]] = {}
    for each in found["faces"]:
        faces.setdefault(each["face_id"], {**each, "copies": []})["copies"].append(each["uri"])
    photographed = found["state"] in {"open", "verified"} and await ask.call(_has_photograph, ask, ask.id)
    return ask.page(
        "request.html.jinja", request=found, faces=list(faces.values()), error=error,
        at=at, sent=sent, photographed=photographed, url=_url(ask), erases=found["kind"] in ERASING,
    )  # fmt: skip


show = page(Right.REQUESTS)(_shown)  # one request


@page(Right.REQUESTS)
async def photograph(ask: PageContext) -> Response:
    """The face of the photograph that came with it."""
    data = await ask.call(ask.home.requests.photograph, ask.id)
    if data is None:
        raise NotFound("this request has no photograph: none was sent, or it was destroyed with the decision")
    return Response(data, media_type="image/jpeg")


@page(Right.REQUESTS)
async def face(ask: PageContext) -> Response:
    """One of the faces that were found for it, and no other."""
    wanted = ask.param("face")
    found = await ask.call(ask.home.requests.show, ask.id)
    if wanted not in {each["face_id"] for each in found["faces"]}:
        raise NotFound(f"there is no face {wanted} in this request", Remedy.RELOAD_PAGE)
    try:
        return Response(await ask.call(ask.home.crop, wanted), media_type="image/jpeg")
    except NotFound:
        return Response(_UNSEEN, media_type="image/svg+xml")


@page(Right.REQUESTS, refused=partial(_shown, at="verify"))
async def send_code(ask: PageContext) -> Response:
    """A one-time code, shown this once to whoever sends it on."""
    sent = await ask.call(ask.home.requests.send_code, ask.id)
    return await _shown(ask, sent=sent)


@page(Right.REQUESTS, max_files=1, refused=partial(_shown, at="verify"))
async def verify(ask: PageContext) -> Response:
    """It is known who asks."""
    photo = await ask.file("photograph", max_bytes=PHOTO_BYTES) or None
    await ask.call(
        ask.home.requests.verify, ask.id, code=ask.field("code"), photo=photo, document=ask.field("document")
    )
    return ask.go(_url(ask), ask.text("The identity is confirmed, and the faces are found."))


@page(Right.REQUESTS, refused=partial(_shown, at="extend"))
async def extend(ask: PageContext) -> Response:
    """The longer term, with reasons."""
    await ask.call(ask.home.requests.extend, ask.id, ask.field("reasons") or "")
    return ask.go(
        _url(ask), ask.text("The deadline is extended. The person sees the reasons on the page of their request.")
    )


@page(Right.REQUESTS)
async def plan(ask: PageContext) -> Response:
    """What granting it would do, for the faces that are ticked; nothing is changed."""
    found = await ask.call(ask.home.requests.show, ask.id)
    return ask.page("request_plan.html.jinja", plan=planned(found, _ticked(ask)), request=found, url=_url(ask),
                    rename=ask.field("rename") or "", jurisdiction=ask.field("jurisdiction") or "")  # fmt: skip


@page(Right.REQUESTS, refused=partial(_shown, at="decide"))
async def decide(ask: PageContext) -> Response:
    """Granted or refused, and carried out."""
    grant = ask.field("decision") == "grant"
    if grant:
        found = await ask.call(ask.home.requests.show, ask.id)
        decided = await ask.call(
            ask.home.requests.decide, ask.id, grant=True, to_fetch=found["kind"] == "access",
            faces=_ticked(ask) if found["faces"] else None, rename=ask.field("rename") or "",
            jurisdiction=ask.field("jurisdiction") or "",
        )  # fmt: skip
    else:
        decided = await ask.call(ask.home.requests.decide, ask.id, grant=False, reason=ask.field("reason") or "")
    return ask.page("request_decided.html.jinja", decided=decided, url=_url(ask))


def planned(request: dict[str, Any], ticked: list[str]) -> dict[str, Any]:
    """What granting does to the faces of these ids: counts, and what becomes of each source's."""
    chosen = [each for each in request["faces"] if each["face_id"] in ticked]
    faces = {each["face_id"] for each in chosen}
    sources: dict[str, set[str]] = {}
    for each in chosen:
        sources.setdefault(each["source"], set()).add(each["picture_id"])
    return {
        "faces": sorted(faces),
        "left": len({each["face_id"] for each in request["faces"]} - faces),
        "pictures": len({each["picture_id"] for each in chosen}),
        "copies": len({each["uri"] for each in chosen}),
        "sources": [(name, len(pictures)) for name, pictures in sorted(sources.items())],
        "erases": request["kind"] in ERASING,
    }


def _ticked(ask: PageContext) -> list[str]:
    return [each for each in ask.form.getlist("face") if isinstance(each, str)]


def _url(ask: PageContext) -> str:
    return f"/requests/{ask.param('id')}"


def _has_photograph(ask: PageContext, name: str) -> bool:
    return ask.home.requests.photograph(name) is not None


routes = [
    Route("/requests", queue, methods=["GET"]),
    Route("/requests/{id:uuid}", show, methods=["GET"]),
    Route("/requests/{id:uuid}/photograph.jpg", photograph, methods=["GET"]),
    Route("/requests/{id:uuid}/faces/{face:uuid}", face, methods=["GET"]),
    Route("/requests/{id:uuid}/code", send_code, methods=["POST"]),
    Route("/requests/{id:uuid}/verify", verify, methods=["POST"]),
    Route("/requests/{id:uuid}/extend", extend, methods=["POST"]),
    Route("/requests/{id:uuid}/plan", plan, methods=["POST"]),
    Route("/requests/{id:uuid}/decide", decide, methods=["POST"]),
]
