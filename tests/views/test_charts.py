"""Charts as SVG: the marks, their labels, and what stands in the place of a chart that cannot be drawn."""

import re

import pytest

from magical.views.charts import draw_chart
from magical.views.document import (
    Axis,
    Band,
    Bars,
    Cells,
    Chart,
    Dots,
    Line,
    Mark,
    Paragraph,
    RuleLine,
    Table,
)
from magical.views.document_style import CHART_STYLE
from magical.views.ticks import find_ticks, format_tick

RISING = ((0.0, 0.0), (1.0, 2.0), (2.0, 5.0))


def drawn(*marks: Mark, x: Axis | None = None, y: Axis | None = None) -> str:
    """Draw a chart with these marks."""
    svg = draw_chart(Chart("Loss", "It falls.", x or Axis("trial"), y or Axis("loss"), marks))
    assert isinstance(svg, str)
    return svg


def labels(svg: str) -> list[str]:
    """The texts of a drawing, without those of titles."""
    return re.findall(r"<text[^>]*>([^<]*)", svg)


@pytest.mark.parametrize(
    ("low", "high", "percent", "shown"),
    [
        (0, 1, True, "0 %,20 %,40 %,60 %,80 %,100 %"),
        (-1, 1, False, "−1.0,−0.5,0,0.5,1.0"),  # noqa: RUF001 - a minus sign
        (0, 5_000_000, False, "0,1M,2M,3M,4M,5M"),
        (3, 3, False, "2.6,2.8,3.0,3.2,3.4"),
        (0, 1e-9, False, "0,2e−10,4e−10,6e−10,8e−10,1e−09"),  # noqa: RUF001
        (0.1, 0.3, True, "10 %,15 %,20 %,25 %,30 %"),
    ],
)
def test_ticks_are_round_numbers(low: float, high: float, percent: bool, shown: str) -> None:
    ticks = find_ticks(low, high)
    assert ",".join(format_tick(t, ticks[1] - ticks[0], percent) for t in ticks) == shown


def test_a_chart_says_what_it_shows_to_those_who_do_not_see_it() -> None:
    assert 'role="img" aria-label="Loss. It falls."' in drawn(Line(RISING))


def test_steps_keep_their_value_until_the_next_point() -> None:
    joined, stepped = (
        re.search(r'c-line[^>]* d="([^"]*)"', drawn(Line(RISING, step=s))) for s in (False, True)
    )
    assert joined is not None
    assert stepped is not None
    assert joined[1].count("L") == 2
    assert len(re.findall(r"H[\d.]+V[\d.]+", stepped[1])) == 2


def test_lines_are_labelled_at_their_ends_where_there_is_room() -> None:
    lower = tuple((x, y / 2) for x, y in RISING)
    assert 'class="c-direct c-1">old' in drawn(Line(RISING, "new"), Line(lower, "old"))
    same = drawn(Line(RISING, "new"), Line(RISING[:1] + lower[1:2] + RISING[2:], "old"))
    assert "c-direct" not in same, "the ends are in one place"
    assert labels(same)[:2] == ["new", "old"]


def test_series_differ_by_more_than_their_colour() -> None:
    lines = re.findall(r'<path class="c-line c-\d"([^>]*?) d=', drawn(*[Line(RISING, n) for n in "abcd"]))
    assert len(set(lines)) == 4
    dots = re.findall(r'c-shape-\d" d="M[\d. ]+([^"M]*)', drawn(*[Dots(RISING[:1], n) for n in "abcd"]))
    assert len(set(dots)) == 3
    assert ".c-shape-1{stroke-linecap:square" in CHART_STYLE


def test_a_band_has_the_colour_of_its_line() -> None:
    band = tuple((x, y - 1, y + 1) for x, y in RISING)
    svg = drawn(Line(RISING, "a"), Band(band, "b"), Line(RISING, "b"))
    assert 'class="c-band c-1"' in svg
    assert labels(svg).count("b") == 1
    assert 'class="c-band c-0"' in drawn(Band(band), Line(RISING, "a"))
    nested = drawn(Band(band, "most"), Band(band, "half"), Line(RISING, "a"))
    assert nested.count('class="c-band c-0"') == 5, "two bands, the inner one twice in the legend"


def test_many_dots_are_one_path_of_at_most_2000() -> None:
    svg = drawn(Dots(tuple((float(i), i % 97.0) for i in range(50_000))))
    paths = re.findall(r'<path class="c-dots[^>]*>', svg)
    assert len(paths) == 1
    assert paths[0].count("M") == 2_000
    assert len(svg) < 60_000


def test_long_categories_are_cut_and_a_title_has_the_whole() -> None:
    name = "secondary school, not finished"
    bars = Bars(((0, 1, 3), (1, 2, 4)), horizontal=True)
    svg = drawn(bars, x=Axis("rows"), y=Axis("", (name, "b")))
    assert f"<title>{name}</title>" in svg
    assert "secondary school, not…" in labels(svg)
    # Some give the categories for x: there they say the same.
    assert drawn(bars, x=Axis("", (name, "b")), y=Axis("rows")) == svg


def test_values_stand_beside_horizontal_bars_behind_their_interval() -> None:
    svg = drawn(Bars(((0, 1, 3),), intervals=((2, 4),), horizontal=True), y=Axis("", ("a",)))
    value = re.search(r'c-value" x="([\d.]+)"[^>]*>3<', svg)
    end = re.search(r'c-whisker" d="M[\d.]+ [\d.]+H([\d.]+)', svg)
    assert value is not None
    assert end is not None
    assert float(value[1]) > float(end[1])


def test_points_on_categories_stand_in_their_middle_with_intervals_of_the_value() -> None:
    towns, values = Axis("", ("a", "b")), Axis("AUC")
    upright = drawn(Dots(((0, 2), (1, 3)), intervals=((1, 3), (2, 4))), x=towns, y=values)
    assert upright == drawn(Dots(((0.5, 2), (1.5, 3)), intervals=((1, 3), (2, 4))), x=towns, y=values)
    flat = drawn(Dots(((2, 0), (3, 1)), intervals=((1, 3), (2, 4))), x=values, y=towns)
    spans = re.search(r'c-span c-0" d="([^"]*)"', flat)
    assert spans is not None
    assert spans[1].count("H") == 2
    assert flat.count('class="c-value"') == 2


def test_cells_show_their_numbers_and_shade() -> None:
    svg = drawn(Cells(((4.0, None), (0.0, 2.0))), x=Axis("", ("a", "b")), y=Axis("", ("a", "b")))
    assert [t for t in labels(svg) if t in "402\N{EN DASH}"] == ["4", "\N{EN DASH}", "0", "2"]
    assert re.findall(r'fill-opacity="([\d.]+)"', svg) == ["0.38", "0.0", "0.04", "0.21"]


def test_straight_lines_have_their_label_beside_them() -> None:
    svg = drawn(Line(RISING), RuleLine(1.0, "x", "chosen"), RuleLine(4.0, "y", "limit"))
    assert svg.count('class="c-rule"') == 2
    assert {"chosen", "limit"} <= set(labels(svg))


def test_without_finite_numbers_a_chart_is_a_sentence() -> None:
    nowhere = Line(((float("nan"), 1.0), (1.0, float("inf"))))
    chart = Chart("Loss", "", Axis("x"), Axis("y"), (nowhere, RuleLine(1.0)))
    assert draw_chart(chart) == Paragraph("Loss: there are no numbers to draw.", "faint")


def test_a_chart_of_too_many_categories_is_a_table() -> None:
    names = tuple(f"town {i}" for i in range(70))
    bars = Bars(tuple((i, i + 1, i / 2) for i in range(70)))
    table = draw_chart(Chart("Towns", "Many.", Axis("town", names), Axis("rows"), (bars,), "test"))
    assert isinstance(table, Table)
    assert (table.columns, table.rows[69], table.part) == (("town", ">rows"), ("town 69", 34.5), "test")
