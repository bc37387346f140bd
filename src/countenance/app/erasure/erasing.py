"""Erasing: what is named is gone from everything that a home keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from countenance.app.wiring import Parts
from countenance.errors import WrongUse
from countenance.pipeline.erasure.erase import ErasureReport
from countenance.pipeline.people.persons import id_of_person
from countenance.remedies import Remedy


@dataclass(frozen=True, slots=True)
class ErasureService:
    """Erases from one home."""

    parts: Parts

    def erase(
        self, *, face: str | None = None, picture: str | None = None, source: str | None = None,
        person: str | None = None, jurisdiction: str | None = None, probe: str | None = None, case: str | None = None,
        authority: str | None = None, dry_run: bool = False,
    ) -> ErasureReport:  # fmt: skip
        """One of these is gone from everything that the home keeps, and a signed receipt says so (docs/erasure.md).

        Args: person: an id, or a name that one person alone has; jurisdiction: every place in it or a part of it;
        probe: the picture kept with the search of that log entry; case: every probe kept with that case; authority: on
        whose word, by default the operator's.
        What was erased before is answered with the account of then. Raises NotFound, WrongUse.
        """
        eraser = self.parts.engine().eraser
        named = {
            "face": face, "picture": picture, "source": source, "person": person, "jurisdiction": jurisdiction,
            "probe": probe, "case": case,
        }  # fmt: skip
        chosen = [(what, value) for what, value in named.items() if value is not None]
        if len(chosen) != 1:
            remedy = Remedy.KEEP_ONE_OF if chosen else Remedy.ADD_ONE_OF
            raise WrongUse("one thing is erased at a time", remedy, values=tuple(named))
        [(what, value)] = chosen
        if what != "source":
            erase: Mapping[str, Callable[..., ErasureReport]] = {
                "face": eraser.erase_face, "picture": eraser.erase_picture, "person": eraser.erase_person,
                "jurisdiction": eraser.erase_jurisdiction, "probe": eraser.erase_probe, "case": eraser.erase_case,
            }  # fmt: skip
            if what == "person":
                value = id_of_person(self.parts.stores, value)
            return erase[what](value, authority=authority, dry_run=dry_run)
        found = next((each for each in self.parts.stores.records.sources.all() if each.name == value), None)
        if found is None:
            return eraser.earlier_source(value)
        return eraser.erase_source(found, authority=authority, dry_run=dry_run)
