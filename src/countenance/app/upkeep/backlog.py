"""What waits in sources that may still be used: uploads for an ingest, guests for their pictures. Reads only.

Both end by themselves where `countenance serve` runs undisturbed; what stays here was begun and never ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from countenance.app.sources.collectors import UPLOAD
from countenance.pipeline.stores import Stores
from countenance.remedies import Remedy
from countenance.types import GrantState


@dataclass(frozen=True, slots=True)
class Backlog:
    """One source in which something waits."""

    source: str
    uploads: int  # handed in, neither taken nor refused by an ingest
    guests: int  # came in by a link, and not every picture was looked at for them

    def as_dict(self) -> dict[str, Any]:
        """For a door (`remedies.Door.advised`)."""
        do = [do for _, do in self.parts]
        return {"source": self.source, "uploads": self.uploads, "guests": self.guests, "do": do}

    @property
    def parts(self) -> list[tuple[str, dict[str, Any]]]:
        """(what waits, what ends that: the facts of a remedy)."""
        uploads = _many(self.uploads, "upload to be taken in", "uploads to be taken in")
        guests = _many(self.guests, "guest for their pictures", "guests for their pictures")
        return [
            (said, {"remedy": str(remedy), "values": [self.source]})
            for count, said, remedy in (
                (self.uploads, uploads, Remedy.INGEST_UPLOADS), (self.guests, guests, Remedy.SEARCH_FOR_GUESTS),
            ) if count
        ]  # fmt: skip


def waiting(stores: Stores) -> list[Backlog]:
    """Every source in which something waits, by name. One whose grant is not in force is left out: nothing may be done
    there but to resume or erase it, and `duties` names that.
    """
    now, records = stores.clock(), stores.records
    found = []
    for source in records.sources.all():
        if source.grant.state(now) is not GrantState.IN_FORCE:
            continue
        uploads = records.uploads.count_waiting(source.id) if source.kind == UPLOAD else 0
        each = Backlog(source.name, uploads, len(records.guests.waiting(source.id)))
        if each.uploads or each.guests:
            found.append(each)
    return found


def _many(count: int, one: str, more: str) -> str:
    return f"{count:,} {one if count == 1 else more}"
