"""Convert: numbers in another unit, by a factor, where a column or a limit shows that they are."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, Self

import polars as pl
from pydantic import Field, model_validator

from magical.contracts.schema import Column, Schema
from magical.contracts.validation import Check
from magical.errors import WiringError, join_names
from magical.features import Columns
from magical.library.cleaning.limits import LimitedRule, check_limits, find_range

__all__ = ["Convert"]


class Convert(LimitedRule):
    """Numbers in one unit: ``value * factor + offset``, or the factor of the row's unit.

    With ``units`` and ``by``, the unit's column then says the unit whose factor is 1. A value whose unit is
    unknown has no number in the common unit: ``action`` says what becomes of it. With ``ge``, ``gt``, ``le``
    or ``lt`` only values within these limits are converted, such as heights that must be in centimetres.

    Attributes:
        columns: columns of floats; selectors are allowed.
        factor: what each value is multiplied by.
        offset: what is added then.
        units: the factor of each unit; one is 1.
        by: the column with the unit, which each value of a row has; name all columns of one unit at once.
        ge: the least value that is converted.
        gt: all values that are converted are greater.
        le: the greatest value that is converted.
        lt: all values that are converted are less.
        action: what happens to a value without a known unit: its row is rejected, or it becomes null.

    Example:
        >>> Convert("distance", units={"mi": 1.609344, "km": 1}, by="unit").base
        'km'
        >>> Convert("height", factor=0.01, gt=3)
        Convert(columns='height', factor=0.01, gt=3.0)
    """

    columns: Columns
    factor: float = Field(default=1.0, allow_inf_nan=False)
    offset: float = Field(default=0.0, allow_inf_nan=False)
    units: dict[str, float] = Field(default_factory=dict)
    by: str = ""
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    action: Literal["reject", "null"] = "reject"

    if TYPE_CHECKING:

        def __init__(
            self,
            columns: Columns | str,
            *,
            factor: float = 1.0,
            offset: float = 0.0,
            units: dict[str, float] = ...,
            by: str = "",
            ge: float | None = None,
            gt: float | None = None,
            le: float | None = None,
            lt: float | None = None,
            action: Literal["reject", "null"] = "reject",
        ) -> None: ...

    @property
    def base(self) -> str:
        """The unit whose factor is 1; empty if there are no units."""
        return next((unit for unit, factor in self.units.items() if factor == 1), "")

    @model_validator(mode="after")
    def _check_factors(self) -> Self:
        is_plain = self.factor != 1 or self.offset != 0
        if bool(self.units) != bool(self.by):
            raise ValueError("units and by belong together: the factors, and the column with the unit")
        if is_plain == bool(self.units):
            raise ValueError("give either a factor or an offset, or units")
        if self.limits:
            check_limits(self.limits)
        if self.action == "null" and not self.units:
            raise ValueError("an action is for values of an unknown unit; without units leave it out")
        if self.units and self.limits:
            raise ValueError("a limit chooses the values of one factor; with units leave it out")
        if wrong := [f for f in (self.factor, *self.units.values()) if f == 0 or not math.isfinite(f)]:
            raise ValueError(f"{wrong[0]:g} is no factor")
        if self.units and not self.base:
            raise ValueError("the factor of one unit must be 1: the one that all values get")
        return self

    def narrow(self, schema: Schema) -> Schema:
        """Check the columns, and return the schema with the bounds of the converted values."""
        columns = self.read(schema, "float", names=self.columns)
        if self.action == "null":
            self.require_nullable(columns, schema)
        if self.by:
            (unit,) = self.read(schema, "str", names=[self.by])
            if unit.choices and (wrong := [u for u in self.units if u not in unit.choices]):
                raise WiringError(
                    f"{self!r} has units {join_names(map(repr, wrong), 4)}, and {schema.name} has "
                    f"{unit.name}: {unit.type_text}.",
                    hint=f"write them as in the Literal, make {unit.name} a str in {schema.name}, or convert "
                    "all columns of one unit by one rule.",
                )
            schema = schema.with_columns([replace(unit, choices=(self.base,))])
        return schema.with_columns(replace(c, bounds=self._convert_bounds(c)) for c in columns)

    def changes(self, schema: Schema) -> tuple[pl.Expr, ...]:
        """Build the converted columns, and the column of the unit."""
        columns = self.read(schema, names=self.columns)
        if not self.units:
            return tuple(self._convert_within_limits(c) for c in columns)
        unit = pl.col(self.by).cast(pl.String)
        factor = unit.replace_strict(self.units, default=None, return_dtype=pl.Float64)
        values = [pl.col(c.name) for c in columns]
        # A value without a known unit has no product: it becomes null, or stays until its row is rejected.
        products = [v * factor if self.action == "null" else pl.coalesce(v * factor, v) for v in values]
        known = factor.is_not_null() | pl.all_horizontal(v.is_null() for v in values)
        is_named = unit.is_not_null() if self.action == "null" else unit.is_not_null() & known
        named = pl.when(is_named).then(pl.lit(self.base)).otherwise(unit).alias(self.by)
        return (*products, named)

    def requirements(self, schema: Schema) -> tuple[Check, ...]:
        """Build the check that each value has a known unit."""
        if not self.units or self.action == "null":
            return ()
        values = [pl.col(c.name).is_null() for c in self.read(schema, names=self.columns)]
        known = pl.col(self.by).is_in(list(self.units)) | pl.all_horizontal(values)
        return (
            Check(self.by, f"must be one of {join_names(map(repr, self.units), 6)}", known.fill_null(False)),
        )

    def _convert_bounds(self, column: Column) -> dict[str, float]:
        """Return the range of converted values; it has its ends, since a value may be rounded to one."""
        low, high = find_range(column.bounds)
        ends = (-math.inf if low is None else low, math.inf if high is None else high)
        factors = self.units.values() or (self.factor,)
        values = [end * factor + self.offset for factor in factors for end in ends]
        values += ends if self.limits else ()  # the others stay as they are
        return {n: v for n, v in (("ge", min(values)), ("le", max(values))) if math.isfinite(v)}

    def _convert_within_limits(self, column: Column) -> pl.Expr:
        value = pl.col(column.name)
        converted = value * self.factor + self.offset
        if not self.limits:
            return converted
        within = [check.holds for check in self.build_limit_checks(column)]
        return pl.when(pl.all_horizontal(within)).then(converted).otherwise(value).alias(column.name)
