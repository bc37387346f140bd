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

router = operations("backups")
Managing = Annotated[ApiContext, may(Right.MANAGE)]
EXAMPLE: Final[Any] = {
    "name": "countenance-20261124T031500Z-home-3f9c0a.backup", "bytes": 104857600,
    "backup": "0b6f3e5c-8a55-4f0b-9d1e-0c7d3f8f5d11", "made_at": "2026-11-24T03:15:00+00:00", "log_alone": False,
    "log_entries": 4211, "master_key": "9f3c0a71",
}  # fmt: skip


class NewBackup(Shape):
    """A new backup: its content, and whether to test it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"verify": True}, {"log_alone": True}]})

    log_alone: bool = Field(
        default=False, description="Back up only the audit log. It is small, and a restore needs it."
    )
    verify: bool = Field(default=False, description="Test the backup: restore it to a temporary folder and check it.")


class Backup(Shape):
    """A backup of this home, as its header describes it."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    name: str = Field(description="The file name in the folder for backups.")
    bytes: int
    backup: str = Field(description="The ID of the backup, as in the log.")
    made_at: Moment
    log_alone: bool
    log_entries: int = Field(description="The number of log entries at the start. A restore repeats later ones.")
    master_key: str = Field(description="The ID of the master key that opens it. The backup does not contain that key.")


@operation(router, "GET", "/backups", answer=Page[Backup])
async def list_backups(ask: Managing, limit: Limit = 100, after: After = None) -> Response:
    """List the backups of this home, oldest first. It is refused (400) if no folder for backups is set."""
    return answer(page(await ask.call(ask.home.backups.all), lambda each: (each["name"],), limit, after))


@operation(router, "POST", "/backups", answer=JobShown, status=202, body=NewBackup, optional=True)
async def make_backup(ask: Managing, new: Annotated[NewBackup, sent(NewBackup, optional=True)]) -> Response:
    """Add a job to the queue that writes an encrypted backup of the home. The home can be in use.

    Its progress shows the bytes written. Its result shows the file name and the SHA-256. To restore, use the command
    line.
    """
    job = await ask.call(lambda: ask.home.jobs.start(kind="backup", **new.model_dump()))
    return answer(worded(job), 202)
