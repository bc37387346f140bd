"""Backups, into the folder that whoever started the service named. Restoring one stays with the command line."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field
from starlette.responses import Response

from countenance.api.context import ApiContext, may
from countenance.api.operation import answer, operation, operations, sent
from countenance.api.paging import After, Limit, Page, page
from countenance.api.shapes import Moment, Shape
from countenance.api.upkeep.jobs import JobShown, worded
from countenance.app.access.identity import Right
from countenance.app.upkeep import backups

router = operations("backups")
Managing = Annotated[ApiContext, may(Right.MANAGE)]
EXAMPLE: Final[Any] = {
    "name": "countenance-20261124T031500Z-home-3f9c0a.backup", "bytes": 104857600,
    "backup": "0b6f3e5c-8a55-4f0b-9d1e-0c7d3f8f5d11", "made_at": "2026-11-24T03:15:00+00:00", "log_alone": False,
    "log_entries": 4211, "master_key": "9f3c0a71",
}  # fmt: skip


class NewBackup(Shape):
    """What is to be written, and whether it is tried."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"verify": True}, {"log_alone": True}]})

    log_alone: bool = Field(default=False, description="The audit log alone: small, and what a restore needs besides.")
    verify: bool = Field(default=False, description="Restore it beside itself, look it over, and remove that again.")


class Backup(Shape):
    """A backup of this home, by what its first lines say."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    name: str = Field(description="Its file's, in the folder for backups.")
    bytes: int
    backup: str = Field(description="Its id, as the log has it.")
    made_at: Moment
    log_alone: bool
    log_entries: int = Field(description="Entries of the log when it began: later ones a restore does again.")
    master_key: str = Field(description="The id of the key that opens it, which is not in it.")


class Backups(Page[Backup]):
    """Backups, the oldest first."""


@operation(router, "GET", "/backups", answer=Backups)
async def list_backups(ask: Managing, limit: Limit = 100, after: After = None) -> Response:
    """Backups of this home in the folder for them, the oldest first. Refused (400) where no folder was named."""
    return answer(page(await ask.call(backups.listed, ask.home), lambda each: (each["name"],), limit, after))


@operation(router, "POST", "/backups", answer=JobShown, status=202, body=NewBackup, optional=True)
async def make_backup(ask: Managing, new: Annotated[NewBackup, sent(NewBackup, optional=True)]) -> Response:
    """A job that writes the home to one sealed file, while it is in use. It begins when its turn comes.

    Its progress tells the bytes that are written; its end the file's name and SHA-256. Restoring stays with the
    command line.
    """
    job = await ask.call(lambda: ask.home.jobs.start(kind="backup", **new.model_dump()))
    return answer(worded(job), 202)
