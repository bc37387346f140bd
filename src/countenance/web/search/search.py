"""Search and leads: a picture is brought, a face of it chosen, its leads are read.

What a step needs of the one before is held sealed for the session (app/search/session_store.py); a page that is
reloaded asks nothing new of the gallery.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import Route

from countenance.app.access.identity import Right
from countenance.app.search.search_sessions import PURPOSES, Filters, HeldSearch, one_face
from countenance.errors import BadPicture, CountenanceError, NoFace, PolicyDenied, WrongUse
from countenance.http.authentication import session_token
from countenance.http.bodies import BodyRefused
from countenance.present import labels
from countenance.remedies import Remedy
from countenance.types import Band, HomeKind
from countenance.web.context import PageContext, download, page

MAX_BYTES: Final = 64 * 2**20
A_PAGE: Final = 12  # leads
STEP: Final = 0.005  # of the threshold


def session_of(ask: PageContext) -> str:
    """The token of whoever asks; they are signed in."""
    return session_token(ask.request) or ""


async def brought(ask: PageContext, name: str) -> bytes:
    """A picture of the form. Raises BadPicture: none, or too large."""
    try:
        data = await ask.file(name, max_bytes=MAX_BYTES)
    except BodyRefused as refused:
        raise BadPicture(refused.detail, Remedy.SCALE_DOWN, reason="too_large") from refused
    if not data:
        raise BadPicture("no picture was chosen", Remedy.SEND_PICTURE, reason="not_a_picture")
    return data


def asking(ask: PageContext) -> dict[str, Any]:
    """What a page needs to ask for purpose and reason, with what was said so far."""
    return {
        "organisation": ask.home.kind is HomeKind.ORGANISATION,
        "purposes": PURPOSES,
        "purpose": ask.field("purpose"),
        "case": ask.field("case"),
    }


async def _start(ask: PageContext, error: CountenanceError | None = None) -> Response:
    sources = await ask.call(ask.home.sources)
    return ask.page("search.html.jinja", sources=sources, error=error, **asking(ask))


start = page(Right.SEARCH)(_start)  # where a picture is brought, or how to begin where there is nothing to search yet


@page(Right.SEARCH, max_files=1)
async def bring(ask: PageContext) -> Response:
    """One face: its leads. Several: one is to be chosen."""
    desk, session = ask.home.searches, session_of(ask)
    try:
        await ask.call(desk.check_reason, ask.field("purpose"), ask.field("case"))
        seen = await ask.call(desk.bring, session, await brought(ask, "picture"))
        if len(seen.faces) > 1:
            # The reason goes along in the session's tray, never in an address.
            said = {"picture": seen.id, "purpose": ask.field("purpose"), "case": ask.field("case")}
            return ask.go(f"/probes/{await ask.call(desk.note, session, 'question', said)}")
        found = await ask.call(
            desk.search, session, seen.id, one_face(seen), purpose=ask.field("purpose"), case=ask.field("case")
        )
    except (BadPicture, NoFace, PolicyDenied, WrongUse) as error:
        return await _start(ask, error)
    return ask.go(f"/searches/{found}")


@page(Right.SEARCH)
async def choose(ask: PageContext) -> Response:
    """Every face of the picture, to choose one."""
    session, name = session_of(ask), ask.param("name")
    said = await ask.call(ask.home.searches.noted, session, "question", name)
    seen = await ask.call(ask.home.searches.seen, session, said["picture"])
    return ask.page("search_faces.html.jinja", seen=seen, name=name)


@page(Right.SEARCH)
async def chosen(ask: PageContext) -> Response:
    """The leads of the face that was chosen."""
    session, name, desk = session_of(ask), ask.param("name"), ask.home.searches
    said = await ask.call(desk.noted, session, "question", name)
    face = ask.number("face", most=99_999)
    if face is None:
        raise WrongUse("no face was chosen", Remedy.CHOOSE_FACE, field="face")
    found = await ask.call(desk.search, session, said["picture"], face, purpose=said["purpose"], case=said["case"])
    return ask.go(f"/searches/{found}")


@page(Right.SEARCH)
async def held_picture(ask: PageContext) -> Response:
    """A picture that this session brought, or a face of it."""
    face = ask.request.path_params.get("face")
    data = await ask.call(ask.home.searches.image, session_of(ask), ask.param("name"), face)
    return jpeg(data)


@page(Right.SEARCH)
async def leads(ask: PageContext) -> Response:
    """The leads of a search, of those the ones that the filters keep."""
    session, name = session_of(ask), ask.param("name")
    held = await ask.call(ask.home.searches.searched, session, name)
    return await ask.call(_leads_page, ask, held)


def _leads_page(ask: PageContext, held: HeldSearch) -> Response:
    query = ask.request.query_params
    result, filters = held.result, _filters(ask)
    wanted = result.threshold if filters.threshold is None else filters.threshold
    kept = [lead for lead in result.leads if filters.keeps(lead)]
    last = max(1, -(-len(kept) // A_PAGE))
    number = max(1, min(ask.number("page", most=99_999) or 1, last))
    kept_query = {k: v for k, v in query.items() if k in _FIELDS and v}
    template = "leads_list.html.jinja" if ask.partial else "leads.html.jinja"
    return ask.page(
        template,
        held=held,
        result=result,
        filters=filters,
        wanted=wanted,
        kept=len(kept),
        leads=kept[(number - 1) * A_PAGE : number * A_PAGE],
        number=number,
        last=last,
        asked=urlencode(kept_query),
        bands=tuple(Band),
        all_sources=sorted({lead.source for lead in result.leads}),
        places=sorted({place for lead in result.leads for place in lead.jurisdictions}),
        scores=[lead.score for lead in result.leads],
        curves=[_outline(each) for each in ask.home.searches.curves()],
        steps=_steps(ask, held),
        step=STEP,
    )


@page(Right.SEARCH)
async def lower(ask: PageContext) -> Response:
    """A new search with a lower threshold."""
    threshold = _threshold(ask.field("threshold"))
    if threshold is None:
        raise WrongUse("the threshold is missing", Remedy.ADD_FIELD, field="threshold", values=("0.45",))
    name = ask.param("name")
    found = await ask.call(ask.home.searches.lower, session_of(ask), name, threshold)
    return ask.go(f"/searches/{found}", ask.text("Searched again. The log has a new entry."))


@page(Right.SEARCH)
async def crop(ask: PageContext) -> Response:
    """A face that a search shows."""
    path = ask.request.path_params
    return jpeg(await ask.call(ask.home.searches.crop, session_of(ask), path["name"], str(path["face"])))


@page(Right.SEARCH)
async def export(ask: PageContext) -> Response:
    """The leads to take away, as a ZIP: page, JSON, crops."""
    data = await ask.call(ask.home.searches.archive, session_of(ask), ask.param("name"), _filters(ask))
    return download(data, "leads.zip", "application/zip")


def jpeg(data: bytes) -> Response:
    """A picture; no cache keeps it."""
    return Response(data, media_type="image/jpeg")


_FIELDS: Final = ("threshold", "band", "source", "jurisdiction", "since", "until")


def _filters(ask: PageContext) -> Filters:
    query = ask.request.query_params
    said = {name: query.get(name) or None for name in _FIELDS[1:]}
    return Filters(threshold=_threshold(query.get("threshold")), **said)


def _threshold(said: str | None) -> float | None:
    """Raises WrongUse: no cosine."""
    if not said:
        return None
    try:
        value = float(said)
    except ValueError:
        value = float("nan")
    if not -1 <= value <= 1:
        raise WrongUse(f"{said[:20]!r} is not a threshold", Remedy.USE_RANGE, field="threshold", values=(-1, 1))
    return value


def _steps(ask: PageContext, held: HeldSearch) -> list[tuple[float, str]]:
    """(threshold, what to expect there) from the floor to 1, for the slider's live text."""
    searched = held.result.searched
    first = round(held.floor / STEP)
    found = []
    for each in range(first, round(1 / STEP) + 1):
        threshold = max(round(each * STEP, 3), held.floor)
        found.append((threshold, labels.expected_false_leads(ask.home.searches.odds(searched, threshold), ask.text)))
    return found


def _outline(heights: list[float]) -> str:
    """An SVG path over 400 x 80 units of a distribution."""
    width = 400 / len(heights)
    points = " ".join(f"L{(i + 0.5) * width:.1f} {80 - 76 * height:.1f}" for i, height in enumerate(heights))
    return f"M0 80 {points} L400 80Z"


routes = [
    Route("/", start, methods=["GET"]),
    Route("/search", bring, methods=["POST"]),
    Route("/probes/{name}", choose, methods=["GET"]),
    Route("/probes/{name}", chosen, methods=["POST"]),
    Route("/held/{name}", held_picture, methods=["GET"]),
    Route("/held/{name}/faces/{face:int}", held_picture, methods=["GET"]),
    Route("/searches/{name}", leads, methods=["GET"]),
    Route("/searches/{name}/lower", lower, methods=["POST"]),
    Route("/searches/{name}/export", export, methods=["GET"]),
    Route("/searches/{name}/faces/{face:uuid}", crop, methods=["GET"]),
]
