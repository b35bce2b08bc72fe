"""Statistics of one column: what is missing, what differs, and what its values are like."""

import datetime as dt
import math
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from magical.inference.column_stats import ColumnStats

NAN, INF = float("nan"), float("inf")
DAY = dt.datetime(2020, 1, 1)


def stats(values: list[Any], dtype: Any = None, raw: list[str | None] | None = None) -> ColumnStats:
    return ColumnStats(pl.Series("x", values, dtype=dtype), raw=None if raw is None else pl.Series("x", raw))


@pytest.mark.parametrize(
    ("values", "dtype", "kind"),
    [
        ([1], pl.UInt8, "int"),
        ([1, None], pl.UInt64, "int"),
        ([2**63], pl.UInt64, "str"),
        ([Decimal("1.5")], pl.Decimal(10, 2), "float"),
        (["a"], pl.Categorical, "str"),
        ([DAY, None], None, "date"),
        ([DAY, DAY.replace(minute=1)], None, "datetime"),
        ([None], pl.Datetime, "datetime"),
        ([dt.time(1)], None, "time"),
        ([[1]], None, ""),
        ([b"a"], None, ""),
    ],
)
def test_the_type_of_a_contract(values: list[Any], dtype: Any, kind: str) -> None:
    assert stats(values, dtype).kind == kind


def test_midnight_is_that_of_utc() -> None:
    values = pl.Series("x", [DAY]).dt.replace_time_zone("Europe/Berlin")
    assert ColumnStats(values).kind == "datetime"
    assert ColumnStats(values.dt.convert_time_zone("UTC").dt.truncate("1d")).kind == "date"


def test_nulls_nan_infinity_and_blanks_are_missing() -> None:
    numbers = stats([1.5, None, NAN, INF, -INF])
    assert (numbers.missing_count, numbers.present.to_list()) == (4, [1.5])
    texts = stats([" a ", "", "  ", None])
    assert (texts.missing_count, texts.present.to_list(), texts.rows) == (3, ["a"], 4)
    assert stats([1, None]).missing_count == 1


def test_values_are_counted_in_order() -> None:
    column = stats(["b", "a", "b ", None])
    assert column.choices == ["a", "b"]
    assert column.value_counts["rows"].to_list() == [1, 2]
    assert (column.unique_count, column.unique_share) == (2, 2 / 3)
    assert (column.low, column.high, column.max_length) == ("a", "b", 1)


def test_a_column_without_values() -> None:
    empty = stats([], pl.Int64)
    assert (empty.rows, empty.unique_count, empty.unique_share, empty.low) == (0, 0, 0.0, None)
    assert not any((empty.is_unique, empty.is_consecutive, empty.is_sorted, empty.is_zero_one))
    assert not stats([None], pl.Float64).is_whole
    assert not stats([None], pl.String).has_codes
    assert stats([[1], [2]]).unique_count == 0


def test_a_column_with_a_gap_is_not_unique() -> None:
    assert stats([3, 1, 2]).is_unique
    assert not stats([3, 1, None]).is_unique
    assert not stats([3, 1, 1]).is_unique


def test_whole_numbers() -> None:
    assert stats([1.0, None, -3.0]).is_whole
    assert not stats([1.0, 1.5]).is_whole
    assert not stats([2.0**60]).is_whole, "a float of this size is no exact number"
    assert not stats(["1"]).is_whole


def test_zeros_and_ones_need_both() -> None:
    assert stats([0.0, 1.0, None]).is_zero_one
    assert not stats([1, 1]).is_zero_one
    assert not stats([0, 1, 2]).is_zero_one
    assert not stats([False, True]).is_zero_one


def test_consecutive_numbers_begin_with_0_or_1() -> None:
    assert stats([2, 0, 1]).is_consecutive
    assert stats([1.0, 2.0]).is_consecutive
    assert not stats([2, 3, 4]).is_consecutive
    assert not stats([1, 2, 4]).is_consecutive
    assert not stats(["a", "b"]).is_consecutive


def test_codes_are_capitals_and_digits_or_uuids() -> None:
    assert stats(["AB-12", "7", None]).has_codes
    assert stats(["6f9619ff-8b86-d011-b42d-00c04fc964ff"]).has_codes
    assert not stats(["AB 12"]).has_codes
    assert not stats(["AB-12", "ab"]).has_codes
    assert not stats([1, 2]).has_codes


def test_nearly_all_rows_decide_whether_it_is_sorted() -> None:
    nearly = [*range(200), 0]
    assert stats(nearly).is_sorted
    assert stats(nearly[::-1]).is_sorted
    assert stats([5, 5, 5, None]).is_sorted
    assert not stats([1, 2]).is_sorted
    assert not stats([1, 3, 2, 4, 0]).is_sorted


def test_as_texts_the_signs_of_missing_numbers_are_values() -> None:
    column = stats([1, None], raw=["1", "NA"])
    assert column.as_texts.choices == ["1", "NA"]
    texts = stats(["a"], raw=["a"])
    assert texts.as_texts is texts
    plain = stats([1])
    assert plain.as_texts is plain


@given(st.lists(st.none() | st.floats(), max_size=30))
def test_each_row_has_a_value_or_misses_one(values: list[float | None]) -> None:
    column = stats(values, pl.Float64)
    assert column.missing_count + len(column.present) == column.rows == len(values)
    assert column.value_counts["rows"].sum() == len(column.present)
    assert all(math.isfinite(v) for v in column.choices)
    assert column.unique_count == len(column.choices) == len(set(column.present))
