"""DateParts: columns for the year, the month, the weekday and other parts of a date."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import polars as pl
from pydantic import Field

from magical.contracts.schema import Column, Schema
from magical.errors import WiringError, join_names
from magical.features.feature import Feature

__all__ = ["DatePart", "DateParts"]

DatePart = Literal["year", "quarter", "month", "week", "day", "weekday", "day_of_year", "hour", "minute"]

_GETTERS = {"day_of_year": "ordinal_day"}  # polars methods with another name than the part
_TIME_PARTS = ("hour", "minute")


class DateParts(Feature):
    """Parts of a date as whole numbers, in columns named ``NAME_PART``; null where the date is null.

    Months, days and weeks count from 1, weekdays from 1 (Monday) to 7 (ISO 8601), hours and minutes from 0.

    Example:
        >>> import datetime as dt
        >>> schema = Schema("Customer", (Column("enrolled", "date"),))
        >>> table = pl.DataFrame({"enrolled": [dt.date(2014, 6, 29)]})
        >>> table.select(DateParts("enrolled").expressions(schema)).row(0, named=True)
        {'enrolled_year': 2014, 'enrolled_month': 6, 'enrolled_weekday': 7}
    """

    column: str
    parts: tuple[DatePart, ...] = Field(default=("year", "month", "weekday"), min_length=1)

    if TYPE_CHECKING:

        def __init__(
            self, column: str, parts: tuple[DatePart, ...] = ("year", "month", "weekday")
        ) -> None: ...

    def adds(self, schema: Schema) -> tuple[Column, ...]:
        """Declare one column for each part, nullable if the date column is nullable."""
        (column,) = self.read(schema, "date", "datetime", names=[self.column])
        time_parts = [p for p in self.parts if p in _TIME_PARTS]
        if time_parts and column.type == "date":
            raise WiringError(
                f"{self!r} asks for the {join_names(time_parts)} of {self.column}, which has no time of day.",
                hint=f"write {self.column}: datetime in {schema.name}, or ask for other parts.",
            )
        return tuple(Column(f"{self.column}_{part}", "int", column.nullable) for part in self.parts)

    def expressions(self, schema: Schema) -> tuple[pl.Expr, ...]:
        """Build one expression for each part."""
        date = pl.col(self.column).dt
        return tuple(  # cast: polars returns Int8 or Int32, depending on the part
            getattr(date, _GETTERS.get(part, part))().cast(pl.Int64).alias(f"{self.column}_{part}")
            for part in self.parts
        )
