"""DateParts: each part is a whole number, and null where the date is."""

import datetime as dt
import math
from typing import get_args

import polars as pl
import pytest
from pydantic import ValidationError

from magical.contracts.schema import Column, Schema
from magical.errors import WiringError
from magical.features.date_parts import DatePart, DateParts

SCHEMA = Schema(
    "Visit", (Column("at", "datetime", nullable=True), Column("on", "date"), Column("opens", "time"))
)
AT = dt.datetime(2014, 6, 29, 13, 45, 7)

EXPECTED = {
    "year": 2014,
    "quarter": 2,
    "month": 6,
    "week": 26,
    "day": 29,
    "weekday": 7,
    "weekend": True,
    "day_of_year": 180,
    "hour": 13,
    "minute": 45,
    "second": 7,
}


@pytest.mark.parametrize("part", get_args(DatePart))
def test_each_part(part: DatePart) -> None:
    table = pl.DataFrame({"at": [AT, None]})
    (column,) = table.select(DateParts("at", (part,)).expressions(SCHEMA)).get_columns()
    assert (column.name, column.dtype) == (f"at_{part}", pl.Boolean if part == "weekend" else pl.Int64)
    assert column.to_list() == [EXPECTED[part], None]


def test_it_promises_one_column_a_part() -> None:
    assert [c.type_text for c in DateParts("at", ("hour", "day")).adds(SCHEMA)] == ["int | None"] * 2
    assert [c.name for c in DateParts("on").adds(SCHEMA)] == ["on_year", "on_month", "on_weekday"]


def test_several_columns_have_the_same_parts() -> None:
    names = [c.name for c in DateParts("type:moment", "month").adds(SCHEMA)]
    assert names == ["at_month", "on_month"]


def circle(part: DatePart, *moments: dt.date) -> list[float]:
    """Return where each moment stands on the circle of a part, as a share of the whole."""
    schema = Schema("Visit", (Column("at", "datetime" if isinstance(moments[0], dt.datetime) else "date"),))
    feature = DateParts("at", part, cyclic=True)
    sines, cosines = pl.DataFrame({"at": moments}).select(feature.expressions(schema)).get_columns()
    assert (sines.name, cosines.name) == (f"at_{part}_sin", f"at_{part}_cos")
    return [round(math.atan2(s, c) / (2 * math.pi) % 1, 9) % 1 for s, c in zip(sines, cosines, strict=True)]


@pytest.mark.parametrize(
    ("part", "first", "last", "step"),
    [
        ("quarter", dt.date(2023, 1, 9), dt.date(2023, 12, 1), 1 / 4),
        ("month", dt.date(2023, 1, 9), dt.date(2023, 12, 1), 1 / 12),
        ("week", dt.date(2023, 1, 2), dt.date(2023, 12, 31), 1 / 52),
        ("week", dt.date(2019, 12, 30), dt.date(2021, 1, 3), 1 / 53),
        ("day", dt.date(2023, 2, 1), dt.date(2023, 2, 28), 1 / 28),
        ("day", dt.date(2024, 3, 1), dt.date(2024, 3, 31), 1 / 31),
        ("weekday", dt.date(2024, 1, 1), dt.date(2024, 1, 7), 1 / 7),
        ("day_of_year", dt.date(2023, 1, 1), dt.date(2023, 12, 31), 1 / 365),
        ("day_of_year", dt.date(2024, 1, 1), dt.date(2024, 12, 31), 1 / 366),
        ("hour", dt.datetime(2024, 1, 1, 0), dt.datetime(2024, 1, 1, 23), 1 / 24),
        ("minute", dt.datetime(2024, 1, 1, 0, 0), dt.datetime(2024, 1, 1, 0, 59), 1 / 60),
        ("second", dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1, 0, 0, 59), 1 / 60),
    ],
)
def test_the_last_of_a_circle_is_one_step_before_the_first(
    part: DatePart, first: dt.date, last: dt.date, step: float
) -> None:
    assert circle(part, first, last) == [0.0, pytest.approx(1 - step, abs=1e-8)]


def test_a_circle_has_month_and_weekday_by_default() -> None:
    assert DateParts("on", cyclic=True).parts == ("month", "weekday")
    assert [c.type_text for c in DateParts("at", "hour", cyclic=True).adds(SCHEMA)] == ["float | None"] * 2


@pytest.mark.parametrize("part", ["year", "weekend"])
def test_what_does_not_repeat_has_no_circle(part: DatePart) -> None:
    with pytest.raises(
        ValidationError, match=f"{part} has no place on a circle: parts of a cycle are quarter"
    ):
        DateParts("on", (part, "month"), cyclic=True)


def test_a_time_of_day_has_hours_and_no_month() -> None:
    table = pl.DataFrame({"opens": [dt.time(8, 30)]})
    assert table.select(DateParts("opens", ("hour", "minute")).expressions(SCHEMA)).row(0) == (8, 30)
    with pytest.raises(WiringError, match="asks for the month of opens, which has no date"):
        DateParts("opens", "month").adds(SCHEMA)


def test_the_parts_of_a_moment_with_a_zone_are_local() -> None:
    moment = pl.Series("at", [dt.datetime(2024, 3, 30, 23, 30)]).dt.replace_time_zone("UTC")
    table = pl.DataFrame({"at": moment.dt.convert_time_zone("Europe/Berlin")})
    parts: tuple[DatePart, ...] = ("day", "weekday", "hour")
    assert table.select(DateParts("at", parts).expressions(SCHEMA)).row(0) == (31, 7, 0)
    assert (
        table.select(DateParts("at", parts, cyclic=True).expressions(SCHEMA)).null_count().row(0) == (0,) * 6
    )


def test_dates_at_the_ends_of_the_calendar_of_polars_do_not_fail() -> None:
    days = pl.Series("on", [-(2**31), -96_465_292, 95_026_236, 95_026_235, 2**31 - 1])
    table = pl.DataFrame({"on": days.cast(pl.Int32).cast(pl.Date)})
    parts: tuple[DatePart, ...] = ("month", "week", "day", "day_of_year", "weekday")
    assert table.select(DateParts("on", parts, cyclic=True).expressions(SCHEMA)).shape == (5, 10)
