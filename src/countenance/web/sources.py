"""Sources: where pictures come from, by which right, how far each is taken in, and what was not taken and why."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from itertools import count, islice
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from starlette.datastructures import UploadFile
from starlette.responses import Response
from starlette.routing import Route

from countenance.app.access.identity import Right
from countenance.app.sources.collectors import UPLOAD
from countenance.errors import CountenanceError, StorageFailed, WrongUse
from countenance.http.bodies import MAX_BODY_BYTES
from countenance.types import Basis, HomeKind, Purpose, RejectReason
from countenance.web.context import PageContext, page
from countenance.web.texts import later

if TYPE_CHECKING:
    from countenance.app.home import Home

REJECTED_SHOWN: Final = 100
MOST_FILES: Final = 1000  # of one form, as a directory gives them


async def _listed(ask: PageContext, error: CountenanceError | None = None) -> Response:
    def gather() -> list[dict[str, Any]]:
        return [{**ask.home.grants.counted(source), "kind": source.kind} for source in ask.home.sources()]

    household = ask.home.kind is HomeKind.HOUSEHOLD
    bases = [basis for basis in Basis if household or basis is not Basis.HOUSEHOLD]
    return ask.page(
        "sources.html.jinja", error=error,
        sources=await ask.call(gather), bases=bases, household=household,
        purposes=[purpose for purpose in Purpose if purpose is not Purpose.HOUSEHOLD],
        chosen=set(map(str, ask.form.getlist("purpose"))),
    )  # fmt: skip


listed = page(Right.COLLECT)(_listed)  # every source, and a form for another


@page(Right.COLLECT, refused=_listed)
async def add(ask: PageContext) -> Response:
    """The source stands, under its grant; or the form again, with what does not fit."""
    basis, name = ask.field("basis") or "", ask.field("name") or ""
    evidence = await ask.file("evidence", max_bytes=64 * 2**20)
    folder = None if ask.field("kind") == UPLOAD else ask.field("path")
    if folder is None and ask.field("kind") != UPLOAD:
        raise WrongUse("the folder is missing: name a folder of this machine, or choose uploads")
    await ask.call(
        lambda: ask.home.add_source(
            name, folder, basis=basis, jurisdiction=ask.field("jurisdiction") or "unknown",
            purposes=[str(each) for each in ask.form.getlist("purpose")] if basis != Basis.HOUSEHOLD else [],
            evidence=evidence or None, expires=ask.field("expires"), law=ask.field("law"),
            authority=ask.field("authority"),
        )
    )  # fmt: skip
    return ask.go(_path(name.strip()), ask.text("Source added. Now scan it for pictures."))


@page(Right.COLLECT)
async def show(ask: PageContext) -> Response:
    """One source: its grant, its counts, its pictures, what was rejected."""
    name = ask.param("name")
    home, asked = ask.home, ask.request.query_params
    reason = asked.get("reason") if asked.get("reason") in set(RejectReason) else None
    first = ask.number("from", most=99_999_999) or 0

    def gather() -> dict[str, Any]:
        source = home.source(name)
        pictures, more = home.pictures.page(name, after=ask.request.query_params.get("after"), limit=24)
        return {
            "source": {**home.grants.counted(source), "kind": source.kind}, "pictures": pictures, "more": more,
            "rejected": _rejected(home, name, reason, first), "reason": reason, "first": first,
            "listing": reason is not None or first > 0, "a_page": REJECTED_SHOWN,
            "job": next(iter(home.jobs.newest(1, source=name)), None),
            "waiting": home.uploads.waiting(name) if source.kind == UPLOAD else 0,
            "guests": source.grant.basis in {Basis.CONSENT, Basis.LICENCE}
            and Purpose.EVENT_DELIVERY in source.grant.purposes,
        }  # fmt: skip

    return ask.page("source.html.jinja", **await ask.call(gather))


@page(Right.COLLECT)
async def progress(ask: PageContext) -> Response:
    """How far the newest job of the source is: a part of its page, asked for again until it has ended."""
    name = ask.request.query_params.get("name", "")
    job = next(iter(await ask.call(ask.home.jobs.newest, 1, source=name)), None)
    ended = {"HX-Refresh": "true"} if job is not None and not job.open else None  # the page has its pictures to show
    return ask.page("source_job.html.jinja", headers=ended, job=job, source={"name": name})


@page(Right.COLLECT)
async def ingest(ask: PageContext) -> Response:
    """Its pictures are taken in, from now on until it is done."""
    name = ask.field("name") or ""
    await ask.call(ask.home.jobs.start, name)
    return ask.go(_path(name))


@page(Right.COLLECT)
async def stop(ask: PageContext) -> Response:
    """It ends at its next step; what was taken stays."""
    await ask.call(ask.home.jobs.stop, ask.field("job") or "")
    return ask.go(_path(ask.field("name") or ""), ask.text("It stops after the current step. Added pictures stay."))


@page(Right.COLLECT, max_files=MOST_FILES)
async def upload(ask: PageContext) -> Response:
    """Pictures are handed in, sealed, and taken in."""
    name = ask.field("name") or ""
    taken, refused = 0, []
    failed: StorageFailed | None = None
    for each in ask.form.getlist("pictures"):
        if isinstance(each, UploadFile) and each.filename:
            try:
                data = await each.read(MAX_BODY_BYTES)
                await ask.call(_put, ask.home, name, _place(each.filename), data)
                taken += 1
            except WrongUse as error:  # one bad name or empty file stops no other
                refused.append(f"{each.filename[:80]}: {error.message}")
            except StorageFailed as error:
                failed = error
                break
    if taken:  # what is sealed is taken in, also where the disk was full after it
        await ask.call(ask.home.jobs.start, name)
    if failed is not None:
        raise failed
    one, more = ask.text("1 picture was uploaded."), ask.text("%(count)s pictures were uploaded.")
    said = one if taken == 1 else more % {"count": taken}
    return ask.go(_path(name), " ".join([said, *refused[:5]]))


def _changes(what: str, english: str) -> Callable[[Any], Any]:
    @page(Right.ERASE if what == "takedown" else Right.COLLECT)
    async def change(ask: PageContext) -> Response:
        name = ask.field("name") or ""
        done = await ask.call(getattr(ask.home, what), name)
        if what == "takedown":
            return ask.go(f"/receipts/{done.receipt}", ask.text(english))
        return ask.go(_path(name), ask.text(english))

    return change


def _rejected(home: Home, source: str, wanted: str | None, first: int) -> list[tuple[str, str, str]]:
    """Files that were not taken, for that reason or any, from the one with that number on: a page, and one more."""
    found = home.grants.rejected([source])
    mine = (each for _, *each in found if wanted is None or each[1] == wanted)
    return [(place, reason, detail) for place, reason, detail in islice(mine, first, first + REJECTED_SHOWN + 1)]


def _put(home: Home, source: str, place: str, data: bytes) -> None:
    """At that place, or beside what stands there: two cameras both write IMG_1.jpg."""
    sha256 = hashlib.sha256(data).digest()
    stem, dot, ending = place.rpartition(".")
    for number in count(2):
        before = home.uploads.find(source, place)
        if before is None or before.sha256 == sha256:
            break
        place = f"{stem} ({number}){dot}{ending}" if stem else f"{ending} ({number})"
    home.uploads.put(source, place, data)


def _place(name: str) -> str:
    """A browser's name for a file, or its path within a directory; another system's separators are ours too."""
    return "/".join(part for part in name.replace("\\", "/").split("/") if part not in {"", ".", ".."})


def _path(name: str) -> str:
    return f"/sources/{quote(name)}"


routes = [
    Route("/sources", listed, methods=["GET"]),
    Route("/sources", add, methods=["POST"]),
    Route("/source/progress", progress, methods=["GET"]),
    Route("/source/ingest", ingest, methods=["POST"]),
    Route("/source/stop", stop, methods=["POST"]),
    Route("/source/upload", upload, methods=["POST"]),
    Route("/source/suspend", _changes("suspend", later("No search finds its faces now.")), methods=["POST"]),
    Route("/source/resume", _changes("resume", later("Its grant is in force again.")), methods=["POST"]),
    Route(
        "/source/withdraw",
        _changes("withdraw", later("Its grant is withdrawn. Erase it by the deadline.")),
        methods=["POST"],
    ),
    Route(
        "/source/takedown", _changes("takedown", later("Everything is erased. This is the receipt.")), methods=["POST"]
    ),
    Route("/sources/{name:path}", show, methods=["GET"]),
]
