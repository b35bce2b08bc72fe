"""One column made up from what its contract says of it."""

from __future__ import annotations

import datetime as dt
import enum
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from magical.contracts.dtypes import DTYPES
from magical.contracts.schema import Column
from magical.contracts.validation import build_column_checks
from magical.synthesis.bounds import (
    CannotGenerate,
    IntegerRange,
    find_float_range,
    find_integer_range,
    find_length_range,
    find_limits,
)
from magical.synthesis.rng import NumberArray, SeededRandom
from magical.synthesis.text_values import generate_matching, generate_numbered, generate_words

__all__ = [
    "convert_examples",
    "convert_integers",
    "dtype_of",
    "find_listed_values",
    "find_multiples",
    "generate_unique",
    "generate_values",
    "take_from_range",
]

_LIST_POOL_SIZE, _EXTRA_LENGTH = 256, 3
_LARGEST_EXACT, _LARGEST_FLOAT = float(1 << 52), 1.7976931348623157e308
_TIME_STEPS: dict[str, tuple[int, ...]] = {"datetime": (3_600_000_000, 60_000_000, 1_000_000, 1)}
_TIME_STEPS |= {"time": (60_000_000, 1_000_000, 1), "duration": _TIME_STEPS["datetime"]}


def dtype_of(column: Column) -> Any:
    """Give the polars type that a column is made up in."""
    if column.type == "list":
        return pl.List(dtype_of(Column(column.name, column.inner or "any")))
    if column.type == "any":
        known = [v for v in (*column.choices, *column.examples) if v is not None]
        texts = {"min_length", "max_length", "pattern"} & set(column.bounds)
        return pl.Series(known).dtype if known else (pl.String if texts else pl.Int64)
    values = (*column.bounds.values(), *column.examples)
    if column.type == "datetime" and any(getattr(v, "tzinfo", None) for v in values):
        return pl.Datetime("us", "UTC")
    return DTYPES[column.type]


def generate_values(column: Column, rng: SeededRandom, size: int) -> pl.Series:
    """Draw the values of a column, none of them null.

    Raises:
        CannotGenerate: its bounds leave nothing, or an example breaks them.

    Example:
        >>> generate_values(Column("age", "int", bounds={"ge": 18, "le": 20}), Chance("seed"), 5).to_list()
        [20, 19, 19, 18, 18]
    """
    values = find_listed_values(column)
    if values is not None:
        return _pick(values, rng, size)
    match _effective_type(column):
        case "float":
            return pl.Series(column.name, _generate_floats(column, rng, size), dtype=pl.Float64)
        case "str":
            return _pick(_find_texts(column), rng, size)
        case "bool":
            return pl.Series(column.name, rng.integers(2, size) == 1)
        case "list":
            return _pick(_generate_lists(column, rng), rng, size)
    return convert_integers(
        column,
        take_from_range(find_integer_range(column), rng.integers(find_integer_range(column).count, size)),
    )


def generate_unique(column: Column, size: int) -> pl.Series:
    """Give different values of a column in order, as ids have them: 1 to n; fewer where it can hold fewer.

    They do not depend on the seed, so that a key can be made up without its parent's table.

    Example:
        >>> generate_unique(Column("id", "int", bounds={"gt": 10, "le": 12}), 5).to_list()
        [11, 12]
    """
    values = find_listed_values(column)
    if values is not None:
        return values.unique(maintain_order=True).head(size)
    match _effective_type(column):
        case "float":
            return pl.Series(column.name, _unique_floats(column, size), dtype=pl.Float64)
        case "str":
            least, most = find_length_range(column)
            if pattern := _find_pattern(column):
                return (
                    generate_matching(pattern, least, most, count=max(size, 1)).head(size).alias(column.name)
                )
            return generate_numbered(column.name, least, most, size).head(size).alias(column.name)
        case "bool":
            return pl.Series(column.name, [False, True][:size], dtype=pl.Boolean)
        case "list":
            raise CannotGenerate(
                "a list cannot identify a row", "promise a number or a text, or take Id off it"
            )
    return convert_integers(column, _unique_integers(column, size))


def find_listed_values(column: Column) -> pl.Series | None:
    """Give the values that a column is drawn from where it lists them: its examples, else its choices."""
    if column.examples:
        return convert_examples(column)
    if not column.choices:
        return None
    values = pl.Series(column.name, list(column.choices), dtype=dtype_of(column))
    kept = values.filter(~_find_invalid(column, values))
    if kept.is_empty():
        raise CannotGenerate("its bounds leave none of its choices")
    return kept


def convert_examples(column: Column) -> pl.Series:
    """Give the examples of a column in its type, as often as they are written.

    Raises:
        CannotGenerate: one is of another type, or breaks the column's bounds.
    """
    values = [_to_plain_value(v, column.type) for v in column.examples if v is not None]
    if not values:
        raise CannotGenerate("its examples are all null", "give one that is a value")
    for value in values:
        try:
            pl.Series([value], dtype=dtype_of(column), strict=True)
        except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
            raise CannotGenerate(
                f"its example {value!r} is not {column.type_text}", "mend the example"
            ) from None
    series = pl.Series(column.name, values, dtype=dtype_of(column))
    table = series.to_frame()
    for check in build_column_checks(column, series.dtype):
        wrong = table.filter(check.broken)
        if wrong.height:
            raise CannotGenerate(
                f"its example {wrong.item(0, 0)!r} {check.requirement}",
                "mend the example, or widen its bounds",
            )
    return series


def convert_integers(column: Column, numbers: NumberArray) -> pl.Series:
    """Give whole numbers, days or microseconds as the column's type has them."""
    match column.type:
        case "date":
            return pl.Series(column.name, numbers.astype(np.int32)).cast(pl.Date)
        case "time":
            return pl.Series(column.name, numbers * 1000).cast(pl.Time)
        case "datetime":
            plain = pl.Series(column.name, numbers).cast(pl.Datetime("us"))
            zone = getattr(dtype_of(column), "time_zone", None)
            return plain.dt.replace_time_zone(zone) if zone else plain
        case "duration":
            return pl.Series(column.name, numbers).cast(pl.Duration("us"))
    return pl.Series(column.name, numbers, dtype=pl.Int64)


def take_from_range(span: IntegerRange, positions: NumberArray) -> NumberArray:
    """Give the numbers of a span at some places; unsigned numbers wrap round, as they must."""
    found: NumberArray = (positions * np.uint64(span.step) + np.uint64(span.low % (1 << 64))).view(np.int64)
    return found


def _effective_type(column: Column) -> str:
    return "str" if column.type == "any" and dtype_of(column) == pl.String else column.type


def _to_plain_value(value: Any, kind: str) -> Any:
    if isinstance(value, enum.Enum):
        return str(value.value)
    if isinstance(value, str) and kind in ("date", "datetime", "time"):
        reader = {"date": dt.date, "datetime": dt.datetime, "time": dt.time}[kind]
        try:
            return reader.fromisoformat(value)  # type: ignore[attr-defined]
        except ValueError:
            return value
    return value


def _find_invalid(column: Column, values: pl.Series) -> pl.Series:
    wrong = [c.broken for c in build_column_checks(column, values.dtype)]
    return values.to_frame().select(pl.any_horizontal(pl.lit(False), *wrong).alias("broken")).to_series()


def _pick(values: pl.Series, rng: SeededRandom, size: int) -> pl.Series:
    return values.gather(rng.integers(values.len(), size).astype(np.uint32))


def _generate_floats(column: Column, rng: SeededRandom, size: int) -> NumberArray:
    if "multiple_of" in column.bounds:
        span, multiple = find_multiples(column)
        return take_from_range(span, rng.integers(span.count, size)).astype(np.float64) * multiple
    low, high = find_float_range(column)
    if low is None and high is None:
        return rng.normal(size)
    if low is None or high is None:
        edge = low if low is not None else high or 0.0
        width = max(1000.0, abs(edge) / 8)
        low = edge if low is not None else max(edge - width, -_LARGEST_FLOAT)
        high = edge if high is not None else min(edge + width, _LARGEST_FLOAT)
    share = rng.uniform(size)
    return np.clip(low * (1.0 - share) + high * share, low, high)


def find_multiples(column: Column) -> tuple[IntegerRange, float]:
    """Give the multiples of a fraction that a column of floats may hold: how many times, and the fraction."""
    multiple = abs(float(column.bounds["multiple_of"]))
    low, high = find_float_range(column)
    span = find_integer_range(Column(column.name, "int", bounds=_bounds_in_multiples(low, high, multiple)))
    least, most = span.low, span.high
    while low is not None and least <= most and least * multiple < low:  # it is rounded
        least += 1
    while high is not None and least <= most and most * multiple > high:
        most -= 1
    if least > most:
        raise CannotGenerate(f"no multiple of {multiple} is within its bounds")
    return IntegerRange(least, most), multiple


def _bounds_in_multiples(low: float | None, high: float | None, multiple: float) -> dict[str, Any]:
    bounds = {} if low is None else {"ge": math.floor(max(low / multiple, -_LARGEST_EXACT))}
    return bounds | ({} if high is None else {"le": math.ceil(min(high / multiple, _LARGEST_EXACT))})


def _unique_floats(column: Column, size: int) -> Any:
    """Whole numbers (or multiples) where they fit, else floats that follow each other."""
    low, high = find_float_range(column)
    low, high = -_LARGEST_FLOAT if low is None else low, _LARGEST_FLOAT if high is None else high
    multiple = abs(float(column.bounds.get("multiple_of", 1.0)))
    inside = Column(column.name, "int", bounds=_bounds_in_multiples(low, high, multiple))
    try:
        numbers = np.unique(_unique_integers(inside, size + 2).astype(np.float64) * multiple)
    except CannotGenerate:
        numbers = np.empty(0)
    numbers = numbers[(numbers >= low) & (numbers <= high)][:size]
    if len(numbers) == size or "multiple_of" in column.bounds:
        return numbers
    first, last = _float_to_rank(low), _float_to_rank(high)
    step = max(1, (last - first) // max(size, 1))
    places = np.arange(min(size, (last - first) // step + 1), dtype=np.uint64)
    return _rank_to_float(take_from_range(IntegerRange(first, last, step), places))


def _float_to_rank(number: float) -> int:
    """The place of a float among all floats."""
    bits = int(np.float64(number).view(np.int64))
    return bits if bits >= 0 else -(bits & ((1 << 63) - 1))


def _rank_to_float(ranks: NumberArray) -> NumberArray:
    positive: NumberArray = np.abs(ranks).view(np.float64)
    return np.where(ranks < 0, -positive, positive)


def _unique_integers(column: Column, size: int) -> NumberArray:
    low, high, span = find_limits(column)
    usual, step = find_integer_range(column), span.step
    if column.type in ("int", "any"):
        first = span.low if low is not None and span.low > 1 else max(-(-1 // step) * step, span.low)
    else:
        first = usual.low if low is None and high is None else span.low if low is not None else usual.low
        step = next((s for s in _TIME_STEPS.get(column.type, ()) if (span.high - first) // s >= size), step)
        step = step if span.step == 1 else span.step
    count = (span.high - first) // step + 1 if span.high >= first else 0
    if count < size:  # go below the usual first one, where there is room
        count = min(size, (span.high - span.low) // step + 1)
        first = span.high - (span.high - span.low) % step - (count - 1) * step
    return take_from_range(IntegerRange(first, span.high, step), np.arange(min(count, size), dtype=np.uint64))


def _find_pattern(column: Column) -> str:
    pattern = column.bounds.get("pattern")
    return str(getattr(pattern, "pattern", pattern) or "")


def _find_texts(column: Column) -> pl.Series:
    least, most = find_length_range(column)
    found: pl.Series | Sequence[str] = (
        generate_matching(pattern, least, most)
        if (pattern := _find_pattern(column))
        else generate_words(least, most)
    )
    return pl.Series(column.name, found, dtype=pl.String)


def _generate_lists(column: Column, rng: SeededRandom) -> pl.Series:
    """Some lists to draw from: as long as the bounds say, their members as a column of their own."""
    least, most = find_length_range(column)
    longest = least + _EXTRA_LENGTH if most is None else min(most, least + _EXTRA_LENGTH)
    inner = Column(column.name, column.inner or "any")
    members = generate_values(inner, rng, _LIST_POOL_SIZE * max(longest, 1))
    lengths = pl.Series(rng.integers(longest - least + 1, _LIST_POOL_SIZE) + np.uint64(least))
    place = pl.int_range(members.len(), eager=True) % _LIST_POOL_SIZE
    table = pl.DataFrame({"place": place, "rows": members}).group_by("place", maintain_order=True).agg("rows")
    table = table.with_columns(lengths.alias("length"))
    return table.select(pl.col("rows").list.head(pl.col("length"))).to_series().alias(column.name)
