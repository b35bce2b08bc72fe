"""Columns whose marks are settled: each text is read by itself, as the source of the run was written."""

from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magical.contracts.schema import Column
from magical.reading.casting import cast

NUMBERS = st.sampled_from(
    ["1.5", "1,5", "1.498", "1,498", "1.234,5", "1,234.5", "7", "12 %", "0", "x", "", None]
)
MARKS = st.fixed_dictionaries(
    {"decimal": st.sampled_from(["", ".", ","]), "unit": st.sampled_from(["", "%", "kg", "€"])}
)


def read(texts: list[Any], kind: str = "float", **marks: Any) -> Any:
    return cast(pl.Series("x", texts, dtype=pl.String), Column("x", kind, True, settled="source", **marks))


@pytest.mark.parametrize(
    ("marks", "values", "why"),
    [
        ({"decimal": ","}, [None, 1.5, None, 1.498, 7], "'1.498' is 1.498 if the point"),
        ({"decimal": "."}, [1.5, None, 1.498, None, 7], "'1,498' is 1.498 if the comma"),
        (
            {"decimal": ",", "thousands": "."},
            [None, 1.5, 1498, 1.498, 7],
            "'1.5' is written otherwise: the numbers of the run had a decimal comma",
        ),
        ({"thousands": ","}, [1.5, None, 1.498, 1498, 7], "'1,5' is written otherwise"),
        ({}, [1.5, 1.5, None, None, 7], "'1.498' is 1.498 if the point"),
    ],
)
def test_a_mark_that_the_run_did_not_see_is_refused_never_a_factor_of_1000(
    marks: dict[str, Any], values: list[float | None], why: str
) -> None:
    result = read(["1.5", "1,5", "1.498", "1,498", "7"], **marks)
    assert result.values.to_list() == values
    assert (result.conflict or result.reason).startswith(why)


@pytest.mark.parametrize(
    ("unit", "values", "why"),
    [
        ("%", [12, None, None, 0], "'5' is not in %, as the numbers of the run were"),
        ("kg", [None, None, 3, 0], "'12 %' is not in kg"),
        ("", [None, 5, None, 0], "'12 %' has a unit, and the numbers of the run had none"),
    ],
)
def test_a_number_in_another_unit_is_refused(unit: str, values: list[float | None], why: str) -> None:
    for kind in ("float", "int"):
        result = read(["12 %", "5", "3 kg", "0"], kind, unit=unit)
        assert result.values.to_list() == values
        assert result.reason.startswith(why)


def test_a_currency_may_be_left_out_and_no_other_stands_for_it() -> None:
    assert read(["€5", "5", "5 $"], unit="€").values.to_list() == [5, 5, None]


@pytest.mark.parametrize(
    ("order", "days", "why"),
    [
        (
            "day",
            [date(2024, 4, 3), date(2024, 4, 13), None],
            "'04/13/2024' is written otherwise: in the dates of",
        ),
        (
            "month",
            [date(2024, 3, 4), None, date(2024, 4, 13)],
            "'13/04/2024' is written otherwise: in the dates of",
        ),
        ("", [None, date(2024, 4, 13), date(2024, 4, 13)], "'03/04/2024' is 2024-04-03 with the day first"),
    ],
)
def test_the_order_of_day_and_month_is_that_of_the_run(order: Any, days: list[Any], why: str) -> None:
    result = read(["03/04/2024", "13/04/2024", "04/13/2024", "2024-01-31"], "date", order=order)
    assert result.values.to_list() == [*days, date(2024, 1, 31)]
    assert (result.conflict or result.reason).startswith(why)


@settings(max_examples=40, deadline=None)
@given(st.lists(NUMBERS, min_size=1, max_size=6), MARKS, st.sampled_from(["float", "int"]))
def test_each_number_is_read_as_it_would_be_alone(texts: list[Any], marks: dict[str, Any], kind: str) -> None:
    alone = [read([text], kind, **marks).values.item() for text in texts]
    assert read(texts, kind, **marks).values.to_list() == alone


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.sampled_from(["03/04/2024", "13/04/2024", "4-13-2024", "2024-01-02", "3. 4. 2024"]), min_size=1
    ),
    st.sampled_from(["", "day", "month"]),
)
def test_each_date_is_read_as_it_would_be_alone(texts: list[str], order: Any) -> None:
    alone = [read([text], "date", order=order).values.item() for text in texts]
    assert read(texts, "date", order=order).values.to_list() == alone


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        ("float", ["1.498,5", "1.498", "2"]),
        ("float", ["1.5", "1.498"]),
        ("float", ["12 %", "7 %", "1.5 %"]),
        ("int", ["3,663", "249"]),
        ("float", ["$2,248.60", "$7"]),
        ("date", ["13/04/2024", "03/04/2024"]),
    ],
)
def test_rows_of_the_run_are_read_alone_as_they_were_together(kind: str, texts: list[str]) -> None:
    together = cast(pl.Series("x", texts), Column("x", kind))
    assert together.settled
    alone = [read([text], kind, **together.settled).values.item() for text in texts]
    assert alone == together.values.to_list()
