"""What a home holds, what is due in it, and which of its pictures show one photograph."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import ConfigDict, Field
from starlette.responses import Response

from countenance.api.context import ApiContext, may
from countenance.api.operation import answer, operation, operations
from countenance.api.remedies import DOOR
from countenance.api.shapes import Shape
from countenance.app.access.identity import Right
from countenance.types import DuplicateLink, GrantState, HomeKind

router = operations("overview")


class SourceLine(Shape):
    """A source in a list."""

    name: str
    basis: str
    state: GrantState
    days_left: int | None
    ends_soon: bool


class Duty(Shape):
    """A source that must be erased by a date."""

    source: str
    why: str
    deadline: str
    days_left: int
    overdue: bool
    do: str


class RequestDuty(Shape):
    """An open request."""

    request: str
    kind: str
    state: str
    law: str
    due_at: str
    days_left: int | None
    overdue: bool


class KeptProbes(Shape):
    """The probes stored with cases: how many, and how many are overdue."""

    kept: int
    due: int


class Waiting(Shape):
    """A source with uploads to ingest, or with guests who wait for their pictures."""

    source: str
    uploads: int
    guests: int
    do: list[str] = Field(description="What ends the wait.")


class Status(Shape):
    """The content of the home, and what is due."""

    kind: HomeKind
    pictures: int
    faces: int
    indexed: int
    rejected: int
    sources: list[SourceLine]
    due: list[Duty]
    requests: list[RequestDuty]
    waiting: list[Waiting]
    probes: KeptProbes
    uncompacted_erasures: int = Field(description="The erasures since records.db was last compacted.")
    unfinished_erasures: int
    orders: list[dict[str, Any]] = Field(
        description="The orders that are drafted, in force or stayed, as in `GET /v1/orders`."
    )
    log_entries: int
    model: str
    space: str = Field(description="The sha256 of the weights in use.")
    detector: str
    reindex: dict[str, Any] | None
    calibration: str
    calibration_own: bool
    runtime: str
    providers: list[str]
    disk_bytes: int
    disk_bytes_exact: bool


class Finding(Shape):
    """The result of one check."""

    what: str
    state: Literal["ok", "warning", "problem"]
    said: str = Field(description="The finding, without paths of the service's computer.")
    do: str = Field(description="What to do. Empty: nothing to do.")


class LookedOver(Shape):
    """The results of all checks of a home."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{
            "findings": [{"what": "log", "state": "ok", "said": "4211 entries, whole, root 9f3c0a71", "do": ""}],
            "problems": 0,
        }]}
    )  # fmt: skip

    findings: list[Finding]
    problems: int = Field(description="The number of findings that are problems.")


class Copy(Shape):
    """One copy of a photograph."""

    picture_id: str
    uri: str
    source: str
    width: int
    height: int
    bytes: int
    link: DuplicateLink
    distance: int


class Duplicates(Shape):
    """Groups of pictures that show the same photograph, the largest first."""

    pictures: int
    unhashed: int
    plain: int
    groups_found: int
    groups: list[list[Copy]]


@operation(router, "GET", "/status", answer=Status)
async def status(ask: Annotated[ApiContext, may(Right.OVERSEE)]) -> Response:
    """Show what the home holds, which models it uses, and what is due."""
    found = DOOR.advised_lists(await ask.call(ask.home.health.status), "due", "waiting")
    return answer({name: value for name, value in found.items() if name not in _OF_THE_MACHINE})


_OF_THE_MACHINE = {"home", "keyfile"}  # where they lie is nothing that a program need know


@operation(router, "POST", "/doctor", answer=LookedOver)
async def doctor(ask: Annotated[ApiContext, may(Right.MANAGE)]) -> Response:
    """Check the home: databases, erasures, deadlines, log, index, weights, disk. It finishes interrupted work.

    It reads the whole log and the names of all files, which takes minutes in a large home. To compact records.db, use
    the command line (`doctor --compact`).
    """
    return answer(DOOR.advised_lists(await ask.call(ask.home.health.report), "findings"))


@operation(router, "GET", "/duplicates", answer=Duplicates)
async def duplicates(
    ask: Annotated[ApiContext, may(Right.SEARCH)],
    source: Annotated[list[str] | None, Query(max_length=100, description="Only these sources. Default: all.")] = None,
    top: Annotated[int, Query(ge=1, le=1000, description="The number of largest groups to show.")] = 100,
) -> Response:
    """List pictures that show the same photograph: copies, resized and cropped versions. It changes nothing."""
    bound = ask.who.binding.source
    names = source or ([bound] if bound else [])
    for name in names:
        await ask.call(ask.source, name)
    return answer(await ask.call(lambda: ask.home.duplicates(*names, top=top).as_dict()))
