"""What was decided about persons, newest first, and taking the newest back."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route

from countenance.app.access.identity import Right
from countenance.records.people.persons import PersonAct
from countenance.web.context import PageContext, page
from countenance.web.texts import later

SHOWN: Final = 200
ACTS: Final = {
    PersonAct.NEW: later("One person"),
    PersonAct.NAME: later("Named"),
    PersonAct.ADD: later("Faces added"),
    PersonAct.REMOVE: later("Not this person"),
    PersonAct.REFUSE: later("Not this person"),
    PersonAct.MERGE: later("Merged"),
    PersonAct.SPLIT: later("Moved to another person"),
}


@page(Right.PEOPLE)
async def history(ask: PageContext) -> Response:
    """The newest decisions, with the names that persons have now."""

    def gather() -> dict[str, Any]:
        people = ask.home.people
        found = people.history(SHOWN + 1)
        return {
            "decisions": found[:SHOWN], "more": len(found) > SHOWN, "shown": SHOWN,
            "can_undo": any(each.undone_at is None for each in found),
            "people": {each.id: each.name for each in people.all()},
        }  # fmt: skip

    return ask.page("people_history.html.jinja", acts=ACTS, **await ask.call(gather))


routes = [Route("/people/history", history, methods=["GET"])]
