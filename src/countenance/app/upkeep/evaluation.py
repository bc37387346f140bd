"""Measuring a model in a home, and taking what was measured as the home's calibration."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from countenance.app.inputs import purpose_of
from countenance.app.paths import path_of
from countenance.app.settings import worker_count
from countenance.app.wiring import Parts
from countenance.errors import NotFound, SpaceMismatch, WrongUse
from countenance.pipeline.analyse import FaceAnalyser
from countenance.remedies import Remedy
from countenance.types import EmbeddingSpace

if TYPE_CHECKING:
    from countenance.calibrate.calibration import Calibration
    from countenance.pipeline.upkeep.acquire import Progress
    from countenance.pipeline.upkeep.evaluate import Evaluation
    from countenance.pipeline.upkeep.labelled_pictures import Labelled


def labelled_by(people: str | os.PathLike[str] | None, pairs: str | os.PathLike[str] | None) -> Labelled:
    """The labelled pictures, named in one of two ways. Raises: WrongUse, NotFound: as `pipeline.labels`."""
    from countenance.pipeline.upkeep.labelled_pictures import read_pairs, read_people

    if (people is None) == (pairs is None):
        raise WrongUse(
            "the labelled pictures are named in exactly one way: a folder for each person, or a list of pairs",
            Remedy.KEEP_ONE_OF,
            values=("people", "pairs"),
        )
    return read_people(path_of(people)) if people is not None else read_pairs(path_of(pairs or ""))


@dataclass(frozen=True, slots=True)
class EvaluationService:
    """Measures models in one home."""

    parts: Parts

    def evaluate(
        self,
        *,
        people: str | os.PathLike[str] | None = None,
        pairs: str | os.PathLike[str] | None = None,
        groups: str | os.PathLike[str] | None = None,
        model: str | None = None,
        use: bool = False,
        purpose: str | None = None,
        case: str | None = None,
        progress: Progress | None = None,
    ) -> Evaluation:
        """A model measured on labelled pictures (docs/evaluation.md). Keeps none of them, nor their templates.

        Args: people: a folder that holds a folder a person; or pairs: a list of pairs; groups: a CSV of your own
        labels; model: by default the home's; use: what is measured becomes that model's calibration in this home;
        purpose and case: for an organisation; progress: called with (pictures done, of how many).
        Raises: NotFound, WrongUse: labels that do not fit, too little data; PolicyDenied, LogUnwritable, StorageFailed.

        Order: the log, then the calibration's file. A crash between the two leaves the calibration of before, and an
        entry that says what was about to come.
        """
        from countenance.pipeline.upkeep.evaluate import Evaluator
        from countenance.pipeline.upkeep.labelled_pictures import read_groups

        labelled = labelled_by(people, pairs)
        groupings = () if groups is None else read_groups(path_of(groups), labelled)
        embedder = self.parts.embedder_of(model)
        detector = self.parts.detector()
        with FaceAnalyser(workers=worker_count(None), detector=detector, crops=(embedder.crop,)) as analyser:
            found = Evaluator(self.parts.stores, analyser, embedder, detector, self.in_use(embedder.space)).evaluate(
                labelled, groupings, calibrate=use, purpose=purpose_of(purpose), case=case, progress=progress
            )
        if found.calibration is not None:
            self.parts.stores.log.append(
                "calibration.used",
                {
                    "calibration": found.calibration.id,
                    "model": found.space.model,
                    "weights_sha256": found.space.weights_sha256,
                    "evaluation": found.log_entry,
                },
            )
            self.parts.calibrations.keep(found.calibration)
        return found

    def write_report(self, measured: Evaluation, folder: str | os.PathLike[str]) -> Path:
        """What was measured, in that folder: a page, its JSON, two plots; returns the page. Raises StorageFailed."""
        from countenance.present.evaluation_page import write_report

        return write_report(measured, path_of(folder))

    def use_shipped(self, model: str | None = None) -> Calibration | None:
        """The home's own calibration of a model is gone; what stands now: the shipped one, or None.

        Raises: NotFound: it has none of its own, or no such model.
        """
        space = self.parts.embedder_of(model).space
        if not self.parts.calibrations.has(space):
            raise NotFound(
                f"this home has no calibration of its own for {space.model}",
                Remedy.MEASURE_MODEL,
                values=(space.model,),
            )
        self.parts.stores.log.append(
            "calibration.removed", {"model": space.model, "weights_sha256": space.weights_sha256}
        )
        self.parts.calibrations.remove(space)
        return self.in_use(space)

    def in_use(self, space: EmbeddingSpace) -> Calibration | None:
        """The calibration of a space; None: it has none yet, and is measured all the same: that is how it gets one."""
        try:
            return self.parts.calibration_of(space)
        except (NotFound, SpaceMismatch):
            return None
