"""Ranges that the type and the bounds of a column allow: whole numbers, floats, lengths."""

from __future__ import annotations

import datetime as dt
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

from magical.contracts.schema import Column
from magical.errors import shorten

__all__ = [
    "MEMBER_BYTES",
    "VALUE_BYTES",
    "CannotGenerate",
    "FloatRange",
    "IntegerRange",
    "check_choices",
    "close_float_range",
    "find_float_range",
    "find_integer_range",
    "find_length_range",
    "find_limits",
]

VALUE_BYTES = 50_000
"""The most bytes that one value may need at least: a column of 1,000 rows, the usual number, has 50 MB."""
MEMBER_BYTES = 8
"""The bytes of a member of a list, a set or a mapping."""

_EPOCH = dt.datetime(1970, 1, 1)
_SECOND, _DAY = 1_000_000, 86_400_000_000


class CannotGenerate(Exception):
    """No value of a column can be generated; carries the reason and a hint."""

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.reason, self.hint = reason, hint


@dataclass(frozen=True, slots=True)
class IntegerRange:
    """Whole numbers from ``low`` to ``high``, both included, in steps of ``step``.

    Dates are days since 1970; datetimes, times and durations are microseconds.

    Example:
        >>> IntegerRange(10, 30, 5).count
        5
    """

    low: int
    high: int
    step: int = 1

    @property
    def count(self) -> int:
        """The number of values."""
        return (self.high - self.low) // self.step + 1


class FloatRange(NamedTuple):
    """Floats from ``low`` to ``high``, both included; None where a side is open."""

    low: float | None
    high: float | None


class _TypeLimits(NamedTuple):
    """The limits of a type, its default range, how far a range with one bound extends, and its step."""

    minimum: int
    maximum: int
    default: IntegerRange
    half_open_width: int
    step: int = 1


_DAY_LIMITS = (dt.date(1, 1, 1) - _EPOCH.date()).days, (dt.date(9999, 12, 31) - _EPOCH.date()).days
_DEFAULT_DAYS = (dt.date(2021, 1, 1) - _EPOCH.date()).days, (dt.date(2023, 12, 31) - _EPOCH.date()).days
_INTEGER_LIMITS = _TypeLimits(-(1 << 63), (1 << 63) - 1, IntegerRange(0, 999_999), 1000)
_TYPE_LIMITS = {
    "int": _INTEGER_LIMITS,
    "any": _INTEGER_LIMITS,
    "date": _TypeLimits(*_DAY_LIMITS, IntegerRange(*_DEFAULT_DAYS), 1095),
    "datetime": _TypeLimits(
        _DAY_LIMITS[0] * _DAY,
        (_DAY_LIMITS[1] + 1) * _DAY - 1,
        IntegerRange(_DEFAULT_DAYS[0] * _DAY, (_DEFAULT_DAYS[1] + 1) * _DAY - _SECOND, _SECOND),
        1095 * _DAY,
        _SECOND,
    ),
    "time": _TypeLimits(0, _DAY - 1, IntegerRange(0, _DAY - _SECOND, _SECOND), _DAY, _SECOND),
    "duration": _TypeLimits(-(1 << 62), 1 << 62, IntegerRange(0, 30 * _DAY, _SECOND), 30 * _DAY, _SECOND),
}


def find_limits(column: Column) -> tuple[int | None, int | None, IntegerRange]:
    """Return the lower and upper bound, None where open, and the range that type and bounds allow.

    Example:
        >>> find_limits(Column("age", "int", bounds={"gt": 0, "multiple_of": 5}))[:2]
        (1, None)
    """
    kind, bounds = _TYPE_LIMITS[column.type], column.bounds
    step = _find_step(bounds.get("multiple_of"))
    lows = [math.ceil(_to_units(column, "ge"))] if "ge" in bounds else []
    lows += [math.floor(_to_units(column, "gt")) + 1] if "gt" in bounds else []
    highs = [math.floor(_to_units(column, "le"))] if "le" in bounds else []
    highs += [math.ceil(_to_units(column, "lt")) - 1] if "lt" in bounds else []
    low, high = max(lows, default=None), min(highs, default=None)
    least = kind.minimum if low is None else max(kind.minimum, low)
    most = kind.maximum if high is None else min(kind.maximum, high)
    # Round inwards to multiples; -(-a // b) is a ceiling that stays exact where floats would not.
    least, most = -(-least // step) * step, most // step * step
    if least > most:
        raise _impossible_bounds(column)
    return low, high, IntegerRange(least, most, step)


def find_integer_range(column: Column) -> IntegerRange:
    """Return the range that a column is drawn from: its bounds, with a default for an open side.

    Example:
        >>> find_integer_range(Column("age", "int", bounds={"gt": 0, "lt": 90.5}))
        IntegerRange(low=1, high=90, step=1)
    """
    low, high, allowed = find_limits(column)
    kind, usual, step = _TYPE_LIMITS[column.type], _TYPE_LIMITS[column.type].default, allowed.step
    width = max(kind.half_open_width, 100 * step)
    if low is None and high is None:
        low, high = -(-usual.low // step) * step, max(usual.high, 100 * step)
    elif high is None:
        low, high = allowed.low, allowed.low + width
    elif low is None:
        low, high = allowed.high - width // step * step, allowed.high
    low, high = max(low or 0, allowed.low), min(high or 0, allowed.high)
    low = -(-low // step) * step  # round up to a multiple of the step
    if step == 1 and high - low >= 3600 * kind.step:  # whole seconds, unless the range is below an hour
        step = kind.step
    return IntegerRange(low, max(high, low), step)


def find_float_range(column: Column) -> FloatRange:
    """Return the least and the greatest float within the bounds.

    Example:
        >>> find_float_range(Column("share", "float", bounds={"gt": 0, "le": 1}))
        FloatRange(low=5e-324, high=1.0)
    """
    bounds = column.bounds
    lows = [_round_up(bounds["ge"], True)] if "ge" in bounds else []
    lows += [_round_up(bounds["gt"], False)] if "gt" in bounds else []
    highs = [-_round_up(-bounds["le"], True)] if "le" in bounds else []
    highs += [-_round_up(-bounds["lt"], False)] if "lt" in bounds else []
    low, high = max(lows, default=-math.inf), min(highs, default=math.inf)
    if not low <= high or low == math.inf or high == -math.inf or any(map(math.isnan, lows + highs)):
        raise _impossible_bounds(column)
    return FloatRange(None if low == -math.inf else low, None if high == math.inf else high)


def close_float_range(span: FloatRange) -> tuple[float, float]:
    """Close the open side of a range: 1,000 from the other side (or from 0), or an eighth of it if more.

    Example:
        >>> close_float_range(FloatRange(5.0, None))
        (5.0, 1005.0)
    """
    low, high = span
    edge = low if low is not None else high or 0.0
    width = max(1000.0, abs(edge) / 8)
    low = edge if low is not None else max(edge - width, -sys.float_info.max)
    return low, high if high is not None else min(edge + width, sys.float_info.max)


def find_length_range(column: Column) -> tuple[int, int | None]:
    """Return the least and the greatest length of a text or a list; None where it has no limit.

    Raises:
        CannotGenerate: no value is that long, or the shortest one needs more than ``VALUE_BYTES``.
    """
    low, high = max(int(column.bounds.get("min_length", 0)), 0), column.bounds.get("max_length")
    if high is not None and high < low:
        raise CannotGenerate(f"nothing has a length >= {low} and <= {high}")
    most = VALUE_BYTES // (MEMBER_BYTES if column.type == "list" else 1)
    if low > most:
        raise CannotGenerate(
            f"its length is >= {low:,}, and nothing longer than {most:,} is pretended",
            "lower min_length, or give Field(examples=[...])",
        )
    return low, high


def check_choices(choices: Sequence[Any]) -> None:
    """Refuse a type of more choices than a value may have bytes; to compare with each takes long.

    Raises:
        CannotGenerate: there are more than ``VALUE_BYTES``.
    """
    if len(choices) > VALUE_BYTES:
        raise CannotGenerate(
            f"it has {len(choices):,} choices, and at most {VALUE_BYTES:,} are pretended",
            "give Field(examples=[...]), or promise the type of the choices",
        )


def _round_up(value: Any, included: bool) -> float:
    """Return the least float that is not below a bound, or that is above it if it is not included."""
    try:
        number = float(value)
    except OverflowError:  # an integer beyond all floats
        return math.inf if value > 0 else -sys.float_info.max
    # A large integer or a Decimal may have become a smaller float, which would break the bound.
    if number < value or not included:
        return math.nextafter(number, math.inf)
    return number


def _find_step(multiple: Any) -> int:
    """Return the least positive integer that is a multiple of ``multiple``: 1 for 0.5.

    The step of a duration is in microseconds; without a multiple it is 1.
    """
    if multiple is None:
        return 1
    if isinstance(multiple, dt.timedelta):
        return max(1, abs(multiple // dt.timedelta(microseconds=1)))
    return max(1, abs(Fraction(str(multiple)).numerator))


def _to_units(column: Column, bound: str) -> Any:
    """Convert a bound to the column's unit: days for dates, microseconds for other times."""
    value = column.bounds[bound]
    microsecond = dt.timedelta(microseconds=1)
    if isinstance(value, dt.datetime):
        naive = value.astimezone(dt.UTC).replace(tzinfo=None) if value.tzinfo else value
        elapsed = (naive - _EPOCH) // microsecond
        return Fraction(elapsed, _DAY) if column.type == "date" else elapsed
    if isinstance(value, dt.date):
        days = (value - _EPOCH.date()).days
        return days * _DAY if column.type == "datetime" else days
    if isinstance(value, dt.time):
        seconds = (value.hour * 60 + value.minute) * 60 + value.second
        return seconds * _SECOND + value.microsecond
    if isinstance(value, dt.timedelta):
        return value // microsecond
    if isinstance(value, int):
        return value
    if value in (math.inf, -math.inf):
        limits = _TYPE_LIMITS[column.type]
        return limits.maximum + 1 if value > 0 else limits.minimum - 1
    if isinstance(value, str) or math.isnan(value):
        raise CannotGenerate(f"its bound {bound}={value!r} is no {column.type}")
    return value


_SIGNS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<", "multiple_of": "a multiple of"}


def _impossible_bounds(column: Column) -> CannotGenerate:
    bounds = " and ".join(f"{_SIGNS[k]} {_bound_text(v)}" for k, v in column.bounds.items() if k in _SIGNS)
    return CannotGenerate(f"no {column.type} is {bounds}")


def _bound_text(value: Any) -> str:
    if isinstance(value, int) and abs(value) >= 10**40:  # Python refuses to write thousands of digits
        return f"{'-' * (value < 0)}2**{abs(value).bit_length() - 1} or more"
    return shorten(value, 60)
