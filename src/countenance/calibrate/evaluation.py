"""What labelled templates show about a model: errors 1:1 and 1:N with intervals, by group, and nothing beyond the data.

Definitions are those of ISO/IEC 19795-1; docs/evaluation.md says them in plain words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from countenance.calibrate.calibration import SHOWN_FROM, Calibration
from countenance.calibrate.histogram import Histogram
from countenance.calibrate.identification import RANK, SearchOutcomes, search_all
from countenance.calibrate.interval import LEVEL, MeasuredRate, difference
from countenance.calibrate.pairs import EveryPair, Labels, Pairs
from countenance.calibrate.tally import Distributions, Tally, distributions, tally

FMRS: Final = (1e-2, 1e-3, 1e-4, 1e-5)
FPIRS: Final = (1e-2, 1e-3)
PROMISES: Final = (1e-3, 1e-4)  # of the calibration in use, held against these data


@dataclass(frozen=True, slots=True, eq=False)
class LostComparisons:
    """Comparisons that were wanted and could not be made, because a picture showed no face."""

    genuine: NDArray[np.int64]  # (P,) pairs
    impostor: int  # pairs
    searches: NDArray[np.int64]  # (P,) mated searches


@dataclass(frozen=True, slots=True)
class Point:
    """The errors at one threshold."""

    wanted: float  # the FMR that the threshold is meant for
    promised: bool  # True: the threshold of the calibration in use; False: found on these data
    threshold: float
    fmr: MeasuredRate
    fnmr: MeasuredRate
    gfmr: MeasuredRate  # generalised: what could not be compared is no match
    gfnmr: MeasuredRate


@dataclass(frozen=True, slots=True)
class NotMeasurable:
    """A rate that these data can't show."""

    wanted: float
    trials: int
    needed: int  # trials of which the rate leaves SHOWN_FROM errors


@dataclass(frozen=True, slots=True)
class OpenSet:
    """The errors of searches at one threshold."""

    wanted: float  # FPIR
    threshold: float
    fpir: MeasuredRate
    fnir: MeasuredRate
    gfnir: MeasuredRate


@dataclass(frozen=True, slots=True)
class Identification:
    """1:N."""

    enrolled: int
    rank_1: MeasuredRate  # misses: the mate is not first
    rank_10: MeasuredRate
    grank_1: MeasuredRate  # generalised
    points: tuple[OpenSet, ...]
    beyond: tuple[NotMeasurable, ...]


@dataclass(frozen=True, slots=True)
class LabelledGroup:
    """One label's own errors, at the threshold of its grouping."""

    name: str
    people: int
    pictures: int  # with a face
    without_face: int
    fmr: MeasuredRate  # among people of this label
    fnmr: MeasuredRate


@dataclass(frozen=True, slots=True)
class CrossLabelRate:
    """Impostors of two labels."""

    a: str
    b: str
    fmr: MeasuredRate


@dataclass(frozen=True, slots=True)
class RateDifference:
    """a's rate less b's, with an interval that allows for the number of comparisons (Bonferroni)."""

    rate: str  # "fmr" or "fnmr"
    a: str
    b: str
    low: float
    high: float

    @property
    def clear(self) -> bool:
        """The two differ by more than chance explains."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class Grouping:
    """One attribute."""

    attribute: str
    unlabelled: int  # pictures with a face
    threshold: float
    wanted: float  # the FMR, over everybody, for which that threshold stands
    groups: tuple[LabelledGroup, ...]
    cross: tuple[CrossLabelRate, ...]
    gaps: tuple[RateDifference, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Measurements:
    """Everything that was measured."""

    found: Distributions
    points: tuple[Point, ...]
    beyond: tuple[NotMeasurable, ...]
    identification: Identification | None  # None: listed pairs, or fewer than two people
    groupings: tuple[Grouping, ...]

    def as_dict(self) -> dict[str, Any]:
        """For --json and report.json."""
        one = self.identification
        return {
            "verification": {
                "genuine_pairs": self.found.genuine.total,
                "impostor_pairs": self.found.impostor.total,
                "points": [_point(point) for point in self.points],
                "not_demonstrated": [_beyond(beyond) for beyond in self.beyond],
                "curve": curve(self.found),
            },
            "identification": None
            if one is None
            else {
                "enrolled": one.enrolled,
                "rank_1_missed": one.rank_1.as_dict(),
                "rank_10_missed": one.rank_10.as_dict(),
                "rank_1_missed_generalised": one.grank_1.as_dict(),
                "points": [
                    {
                        "fpir_wanted": point.wanted,
                        "threshold": point.threshold,
                        "fpir": point.fpir.as_dict(),
                        "fnir": point.fnir.as_dict(),
                        "fnir_generalised": point.gfnir.as_dict(),
                    }
                    for point in one.points
                ],
                "not_demonstrated": [_beyond(beyond) for beyond in one.beyond],
            },
            "groups": [_grouping(grouping) for grouping in self.groupings],
        }


def measure(
    pairs: Pairs,
    lost: LostComparisons,
    groupings: Sequence[tuple[Labels, Mapping[str, int]]] = (),
    in_use: Calibration | None = None,
    promises: Sequence[float] = PROMISES,
) -> Measurements:
    """The measures of these pairs.

    Args: groupings: labels of the rows, each with its pictures without a face by label; in_use: the calibration whose
    thresholds are held against the data, those for the FMRs of `promises`.
    """
    found = distributions(pairs)
    shown, beyond = thresholds(found.impostor)
    cuts = [(wanted, False, score) for wanted, score in shown]
    if in_use is not None:
        cuts += [(wanted, True, in_use.threshold(1, wanted)[0]) for wanted in promises]
    everybody, *grouped = tally(
        pairs, [score for _, _, score in cuts], [Labels.none(len(pairs.people)), *(labels for labels, _ in groupings)]
    )
    points = tuple(
        _measured(everybody, number, wanted, promised, score, lost)
        for number, (wanted, promised, score) in enumerate(cuts)
    )
    return Measurements(
        found=found,
        points=points,
        beyond=beyond,
        identification=_identified(pairs, lost),
        groupings=tuple(
            _grouped(one, pairs, cuts, _telling(one, cuts[: len(shown)]), without_face)
            for one, (_, without_face) in zip(grouped, groupings, strict=True)
            if cuts
        ),
    )


def thresholds(impostor: Histogram) -> tuple[list[tuple[float, float]], tuple[NotMeasurable, ...]]:
    """(FMR, lowest score at which it is kept) of each of FMRS that at least SHOWN_FROM impostors carry; the rest."""
    shown, beyond = [], []
    for wanted in FMRS:
        allowed = int(wanted * impostor.total + 1e-6)
        if allowed >= SHOWN_FROM:
            shown.append((wanted, impostor.lowest_with_at_most(allowed)))
        else:
            beyond.append(NotMeasurable(wanted, impostor.total, round(SHOWN_FROM / wanted)))
    return shown, tuple(beyond)


def curve(found: Distributions) -> list[list[float | int]]:
    """[score, impostors that reach it, genuine pairs below it] where either changes, by rising score."""
    bins = sorted(
        {h.first_bin + place for h in (found.genuine, found.impostor) for place, n in enumerate(h.counts) if n}
    )
    genuine = found.genuine.total
    scores = [place / 1000 for place in [*bins, *([bins[-1] + 1] if bins else [])]]
    return [[score, found.impostor.at_or_above(score), genuine - found.genuine.at_or_above(score)] for score in scores]


def _measured(one: Tally, number: int, wanted: float, promised: bool, score: float, lost: LostComparisons) -> Point:
    fmr = one.fmr(number, 0)
    trials = fmr.trials + lost.impostor
    scale = trials / fmr.trials if fmr.trials else 1.0
    return Point(
        wanted=wanted,
        promised=promised,
        threshold=score,
        fmr=fmr,
        fnmr=one.fnmr(number, 0),
        gfmr=MeasuredRate(fmr.errors, trials, fmr.effective * scale, fmr.units),
        gfnmr=one.fnmr(number, 0, lost.genuine),
    )


def _identified(pairs: Pairs, lost: LostComparisons) -> Identification | None:
    if not isinstance(pairs, EveryPair) or len(np.unique(pairs.people)) < 2:
        return None
    searches = search_all(pairs.vectors, pairs.people, pairs.persons)
    points, beyond = [], []
    for wanted in FPIRS:
        allowed = int(wanted * len(searches.best) + 1e-6)
        if allowed >= SHOWN_FROM:
            points.append(_searched(searches, wanted, searches.threshold(allowed), lost))
        else:
            beyond.append(NotMeasurable(wanted, len(searches.best), round(SHOWN_FROM / wanted)))
    return Identification(
        enrolled=searches.enrolled,
        rank_1=searches.rank_rate(1),
        rank_10=searches.rank_rate(RANK),
        grank_1=searches.rank_rate(1, lost.searches),
        points=tuple(points),
        beyond=tuple(beyond),
    )


def _searched(searches: SearchOutcomes, wanted: float, threshold: float, lost: LostComparisons) -> OpenSet:
    return OpenSet(
        wanted, threshold, searches.fpir(threshold), searches.fnir(threshold), searches.fnir(threshold, lost.searches)
    )


def _telling(one: Tally, shown: Sequence[tuple[float, bool, float]]) -> int:
    """The strictest threshold at which the smallest group would show SHOWN_FROM false matches; else the laxest."""
    cells = one.labels.cells.diagonal()
    trials = [int(one.trials.persons[cell].sum()) // 2 for cell in cells]
    fewest = min((count for count in trials if count), default=0)
    return max((number for number, cut in enumerate(shown) if cut[0] * fewest >= SHOWN_FROM), default=0)


def _grouped(
    one: Tally, pairs: Pairs, cuts: Sequence[tuple[float, bool, float]], number: int, without_face: Mapping[str, int]
) -> Grouping:
    labels, cells = one.labels, one.labels.cells
    groups = []
    for code, name in enumerate(labels.names):
        mine = labels.codes == code
        groups.append(
            LabelledGroup(
                name=name,
                people=len(np.unique(pairs.people[mine])),
                pictures=int(mine.sum()),
                without_face=without_face.get(name, 0),
                fmr=one.fmr(number, cells[code, code]),
                fnmr=one.fnmr(number, cells[code, code]),
            )
        )
    return Grouping(
        attribute=labels.attribute,
        unlabelled=int((labels.codes < 0).sum()),
        threshold=cuts[number][2],
        wanted=cuts[number][0],
        groups=tuple(groups),
        cross=tuple(
            CrossLabelRate(labels.names[a], labels.names[b], one.fmr(number, cells[a, b]))
            for a, b in combinations(range(len(labels.names)), 2)
        ),
        gaps=tuple(gap for rate in ("fmr", "fnmr") for gap in _gaps(rate, groups)),
    )


def _gaps(rate: str, groups: Sequence[LabelledGroup]) -> list[RateDifference]:
    """Every two groups with trials, each at the level that keeps LEVEL for all together."""
    measured = [(group.name, getattr(group, rate)) for group in groups]
    couples = list(combinations([(name, value) for name, value in measured if value.trials], 2))
    level = 1 - (1 - LEVEL) / max(len(couples), 1)
    return [RateDifference(rate, a, b, *difference(x, y, level)) for (a, x), (b, y) in couples]


# --- for JSON --------------------------------------------------------------------------------------------------------
def _point(point: Point) -> dict[str, Any]:
    return {
        "fmr_wanted": point.wanted,
        "threshold_from": "calibration in use" if point.promised else "these data",
        "threshold": point.threshold,
        "fmr": point.fmr.as_dict(),
        "fnmr": point.fnmr.as_dict(),
        "fmr_generalised": point.gfmr.as_dict(),
        "fnmr_generalised": point.gfnmr.as_dict(),
    }


def _beyond(beyond: NotMeasurable) -> dict[str, Any]:
    return {"wanted": beyond.wanted, "trials": beyond.trials, "trials_needed": beyond.needed}


def _grouping(grouping: Grouping) -> dict[str, Any]:
    return {
        "attribute": grouping.attribute,
        "pictures_without_label": grouping.unlabelled,
        "threshold": grouping.threshold,
        "fmr_wanted": grouping.wanted,
        "groups": [
            {
                "label": group.name,
                "people": group.people,
                "pictures": group.pictures,
                "pictures_without_face": group.without_face,
                "fmr": group.fmr.as_dict(),
                "fnmr": group.fnmr.as_dict(),
            }
            for group in grouping.groups
        ],
        "across": [{"labels": [cross.a, cross.b], "fmr": cross.fmr.as_dict()} for cross in grouping.cross],
        "differences": [
            {
                "rate": gap.rate,
                "labels": [gap.a, gap.b],
                "low": float(f"{gap.low:.6g}"),
                "high": float(f"{gap.high:.6g}"),
                "more_than_chance": gap.clear,
            }
            for gap in grouping.gaps
        ],
    }
