"""The ranges that types and bounds allow, and the words where nothing is allowed."""

import datetime as dt
import math
import sys
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from magical.contracts.schema import Column
from magical.synthesis.bounds import (
    CannotGenerate,
    FloatRange,
    IntegerRange,
    close_float_range,
    find_float_range,
    find_integer_range,
    find_length_range,
    find_limits,
)

EPOCH = dt.date(1970, 1, 1)
SECOND, DAY = 1_000_000, 86_400_000_000
BIG = st.integers(-(1 << 62), 1 << 62)


def column(kind: str = "int", **bounds: Any) -> Column:
    return Column("x", kind, bounds=bounds)


@pytest.mark.parametrize(
    ("bounds", "low", "high", "span"),
    [
        ({"ge": 1, "le": 9}, 1, 9, IntegerRange(1, 9)),
        ({"gt": 1, "lt": 9}, 2, 8, IntegerRange(2, 8)),
        ({"gt": 1.5, "lt": 8.5}, 2, 8, IntegerRange(2, 8)),
        ({"ge": 1.5, "le": 8.5}, 2, 8, IntegerRange(2, 8)),
        ({"gt": -1.5, "ge": -9}, -1, None, IntegerRange(-1, (1 << 63) - 1)),
        ({"ge": 1, "le": 9, "multiple_of": 4}, 1, 9, IntegerRange(4, 8, 4)),
        ({"ge": 1, "le": 3, "multiple_of": 0.5}, 1, 3, IntegerRange(1, 3)),
        ({"ge": 1, "le": 3, "multiple_of": Decimal("1.5")}, 1, 3, IntegerRange(3, 3, 3)),
        ({"ge": 0, "le": math.inf}, 0, 1 << 63, IntegerRange(0, (1 << 63) - 1)),
    ],
)
def test_limits_are_the_whole_numbers_within(
    bounds: dict[str, Any], low: int | None, high: int | None, span: IntegerRange
) -> None:
    assert find_limits(column(**bounds)) == (low, high, span)


def test_the_count_of_a_range() -> None:
    assert IntegerRange(3, 3).count == 1
    assert IntegerRange(10, 34, 5).count == 5


@pytest.mark.parametrize(
    ("kind", "bounds", "words"),
    [
        ("int", {"ge": 3, "lt": 3}, "no int is >= 3 and < 3"),
        ("int", {"gt": 1, "lt": 2}, "no int is > 1 and < 2"),
        ("int", {"ge": 5, "le": 9, "multiple_of": 10}, "no int is >= 5 and <= 9 and a multiple of 10"),
        ("int", {"gt": (1 << 63) - 1}, "no int is > 9223372036854775807"),
        ("int", {"ge": math.nan}, "its bound ge=nan is no int"),
        ("int", {"ge": "a"}, "its bound ge='a' is no int"),
        ("time", {"gt": dt.time(23, 59, 59, 999_999)}, "no time is > 23:59:59.999999"),
    ],
)
def test_bounds_without_a_value_are_told(kind: str, bounds: dict[str, Any], words: str) -> None:
    with pytest.raises(CannotGenerate) as error:
        find_integer_range(column(kind, **bounds))
    assert (str(error.value), error.value.reason, error.value.hint) == (words, words, "")


@given(BIG, BIG, st.integers(1, 1000))
def test_a_range_is_within_its_bounds_and_of_multiples(one: int, other: int, step: int) -> None:
    low, high = sorted((one, other))
    assume(high - low >= step)
    span = find_integer_range(column(ge=low, le=high, multiple_of=step))
    assert low <= span.low <= span.high <= high
    assert span.low % step == 0
    assert span.step % step == 0


@given(BIG, st.sampled_from(["ge", "gt", "le", "lt"]))
def test_an_open_side_is_near_the_other(bound: int, name: str) -> None:
    span = find_integer_range(column(**{name: bound}))
    least, most = (bound, bound + 1001) if name in ("ge", "gt") else (bound - 1001, bound)
    assert least <= span.low < span.high <= most
    assert span.count > 100


def test_without_bounds_there_are_sensible_ones() -> None:
    assert find_integer_range(column()) == IntegerRange(0, 999_999)
    days = find_integer_range(column("date"))
    assert EPOCH + dt.timedelta(days.low) == dt.date(2021, 1, 1)
    assert EPOCH + dt.timedelta(days.high) == dt.date(2023, 12, 31)
    assert find_integer_range(column("time")) == IntegerRange(0, DAY - SECOND, SECOND)
    assert find_integer_range(column("duration")).step == SECOND
    large = find_integer_range(column(multiple_of=1_000_000))
    assert large.count > 100


def test_dates_count_days_and_a_moment_rounds_inwards() -> None:
    noon = dt.datetime(1970, 1, 3, 12)
    assert find_limits(column("date", ge=dt.date(1970, 1, 3)))[0] == 2
    assert find_limits(column("date", ge=noon))[0] == 3
    assert find_limits(column("date", gt=noon))[0] == 3
    assert find_limits(column("date", le=noon))[1] == 2
    assert find_limits(column("date", lt=noon))[1] == 2


def test_moments_count_microseconds_of_utc() -> None:
    east = dt.datetime(1970, 1, 1, 2, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    assert find_limits(column("datetime", ge=east))[0] == 0
    assert find_limits(column("datetime", ge=dt.date(1970, 1, 2)))[0] == DAY
    assert find_limits(column("time", le=dt.time(0, 1, 2, 3)))[1] == 62 * SECOND + 3
    assert find_limits(column("duration", ge=dt.timedelta(seconds=1)))[0] == SECOND
    assert find_limits(column("duration", multiple_of=dt.timedelta(minutes=1)))[2].step == 60 * SECOND


def test_times_are_whole_seconds_unless_the_range_is_short() -> None:
    hour, less = (column("time", ge=dt.time(0), le=dt.time(h, m)) for h, m in ((1, 0), (0, 59)))
    assert find_integer_range(hour).step == SECOND
    assert find_integer_range(less).step == 1


@pytest.mark.parametrize(
    ("bounds", "span"),
    [
        ({}, FloatRange(None, None)),
        ({"ge": 0}, FloatRange(0.0, None)),
        ({"gt": 1, "lt": 2}, FloatRange(math.nextafter(1, 2), math.nextafter(2, 1))),
        ({"ge": 1, "gt": 1}, FloatRange(math.nextafter(1, 2), None)),
        ({"ge": -math.inf, "le": math.inf}, FloatRange(None, None)),
        ({"le": 5}, FloatRange(None, 5.0)),
    ],
)
def test_floats(bounds: dict[str, Any], span: FloatRange) -> None:
    assert find_float_range(column("float", **bounds)) == span


@pytest.mark.parametrize(
    "bounds", [{"ge": 2, "le": 1}, {"gt": 1, "lt": 1}, {"ge": math.nan}, {"ge": math.inf}, {"lt": -math.inf}]
)
def test_floats_that_are_none(bounds: dict[str, Any]) -> None:
    with pytest.raises(CannotGenerate, match=r"^no float is "):
        find_float_range(column("float", **bounds))


@given(st.integers(-(1 << 70), 1 << 70) | st.decimals(-1000, 1000, places=20))
def test_no_rounding_breaks_a_bound(bound: Any) -> None:
    """A large integer or a decimal is between two floats."""
    low, _ = find_float_range(column("float", ge=bound))
    assert low is not None
    assert low >= bound > math.nextafter(low, -math.inf)
    _, high = find_float_range(column("float", le=bound))
    assert high is not None
    assert high <= bound < math.nextafter(high, math.inf)


@given(st.none() | st.floats(allow_nan=False, allow_infinity=False), st.booleans())
def test_a_closed_range_is_finite_and_wide(edge: float | None, above: bool) -> None:
    low, high = close_float_range(FloatRange(edge, None) if above else FloatRange(None, edge))
    assert math.isfinite(low)
    assert math.isfinite(high)
    assert low < high or abs(edge or 0) == sys.float_info.max
    assert edge is None or edge in (low, high)
    assert close_float_range(FloatRange(2.0, 3.0)) == (2.0, 3.0)


def test_lengths() -> None:
    assert find_length_range(column("str")) == (0, None)
    assert find_length_range(column("str", min_length=2, max_length=2)) == (2, 2)
    assert find_length_range(column("str", min_length=-3)) == (0, None)
    with pytest.raises(CannotGenerate, match="nothing has a length >= 3 and <= 2"):
        find_length_range(column("str", min_length=3, max_length=2))
