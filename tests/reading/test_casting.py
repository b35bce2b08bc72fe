"""Casts: the values that each type accepts; a value that cannot be cast is not counted as missing."""

import datetime as dt
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from magical.contracts.dtypes import DTYPES
from magical.contracts.schema import Column
from magical.errors import ContractError
from magical.reading.casting import cast

FAILED = object()


def result(values: Any, kind: str, **facts: Any) -> list[Any]:
    raw = values if isinstance(values, pl.Series) else pl.Series("x", values, strict=False)
    found = cast(raw, Column("x", kind, **facts))
    assert len(found.values) == len(found.failed) == len(raw)
    assert found.values.name == "x"
    assert found.values.dtype == DTYPES.get(kind, raw.dtype)
    assert found.failed.null_count() == 0
    return [FAILED if f else v for v, f in zip(found.values.to_list(), found.failed.to_list(), strict=True)]


DAY, NOON = dt.date(2014, 6, 29), dt.datetime(2014, 6, 29, 12)


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("int", ["1", " 2 ", "3.0", "1e3", "-4", "007"], [1, 2, 3, 1000, -4, 7]),
        ("int", ["", "NA", "n/a", "null", "-", "?", None], [None] * 7),
        ("float", ["--", "–", "—", ".", "..", ":", "#N/A", "\\N", "1.5"], [None] * 8 + [1.5]),
        ("time", ["2:30 PM", "9:05:30 am", "21:05"], [dt.time(14, 30), dt.time(9, 5, 30), dt.time(21, 5)]),
        ("int", ["1.5", "two", "99999999999999999999", "1__0"], [FAILED] * 4),
        ("int", ["9007199254740993"], [9007199254740993]),
        ("int", ["1,234", "1,234,567"], [1234, 1234567]),
        ("int", [1.0, 2.5, float("nan"), None], [1, FAILED, None, None]),
        ("int", [True, None], [1, None]),
        ("int", [DAY], [FAILED]),
        ("int", [None, None], [None, None]),
        ("float", ["1.5", "2", ".5", "-1e-3"], [1.5, 2.0, 0.5, -0.001]),
        ("float", ["1.234,5", "12", "1.234"], [1234.5, 12.0, 1234.0]),
        ("float", ["0,125", "12,345"], [0.125, 12.345]),
        ("float", ["1,234.5", "1,234", "7"], [1234.5, 1234.0, 7.0]),
        ("float", ["1,234", "5"], [1234.0, 5.0]),
        ("float", ["1,5", "1,234.5"], [FAILED, FAILED]),
        ("float", ["inf", "-Infinity", "nan", "x"], [FAILED, FAILED, None, FAILED]),
        ("float", [1, None], [1.0, None]),
        ("bool", ["true", "Yes", "1", "JA", "on", "T"], [True] * 6),
        ("bool", ["false", "NO", "0", "nein", "off", "f"], [False] * 6),
        ("bool", ["maybe", "2", "", None], [FAILED, FAILED, None, None]),
        ("bool", [0, 1, 2], [False, True, FAILED]),
        ("bool", [0.0, 1.0, float("nan")], [False, True, None]),
        ("bool", [DAY], [FAILED]),
        ("str", [" a ", "", "NA", None], ["a", None, "NA", None]),
        ("str", [1, 2], ["1", "2"]),
        ("str", [5.0, 2.5, None], ["5", "2.5", None]),
        ("str", [DAY], ["2014-06-29"]),
        ("str", [[1]], [FAILED]),
        ("date", ["2014-06-29", "20140629", "2014-06-29 00:00:00", "2014-06-29T00:00"], [DAY] * 4),
        ("date", ["29-06-2014", "2014-06-29 12:00", "2014-02-30", ""], [DAY, FAILED, FAILED, None]),
        ("date", ["05-06-2014", "29/06/14", "45000"], [FAILED, FAILED, FAILED]),
        ("date", ["20140629T000000"], [DAY]),
        ("date", [20140629], [DAY]),
        ("date", [dt.datetime(2014, 6, 29), NOON], [DAY, FAILED]),
        ("date", [1.5], [FAILED]),
        ("datetime", ["2014-06-29 12:00", "2014-06-29T12:00:00.0", "2014-06-29T14:00:00+02:00"], [NOON] * 3),
        ("datetime", ["2014-06-29T12:00:00Z", "2014-06-29"], [NOON, dt.datetime(2014, 6, 29)]),
        ("datetime", [DAY], [dt.datetime(2014, 6, 29)]),
        ("time", ["14:30", "14:30:05", "25:00"], [dt.time(14, 30), dt.time(14, 30, 5), FAILED]),
        ("duration", ["90", 1.5, "long"], [dt.timedelta(seconds=90), dt.timedelta(seconds=1.5), FAILED]),
        ("list", pl.Series("x", [[1]]), [[1]]),
        ("any", ["a", None], ["a", None]),
    ],
)  # fmt: skip
def test_what_is_read(kind: str, values: Any, expected: list[Any]) -> None:
    if isinstance(values, list) and len({type(v) for v in values if v is not None}) > 1:
        values = [v if v is None else str(v) for v in values]
    assert result(values, kind) == expected


def test_a_format_reads_what_iso_does_not() -> None:
    values = ["29.06.2014", "2014-06-29", "06/29/2014"]
    assert result(values, "date", format="%d.%m.%Y") == [DAY, DAY, FAILED]
    assert result(["29.06.2014 12h00"], "datetime", format="%d.%m.%Y %Hh%M") == [NOON]
    assert result(["14h30"], "time", format="%Hh%M") == [dt.time(14, 30)]


def test_a_format_that_is_none_is_named() -> None:
    with pytest.raises(ContractError, match=r"x has the Format\('%Hh'\)"):
        result(["12h"], "datetime", format="%Hh")


def test_time_zones_become_utc() -> None:
    zoned = pl.Series("x", [NOON]).dt.replace_time_zone("Europe/Berlin")
    assert result(zoned, "datetime") == [dt.datetime(2014, 6, 29, 10)]


def test_categories_are_texts() -> None:
    assert result(pl.Series("x", ["a", None], dtype=pl.Categorical), "str") == ["a", None]
    assert result(pl.Series("x", ["1"], dtype=pl.Enum(["1"])), "int") == [1]


@pytest.mark.parametrize("kind", list(DTYPES))
def test_a_column_without_any_value_takes_every_type(kind: str) -> None:
    assert result([None, None], kind) == [None, None]
    assert result(pl.Series("x", [], dtype=pl.String), kind) == []


plain = {
    "int": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "bool": st.booleans(),
    "date": st.dates(min_value=dt.date(1000, 1, 1)),
    "datetime": st.datetimes(min_value=dt.datetime(1000, 1, 1)),
    "time": st.times(),
}


@given(st.data(), st.sampled_from(list(plain)))
def test_what_is_written_as_text_reads_back(data: st.DataObject, kind: str) -> None:
    values = data.draw(st.lists(plain[kind], max_size=5))
    texts = [v.isoformat() if isinstance(v, (dt.date, dt.time)) else str(v) for v in values]
    assert result(pl.Series("x", texts, dtype=pl.String), kind) == values
    typed = pl.Series("x", values, dtype=DTYPES[kind])
    assert result(typed, kind) == values


def test_the_unit_of_a_duration_counts() -> None:
    def read(*texts: str) -> list[Any]:
        return cast(pl.Series("x", texts), Column("x", "duration")).values.to_list()

    assert read("90 min", "1.5 min") == [dt.timedelta(minutes=90), dt.timedelta(seconds=90)]
    assert read("2h") == [dt.timedelta(hours=2)]
    assert read("500 ms", "5 ms") == [dt.timedelta(seconds=0.5), dt.timedelta(seconds=0.005)]
    assert read("90 s", "5 s") == [dt.timedelta(seconds=90), dt.timedelta(seconds=5)]
    assert read("5 km") == [None]
