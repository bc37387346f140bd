"""An evaluation in words and tables, once for the terminal and the page. Counts stand beside every rate."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from countenance.calibrate.calibration import SHOWN_FROM
from countenance.calibrate.evaluation import Grouping, Identification, NotMeasurable, OpenSet, Point, RateDifference
from countenance.calibrate.interval import FEW, MeasuredRate
from countenance.pipeline.upkeep.evaluate import Evaluation
from countenance.present import labels

NOT_SHOWN: Final = "not demonstrated"
FEW_MARK: Final = "*"
FEW_NOTE: Final = f"* fewer than {FEW} errors: a rough estimate (the rule of {FEW})."
GENERALISED: Final = "GFNMR (generalised): a pair counts as missed if one picture shows no face."
NAMES: Final = {"fmr": "FMR", "fnmr": "FNMR"}


@dataclass(frozen=True, slots=True)
class Table:
    """A heading, what is to be said before and after it, and the rows."""

    title: str
    before: tuple[str, ...]
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    after: tuple[str, ...] = ()


def tables(found: Evaluation) -> tuple[Table, ...]:
    """Every table, in order."""
    groupings = (table for each in found.measures.groupings for table in (_groups(each), _across(each)))
    return (
        _acquisition(found),
        _verification(found),
        *([] if found.in_use is None else [_calibrated(found)]),
        *([] if found.measures.identification is None else [_identification(found.measures.identification)]),
        *(table for table in groupings if table.rows),
    )


def title(found: Evaluation) -> str:
    """What was measured, in a line."""
    pictures = f"{labels.number(found.pictures)} labelled pictures"
    if found.people is None:
        return f"{found.space.model} on {pictures}, in listed pairs"
    return f"{found.space.model} on {pictures} of {labels.number(found.people)} people"


def excluded(found: Evaluation) -> Iterator[tuple[str, int, tuple[str, ...], int]]:
    """(why, how many, the first few names, how many more) of whatever was left out."""
    for each in found.excluded:
        yield each.why, each.count, each.names[:5], max(0, each.count - 5)


def summary(found: Evaluation) -> str:
    """The answer in a sentence or two."""
    points = [point for point in found.measures.points if not point.promised]
    genuine, impostor = found.measures.found.genuine.total, found.measures.found.impostor.total
    if not points:
        return (
            f"There are too few pictures to demonstrate an error rate: {labels.number(impostor)} impostor pairs. "
            f"A false-match rate of 1 in 100 needs {labels.number(round(SHOWN_FROM / 1e-2))} pairs."
        )
    last = points[-1]
    start = (
        f"At a threshold of {last.threshold:.3f}, about 1 in {labels.number(round(1 / last.wanted))} pairs of strangers"
    )
    if not genuine:
        return f"{start} counts as one person. No one has two pictures, so the missed share is unknown."
    low, high = last.fnmr.interval()
    return (
        f"{start} counts as one person, and {percent(last.fnmr.value)} of same-person pairs are missed "
        f"(95 % interval {percent(low)} to {percent(high)})."
    )


# --- tables ----------------------------------------------------------------------------------------------------------
def _acquisition(found: Evaluation) -> Table:
    shown = found.pictures - found.without_face
    rows = [("pictures without a found face (failure to acquire)", *_share(found.without_face, found.pictures))]
    if found.people is not None and found.people_without_face is not None:
        share = _share(found.people_without_face, found.people)
        rows.append(("people without a found face (failure to enrol)", *share))
    rows.append(("pictures with several faces (the most central is used)", *_share(found.several, shown)))
    return Table("Faces found", (), ("", "count", "share"), tuple(rows))


def _verification(found: Evaluation) -> Table:
    points = [point for point in found.measures.points if not point.promised]
    rows = [_verified(point) for point in points]
    rows += [(one_in(each.wanted), NOT_SHOWN, "", "", "", "", "") for each in found.measures.beyond]
    after = [_needed(each, "impostor pairs") for each in found.measures.beyond[:1]]
    return Table(
        "Verification, 1:1",
        (_pairs(found),),
        ("FMR aimed at", "threshold", "false", "FMR (95 %)", "missed", "FNMR (95 %)", "GFNMR"),
        tuple(rows),
        (*after, GENERALISED, *_footnote(rate for point in points for rate in (point.fmr, point.fnmr))),
    )


def _calibrated(found: Evaluation) -> Table:
    points = [point for point in found.measures.points if point.promised]
    return Table(
        "The calibration in use, on these pictures",
        (f"Results of the thresholds of calibration {found.in_use}. {_pairs(found)}",),
        ("FMR promised", "threshold", "false", "FMR (95 %)", "missed", "FNMR (95 %)", "GFNMR"),
        tuple(_verified(point) for point in points),
        _footnote(rate for point in points for rate in (point.fmr, point.fnmr)),
    )


def _verified(point: Point) -> tuple[str, ...]:
    return (
        one_in(point.wanted),
        f"{point.threshold:.3f}",
        labels.number(point.fmr.errors),
        _rate(point.fmr, small),
        labels.number(point.fnmr.errors),
        _rate(point.fnmr, percent),
        percent(point.gfnmr.value),
    )


def _identification(one: Identification) -> Table:
    def searched(point: OpenSet) -> tuple[str, ...]:
        return (
            f"FPIR {percent(point.wanted)}",
            f"{point.threshold:.3f}",
            _found(point.fnir),
            percent(1 - (point.gfnir.value or 0.0)),
            _rate(point.fpir, percent),
        )

    rows = [
        ("rank 1", "", _found(one.rank_1), percent(1 - (one.grank_1.value or 0.0)), ""),
        ("rank 10", "", _found(one.rank_10), "", ""),
        *(searched(point) for point in one.points),
        *((f"FPIR {percent(each.wanted)}", NOT_SHOWN, "", "", "") for each in one.beyond),
    ]
    after = [_needed(each, "searches for strangers") for each in one.beyond[:1]]
    rates = (one.rank_1, one.rank_10, *(rate for point in one.points for rate in (point.fnir, point.fpir)))
    before = (
        f"{labels.number(one.enrolled)} people with one picture enrolled, searched {labels.number(one.rank_1.trials)} "
        "times with their other pictures. Strangers: each picture, without its own person."
    )
    return Table(
        "Search, 1:N",
        (before,),
        ("", "threshold", "found (95 %)", "generalised", "strangers found (95 %)"),
        tuple(rows),
        (*after, *_footnote(rates)),
    )


def _groups(grouping: Grouping) -> Table:
    rows = tuple(
        (
            group.name,
            labels.number(group.people),
            labels.number(group.pictures),
            labels.number(group.without_face),
            _of(group.fmr),
            _rate(group.fmr, small),
            _of(group.fnmr),
            _rate(group.fnmr, percent),
        )
        for group in grouping.groups
    )
    before = [f"At a threshold of {grouping.threshold:.3f}, for an FMR of {one_in(grouping.wanted)} over all people."]
    if grouping.unlabelled:
        before.append(f"{labels.number(grouping.unlabelled)} pictures have no label and are not in this table.")
    after = [sentence for rate in ("fnmr", "fmr") for sentence in differences(grouping, rate)]
    return Table(
        f"By {grouping.attribute}",
        tuple(before),
        ("", "people", "pictures", "no face", "false", "FMR (95 %)", "missed", "FNMR (95 %)"),
        rows,
        (*after, *_footnote(rate for group in grouping.groups for rate in (group.fmr, group.fnmr))),
    )


def _across(grouping: Grouping) -> Table:
    met = [cross for cross in grouping.cross if cross.fmr.trials]
    return Table(
        f"By {grouping.attribute}, strangers of two groups",
        (f"At the same threshold of {grouping.threshold:.3f}.",),
        ("", "false", "FMR (95 %)"),
        tuple((f"{cross.a} and {cross.b}", _of(cross.fmr), _rate(cross.fmr, small)) for cross in met),
        _footnote(cross.fmr for cross in met),
    )


def differences(grouping: Grouping, rate: str) -> Iterator[str]:
    """Which groups differ in a rate by more than chance explains, or that none does and what may still hide."""
    gaps = [gap for gap in grouping.gaps if gap.rate == rate]
    name = NAMES[rate]
    if not gaps:
        yield f"Differences in {name} can't be measured: fewer than two groups have pairs."
        return
    clear = [gap for gap in gaps if gap.clear]
    for gap in clear:
        yield _clear(gap, name, _comparisons(gaps))
    if not clear:
        widest = max(max(abs(gap.low), abs(gap.high)) for gap in gaps)
        yield (
            f"Chance can explain every difference in {name} between groups (95 %, {_comparisons(gaps)}). This does not "
            f"prove that the groups are equal. A difference of up to {_size(widest, rate)} is possible."
        )


def _clear(gap: RateDifference, name: str, comparisons: str) -> str:
    higher, lower, low, high = (gap.a, gap.b, gap.low, gap.high) if gap.low > 0 else (gap.b, gap.a, -gap.high, -gap.low)
    return (
        f"{name} is higher for {higher} than for {lower}, by {_size(low, gap.rate)} to {_size(high, gap.rate)} "
        f"(95 %, {comparisons})."
    )


def _comparisons(gaps: Sequence[RateDifference]) -> str:
    return "1 comparison" if len(gaps) == 1 else f"allowing for {len(gaps)} comparisons"


# --- cells -----------------------------------------------------------------------------------------------------------
def percent(rate: float | None) -> str:
    """Such as 0.31 %, 4.2 % or 96 %: two figures near 0 and as many near 1."""
    if rate is None:
        return "-"
    share = 100 * rate
    near = min(share, 100 - share)
    if near <= 0:
        return f"{share:.0f} %"
    return f"{share:.{0 if near >= 10 else 1 if near >= 1 else 2}f} %"


def small(rate: float | None) -> str:
    """A false-match rate, such as 9.5e-05 or 0.12."""
    if rate is None:
        return "-"
    return "0" if rate == 0 else f"{rate:.2g}" if rate >= 0.1 else f"{rate:.1e}"


def one_in(rate: float) -> str:
    """Such as 1 in 1,000."""
    return f"1 in {labels.number(round(1 / rate))}"


def _size(value: float, rate: str) -> str:
    return small(value) if rate == "fmr" else f"{100 * value:.2g} percentage points"


def _rate(rate: MeasuredRate, say: Callable[[float | None], str]) -> str:
    """The rate, a mark where few errors carry it, and its interval."""
    if rate.value is None:
        return "no pair"
    low, high = rate.interval()
    return f"{say(rate.value)}{FEW_MARK if _few(rate) else ''} ({span(say(low), say(high))})"


def _found(missed: MeasuredRate) -> str:
    """The share found and its interval, of a rate of misses."""
    if missed.value is None:
        return "no search"
    low, high = missed.interval()
    mark = FEW_MARK if _few(missed) else ""
    return f"{percent(1 - missed.value)}{mark} ({span(percent(1 - high), percent(1 - low))})"


def span(low: str, high: str) -> str:
    """0.1 to 0.9 %: a shared unit is said once."""
    return f"{low.removesuffix(' %')} to {high}"


def _of(rate: MeasuredRate) -> str:
    return f"{labels.number(rate.errors)} of {labels.number(rate.trials)}" if rate.trials else "-"


def _share(count: int, of: int) -> tuple[str, str]:
    return f"{labels.number(count)} of {labels.number(of)}", percent(count / of if of else None)


def _pairs(found: Evaluation) -> str:
    genuine, impostor = found.measures.found.genuine.total, found.measures.found.impostor.total
    return f"{labels.number(genuine)} genuine and {labels.number(impostor)} impostor pairs."


def _few(rate: MeasuredRate) -> bool:
    return bool(rate.trials) and rate.errors < FEW


def _footnote(rates: Iterable[MeasuredRate]) -> tuple[str, ...]:
    return (FEW_NOTE,) if any(map(_few, rates)) else ()


def _needed(beyond: NotMeasurable, what: str) -> str:
    return (
        f"{NOT_SHOWN.capitalize()}: {one_in(beyond.wanted)} needs {labels.number(beyond.needed)} {what} "
        f"({SHOWN_FROM} errors). There are {labels.number(beyond.trials)}."
    )


# --- on a terminal ---------------------------------------------------------------------------------------------------
def as_text(table: Table, width: int) -> Iterator[str]:
    """The table in lines of `width`: columns aligned where they fit, else a paragraph a row."""
    for line in table.before:
        yield from textwrap.wrap(line, width)
    widths = [max(map(len, column)) for column in zip(table.header, *table.rows, strict=True)]
    if sum(widths) + 2 * len(widths) <= width:
        for row in (table.header, *table.rows):
            right = (cell.rjust(wide) for cell, wide in zip(row[1:], widths[1:], strict=True))
            yield "  " + "  ".join([row[0].ljust(widths[0]), *right]).rstrip()
    else:
        for row in table.rows:
            yield from textwrap.wrap(row[0], width, initial_indent="  ", subsequent_indent="  ")
            told = ", ".join(f"{name} {cell}" for name, cell in zip(table.header[1:], row[1:], strict=True) if cell)
            yield from textwrap.wrap(told, width, initial_indent="    ", subsequent_indent="    ")
    for line in table.after:
        yield from textwrap.wrap(line, width)
