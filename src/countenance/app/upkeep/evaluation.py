"""Measuring a model in a home, and taking what was measured as the home's calibration."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from countenance.app.paths import path_of
from countenance.app.settings import worker_count
from countenance.errors import NotFound, SpaceMismatch, WrongUse
from countenance.pipeline.analyse import FaceAnalyser
from countenance.pipeline.upkeep.acquire import Progress
from countenance.pipeline.upkeep.evaluate import Evaluation, Evaluator
from countenance.pipeline.upkeep.labelled_pictures import Labelled, read_groups, read_pairs, read_people
from countenance.types import EmbeddingSpace, Purpose

if TYPE_CHECKING:
    from countenance.app.wiring import Parts
    from countenance.calibrate.calibration import Calibration


def evaluate(
    parts: Parts,
    *,
    people: str | os.PathLike[str] | None,
    pairs: str | os.PathLike[str] | None,
    groups: str | os.PathLike[str] | None,
    model: str | None,
    use: bool,
    purpose: Purpose | None,
    case: str | None,
    progress: Progress | None,
) -> Evaluation:
    """The measures of labelled pictures; with `use`, they are the model's calibration in this home from now on.

    Log first, then the file: a crash between the two leaves the calibration of before, and an entry that says what was
    about to come. Raises: as `Home.evaluate`.
    """
    labelled = labelled_by(people, pairs)
    groupings = () if groups is None else read_groups(_path(groups), labelled)
    embedder = parts.embedder_of(model)
    detector = parts.detector()
    with FaceAnalyser(workers=worker_count(None), detector=detector, crops=(embedder.crop,)) as analyser:
        found = Evaluator(parts.stores, analyser, embedder, detector, in_use(parts, embedder.space)).evaluate(
            labelled, groupings, calibrate=use, purpose=purpose, case=case, progress=progress
        )
    if found.calibration is not None:
        parts.stores.log.append(
            "calibration.used",
            {
                "calibration": found.calibration.id,
                "model": found.space.model,
                "weights_sha256": found.space.weights_sha256,
                "evaluation": found.log_entry,
            },
        )
        parts.calibrations.keep(found.calibration)
    return found


def labelled_by(people: str | os.PathLike[str] | None, pairs: str | os.PathLike[str] | None) -> Labelled:
    """The labelled pictures, named in one of two ways. Raises: WrongUse, NotFound: as `pipeline.labels`."""
    if (people is None) == (pairs is None):
        raise WrongUse("the labelled pictures are named in one way", "--people DIR, a folder a person, or --pairs FILE")
    return read_people(path_of(people)) if people is not None else read_pairs(_path(pairs))


def use_shipped(parts: Parts, model: str | None) -> Calibration | None:
    """The home's own calibration of a model is gone; what stands now: the shipped one, or None.

    Raises: NotFound: it has none of its own, or no such model.
    """
    space = parts.embedder_of(model).space
    if not parts.calibrations.has(space):
        raise NotFound(
            f"this home has no calibration of its own for {space.model}",
            "`countenance evaluate --people DIR --use` measures one",
        )
    parts.stores.log.append("calibration.removed", {"model": space.model, "weights_sha256": space.weights_sha256})
    parts.calibrations.remove(space)
    return in_use(parts, space)


def in_use(parts: Parts, space: EmbeddingSpace) -> Calibration | None:
    """The calibration of a space; a model that has none yet can be measured all the same: that is how it gets one."""
    try:
        return parts.calibration_of(space)
    except (NotFound, SpaceMismatch):
        return None


def _path(name: str | os.PathLike[str] | None) -> Path:
    return path_of(name or "")
