"""People: faces only, grouped by person, by somebody's decision; each decision can be taken back."""

from __future__ import annotations

from itertools import islice
from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route

from countenance.app.access.identity import Right
from countenance.errors import PolicyDenied, WrongUse
from countenance.remedies import Remedy
from countenance.web.context import PageContext, page
from countenance.web.search.search import jpeg
from countenance.web.texts import later

COVERS: Final = 4  # faces of a person in the list
A_PAGE: Final = 60  # persons
GROUPS: Final = 12  # suggested at once
MOST_FACES: Final = 400  # of one person on a page


@page(Right.PEOPLE)
async def listed(ask: PageContext) -> Response:
    """Everybody whom somebody has grouped, and the newest decision, to take back."""
    first = ask.number("from", most=99_999_999) or 0

    def gather() -> dict[str, Any]:
        people = ask.home.people
        everybody = people.all()
        shown = everybody[first : first + A_PAGE]
        return {
            "count": len(everybody), "first": first, "a_page": A_PAGE, "newest": next(iter(people.history(1)), None),
            "people": [(each, [face for face, _ in islice(people.shown(each.id), COVERS)]) for each in shown],
        }  # fmt: skip

    return ask.page("people.html.jinja", **await ask.call(gather))


@page(Right.PEOPLE)
async def suggested(ask: PageContext) -> Response:
    """Groups of faces that may be one person, to decide on."""
    try:
        groups = await ask.call(ask.home.suggest_people)
    except PolicyDenied as denied:
        return ask.page("people_suggested.html.jinja", groups=(), more=0, names={}, denied=denied)
    names = {each.id: each.name for each in await ask.call(ask.home.people.all)}
    return ask.page(
        "people_suggested.html.jinja",
        groups=groups[:GROUPS],
        more=max(0, len(groups) - GROUPS),
        names=names,
        denied=None,
    )


@page(Right.PEOPLE)
async def show(ask: PageContext) -> Response:
    """One person and their faces."""
    uid = ask.param("person")

    def gather() -> dict[str, Any]:
        people = ask.home.people
        person = people.get(uid)
        others = [each for each in people.all() if each.id != person.id]
        faces = people.shown(person.id)
        return {
            "person": person,
            "faces": faces[:MOST_FACES],
            "more": max(0, len(faces) - MOST_FACES),
            "others": others,
        }

    return ask.page("person.html.jinja", **await ask.call(gather))


@page(Right.PEOPLE)
async def crop(ask: PageContext) -> Response:
    """The thumbnail of a face that may be shown now."""
    return jpeg(await ask.call(ask.home.crop, ask.param("face")))


@page(Right.PEOPLE)
async def decide(ask: PageContext) -> Response:
    """A decision of whoever is signed in, as the button says."""
    act, uid = ask.field("act") or "", ask.field("person") or ""
    faces = [str(face) for face in ask.form.getlist("face")]
    if act not in _DECISIONS:
        raise WrongUse(f"there is no decision {act[:20]!r}", Remedy.RELOAD_PAGE)
    where, said = await ask.call(_DECISIONS[act], ask, uid, faces)
    return ask.go(where, ask.text(said))


def _new(ask: PageContext, _uid: str, faces: list[str]) -> tuple[str, str]:
    made = ask.home.people.new(faces, ask.field("name"))
    where = f"/people/{made.id}" if ask.field("stay") is None else "/people/suggested"
    return where, later("Saved as one person.")


def _name(ask: PageContext, uid: str, _faces: list[str]) -> tuple[str, str]:
    ask.home.people.name(uid, ask.field("name"))
    return f"/people/{uid}", later("The name is stored encrypted.")


def _add(ask: PageContext, uid: str, faces: list[str]) -> tuple[str, str]:
    ask.home.people.add(uid, faces)
    return "/people/suggested", later("Saved as one person.")


def _remove(ask: PageContext, uid: str, faces: list[str]) -> tuple[str, str]:
    ask.home.people.remove(uid, faces)
    left = any(each.id == uid for each in ask.home.people.all())
    return (f"/people/{uid}" if left else "/people"), later("Removed. They are not suggested for this person again.")


def _merge(ask: PageContext, uid: str, _faces: list[str]) -> tuple[str, str]:
    ask.home.people.merge(uid, ask.field("other") or "")
    return f"/people/{uid}", later("Merged.")


def _split(ask: PageContext, uid: str, faces: list[str]) -> tuple[str, str]:
    other = ask.home.people.split(uid, faces)
    return f"/people/{other.id}", later("The faces are moved to another person.")


def _undo(ask: PageContext, _uid: str, _faces: list[str]) -> tuple[str, str]:
    ask.home.people.undo()
    return "/people", later("The newest decision is undone.")


_DECISIONS: Final = {
    "new": _new, "name": _name, "add": _add, "remove": _remove, "merge": _merge, "split": _split, "undo": _undo,
}  # fmt: skip

routes = [
    Route("/people", listed, methods=["GET"]),
    Route("/people", decide, methods=["POST"]),
    Route("/people/suggested", suggested, methods=["GET"]),
    Route("/people/faces/{face:uuid}", crop, methods=["GET"]),
    Route("/people/{person}", show, methods=["GET"]),
]
