"""Requests of two people in three toy pictures: what the test files about requests share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from countenance.pipeline.requests.requests import RequestWorkflow
from countenance.rights.requests import RequestedThings, RequestLimits, check_asked
from countenance.testing.toy import picture
from support.toy_home import ToyHome

ALICE: Final = "alice@10,20,60,80"
BOB: Final = "bob@100,20,150,80"
NOW: Final = datetime(2026, 11, 23, 12, tzinfo=UTC)


def desk_of(home: ToyHome, **limits: Any) -> RequestWorkflow:
    """Where requests of that home are taken."""
    return RequestWorkflow(
        home.stores, home.analyser, home.embedder, home.live, home.calibration, home.eraser, "operator",  # type: ignore[arg-type]  # a toy
        RequestLimits(**limits),
    )  # fmt: skip


def ask(kind: str = "opt-out", *, photo: bool = True, **more: Any) -> RequestedThings:
    """What somebody asks for, checked."""
    said = {"tier": None, "name": "", "contact": "", "text": "", "address": "", "face": "", **more}
    return check_asked(kind=kind, has_photo=photo, **said)


def verified(desk: RequestWorkflow, kind: str = "opt-out", name: str = "alice", **more: Any) -> Any:
    """A request that was opened and verified by two photographs."""
    opened = desk.open(ask(kind, **more), photo=picture(f"{name}@1,1,50,50", "#one"))
    desk.verify(opened.uid, photo=picture(f"{name}~~~@1,1,50,50", "#two"))
    return opened


def shown(home: ToyHome, name: str) -> set[str]:
    """The pictures that a search for that person shows."""
    leads = home.search(f"{name}@1,1,50,50").leads
    return {each.picture.uri.rpartition("/")[2] for lead in leads for each in (lead, *lead.duplicates)}
