"""What the bounds of a column leave: a span of whole numbers, an interval of floats, or lengths."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

from magical.contracts.schema import Column

__all__ = ["CannotDraw", "Interval", "Span", "interval_of", "lengths_of", "limits_of", "span_of"]

_EPOCH = dt.datetime(1970, 1, 1)
_SECOND, _DAY = 1_000_000, 86_400_000_000


class CannotDraw(Exception):
    """A column whose values cannot be made up: why, and what would help."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.what, self.hint = what, hint


@dataclass(frozen=True, slots=True)
class Span:
    """Whole numbers from ``low`` to ``high``, both included, ``step`` apart.

    Dates are days since 1970, datetimes, times and durations microseconds.
    """

    low: int
    high: int
    step: int = 1

    @property
    def count(self) -> int:
        """How many there are."""
        return (self.high - self.low) // self.step + 1


class Interval(NamedTuple):
    """Floats from ``low`` to ``high``, both included; nothing where a side is open."""

    low: float | None
    high: float | None


class _Kind(NamedTuple):
    """What a type can hold, what it usually does, and how far a half-bounded one goes."""

    least: int
    most: int
    usual: Span
    width: int
    step: int = 1


_DAYS = (dt.date(1, 1, 1) - _EPOCH.date()).days, (dt.date(9999, 12, 31) - _EPOCH.date()).days
_USUAL_DAYS = (dt.date(2021, 1, 1) - _EPOCH.date()).days, (dt.date(2023, 12, 31) - _EPOCH.date()).days
_WHOLE = _Kind(-(1 << 63), (1 << 63) - 1, Span(0, 999_999), 1000)
_KINDS = {
    "int": _WHOLE,
    "any": _WHOLE,
    "date": _Kind(*_DAYS, Span(*_USUAL_DAYS), 1095),
    "datetime": _Kind(
        _DAYS[0] * _DAY,
        (_DAYS[1] + 1) * _DAY - 1,
        Span(_USUAL_DAYS[0] * _DAY, (_USUAL_DAYS[1] + 1) * _DAY - _SECOND, _SECOND),
        1095 * _DAY,
        _SECOND,
    ),
    "time": _Kind(0, _DAY - 1, Span(0, _DAY - _SECOND, _SECOND), _DAY, _SECOND),
    "duration": _Kind(-(1 << 62), 1 << 62, Span(0, 30 * _DAY, _SECOND), 30 * _DAY, _SECOND),
}


def limits_of(column: Column) -> tuple[int | None, int | None, Span]:
    """Give the least and the greatest value, where bounds say them, and all that the type and they allow."""
    kind, bounds = _KINDS[column.type], column.bounds
    step = _step(bounds.get("multiple_of"))
    lows = [math.ceil(_units(column, "ge"))] if "ge" in bounds else []
    lows += [math.floor(_units(column, "gt")) + 1] if "gt" in bounds else []
    highs = [math.floor(_units(column, "le"))] if "le" in bounds else []
    highs += [math.ceil(_units(column, "lt")) - 1] if "lt" in bounds else []
    low, high = max(lows, default=None), min(highs, default=None)
    least = kind.least if low is None else max(kind.least, low)
    most = kind.most if high is None else min(kind.most, high)
    least, most = -(-least // step) * step, most // step * step
    if least > most:
        raise _impossible(column)
    return low, high, Span(least, most, step)


def span_of(column: Column) -> Span:
    """Give the values that a column is drawn from: bounds, and something sensible where they are open.

    Example:
        >>> span_of(Column("age", "int", bounds={"gt": 0, "lt": 90.5}))
        Span(low=1, high=90, step=1)
    """
    low, high, whole = limits_of(column)
    kind, usual, step = _KINDS[column.type], _KINDS[column.type].usual, whole.step
    width = max(kind.width, 100 * step)
    if low is None and high is None:
        low, high = -(-usual.low // step) * step, max(usual.high, 100 * step)
    elif high is None:
        low, high = whole.low, whole.low + width
    elif low is None:
        low, high = whole.high - width // step * step, whole.high
    low, high = max(low or 0, whole.low), min(high or 0, whole.high)
    low = -(-low // step) * step
    if step == 1 and high - low >= 3600 * kind.step:
        step = kind.step
    return Span(low, max(high, low), step)


def interval_of(column: Column) -> Interval:
    """Give the least and the greatest float, each itself within the bounds.

    Example:
        >>> interval_of(Column("share", "float", bounds={"gt": 0, "le": 1}))
        Interval(low=5e-324, high=1.0)
    """
    bounds = column.bounds
    lows = [_at_least(bounds["ge"], True)] if "ge" in bounds else []
    lows += [_at_least(bounds["gt"], False)] if "gt" in bounds else []
    highs = [-_at_least(-bounds["le"], True)] if "le" in bounds else []
    highs += [-_at_least(-bounds["lt"], False)] if "lt" in bounds else []
    low, high = max(lows, default=-math.inf), min(highs, default=math.inf)
    if not low <= high or low == math.inf or high == -math.inf or any(map(math.isnan, lows + highs)):
        raise _impossible(column)
    return Interval(None if low == -math.inf else low, None if high == math.inf else high)


def lengths_of(column: Column) -> tuple[int, int | None]:
    """Give the least and the greatest length."""
    low, high = max(int(column.bounds.get("min_length", 0)), 0), column.bounds.get("max_length")
    if high is not None and high < low:
        raise CannotDraw(f"nothing has a length >= {low} and <= {high}")
    return low, high


def _at_least(value: Any, included: bool) -> float:
    number = float(value)
    if number < value or not included:
        return math.nextafter(number, math.inf)
    return number


def _step(multiple: Any) -> int:
    """The least whole number that is a multiple."""
    if multiple is None:
        return 1
    if isinstance(multiple, dt.timedelta):
        return max(1, abs(multiple // dt.timedelta(microseconds=1)))
    return max(1, abs(Fraction(str(multiple)).numerator))


def _units(column: Column, bound: str) -> Any:
    """A bound as a number, whole or not, of the column's units."""
    value = column.bounds[bound]
    microsecond = dt.timedelta(microseconds=1)
    if isinstance(value, dt.datetime):
        naive = value.astimezone(dt.UTC).replace(tzinfo=None) if value.tzinfo else value
        since = (naive - _EPOCH) // microsecond
        return Fraction(since, _DAY) if column.type == "date" else since
    if isinstance(value, dt.date):
        days = (value - _EPOCH.date()).days
        return days * _DAY if column.type == "datetime" else days
    if isinstance(value, dt.time):
        return (
            dt.timedelta(
                hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond
            )
            // microsecond
        )
    if isinstance(value, dt.timedelta):
        return value // microsecond
    if value in (math.inf, -math.inf):
        side = _KINDS[column.type]
        return side.most + 1 if value > 0 else side.least - 1
    if isinstance(value, str) or math.isnan(value):
        raise CannotDraw(f"its bound {bound}={value!r} is no {column.type}")
    return value


_SIGNS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<", "multiple_of": "a multiple of"}


def _impossible(column: Column) -> CannotDraw:
    said = " and ".join(f"{_SIGNS[k]} {v}" for k, v in column.bounds.items() if k in _SIGNS)
    return CannotDraw(f"no {column.type} is {said}")
