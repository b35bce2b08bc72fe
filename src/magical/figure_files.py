"""Figures as files: what matplotlib, plotly and altair draw, as a picture or a page that a browser shows."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from magical.masking import mask

__all__ = ["FigureFile", "convert_figure"]


@dataclass(frozen=True)
class FigureFile:
    """A figure as the content of a file.

    Attributes:
        data: the bytes of the file.
        suffix: the end of its name: ``.png`` or ``.html``.

    Example:
        >>> str(FigureFile(b"0123456789", ".png"))
        'figure (png, 10 bytes)'
    """

    data: bytes
    suffix: str

    def __str__(self) -> str:
        return f"figure ({self.suffix[1:]}, {len(self.data):,} bytes)"


def convert_figure(value: Any) -> FigureFile | None:
    """Render a figure of matplotlib, seaborn, plotly or altair; None for any other value.

    These packages need not be installed: a figure is known by the package of its class.
    A picture is png. A page (plotly, altair) loads its library from the network when it is opened.

    Example:
        >>> convert_figure({"rows": 3}) is None
        True
    """
    packages = {kind.__module__.partition(".")[0] for kind in type(value).__mro__}
    for package, method, render in _RENDERERS:
        if package in packages:
            # Axes are given as often as the figure that they are in.
            figure = value if hasattr(value, method) else getattr(value, "figure", None)
            return render(figure) if hasattr(figure, method) else None
    return None


def _render_picture(figure: Any) -> FigureFile:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return FigureFile(buffer.getvalue(), ".png")


def _render_plotly(figure: Any) -> FigureFile:
    # With a fixed id equal figures are equal files. The library itself would add 4 MB to each.
    return _make_page(figure.to_html(include_plotlyjs="cdn", div_id="figure"))


def _render_altair(figure: Any) -> FigureFile:
    return _make_page(figure.to_html())


def _make_page(text: str) -> FigureFile:
    return FigureFile(mask(text).encode(), ".html")


_RENDERERS: tuple[tuple[str, str, Callable[[Any], FigureFile]], ...] = (
    ("matplotlib", "savefig", _render_picture),
    ("seaborn", "savefig", _render_picture),
    ("plotly", "to_html", _render_plotly),
    ("altair", "to_html", _render_altair),
)
"""The package of a figure's class, the method that it must have, and what renders it."""
