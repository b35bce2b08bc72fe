"""DateParts: each part is a whole number, and null where the date is."""

import datetime as dt
from typing import get_args

import polars as pl
import pytest

from magical.contracts.schema import Column, Schema
from magical.features.date_parts import DatePart, DateParts

SCHEMA = Schema("Visit", (Column("at", "datetime", nullable=True), Column("on", "date")))
AT = dt.datetime(2014, 6, 29, 13, 45)

EXPECTED = {
    "year": 2014,
    "quarter": 2,
    "month": 6,
    "week": 26,
    "day": 29,
    "weekday": 7,
    "day_of_year": 180,
    "hour": 13,
    "minute": 45,
}


@pytest.mark.parametrize("part", get_args(DatePart))
def test_each_part(part: DatePart) -> None:
    table = pl.DataFrame({"at": [AT, None]})
    (column,) = table.select(DateParts("at", (part,)).expressions(SCHEMA)).get_columns()
    assert (column.name, column.dtype) == (f"at_{part}", pl.Int64)
    assert column.to_list() == [EXPECTED[part], None]


def test_it_promises_one_column_a_part() -> None:
    assert [c.type_text for c in DateParts("at", ("hour", "day")).adds(SCHEMA)] == ["int | None"] * 2
    assert [c.name for c in DateParts("on").adds(SCHEMA)] == ["on_year", "on_month", "on_weekday"]
