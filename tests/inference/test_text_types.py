"""Texts that become numbers, booleans and dates, and those that stay texts with a remark."""

import datetime as dt
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from magical.inference.column_stats import TypedTable
from magical.inference.text_types import infer_text_types

DAY = dt.date(2020, 1, 31)
TEXT = pl.String


def typed(name: str, values: list[Any], dtype: Any = TEXT) -> TypedTable:
    return infer_text_types(pl.DataFrame({name: pl.Series(values, dtype=dtype)}))


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["7", " 8 ", None], [7, 8, None]),
        (["7.0", "8"], [7.0, 8.0]),
        (["1,5", "2"], [1.5, 2.0]),
        (["1", "n/a", ""], [1, None, None]),
        (["yes", "No"], [True, False]),
        (["t", "f"], [True, False]),
        (["2020-01-31", None], [DAY, None]),
        (["31.01.2020", "30.01.2020"], [DAY, DAY.replace(day=30)]),
        (["2020-01-31 14:30:00"], [dt.datetime(2020, 1, 31, 14, 30)]),
        (["31/01/2020 02:30 PM"], [dt.datetime(2020, 1, 31, 14, 30)]),
        (["2020-01-31", "30.01.2020", "Jan 29, 2020"], [DAY, DAY.replace(day=30), DAY.replace(day=29)]),
        (["Fri, 31 Jan 2020 15:30:00 +0100"], [dt.datetime(2020, 1, 31, 14, 30)]),
    ],
)
def test_texts_get_the_type_of_all_their_values(texts: list[str | None], values: list[Any]) -> None:
    found = typed("x", texts).table["x"]
    assert found.to_list() == values
    assert type(found.drop_nulls()[0]) is type(values[0])


@pytest.mark.parametrize(
    "texts",
    [
        ["01067", "10115"],
        ["007.5", "-01"],
        ["y", "f"],
        ["yes", None],
        ["", "n/a"],
        [None, None],
        ["12345678901234567890", "1.5"],
        ["01/02/2020", "03/04/2020"],
        ["31.01.20", "30.01.20"],
        ["7", "large"],
        ["192.168.100.100", "110.120.130.140"],  # addresses
        ["100,200,300", "101,102,103"],  # lists
        ["10.2023", "11.2023", "12.2023"],  # months of a year
        ["12E4", "1234", "78E9"],
    ],
)
def test_other_texts_stay_as_they_are(texts: list[str | None]) -> None:
    found = typed("x", texts)
    assert_frame_equal(found.table, found.raw)
    assert found.formats == {}


def test_a_format_is_told_unless_it_is_iso() -> None:
    raw = pl.DataFrame({"iso": ["2020-01-31"], "dots": ["31.01.2020"], "us": ["1/31/2020"], "n": ["1"]})
    assert infer_text_types(raw).formats == {"dots": "%d.%m.%Y", "us": "%m/%d/%Y"}


def test_a_day_above_12_that_comes_late_decides() -> None:
    found = typed("day", ["01/02/2020"] * 1500 + ["02/13/2020"])
    assert found.formats == {"day": "%m/%d/%Y"}
    assert found.remarks == {}


def test_a_value_that_comes_late_keeps_the_column_a_text() -> None:
    assert typed("x", ["1"] * 1500 + ["a"]).table["x"].dtype == TEXT


BOTH = (
    "'01/02/2020' is 2020-02-01 with the day first and 2020-01-02 with the month first, and no value decides"
)


def test_an_order_of_day_and_month_that_nothing_decides_leaves_a_text_with_a_remark() -> None:
    found = typed("day", ["01/02/2020", "03/04/2020"])
    assert found.remarks == {"day": f"dates, but {BOTH}"}
    assert found.table["day"].dtype == TEXT


def test_the_other_columns_of_the_file_decide_the_order_of_day_and_month() -> None:
    raw = pl.DataFrame(
        {"day": ["01/02/2020", "03/04/2020"], "paid": ["02/13/2020 10:00", "02/14/2020 10:00"]}
    )
    found = infer_text_types(raw)
    assert found.table["day"].to_list() == [dt.date(2020, 1, 2), dt.date(2020, 3, 4)]
    assert found.formats == {"day": "%m/%d/%Y", "paid": "%m/%d/%Y %H:%M"}
    assert found.remarks == {"day": f"{BOTH}; the month comes first, as in paid"}


def test_other_columns_that_differ_decide_nothing() -> None:
    raw = pl.DataFrame({"day": ["01/02/2020"], "us": ["02/13/2020"], "uk": ["13/02/2020"]})
    assert infer_text_types(raw).table["day"].dtype == TEXT


def test_dates_in_several_forms_are_remarked() -> None:
    found = typed("day", ["2020-01-31", "30.01.2020", "29.01.2020"])
    assert found.formats == {}
    assert found.remarks == {"day": "2 forms: 2 like '30.01.2020', 1 like '2020-01-31'"}


def test_moments_that_become_utc_are_remarked() -> None:
    assert "2020-01-31 13:30 (in UTC)" in typed("at", ["2020-01-31T14:30:00+01:00"]).remarks["at"]


@pytest.mark.parametrize(
    ("name", "values", "dtype", "date"),
    [
        ("birth_date", ["20200131", None], TEXT, True),
        ("birth_date", [20200131, None], pl.Int64, True),
        ("amount", [20200131], pl.Int64, False),
        ("date_id", [20200131], pl.Int64, False),
        ("date", [20201331], pl.Int64, False),
        ("date", [20200131, 7], pl.Int64, False),
        ("date", [None], pl.Int64, False),
    ],
)
def test_whole_numbers_are_dates_if_their_name_says_so(
    name: str, values: list[Any], dtype: Any, date: bool
) -> None:
    found = typed(name, values, dtype).table[name]
    assert (found.dtype == pl.Date) is date
    assert not date or found.to_list() == [DAY, None]


@pytest.mark.parametrize(
    ("texts", "remark"),
    [
        (["01067"], "written with leading zeros"),
        (["1" * 16 + ".5", "1" * 16], "whole numbers of more digits than a number holds"),
        (
            ["1,000", "2,500", ""],
            "numbers, but '2,500' is 2.500 if the comma is the decimal mark, and 2500 if it stands between thousands",
        ),
        (["1.5"] * 11 + ["lots"], "numbers but for 1 of 12 values: 'lots'"),
        (["1"] * 41 + ["a", "b", "c", "x" * 30], "numbers but for 4 of 45 values: 'a', 'b', 'c' …"),
        (["2020-01-31"] * 11 + ["soon"], "dates but for 1 of 12 values: 'soon'"),
        (["31.01.20", "30.01.20"], "dates with years of two digits, if their format is %d.%m.%y"),
        (["1.5"] * 9 + ["lots"], None),
        (["a", "b"], None),
    ],
)
def test_what_just_missed_another_type_is_remarked(texts: list[str], remark: str | None) -> None:
    found = typed("x", texts)
    assert found.table["x"].dtype == TEXT
    assert found.remarks.get("x") == remark


def test_columns_of_other_types_pass_in_their_order() -> None:
    raw = pl.DataFrame({"b": [1.5], "a": ["2"], "list": [[1]], "day": [DAY]})
    found = infer_text_types(raw)
    assert found.table.row(0) == (1.5, 2, [1], DAY)
    assert found.table.columns == raw.columns
    assert found.raw is raw


def test_tables_without_rows_or_columns() -> None:
    assert infer_text_types(pl.DataFrame()).table.shape == (0, 0)
    assert typed("x", []).table.schema == {"x": TEXT}


@given(st.lists(st.integers(-(10**15), 10**15), min_size=1, max_size=20))
def test_whole_numbers_survive_being_written(numbers: list[int]) -> None:
    assert typed("amount", [str(n) for n in numbers]).table["amount"].to_list() == numbers


@settings(max_examples=30)
@given(st.lists(st.none() | st.dates(dt.date(1800, 1, 1)), min_size=1, max_size=20).filter(any))
def test_dates_survive_being_written(days: list[dt.date | None]) -> None:
    assert typed("x", [d and d.isoformat() for d in days]).table["x"].to_list() == days


@pytest.mark.parametrize(
    ("texts", "values", "marks", "remark"),
    [
        (["3,663", "249"], [3663, 249], ("", ","), "'3,663' is read as 3663 (comma between thousands)"),
        (["1.498,5", "7"], [1498.5, 7.0], (",", "."), ""),
        (["1,5", "2"], [1.5, 2.0], (",", ""), ""),
        (["1234.5", "1.498"], [1234.5, 1.498], ("", ""), ""),
        (["1.498", "1500"], [1.498, 1500.0], (".", ""), "between thousands it would be 1498"),
        (
            ["69'425", "98"],
            [69425, 98],
            ("", "'"),
            '"69\'425" is read as 69425 (apostrophe between thousands)',
        ),
        (["$2,248.60", "$5"], [2248.6, 5.0], (".", ","), "without the currency $"),
        (["90%", "5%"], [90, 5], ("", ""), "'90%' is read as 90 (percent); as a share it would be 0.9"),
        (["12 pieces", "3 pieces"], [12, 3], ("", ""), "without the unit pieces"),
        (["1.5e3", "2E-2"], [1500.0, 0.02], ("", ""), ""),
        (["9,007,199,254,740,993"], [2**53 + 1], ("", ","), ""),
    ],
)
def test_numbers_are_read_with_their_marks(
    texts: list[str], values: list[Any], marks: tuple[str, str], remark: str
) -> None:
    found = typed("x", texts)
    assert found.table["x"].to_list() == values
    assert found.table["x"].dtype == (pl.Int64 if isinstance(values[0], int) else pl.Float64)
    assert found.marks.get("x", ("", "")) == marks
    assert remark in found.remarks.get("x", "")
    assert (remark == "") is ("x" not in found.remarks)


@pytest.mark.parametrize(
    "texts",
    [
        ["12A", "13A"],
        ["12 A", "13 A"],
        ["$007", "$012"],
        ["007 kg"],
        ["560 001", "110 011"],
        ["(1)", "(2)"],
        ["5 PM", "7 PM"],
        ["1st", "2nd"],
        ["12 Jan", "14 Jan"],
        ["10-20", "30-40"],
        ["+49 30 123456", "+1 202 5550123"],
        ["1.2.3", "1.10.0"],
        ["12 Main Street 5", "7 Main Street 9"],
    ],
)
def test_codes_and_times_are_no_numbers(texts: list[str]) -> None:
    assert typed("x", texts).table["x"].dtype == TEXT


@pytest.mark.parametrize(
    ("texts", "remark"),
    [
        (["1.498", "2.5O0"], None),
        (["1.498", "2.345", None], "numbers, but '1.498' is 1.498 if the point is the decimal mark"),
        (["12 kg", "300 g"], "numbers, but '12 kg' and '300 g' have different units"),
        (["90%", "0.5"], "numbers, but '90%' is in percent, and '0.5' is not"),
        (["Bonn", "1.498", "Ulm"], None),
    ],
)
def test_numbers_with_two_readings_stay_texts(texts: list[str | None], remark: str | None) -> None:
    found = typed("x", texts)
    assert found.table["x"].dtype == TEXT
    assert found.remarks.get("x", "").startswith(remark or "")
    assert ("x" in found.remarks) is bool(remark)


def test_a_comma_between_fields_makes_a_point_decimal() -> None:
    raw = pl.DataFrame({"x": ["1.498", "2.345"], "y": ["1,498", "2,345"]})
    found = infer_text_types(raw, "comma")
    assert found.table["x"].to_list() == [1.498, 2.345]
    assert found.marks == {"x": (".", "")}
    assert found.remarks["x"].startswith(
        "'1.498' is read as 1.498 (point as decimal mark); between thousands"
    )
    assert found.table["y"].dtype == TEXT
    commas = raw.with_columns(z=pl.lit("3,73"))
    assert infer_text_types(commas, "comma").table["x"].to_list() == [1498, 2345]
