"""Pictures as lines of text, for the terminal: the steps of each group, with their data."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from itertools import groupby

from magical.errors import join_names
from magical.views.picture import DataNode, Picture, StepNode
from magical.views.state_marks import NOT_REAL, STATE_STYLES, count_states

__all__ = ["DEFAULT_WIDTH", "render_tree"]

DEFAULT_WIDTH = 110  # where the output is no terminal
_MAX_WIDTHS = (32, 22, 36)  # of the columns for name, state and inputs
_GAP = "  "


def render_tree(picture: Picture, width: int = DEFAULT_WIDTH, colour: bool = False) -> str:
    """Render a picture as text: a line for each step, with its state, inputs (←) and data (→).

    Args:
        width: of the terminal; a step that needs more continues on further lines.
        colour: True to colour states with escape codes.

    Example:
        >>> from magical.graph import Graph, Node
        >>> from magical.views.picture import StepStatus, build_picture
        >>> node = Node("clean", "workflow:clean", "rows", "", {}, {"kind": "table", "text": "Frame"})
        >>> print(render_tree(build_picture(Graph("flow", (node,)), {"clean": StepStatus("fresh")})))
        flow: 1 step, 1 fresh
        <BLANKLINE>
        data
          =  clean  fresh  → rows: Frame
    """
    many = len(picture.steps)
    count = count_states(s.status for s in picture.steps)
    title = f"{picture.workflow}: {many} {'step' if many == 1 else 'steps'}{', ' * bool(count)}{count}"
    lines = [*_wrap(title, width, "")]
    rows = {step.id: _make_cells(step, picture) for step in picture.steps}
    widths = [min(max(len(row[i]) for row in rows.values()), most) for i, most in enumerate(_MAX_WIDTHS)]
    for group, steps in picture.groups.items():
        lines += ["", _paint(group, "1", colour)]
        for step in steps:
            lines += _render_step(step, rows[step.id], widths, (width, colour))
    if picture.origin:
        origin = join_names(picture.origin, 6)
        lines += ["", *_wrap(f"{NOT_REAL} not real: it stands on {origin}.", width, "")]
    return "\n".join([*lines, *[""] * bool(picture.notes), *picture.notes])


def _make_cells(step: StepNode, picture: Picture) -> tuple[str, str, str, str]:
    """Format the name, state, inputs and data of a step."""
    takes = join_names(picture.label(source) for source in step.inputs)
    gives = "; ".join(_format_outputs(step.outputs))
    return step.name, step.status.label, f"← {takes}" if takes else "", f"→ {gives}" if gives else ""


def _format_outputs(data: Sequence[DataNode]) -> Iterator[str]:
    """Format the data of a step; a promise is written once for neighbours that have it in common."""
    for promise, same in groupby(data, key=lambda d: d.promise):
        names = ", ".join(d.name for d in same if d.name)
        yield f"{names}: {promise}" if names else promise


def _render_step(
    step: StepNode, row: Sequence[str], widths: Sequence[int], display: tuple[int, bool]
) -> Iterator[str]:
    """Render a step, on several lines if need be; ``display`` is the width and whether to colour."""
    width, colour = display
    name, words, takes, gives = row
    code = STATE_STYLES[step.status.state].colour if step.status.state else ""
    head = f"  {step.status.marks} "
    start = len(head) + sum(w + len(_GAP) for w in widths[:2] if w)
    # On a narrow terminal the columns would leave no room for data: each text gets lines of its own then.
    wide = start <= width * 0.6
    title = _truncate(name, width - len(head))
    line, used = _paint(head, code, colour) + title, len(head) + _display_width(title)
    texts = [(words, len(head) + widths[0] + len(_GAP), code), (takes, start, "")]
    texts += [(gives, start + (widths[2] + len(_GAP) if widths[2] else 0), "36")]
    for text, column, paint in texts if wide else [(t, 0, p) for t, _, p in texts]:
        gap = " " * max(column - used, len(_GAP))
        gap = gap if used + len(gap) + _display_width(text) <= width else _GAP
        fits = used + len(gap) + _display_width(text) <= width and (wide or text == words)
        if text and fits:
            line, used = line + gap + _paint(text, paint, colour), used + len(gap) + _display_width(text)
        elif text:
            yield line
            *before, line = _wrap(text, width, " " * (start if wide else 7))
            yield from before
            used = width
    yield line


def _wrap(text: str, width: int, indent: str) -> Iterator[str]:
    """Wrap a text between words; after the first line, a non-empty indent grows by two."""
    first, *words = text.split(" ")
    line, indent = indent + first, f"{indent}  " if indent else indent
    for word in words:
        if _display_width(line) + 1 + _display_width(word) > width and line.strip() not in ("←", "→"):
            yield _truncate(line, width)
            line = indent + word
        else:
            line += f" {word}"
    yield _truncate(line, width)


def _paint(text: str, code: str, colour: bool) -> str:
    """Colour a text with an escape code, if ``colour`` is True and there is a code."""
    return f"\x1b[{code}m{text}\x1b[0m" if colour and code and text.strip() else text


def _truncate(text: str, width: int) -> str:
    """Cut a text to a width; a text that was cut ends in an ellipsis."""
    if _display_width(text) <= width:
        return text
    while _display_width(text) > max(width - 1, 0):
        text = text[:-1]
    return f"{text}…"


def _display_width(text: str) -> int:
    """Count the columns of a text in a terminal."""
    if text.isascii():  # almost all texts, and much faster
        return len(text)
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)
