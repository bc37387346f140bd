"""`countenance reindex`: the steps of changing a home's model, each of which may be interrupted and run again."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from countenance.app.settings import free_bytes, worker_count
from countenance.app.sources.collectors import collector_of
from countenance.errors import NotFound, SpaceMismatch, StorageFailed, WrongUse
from countenance.pipeline.analyse import FaceAnalyser
from countenance.pipeline.live_index import ensure_space_id
from countenance.pipeline.sources.subjects import some_names, without_reference
from countenance.pipeline.upkeep.reindex import BuildReport, Reindexer
from countenance.present.labels import visible
from countenance.protocols import Embedder
from countenance.records.upkeep.reindexes import Reindex, State
from countenance.types import EmbeddingSpace, GrantState

if TYPE_CHECKING:
    from countenance.app.home import Home

Progress = Callable[[int, int], None]
FACE_BYTES = 1_500  # of the records, keys, change list and segments that a face's second template takes
SPARE_BYTES = 64 * 2**20


def begin_or_go_on(home: Home, model: str | None, *, progress: Progress | None = None) -> dict[str, Any]:
    """Every face that can have one has a template of `model` too; searches stay as they are.

    Without `model` whatever was begun goes on, to its end: also a finish or a roll-back that was interrupted.
    Raises: WrongUse: nothing to go on with, or another model is under way; HomeBusy; NotFound; StorageFailed.
    """
    with home.parts.reindex_lock():
        reindex = under_way(home)
        if reindex is None:
            if model is None:
                raise _nothing()
            reindex = _begin(home, model)
        elif model is not None and model != space_of(home, reindex.to_space).model:
            raise _another(home, reindex)
        if reindex.state in {State.FINISHING, State.ROLLING_BACK}:
            return _end(home, reindex, accept_loss=True, progress=progress)
        return _told(home, reindex, _build(home, reindex, reindex.to_space, progress))


def check(home: Home, model: str | None) -> None:
    """Raises what `begin_or_go_on` would at once: WrongUse: nothing to go on with, another under way; NotFound."""
    reindex = under_way(home)
    if model is None and reindex is None:
        raise _nothing()
    if model is not None and reindex is not None and model != space_of(home, reindex.to_space).model:
        raise _another(home, reindex)
    if model is not None and home.parts.embedder_of(model).space == home.parts.engine().embedder.space:
        raise _already(model)


def switch(home: Home, *, accept_loss: bool = False, unmeasured: bool = False) -> dict[str, Any]:
    """Searches use the new model with their next one.

    Args: unmeasured: there need be no report that holds the two models against the operator's own labels.
    Raises: WrongUse: it has no calibration, nobody measured it, or faces or references would be lost; HomeBusy: an
    ingest or a reindex is running.
    """
    with home.parts.reindex_lock(), home.parts.ingest_lock():
        reindex = _needed(home, State.BUILDING)
        space = space_of(home, reindex.to_space)
        try:
            home.parts.calibration_of(space)
        except (NotFound, SpaceMismatch) as error:
            raise WrongUse(
                f"{space.model} has no calibration, so no threshold or odds could be given after the switch",
                "measure it on your own labelled pictures, or add the model with its calibration: docs/reindex.md",
            ) from error
        measured = report_in_force(home, reindex) is not None
        if not (measured or unmeasured):
            raise WrongUse(
                f"{space.model} was not held against {space_of(home, reindex.from_space).model} on labelled pictures "
                + ("of your own" if reindex.report is None else "since a calibration or the detector changed"),
                "`countenance reindex --people DIR` reports how both do; --unmeasured switches without knowing",
            )
        if not accept_loss:
            _refuse_loss(home, reindex.from_space, reindex.to_space)
        reindex = _reindexer(home).switch(reindex, measured=measured)
        return _told(home, reindex)


def roll_back(home: Home, *, accept_loss: bool = False, progress: Progress | None = None) -> dict[str, Any]:
    """Searches use the old model again at once, and all that the new one made is destroyed.

    Faces that came in after the switch get a template of the old model first.
    """
    with home.parts.reindex_lock(), home.parts.ingest_lock():
        reindex = _needed(home, State.BUILDING, State.SWITCHED, State.ROLLING_BACK)
        if reindex.state is State.SWITCHED and not accept_loss:
            _refuse_lost_references(home, reindex.to_space, reindex.from_space)
        if reindex.state is not State.ROLLING_BACK:
            reindex = _reindexer(home).roll_back(reindex)
        return _end(home, reindex, accept_loss=accept_loss, progress=progress, locked=True)


def finish(home: Home, *, accept_loss: bool = False, progress: Progress | None = None) -> dict[str, Any]:
    """All that the old model made is destroyed: templates, keys, segments. There is no way back."""
    with home.parts.reindex_lock(), home.parts.ingest_lock():
        reindex = _needed(home, State.SWITCHED, State.FINISHING)
        if reindex.state is State.SWITCHED:
            if not accept_loss:
                _refuse_loss(home, reindex.from_space, reindex.to_space)
            reindex = _reindexer(home).begin_finish(reindex)
        return _end(home, reindex, accept_loss=True, progress=progress, locked=True)


def status(home: Home) -> dict[str, Any] | None:
    """Where a reindex stands; None: none is under way."""
    reindex = under_way(home)
    return None if reindex is None else _told(home, reindex)


# --- inside ----------------------------------------------------------------------------------------------------------
def _begin(home: Home, model: str) -> Reindex:
    embedder = home.parts.embedder_of(model)
    old = home.parts.engine().embedder.space
    if embedder.space == old:
        raise _already(model)
    stores = home.parts.stores
    to, fro = ensure_space_id(stores, embedder.space), ensure_space_id(stores, old)
    needed = stores.records.reindexes.count_lacking(to) * FACE_BYTES + SPARE_BYTES
    free = free_bytes(home.path)
    if free < needed:
        raise StorageFailed(
            f"the templates of a second model need {needed / 2**20:,.0f} MB, and {free / 2**20:,.0f} MB are free",
            "free some space and run the same command again; nothing was begun",
        )
    uid = uuid.uuid4()
    stores.log.append(
        "reindex.begun",
        {"reindex": str(uid), "from": [old.model, old.weights_sha256],
         "to": [embedder.space.model, embedder.space.weights_sha256]},
    )  # fmt: skip
    return stores.records.reindexes.begin(uid, fro, to, stores.clock())


def _build(home: Home, reindex: Reindex, space_id: int, progress: Progress | None) -> BuildReport:
    embedder = embedder_in(home, space_of(home, space_id))
    looking = {**home.parts.engine().looking(), "crops": (embedder.crop,)}
    with FaceAnalyser(workers=worker_count(None), **looking) as analyser:  # type: ignore[arg-type]  # Looking with other crops
        return _reindexer(home).build(
            reindex, space_id, embedder, analyser, lambda s: collector_of(home.parts.stores, s), progress
        )


def _end(
    home: Home, reindex: Reindex, *, accept_loss: bool, progress: Progress | None, locked: bool = False
) -> dict[str, Any]:
    """What is not in the active space is destroyed."""
    if not locked:
        with home.parts.ingest_lock():
            return _end(home, reindex, accept_loss=accept_loss, progress=progress, locked=True)
    home.parts.engine().eraser.resume()
    kept = space_of(home, reindex.active)
    if home.parts.stores.records.reindexes.count_lacking(reindex.active):
        built = _build(home, reindex, reindex.active, progress)
        if built.lacking and not accept_loss:
            raise _lost_faces(home, reindex.active, built.lacking, built)
    pending = _reindexer(home).finish(reindex, kept)
    return {"state": str(State.DONE), "model": kept.model, "pending": list(pending)}


def _refuse_loss(home: Home, leaving: int, staying: int) -> None:
    """Raises WrongUse: faces or references would be lost."""
    lacking = home.parts.stores.records.reindexes.count_lacking(staying)
    if lacking:
        raise _lost_faces(home, staying, lacking, None)
    _refuse_lost_references(home, leaving, staying)


def _lost_faces(home: Home, staying: int, lacking: int, built: BuildReport | None) -> WrongUse:
    where = "" if built is None else "".join(
        f"; {source}/{visible(os.fsdecode(place))}: {why}" for source, place, why in built.why[:5]
    )  # fmt: skip
    return WrongUse(
        f"{lacking} faces have no template of {space_of(home, staying).model}, and would be lost{where}",
        "`countenance reindex` tries again and names them; --accept-loss goes on without them",
    )


def _refuse_lost_references(home: Home, leaving: int, staying: int) -> None:
    """Raises WrongUse: subjects have a reference in the one space and none in the other."""
    lost = lost_references(home, leaving, staying)
    if lost:
        raise WrongUse(
            f"reference pictures are not kept, so these subjects have no reference of {space_of(home, staying).model}: "
            + "; ".join(f"{some_names(names)} (source {source})" for source, names in lost.items())
            + ". No new face could be tied to them",
            f"enrol them from the same list: countenance source references {next(iter(lost))} LIST.csv; "
            "--accept-loss goes on without them",
        )


def lost_references(home: Home, leaving: int, staying: int) -> dict[str, tuple[str, ...]]:
    """By source, the names of subjects who have a reference in the space that is left and none in the one that stays.

    Without those of grants that are over: no face is tied under them any more.
    """
    stores = home.parts.stores
    found = {}
    for source in stores.records.sources.all():
        if source.grant.state(stores.clock()) in {GrantState.IN_FORCE, GrantState.SUSPENDED}:
            never = without_reference(stores, source, leaving)
            lost = tuple(name for name in without_reference(stores, source, staying) if name not in never)
            if lost:
                found[source.name] = lost
    return found


def embedder_in(home: Home, space: EmbeddingSpace) -> Embedder:
    """The embedder of a space that templates were made in. Raises: NotFound; SpaceMismatch: it has other weights."""
    embedder = home.parts.embedder_of(space.model)
    if embedder.space != space:
        raise SpaceMismatch(
            f"the model {space.model} has other weights than when the reindex began",
            "bring back the model with the sha256 " + space.weights_sha256,
        )
    return embedder


def _reindexer(home: Home) -> Reindexer:
    return Reindexer(home.parts.stores, home.parts.engine().eraser)


def space_of(home: Home, space_id: int) -> EmbeddingSpace:
    """The space of that id in the records."""
    return EmbeddingSpace(*home.parts.stores.records.sources.spaces()[space_id])


def under_way(home: Home) -> Reindex | None:
    """The reindex that is not done yet."""
    newest = home.parts.stores.records.reindexes.newest()
    return None if newest is None or newest.state is State.DONE else newest


def _needed(home: Home, *states: State) -> Reindex:
    reindex = under_way(home)
    if reindex is None:
        raise _nothing()
    if reindex.state not in states:
        raise WrongUse(
            f"the reindex is {reindex.state.replace('_', ' ')}, so this can't be done now",
            {State.BUILDING: "first --switch", State.SWITCHED: "--finish, or --roll-back"}.get(
                reindex.state, "`countenance reindex` goes on with it"
            ),
        )
    return reindex


def _nothing() -> WrongUse:
    return WrongUse("no reindex is under way", "begin one: countenance reindex --model NAME")


def _another(home: Home, reindex: Reindex) -> WrongUse:
    to = space_of(home, reindex.to_space).model
    return WrongUse(f"a reindex to {to} is under way", "end it first: --finish, or --roll-back")


def _already(model: str) -> WrongUse:
    return WrongUse(f"the home is searched with {model} already", "`countenance model list` names the others")


def stands_on(home: Home, reindex: Reindex) -> dict[str, str | None]:
    """What a report holds for: both calibrations and the detector, as they are now."""
    return {
        "calibration_from": _calibration_id(home, space_of(home, reindex.from_space)),
        "calibration_to": _calibration_id(home, space_of(home, reindex.to_space)),
        "detector": home.parts.detector().sha256,
    }


def report_in_force(home: Home, reindex: Reindex) -> dict[str, Any] | None:
    """How both models did on labelled pictures (`app.reindex_report`); None: nobody measured, or it has changed."""
    report: dict[str, Any] | None = None if reindex.report is None else json.loads(reindex.report)
    return report if report is not None and report["stands_on"] == stands_on(home, reindex) else None


def _calibration_id(home: Home, space: EmbeddingSpace) -> str | None:
    with suppress(NotFound, SpaceMismatch):
        return home.parts.calibration_of(space).id
    return None


def _told(home: Home, reindex: Reindex, built: BuildReport | None = None) -> dict[str, Any]:
    lacking = home.parts.stores.records.reindexes.count_lacking(reindex.to_space)
    indexed = home.parts.stores.records.gallery.counts()["indexed"]
    leaving = reindex.to_space if reindex.state is State.ROLLING_BACK else reindex.from_space
    staying = reindex.from_space if reindex.state is State.ROLLING_BACK else reindex.to_space
    lost = lost_references(home, leaving, staying)
    return {
        "state": str(reindex.state),
        "from": space_of(home, reindex.from_space).model,
        "to": space_of(home, reindex.to_space).model,
        "model": space_of(home, reindex.active).model,
        "lacking": lacking,
        "percent": 100 if not lacking else int(100 * max(0, indexed - lacking) / max(1, indexed)),
        "references_lacking": [{"source": name, "subjects": list(lost[name])} for name in lost],
        "calibration": _calibration_id(home, space_of(home, reindex.to_space)),
        "report": report_in_force(home, reindex),
        **({} if built is None else {"made": built.made, "why": [
            {"source": source, "place": visible(os.fsdecode(place)), "why": why} for source, place, why in built.why
        ]}),
    }  # fmt: skip
