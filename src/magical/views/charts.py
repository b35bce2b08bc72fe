"""Charts as small SVG elements: no script, no colour alone, and a text for those who do not see them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from html import escape
from itertools import pairwise
from typing import Any

from magical.errors import shorten
from magical.views.chart_frame import WIDTH, Frame, estimate_label_width, render_label
from magical.views.chart_marks import clean_mark, collect_values, render_mark, render_sample
from magical.views.document import (
    Axis,
    Band,
    Bars,
    Cell,
    Cells,
    Chart,
    Dots,
    Line,
    Mark,
    Paragraph,
    RuleLine,
    Table,
)

__all__ = ["draw_chart"]

_MAX_CATEGORIES, _MAX_ROWS, _SERIES = 60, 500, 4
_LEGEND_HEIGHT, _DIRECT_WIDTH = 17.0, 100.0


def draw_chart(chart: Chart) -> str | Paragraph | Table:
    """Draw a chart as an SVG element.

    Returns:
        A sentence in the place of a chart without finite numbers, and a table in the place of one that has
        too many categories to be drawn.

    Example:
        >>> chart = Chart(
        ...     "Rows",
        ...     "Most are in train.",
        ...     Axis("part", ("train", "test")),
        ...     Axis("rows"),
        ...     (Bars(((0, 1, 80), (1, 2, 20))),),
        ... )
        >>> draw_chart(chart).count("<rect")
        2
        >>> draw_chart(Chart("Loss", "", Axis("trial"), Axis("loss"), ()))
        Paragraph(text='Loss: there are no numbers to draw.', tone='faint')
    """
    marks = tuple(m for m in map(clean_mark, chart.marks) if m is not None)
    if all(isinstance(m, RuleLine) for m in marks):
        return Paragraph(f"{chart.title}: there are no numbers to draw.", "faint")
    cleaned = _centre_points(_name_cells(_turn_axes(replace(chart, marks=marks))))
    if max(len(cleaned.x.categories), len(cleaned.y.categories)) > _MAX_CATEGORIES:
        return _make_table(cleaned)
    return _draw(cleaned)


def _turn_axes(chart: Chart) -> Chart:
    """Exchange the axes of horizontal bars whose categories were given for x."""
    turned = any(isinstance(m, Bars) and m.horizontal for m in chart.marks)
    if turned and chart.x.categories and not chart.y.categories:
        return replace(chart, x=chart.y, y=chart.x)
    return chart


def _centre_points(chart: Chart) -> Chart:
    """Put each point on an axis of categories in the middle of its category."""
    centred: list[Mark] = []
    for mark in chart.marks:
        if isinstance(mark, Line | Dots | Band):
            places = [_centre(p[0], chart.x) for p in mark.points]
            heights = [tuple(_centre(v, chart.y) for v in p[1:]) for p in mark.points]
            points: Any = tuple((x, *ys) for x, ys in zip(places, heights, strict=True))
            centred.append(replace(mark, points=points))
        else:
            centred.append(mark)
    return replace(chart, marks=tuple(centred))


def _centre(value: float, axis: Axis) -> float:
    return math.floor(value) + 0.5 if axis.categories else value


def _name_cells(chart: Chart) -> Chart:
    """Number the rows and columns of a grid that have no categories."""
    grids = [m.values for m in chart.marks if isinstance(m, Cells)]
    if not grids:
        return chart
    wide, high = max(len(row) for g in grids for row in g), max(map(len, grids))
    return replace(chart, x=_fill_categories(chart.x, wide), y=_fill_categories(chart.y, high))


def _fill_categories(axis: Axis, count: int) -> Axis:
    names = (*axis.categories, *(str(i + 1) for i in range(len(axis.categories), count)))
    return replace(axis, categories=names)


def _draw(chart: Chart) -> str:
    series = _number_series(chart.marks)
    keys = _find_keys(chart.marks, series)
    direct = _room_beside(chart, keys)
    rows = [] if direct else _lay_out_keys(keys)
    top = len(rows) * _LEGEND_HEIGHT + (4 if rows else 0)
    bars = [m for m in chart.marks if isinstance(m, Bars)]
    dots = [m for m in chart.marks if isinstance(m, Dots)]
    is_beside = bool(chart.x.categories or chart.y.categories)
    right = max(direct, 46.0 if chart.y.categories and len(bars) + len(dots) == 1 else 0)
    frame = Frame(chart, collect_values(chart), top, right)
    body = [*_render_keys(rows), *frame.render_grid()]
    order = (Band, Cells, Bars, RuleLine, Line, Dots)
    for kind in order:
        for mark, number in zip(chart.marks, series, strict=True):
            if isinstance(mark, kind):
                beside = (
                    (bars.index(mark), len(bars)) if isinstance(mark, Bars) and is_beside else (0, len(dots))
                )
                body += render_mark(mark, frame, number, beside)
    body += [frame.render_base(), *frame.render_labels()]
    if direct:
        body += _render_direct(keys, frame)
    body += _render_notes(chart.marks, frame)
    text = escape(". ".join(filter(None, (shorten(chart.title, 200), shorten(chart.reading, 600)))))
    size = f'width="{WIDTH:.0f}" height="{frame.height:.0f}" viewBox="0 0 {WIDTH:.0f} {frame.height:.0f}"'
    return f'<svg class="m-chart" role="img" aria-label="{text}" {size}>{"".join(body)}</svg>'


def _number_series(marks: Sequence[Mark]) -> list[int]:
    """Number the series: marks of one label are one series; without a label, the first of each kind are.

    Bands whose label no line has belong to the only line.
    """
    lines = [m for m in marks if isinstance(m, Line)]
    labels: dict[str, int] = {}
    counts: dict[type, int] = {}
    numbers = []
    for mark in marks:
        count = counts.get(type(mark), 0)
        if mark.label and not isinstance(mark, RuleLine | Cells):
            is_spare = isinstance(mark, Band) and mark.label not in {m.label for m in marks if m is not mark}
            number = (
                (count if len(lines) > 1 else 0) if is_spare else labels.setdefault(mark.label, len(labels))
            )
        else:
            number = count
        counts[type(mark)] = count + 1
        numbers.append(number % _SERIES)
    return numbers


_Key = tuple[Mark, int]


def _find_keys(marks: Sequence[Mark], series: Sequence[int]) -> list[_Key]:
    """Find what a legend names: each label once; a line says more than its band."""
    found: dict[str, _Key] = {}
    for mark, number in zip(marks, series, strict=True):
        is_named = isinstance(mark, Line | Band | Bars | Dots) or (
            isinstance(mark, RuleLine) and mark.axis == "diagonal"
        )
        if is_named and mark.label and (mark.label not in found or isinstance(found[mark.label][0], Band)):
            found[mark.label] = mark, number
    return list(found.values())


def _room_beside(chart: Chart, keys: Sequence[_Key]) -> float:
    """Return the width for labels at the ends of the lines; 0 where a legend is better."""
    lines = [m for m, _ in keys if isinstance(m, Line)]
    widths = [estimate_label_width(m.label) * 1.1 + 8 for m in lines]
    if not lines or len(lines) < len(keys) or len(lines) > _SERIES or max(widths) > _DIRECT_WIDTH:
        return 0.0
    xs, ys = collect_values(chart)
    least = (max(ys) - min(ys)) * 0.09
    ends = sorted(m.points[-1][1] for m in lines)
    are_apart = all(b - a > least for a, b in pairwise(ends))
    reach = min(xs) + (max(xs) - min(xs)) * 0.9
    return max(widths) if are_apart and all(m.points[-1][0] >= reach for m in lines) else 0.0


def _render_direct(keys: Sequence[_Key], frame: Frame) -> Iterator[str]:
    for mark, number in keys:
        if isinstance(mark, Line):
            y = frame.y.place(mark.points[-1][1]) + 4
            yield render_label(frame.right + 6, y, mark.label, extra=f' class="c-direct c-{number}"')


def _lay_out_keys(keys: Sequence[_Key]) -> list[list[tuple[float, _Key]]]:
    """Lay out the legend in rows, each key with its x."""
    rows: list[list[tuple[float, _Key]]] = []
    x = WIDTH
    for key in keys:
        wide = 24 + estimate_label_width(shorten(key[0].label, 22)) + 14
        if x + wide > WIDTH:
            rows.append([])
            x = 0.0
        rows[-1].append((x, key))
        x += wide
    return rows


def _render_keys(rows: Sequence[Sequence[tuple[float, _Key]]]) -> Iterator[str]:
    bands = [key for row in rows for _, key in row if isinstance(key[0], Band)]
    for i, row in enumerate(rows):
        y = 8 + i * _LEGEND_HEIGHT
        for x, (mark, number) in row:
            # A band within another is drawn upon it, and so is its sample.
            times = 1 + bands.index((mark, number)) if isinstance(mark, Band) else 1
            yield render_sample(mark, x + 1, y, number) * times
            yield render_label(x + 25, y + 4, mark.label, extra=' class="c-key"')


def _render_notes(marks: Sequence[Mark], frame: Frame) -> Iterator[str]:
    """Render the labels of straight lines beside them, on the side that has room."""
    for mark in marks:
        if isinstance(mark, RuleLine) and mark.label and mark.axis != "diagonal":
            if mark.axis == "y":
                y = frame.y.place(mark.at)
                is_left = _find_room(marks, frame, mark.at)
                x = frame.left + 4 if is_left else frame.right - 2
                place = x, y + 13 if y - frame.top < 14 else y - 5, mark.label, "start" if is_left else "end"
            else:
                x = frame.x.place(mark.at)
                is_left = x < (frame.left + frame.right) / 2
                place = x + (5 if is_left else -5), frame.top + 10, mark.label, "start" if is_left else "end"
            yield render_label(*place, extra=' class="c-note"')


def _find_room(marks: Sequence[Mark], frame: Frame, at: float) -> bool:
    """Return True if the lines keep farther from a height at the left than at the right."""
    points = [p for m in marks if isinstance(m, Line | Dots) for p in m.points]
    middle = (frame.x.low + frame.x.high) / 2
    left = min((abs(y - at) for x, y in points if x < middle), default=math.inf)
    return left > min((abs(y - at) for x, y in points if x >= middle), default=math.inf)


def _make_table(chart: Chart) -> Table:
    """Make a table of the numbers of a chart that cannot be drawn."""
    rows: list[tuple[Cell, ...]] = []
    for mark in chart.marks:
        match mark:
            case Line() | Dots():
                rows += [(mark.label, _name(chart.x, p[0]), _name(chart.y, p[1])) for p in mark.points]
            case Band():
                rows += [
                    (mark.label, _name(chart.x, x), f"{low:.4g} to {high:.4g}")
                    for x, low, high in mark.points
                ]
            case Bars():
                axis = chart.y if mark.horizontal else chart.x
                rows += [(mark.label, _name(axis, left), value) for left, _, value in mark.values]
            case Cells():
                names = chart.x.categories
                rows += [
                    (chart.y.categories[i], names[j], value)
                    for i, row in enumerate(mark.values)
                    for j, value in enumerate(row)
                ]
            case RuleLine():
                pass
    titles = ("series", chart.x.label or "x", f">{chart.y.label or 'y'}")
    if any(isinstance(m, Cells) for m in chart.marks):
        titles = (chart.y.label or "y", chart.x.label or "x", ">value")
    skipped = 0 if any(row[0] for row in rows) else 1
    cut = f" (the first {_MAX_ROWS} of {len(rows):,} numbers)" if len(rows) > _MAX_ROWS else ""
    shown = tuple(row[skipped:] for row in rows[:_MAX_ROWS])
    return Table(titles[skipped:], shown, f"{chart.title}{cut}. {chart.reading}", chart.part)


def _name(axis: Axis, place: float) -> Cell:
    """Return the category at a place, or the number."""
    number = int(place)
    return axis.categories[number] if 0 <= number < len(axis.categories) else place
