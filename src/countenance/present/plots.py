"""The plots of an evaluation, as SVG."""

from __future__ import annotations

import math
from typing import Final

from countenance.calibrate.calibration import SHOWN_FROM
from countenance.calibrate.evaluation import Measurements, curve
from countenance.calibrate.histogram import Histogram
from countenance.present.chart import INK, SOFT, Axis, Chart, steps
from countenance.present.labels import visible

GENUINE, IMPOSTOR = "#0b6e5f", "#b4531b"
SCORE_BIN: Final = 10  # thousandths a bar: finer ones are noise


def det_svg(measures: Measurements, title: str) -> str:
    """The detection error trade-off: FNMR over FMR, both axes logarithmic as in NIST FRTE.

    Solid where at least SHOWN_FROM impostors carry the FMR, dotted beyond: there it is what these few happened to do.
    """
    genuine, impostor = measures.found.genuine.total, measures.found.impostor.total
    floor = 0.5 / max(genuine, 1)  # no miss at all is drawn on the lower edge
    chart = Chart(
        visible(title),
        Axis("FMR: pairs of different people above the threshold", 0.5 / max(impostor, 1), 1, log=True),
        Axis("FNMR: pairs of one person below it", floor, 1, log=True),
    )
    if not genuine or not impostor:
        chart.say(f"nothing to draw: no pair of {'one person' if impostor else 'different people'}")
        return chart.svg(legend_x=440)
    line = [(hits, misses / genuine) for _, hits, misses in curve(measures.found) if hits]
    shown = [(hits / impostor, fnmr) for hits, fnmr in line if hits >= SHOWN_FROM]
    rest = [*shown[-1:], *((hits / impostor, fnmr) for hits, fnmr in line if hits < SHOWN_FROM)]
    chart.line(steps(rest), SOFT, "beyond the data", width=1.2, dash="2 3")
    chart.line(steps(shown), GENUINE, "measured")
    points = [point for point in measures.points if not point.promised]
    if points:
        at = [(point.fmr.value or floor, point.fnmr.value or 0.0) for point in points]
        across, up = [point.fmr.interval() for point in points], [point.fnmr.interval() for point in points]
        chart.bars((((low, y), (high, y)) for (_, y), (low, high) in zip(at, across, strict=True)), INK)
        chart.bars((((x, low), (x, high)) for (x, _), (low, high) in zip(at, up, strict=True)), INK)
        chart.dots(at, INK, "95 % intervals")
    return chart.svg(legend_x=500)


def scores_svg(measures: Measurements, title: str) -> str:
    """How often which score comes, of pairs of one person and of two, with the thresholds that the data show."""
    kinds = [
        (_stairs(histogram), colour, label, dash)
        for histogram, colour, label, dash in (
            (measures.found.impostor, IMPOSTOR, "two people", "6 3"),
            (measures.found.genuine, GENUINE, "one person", ""),
        )
        if histogram.total
    ]
    scores = [score for stairs, *_ in kinds for score, _ in stairs] or [0.0, 1.0]
    rarest = min((share for stairs, *_ in kinds for _, share in stairs if share), default=0.1)
    chart = Chart(
        visible(title),
        Axis("score (cosine)", min(scores) - 0.05, max(scores) + 0.05),
        Axis("share of pairs in 0.01 of score", 10.0 ** math.floor(math.log10(rarest) - 0.1), 1, log=True),
    )
    for stairs, colour, label, dash in kinds:
        chart.area(stairs, colour)
        chart.line(stairs, colour, label, width=1.6, dash=dash)
    for point in measures.points:
        if not point.promised:
            chart.mark(point.threshold, f"FMR {point.wanted:.0e}")
    return chart.svg(legend_x=80)


def _stairs(histogram: Histogram) -> list[tuple[float, float]]:
    """(score, share of all) at the corners of bars of SCORE_BIN bins."""
    bars: dict[int, int] = {}
    for place, count in enumerate(histogram.counts):
        bar = (histogram.first_bin + place) // SCORE_BIN
        bars[bar] = bars.get(bar, 0) + count
    shares = [(bar, bars.get(bar, 0) / histogram.total) for bar in range(min(bars), max(bars) + 1)]
    return [(edge * SCORE_BIN / 1000, share) for bar, share in shares for edge in (bar, bar + 1)]
