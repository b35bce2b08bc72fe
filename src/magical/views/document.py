"""Documents: titled sections of texts, facts, tables and charts, the data of every page, card and report.

A document holds no markup. One module renders it as HTML, another as text for a terminal; its JSON is what a
program reads. Names and values from data are plain texts here, and a renderer escapes them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal

__all__ = [
    "Axis",
    "Band",
    "Bars",
    "Block",
    "Cell",
    "Cells",
    "Chart",
    "Code",
    "Details",
    "Document",
    "Dots",
    "Drawing",
    "Facts",
    "Line",
    "Mark",
    "Paragraph",
    "RuleLine",
    "Section",
    "Table",
    "document_json",
]

Tone = Literal["", "good", "warning", "bad", "faint"]
Cell = str | float | int | bool | None


@dataclass(frozen=True)
class Paragraph:
    """A paragraph; its tone is shown by a mark as well as by a colour."""

    text: str
    tone: Tone = ""


@dataclass(frozen=True)
class Facts:
    """Names, each with its value."""

    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Code:
    """A line to copy into a shell or a notebook."""

    text: str


@dataclass(frozen=True)
class Table:
    """Rows below a head.

    Attributes:
        columns: the titles; those that begin with ``>`` are aligned to the right.
        part: the part that the numbers are from, such as ``test``; empty if they are from none.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""
    part: str = ""


@dataclass(frozen=True)
class Axis:
    """An axis of a chart.

    Attributes:
        categories: the labels in their order; empty for numbers. Category number ``i`` is from ``i`` to
            ``i + 1``, and a point with such a place is drawn in its middle.
        low: the least number shown; None to fit the marks.
        high: the largest number shown; None to fit the marks.
        percent: True to show 0.25 as 25 %.
    """

    label: str
    categories: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    percent: bool = False


@dataclass(frozen=True)
class Line:
    """Points joined by a line; ``step`` keeps each value until the next point."""

    points: tuple[tuple[float, float], ...]
    label: str = ""
    step: bool = False
    dashed: bool = False


@dataclass(frozen=True)
class Band:
    """The room between two lines: for each x the low and the high y."""

    points: tuple[tuple[float, float, float], ...]
    label: str = ""


@dataclass(frozen=True)
class Bars:
    """Bars from zero: the place of a category, or the left and right edge of a bin, and the value.

    Attributes:
        values: (left, right, value); a category number ``i`` has the edges ``i`` and ``i + 1``.
        intervals: the low and high end of each value; empty for none.
        horizontal: True to draw them from left to right, for long labels; the categories are those of y.
    """

    values: tuple[tuple[float, float, float], ...]
    label: str = ""
    intervals: tuple[tuple[float, float], ...] = ()
    horizontal: bool = False


@dataclass(frozen=True)
class Dots:
    """Points, each with an optional interval of its y, or of its x if y has categories."""

    points: tuple[tuple[float, float], ...]
    label: str = ""
    intervals: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Cells:
    """A grid of numbers, a row for each category of y and a column for each of x; None for an empty cell."""

    values: tuple[tuple[float | None, ...], ...]
    label: str = ""


@dataclass(frozen=True)
class RuleLine:
    """A straight line across the chart: at an x, at a y, or the diagonal."""

    at: float = 0.0
    axis: Literal["x", "y", "diagonal"] = "y"
    label: str = ""


Mark = Line | Band | Bars | Dots | Cells | RuleLine


@dataclass(frozen=True)
class Chart:
    """A picture of numbers.

    Attributes:
        title: what it shows, in a few words.
        reading: what a reader learns from it, in one sentence; also read to those who do not see it.
        part: the part that the numbers are from, such as ``test``; empty if they are from none.
    """

    title: str
    reading: str
    x: Axis
    y: Axis
    marks: tuple[Mark, ...]
    part: str = ""


@dataclass(frozen=True)
class Drawing:
    """A drawing of a workflow, as an SVG element that `views.svg` made; JSON has its label only."""

    svg: str
    label: str


@dataclass(frozen=True)
class Details:
    """Blocks that a page folds below a summary."""

    summary: str
    blocks: tuple[Block, ...]


Block = Paragraph | Facts | Code | Table | Chart | Drawing | Details


@dataclass(frozen=True)
class Section:
    """A titled part of a document.

    Attributes:
        name: a short stable name for programs and anchors, such as ``slices``.
        failure: why it could not be built; then it has no blocks.
    """

    name: str
    title: str
    blocks: tuple[Block, ...] = ()
    failure: str = ""


@dataclass(frozen=True)
class Document:
    """A page, a card or a report.

    Attributes:
        title: the heading of the page.
        subtitle: a line below it, such as the name and time of a run.
        origin: the pretended or sampled steps that it depends on; then all of it is marked as not real.

    Example:
        >>> document = Document("shop", sections=(Section("rows", "Rows", (Paragraph("200 rows"),)),))
        >>> document_json(document)["sections"][0]["blocks"]
        [{'kind': 'paragraph', 'text': '200 rows'}]
    """

    title: str
    subtitle: str = ""
    sections: tuple[Section, ...] = ()
    origin: tuple[str, ...] = ()


def document_json(document: Document) -> dict[str, Any]:
    """Convert a document to JSON: each block has its ``kind``; empty fields are left out, NaN is null."""
    converted: dict[str, Any] = _to_json(document)
    return converted


def _to_json(value: object) -> Any:
    if isinstance(value, Drawing):
        return {"kind": "drawing", "label": value.label}
    if is_dataclass(value):
        found = {f.name: _to_json(getattr(value, f.name)) for f in fields(value)}
        kind = {} if isinstance(value, Document | Section | Axis) else {"kind": type(value).__name__.lower()}
        return kind | {k: v for k, v in found.items() if v not in ("", None, [], False)}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_to_json(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
