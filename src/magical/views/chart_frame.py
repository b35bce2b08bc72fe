"""The frame of a chart: what its marks cover, the scales of its axes, its margins, grid and labels."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import NamedTuple

from magical.errors import shorten
from magical.views.document import Axis, Cells, Chart, Dots
from magical.views.ticks import find_ticks, format_tick, widen_range

__all__ = ["WIDTH", "Frame", "PlotScale", "estimate_label_width", "render_label"]

WIDTH = 360.0
_PLOT_HEIGHT, _ROW_HEIGHT, _CELL_HEIGHT, _TITLE_HEIGHT, _GAP = 176.0, 26.0, 38.0, 18.0, 6.0
_CHARACTER_WIDTH, _MAX_LABEL, _MAX_SLANTED = 6.5, 22, 14


class PlotScale(NamedTuple):
    """A linear map of values to places; values beyond its range are put at its ends."""

    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> float:
        """Return the place of a value.

        Example:
            >>> PlotScale(0, 10, 100, 200).place(5)
            150.0
        """
        inside = min(max(value, self.low), self.high)
        return self.start + (inside - self.low) / (self.high - self.low) * (self.end - self.start)


def estimate_label_width(text: str) -> float:
    """Estimate the width of a label, without a font to measure it."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return _CHARACTER_WIDTH * (len(text) + wide)


def render_label(x: float, y: float, text: str, anchor: str = "start", extra: str = "") -> str:
    """Render a text, cut where it is long; then a title has the whole of it."""
    cut = shorten(text, _MAX_LABEL)
    whole = f"<title>{escape(shorten(text, 300))}</title>" if cut.endswith("…") else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{extra}>{escape(cut)}{whole}</text>'


@dataclass(frozen=True)
class _Side:
    """One axis with its range, its ticks and their labels."""

    axis: Axis
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]

    @classmethod
    def fit(cls, axis: Axis, values: Iterable[float], is_rounded: bool, pad: float = 0.0) -> _Side:
        """Fit the range of an axis to the values of the marks; a rounded one ends at ticks.

        Args:
            pad: the share of the range that is added at an end that is not given.
        """
        if axis.categories:
            names = tuple((i + 0.5, name) for i, name in enumerate(axis.categories))
            return cls(axis, 0.0, float(len(names)), names)
        found = list(values)
        low, high = min(found, default=0.0), max(found, default=1.0)
        given_low, given_high = (
            v if v is not None and abs(v) <= 1e300 else None for v in (axis.low, axis.high)
        )
        low, high = low if given_low is None else given_low, high if given_high is None else given_high
        low, high = widen_range(min(low, high), max(low, high))
        room = pad * (high - low)
        low, high = low - room * (given_low is None), high + room * (given_high is None)
        ticks = find_ticks(low, high)
        if is_rounded and len(ticks) > 1:
            step = ticks[1] - ticks[0]
            low = low if given_low is not None else math.floor(low / step + 1e-9) * step
            high = high if given_high is not None else math.ceil(high / step - 1e-9) * step
            ticks = find_ticks(low, high)
        step = ticks[1] - ticks[0] if len(ticks) > 1 else abs(ticks[0]) if ticks else 1.0
        return cls(axis, low, high, tuple((t, format_tick(t, step, axis.percent)) for t in ticks))

    @cached_property
    def label_width(self) -> float:
        """The width of the longest label of a tick."""
        return max((estimate_label_width(shorten(text, _MAX_LABEL)) for _, text in self.ticks), default=0.0)


class Frame:
    """The plot of a chart within its margins.

    Attributes:
        x: the scale from left to right.
        y: the scale from bottom to top; categories go from top to bottom.
        height: of the whole drawing.
        is_flat: True if the categories are those of y, so that values go from left to right.
    """

    def __init__(
        self, chart: Chart, values: tuple[list[float], list[float]], top: float, right: float
    ) -> None:
        self.is_flat = is_flat = bool(chart.y.categories)
        pad = 0.03 if any(isinstance(m, Dots) for m in chart.marks) else 0.0
        self._x = _Side.fit(chart.x, values[0], is_rounded=is_flat, pad=pad)
        self._y = _Side.fit(chart.y, values[1], is_rounded=True)
        self.top = top + (_TITLE_HEIGHT + 6 if chart.y.label else _GAP)
        left = 10 + self._y.label_width
        last = self._x.ticks[-1] if self._x.ticks and not chart.x.categories else (0.0, "")
        overhang = estimate_label_width(last[1]) / 2 if last[0] >= self._x.high * 0.9 else 0.0
        self.right = WIDTH - max(right, overhang, 8)
        self.is_slanted = False
        if chart.x.categories:
            slot = (self.right - left) / len(chart.x.categories)
            self.is_slanted = self._x.label_width > slot - 4
        slanted = min(self._x.label_width, _CHARACTER_WIDTH * _MAX_SLANTED)
        self.left = max(left, slanted * 0.82 - 8) if self.is_slanted else left
        rows = len(chart.y.categories)
        row_height = _CELL_HEIGHT if any(isinstance(m, Cells) for m in chart.marks) else _ROW_HEIGHT
        self.bottom = self.top + (max(rows * row_height, 52) if rows else _PLOT_HEIGHT)
        self._tick_height = 10 + slanted * 0.62 if self.is_slanted else 21.0
        self.height = self.bottom + self._tick_height + (_TITLE_HEIGHT if self._x.axis.label else 2)
        self.x = PlotScale(self._x.low, self._x.high, self.left, self.right)
        ends = (self.top, self.bottom) if is_flat else (self.bottom, self.top)
        self.y = PlotScale(self._y.low, self._y.high, *ends)

    def render_grid(self) -> Iterator[str]:
        """Render the lines of the grid, along the axis that has numbers."""
        lines = []
        if not self._y.axis.categories:
            lines += [f"M{self.left:.1f} {self.y.place(t):.1f}H{self.right:.1f}" for t, _ in self._y.ticks]
        elif not self._x.axis.categories:
            lines += [f"M{self.x.place(t):.1f} {self.top:.1f}V{self.bottom:.1f}" for t, _ in self._x.ticks]
        if lines:
            yield f'<path class="c-grid" d="{"".join(lines)}"/>'

    def render_base(self) -> str:
        """Render the line that bars stand on, or the bottom of the plot."""
        if self._y.axis.categories:
            x = self.x.place(0.0) if not self._x.axis.categories else self.left
            return f'<path class="c-base" d="M{x:.1f} {self.top:.1f}V{self.bottom:.1f}"/>'
        y = self.y.place(0.0) if self.y.low <= 0 <= self.y.high else self.bottom
        return f'<path class="c-base" d="M{self.left:.1f} {y:.1f}H{self.right:.1f}"/>'

    def render_labels(self) -> Iterator[str]:
        """Render the labels of the ticks, and the titles of both axes."""
        for tick, text in self._y.ticks:
            yield render_label(self.left - 8, self.y.place(tick) + 4, text, "end")
        yield from self._render_slanted() if self.is_slanted else self._render_straight()
        if self._y.axis.label:
            yield render_label_of_axis(0, self.top - 12, self._y.axis.label, "start")
        if self._x.axis.label:
            yield render_label_of_axis(self.right, self.height - 4, self._x.axis.label, "end")

    def _render_straight(self) -> Iterator[str]:
        ticks = self._x.ticks
        room = self.x.place(ticks[1][0]) - self.x.place(ticks[0][0]) if len(ticks) > 1 else WIDTH
        every = math.ceil((self._x.label_width + 8) / max(room, 1.0))
        first = next((i % every for i, (tick, _) in enumerate(ticks) if tick == 0), 0)  # 0 keeps its label
        for tick, text in ticks if self._x.axis.categories else ticks[first::every]:
            yield render_label(self.x.place(tick), self.bottom + 18, text, "middle")

    def _render_slanted(self) -> Iterator[str]:
        every = math.ceil(len(self._x.ticks) * 13 / (self.right - self.left))
        for tick, text in self._x.ticks[::every]:
            x, y = self.x.place(tick) + 3, self.bottom + 12
            cut = shorten(text, _MAX_SLANTED)
            whole = f"<title>{escape(shorten(text, 300))}</title>" if cut.endswith("…") else ""
            turned = f'transform="translate({x:.1f} {y:.1f})rotate(-38)"'
            yield f'<text text-anchor="end" {turned}>{escape(cut)}{whole}</text>'


def render_label_of_axis(x: float, y: float, text: str, anchor: str) -> str:
    """Render the title of an axis, of up to 50 characters."""
    cut = shorten(text, 50)
    return f'<text class="c-title" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(cut)}</text>'
