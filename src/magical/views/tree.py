"""A picture as lines of text, for the terminal: below each group's heading its steps and their data."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from itertools import groupby

from magical.errors import listing
from magical.views.picture import DataNode, Picture, StepNode
from magical.views.state_marks import LOOKS, NOT_REAL, counted

__all__ = ["WIDTH", "tree_text"]

WIDTH = 110
"""Columns where nobody says how many there are."""

_WIDEST = (32, 22, 36)
_GAP = "  "


def tree_text(picture: Picture, width: int = WIDTH, colour: bool = False) -> str:
    """Give a picture as text: one line a step, with its state, what it takes (←) and the data it gives (→).

    Args:
        picture: what is drawn.
        width: of the terminal; where a step needs more, its data follow on lines of their own.
        colour: whether a state is coloured.

    Example:
        >>> from magical.graph import Graph, Node
        >>> from magical.views.picture import picture
        >>> from magical.views.state_marks import Standing
        >>> node = Node("clean", "workflow:clean", "rows", "", {}, {"kind": "table", "text": "Frame"})
        >>> print(tree_text(picture(Graph("flow", (node,)), {"clean": Standing("fresh")})))
        flow: 1 step, 1 fresh
        <BLANKLINE>
        data
          =  clean  fresh  → rows: Frame
    """
    many = len(picture.steps)
    count = counted(s.standing for s in picture.steps)
    head = f"{picture.workflow}: {many} {'step' if many == 1 else 'steps'}{', ' * bool(count)}{count}"
    lines = [*_wrapped(head, width, "")]
    rows = {step.id: _row(step, picture) for step in picture.steps}
    widths = [min(max(len(row[i]) for row in rows.values()), most) for i, most in enumerate(_WIDEST)]
    for group, steps in picture.groups.items():
        lines += ["", _painted(group, "1", colour)]
        for step in steps:
            lines += _lines(step, rows[step.id], widths, (width, colour))
    if picture.origin:
        origin = listing(picture.origin, 6)
        lines += ["", *_wrapped(f"{NOT_REAL} not real: it stands on {origin}.", width, "")]
    return "\n".join([*lines, *[""] * bool(picture.notes), *picture.notes])


def _row(step: StepNode, picture: Picture) -> tuple[str, str, str, str]:
    takes = listing(picture.label(source) for source in step.takes)
    gives = "; ".join(_given(step.gives))
    return step.name, step.standing.words, f"← {takes}" if takes else "", f"→ {gives}" if gives else ""


def _given(data: Sequence[DataNode]) -> Iterator[str]:
    """The data of a step; those that promise the same stand together."""
    for promise, same in groupby(data, key=lambda d: d.promise):
        names = ", ".join(d.name for d in same if d.name)
        yield f"{names}: {promise}" if names else promise


def _lines(step: StepNode, row: Sequence[str], widths: Sequence[int], how: tuple[int, bool]) -> Iterator[str]:
    """The line of a step; what it does not hold follows on lines of its own."""
    width, colour = how
    name, words, takes, gives = row
    code = LOOKS[step.standing.state].colour if step.standing.state else ""
    head = f"  {step.standing.marks} "
    start = len(head) + sum(w + len(_GAP) for w in widths[:2] if w)
    wide = start <= width * 0.6
    title = _cut(name, width - len(head))
    line, used = _painted(head, code, colour) + title, len(head) + _width(title)
    texts = [(words, len(head) + widths[0] + len(_GAP), code), (takes, start, "")]
    texts += [(gives, start + (widths[2] + len(_GAP) if widths[2] else 0), "36")]
    for text, column, paint in texts if wide else [(t, 0, p) for t, _, p in texts]:
        gap = " " * max(column - used, len(_GAP))
        gap = gap if used + len(gap) + _width(text) <= width else _GAP
        fits = used + len(gap) + _width(text) <= width and (wide or text == words)
        if text and fits:
            line, used = line + gap + _painted(text, paint, colour), used + len(gap) + _width(text)
        elif text:
            yield line
            *before, line = _wrapped(text, width, " " * (start if wide else 7))
            yield from before
            used = width
    yield line


def _wrapped(text: str, width: int, indent: str) -> Iterator[str]:
    """A text on indented lines, which are broken between its words."""
    first, *words = text.split(" ")
    line, indent = indent + first, f"{indent}  " if indent else indent
    for word in words:
        if _width(line) + 1 + _width(word) > width and line.strip() not in ("←", "→"):
            yield _cut(line, width)
            line = indent + word
        else:
            line += f" {word}"
    yield _cut(line, width)


def _painted(text: str, code: str, colour: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colour and code and text.strip() else text


def _cut(text: str, width: int) -> str:
    """A text of bounded width; it ends in an ellipsis where something is missing."""
    if _width(text) <= width:
        return text
    while _width(text) > max(width - 1, 0):
        text = text[:-1]
    return f"{text}…"


def _width(text: str) -> int:
    """How many columns a terminal gives to a text."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)
