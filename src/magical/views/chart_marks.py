"""The marks of a chart as SVG: each series has a colour, and a dash, a shape or a fill beside it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from html import escape
from typing import Any

from magical.views.chart_frame import Frame
from magical.views.document import Band, Bars, Cells, Chart, Dots, Line, Mark, RuleLine
from magical.views.ticks import format_value

__all__ = ["MAX_POINTS", "clean_mark", "collect_values", "render_mark", "render_sample"]

MAX_POINTS = 2_000
_MAX_INTERVALS = 200
_HUGE = 1e300  # beyond it, the difference of two numbers can be infinite
_DASHES = ("", "7 3", "2 3", "9 3 2 3")


def clean_mark(mark: Mark) -> Mark | None:
    """Keep the finite numbers of a mark, at most ``MAX_POINTS`` of them; None if there are none.

    Example:
        >>> clean_mark(Line(((0, 1), (1, float("nan")))))
        Line(points=((0.0, 1.0),), label='', step=False, dashed=False)
        >>> clean_mark(Dots(())) is None
        True
    """
    match mark:
        case Line() | Band():
            points = _thin([p for p in map(_to_floats, mark.points) if p])
            return replace(mark, points=points) if points else None
        case Dots():
            both = _pair(mark.points, mark.intervals)
            return replace(mark, points=both[0], intervals=both[1]) if both[0] else None
        case Bars():
            both = _pair(mark.values, mark.intervals)
            return replace(mark, values=both[0], intervals=both[1]) if both[0] else None
        case Cells():
            rows = tuple(tuple((_to_floats((v,)) or (None,))[0] for v in row) for row in mark.values)
            return replace(mark, values=rows) if any(v is not None for row in rows for v in row) else None
        case RuleLine():
            return mark if _to_floats((mark.at,)) else None


def _to_floats(values: Sequence[float | None]) -> tuple[float, ...]:
    """Convert numbers to finite floats; an empty tuple if one is none."""
    try:
        found = tuple(float(v) for v in values if v is not None)
    except (OverflowError, TypeError, ValueError):
        return ()
    return found if len(found) == len(values) and all(abs(v) <= _HUGE for v in found) else ()


def _thin(points: Sequence[tuple[float, ...]]) -> Any:
    count = len(points)
    kept = range(count) if count <= MAX_POINTS else (i * count // MAX_POINTS for i in range(MAX_POINTS))
    return tuple(points[i] for i in kept)


def _pair(points: Sequence[tuple[float, ...]], intervals: Sequence[tuple[float, float]]) -> Any:
    """Keep the finite points with their intervals; an interval that is not finite is empty."""
    ends = list(intervals) if len(intervals) == len(points) <= _MAX_INTERVALS else [()] * len(points)
    both = [(p, _to_floats(e)) for p, e in zip(map(_to_floats, points), ends, strict=True) if p]
    shown = _thin([p for p, _ in both])
    return shown, tuple(e for _, e in both) if any(e for _, e in both) else ()


def collect_values(chart: Chart) -> tuple[list[float], list[float]]:
    """Collect the numbers that the marks of a cleaned chart have on the x and on the y axis."""
    xs: list[float] = []
    ys: list[float] = []
    for mark in chart.marks:
        match mark:
            case Line() | Band() | Dots():
                xs += [p[0] for p in mark.points]
                ys += [v for p in mark.points for v in p[1:]]
                spans = xs if chart.y.categories else ys
                spans += [v for ends in getattr(mark, "intervals", ()) for v in ends]
            case Bars():
                places, values = (ys, xs) if mark.horizontal else (xs, ys)
                places += [v for left, right, _ in mark.values for v in (left, right)]
                values += [0.0, *(v for *_, v in mark.values), *(v for ends in mark.intervals for v in ends)]
            case RuleLine(axis="x"):
                xs.append(mark.at)
            case RuleLine(axis="y"):
                ys.append(mark.at)
            case _:
                pass
    return xs, ys


def render_mark(mark: Mark, frame: Frame, series: int, place: tuple[int, int]) -> Iterator[str]:
    """Render a cleaned mark.

    Args:
        series: which colour, dash and shape it has.
        place: of bars, which one of how many that stand side by side; of dots, how many series there are.
    """
    match mark:
        case Line():
            yield _render_line(mark, frame, series)
        case Band():
            yield _render_band(mark, frame, series)
        case Dots():
            yield from _render_dots(mark, frame, series, place[1])
        case Bars():
            yield from _render_bars(mark, frame, series, place)
        case Cells():
            yield from _render_cells(mark, frame)
        case RuleLine():
            yield from _render_rule(mark, frame)


def render_sample(mark: Mark, x: float, y: float, series: int) -> str:
    """Render the small picture of a mark in a legend, 18 wide, whose middle is at ``y``."""
    match mark:
        case Line():
            return f'<path class="c-line c-{series}"{_dash(mark, series)} d="M{x:.1f} {y:.1f}h18"/>'
        case Dots():
            return f'<path class="c-dots c-{series} c-shape-{series}" d="{_dot_path([(x + 9, y)], series)}"/>'
        case RuleLine():
            return f'<path class="c-rule" d="M{x:.1f} {y:.1f}h18"/>'
        case _:
            kind = "c-band" if isinstance(mark, Band) else "c-bar"
            return f'<path class="{kind} c-{series}" d="M{x:.1f} {y - 5:.1f}h18v10h-18z"/>'


def _dash(line: Line, series: int) -> str:
    dash = "4 3" if line.dashed else _DASHES[series % len(_DASHES)]
    return f' stroke-dasharray="{dash}"' if dash else ""


def _render_line(line: Line, frame: Frame, series: int) -> str:
    places = [(frame.x.place(x), frame.y.place(y)) for x, y in line.points]
    path = f"M{places[0][0]:.1f} {places[0][1]:.1f}"
    path += "".join(f"H{x:.1f}V{y:.1f}" if line.step else f"L{x:.1f} {y:.1f}" for x, y in places[1:])
    if len(places) == 1:
        path += "h0"
    return f'<path class="c-line c-{series}"{_dash(line, series)} d="{path}"/>'


def _render_band(band: Band, frame: Frame, series: int) -> str:
    lows = [(frame.x.place(x), frame.y.place(low)) for x, low, _ in band.points]
    highs = [(frame.x.place(x), frame.y.place(high)) for x, _, high in band.points]
    corners = "L".join(f"{x:.1f} {y:.1f}" for x, y in (*lows, *reversed(highs)))
    return f'<path class="c-band c-{series}" d="M{corners}Z"/>'


def _dot_path(places: Sequence[tuple[float, float]], series: int) -> str:
    """Make the path of all dots: no length with round or square ends, or a cross."""
    shape = ("h0", "h0", "m-3-3l6 6m0-6l-6 6", "m0-4v8m-4-4h8")[series % 4]
    return "".join(f"M{x:.1f} {y:.1f}{shape}" for x, y in places)


def _render_dots(dots: Dots, frame: Frame, series: int, count: int) -> Iterator[str]:
    places = [(frame.x.place(x), frame.y.place(y)) for x, y in dots.points]
    ends: Sequence[tuple[float, ...]] = dots.intervals or [()] * len(places)  # an empty one was not finite
    along = frame.x if frame.is_flat else frame.y
    spans = [
        (x, y, along.place(e[0]), along.place(e[1])) for (x, y), e in zip(places, ends, strict=True) if e
    ]
    if frame.is_flat:
        path = "".join(f"M{low:.1f} {y:.1f}H{high:.1f}" for _, y, low, high in spans)
    else:
        path = "".join(f"M{x:.1f} {low:.1f}V{high:.1f}" for x, _, low, high in spans)
    if path:
        yield f'<path class="c-span c-{series}" d="{path}"/>'
    many = " c-many" if len(places) > 300 else ""
    yield f'<path class="c-dots c-{series} c-shape-{series}{many}" d="{_dot_path(places, series)}"/>'
    if frame.is_flat and count == 1:
        for (x, y), end, (value, _) in zip(places, ends, dots.points, strict=True):
            yield _render_value(max([x + 3, *map(along.place, end)]), y, value)


def _render_value(x: float, y: float, value: float) -> str:
    """Render the value of a bar or a dot beside it."""
    return f'<text class="c-value" x="{x + 5:.1f}" y="{y + 4:.1f}">{format_value(value)}</text>'


def _render_bars(bars: Bars, frame: Frame, series: int, place: tuple[int, int]) -> Iterator[str]:
    along, across = (frame.x, frame.y) if bars.horizontal else (frame.y, frame.x)
    number, count = place
    ends = bars.intervals or [()] * len(bars.values)
    zero = along.place(0.0)
    for (left, right, value), end in zip(bars.values, ends, strict=True):
        a, b = across.place(left), across.place(right)
        gap = min(abs(b - a) * 0.14, 5.0) if count else 0.5 * (abs(b - a) > 3)
        a, b = min(a, b) + gap, max(a, b) - gap
        share = (b - a) / max(count, 1)
        a, b = (a + number * share, a + (number + 1) * share) if count else (a, b)
        top = along.place(value)
        low, high = min(zero, top), max(zero, top)
        box = (low, a, high - low, b - a) if bars.horizontal else (a, low, b - a, high - low)
        sizes = 'x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"'.format(*box)
        text = f"{format_value(value)}" + (
            f" ({format_value(end[0])} to {format_value(end[1])})" if end else ""
        )
        yield f'<rect class="c-bar c-{series}" {sizes}><title>{escape(text)}</title></rect>'
        if end:
            yield _render_span(bars.horizontal, (a + b) / 2, along.place(end[0]), along.place(end[1]))
        if bars.horizontal and count == 1:
            yield _render_value(max([high, *map(along.place, end)]), (a + b) / 2, value)


def _render_span(is_horizontal: bool, middle: float, low: float, high: float) -> str:
    """Render the interval of a bar, with a short stroke at both ends."""
    if is_horizontal:
        path = (
            f"M{low:.1f} {middle:.1f}H{high:.1f}M{low:.1f} {middle - 3:.1f}v6M{high:.1f} {middle - 3:.1f}v6"
        )
    else:
        path = (
            f"M{middle:.1f} {low:.1f}V{high:.1f}M{middle - 3:.1f} {low:.1f}h6M{middle - 3:.1f} {high:.1f}h6"
        )
    return f'<path class="c-whisker" d="{path}"/>'


def _render_cells(cells: Cells, frame: Frame) -> Iterator[str]:
    top = max(abs(v) for row in cells.values for v in row if v is not None) or 1.0
    columns = max(map(len, cells.values))
    wide = (frame.right - frame.left) / max(columns, frame.x.high)
    for i, row in enumerate(cells.values):
        for j, value in enumerate(row):
            x, y = frame.left + j * wide, frame.y.place(i)
            high = frame.y.place(i + 1) - y
            if high <= 0:
                continue
            shade = 0.0 if value is None else round(0.04 + 0.34 * abs(value) / top, 3)
            colour = 1 if value is not None and value < 0 else 0
            box = f'x="{x + 1:.1f}" y="{y + 1:.1f}" width="{max(wide - 2, 0):.1f}" height="{high - 2:.1f}"'
            text = "\N{EN DASH}" if value is None else format_value(value)
            yield f'<rect class="c-cell c-{colour}" fill-opacity="{shade}" {box}><title>{text}</title></rect>'
            if wide >= 6.5 * len(text):
                place = f'x="{x + wide / 2:.1f}" y="{y + high / 2 + 4:.1f}"'
                yield f'<text class="c-count" text-anchor="middle" {place}>{text}</text>'


def _render_rule(rule: RuleLine, frame: Frame) -> Iterator[str]:
    x, y = frame.x, frame.y
    if rule.axis == "diagonal":
        low, high = max(x.low, y.low), min(x.high, y.high)
        if low < high:
            path = f"M{x.place(low):.1f} {y.place(low):.1f}L{x.place(high):.1f} {y.place(high):.1f}"
            yield f'<path class="c-rule" d="{path}"/>'
    elif rule.axis == "x":
        yield f'<path class="c-rule" d="M{x.place(rule.at):.1f} {frame.top:.1f}V{frame.bottom:.1f}"/>'
    elif math.isfinite(rule.at):
        yield f'<path class="c-rule" d="M{frame.left:.1f} {y.place(rule.at):.1f}H{frame.right:.1f}"/>'
