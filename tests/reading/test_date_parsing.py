"""Columns of dates and moments: formats, zones, and what is said of how they are read."""

import datetime as dt
from typing import Any

import polars as pl
import pytest

from magical.contracts.schema import Column
from magical.reading.date_parsing import MomentReading, infer_date_format, list_date_formats, read_moments

DAY, NOON = dt.date(2014, 6, 29), dt.datetime(2014, 6, 29, 12)


def read(values: Any, kind: str = "datetime", **facts: Any) -> MomentReading:
    return read_moments(pl.Series(values), Column("x", kind, **facts))


def days(values: list[str], format: str) -> list[dt.date | None]:
    return read(values, "date", format=format).values.cast(pl.Date).to_list()


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["29-06-2014", "01-07-2014"], "%d-%m-%Y"),
        (["06/29/2014", "07/01/2014"], "%m/%d/%Y"),
        (["29.06.2014"], "%d.%m.%Y"),
        (["29 Jun 2014"], "%d %b %Y"),
        (["29 May 2014"], "%d %b %Y"),
        (["29.06.14"], "%d.%m.%y"),
        (["05/06/2014"], ""),
        (["29-06-2014", "06/29/2014"], ""),
        (["soon"], ""),
        ([], ""),
    ],
)
def test_a_format_is_inferred_only_if_it_is_the_one_that_reads_all(texts: list[str], expected: str) -> None:
    assert infer_date_format(texts) == expected


def test_formats_that_read_all_are_listed() -> None:
    assert list_date_formats(["05/06/2014 14:30"]) == ["%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M"]


def test_the_format_of_the_author_comes_before_iso() -> None:
    assert days(["29.06.2014", "2014-06-29", "06/29/2014"], "%d.%m.%Y") == [DAY, DAY, None]
    assert days(["05/06/2014"], "%m/%d/%Y") == [dt.date(2014, 5, 6)]


def test_iso_that_a_format_contradicts_is_not_read() -> None:
    assert days(["2014-29-06", "2014-05-06", "2014-05-29"], "%Y-%d-%m") == [DAY, dt.date(2014, 6, 5), None]
    assert days(["29062014", "11310507"], "%d%m%Y") == [DAY, None]


def test_years_of_two_digits_are_read_by_a_format_only_and_remarked() -> None:
    found = read(["29.06.14", "01.01.70"], "date", format="%d.%m.%y")
    assert [m.year for m in found.values] == [2014, 1970]
    assert str(found.notes[0]).startswith("'29.06.14' is read as 2014-06-29 (years of two digits")
    assert days(["29.06.14"], "%d.%m.%Y") == [None]
    assert read(["29.06.14"], "date").reason == "a year of two digits needs a Format with %y"


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["2014-06-29T12:00:00"], ""),
        (["2014-06-29T12:00:00Z", "2014-06-29T12:00:00+00:00"], ""),
        (
            ["2014-06-29 14:00:00+0200", "2014-06-29 12:00:00Z"],
            "'2014-06-29 14:00:00+0200' is read as 2014-06-29 12:00 (in UTC); without its offset it would be "
            "2014-06-29 14:00:00",
        ),
    ],
)
def test_an_offset_is_remarked_if_it_shifts_a_moment(texts: list[str], said: str) -> None:
    found = read(texts)
    assert found.values.unique().to_list() == [NOON]
    assert "; ".join(map(str, found.notes)) == said
    assert found.said == ""


def test_moments_with_and_without_an_offset_are_counted() -> None:
    found = read(["2014-06-29T12:00Z", "2014-06-29 12:00", "2014-06-30 12:00", None, "soon"])
    assert found.said.startswith("2 of 3 have no offset and are taken as UTC: '2014-06-29 12:00'; Zone(")
    assert read(["2014-06-29T12:00Z", "2014-06-29 12:00"], zone="UTC").said == ""


def test_several_forms_are_counted() -> None:
    found = read(["Mar 27, 2024", "2024-03-28", "23.03.2024", "24.03.2024"], "date")
    assert found.said == "3 forms: 2 like '23.03.2024', 1 like 'Mar 27, 2024', 1 like '2024-03-28'"


def test_the_order_of_day_and_month_is_noted_where_others_decide_it() -> None:
    found = read(["03/04/2024", "13/04/2024"], "date")
    assert found.said == 'Format("%d/%m/%Y") in the contract reads a row alone as well'
    (note,) = found.notes
    assert (note.example, note.read_as, note.also_possible) == ("03/04/2024", "2024-04-03", "2024-03-04")
    (note,) = read(["03/04/2024", "04/13/2024"], "date").notes
    assert (note.read_as, note.also_possible) == ("2024-03-04", "2024-04-03")
    assert read(["13/04/2024", "14/04/2024"], "date").notes == ()
    assert "the day comes first in '13/04/2024'" in read(["13/04/2024", "04/14/2024"], "date").said


@pytest.mark.parametrize(
    ("texts", "why", "fixes"),
    [
        (["03/04/2024"], "no value decides", ('Format("%d/%m/%Y")', 'Format("%m/%d/%Y")')),
        (
            ["3-4-2024 02:30 PM"],
            "no value decides",
            ('Format("%d-%m-%Y %I:%M %p")', 'Format("%m-%d-%Y %I:%M %p")'),
        ),
        (
            ["03/04/2024", "13/04/2024", "04/13/2024"],
            "'13/04/2024' and '04/13/2024' contradict each other",
            (),
        ),
    ],
)
def test_a_conflict_shows_both_readings_and_what_decides(
    texts: list[str], why: str, fixes: tuple[str, ...]
) -> None:
    found = read(texts, "datetime")
    both = "is 2024-04-03 with the day first and 2024-03-04 with the month first"
    assert found.conflict == f"{texts[0]!r} {both}, and {why}"
    assert found.fixes == fixes
    assert found.values[0] is None


def test_a_zone_makes_local_times_utc_and_leaves_offsets() -> None:
    texts = ["2014-06-29 14:00", "2014-01-29 13:00", "2014-06-29T12:00Z", "29.06.2014 14:00"]
    right = [NOON, dt.datetime(2014, 1, 29, 12), NOON, NOON]
    assert read(texts, zone="Europe/Berlin").values.to_list() == right
    assert read([dt.datetime(2014, 6, 29, 14)], zone="Europe/Berlin").values.to_list() == [NOON]


def test_a_zone_and_a_format() -> None:
    found = read(["29.06.2014 14h"], zone="Europe/Berlin", format="%d.%m.%Y %Hh%M")
    assert found.values.to_list() == [None]
    found = read(["29.06.2014 14h00"], zone="Europe/Berlin", format="%d.%m.%Y %Hh%M")
    assert found.values.to_list() == [NOON]


def test_local_times_that_clocks_skip_or_repeat_are_not_read() -> None:
    texts = ["2023-03-26 02:30:00", "2023-10-29 02:30:00", "2023-10-29T02:30:00+01:00"]
    found = read(texts, zone="Europe/Berlin")
    assert found.values.to_list() == [None, None, dt.datetime(2023, 10, 29, 1, 30)]
    assert "'2023-03-26 02:30:00' does not exist in Europe/Berlin" in found.reason
    assert "'2023-10-29 02:30:00' exists twice in Europe/Berlin" in found.reason
    for twice, hour in (("earliest", 0), ("latest", 1)):
        found = read(texts[1:2], zone="Europe/Berlin", zone_twice=twice)
        assert found.values.to_list() == [dt.datetime(2023, 10, 29, hour, 30)]


def test_a_moment_that_is_not_midnight_is_no_date() -> None:
    found = read(["2014-06-29 12:00", "2014-06-29 00:00"], "date")
    assert found.values.cast(pl.Date).to_list() == [None, DAY]
    assert "time of day" in found.reason


def test_typed_moments_with_a_zone_are_remarked() -> None:
    zoned = pl.Series([NOON]).dt.replace_time_zone("Europe/Berlin")
    found = read(zoned)
    assert found.values.to_list() == [dt.datetime(2014, 6, 29, 10)]
    assert "'2014-06-29 12:00:00+02:00' is read as 2014-06-29 10:00 (in UTC)" in str(found.notes[0])
    assert read(zoned.dt.convert_time_zone("UTC")).notes == ()
