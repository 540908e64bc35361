"""Charts as SVG, drawn here: no script, no library, colours by CSS variables so that light and dark both work. Pure."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 400, 200
"""As wide as a phone shows it: letters keep their size there."""
LEFT, RIGHT, TOP, BOTTOM = 50, 14, 10, 24
MAX_POINTS = 600
"""A line of more is thinned, keeping the highest of each bin: a report of an hour stays small."""

TICKS = 4
"""Steps of an axis, at most."""


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    points: Sequence[tuple[float, float]]
    """In order; a gap is a point that is missing."""
    colour: int = 0
    """1 to 6, as CSS variables ``--c1`` to ``--c6``; 0: by its place."""


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of time that is marked: an attack, a step of the ladder."""

    start: float
    end: float
    name: str


def lines(
    title: str, unit: str, what: Sequence[Line], bands: Sequence[Band] = (), *, log: bool = False, x_unit: str = "s"
) -> str:
    """A chart of lines with its legend, as HTML; empty where there is nothing to draw."""
    known = [line for line in what if line.points]
    if not known:
        return ""
    # What never happened is said, not drawn: a line along the bottom hides the others.
    drawn = [line for line in known if any(y for _, y in line.points)] or known[:1]
    never = [line.name for line in known if not any(y for _, y in line.points)]
    xs = [x for line in drawn for x, _ in line.points]
    ys = [y for line in drawn for _, y in line.points]
    left, right = min(xs), max(*xs, min(xs) + 1e-9)
    low, high = _range(ys, log)

    def at(x: float, y: float) -> tuple[float, float]:
        across = (x - left) / (right - left)
        up = (
            (math.log(max(y, low)) - math.log(low)) / (math.log(high) - math.log(low))
            if log
            else (y - low) / (high - low)
        )
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - min(1.0, max(0.0, up)) * (
            HEIGHT - TOP - BOTTOM
        )

    parts = [_bands(bands, left, right, at)]
    for tick in _ticks(low, high, log):
        _, y = at(left, tick)
        parts.append(f"<line class=grid x1={LEFT} x2={WIDTH - RIGHT} y1={y:.1f} y2={y:.1f} />")
        parts.append(f"<text x={LEFT - 6} y={y + 4:.1f} text-anchor=end>{number(tick)}</text>")
    along = _ticks(left, right, False)
    for x in along:
        unit_here = f" {x_unit}" if x == along[-1] else ""
        parts.append(f"<text x={at(x, low)[0]:.1f} y={HEIGHT - 7} text-anchor=middle>{number(x)}{unit_here}</text>")
    colours = {id(line): line.colour or n % 6 + 1 for n, line in enumerate(known)}
    for line in drawn:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*p) for p in thinned(line.points)))
        parts.append(f'<polyline class=line style="stroke:var(--c{colours[id(line)]})" points="{path}" />')
    legend = "".join(
        f'<span><i style="background:var(--c{colours[id(line)]})"></i>{html.escape(line.name)}</span>'
        for line in drawn
        if line.name not in never
    )
    if never:
        legend += f"<span class=dim>never: {html.escape(', '.join(never))}</span>"
    words = f"{title}: " + "; ".join(
        f"{line.name} up to {number(max(y for _, y in line.points))} {unit}" for line in drawn
    )
    return (
        f"<figure><figcaption>{html.escape(title)} <small>{html.escape(unit)}</small></figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role=img aria-label="{html.escape(words)}">{"".join(parts)}</svg>'
        f"<p class=legend>{legend}</p></figure>"
    )


def _bands(bands: Sequence[Band], left: float, right: float, at: object) -> str:
    assert callable(at)
    found = []
    for band in bands:
        start, end = max(left, band.start), min(right, band.end)
        if end <= start:
            continue
        x1, x2 = at(start, 1)[0], at(end, 1)[0]
        found.append(
            f"<rect class=band x={x1:.1f} y={TOP} width={max(1.0, x2 - x1):.1f} height={HEIGHT - TOP - BOTTOM}>"
            f"<title>{html.escape(band.name)}</title></rect>"
            f"<text class=name x={x1 + 4:.1f} y={TOP + 12}>{html.escape(band.name[:28])}</text>"
        )
    return "".join(found)


def thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    if len(points) <= MAX_POINTS:
        return list(points)
    size = -(-len(points) // MAX_POINTS)
    return [max(points[i : i + size], key=lambda p: p[1]) for i in range(0, len(points), size)]


def _range(ys: Sequence[float], log: bool) -> tuple[float, float]:
    if log:
        low = 10 ** math.floor(math.log10(max(1e-4, min((y for y in ys if y > 0), default=1e-3))))
        return low, max(low * 10, 10 ** math.ceil(math.log10(max(*ys, low * 1.01))))
    high = max(*ys, 0.0) or 1.0
    step = _step(high)
    return min(0.0, *ys), math.ceil(high / step - 1e-9) * step


def _step(span: float) -> float:
    """1, 2 or 5 of something, of which at most TICKS go into ``span``."""
    wanted = span / TICKS
    size = 10.0 ** math.floor(math.log10(wanted))
    return next(size * n for n in (1, 2, 5, 10) if size * n >= wanted * (1 - 1e-9))


def _ticks(low: float, high: float, log: bool) -> list[float]:
    if log:
        first, last = round(math.log10(low)), round(math.log10(high))
        return [10.0**e for e in range(first, last + 1)]
    step = _step(max(high - low, 1e-9))
    return [n * step for n in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def number(value: float | None) -> str:
    """For people: three digits that count."""
    if value is None:
        return "-"
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 10_000_000:
        return f"{value / 1e6:,.0f}M"
    if size >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"
