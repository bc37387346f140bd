"""What pictured people ask for, for whoever answers them."""

from __future__ import annotations

import base64
import tempfile
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal

from fastapi import Path, Query
from pydantic import Field
from starlette.responses import Response

from countenance.api.context import ApiContext, may
from countenance.api.operation import answer, operation, operations, sent
from countenance.api.paging import After, Limit, Page, page
from countenance.api.shapes import Box, File, Line, Shape
from countenance.app.access.identity import Right
from countenance.rights.requests import RequestKind

router = operations("requests")
Answering = Annotated[ApiContext, may(Right.REQUESTS)]
RequestName = Annotated[str, Path(max_length=100, description="The request's id, or its tracking code.")]
Text = Annotated[str, Field(max_length=10_000)]


class NewRequest(Shape):
    """What somebody asks for, and whom it is about: by a photograph, an address, a face or a name."""

    kind: RequestKind
    tier: int | None = Field(None, ge=0, le=2, description="Of an opt-out: what is kept to keep pictures out.")
    photo: File | None = None
    face_number: int | None = Field(None, ge=0)
    address: Text = ""
    face: Annotated[str, Field(max_length=36)] = ""
    name: Annotated[str, Field(max_length=200)] = ""
    contact: Annotated[str, Field(max_length=1000)] = ""
    text: Text = ""
    jurisdiction: Line | None = None
    law: Line | None = None


class RequestTaken(Shape):
    """A request that stands. The tracking code is for who asks, and told this once."""

    request: str
    tracking: str
    kind: str
    tier: int | None
    tier_says: str | None
    law: str
    law_says: str
    confirm_by: str | None
    due_at: str


class RequestLine(Shape):
    """A request, in a line."""

    request: str
    kind: str
    tier: int | None
    state: str
    outcome: str | None
    law: str
    opened_at: str
    due_at: str
    days_left: int | None
    overdue: bool
    extended: bool
    decided_at: str | None


class Requests(Page[RequestLine]):
    """Requests, the first due first."""


class FoundFace(Shape):
    """A face that was found for a request, at one place."""

    face_id: str
    score: float | None
    picture_id: str
    uri: str
    box: Box
    source: str
    basis: str
    purposes: list[str]
    jurisdictions: list[str]
    hidden: bool


class RequestShown(RequestLine):
    """A request: what it says and, once verified, the faces found for it."""

    receipt: str | None
    verified_by: str | None
    details: dict[str, Any]
    faces: list[FoundFace]


class RequestTold(Shape):
    """Where a request stands, as its tracking code shows it."""

    kind: str
    tier: int | None
    state: str
    outcome: str | None
    law: str
    opened_at: str
    due_at: str
    extended: bool
    decided_at: str | None
    what_is_kept: str | None


class Proof(Shape):
    """By which proof it is known who asks. None of it is kept."""

    code: Annotated[str, Field(max_length=100)] | None = None
    photo: File | None = None
    face_number: int | None = Field(None, ge=0)
    document: Literal["government-id", "letter", "membership", "other"] | None = None


class Code(Shape):
    """A one-time code, to send to an address that was on file before the request came."""

    code: str
    until: str


class Decision(Shape):
    """What is decided, and of a correction what is right."""

    grant: bool
    reason: Text = ""
    faces: list[str] | None = Field(None, description="Those that are the person's; by default all that were found.")
    rename: Annotated[str, Field(max_length=200)] = ""
    jurisdiction: Annotated[str, Field(max_length=1000)] = ""


class RequestDone(RequestShown):
    """What was decided and done. Of an access request: the sealed ZIP and its passphrase, told this once."""

    erased: int
    hidden: int
    kept_out: int
    pending: list[str]
    erasure_receipt: str | None
    answer: str | None = Field(None, json_schema_extra={"contentEncoding": "base64"})
    passphrase: str | None = None
    pictures: int | None = None


class Reasons(Shape):
    """Why the longer term is taken, as the person is told."""

    reasons: Annotated[str, Field(min_length=1, max_length=10_000)]


@operation(router, "GET", "/requests", answer=Requests)
async def list_requests(
    ask: Answering, limit: Limit = 100, after: After = None,
    every: Annotated[bool, Query(description="The decided and withdrawn too.")] = False,
) -> Response:  # fmt: skip
    """Requests that wait, the first due first."""
    found = await ask.call(ask.home.requests.listed, every=every)
    return answer(page(found, lambda each: (each["due_at"], each["request"]), limit, after))


@operation(router, "POST", "/requests", answer=RequestTaken, status=201, body=NewRequest, form=True)
async def open_request(ask: Answering, new: Annotated[NewRequest, sent(NewRequest)]) -> Response:
    """Takes up a request. Nothing is looked for yet: the answer says nothing about who is in the gallery."""
    said = new.model_dump(exclude_none=True)
    return answer(await ask.call(ask.home.requests.open, str(said.pop("kind")), **said), 201)


@operation(router, "GET", "/requests/{request}", answer=RequestShown | RequestTold)
async def show_request(ask: Answering, request: RequestName) -> Response:
    """By its id, all that is known of a request; by its tracking code, what the person who asks may know."""
    return answer(await ask.call(ask.home.requests.show, request))


@operation(router, "POST", "/requests/{request}/code", answer=Code)
async def send_code(ask: Answering, request: RequestName) -> Response:
    """A one-time code, to send to an address that was on file before the request came."""
    return answer(await ask.call(ask.home.requests.send_code, request))


@operation(router, "POST", "/requests/{request}/verify", answer=RequestShown, body=Proof, form=True)
async def verify_request(ask: Answering, request: RequestName, proof: Annotated[Proof, sent(Proof)]) -> Response:
    """It is known who asks, and their faces are found."""
    return answer(await ask.call(ask.home.requests.verify, request, **proof.model_dump()))


@operation(router, "POST", "/requests/{request}/decide", answer=RequestDone, body=Decision)
async def decide_request(
    ask: Answering, request: RequestName, decision: Annotated[Decision, sent(Decision)]
) -> Response:  # fmt: skip
    """Grants or refuses a request, and carries it out before this answers, in every process."""
    return answer(await ask.call(_decide, ask, request, decision))


def _decide(ask: ApiContext, request: str, decision: Decision) -> dict[str, Any]:
    said = decision.model_dump()
    if not decision.grant or ask.home.requests.show(request)["kind"] != RequestKind.ACCESS:
        return ask.home.requests.decide(request, **said)
    with tempfile.TemporaryDirectory(prefix="countenance-") as folder:  # the answer comes sealed, by its passphrase
        path = FilePath(folder) / "answer.zip"
        found = ask.home.requests.decide(request, out=path, **said)
        return {**found, "answer": base64.b64encode(path.read_bytes()).decode()}


@operation(router, "POST", "/requests/{request}/extend", answer=RequestShown, body=Reasons)
async def extend_request(ask: Answering, request: RequestName, why: Annotated[Reasons, sent(Reasons)]) -> Response:
    """Takes the longer term that the law allows, once and within the first. Tell the person, with the reasons."""
    return answer(await ask.call(ask.home.requests.extend, request, why.reasons))


@operation(router, "POST", "/requests/{request}/withdraw", answer=RequestShown)
async def withdraw_request(ask: Answering, request: RequestName) -> Response:
    """Ends what a request keeps out or hides. What was erased does not come back."""
    return answer(await ask.call(ask.home.requests.withdraw, request))
