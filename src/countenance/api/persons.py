"""Persons: several faces that are one person, because somebody decided so. Every decision can be undone."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Path, Query
from pydantic import Field
from starlette.responses import Response

from countenance.api.context import ApiContext, may
from countenance.api.operation import answer, operation, operations, sent
from countenance.api.paging import After, Limit, Page, page
from countenance.api.shapes import Line, Shape
from countenance.app.access.identity import Right

router = operations("persons")
Naming = Annotated[ApiContext, may(Right.PEOPLE)]
PersonId = Annotated[UUID, Path(description="The person's id.")]
Faces = Annotated[list[UUID], Field(min_length=1, max_length=1000, description="Face IDs, as in leads.")]


class Person(Shape):
    """A person with a name."""

    person_id: str
    name: str | None
    faces: int


class ShownFace(Shape):
    """A face and the address of its picture."""

    face_id: str
    uri: str


class PersonShown(Person):
    """A person with those of their faces that may be shown now."""

    shown: list[ShownFace]


class NewPerson(Shape):
    """A new person: the faces and the name."""

    faces: Faces
    name: Line | None = None


class PersonName(Shape):
    """The name of a person. Null clears it."""

    name: Line | None


class SomeFaces(Shape):
    """Faces."""

    faces: Faces


class OtherPerson(Shape):
    """Another person."""

    other: UUID


class Decided(Shape):
    """A decision about persons."""

    at: str
    act: str
    person_id: str
    other: str | None
    faces: int
    undone: bool


class History(Shape):
    """The newest decisions, newest first."""

    decisions: list[Decided]


class Group(Shape):
    """Faces that may be one person."""

    group: str
    person_id: str | None = Field(description="The person they may belong to. Null: a new person.")
    faces: list[ShownFace]


class Groups(Shape):
    """Suggested groups, the largest first."""

    groups: list[Group]
    found: int = Field(description="The number of groups found.")


class Accepting(Shape):
    """The name of a new person."""

    name: Line | None = None


class Undone(Shape):
    """The decision that was undone."""

    act: str
    person_id: str
    other: str | None
    faces: int


Top = Annotated[int, Query(ge=1, le=1000)]


@operation(router, "GET", "/persons", answer=Page[Person])
async def list_persons(ask: Naming, limit: Limit = 100, after: After = None) -> Response:
    """List the persons of this home, by ID."""
    found = [person.as_dict() for person in await ask.call(ask.home.people.all)]
    return answer(page(found, lambda each: (each["person_id"],), limit, after))


@operation(router, "POST", "/persons", answer=Person, status=201, body=NewPerson)
async def new_person(ask: Naming, new: Annotated[NewPerson, sent(NewPerson)]) -> Response:
    """Make a person from these faces."""
    made = await ask.call(ask.home.people.new, list(map(str, new.faces)), new.name)
    return answer(made.as_dict(), 201)


@operation(router, "GET", "/persons/history", answer=History)
async def person_history(ask: Naming, top: Top = 20) -> Response:
    """List the decisions about persons, newest first."""
    acts = await ask.call(ask.home.people.history, top)
    return answer(
        {
            "decisions": [
                {"at": act.at.isoformat(timespec="seconds"), "act": str(act.act), "person_id": act.person,
                 "other": act.other, "faces": act.faces, "undone": act.undone_at is not None}
                for act in acts
            ]
        }
    )  # fmt: skip


@operation(router, "POST", "/persons/history/undo", answer=Undone)
async def undo_person(ask: Naming) -> Response:
    """Undo the newest decision. Call it again to undo the one before."""
    done = await ask.call(ask.home.people.undo)
    return answer({"act": str(done.act), "person_id": done.person, "other": done.other, "faces": done.faces})


@operation(router, "GET", "/persons/suggestions", answer=Groups)
async def suggest_persons(ask: Naming, top: Top = 20) -> Response:
    """Suggest groups of similar faces. It changes nothing.

    In a household's home it compares all faces. In an organisation's home it compares only people who consented or gave
    a licence.
    """
    groups = await ask.call(ask.home.suggest_people)
    return answer({"groups": [group.as_dict() for group in groups[:top]], "found": len(groups)})


@operation(router, "POST", "/persons/suggestions/{group}/accept", answer=Person, body=Accepting, optional=True)
async def accept_group(
    ask: Naming, group: Annotated[str, Path(pattern="^[0-9a-f]{12}$")],
    named: Annotated[Accepting, sent(Accepting, optional=True)],
) -> Response:  # fmt: skip
    """Accept a suggested group as a new person, or add it to the person it was suggested for."""
    return answer((await ask.call(ask.home.people.accept, group, named.name)).as_dict())


@operation(router, "GET", "/persons/{person_id}", answer=PersonShown)
async def show_person(ask: Naming, person_id: PersonId) -> Response:
    """Show a person and the faces that may be shown now."""
    person = await ask.call(ask.home.people.get, str(person_id))
    faces = await ask.call(ask.home.faces_of, str(person_id))
    return answer({**person.as_dict(), "shown": [{"face_id": face, "uri": uri} for face, uri in faces]})


@operation(router, "PUT", "/persons/{person_id}/name", answer=Person, body=PersonName)
async def name_person(ask: Naming, person_id: PersonId, new: Annotated[PersonName, sent(PersonName)]) -> Response:
    """Rename a person."""
    return answer((await ask.call(ask.home.people.name, str(person_id), new.name)).as_dict())


@operation(router, "POST", "/persons/{person_id}/faces", answer=Person, body=SomeFaces)
async def add_faces(ask: Naming, person_id: PersonId, some: Annotated[SomeFaces, sent(SomeFaces)]) -> Response:
    """Add faces to a person."""
    return answer((await ask.call(ask.home.people.add, str(person_id), list(map(str, some.faces)))).as_dict())


@operation(router, "POST", "/persons/{person_id}/remove", answer=Person, body=SomeFaces)
async def remove_faces(ask: Naming, person_id: PersonId, some: Annotated[SomeFaces, sent(SomeFaces)]) -> Response:
    """Remove faces from a person. They are not suggested for this person again."""
    return answer((await ask.call(ask.home.people.remove, str(person_id), list(map(str, some.faces)))).as_dict())


@operation(router, "POST", "/persons/{person_id}/merge", answer=Person, body=OtherPerson)
async def merge_persons(ask: Naming, person_id: PersonId, two: Annotated[OtherPerson, sent(OtherPerson)]) -> Response:
    """Move all faces of the other person to this person, which keeps its name."""
    return answer((await ask.call(ask.home.people.merge, str(person_id), str(two.other))).as_dict())


@operation(router, "POST", "/persons/{person_id}/split", answer=Person, status=201, body=SomeFaces)
async def split_person(ask: Naming, person_id: PersonId, some: Annotated[SomeFaces, sent(SomeFaces)]) -> Response:
    """Make a new person from some of a person's faces. The answer is the new person."""
    return answer((await ask.call(ask.home.people.split, str(person_id), list(map(str, some.faces)))).as_dict(), 201)
