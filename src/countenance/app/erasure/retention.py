"""What is due to be erased, and erasing it: ended grants, terms of retention, probes kept with cases."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from countenance.app.erasure import compaction
from countenance.app.erasure.compaction import CompactionReport
from countenance.app.erasure.erasing import ErasureService
from countenance.app.requests.requests import RequestService
from countenance.app.settings import probe_days
from countenance.app.wiring import Parts
from countenance.errors import HomeBusy
from countenance.pipeline.erasure.erase import ErasureReport
from countenance.records.sources.sources import Source
from countenance.remedies import Remedy
from countenance.rights.retention import retention_ends
from countenance.types import GrantState


@dataclass(frozen=True, slots=True)
class RetentionDuty:
    """A source that is to be erased by a day."""

    source: str
    why: str
    deadline: datetime
    now: datetime

    @property
    def overdue(self) -> bool:
        """The day is over."""
        return self.now > self.deadline

    def as_dict(self) -> dict[str, Any]:
        """For --json and `status`."""
        return {
            "source": self.source,
            "why": self.why,
            "deadline": self.deadline.isoformat(timespec="seconds"),
            "days_left": math.ceil((self.deadline - self.now) / timedelta(days=1)),
            "overdue": self.overdue,
            "do": {"remedy": str(Remedy.ERASE_SOURCE), "values": [self.source]},  # a door words it
        }


def duty_of(source: Source, now: datetime) -> RetentionDuty | None:
    """When everything of a source must be erased, the earliest of its reasons; None while it may stay.

    A term that is still running is a duty only once it has run out: nobody need do anything before.
    """
    found = [duty for duty in (_ended(source, now), _kept_long_enough(source, now)) if duty is not None]
    return min(found, key=lambda duty: duty.deadline, default=None)


def _ended(source: Source, now: datetime) -> RetentionDuty | None:
    grant = source.grant
    state = grant.state(now)
    if state not in {GrantState.WITHDRAWN, GrantState.EXPIRED}:
        return None
    # The earlier of the two, so that withdrawing what has expired puts nothing off.
    ended = min(moment for moment in (grant.withdrawn_at, grant.expires_at) if moment is not None)
    return RetentionDuty(source.name, f"its grant is {state}", ended + timedelta(days=grant.erase_within_days), now)


def _kept_long_enough(source: Source, now: datetime) -> RetentionDuty | None:
    ends = retention_ends(
        source.retention, added_at=source.added_at, interaction_at=source.interaction_at,
        purpose_met_at=source.purpose_met_at,
    )  # fmt: skip
    return None if ends is None or ends[0] > now else RetentionDuty(source.name, ends[1], ends[0], now)


@dataclass(frozen=True, slots=True)
class RetentionReport:
    """What `retain` found and did."""

    duties: tuple[RetentionDuty, ...]  # of all, the most urgent first
    erased: tuple[ErasureReport, ...]  # each with its receipt
    probes: int = 0  # kept with cases, and past their term when it was looked

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return {
            "due": [duty.as_dict() for duty in self.duties],
            "erased": [report.as_dict() for report in self.erased],
            "probes": self.probes,
        }


@dataclass(frozen=True, slots=True)
class RetentionService:
    """What is due in one home."""

    parts: Parts
    requests: RequestService
    erasures: ErasureService

    def uncompacted(self) -> int:
        """How many erasures were done since `records.db` was last written anew."""
        return compaction.due(self.parts)

    def compact(self) -> CompactionReport:
        """`records.db` is written anew and keeps nothing of what was erased. Raises: HomeBusy, StorageFailed."""
        return compaction.compact(self.parts)

    def overdue_probes(self) -> list[int]:
        """Probes that were kept with a case for their whole term (docs/erasure.md), by the ids of their searches."""
        days = probe_days()
        stores = self.parts.stores
        return stores.records.probes.kept_before(stores.clock() - timedelta(days=days))

    def retain(self, *, run: bool) -> RetentionReport:
        """Everything that is due; with `run` what is overdue is erased, a receipt each. Safe to repeat after a crash.

        Then the database is written anew if anything was erased since it last was, unless an ingest runs.
        Raises: LogUnwritable, StorageFailed, HomeBusy.
        """
        now = self.parts.stores.clock()
        found = (duty_of(source, now) for source in self.parts.stores.records.sources.all())
        duties = sorted((duty for duty in found if duty is not None), key=lambda d: d.deadline)
        probes = self.overdue_probes()
        if not run:
            return RetentionReport(tuple(duties), (), len(probes))
        self.parts.engine().eraser.resume()
        self.requests.sweep_answers()
        overdue = [duty for duty in duties if duty.overdue]
        self.parts.stores.log.append("retention.run", {"due": len(overdue), "probes": len(probes)})
        erased = [self.erasures.erase(source=duty.source, authority=f"retention: {duty.why}") for duty in overdue]
        if probes:
            term = f"retention: probes are kept for {probe_days()} days"
            erased.append(self.parts.engine().eraser.erase_probes(probes, about=None, authority=term))
        if compaction.due(self.parts):
            with suppress(HomeBusy):  # the next run does it; `status` says that it waits
                compaction.compact(self.parts)
        return RetentionReport(tuple(duties), tuple(erased), len(probes))
