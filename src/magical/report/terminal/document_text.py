"""Documents as text for a terminal: tables that fit its width, and charts of block characters."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import accumulate

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from magical.errors import join_names, shorten, strip_control_characters
from magical.report.terminal.fitted_table import fit_table, wrap_note
from magical.views.document import (
    Bars,
    Block,
    Cell,
    Chart,
    Code,
    Details,
    Document,
    Drawing,
    Facts,
    Paragraph,
    Section,
    Table,
)

__all__ = ["document_text", "small_bars"]

_TONES = {"good": "✓ ", "warning": "! ", "bad": "✗ ", "faint": "", "": ""}
_LEVELS = "▁▂▃▄▅▆▇█"
_MIN_COLUMN, _MAX_TITLE, _MAX_BARS = 8, 14, 24


def document_text(document: Document, width: int) -> str:
    """Render a document in lines of at most ``width`` cells; what a page folds is named only.

    Example:
        >>> rows = Section("rows", "Rows", (Table(("part", ">rows"), (("test", 448),)),))
        >>> print(document_text(Document("split", "of today", (rows,)), 30))
        split
        of today
        <BLANKLINE>
        ── Rows ──────────────────────
        part  rows
        test   448
    """
    lines = [*_wrap(document.title, width), *_wrap(document.subtitle, width)]
    if document.origin:
        lines += _wrap(f"✗ It is not real: it stands on {', '.join(document.origin)}.", width)
    for section in document.sections:
        lines += ["", *_section_lines(section, width)]
    return "\n".join(lines)


def small_bars(values: Sequence[float]) -> str:
    """Draw values of at least 0 with one block character each; 0 is a space.

    Example:
        >>> small_bars([1, 8, 0, 4])
        '▁█ ▄'
    """
    top = max(values, default=0) or 1
    return "".join(_LEVELS[max(0, math.ceil(v / top * 8) - 1)] if v else " " for v in values)


def _section_lines(section: Section, width: int) -> Iterator[str]:
    title = f"── {shorten(section.title, max(8, width - 8))} "
    yield title + "─" * max(2, width - cell_len(title))
    if section.failure:
        yield from _wrap(f"✗ This could not be built: {section.failure}", width)
    yield from _block_lines(section.blocks, width)


def _block_lines(blocks: Sequence[Block], width: int) -> Iterator[str]:
    for i, block in enumerate(blocks):
        if i and isinstance(block, Table | Chart):
            yield ""
        yield from _lines_of(block, width)


def _lines_of(block: Block, width: int) -> Iterator[str]:
    match block:
        case Paragraph():
            yield from _wrap(f"{_TONES[block.tone]}{block.text}", width)
        case Facts():
            yield from _fact_lines(block, width)
        case Code():  # not wrapped: it is there to be copied
            yield from (f"  {strip_control_characters(line)}" for line in block.text.splitlines())
        case Table():
            yield from _table_lines(block, width)
        case Chart():
            yield from _chart_lines(block, width)
        case Drawing():
            yield from _wrap(block.label, width)
        case Details():
            yield from _wrap(f"▸ {block.summary} (on the page)", width)


def _wrap(text: str, width: int, indent: str = "") -> list[str]:
    """Wrap each line of a text by words; a wide character counts as two cells."""
    lines = [strip_control_characters(line) for line in text.splitlines()]
    room = max(1, width - len(indent))
    return [
        f"{indent}{part.plain.rstrip()}"
        for line in lines
        for part in Text(line).wrap(Console(), room)
        if line
    ]


def _fact_lines(facts: Facts, width: int) -> Iterator[str]:
    names = [shorten(name, max(8, width // 3)) for name, _ in facts.pairs]
    longest = max(map(cell_len, names), default=0)
    for name, (_, value) in zip(names, facts.pairs, strict=True):
        # The first line stands beside the name, the others below the first.
        lines = _wrap(value, width, " " * (longest + 2)) or [""]
        yield f"{name}{' ' * (longest - cell_len(name))}  {lines[0].lstrip()}".rstrip()
        yield from lines[1:]


def _table_lines(table: Table, width: int) -> Iterator[str]:
    yield from _wrap(_caption(table.caption, table.part), width)
    names = [title.removeprefix(">") for title in table.columns]
    if not table.rows:
        return (yield from _wrap(f"no rows of {join_names(names, 12)}" if names else "no rows", width))
    rows = [[_cell_text(cell) for cell in row] for row in table.rows]
    needs = [_needed_width(name, [row[i] for row in rows]) for i, name in enumerate(names)]
    # As many columns as have room; a terminal cannot scroll sideways.
    count = max(1, sum(end <= width + 2 for end in accumulate(needs)))
    shown = [row[:count] for row in rows]
    yield from fit_table(_align_columns(table, count), shown, [()] * len(rows), width).splitlines()
    if rest := [name for name, need in zip(names[count:], needs[count:], strict=True) if need]:
        columns = "column" if len(rest) == 1 else "columns"
        yield from wrap_note(f"and {len(rest)} more {columns}: {join_names(rest, 12)}", width, "")


def _needed_width(title: str, cells: Sequence[str]) -> int:
    """Return the cells of a line that a column needs to be read, with the gap; 0 if it is empty."""
    longest = max(cell_len(cell[:_MAX_TITLE]) for cell in cells)
    enough = max(_MIN_COLUMN, min(cell_len(title), _MAX_TITLE))
    return min(max(longest, cell_len(title)), enough) + 2 if longest else 0


def _align_columns(table: Table, count: int) -> list[str]:
    """List the titles; a column of numbers is aligned to the right in any case."""
    titles = []
    for i, title in enumerate(table.columns[:count]):
        cells = [row[i] for row in table.rows if row[i] is not None]
        is_number = bool(cells) and all(isinstance(c, int | float) and not isinstance(c, bool) for c in cells)
        titles.append(f">{title.removeprefix('>')}" if is_number else title)
    return titles


def _cell_text(cell: Cell) -> str:
    match cell:
        case None:
            return "–"
        case bool():
            return "yes" if cell else "no"
        case float():
            return f"{cell:.0f}" if 1e4 <= abs(cell) < 1e15 else f"{cell:.4g}"
        case int():
            return f"{cell:,}"
        case str():
            return cell


def _caption(text: str, part: str) -> str:
    return f"{text} ({part})".strip() if part else text


def _chart_lines(chart: Chart, width: int) -> Iterator[str]:
    """Draw bars, and read other marks to the reader."""
    yield from _wrap(_caption(chart.title, chart.part), width)
    bars = next((mark for mark in chart.marks if isinstance(mark, Bars)), None)
    if bars and bars.values and all(value >= 0 for *_, value in bars.values):
        labels = (chart.y if bars.horizontal else chart.x).categories
        if labels:
            yield from _labelled_bars(bars, labels, width)
        else:
            picture = small_bars([value for *_, value in bars.values])
            yield f"  {bars.values[0][0]:.4g} {picture} {bars.values[-1][1]:.4g}"
    yield from _wrap(chart.reading, width, "  ")


def _labelled_bars(bars: Bars, labels: Sequence[str], width: int) -> Iterator[str]:
    shown = bars.values[:_MAX_BARS]
    top = max(value for *_, value in bars.values) or 1.0
    rows = [
        (labels[int(left)], _bar(value / top, max(4, width // 3)), _cell_text(value))
        for left, _, value in shown
    ]
    yield from (
        f"  {line}" for line in fit_table(["", "", ">"], rows, [()] * len(rows), width - 2).splitlines()[1:]
    )
    if rest := len(bars.values) - len(shown):
        yield f"  and {rest} more"


def _bar(share: float, width: int) -> str:
    whole, eighths = divmod(round(share * width * 8), 8)
    return "█" * whole + " ▏▎▍▌▋▊▉"[eighths].strip()
