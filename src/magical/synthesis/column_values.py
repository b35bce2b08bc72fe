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
from magical.synthesis.bounds import CannotDraw, Span, interval_of, lengths_of, limits_of, span_of
from magical.synthesis.rng import Chance, Integers
from magical.synthesis.text_values import matching, numbered, words

__all__ = ["different", "drawn", "dtype_of", "examples_of", "listed", "multiples_of", "spread", "whole"]

_LISTS, _LONGER = 256, 3
_EXACT, _MOST = float(1 << 52), 1.7976931348623157e308
_STEPS: dict[str, tuple[int, ...]] = {"datetime": (3_600_000_000, 60_000_000, 1_000_000, 1)}
_STEPS |= {"time": (60_000_000, 1_000_000, 1), "duration": _STEPS["datetime"]}


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


def drawn(column: Column, chance: Chance, size: int) -> pl.Series:
    """Draw the values of a column, none of them null.

    Raises:
        CannotDraw: its bounds leave nothing, or an example breaks them.

    Example:
        >>> drawn(Column("age", "int", bounds={"ge": 18, "le": 20}), Chance("seed"), 5).to_list()
        [20, 19, 19, 18, 18]
    """
    values = listed(column)
    if values is not None:
        return _picked(values, chance, size)
    match _kind(column):
        case "float":
            return pl.Series(column.name, _floats(column, chance, size), dtype=pl.Float64)
        case "str":
            return _picked(_texts(column), chance, size)
        case "bool":
            return pl.Series(column.name, chance.below(2, size) == 1)
        case "list":
            return _picked(_lists(column, chance), chance, size)
    return whole(column, spread(span_of(column), chance.below(span_of(column).count, size)))


def different(column: Column, size: int) -> pl.Series:
    """Give different values of a column in order, as ids have them: 1 to n; fewer where it can hold fewer.

    They do not depend on the seed, so that a key can be made up without its parent's table.

    Example:
        >>> different(Column("id", "int", bounds={"gt": 10, "le": 12}), 5).to_list()
        [11, 12]
    """
    values = listed(column)
    if values is not None:
        return values.unique(maintain_order=True).head(size)
    match _kind(column):
        case "float":
            return pl.Series(column.name, _different_floats(column, size), dtype=pl.Float64)
        case "str":
            least, most = lengths_of(column)
            if pattern := _pattern(column):
                return matching(pattern, least, most, different=max(size, 1)).head(size).alias(column.name)
            return numbered(column.name, least, most, size).head(size).alias(column.name)
        case "bool":
            return pl.Series(column.name, [False, True][:size], dtype=pl.Boolean)
        case "list":
            raise CannotDraw("a list cannot identify a row", "promise a number or a text, or take Id off it")
    return whole(column, _different_whole(column, size))


def listed(column: Column) -> pl.Series | None:
    """Give the values that a column is drawn from where it lists them: its examples, else its choices."""
    if column.examples:
        return examples_of(column)
    if not column.choices:
        return None
    values = pl.Series(column.name, list(column.choices), dtype=dtype_of(column))
    kept = values.filter(~_broken(column, values))
    if kept.is_empty():
        raise CannotDraw("its bounds leave none of its choices")
    return kept


def examples_of(column: Column) -> pl.Series:
    """Give the examples of a column in its type, as often as they are written.

    Raises:
        CannotDraw: one is of another type, or breaks the column's bounds.
    """
    values = [_plain(v, column.type) for v in column.examples if v is not None]
    if not values:
        raise CannotDraw("its examples are all null", "give one that is a value")
    for value in values:
        try:
            pl.Series([value], dtype=dtype_of(column), strict=True)
        except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
            raise CannotDraw(f"its example {value!r} is not {column.type_text}", "mend the example") from None
    series = pl.Series(column.name, values, dtype=dtype_of(column))
    table = series.to_frame()
    for check in build_column_checks(column, series.dtype):
        wrong = table.filter(check.broken)
        if wrong.height:
            raise CannotDraw(
                f"its example {wrong.item(0, 0)!r} {check.requirement}", "mend the example, or widen its bounds"
            )
    return series


def whole(column: Column, numbers: Integers) -> pl.Series:
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


def spread(span: Span, places: Integers) -> Integers:
    """Give the numbers of a span at some places; unsigned numbers wrap round, as they must."""
    found: Integers = (places * np.uint64(span.step) + np.uint64(span.low % (1 << 64))).view(np.int64)
    return found


def _kind(column: Column) -> str:
    return "str" if column.type == "any" and dtype_of(column) == pl.String else column.type


def _plain(value: Any, kind: str) -> Any:
    if isinstance(value, enum.Enum):
        return str(value.value)
    if isinstance(value, str) and kind in ("date", "datetime", "time"):
        reader = {"date": dt.date, "datetime": dt.datetime, "time": dt.time}[kind]
        try:
            return reader.fromisoformat(value)  # type: ignore[attr-defined]
        except ValueError:
            return value
    return value


def _broken(column: Column, values: pl.Series) -> pl.Series:
    wrong = [c.broken for c in build_column_checks(column, values.dtype)]
    return values.to_frame().select(pl.any_horizontal(pl.lit(False), *wrong).alias("broken")).to_series()


def _picked(values: pl.Series, chance: Chance, size: int) -> pl.Series:
    return values.gather(chance.below(values.len(), size).astype(np.uint32))


def _floats(column: Column, chance: Chance, size: int) -> Integers:
    if "multiple_of" in column.bounds:
        span, multiple = multiples_of(column)
        return spread(span, chance.below(span.count, size)).astype(np.float64) * multiple
    low, high = interval_of(column)
    if low is None and high is None:
        return chance.normal(size)
    if low is None or high is None:
        edge = low if low is not None else high or 0.0
        width = max(1000.0, abs(edge) / 8)
        low = edge if low is not None else max(edge - width, -_MOST)
        high = edge if high is not None else min(edge + width, _MOST)
    share = chance.unit(size)
    return np.clip(low * (1.0 - share) + high * share, low, high)


def multiples_of(column: Column) -> tuple[Span, float]:
    """Give the multiples of a fraction that a column of floats may hold: how many times, and the fraction."""
    multiple = abs(float(column.bounds["multiple_of"]))
    low, high = interval_of(column)
    span = span_of(Column(column.name, "int", bounds=_in_units(low, high, multiple)))
    least, most = span.low, span.high
    while low is not None and least <= most and least * multiple < low:  # it is rounded
        least += 1
    while high is not None and least <= most and most * multiple > high:
        most -= 1
    if least > most:
        raise CannotDraw(f"no multiple of {multiple} is within its bounds")
    return Span(least, most), multiple


def _in_units(low: float | None, high: float | None, multiple: float) -> dict[str, Any]:
    bounds = {} if low is None else {"ge": math.floor(max(low / multiple, -_EXACT))}
    return bounds | ({} if high is None else {"le": math.ceil(min(high / multiple, _EXACT))})


def _different_floats(column: Column, size: int) -> Any:
    """Whole numbers (or multiples) where they fit, else floats that follow each other."""
    low, high = interval_of(column)
    low, high = -_MOST if low is None else low, _MOST if high is None else high
    multiple = abs(float(column.bounds.get("multiple_of", 1.0)))
    inside = Column(column.name, "int", bounds=_in_units(low, high, multiple))
    try:
        numbers = np.unique(_different_whole(inside, size + 2).astype(np.float64) * multiple)
    except CannotDraw:
        numbers = np.empty(0)
    numbers = numbers[(numbers >= low) & (numbers <= high)][:size]
    if len(numbers) == size or "multiple_of" in column.bounds:
        return numbers
    first, last = _ordered(low), _ordered(high)
    step = max(1, (last - first) // max(size, 1))
    places = np.arange(min(size, (last - first) // step + 1), dtype=np.uint64)
    return _unordered(spread(Span(first, last, step), places))


def _ordered(number: float) -> int:
    """The place of a float among all floats."""
    bits = int(np.float64(number).view(np.int64))
    return bits if bits >= 0 else -(bits & ((1 << 63) - 1))


def _unordered(places: Integers) -> Integers:
    positive: Integers = np.abs(places).view(np.float64)
    return np.where(places < 0, -positive, positive)


def _different_whole(column: Column, size: int) -> Integers:
    low, high, span = limits_of(column)
    usual, step = span_of(column), span.step
    if column.type in ("int", "any"):
        first = span.low if low is not None and span.low > 1 else max(-(-1 // step) * step, span.low)
    else:
        first = usual.low if low is None and high is None else span.low if low is not None else usual.low
        step = next((s for s in _STEPS.get(column.type, ()) if (span.high - first) // s >= size), step)
        step = step if span.step == 1 else span.step
    count = (span.high - first) // step + 1 if span.high >= first else 0
    if count < size:  # go below the usual first one, where there is room
        count = min(size, (span.high - span.low) // step + 1)
        first = span.high - (span.high - span.low) % step - (count - 1) * step
    return spread(Span(first, span.high, step), np.arange(min(count, size), dtype=np.uint64))


def _pattern(column: Column) -> str:
    pattern = column.bounds.get("pattern")
    return str(getattr(pattern, "pattern", pattern) or "")


def _texts(column: Column) -> pl.Series:
    least, most = lengths_of(column)
    found: pl.Series | Sequence[str] = (
        matching(pattern, least, most) if (pattern := _pattern(column)) else words(least, most)
    )
    return pl.Series(column.name, found, dtype=pl.String)


def _lists(column: Column, chance: Chance) -> pl.Series:
    """Some lists to draw from: as long as the bounds say, their members as a column of their own."""
    least, most = lengths_of(column)
    longest = least + _LONGER if most is None else min(most, least + _LONGER)
    inner = Column(column.name, column.inner or "any")
    members = drawn(inner, chance, _LISTS * max(longest, 1))
    lengths = pl.Series(chance.below(longest - least + 1, _LISTS) + np.uint64(least))
    place = pl.int_range(members.len(), eager=True) % _LISTS
    table = pl.DataFrame({"place": place, "rows": members}).group_by("place", maintain_order=True).agg("rows")
    table = table.with_columns(lengths.alias("length"))
    return table.select(pl.col("rows").list.head(pl.col("length"))).to_series().alias(column.name)
