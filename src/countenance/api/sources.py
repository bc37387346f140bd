"""Sources: where pictures come from, and the grant under which each is used."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Path
from pydantic import ConfigDict, Field
from starlette.responses import Response

from countenance.api.context import ApiContext, may
from countenance.api.operation import answer, operation, operations, sent
from countenance.api.paging import After, Limit, Page, page
from countenance.api.shapes import File, Line, Shape
from countenance.app.access.identity import Right
from countenance.app.sources.sources import described
from countenance.rights.subjects import MAX_DIGITS, MAX_SUBJECTS, listed
from countenance.types import Basis, GrantState, Purpose

router = operations("sources")
Collecting = Annotated[ApiContext, may(Right.COLLECT)]
Name = Annotated[str, Path(min_length=1, max_length=200, description="The source's name.")]

ALBUM: Final[Any] = {
    "name": "album", "id": "4f9c5a8e-7b1c-4b5e-9a53-0c2f6d3e8b21", "location": "/home/may/Pictures",
    "jurisdictions": ["CA-ON"], "within": ["CA-ON"], "basis": "household", "purposes": ["household"],
    "state": "in_force", "expires_at": None, "days_left": None, "erase_within_days": 30, "evidence_sha256": None,
    "terms": {},
}  # fmt: skip


class Source(Shape):
    """A source with its grant."""

    model_config = ConfigDict(json_schema_extra={"examples": [ALBUM]})

    name: str
    id: str
    location: str
    jurisdictions: list[str]
    within: list[str] = Field(description="The jurisdictions that the grant covers.")
    basis: Basis
    purposes: list[Purpose]
    state: GrantState
    expires_at: str | None
    days_left: int | None
    erase_within_days: int
    evidence_sha256: str | None
    terms: dict[str, str]


class Counts(Shape):
    """The counts of a source: what was added, refused and rejected, by reason."""

    places: int
    pictures: int
    indexed: int
    refused: dict[str, int]
    rejected: dict[str, int]


class CountedSource(Source):
    """A source with what was taken from it."""

    counts: Counts


class NewSubject(Shape):
    """A person whose consent or release the grant records."""

    name: Line
    evidence: File = Field(description="The person's signed form. It is stored encrypted.")
    reference: File = Field(description="A picture of the person. Only its template is kept.")
    face: int | None = Field(
        None, ge=0, lt=10**MAX_DIGITS, description="The face in it, if it shows several. The first is 0 (see `detect`)."
    )


class NewSource(Shape):
    """A new source: its pictures, and the right to use them (docs/grants.md)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "album", "path": "/home/may/Pictures", "basis": "household", "jurisdiction": "CA-ON"}]
        }
    )

    name: Line
    path: str | None = Field(
        None, min_length=1, max_length=4096,
        description="A folder on the service's computer. Without one, the pictures are uploaded.",
    )  # fmt: skip
    basis: Basis
    jurisdiction: str = Field(
        min_length=1, max_length=1000, description="Where the people live or were pictured, such as CA-ON, or unknown."
    )
    within: str | None = Field(None, max_length=1000, description="The jurisdictions that the grant covers, if more.")
    purposes: list[Purpose] = Field(default=[], description="The allowed purposes. A household needs none.")
    evidence: File | None = Field(
        None, description="The signed form, contract, decision or record. It is stored encrypted."
    )
    subjects: list[NewSubject] | None = Field(
        None, min_length=1, max_length=MAX_SUBJECTS,
        description="For consent and licence: the people who agreed. Only in JSON.",
    )  # fmt: skip
    expires: str | None = Field(None, max_length=10, description="The last day of the grant, such as 2027-12-31.")
    erase_within_days: int = Field(30, description="The days allowed to erase everything after the grant ends.")
    retain_days: int | None = None
    retain_from: str | None = Field(
        None, max_length=20, description="When the retention period starts: added, interaction, purpose."
    )
    retain_rule: str | None = Field(None, max_length=20, description="The retention rule of a law: bipa.")
    law: str | None = Field(None, max_length=1000, description="For statute: the law and its article.")
    authority: str | None = Field(None, max_length=1000, description="For statute: the authority that it empowers.")


class References(Shape):
    """The people whose reference pictures are enrolled again, for another model."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"subjects": [{"name": "Ada", "evidence": "c2lnbmVk", "reference": "/9j/4AAQSkZJRg=="}]}]
        }
    )

    subjects: list[NewSubject] = Field(
        default=[], max_length=MAX_SUBJECTS,
        description="The same people as when the source was added. Evidence distinguishes people of the same name.",
    )  # fmt: skip


class Enrolled(Shape):
    """How many references were enrolled, and who still lacks one."""

    source: str
    enrolled: int
    lacking: list[str] = Field(description="The names of subjects without a reference in a model that is in use.")


@operation(router, "GET", "/sources", answer=Page[Source])
async def list_sources(ask: Collecting, limit: Limit = 100, after: After = None) -> Response:
    """List the sources by name, each with its grant and its state."""
    mine = [s for s in await ask.call(ask.home.sources) if ask.who.binding.source in {None, s.name}]
    return answer(page(map(described, mine), lambda each: (each["name"],), limit, after))


@operation(router, "POST", "/sources", answer=Source, status=201, body=NewSource, form=True)
async def add_source(ask: Collecting, new: Annotated[NewSource, sent(NewSource)]) -> Response:
    """Add a source under a grant. No picture is read yet."""
    if ask.who.binding.source is not None:
        ask.source("")  # a key that is bound to a source adds no other
    grant = new.model_dump(exclude_none=True, exclude={"path", "subjects"})
    people = None if new.subjects is None else listed((s.name, s.evidence, s.reference, s.face) for s in new.subjects)
    made = await ask.call(ask.home.add_source, **grant, path=new.path, subjects=people)
    return answer(described(made), 201)


@operation(router, "GET", "/sources/{name}", answer=CountedSource)
async def show_source(ask: Collecting, name: Name) -> Response:
    """Show one source: its grant, its counts, and why files were refused or rejected."""
    source = await ask.call(ask.source, name)
    return answer(await ask.call(ask.home.grants.counted, source))


@operation(router, "POST", "/sources/{name}/suspend", answer=Source)
async def suspend_source(ask: Collecting, name: Name) -> Response:
    """Suspend a source. No search finds its faces until `resume`."""
    await ask.call(ask.source, name)
    return answer(described(await ask.call(ask.home.suspend, name)))


@operation(router, "POST", "/sources/{name}/resume", answer=Source)
async def resume_source(ask: Collecting, name: Name) -> Response:
    """Resume a suspended source."""
    await ask.call(ask.source, name)
    return answer(described(await ask.call(ask.home.resume, name)))


@operation(router, "POST", "/sources/{name}/withdraw", answer=Source)
async def withdraw_source(ask: Collecting, name: Name) -> Response:
    """End a grant for good. No search finds its faces; you must erase them by the deadline."""
    await ask.call(ask.source, name)
    return answer(described(await ask.call(ask.home.withdraw, name)))


@operation(router, "POST", "/sources/{name}/interaction", answer=Source)
async def note_interaction(ask: Collecting, name: Name) -> Response:
    """Record that the people pictured dealt with you today. The retention period starts again."""
    await ask.call(ask.source, name)
    return answer(described(await ask.call(ask.home.interaction, name)))


@operation(router, "POST", "/sources/{name}/purpose-met", answer=Source)
async def note_purpose_met(ask: Collecting, name: Name) -> Response:
    """Record that the purpose of a source is met. The retention period starts."""
    await ask.call(ask.source, name)
    return answer(described(await ask.call(ask.home.purpose_met, name)))


@operation(router, "POST", "/sources/{name}/references", answer=Enrolled, body=References, optional=True)
async def enrol_references(
    ask: Collecting, name: Name, again: Annotated[References, sent(References, optional=True)]
) -> Response:
    """Enrol the reference pictures of the subjects again, for another model. The pictures are not stored.

    Photographs of guests are stored already: do not send them.
    """
    await ask.call(ask.source, name)
    people = listed((s.name, s.evidence, s.reference, s.face) for s in again.subjects) if again.subjects else ()
    return answer(await ask.call(ask.home.references.add, name, people))
