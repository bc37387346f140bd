"""`countenance source references`: subjects' references in the space that a home changes to, or has changed to."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from countenance.app.paths import path_of
from countenance.app.upkeep.reindex_state import ReindexState
from countenance.app.wiring import Parts
from countenance.errors import GrantInvalid, WrongUse
from countenance.pipeline.analyse import FaceAnalyser
from countenance.pipeline.live_index import ensure_space_id
from countenance.pipeline.sources.references import enrol_again, guests_of, whom_they_name
from countenance.pipeline.sources.subjects import reference_of, without_reference
from countenance.protocols import Embedder
from countenance.records.sources.sources import SealedSubject
from countenance.records.upkeep.reindexes import BOTH_STAND, Reindex
from countenance.remedies import Remedy
from countenance.rights.subjects import SubjectLine, read_subjects
from countenance.types import GrantState


@dataclass(frozen=True, slots=True)
class ReferenceService:
    """Subjects' references in one home."""

    parts: Parts

    def add(self, name: str, subjects: str | os.PathLike[str] | Sequence[SubjectLine] | None = None) -> dict[str, Any]:
        """The subjects of a CSV, or of its lines, have a reference of the other model too, or of the home's own.

        So has every guest, by the photograph that they gave; but for those who are kept out by now.
        Raises: NotFound; GrantInvalid: names the line; WrongUse: the grant is not in force, or templates are being
        destroyed; PolicyDenied, LogUnwritable, StorageFailed.
        """
        stores, source = self.parts.stores, self.parts.stores.records.sources.get(name)
        if source.grant.state(stores.clock()) is not GrantState.IN_FORCE:
            raise WrongUse(f"the grant of {name} is not in force", Remedy.SHOW_SOURCE, values=(name,))
        state = ReindexState(self.parts)
        reindex = state.under_way()
        if reindex is not None and reindex.state not in BOTH_STAND:
            raise WrongUse("a reindex is destroying the templates of one model", Remedy.CONTINUE_REINDEX)
        active = ensure_space_id(stores, self.parts.engine().embedder.space)
        if isinstance(subjects, str | os.PathLike):
            subjects = read_subjects(path_of(subjects))
        lines = subjects or ()
        listed = [(subject, reference_of(line)) for subject, line in whom_they_name(stores, source, lines)]
        wanted, guests = (
            [
                (subject, reference, space)
                for subject, reference in those
                if (space := _space_for(subject, reindex, active)) is not None
            ]
            for those in (
                listed,
                [(guest, it) for guest, it in guests_of(stores, source) if guest.second_space is None],
            )
        )
        embedders = {space: state.embedder_in(state.space_of(space)) for space in {s for _, _, s in (*wanted, *guests)}}

        def analyser_for(embedder: Embedder) -> FaceAnalyser:
            return FaceAnalyser(
                workers=1, detector=self.parts.detector(), crops=(embedder.crop, *self.parts.kept_out.crops)
            )

        if wanted:
            enrol_again(stores, source, reindex, wanted, embedders, analyser_for, self.parts.kept_out)
        enrolled = len(wanted)
        for guest in guests:
            with suppress(GrantInvalid):  # kept out by now: then they stay among the lacking, who are named
                enrol_again(stores, source, reindex, [guest], embedders, analyser_for, self.parts.kept_out)
                enrolled += 1
        spaces = {active} if reindex is None else {reindex.from_space, reindex.to_space}
        lacking = {name for space in spaces for name in without_reference(stores, source, space)}
        return {"source": name, "enrolled": enrolled, "lacking": sorted(lacking)}


def _space_for(subject: SealedSubject, reindex: Reindex | None, active: int) -> int | None:
    """In which space the subject's reference is to be made; None: it has what it needs."""
    if reindex is None:
        return None if subject.reference_in(active) is not None else active
    if subject.second_space is not None:
        return subject.second_space  # a better picture
    return reindex.from_space if subject.space_id == reindex.to_space else reindex.to_space
