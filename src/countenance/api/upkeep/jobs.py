"""Work that outlasts a request: an ingest, a look for guests, a reindex. It can be followed as it goes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import anyio
from fastapi import Path
from pydantic import ConfigDict, Field
from starlette.responses import Response

from countenance.api.context import ApiContext, may
from countenance.api.operation import answer, operation, operations, sent
from countenance.api.paging import Limit
from countenance.api.remedies import DOOR
from countenance.api.shapes import Line, Shape
from countenance.app.access.identity import Right
from countenance.app.jobs import TOLD_EVERY_S, Job
from countenance.errors import NotAllowed, NotFound
from countenance.remedies import Remedy

router = operations("jobs")
Following = Annotated[ApiContext, may(Right.COLLECT, Right.MANAGE)]
RIGHTS: Final[dict[str, Right]] = {
    "ingest": Right.COLLECT,
    "guests": Right.COLLECT,
    "reindex": Right.MANAGE,
    "backup": Right.MANAGE,
}
JobId = Annotated[UUID, Path(description="The job's id.")]
EVENTS: Final[dict[str, dict[str, Any]]] = {"text/event-stream": {"schema": {"type": "string"}}}
EXAMPLE: Final[Any] = {
    "id": "0b6f3e5c-8a55-4f0b-9d1e-0c7d3f8f5d11", "kind": "ingest", "source": "album", "state": "running",
    "progress": {"done": 512, "total": 4096, "indexed": 803, "rejected": 2}, "error": None,
    "made_at": "2026-11-23T17:00:00+00:00", "done_at": None,
}  # fmt: skip


class NewJob(Shape):
    """A new job: an `ingest` or a search for `guests` of a source, or a `reindex` of the home."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"source": "album"}, {"kind": "reindex", "model": "arcface-r50"}]}
    )

    kind: Literal["ingest", "guests", "reindex"] = Field(
        default="ingest", description="`ingest` and `guests` need the right collect, `reindex` the right manage."
    )
    source: Line | None = Field(None, description="The source of an ingest or of a search for guests.")
    prune: bool = Field(
        default=False, description="Erase pictures that were removed from the folder. The right `erase` is needed."
    )
    model: Line | None = Field(None, description="For a reindex: the new model. Null: continue an interrupted reindex.")


class JobShown(Shape):
    """The state of a job. `progress` holds counts, or the report at the end. A reindex has no source."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    id: str
    kind: str
    source: str | None
    state: Literal["queued", "running", "done", "failed", "stopped"]
    progress: dict[str, Any]
    error: dict[str, Any] | None
    made_at: str
    done_at: str | None


class Jobs(Shape):
    """The newest jobs, newest first."""

    items: list[JobShown]


@operation(router, "GET", "/jobs", answer=Jobs)
async def list_jobs(ask: Following, limit: Limit = 20) -> Response:
    """List the jobs of the last 30 days, newest first."""
    found = await ask.call(lambda: ask.home.jobs.newest(limit, source=ask.who.binding.source))
    return answer({"items": [worded(job) for job in found if ask.who.may(RIGHTS[job.kind])]})


@operation(router, "POST", "/jobs", answer=JobShown, status=202, body=NewJob)
async def start_job(ask: Following, new: Annotated[NewJob, sent(NewJob)]) -> Response:
    """Add a job to the queue. If a job of this kind is already queued for the source, the answer is that job.

    A reindex does not change searches. To switch to the new model, finish or roll back, use the command line. To
    continue a stopped reindex, start another job.
    """
    ask.who.require(RIGHTS[new.kind])
    if new.prune:
        ask.who.require(Right.ERASE)
    if new.source is not None:
        await ask.call(ask.source, new.source)
    elif ask.who.binding.source is not None:
        raise NotAllowed("a key that is bound to a source starts no work on the whole home", Remedy.USE_ANOTHER_KEY)
    options = {"prune": new.prune} if new.kind == "ingest" else {"model": new.model} if new.kind == "reindex" else {}
    job = await ask.call(lambda: ask.home.jobs.start(new.source, kind=new.kind, **options))
    return answer(worded(job), 202)


@operation(router, "GET", "/jobs/{job_id}", answer=JobShown)
async def show_job(ask: Following, job_id: JobId) -> Response:
    """Show the state of a job."""
    return answer(worded(await ask.call(_mine, ask, job_id)))


@operation(router, "POST", "/jobs/{job_id}/stop", answer=JobShown)
async def stop_job(ask: Following, job_id: JobId) -> Response:
    """Stop a job after its current step, in whichever process. Recorded results stay."""
    await ask.call(_mine, ask, job_id)
    return answer(worded(await ask.call(lambda: ask.home.jobs.stop(str(job_id)))))


@operation(router, "GET", "/jobs/{job_id}/events", media=EVENTS)
async def follow_job(ask: Following, job_id: JobId) -> Response:
    """Follow a job by server-sent events, one per change. The last event, `end`, has the outcome."""
    from sse_starlette import EventSourceResponse

    first = await ask.call(_mine, ask, job_id)
    return EventSourceResponse(_events(ask, first), ping=15)


async def _events(ask: ApiContext, job: Job) -> AsyncIterator[dict[str, str]]:
    told: Job | None = None
    uid = job.id
    while True:
        if job != told:
            yield {"event": "progress" if job.open else "end", "data": json.dumps(worded(job))}
            told = job
        if not job.open:
            return
        await anyio.sleep(TOLD_EVERY_S)
        job = await ask.call(ask.home.jobs.get, uid)


def worded(job: Job) -> dict[str, Any]:
    """The job, its error in this door's words."""
    return {**job.as_dict(), "error": job.error and DOOR.document(job.error)}


def _mine(ask: ApiContext, job_id: UUID) -> Job:
    """Raises NotFound, also for a job of a source or a kind that is none of this key's."""
    job = ask.home.jobs.get(str(job_id))
    if ask.who.binding.source not in {None, job.source} or not ask.who.may(RIGHTS[job.kind]):
        raise NotFound(f"there is no job {job_id}", Remedy.LIST_JOBS)
    return job
