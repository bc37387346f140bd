"""A chart of lines, bars and marks over two axes, as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from typing import Final, TypeAlias

INK, SOFT, LINE, BAND = "#17211f", "#56615e", "#d5dcda", "#eceeed"
WIDTH, HEIGHT = 640, 440
LEFT, RIGHT, TOP, BOTTOM = 64.0, 624.0, 36.0, 388.0  # the edges of the plotted area, in pixels
MAX_TICKS: Final = 8
RAISED: Final = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
Points: TypeAlias = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Axis:
    """What one axis shows: from `low` to `high`, `low` < `high`. A logarithmic axis starts above 0."""

    label: str
    low: float
    high: float
    log: bool = False

    def share(self, value: float) -> float:
        """How far along the axis `value` is, in [0, 1]. What is beyond an end is put at that end."""
        low, high, at = self.low, self.high, min(max(value, self.low), self.high)
        if self.log:
            low, high, at = math.log10(low), math.log10(high), math.log10(at)
        return (at - low) / (high - low)

    def ticks(self) -> list[tuple[float, str]]:
        """Round values within the axis, each with its text: at most MAX_TICKS."""
        if self.log:
            powers = range(math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9) + 1)
            step = max(1, math.ceil(len(powers) / MAX_TICKS))
            return [(10.0**power, f"10{str(power).translate(RAISED)}") for power in powers[::step]]
        rough = (self.high - self.low) / (MAX_TICKS - 1)
        unit = 10.0 ** math.floor(math.log10(rough))
        step_size = next(unit * times for times in (1, 2, 5, 10) if unit * times >= rough)
        first, last = math.ceil(self.low / step_size), math.floor(self.high / step_size)
        return [(n * step_size, f"{n * step_size:.6g}") for n in range(first, last + 1)]


@dataclass
class Chart:
    """Draws in the order of the calls; `svg` writes the file. The same calls give the same text."""

    title: str
    x: Axis
    y: Axis
    _drawn: list[str] = field(default_factory=list, init=False)
    _legend: list[tuple[str, str]] = field(default_factory=list, init=False)  # a sample at (0, 0), its text

    def line(self, points: Points, colour: str, label: str, *, width: float = 2, dash: str = "") -> None:
        """A line through `points`."""
        look = f'fill="none" stroke="{colour}" stroke-width="{width:g}" stroke-dasharray="{dash or "none"}"'
        self._drawn.append(f'<polyline points="{self._at(points)}" {look}/>')
        self._legend.append((f'<path d="M0 0h22" {look}/>', label))

    def area(self, points: Points, colour: str) -> None:
        """The space between `points` and the lower edge, lightly filled. `points` may not be empty."""
        closed = [(points[0][0], self.y.low), *points, (points[-1][0], self.y.low)]
        self._drawn.append(f'<polygon points="{self._at(closed)}" fill="{colour}" fill-opacity=".12"/>')

    def dots(self, points: Points, colour: str, label: str = "") -> None:
        """A dot at each point; with a `label`, in the legend too."""
        look = f'r="3" fill="{colour}"'
        self._drawn += [f'<circle cx="{a}" cy="{b}" {look}/>' for a, b in map(self._place, points)]
        if label:
            self._legend.append((f'<circle cx="11" cy="0" {look}/>', label))

    def bars(self, ends: Iterable[tuple[tuple[float, float], tuple[float, float]]], colour: str) -> None:
        """An error bar between each two points."""
        for one, other in ends:
            (x1, y1), (x2, y2) = self._place(one), self._place(other)
            cap = "M{0} {1}v6M{2} {3}v6" if y1 == y2 else "M{0} {1}h6M{2} {3}h6"
            across, up = (0, 3) if y1 == y2 else (3, 0)
            caps = cap.format(*(f"{n:g}" for n in (x1 - across, y1 - up, x2 - across, y2 - up)))
            self._drawn.append(f'<path d="M{x1} {y1}L{x2} {y2}{caps}" fill="none" stroke="{colour}"/>')

    def mark(self, x: float, text: str) -> None:
        """An upright line at `x`, with its text at the upper end."""
        at, _ = self._place((x, self.y.low))
        self._drawn.append(f'<path d="M{at} {BOTTOM:g}V{TOP:g}" stroke="{SOFT}" stroke-width=".8"/>')
        turned = f'transform="translate({at - 4:g} {TOP + 4:g}) rotate(-90)"'
        self._drawn.append(f'<text {turned} text-anchor="end" font-size="9.5" fill="{SOFT}">{escape(text)}</text>')

    def band(self, low: float, high: float, label: str) -> None:
        """A strip over the whole width, from `low` to `high` on the upright axis."""
        (_, lower), (_, upper) = self._place((self.x.low, low)), self._place((self.x.low, high))
        self._drawn.append(
            f'<rect x="{LEFT:g}" y="{upper}" width="{RIGHT - LEFT:g}" height="{lower - upper:g}" fill="{BAND}"/>'
        )
        self._legend.append((f'<rect y="-5" width="22" height="10" fill="{BAND}"/>', label))

    def say(self, text: str) -> None:
        """A sentence in the middle."""
        middle = f'x="{(LEFT + RIGHT) / 2:g}" y="{(TOP + BOTTOM) / 2:g}" text-anchor="middle"'
        self._drawn.append(f'<text {middle} fill="{SOFT}">{escape(text)}</text>')

    def svg(self, *, legend_x: float) -> str:
        """The file: no script, no style, no address of anything. `legend_x` is the legend's left edge, in pixels."""
        legend = [
            f'<g transform="translate({legend_x:g} {TOP + 16 + 16 * n:g})">{sample}'
            f'<text x="30" y="4">{escape(label)}</text></g>'
            for n, (sample, label) in enumerate(self._legend)
        ]
        size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
        font = 'font-family="system-ui, sans-serif" font-size="11"'
        lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font} fill="{INK}">',
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
            f'<text x="{LEFT:g}" y="22" font-size="13">{escape(self.title)}</text>',
            *self._grid(), *self._drawn, *legend, "</svg>",
        ]  # fmt: skip
        return "\n".join(lines) + "\n"

    def _grid(self) -> list[str]:
        grey = f'stroke="{LINE}" stroke-width=".8"'
        drawn = [f'<path d="M{LEFT:g} {TOP:g}V{BOTTOM:g}H{RIGHT:g}V{TOP:g}z" fill="none" {grey}/>']
        for value, text in self.x.ticks():
            at, _ = self._place((value, self.y.low))
            drawn.append(f'<path d="M{at} {TOP:g}V{BOTTOM:g}" {grey}/>')
            drawn.append(f'<text x="{at}" y="{BOTTOM + 15:g}" text-anchor="middle" fill="{SOFT}">{text}</text>')
        for value, text in self.y.ticks():
            _, at = self._place((self.x.low, value))
            drawn.append(f'<path d="M{LEFT:g} {at}H{RIGHT:g}" {grey}/>')
            drawn.append(f'<text x="{LEFT - 6:g}" y="{at + 4:g}" text-anchor="end" fill="{SOFT}">{text}</text>')
        middle, centre = (LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2
        drawn.append(f'<text x="{middle:g}" y="{BOTTOM + 36:g}" text-anchor="middle">{escape(self.x.label)}</text>')
        turned = f'transform="translate(18 {centre:g}) rotate(-90)"'
        return [*drawn, f'<text {turned} text-anchor="middle">{escape(self.y.label)}</text>']

    def _place(self, point: tuple[float, float]) -> tuple[float, float]:
        """The pixel of a point, to a tenth."""
        x, y = self.x.share(point[0]), self.y.share(point[1])
        return round(LEFT + x * (RIGHT - LEFT), 1), round(BOTTOM - y * (BOTTOM - TOP), 1)

    def _at(self, points: Points) -> str:
        return " ".join(f"{x},{y}" for x, y in map(self._place, points))


def steps(points: Points) -> list[tuple[float, float]]:
    """The corners of a stair: each value holds until the next point."""
    corners = [(x, y) for (_, y), (x, _) in pairwise(points)]
    return [each for pair in zip(points, corners, strict=False) for each in pair] + list(points[-1:])
