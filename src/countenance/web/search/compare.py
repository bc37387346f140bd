"""Two pictures, one face of each: aligned, side by side, over each other, and how alike they score."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from countenance.app.access.identity import Right
from countenance.app.search.search_sessions import SeenProbe
from countenance.errors import BadPicture, CountenanceError, NoFace, PolicyDenied, WrongUse
from countenance.remedies import Remedy
from countenance.types import Odds
from countenance.web.context import PageContext, page
from countenance.web.search.search import asking, brought, session_of


@page(Right.SEARCH)
async def start(ask: PageContext) -> Response:
    """Where two pictures are brought."""
    return _start(ask)


def _start(ask: PageContext, error: CountenanceError | None = None) -> Response:
    return ask.page("compare.html.jinja", error=error, **asking(ask))


@page(Right.SEARCH, max_files=2)
async def bring(ask: PageContext) -> Response:
    """Compared at once where each holds one face; else they are chosen."""
    desk, session = ask.home.searches, session_of(ask)
    said = {"purpose": ask.field("purpose"), "case": ask.field("case")}
    try:
        await ask.call(desk.check_reason, said["purpose"], said["case"])
        a = await ask.call(desk.bring, session, await brought(ask, "a"))
        b = await ask.call(desk.bring, session, await brought(ask, "b"))
        name = await ask.call(desk.note, session, "pair", {"a": a.id, "b": b.id, **said})
        if len(a.faces) > 1 or len(b.faces) > 1:
            return ask.go(f"/compare/{name}")
        return await _compare(ask, name, 0, 0)
    except (BadPicture, NoFace, PolicyDenied, WrongUse) as error:
        return _start(ask, error)


@page(Right.SEARCH)
async def choose(ask: PageContext) -> Response:
    """The faces of both, to choose one of each."""
    name = ask.param("name")
    _, a, b = await _pair(ask, name)
    return ask.page("compare_faces.html.jinja", name=name, pair=(("a", a), ("b", b)))


@page(Right.SEARCH)
async def chosen(ask: PageContext) -> Response:
    """Compared."""
    numbers = []
    for field in ("face_a", "face_b"):
        number = ask.number(field, most=99_999)
        if number is None:
            raise WrongUse("a face of each picture is needed", Remedy.CHOOSE_FACE, field=field)
        numbers.append(number)
    return await _compare(ask, ask.param("name"), *numbers)


@page(Right.SEARCH)
async def compared(ask: PageContext) -> Response:
    """The score, and both faces to look at."""
    found = await ask.call(ask.home.searches.noted, session_of(ask), "comparison", ask.param("name"))
    _, a, b = await _pair(ask, found["pair"])
    return ask.page(
        "compared.html.jinja", found=found, fmr=Odds(found["fmr"], found["bound"]),
        both=((a, a.faces[found["face_a"]]), (b, b.faces[found["face_b"]])),
    )  # fmt: skip


async def _pair(ask: PageContext, name: str) -> tuple[dict[str, str | None], SeenProbe, SeenProbe]:
    desk, session = ask.home.searches, session_of(ask)
    said = await ask.call(desk.noted, session, "pair", name)
    a, b = [await ask.call(desk.seen, session, said[which]) for which in ("a", "b")]
    return said, a, b


async def _compare(ask: PageContext, name: str, face_a: int, face_b: int) -> Response:
    desk, session = ask.home.searches, session_of(ask)
    said, a, b = await _pair(ask, name)
    done = await ask.call(desk.compare, session, a.id, b.id, face_a, face_b, purpose=said["purpose"], case=said["case"])
    about = {
        "pair": name, "face_a": face_a, "face_b": face_b, "score": done.score, "fmr": done.fmr.value,
        "bound": done.fmr.bound, "log_entry": done.log_entry,
    }  # fmt: skip
    return ask.go(f"/comparisons/{await ask.call(desk.note, session, 'comparison', about)}")


routes = [
    Route("/compare", start, methods=["GET"]),
    Route("/compare", bring, methods=["POST"]),
    Route("/compare/{name}", choose, methods=["GET"]),
    Route("/compare/{name}", chosen, methods=["POST"]),
    Route("/comparisons/{name}", compared, methods=["GET"]),
]
