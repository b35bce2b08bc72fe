"""Figures as files: known by the package of their class, rendered when they are kept."""

from typing import Any

import pytest

from magical.figure_files import FigureFile, convert_figure
from magical.masking import register_secret


def test_a_figure_of_matplotlib_is_a_picture() -> None:
    figures = pytest.importorskip("matplotlib.figure")
    figure = figures.Figure()
    axes = figure.add_subplot()
    axes.plot([1, 2, 3])
    made = convert_figure(figure)
    assert isinstance(made, FigureFile)
    assert (made.suffix, made.data[:8]) == (".png", b"\x89PNG\r\n\x1a\n")
    assert convert_figure(axes) == made, "axes stand for the figure that they are in"


def test_a_figure_of_plotly_is_a_page_and_equal_figures_are_equal() -> None:
    plotly = pytest.importorskip("plotly.graph_objects")
    one, other = (convert_figure(plotly.Figure(plotly.Bar(y=[1, 3, 2]))) for _ in range(2))
    assert one == other
    assert one.suffix == ".html"
    assert b"<html>" in one.data
    assert len(one.data) < 100_000


def test_a_chart_of_altair_is_a_page() -> None:
    altair = pytest.importorskip("altair")
    chart = altair.Chart(altair.Data(values=[{"a": 1}])).mark_bar().encode(x="a:Q")
    made = convert_figure(chart)
    assert made.suffix == ".html"
    assert b"vega" in made.data
    assert convert_figure(chart | chart).suffix == ".html"


def foreign(package: str, **methods: Any) -> Any:
    """An object of a class of a package that may not be installed, below a class of the project's own."""
    base = type("Base", (), {"__module__": f"{package}.deep.inside", **methods})
    return type("Own", (base,), {"__module__": "workflow"})()


def test_a_page_tells_no_secret() -> None:
    register_secret("tiger-in-figure")
    drawn = foreign("plotly", to_html=lambda self, **_: "<html>tiger-in-figure</html>")
    assert convert_figure(drawn) == FigureFile(b"<html>***</html>", ".html")


@pytest.mark.parametrize(
    "value",
    [
        3,
        "text",
        None,
        {"a": 1},
        [1],
        object(),
        foreign("plotly"),
        foreign("matplotlib"),
        foreign("altairs", to_html=str),
    ],
)
def test_anything_else_is_no_figure(value: Any) -> None:
    assert convert_figure(value) is None
