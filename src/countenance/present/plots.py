"""The plots of an evaluation, as PNG. The one place that imports matplotlib, when a plot is asked for."""

from __future__ import annotations

import io
from typing import Any, Final

from countenance.calibrate.calibration import SHOWN_FROM
from countenance.calibrate.evaluation import Measures, curve
from countenance.calibrate.histogram import Histogram
from countenance.present.labels import visible

GENUINE, IMPOSTOR, INK, SOFT, LINE = "#0b6e5f", "#b4531b", "#17211f", "#56615e", "#d5dcda"
DPI: Final = 150
SCORE_BIN: Final = 10  # thousandths a bar: finer ones are noise


def det_png(measures: Measures, title: str) -> bytes:
    """The detection error trade-off: FNMR over FMR, both axes logarithmic as in NIST FRTE.

    Solid where at least SHOWN_FROM impostors carry the FMR, dotted beyond: there it is what these few happened to do.
    """
    figure, axes = _figure(title)
    genuine, impostor = measures.found.genuine.total, measures.found.impostor.total
    axes.set(xlabel="FMR: pairs of two people that reach the threshold", ylabel="FNMR: pairs of one person that do not")
    axes.set_xscale("log")
    axes.set_yscale("log")
    if not genuine or not impostor:
        _nothing(axes, "no pair of one person" if impostor else "no pair of two people")
        return _png(figure)
    floor = 0.5 / genuine  # no miss at all is drawn on the lower edge
    line = [(hits, max(misses / genuine, floor)) for _, hits, misses in curve(measures.found) if hits]
    shown = [(hits / impostor, fnmr) for hits, fnmr in line if hits >= SHOWN_FROM]
    rest = [*shown[-1:], *((hits / impostor, fnmr) for hits, fnmr in line if hits < SHOWN_FROM)]
    axes.plot(
        *_columns(rest), color=SOFT, linewidth=1.2, linestyle=":", label="beyond the data", drawstyle="steps-post"
    )
    axes.plot(*_columns(shown), color=GENUINE, linewidth=2, label="measured", drawstyle="steps-post")
    points = [point for point in measures.points if not point.promised]
    if points:
        x = [point.fmr.value or floor for point in points]
        y = [max(point.fnmr.value or 0.0, floor) for point in points]
        across = [point.fmr.interval() for point in points]
        up = [point.fnmr.interval() for point in points]
        axes.errorbar(
            x, y, fmt="o", color=INK, markersize=4, elinewidth=1, capsize=2.5, label="95 % intervals",
            xerr=[[a - max(low, 1e-12) for a, (low, _) in zip(x, across, strict=True)],
                  [high - a for a, (_, high) in zip(x, across, strict=True)]],
            yerr=[[max(0.0, b - max(low, floor)) for b, (low, _) in zip(y, up, strict=True)],
                  [max(0.0, high - b) for b, (_, high) in zip(y, up, strict=True)]],
        )  # fmt: skip
    axes.set_xlim(0.5 / impostor, 1)
    axes.set_ylim(floor, 1)
    axes.legend(frameon=False, fontsize=8)
    return _png(figure)


def scores_png(measures: Measures, title: str) -> bytes:
    """How often which score comes, of pairs of one person and of two, with the thresholds that the data show."""
    figure, axes = _figure(title)
    axes.set(xlabel="score (cosine)", ylabel="share of pairs in 0.01 of score")
    axes.set_yscale("log")
    for histogram, colour, label, style in (
        (measures.found.impostor, IMPOSTOR, "two people", "--"),
        (measures.found.genuine, GENUINE, "one person", "-"),
    ):
        if histogram.total:
            edges, shares = _bars(histogram)
            axes.stairs(shares, edges, color=colour, linewidth=1.6, linestyle=style, label=label)
            axes.stairs(shares, edges, color=colour, alpha=0.12, fill=True)
    for point in measures.points:
        if not point.promised:
            axes.axvline(point.threshold, color=SOFT, linewidth=0.8)
            axes.annotate(f"FMR {point.wanted:.0e}", (point.threshold, 1), xycoords=("data", "axes fraction"),
                          xytext=(-2, -3), textcoords="offset points", rotation=90, ha="right", va="top",
                          fontsize=7, color=SOFT)  # fmt: skip
    axes.legend(frameon=False, fontsize=8, loc="upper left")
    return _png(figure)


def _bars(histogram: Histogram) -> tuple[list[float], list[float]]:
    """Edges (B + 1) and shares (B) in bars of SCORE_BIN bins."""
    bars: dict[int, int] = {}
    for place, count in enumerate(histogram.counts):
        bar = (histogram.first_bin + place) // SCORE_BIN
        bars[bar] = bars.get(bar, 0) + count
    first, last = min(bars), max(bars)
    edges = [bar * SCORE_BIN / 1000 for bar in range(first, last + 2)]
    return edges, [bars.get(bar, 0) / histogram.total for bar in range(first, last + 1)]


def _figure(title: str) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.4), dpi=DPI, layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    said = visible(title).encode("ascii", "backslashreplace").decode()  # the font has not every script's letters
    axes.set_title(said, loc="left", fontsize=10, color=INK, parse_math=False)  # a $ begins no formula
    axes.grid(visible=True, color=LINE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8, colors=SOFT)
    for side in axes.spines.values():
        side.set_color(LINE)
    return figure, axes


def _nothing(axes: Any, why: str) -> None:
    axes.text(0.5, 0.5, f"nothing to draw: {why}", transform=axes.transAxes, ha="center", color=SOFT)


def _columns(points: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def _png(figure: Any) -> bytes:
    """The same bytes for the same figure and version: no date in them."""
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})  # a Figure by itself draws with Agg
    return out.getvalue()
