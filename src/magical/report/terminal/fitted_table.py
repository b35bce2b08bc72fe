"""Tables that fit the width of a terminal: wide cells are cut, notes are wrapped below their rows."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from magical.errors import shorten

__all__ = ["DEFAULT_WIDTH", "find_width", "fit_table", "wrap_note"]

DEFAULT_WIDTH = 100
"""The width where no terminal says its own, such as in a pipe."""

_MIN_CELL = 6
_MAX_CELL = 200  # a longer cell is cut before it is measured
_MAX_NOTE = 400
_GAP = 2


def fit_table(
    head: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[Sequence[str]], width: int
) -> str:
    """Align rows below a head, in lines of at most ``width`` cells of a terminal, with notes below each row.

    Args:
        head: the title of each column; those that begin with ``>`` are aligned to the right.
        rows: the cells; control characters in them become spaces. A column of empty cells is not shown.
        notes: for each row, the lines to show below it.
        width: the cells of a line; the widest columns are cut first.

    Example:
        >>> print(fit_table(["name", ">nulls"], [["größe", "3"], ["a" * 50, ""]], [["in cm"], []], 16))
        name       nulls
        größe          3
            in cm
        aaaaaaaa…
    """
    shown = [i for i in range(len(head)) if any(row[i] for row in rows)]
    head = [head[i] for i in shown]
    cells = [[shorten(row[i], _MAX_CELL) for i in shown] for row in rows]
    titles = [title.removeprefix(">") for title in head]
    widths = [max(cell_len(row[i]) for row in [titles, *cells]) for i in range(len(head))]
    room = width - _GAP * (len(widths) - 1)
    narrowest = max(2, min(_MIN_CELL, room // max(len(widths), 1)))
    while sum(widths) > room and max(widths) > narrowest:
        widths[widths.index(max(widths))] -= 1
    right = [title.startswith(">") for title in head]
    lines = [_format_line(titles, widths, right)]
    for row, texts in zip(cells, notes, strict=True):
        lines.append(_format_line(row, widths, right))
        lines += [line for text in texts for line in wrap_note(text, width)]
    return "\n".join(lines)


def find_width() -> int:
    """Return the width of the terminal, or the default one where the output goes elsewhere."""
    if not sys.stdout.isatty():
        return DEFAULT_WIDTH
    return shutil.get_terminal_size((DEFAULT_WIDTH, 24)).columns


def wrap_note(text: str, width: int, indent: str = "    ") -> list[str]:
    """Wrap a note in indented lines.

    Example:
        >>> wrap_note("two words", 9, "  ")
        ['  two', '  words']
    """
    # Not by textwrap, which counts a wide character as one cell.
    lines = Text(shorten(text, _MAX_NOTE)).wrap(Console(), max(1, width - len(indent)))
    return [f"{indent}{line.plain.rstrip()}" for line in lines]


def _format_line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    parts = []
    for cell, width, to_right in zip(cells, widths, right, strict=True):
        missing = width - cell_len(cell)
        if missing < 0:
            parts.append(f"{set_cell_size(cell, width - 1)}…")
        else:
            parts.append(" " * missing + cell if to_right else cell + " " * missing)
    return (" " * _GAP).join(parts).rstrip()
