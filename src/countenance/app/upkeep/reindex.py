"""`countenance reindex`: the steps of changing a home's model, each of which may be interrupted and run again."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from countenance.app.settings import free_bytes, worker_count
from countenance.app.sources.collectors import collector_of
from countenance.app.upkeep.evaluation import EvaluationService
from countenance.app.upkeep.reindex_state import ReindexState
from countenance.app.wiring import Parts
from countenance.errors import NotFound, SpaceMismatch, StorageFailed, WrongUse
from countenance.pipeline.analyse import FaceAnalyser
from countenance.pipeline.live_index import ensure_space_id
from countenance.pipeline.sources.subjects import some_names
from countenance.pipeline.upkeep.reindex import BuildReport, Reindexer
from countenance.present.labels import visible
from countenance.records.upkeep.reindexes import Reindex, State
from countenance.remedies import Remedy

Progress = Callable[[int, int], None]
FACE_BYTES = 1_500  # of the records, keys, change list and segments that a face's second template takes
SPARE_BYTES = 64 * 2**20


def _nothing() -> WrongUse:
    return WrongUse("there is no reindex", Remedy.BEGIN_REINDEX)


def _already(model: str) -> WrongUse:
    return WrongUse(f"the home is searched with {model} already", Remedy.LIST_MODELS)


@dataclass(frozen=True, slots=True)
class ReindexService:
    """Changes the model of one home."""

    parts: Parts
    evaluation: EvaluationService

    @property
    def _state(self) -> ReindexState:
        return ReindexState(self.parts)

    def begin_or_go_on(self, model: str | None, *, progress: Progress | None = None) -> dict[str, Any]:
        """Every face that can have one has a template of `model` too; searches stay as they are.

        Without `model` whatever was begun goes on, to its end: also a finish or a roll-back that was interrupted.
        Raises: WrongUse: nothing to go on with, or another model is under way; HomeBusy; NotFound; StorageFailed.
        """
        with self.parts.reindex_lock():
            reindex = self._state.under_way()
            if reindex is None:
                if model is None:
                    raise _nothing()
                reindex = self._begin(model)
            elif model is not None and model != self._state.space_of(reindex.to_space).model:
                raise self._another(reindex)
            if reindex.state in {State.FINISHING, State.ROLLING_BACK}:
                return self._end(reindex, accept_loss=True, progress=progress)
            return self._told(reindex, self._build(reindex, reindex.to_space, progress))

    def check(self, model: str | None) -> None:
        """Raises what `begin_or_go_on` would at once: WrongUse: nothing to go on with, another under way; NotFound."""
        reindex = self._state.under_way()
        if model is None and reindex is None:
            raise _nothing()
        if model is not None and reindex is not None and model != self._state.space_of(reindex.to_space).model:
            raise self._another(reindex)
        if model is not None and self.parts.embedder_of(model).space == self.parts.engine().embedder.space:
            raise _already(model)

    def switch(self, *, accept_loss: bool = False, unmeasured: bool = False) -> dict[str, Any]:
        """Searches use the new model with their next one.

        Args: unmeasured: there need be no report that holds the two models against the operator's own labels.
        Raises: WrongUse: it has no calibration, nobody measured it, or faces or references would be lost; HomeBusy: an
        ingest or a reindex is running.
        """
        with self.parts.reindex_lock(), self.parts.ingest_lock():
            reindex = self._needed(State.BUILDING)
            space = self._state.space_of(reindex.to_space)
            try:
                self.parts.calibration_of(space)
            except (NotFound, SpaceMismatch) as error:
                raise WrongUse(
                    f"{space.model} has no calibration, so no threshold or odds could be given after the switch",
                    Remedy.MEASURE_MODEL,
                    values=(space.model,),
                ) from error
            measured = self._state.report_in_force(reindex) is not None
            if not (measured or unmeasured):
                before = self._state.space_of(reindex.from_space).model
                raise WrongUse(
                    f"{space.model} was not held against {before} on labelled pictures "
                    + ("of your own" if reindex.report is None else "since a calibration or the detector changed"),
                    Remedy.COMPARE_MODELS,
                )
            if not accept_loss:
                self._refuse_loss(reindex.from_space, reindex.to_space)
            reindex = self._reindexer().switch(reindex, measured=measured)
            return self._told(reindex)

    def roll_back(self, *, accept_loss: bool = False, progress: Progress | None = None) -> dict[str, Any]:
        """Searches use the old model again at once, and all that the new one made is destroyed.

        Faces that came in after the switch get a template of the old model first.
        """
        with self.parts.reindex_lock(), self.parts.ingest_lock():
            reindex = self._needed(State.BUILDING, State.SWITCHED, State.ROLLING_BACK)
            if reindex.state is State.SWITCHED and not accept_loss:
                self._refuse_lost_references(reindex.to_space, reindex.from_space)
            if reindex.state is not State.ROLLING_BACK:
                reindex = self._reindexer().roll_back(reindex)
            return self._end(reindex, accept_loss=accept_loss, progress=progress, locked=True)

    def finish(self, *, accept_loss: bool = False, progress: Progress | None = None) -> dict[str, Any]:
        """All that the old model made is destroyed: templates, keys, segments. There is no way back."""
        with self.parts.reindex_lock(), self.parts.ingest_lock():
            reindex = self._needed(State.SWITCHED, State.FINISHING)
            if reindex.state is State.SWITCHED:
                if not accept_loss:
                    self._refuse_loss(reindex.from_space, reindex.to_space)
                reindex = self._reindexer().begin_finish(reindex)
            return self._end(reindex, accept_loss=True, progress=progress, locked=True)

    def status(self) -> dict[str, Any] | None:
        """Where a reindex stands; None: none is under way."""
        reindex = self._state.under_way()
        return None if reindex is None else self._told(reindex)

    def report(self, **labelled: Any) -> dict[str, Any]:
        """As `ReindexReporter.report`, which takes the same arguments."""
        from countenance.app.upkeep.reindex_report import ReindexReporter

        return ReindexReporter(self.parts, self.evaluation).report(**labelled)

    # --- inside ------------------------------------------------------------------------------------------------------
    def _begin(self, model: str) -> Reindex:
        embedder = self.parts.embedder_of(model)
        old = self.parts.engine().embedder.space
        if embedder.space == old:
            raise _already(model)
        stores = self.parts.stores
        to, fro = ensure_space_id(stores, embedder.space), ensure_space_id(stores, old)
        needed = stores.records.reindexes.count_lacking(to) * FACE_BYTES + SPARE_BYTES
        free = free_bytes(self.parts.path)
        if free < needed:
            raise StorageFailed(
                f"the templates of a second model need {needed / 2**20:,.0f} MB, and {free / 2**20:,.0f} MB are free",
                Remedy.FREE_SPACE,
                partly=False,
            )
        uid = uuid.uuid4()
        stores.log.append(
            "reindex.begun",
            {"reindex": str(uid), "from": [old.model, old.weights_sha256],
             "to": [embedder.space.model, embedder.space.weights_sha256]},
        )  # fmt: skip
        return stores.records.reindexes.begin(uid, fro, to, stores.clock())

    def _build(self, reindex: Reindex, space_id: int, progress: Progress | None) -> BuildReport:
        embedder = self._state.embedder_in(self._state.space_of(space_id))
        looking = {**self.parts.engine().looking(), "crops": (embedder.crop,)}
        with FaceAnalyser(workers=worker_count(None), **looking) as analyser:  # type: ignore[arg-type]  # Looking with other crops
            return self._reindexer().build(
                reindex, space_id, embedder, analyser, lambda s: collector_of(self.parts.stores, s), progress
            )

    def _end(
        self, reindex: Reindex, *, accept_loss: bool, progress: Progress | None, locked: bool = False
    ) -> dict[str, Any]:
        """What is not in the active space is destroyed."""
        if not locked:
            with self.parts.ingest_lock():
                return self._end(reindex, accept_loss=accept_loss, progress=progress, locked=True)
        self.parts.engine().eraser.resume()
        kept = self._state.space_of(reindex.active)
        if self.parts.stores.records.reindexes.count_lacking(reindex.active):
            built = self._build(reindex, reindex.active, progress)
            if built.lacking and not accept_loss:
                raise self._lost_faces(reindex.active, built.lacking, built)
        pending = self._reindexer().finish(reindex, kept)
        return {"state": str(State.DONE), "model": kept.model, "pending": list(pending)}

    def _refuse_loss(self, leaving: int, staying: int) -> None:
        """Raises WrongUse: faces or references would be lost."""
        lacking = self.parts.stores.records.reindexes.count_lacking(staying)
        if lacking:
            raise self._lost_faces(staying, lacking, None)
        self._refuse_lost_references(leaving, staying)

    def _lost_faces(self, staying: int, lacking: int, built: BuildReport | None) -> WrongUse:
        where = "" if built is None else "".join(
            f"; {source}/{visible(os.fsdecode(place))}: {why}" for source, place, why in built.why[:5]
        )  # fmt: skip
        return WrongUse(
            f"{lacking} faces have no template of {self._state.space_of(staying).model}, and would be lost{where}",
            Remedy.ACCEPT_LOSS,
        )

    def _refuse_lost_references(self, leaving: int, staying: int) -> None:
        """Raises WrongUse: subjects have a reference in the one space and none in the other."""
        lost = self._state.lost_references(leaving, staying)
        if lost:
            model = self._state.space_of(staying).model
            raise WrongUse(
                f"reference pictures are not kept, so these subjects have no reference of {model}: "
                + "; ".join(f"{some_names(names)} (source {source})" for source, names in lost.items())
                + ". No new face could be tied to them; accept_loss continues without them",
                Remedy.ENROL_REFERENCES,
                values=(next(iter(lost)),),
            )

    def _reindexer(self) -> Reindexer:
        return Reindexer(self.parts.stores, self.parts.engine().eraser)

    def _needed(self, *states: State) -> Reindex:
        reindex = self._state.under_way()
        if reindex is None:
            raise _nothing()
        if reindex.state not in states:
            raise WrongUse(
                f"the reindex is {reindex.state.replace('_', ' ')}, so this can't be done now",
                {State.BUILDING: Remedy.SWITCH_REINDEX, State.SWITCHED: Remedy.END_REINDEX}.get(
                    reindex.state, Remedy.CONTINUE_REINDEX
                ),
            )
        return reindex

    def _another(self, reindex: Reindex) -> WrongUse:
        to = self._state.space_of(reindex.to_space).model
        return WrongUse(f"a reindex to {to} is not finished", Remedy.END_REINDEX)

    def _told(self, reindex: Reindex, built: BuildReport | None = None) -> dict[str, Any]:
        lacking = self.parts.stores.records.reindexes.count_lacking(reindex.to_space)
        indexed = self.parts.stores.records.gallery.counts()["indexed"]
        leaving = reindex.to_space if reindex.state is State.ROLLING_BACK else reindex.from_space
        staying = reindex.from_space if reindex.state is State.ROLLING_BACK else reindex.to_space
        lost = self._state.lost_references(leaving, staying)
        return {
            "state": str(reindex.state),
            "from": self._state.space_of(reindex.from_space).model,
            "to": self._state.space_of(reindex.to_space).model,
            "model": self._state.space_of(reindex.active).model,
            "lacking": lacking,
            "percent": 100 if not lacking else int(100 * max(0, indexed - lacking) / max(1, indexed)),
            "references_lacking": [{"source": name, "subjects": list(lost[name])} for name in lost],
            "calibration": self._state.calibration_id(self._state.space_of(reindex.to_space)),
            "report": self._state.report_in_force(reindex),
            **({} if built is None else {"made": built.made, "why": [
                {"source": source, "place": visible(os.fsdecode(place)), "why": why} for source, place, why in built.why
            ]}),
        }  # fmt: skip
