"""A model measured on labelled pictures: read, look, decide, log, embed in memory, measure, drop.

No picture, crop or template is kept: what comes out is counts, rates and histograms. The templates are made under the
permit of `compare`, for pictures that the asker brings, decided and logged a batch.
"""

from __future__ import annotations

import importlib.metadata
import platform
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from countenance.calibrate.calibration import Calibration
from countenance.calibrate.evaluation import PROMISES, LostComparisons, Measurements, measure
from countenance.calibrate.measure import METHOD, check_enough, measured
from countenance.calibrate.pairs import EveryPair, GivenPairs, Labels, Pairs
from countenance.cases.reference import check_reference
from countenance.errors import WrongUse
from countenance.permits import Act, Permit
from countenance.pipeline.analyse import FaceAnalyser
from countenance.pipeline.stores import Stores
from countenance.pipeline.upkeep.acquire import LabelledTemplates, PermitFor, Progress, acquire
from countenance.pipeline.upkeep.labelled_pictures import Labelled
from countenance.policy.facts import BROUGHT
from countenance.protocols import Embedder
from countenance.remedies import Remedy
from countenance.types import EmbeddingSpace, HomeKind, Purpose
from countenance.weights.model import Model

PACKAGES: Final = ("countenance", "numpy", "onnxruntime", "pillow")
ROAD: Final = (
    "Every picture by the production road (countenance.pipeline.analyse at its defaults, then the embedder); of "
    "several faces the most central; "
)


@dataclass(frozen=True, slots=True)
class ExcludedPictures:
    """Labelled pictures or pairs that were left out, and why. Nothing else is."""

    why: str
    count: int
    names: tuple[str, ...]  # of all of them


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What `evaluate` answers."""

    space: EmbeddingSpace
    detector: str
    made_at: str  # RFC 3339, UTC
    log_entry: str
    listed: bool  # by a list of pairs, not a folder a person
    people: int | None  # None: a list of pairs names no people
    pictures: int  # labelled, decoded, in the measures or without a face
    without_face: int
    people_without_face: int | None  # of whom not one picture shows a face: they can't be enrolled
    several: int
    excluded: tuple[ExcludedPictures, ...]
    in_use: str | None  # id of the calibration whose thresholds were held against the data
    measures: Measurements
    calibration: Calibration | None  # measured from the same data, if it was asked for

    def as_dict(self) -> dict[str, Any]:
        """For --json and report.json."""
        return {
            "model": self.space.model,
            "weights_sha256": self.space.weights_sha256,
            "detector": self.detector,
            "made_at": self.made_at,
            "log_entry": self.log_entry,
            "protocol": "listed pairs" if self.listed else "every pair",
            "people": self.people,
            "pictures": self.pictures,
            "pictures_without_face": self.without_face,
            "people_without_face": self.people_without_face,
            "pictures_with_several_faces": self.several,
            "excluded": [{"why": each.why, "count": each.count, "names": list(each.names)} for each in self.excluded],
            "calibration_in_use": self.in_use,
            **self.measures.as_dict(),
            "calibration_measured": None if self.calibration is None else self.calibration.id,
        }


@dataclass(frozen=True, slots=True)
class Evaluator:
    """Measures one model in one home."""

    stores: Stores
    analyser: FaceAnalyser
    embedder: Embedder
    detector: Model  # with which `analyser` looks
    in_use: Calibration | None  # of the embedder's space; None: it has none yet
    promises: tuple[float, ...] = PROMISES  # FMRs whose thresholds, by that calibration, are held against the data

    def evaluate(
        self,
        labelled: Labelled,
        groupings: Sequence[Labels] = (),
        *,
        calibrate: bool = False,
        purpose: Purpose | None = None,
        case: str | None = None,
        progress: Progress | None = None,
    ) -> Evaluation:
        """The measures of these pictures. Nothing of them is kept; a crash leaves log entries and nothing else.

        Raises: WrongUse: too little to measure or, with `calibrate`, to calibrate; PolicyDenied, LogUnwritable.
        """
        if calibrate:
            _check_worth_calibrating(labelled)
        permit_for, evaluation = self._begin(labelled, purpose, case)
        got = acquire(labelled, self.analyser, self.embedder, permit_for, progress)
        used = _Used(labelled, got, groupings)
        if len(used.pairs.people) < 2:
            raise WrongUse(
                f"{len(used.pairs.people) or 'no'} labelled pictures show a usable face; at least two are needed",
                Remedy.USE_CLEARER_PICTURE,
            )
        measures = measure(used.pairs, used.lost, used.groupings, self.in_use, self.promises)
        calibration = None
        if calibrate and isinstance(used.pairs, EveryPair):
            whose, date = "labelled pictures of this home's operator", self.stores.clock().date()
            about = about_these(labelled, got, self.detector, whose, date)
            calibration = measured(used.pairs, measures.found, self.embedder.space, about)
        self.stores.log.append(
            "evaluate.ended",
            {
                "evaluation": evaluation,
                "embedded": len(got.rows),
                "without_face": len(got.without_face),
                "excluded": sum(each.count for each in used.excluded),
            },
        )
        return Evaluation(
            space=self.embedder.space,
            detector=self.detector.name,
            made_at=self.stores.clock().isoformat(timespec="seconds"),
            log_entry=evaluation,
            listed=labelled.pairs is not None,
            people=None if labelled.pairs is not None else len(labelled.persons),
            pictures=used.pictures,
            without_face=len(got.without_face),
            people_without_face=used.people_without_face,
            several=got.several,
            excluded=used.excluded,
            in_use=None if self.in_use is None else self.in_use.id,
            measures=measures,
            calibration=calibration,
        )

    def _begin(self, labelled: Labelled, purpose: Purpose | None, case: str | None) -> tuple[PermitFor, str]:
        """What gives a permit for a batch, and the log's name for this evaluation; a refusal comes before any work."""
        if case is not None:
            check_reference(case)
        if self.stores.kind is HomeKind.ORGANISATION and purpose is None:
            raise WrongUse(
                "an organisation's evaluation needs a purpose",
                Remedy.ADD_FIELD,
                field="purpose",
                values=(Purpose.RESEARCH,),
            )
        ask = self.stores.ask(Act.SEARCH, purpose=purpose, has_case=case is not None, brought=True)
        begun = self.stores.log.append(
            "evaluate.begun",
            {
                "model": self.embedder.space.model,
                "weights_sha256": self.embedder.space.weights_sha256,
                "pictures": len(labelled.pictures),
                "pairs": None if labelled.pairs is None else len(labelled.pairs.first),
            },
        )

        def permit_for(pictures: Sequence[bytes]) -> Permit:
            record = {
                "evaluation": begun.id,
                "pictures": [self.stores.pseudonym("probe", sha256) for sha256 in pictures],
                "case": self.stores.pseudonym("case", case.encode()) if case else None,
            }
            return self.stores.policy.decide(ask, classes=frozenset({BROUGHT}), record=record)[0]

        permit_for(())
        return permit_for, begun.id


def about_these(labelled: Labelled, got: LabelledTemplates, detector: Model, data: str, date: object) -> dict[str, Any]:
    """What a calibration says of how it was measured; `data` says whose pictures they are."""
    return {
        "protocol": ROAD + METHOD,
        "date": str(date),
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES}
        | {"python": platform.python_version()},
        "detector": {"model": detector.name, "weights_sha256": detector.sha256},
        "data": data,
        "people": len(np.unique(labelled.people[got.rows])),
        "pictures": len(labelled.pictures),
        "pictures_without_face": len(labelled.pictures) - len(got.rows),
        "pictures_with_several_faces": got.several,
    }


def _check_worth_calibrating(labelled: Labelled) -> None:
    """Raises: WrongUse: even if every picture shows a face these are too few, or they are listed pairs."""
    if labelled.pairs is not None:
        raise WrongUse(
            "a calibration is measured over all pairs of known people, and a list of pairs names no people",
            Remedy.ADD_FIELD,
            field="people",
        )
    counts = np.bincount(labelled.people)
    genuine = int((counts * (counts - 1)).sum()) // 2
    check_enough(len(counts), len(labelled.people) * (len(labelled.people) - 1) // 2 - genuine, genuine)


# --- what may be measured --------------------------------------------------------------------------------------------
class _Used:
    """The acquired rows less what contradicts or repeats itself, as pairs; and what that leaves out, counted."""

    def __init__(self, labelled: Labelled, got: LabelledTemplates, groupings: Sequence[Labels]) -> None:
        self._labelled = labelled
        excluded: dict[str, list[str]] = defaultdict(list)
        for place, rejected in got.rejected:
            why = f"not a usable picture: {rejected.reason.replace('_', ' ')}"
            excluded[why].append(labelled.names[place])
        out = {place for place, _ in got.rejected}
        if labelled.pairs is None:
            out |= _repeated(labelled, got, excluded)
        keep = np.array([place not in out for place in got.rows], bool)
        self.rows = got.rows[keep]
        missed = np.array([place for place in got.without_face if place not in out], np.int64)
        self.pictures = len(self.rows) + len(missed)
        people, persons = labelled.people[self.rows], len(labelled.persons)
        self.pairs: Pairs
        if labelled.pairs is None:
            self.pairs = EveryPair(got.vectors[keep], people, persons)
            self.lost = _lost_of_every(people, labelled.people[missed], persons)
            shown = np.bincount(people, minlength=persons)
            self.people_without_face: int | None = int(
                ((shown == 0) & (np.bincount(labelled.people[missed], minlength=persons) > 0)).sum()
            )
        else:
            self.pairs, self.lost = self._listed(got, people, set(missed.tolist()), out, excluded)
            self.people_without_face = None
        self.groupings = [
            (
                Labels(labels.attribute, labels.names, labels.codes[self.rows]),
                Counter(labels.names[code] for code in labels.codes[missed] if code >= 0),
            )
            for labels in groupings
        ]
        for name, why in labelled.ignored:
            excluded[why].append(name)
        self.excluded = tuple(ExcludedPictures(why, len(names), tuple(names)) for why, names in excluded.items())

    def _listed(
        self,
        got: LabelledTemplates,
        people: NDArray[np.int64],
        missed: set[int],
        out: set[int],
        excluded: Mapping[str, list[str]],
    ) -> tuple[GivenPairs, LostComparisons]:
        """The listed pairs that can be measured, and those that a picture without a face has cost."""
        labelled, listed = self._labelled, self._labelled.pairs
        assert listed is not None
        row = {int(place): number for number, place in enumerate(self.rows)}
        lost_genuine, lost_impostor = np.zeros(len(labelled.persons), np.int64), 0
        first, second = [], []
        for a, b in zip(listed.first.tolist(), listed.second.tolist(), strict=True):
            name = f"{labelled.names[a]}, {labelled.names[b]}"
            if a == b or (got.sha256[a] and got.sha256[a] == got.sha256[b]):
                excluded["a pair of a picture with itself"].append(name)
            elif a in out or b in out:
                excluded["a pair with a file that is not a usable picture"].append(name)
            elif a in missed or b in missed:
                if labelled.people[a] == labelled.people[b]:
                    lost_genuine[labelled.people[a]] += 1
                else:
                    lost_impostor += 1
            else:
                first.append(row[a])
                second.append(row[b])
        excluded["a line that repeats a pair"] += listed.repeated
        pairs = GivenPairs(
            got.vectors, people, len(labelled.persons), np.array(first, np.int64), np.array(second, np.int64)
        )
        return pairs, LostComparisons(lost_genuine, lost_impostor, np.zeros(len(labelled.persons), np.int64))


def _repeated(labelled: Labelled, got: LabelledTemplates, excluded: Mapping[str, list[str]]) -> set[int]:
    """Places of files that are the same bytes: of one person all but the first, of two people every one."""
    places: dict[bytes, list[int]] = defaultdict(list)
    for place, sha256 in enumerate(got.sha256):
        if sha256:
            places[sha256].append(place)
    out: set[int] = set()
    for same in places.values():
        two_people = len({int(labelled.people[place]) for place in same}) > 1
        why = "the same file under two people" if two_people else "the same file of one person again"
        for place in same if two_people else same[1:]:
            out.add(place)
            excluded[why].append(labelled.names[place])
    return out


def _lost_of_every(people: NDArray[np.int64], missed: NDArray[np.int64], persons: int) -> LostComparisons:
    """What the pictures without a face have cost, of all pairs and of searches through one picture a person."""
    shown = np.bincount(people, minlength=persons)
    every = shown + np.bincount(missed, minlength=persons)
    genuine = every * (every - 1) // 2 - shown * (shown - 1) // 2
    total, left = int(every.sum()), int(shown.sum())
    impostor = total * (total - 1) // 2 - left * (left - 1) // 2 - int(genuine.sum())
    return LostComparisons(genuine, impostor, np.maximum(every - 1, 0) - np.maximum(shown - 1, 0))
