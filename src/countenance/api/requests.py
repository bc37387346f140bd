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
RequestName = Annotated[str, Path(max_length=100, description="The request's ID or its tracking code.")]
Text = Annotated[str, Field(max_length=10_000)]


class NewRequest(Shape):
    """A new request. It identifies the person by a photograph, an address, a face or a name."""

    kind: RequestKind
    tier: int | None = Field(None, ge=0, le=2, description="For an opt-out: how much is kept to keep pictures out.")
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
    """An open request. The tracking code is for the person, and is shown only once."""

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
    """A request in a list."""

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


class FoundFace(Shape):
    """A face that was found for a request, in one source."""

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
    """The state of a request, as its tracking code shows it."""

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
    """The proof of the person's identity. It is not stored."""

    code: Annotated[str, Field(max_length=100)] | None = None
    photo: File | None = None
    face_number: int | None = Field(None, ge=0)
    document: Literal["government-id", "letter", "membership", "other"] | None = None


class Code(Shape):
    """Make a one-time code. Send it to an address that you had before the request."""

    code: str
    until: str


class Decision(Shape):
    """The decision and, for a correction, the correct data."""

    grant: bool
    reason: Text = ""
    faces: list[str] | None = Field(None, description="The faces of the person. Default: all faces found.")
    rename: Annotated[str, Field(max_length=200)] = ""
    jurisdiction: Annotated[str, Field(max_length=1000)] = ""


class RequestDone(RequestShown):
    """The decision and its results. For an access request: the encrypted ZIP and its passphrase, shown only once."""

    erased: int
    hidden: int
    kept_out: int
    pending: list[str]
    erasure_receipt: str | None
    answer: str | None = Field(None, json_schema_extra={"contentEncoding": "base64"})
    passphrase: str | None = None
    pictures: int | None = None


class Reasons(Shape):
    """The reasons for the longer deadline. The person sees this text."""

    reasons: Annotated[str, Field(min_length=1, max_length=10_000)]


@operation(router, "GET", "/requests", answer=Page[RequestLine])
async def list_requests(
    ask: Answering, limit: Limit = 100, after: After = None,
    every: Annotated[bool, Query(description="Include decided and withdrawn requests.")] = False,
) -> Response:  # fmt: skip
    """List the open requests. The earliest deadline comes first."""
    found = await ask.call(ask.home.requests.listed, every=every)
    return answer(page(found, lambda each: (each["due_at"], each["request"]), limit, after))


@operation(router, "POST", "/requests", answer=RequestTaken, status=201, body=NewRequest, form=True)
async def open_request(ask: Answering, new: Annotated[NewRequest, sent(NewRequest)]) -> Response:
    """Open a request. It does not search yet, so the answer does not show who is in the gallery."""
    said = new.model_dump(exclude_none=True)
    return answer(await ask.call(ask.home.requests.open, str(said.pop("kind")), **said), 201)


@operation(router, "GET", "/requests/{request}", answer=RequestShown | RequestTold)
async def show_request(ask: Answering, request: RequestName) -> Response:
    """Show a request: all details with its ID, or what the person may see with the tracking code."""
    return answer(await ask.call(ask.home.requests.show, request))


@operation(router, "POST", "/requests/{request}/code", answer=Code)
async def send_code(ask: Answering, request: RequestName) -> Response:
    """Make a one-time code. Send it to an address that you had before the request."""
    return answer(await ask.call(ask.home.requests.send_code, request))


@operation(router, "POST", "/requests/{request}/verify", answer=RequestShown, body=Proof, form=True)
async def verify_request(ask: Answering, request: RequestName, proof: Annotated[Proof, sent(Proof)]) -> Response:
    """Confirm the identity of the person, and find the faces."""
    return answer(await ask.call(ask.home.requests.verify, request, **proof.model_dump()))


@operation(router, "POST", "/requests/{request}/decide", answer=RequestDone, body=Decision)
async def decide_request(
    ask: Answering, request: RequestName, decision: Annotated[Decision, sent(Decision)]
) -> Response:
    """Grant or refuse a request. The answer comes when every process obeys the decision."""
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
    """Extend the deadline once, before it passes, as the law allows. Send the person the reasons."""
    return answer(await ask.call(ask.home.requests.extend, request, why.reasons))


@operation(router, "POST", "/requests/{request}/withdraw", answer=RequestShown)
async def withdraw_request(ask: Answering, request: RequestName) -> Response:
    """Withdraw a request: it no longer hides faces or keeps pictures out. Erased data does not come back."""
    return answer(await ask.call(ask.home.requests.withdraw, request))
