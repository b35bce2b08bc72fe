"""Forms of dates and moments: what each text means, and which texts have no meaning, or two."""

import datetime as dt

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from magical.reading.date_forms import read_both_ways, read_texts

DAY, NOON = dt.datetime(2024, 3, 27), dt.datetime(2024, 3, 27, 12)


def read_one(text: str) -> dt.datetime | None:
    moment: dt.datetime | None = read_texts(pl.Series([text])).moments[0]
    return moment


@pytest.mark.parametrize(
    "text",
    [
        "2024-03-27", "2024-3-27", "20240327", "2024/03/27", "2024/3/27", "2024.03.27", "2024. 3. 27.",
        "27.03.2024", "27.3.2024", "27. 3. 2024", "27/03/2024", "03/27/2024", "27-03-2024", "3-27-2024",
        "27 Mar 2024", "27 March 2024", "27-MAR-2024", "27. März 2024", "27 mars 2024", "27 de marzo de 2024",
        "27th of March 2024", "27th March, 2024", "Mar 27, 2024", "Mar. 27, 2024", "March 27th, 2024",
        "march 27 2024", "2024-Mar-27", "Wed, 27 Mar 2024", "Wednesday, March 27, 2024", "Mittwoch, 27.03.2024",
        "mer. 27 mars 2024", "27 mars 2024 00:00", "2024-03-27 12:00 AM", "2024-03-27T00:00:00Z",
    ],
)  # fmt: skip
def test_a_day_is_read_in_each_form(text: str) -> None:
    assert read_one(text) == DAY


@pytest.mark.parametrize(
    "text",
    [
        "2024-03-27 12:00", "2024-03-27T12:00:00", "2024-03-27T12:00:00.000", "2024-03-27 12:00:00,000",
        "2024-03-27T12:00:00Z", "2024-03-27 12:00:00 UTC", "2024-03-27 13:00:00+0100",
        "2024-03-27 13:00:00 +01:00", "2024-03-27T13:00+01", "2024-03-27T06:30:00-05:30", "20240327T120000",
        "20240327120000", "20240327 12:00", "20240327T120000Z", "27.03.2024 12:00", "27.03.2024, 12:00:00",
        "03/27/2024 12:00 PM", "3/27/2024, 12:00:00 p.m.", "27/03/2024 12:00", "Mar 27, 2024 at 12:00",
        "Wed, 27 Mar 2024 13:00:00 +0100", "27 Mar 2024 12:00 GMT",
        "Wed Mar 27 2024 13:00:00 GMT+0100 (Central European Standard Time)",
    ],
)  # fmt: skip
def test_a_moment_is_read_in_each_form_and_is_in_utc(text: str) -> None:
    assert read_one(text) == NOON


@pytest.mark.parametrize(
    "text",
    [
        "03/04/2024", "3-4-2024", "03.27.2024", "27.03.24", "27/03/24", "24-03-27", "27 Mar 24", "Mar 27, 24",
        "45378", "45378.5", "2024", "Mar 2024", "2024-03", "2024-W13-3", "2024-087", "12:00", "soon", "",
        "2024-02-30", "2023-02-29", "31.04.2024", "2024-13-01", "2024-00-10", "2024-03-27 24:00", "13:61",
        "2024-03-27 12:60", "2024-03-27 13:00 PM", "2024-03-27 00:30 AM", "2024-03-27T12:00+25:00",
        "2024-03-27T12:00+01:60", "27 Foo 2024", "Foo, 27 Mar 2024", "2024-03-27 noon", "x2024-03-27",
        "12024-03-27", "2024-03-277", "1e8", "-20240327",
    ],
)  # fmt: skip
def test_a_text_without_one_meaning_is_not_read(text: str) -> None:
    assert read_one(text) is None


def test_a_day_that_is_its_month_has_one_reading() -> None:
    assert read_one("04/04/2024") == dt.datetime(2024, 4, 4)


def test_parts_above_12_decide_for_texts_with_the_same_mark_only() -> None:
    found = read_texts(pl.Series(["03/04/2024", "13/04/2024", "05-06-2024"]))
    assert found.moments.to_list() == [dt.datetime(2024, 4, 3), dt.datetime(2024, 4, 13), None]
    assert found.ordered == [("03/04/2024", True)]
    assert found.ambiguous == ["05-06-2024"]


def test_a_part_that_is_no_day_decides_nothing() -> None:
    assert read_texts(pl.Series(["03/04/2024", "99/04/2024", "13/13/2024"])).ambiguous == ["03/04/2024"]


def test_forms_are_counted_with_an_example_of_each() -> None:
    found = read_texts(
        pl.Series(["2024-03-28", "Mar 27, 2024", "2024-03-29 10:00", "March 26, 2024", None, "x"])
    )
    assert found.forms == [(2, "2024-03-28"), (2, "Mar 27, 2024")]


def test_iso_with_and_without_zeros_is_one_form() -> None:
    found = read_texts(pl.Series(["2024-3-7", "2024-03-28", "2024-03-28T10:00Z", "2024-03-28 10:00:00.5"]))
    assert found.forms == [(4, "2024-03-28")]
    assert found.has_offset.to_list() == [False, False, True, False]


def test_a_weekday_that_contradicts_the_date_is_noted() -> None:
    found = read_texts(pl.Series(["Sat, 01 Jan 2024", "Tue, 02 Jan 2024"]))
    assert found.contradictions == ["Sat, 01 Jan 2024"]


FORMS = (
    "%Y-%m-%d", "%Y%m%d", "%Y/%m/%d", "%d.%m.%Y", "%d %b %Y", "%b %d, %Y", "%d-%b-%Y", "%A, %d %B %Y",
)  # fmt: skip
CLOCKS = ("T%H:%M:%S.%f", " %H:%M:%S.%f", " %I:%M:%S.%f %p")
written_days = st.tuples(st.dates(dt.date(1000, 1, 1)), st.sampled_from(FORMS))
zones = st.sampled_from(["", "Z", "+00:00", "+01:00", "-0530", " +0100"])
moments = st.datetimes(dt.datetime(1000, 1, 2), dt.datetime(9999, 12, 30))
written_moments = st.tuples(moments, st.sampled_from(FORMS), st.sampled_from(CLOCKS[:2]), zones)


@given(st.lists(written_days, min_size=1, max_size=20))
def test_days_in_any_forms_without_a_doubt_read_back(days: list[tuple[dt.date, str]]) -> None:
    found = read_texts(pl.Series([day.strftime(form) for day, form in days]))
    assert found.moments.dt.date().to_list() == [day for day, _ in days]
    assert not found.ambiguous
    assert not found.contradictions


@given(st.lists(written_moments, min_size=1, max_size=20))
def test_moments_in_any_forms_read_back_in_utc(rows: list[tuple[dt.datetime, str, str, str]]) -> None:
    texts, right = [], []
    for moment, form, clock, zone in rows:
        texts.append(moment.strftime(form + clock) + zone)
        offset = dt.datetime.strptime(zone.strip(), "%z").utcoffset() if zone else dt.timedelta()
        right.append(moment - (offset or dt.timedelta()))
    found = read_texts(pl.Series(texts))
    assert found.moments.to_list() == right
    assert found.has_offset.to_list() == [bool(zone) for *_, zone in rows]


@given(st.lists(st.dates(dt.date(1000, 1, 1)), min_size=1, max_size=12), st.booleans(), st.sampled_from("/-"))
def test_numbers_with_marks_are_read_right_or_are_ambiguous(
    days: list[dt.date], is_day_first: bool, mark: str
) -> None:
    form = mark.join(("%d", "%m", "%Y") if is_day_first else ("%m", "%d", "%Y"))
    found = read_texts(pl.Series([day.strftime(form) for day in days]))
    read = found.moments.dt.date().to_list()
    assert all(r in (None, day) for r, day in zip(read, days, strict=True))
    decided = any(day.day > 12 for day in days) or all(day.day == day.month for day in days)
    assert (None not in read) is decided
    assert bool(found.ambiguous) is not decided


@given(st.lists(written_moments.map(lambda m: m[0].strftime(m[1] + m[2]) + m[3]), min_size=1, max_size=12))
def test_a_text_is_read_alone_as_among_others(texts: list[str]) -> None:
    assert read_texts(pl.Series(texts)).moments.to_list() == [read_one(text) for text in texts]


def test_both_readings() -> None:
    assert read_both_ways("Thu 3/4/2024 10:00") == ("2024-04-03", "2024-03-04")
