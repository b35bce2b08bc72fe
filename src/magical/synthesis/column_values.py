"""Values of one column, generated from its type, bounds, choices and examples."""

from __future__ import annotations

import datetime as dt
import enum
import math
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import polars as pl

from magical.contracts.dtypes import DTYPES
from magical.contracts.schema import Column
from magical.contracts.validation import build_column_checks
from magical.synthesis.bounds import (
    CannotGenerate,
    IntegerRange,
    check_choices,
    close_float_range,
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
    "find_invalid_rows",
    "find_listed_values",
    "find_multiples",
    "generate_unique",
    "generate_values",
    "pick_values",
    "take_from_range",
]

_LIST_POOL_SIZE, _EXTRA_LENGTH = 256, 3
_LARGEST_EXACT = float(1 << 52)
_TIME_STEPS: dict[str, tuple[int, ...]] = {"datetime": (3_600_000_000, 60_000_000, 1_000_000, 1)}
_TIME_STEPS |= {"time": (60_000_000, 1_000_000, 1), "duration": _TIME_STEPS["datetime"]}


def dtype_of(column: Column) -> Any:
    """Return the polars type in which a column is generated.

    Example:
        >>> dtype_of(Column("tags", "list", inner="str"))
        List(String)
    """
    if column.type == "list":
        return pl.List(dtype_of(Column(column.name, column.inner or "any")))
    if column.type == "any":
        listed = [v for v in (*column.choices, *column.examples) if v is not None]
        text_bounds = {"min_length", "max_length", "pattern"} & set(column.bounds)
        return pl.Series(listed).dtype if listed else (pl.String if text_bounds else pl.Int64)
    values = (*column.bounds.values(), *column.examples)
    if column.type == "datetime" and any(getattr(v, "tzinfo", None) for v in values):
        return pl.Datetime("us", "UTC")
    return DTYPES[column.type]


def generate_values(column: Column, rng: SeededRandom, size: int) -> pl.Series:
    """Draw the values of a column, none of them null.

    Raises:
        CannotGenerate: no value is within its bounds, or an example breaks them.

    Example:
        >>> age = Column("age", "int", bounds={"ge": 18, "le": 20})
        >>> generate_values(age, SeededRandom("seed"), 5).to_list()
        [20, 19, 19, 18, 18]
    """
    values = find_listed_values(column)
    if values is not None:
        return pick_values(values, rng, size)
    match _effective_type(column):
        case "float":
            return pl.Series(column.name, _generate_floats(column, rng, size), dtype=pl.Float64)
        case "str":
            return pick_values(_find_texts(column), rng, size)
        case "bool":
            return pl.Series(column.name, rng.integers(2, size) == 1)
        case "list":
            return pick_values(_generate_lists(column, rng), rng, size)
    span = find_integer_range(column)
    return convert_integers(column, take_from_range(span, rng.integers(span.count, size)))


def generate_unique(column: Column, size: int) -> pl.Series:
    """Return distinct values of a column in order, such as 1 to n; fewer where its bounds allow fewer.

    They do not depend on the seed, so that keys can be generated without the parent's table.

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
            pattern = _find_pattern(column)
            texts = (
                generate_matching(pattern, least, most, count=max(size, 1))
                if pattern
                else generate_numbered(column.name, least, most, size)
            )
            return texts.head(size).alias(column.name)
        case "bool":
            return pl.Series(column.name, [False, True][:size], dtype=pl.Boolean)
        case "list":
            raise CannotGenerate(
                "a list cannot identify a row", "promise a number or a text, or take Id off it"
            )
    return convert_integers(column, _generate_unique_integers(column, size))


def find_listed_values(column: Column) -> pl.Series | None:
    """Return the examples of a column, else its choices within bounds; None if it has neither.

    Example:
        >>> find_listed_values(Column("size", "str", choices=("S", "M"))).to_list()
        ['S', 'M']
    """
    if column.examples:
        return convert_examples(column)
    if not column.choices:
        return None
    check_choices(column.choices)
    values = pl.Series(column.name, list(column.choices), dtype=dtype_of(column))
    valid = values.filter(~find_invalid_rows(values.to_frame(), [column]))
    if valid.is_empty():
        raise CannotGenerate("its bounds leave none of its choices")
    return valid


def convert_examples(column: Column) -> pl.Series:
    """Convert the examples of a column to its type; repeated ones stay repeated.

    Raises:
        CannotGenerate: one is of another type, or breaks the column's bounds.
    """
    values = [_to_plain_value(v, column.type) for v in column.examples if v is not None]
    if not values:
        raise CannotGenerate("its examples are all null", "give one that is a value")
    for value in values:  # one by one, so that the message can name the wrong one
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
    """Convert whole numbers to the column's type: days to dates, microseconds to other times.

    Example:
        >>> convert_integers(Column("on", "date"), np.array([1])).to_list()
        [datetime.date(1970, 1, 2)]
    """
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
    """Return the numbers of a range at some positions.

    Example:
        >>> take_from_range(IntegerRange(-4, 4, 2), np.array([0, 3], dtype=np.uint64)).tolist()
        [-4, 2]
    """
    # Unsigned arithmetic wraps modulo 2**64, so that ranges wider than int64 come out right.
    step, low = np.uint64(span.step % (1 << 64)), np.uint64(span.low % (1 << 64))
    numbers: NumberArray = (positions * step + low).view(np.int64)
    return numbers


def find_invalid_rows(table: pl.DataFrame, columns: Iterable[Column]) -> pl.Series:
    """Mark the rows that break a bound, a choice or the null rule of any of these columns.

    Example:
        >>> table = pl.DataFrame({"age": [17, 18, None]})
        >>> find_invalid_rows(table, [Column("age", "int", bounds={"ge": 18})]).to_list()
        [True, False, True]
    """
    pairs = ((column, table.get_column(column.name).dtype) for column in columns)
    checks = [check.broken for column, dtype in pairs for check in build_column_checks(column, dtype)]
    # Without the repeated literal, a table without checks would get a mask of one row.
    return table.select(pl.any_horizontal(pl.repeat(False, pl.len()), *checks).alias("broken")).to_series()


def pick_values(values: pl.Series, rng: SeededRandom, size: int) -> pl.Series:
    """Draw values from a pool, with replacement."""
    return values.gather(rng.integers(values.len(), size).astype(np.uint32))


def _effective_type(column: Column) -> str:
    """Return the column's type; ``str`` for type ``any`` if its values are texts."""
    return "str" if column.type == "any" and dtype_of(column) == pl.String else column.type


def _to_plain_value(value: Any, kind: str) -> Any:
    """Convert an example to a plain value: an enum member to text, an ISO text to a date or time."""
    if isinstance(value, enum.Enum):
        return str(value.value)
    if isinstance(value, str) and kind in ("date", "datetime", "time"):
        reader = {"date": dt.date, "datetime": dt.datetime, "time": dt.time}[kind]
        try:
            return reader.fromisoformat(value)  # type: ignore[attr-defined]
        except ValueError:
            return value
    return value


def _generate_floats(column: Column, rng: SeededRandom, size: int) -> NumberArray:
    if "multiple_of" in column.bounds:
        span, multiple = find_multiples(column)
        return take_from_range(span, rng.integers(span.count, size)).astype(np.float64) * multiple
    interval = find_float_range(column)
    if interval == (None, None):
        return rng.normal(size)
    low, high = close_float_range(interval)
    share = rng.uniform(size)
    # Not low + (high - low) * share: the difference may overflow.
    return np.clip(low * (1.0 - share) + high * share, low, high)


def find_multiples(column: Column) -> tuple[IntegerRange, float]:
    """Return the range of whole factors, and the absolute ``multiple_of``, whose products are in bounds."""
    multiple = abs(float(column.bounds["multiple_of"]))
    low, high = find_float_range(column)
    span = find_integer_range(Column(column.name, "int", bounds=_bounds_in_multiples(low, high, multiple)))
    least, most = span.low, span.high
    # The division was rounded, so a product at either end may lie outside the bounds.
    while low is not None and least <= most and least * multiple < low:
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
    """Return distinct floats: whole numbers or multiples where enough fit, else evenly spaced floats."""
    low, high = find_float_range(column)
    largest = sys.float_info.max
    low, high = -largest if low is None else low, largest if high is None else high
    multiple = abs(float(column.bounds.get("multiple_of", 1.0)))
    factors = Column(column.name, "int", bounds=_bounds_in_multiples(low, high, multiple))
    try:  # two more than wanted: rounding may put both ends out of bounds
        numbers = np.unique(_generate_unique_integers(factors, size + 2).astype(np.float64) * multiple)
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
    """Return the position of a float among all floats: the next float has the next position."""
    bits = int(np.float64(number).view(np.int64))
    return bits if bits >= 0 else -(bits & ((1 << 63) - 1))


def _rank_to_float(ranks: NumberArray) -> NumberArray:
    positive: NumberArray = np.abs(ranks).view(np.float64)
    return np.where(ranks < 0, -positive, positive)


def _generate_unique_integers(column: Column, size: int) -> NumberArray:
    """Generate distinct ascending integers, from 1 or the lower bound; fewer if the bounds allow fewer.

    Times are generated as integers too, in steps of the coarsest unit that gives enough of them.
    """
    low, high, span = find_limits(column)
    usual, step = find_integer_range(column), span.step
    if column.type in ("int", "any"):
        first = span.low if low is not None and span.low > 1 else max(-(-1 // step) * step, span.low)
    else:
        first = usual.low if low is None and high is None else span.low if low is not None else usual.low
        step = next((s for s in _TIME_STEPS.get(column.type, ()) if (span.high - first) // s >= size), step)
        step = step if span.step == 1 else span.step
    count = (span.high - first) // step + 1 if span.high >= first else 0
    if count < size:  # too few above the usual first number: start lower
        count = min(size, (span.high - span.low) // step + 1)
        first = span.high - (span.high - span.low) % step - (count - 1) * step
    return take_from_range(IntegerRange(first, span.high, step), np.arange(min(count, size), dtype=np.uint64))


def _find_pattern(column: Column) -> str:
    pattern = column.bounds.get("pattern")
    return str(getattr(pattern, "pattern", pattern) or "")


def _find_texts(column: Column) -> pl.Series:
    least, most = find_length_range(column)
    pattern = _find_pattern(column)
    texts: pl.Series | Sequence[str] = (
        generate_matching(pattern, least, most) if pattern else generate_words(least, most)
    )
    return pl.Series(column.name, texts, dtype=pl.String)


def _generate_lists(column: Column, rng: SeededRandom) -> pl.Series:
    """Generate a pool of lists whose lengths are within the bounds."""
    least, most = find_length_range(column)
    longest = least + _EXTRA_LENGTH if most is None else min(most, least + _EXTRA_LENGTH)
    inner = Column(column.name, column.inner or "any")
    members = generate_values(inner, rng, _LIST_POOL_SIZE * max(longest, 1))
    lengths = pl.lit(pl.Series(rng.integers(longest - least + 1, _LIST_POOL_SIZE) + np.uint64(least)))
    number = pl.int_range(members.len(), eager=True) % _LIST_POOL_SIZE
    table = pl.DataFrame({"list": number, "members": members}).group_by("list", maintain_order=True)
    return table.agg("members").select(pl.col("members").list.head(lengths).alias(column.name)).to_series()
