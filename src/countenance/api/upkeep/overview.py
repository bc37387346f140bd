"""What a home holds, what is due in it, and which of its pictures show one photograph."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import ConfigDict, Field
from starlette.responses import Response

from countenance.api.context import ApiContext, may
from countenance.api.operation import answer, operation, operations
from countenance.api.shapes import Shape
from countenance.app.access.identity import Right
from countenance.app.upkeep.doctor import told
from countenance.app.upkeep.status import status_of
from countenance.types import DuplicateLink, GrantState, HomeKind

router = operations("overview")


class SourceLine(Shape):
    """A source in a line."""

    name: str
    basis: str
    state: GrantState
    days_left: int | None
    ends_soon: bool


class Duty(Shape):
    """A source that is to be erased by a day."""

    source: str
    why: str
    deadline: str
    days_left: int
    overdue: bool
    do: str


class RequestDuty(Shape):
    """A request that waits for its answer."""

    request: str
    kind: str
    state: str
    law: str
    due_at: str
    days_left: int | None
    overdue: bool


class KeptProbes(Shape):
    """Probes kept with cases: how many, and how many of them past their term."""

    kept: int
    due: int


class Waiting(Shape):
    """A source in which something waits: uploads for an ingest, guests for their pictures."""

    source: str
    uploads: int
    guests: int
    do: list[str] = Field(description="The commands that end the waiting.")


class Status(Shape):
    """What the home holds and what is due in it."""

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
    uncompacted_erasures: int = Field(description="Done since records.db was last written anew.")
    unfinished_erasures: int
    orders: list[dict[str, Any]] = Field(description="Drafted, in force or stayed; as `GET /v1/orders` has them.")
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
    """One thing that was looked at."""

    what: str
    state: Literal["ok", "warning", "problem"]
    said: str = Field(description="What was found, without the paths of the service's machine.")
    do: str = Field(description="The way out; empty: there is nothing to do.")


class LookedOver(Shape):
    """What fits in a home and what does not."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{
            "findings": [{"what": "log", "state": "ok", "said": "4211 entries, whole, root 9f3c0a71", "do": ""}],
            "problems": 0,
        }]}
    )  # fmt: skip

    findings: list[Finding]
    problems: int = Field(description="So many findings are problems.")


class Copy(Shape):
    """One place of a photograph."""

    picture_id: str
    uri: str
    source: str
    width: int
    height: int
    bytes: int
    link: DuplicateLink
    distance: int


class Duplicates(Shape):
    """Groups of pictures that show one photograph, the largest first."""

    pictures: int
    unhashed: int
    plain: int
    groups_found: int
    groups: list[list[Copy]]


@operation(router, "GET", "/status", answer=Status)
async def status(ask: Annotated[ApiContext, may(Right.OVERSEE)]) -> Response:
    """What the home holds, what it runs on, and what is due."""
    found = await ask.call(status_of, ask.home)
    return answer({name: value for name, value in found.items() if name not in _OF_THE_MACHINE})


_OF_THE_MACHINE = {"home", "keyfile"}  # where they lie is nothing that a program need know


@operation(router, "POST", "/doctor", answer=LookedOver)
async def doctor(ask: Annotated[ApiContext, may(Right.MANAGE)]) -> Response:
    """Looks the home over: databases, erasures, duties, log, index, weights, disk; finishes what was interrupted.

    It reads the whole log and the names of all files: minutes in a large home. Writing records.db anew
    (`doctor --compact`) stays with the command line.
    """
    return answer(await ask.call(told, ask.home))


@operation(router, "GET", "/duplicates", answer=Duplicates)
async def duplicates(
    ask: Annotated[ApiContext, may(Right.SEARCH)],
    source: Annotated[list[str] | None, Query(max_length=100, description="Of these sources; of all, if none.")] = None,
    top: Annotated[int, Query(ge=1, le=1000, description="So many of the largest groups.")] = 100,
) -> Response:
    """Pictures that show one photograph: copies, recompressions, resizes and crops. Nothing is changed."""
    bound = ask.who.binding.source
    names = source or ([bound] if bound else [])
    for name in names:
        await ask.call(ask.source, name)
    return answer(await ask.call(lambda: ask.home.duplicates(*names, top=top).as_dict()))
