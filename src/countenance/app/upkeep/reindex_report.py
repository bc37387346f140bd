"""Both models of a reindex on the operator's own labelled pictures, side by side: what to read before the switch.

The report is counts, rates and intervals of `pipeline.evaluate`, once for each model, and says nothing of a person. It
stands in the records beside the reindex, and holds for the calibrations and the detector that it was measured with.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any, Final

from countenance.app.inputs import purpose_of
from countenance.app.settings import worker_count
from countenance.app.upkeep.evaluation import EvaluationService, labelled_by
from countenance.app.upkeep.reindex_state import ReindexState
from countenance.app.wiring import Parts
from countenance.calibrate.calibration import DEFAULT_FPIR, fmr_for, round_up_searched
from countenance.calibrate.evaluation import FMRS, FPIRS, PROMISES
from countenance.calibrate.interval import FEW
from countenance.errors import WrongUse
from countenance.pipeline.analyse import FaceAnalyser
from countenance.pipeline.upkeep.acquire import Progress
from countenance.pipeline.upkeep.evaluate import Evaluator
from countenance.pipeline.upkeep.labelled_pictures import Labelled
from countenance.present.evaluation_tables import FEW_MARK, FEW_NOTE, NOT_SHOWN, Table, one_in, percent, small, span
from countenance.present.labels import number
from countenance.records.upkeep.reindexes import BOTH_STAND, Reindex
from countenance.remedies import Remedy
from countenance.types import EmbeddingSpace, Purpose

SIDES: Final = ("from", "to")


@dataclass(frozen=True, slots=True)
class ReindexReporter:
    """Measures both models of one home's reindex."""

    parts: Parts
    evaluation: EvaluationService

    @property
    def _state(self) -> ReindexState:
        return ReindexState(self.parts)

    def report(
        self,
        *,
        people: str | os.PathLike[str] | None = None,
        pairs: str | os.PathLike[str] | None = None,
        purpose: str | None = None,
        case: str | None = None,
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        """How both models do on these labelled pictures; kept with the reindex, in place of an earlier report.

        Needs no lock: a reindex may make templates meanwhile. A crash leaves log entries, and the report of before.
        Raises: WrongUse: no reindex stands so that it could switch or go back; and as `Home.evaluate`.
        """
        reindex = self._state.under_way()
        if reindex is None or reindex.state not in BOTH_STAND:
            raise WrongUse("there are no two models to compare", Remedy.BEGIN_REINDEX)
        labelled, asked_for = labelled_by(people, pairs), purpose_of(purpose)
        stands = self._state.stands_on(reindex)
        searched = round_up_searched(self.parts.stores.records.gallery.counts()["indexed"])
        spaces = dict(
            zip(SIDES, (self._state.space_of(reindex.from_space), self._state.space_of(reindex.to_space)), strict=True)
        )
        sides = {
            side: self._measured(space, labelled, searched, asked_for, case, progress) for side, space in spaces.items()
        }
        made = {
            "made_at": self.parts.stores.clock().isoformat(timespec="seconds"),
            "detector": self.parts.detector().name,
            "protocol": sides["to"]["protocol"],
            "people": sides["to"]["people"],
            "pictures": sides["to"]["pictures"],
            "pictures_without_face": sides["to"]["pictures_without_face"],
            "searched": searched,
            "search_fmr": fmr_for(searched, DEFAULT_FPIR),
            "stands_on": stands,
            **{side: _kept(sides[side]) for side in SIDES},
        }
        self._keep(reindex, made)
        return made

    def _keep(self, reindex: Reindex, made: dict[str, Any]) -> None:
        evaluations = [made[side]["log_entry"] for side in SIDES]
        self.parts.stores.log.append("reindex.measured", {"reindex": reindex.uid, "evaluations": evaluations})
        self.parts.stores.records.reindexes.keep_report(reindex, json.dumps(made))

    def _measured(
        self,
        space: EmbeddingSpace,
        labelled: Labelled,
        searched: int,
        purpose: Purpose | None,
        case: str | None,
        progress: Progress | None,
    ) -> dict[str, Any]:
        """One model's evaluation, at the thresholds of its calibration: as promised, and of a search of this home."""
        embedder, detector = self._state.embedder_in(space), self.parts.detector()
        promises = (*PROMISES, fmr_for(searched, DEFAULT_FPIR))
        with FaceAnalyser(workers=worker_count(None), detector=detector, crops=(embedder.crop,)) as analyser:
            return (
                Evaluator(self.parts.stores, analyser, embedder, detector, self.evaluation.in_use(space), promises)
                .evaluate(labelled, purpose=purpose, case=case, progress=progress)
                .as_dict()
            )


def _kept(found: dict[str, Any]) -> dict[str, Any]:
    """Of an evaluation, what a report keeps."""
    one = found["identification"]
    points = found["verification"]["points"]
    return {
        "model": found["model"],
        "weights_sha256": found["weights_sha256"],
        "calibration": found["calibration_in_use"],
        "log_entry": found["log_entry"],
        "at_these_data": [_point(point) for point in points if point["threshold_from"] == "these data"],
        "at_its_calibration": [_point(point) for point in points if point["threshold_from"] != "these data"],
        "rank_1_missed": None if one is None else one["rank_1_missed"],
        "searches": []
        if one is None
        else [{key: each[key] for key in ("fpir_wanted", "threshold", "fpir", "fnir")} for each in one["points"]],
    }


def _point(point: dict[str, Any]) -> dict[str, Any]:
    return {key: point[key] for key in ("fmr_wanted", "threshold", "fmr", "fnmr")}


# --- for people ------------------------------------------------------------------------------------------------------
def table(made: dict[str, Any]) -> Table:
    """The report with a column a model."""
    rows: list[tuple[str, str, str]] = []
    few = False

    def add(name: str, cells: list[str]) -> None:
        nonlocal few
        few = few or any(FEW_MARK in cell for cell in cells)
        rows.append((name, cells[0], cells[1]))

    for place, which in enumerate(_thresholds(made)):
        at = [made[side]["at_its_calibration"] for side in SIDES]
        if not any(at):
            break
        points = [each[place] if each else None for each in at]
        add(f"{which}, threshold", [f"{point['threshold']:.3f}" if point else "not calibrated" for point in points])
        add("  FMR", [_cell(point and point["fmr"], small) for point in points])
        add("  FNMR", [_cell(point and point["fnmr"], percent) for point in points])
    for wanted in FMRS:
        found = [_at(made[side]["at_these_data"], "fmr_wanted", wanted) for side in SIDES]
        if any(found):
            add(f"FNMR at an FMR here of {one_in(wanted)}", [_cell(each and each["fnmr"], percent) for each in found])
    if made["to"]["rank_1_missed"] is not None:
        add("found at rank 1", [_cell(_turned(made[side]["rank_1_missed"]), percent) for side in SIDES])
        for wanted in FPIRS:
            found = [_at(made[side]["searches"], "fpir_wanted", wanted) for side in SIDES]
            add(f"TPIR at FPIR {percent(wanted)}", [_cell(_turned(each and each["fnir"]), percent) for each in found])
    return Table(
        "Both models on your own pictures",
        (_on(made),),
        ("", made["from"]["model"], made["to"]["model"]),
        tuple(rows),
        (*_said(made), *([FEW_NOTE] if few else [])),
    )


def _thresholds(made: dict[str, Any]) -> list[str]:
    """What the thresholds of a calibration are for, in the order in which `_measured` asked for them."""
    search = f"Search of {number(made['searched'])} faces at FPIR {percent(DEFAULT_FPIR)}"
    return [*(f"For FMR {one_in(fmr)}" for fmr in PROMISES), search]


def _on(made: dict[str, Any]) -> str:
    pictures = f"{number(made['pictures'])} labelled pictures"
    whose = pictures if made["people"] is None else f"{pictures} of {number(made['people'])} people"
    return (
        f"{whose}, {number(made['pictures_without_face'])} of them without a found face; {made['made_at']}. "
        "Brackets show 95 % intervals. FMR: strangers counted as one person; FNMR: same-person pairs missed."
    )


def _said(made: dict[str, Any]) -> list[str]:
    """In what the new model differs from the old one by more than chance explains: where no interval overlaps."""
    better, worse = [], []
    for what, (old, new) in _misses(made).items():
        if new["high"] < old["low"]:
            better.append(what)
        elif new["low"] > old["high"]:
            worse.append(what)
    said = [f"{made['to']['model']} misses clearly {word} {', '.join(found)}." for word, found in
            (("less", better), ("more", worse)) if found]  # fmt: skip
    return said or ["What they miss differs by no more than these pictures can show: the intervals overlap."]


def _misses(made: dict[str, Any]) -> dict[str, tuple[dict[str, float], dict[str, float]]]:
    """(the old model's, the new one's) rate of misses, of whatever both have."""
    old, new = (made[side] for side in SIDES)
    found = {}
    for wanted in FMRS:
        pair = [_at(side["at_these_data"], "fmr_wanted", wanted) for side in (old, new)]
        if pair[0] and pair[1]:
            found[f"at an FMR of {one_in(wanted)}"] = pair[0]["fnmr"], pair[1]["fnmr"]
    if old["rank_1_missed"] and new["rank_1_missed"]:
        found["at rank 1"] = old["rank_1_missed"], new["rank_1_missed"]
    for wanted in FPIRS:
        pair = [_at(side["searches"], "fpir_wanted", wanted) for side in (old, new)]
        if pair[0] and pair[1]:
            found[f"at FPIR {percent(wanted)}"] = pair[0]["fnir"], pair[1]["fnir"]
    return found


def _at(points: list[dict[str, Any]], key: str, wanted: float) -> dict[str, Any] | None:
    return next((point for point in points if point[key] == wanted), None)


def _turned(missed: dict[str, Any] | None) -> dict[str, Any] | None:
    """The share found, of a rate of misses; the errors that carry it stay."""
    if missed is None or missed["rate"] is None:
        return missed
    return {**missed, "rate": 1 - missed["rate"], "low": 1 - missed["high"], "high": 1 - missed["low"]}


def _cell(rate: dict[str, Any] | None, say: Any) -> str:
    if rate is None:
        return NOT_SHOWN
    if rate["rate"] is None:
        return "no trial"
    mark = FEW_MARK if rate["errors"] < FEW else ""
    return f"{say(rate['rate'])}{mark} ({span(say(rate['low']), say(rate['high']))})"
