"""DateParts: columns for the year, the month, the weekday and other parts of a date."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Self

import polars as pl
from pydantic import BeforeValidator, Field, model_validator

from magical.contracts.schema import Column, Schema
from magical.errors import WiringError, join_names
from magical.features.column_selectors import Columns, to_tuple
from magical.features.feature import Feature

__all__ = ["DatePart", "DateParts"]

DatePart = Literal[
    "year", "quarter", "month", "week", "day", "weekday", "weekend", "day_of_year", "hour", "minute", "second"
]
_TIME_PARTS = ("hour", "minute", "second")
_YEARS = (-262_000, 262_000)  # polars cannot make every date of its very first and last year


class _Cycle(NamedTuple):
    """How a part repeats: its first value, and the number of its values in the year or month of a date."""

    first: int
    length: Callable[[pl.Expr], pl.Expr | int]


_CYCLES = {
    "quarter": _Cycle(1, lambda date: 4),
    "month": _Cycle(1, lambda date: 12),
    # 28 December is always in the last week of its ISO year, the 52nd or 53rd.
    "week": _Cycle(1, lambda date: pl.date(date.dt.iso_year().clip(*_YEARS), 12, 28).dt.week()),
    "day": _Cycle(1, lambda date: date.dt.days_in_month()),
    "weekday": _Cycle(1, lambda date: 7),
    "day_of_year": _Cycle(1, lambda date: 365 + date.dt.is_leap_year().cast(pl.Int64)),
    "hour": _Cycle(0, lambda date: 24),
    "minute": _Cycle(0, lambda date: 60),
    "second": _Cycle(0, lambda date: 60),
}


class DateParts(Feature):
    """Parts of dates as whole numbers, in columns named ``NAME_PART``; null where the date is null.

    Months, days and weeks count from 1, weekdays from 1 (Monday) to 7 (ISO 8601), hours and minutes from 0;
    ``weekend`` is a bool, true on Saturday and Sunday. With ``cyclic`` a part becomes two columns, its sine
    and cosine on a circle: December is next to January. The circle of ``day`` is as long as the month, that
    of ``day_of_year`` and ``week`` as the year.

    Attributes:
        columns: dates with or without a time of day, or times of day, as in `Columns`.
        parts: the parts; by default year, month and weekday, or if cyclic, month and weekday.
        cyclic: True for ``NAME_PART_sin`` and ``NAME_PART_cos`` in the place of ``NAME_PART``.

    Example:
        >>> import datetime as dt
        >>> schema = Schema("Customer", (Column("enrolled", "date"),))
        >>> table = pl.DataFrame({"enrolled": [dt.date(2014, 6, 29)]})
        >>> table.select(DateParts("enrolled").expressions(schema)).row(0, named=True)
        {'enrolled_year': 2014, 'enrolled_month': 6, 'enrolled_weekday': 7}
        >>> [c.name for c in DateParts("enrolled", "month", cyclic=True).adds(schema)]
        ['enrolled_month_sin', 'enrolled_month_cos']
    """

    columns: Columns
    parts: Annotated[
        tuple[DatePart, ...],
        BeforeValidator(to_tuple, json_schema_input_type=DatePart | tuple[DatePart, ...]),
        Field(min_length=1),
    ] = ("year", "month", "weekday")
    cyclic: bool = False

    if TYPE_CHECKING:

        def __init__(
            self,
            columns: Columns | Sequence[str] | str,
            parts: Sequence[DatePart] | DatePart = ("year", "month", "weekday"),
            cyclic: bool = False,
        ) -> None: ...

    @model_validator(mode="before")
    @classmethod
    def _choose_default_parts(cls, fields: Any) -> Any:
        if isinstance(fields, dict) and fields.get("cyclic") is True and "parts" not in fields:
            return fields | {"parts": ("month", "weekday")}
        return fields

    @model_validator(mode="after")
    def _validate_parts(self) -> Self:
        endless = [p for p in self.parts if p not in _CYCLES]
        if self.cyclic and endless:
            raise ValueError(
                f"{join_names(endless)} has no place on a circle: parts of a cycle are {', '.join(_CYCLES)}"
            )
        return self

    def adds(self, schema: Schema) -> tuple[Column, ...]:
        """Declare the columns of each part, nullable if the date column is nullable."""
        return tuple(column for column, _ in self._iter_parts(schema))

    def expressions(self, schema: Schema) -> tuple[pl.Expr, ...]:
        """Build the expressions of each part."""
        return tuple(expression.alias(column.name) for column, expression in self._iter_parts(schema))

    def _iter_parts(self, schema: Schema) -> Iterator[tuple[Column, pl.Expr]]:
        """Yield each column that is added, with its expression."""
        for column in self.read(schema, "date", "datetime", "time", names=self.columns):
            self._check_parts(column, schema)
            for part in self.parts:
                name = f"{column.name}_{part}"
                value = _get_part(pl.col(column.name), part)
                if self.cyclic:
                    angle = _to_angle(pl.col(column.name), value, _CYCLES[part])
                    yield Column(f"{name}_sin", "float", column.nullable), angle.sin()
                    yield Column(f"{name}_cos", "float", column.nullable), angle.cos()
                else:
                    yield Column(name, "bool" if part == "weekend" else "int", column.nullable), value

    def _check_parts(self, column: Column, schema: Schema) -> None:
        """Raise a WiringError if a column has not all of the parts."""
        lacking = {
            "date": ([p for p in self.parts if p in _TIME_PARTS], "time of day"),
            "time": ([p for p in self.parts if p not in _TIME_PARTS], "date"),
        }
        parts, what = lacking.get(column.type, ([], ""))
        if parts:
            raise WiringError(
                f"{self!r} asks for the {join_names(parts)} of {column.name}, which has no {what}.",
                hint=f"write {column.name}: datetime in {schema.name}, or ask for other parts.",
            )


def _get_part(date: pl.Expr, part: DatePart) -> pl.Expr:
    if part == "weekend":
        return date.dt.weekday() >= 6
    # cast: polars returns Int8 or Int32, depending on the part
    return (date.dt.ordinal_day() if part == "day_of_year" else getattr(date.dt, part)()).cast(pl.Int64)


def _to_angle(date: pl.Expr, value: pl.Expr, cycle: _Cycle) -> pl.Expr:
    # A product: polars divides a column by a number with other last digits than a row alone.
    return (value - cycle.first) * (2 * math.pi / cycle.length(date))
