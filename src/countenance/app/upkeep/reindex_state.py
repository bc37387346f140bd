"""Where a change of a home's model stands: read by the steps of a reindex, by its report and by its references."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from countenance.app.wiring import Parts
from countenance.errors import NotFound, SpaceMismatch
from countenance.pipeline.sources.subjects import without_reference
from countenance.protocols import Embedder
from countenance.records.upkeep.reindexes import Reindex, State
from countenance.remedies import Remedy
from countenance.types import EmbeddingSpace, GrantState


@dataclass(frozen=True, slots=True)
class ReindexState:
    """Where the change of one home's model stands."""

    parts: Parts

    def lost_references(self, leaving: int, staying: int) -> dict[str, tuple[str, ...]]:
        """By source, the names of subjects with a reference in the space that is left and none in the one that stays.

        Without those of grants that are over: no face is tied under them any more.
        """
        stores = self.parts.stores
        found = {}
        for source in stores.records.sources.all():
            if source.grant.state(stores.clock()) in {GrantState.IN_FORCE, GrantState.SUSPENDED}:
                never = without_reference(stores, source, leaving)
                lost = tuple(name for name in without_reference(stores, source, staying) if name not in never)
                if lost:
                    found[source.name] = lost
        return found

    def embedder_in(self, space: EmbeddingSpace) -> Embedder:
        """The embedder that made the templates of a space. Raises: NotFound; SpaceMismatch: it has other weights."""
        embedder = self.parts.embedder_of(space.model)
        if embedder.space != space:
            raise SpaceMismatch(
                f"the model {space.model} has other weights than when the reindex began: their sha256 was "
                f"{space.weights_sha256}",
                Remedy.ADD_MODEL,
            )
        return embedder

    def space_of(self, space_id: int) -> EmbeddingSpace:
        """The space of that id in the records."""
        return EmbeddingSpace(*self.parts.stores.records.sources.spaces()[space_id])

    def under_way(self) -> Reindex | None:
        """The reindex that is not done yet."""
        newest = self.parts.stores.records.reindexes.newest()
        return None if newest is None or newest.state is State.DONE else newest

    def stands_on(self, reindex: Reindex) -> dict[str, str | None]:
        """What a report holds for: both calibrations and the detector, as they are now."""
        return {
            "calibration_from": self.calibration_id(self.space_of(reindex.from_space)),
            "calibration_to": self.calibration_id(self.space_of(reindex.to_space)),
            "detector": self.parts.detector().sha256,
        }

    def report_in_force(self, reindex: Reindex) -> dict[str, Any] | None:
        """How both models did on labelled pictures (`app.reindex_report`); None: nobody measured, or it has changed."""
        report: dict[str, Any] | None = None if reindex.report is None else json.loads(reindex.report)
        return report if report is not None and report["stands_on"] == self.stands_on(reindex) else None

    def calibration_id(self, space: EmbeddingSpace) -> str | None:
        """None: it has none."""
        with suppress(NotFound, SpaceMismatch):
            return self.parts.calibration_of(space).id
        return None
