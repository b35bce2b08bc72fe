"""Limits: values that are too small, too large, too early or too late to be true."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import polars as pl
from pydantic import AfterValidator, BeforeValidator, model_validator

from magical.contracts.dtypes import DTYPES
from magical.contracts.schema import Column, Schema
from magical.contracts.validation import Check, build_column_checks
from magical.errors import WiringError, join_names
from magical.features import Columns
from magical.library.cleaning.cleaning_rule import Cleaning, Int64

__all__ = ["Limit", "LimitedRule", "Limits", "check_limits", "find_range"]


def _parse_moment(value: Any) -> Any:
    """Parse a text with a time of day, which pydantic takes for a date where that is midnight."""
    if isinstance(value, str) and ("T" in value or ":" in value):
        return dt.datetime.fromisoformat(value)
    return value


def _drop_offset(value: Any) -> Any:
    """Write a moment with an offset in UTC, as `model_data` does."""
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        return value.astimezone(dt.UTC).replace(tzinfo=None)
    return value


Limit = Annotated[
    Int64 | float | dt.date | dt.datetime, BeforeValidator(_parse_moment), AfterValidator(_drop_offset)
]

_NAMES = ("ge", "gt", "le", "lt")
_KINDS: dict[str, tuple[type, ...]] = {
    "int": (int, float),
    "float": (int, float),
    "date": (dt.date,),
    "datetime": (dt.datetime,),
}


class LimitedRule(Cleaning):
    """A rule with fields for limits: ``ge``, ``gt``, ``le`` and ``lt``."""

    is_abstract: ClassVar[bool] = True

    @property
    def limits(self) -> dict[str, Any]:
        """The limits that are set, by name."""
        return {name: value for name in _NAMES if (value := getattr(self, name)) is not None}

    def build_limit_checks(self, column: Column) -> list[Check]:
        """Build the checks of a contract's bounds: a rule and a contract agree on what a limit means."""
        plain = Column(column.name, column.type, nullable=True, bounds=self.limits)
        return build_column_checks(plain, DTYPES[column.type])


class Limits(LimitedRule):
    """Limits of numbers or dates; a null passes, and NaN is within no limits.

    Attributes:
        columns: numbers, dates or moments; selectors are allowed.
        ge: the least value.
        gt: all values are greater.
        le: the greatest value.
        lt: all values are less.
        action: what happens to a value beyond the limits: its row is rejected (``reject``), it becomes null
            (``null``), or the nearest limit (``clip``; a NaN then rejects its row).

    Example:
        >>> Limits("income", ge=0, le=200_000)
        Limits(columns='income', ge=0, le=200000)
        >>> Limits("born", ge="1900-01-01").ge
        datetime.date(1900, 1, 1)
    """

    columns: Columns
    ge: Limit | None = None
    gt: Limit | None = None
    le: Limit | None = None
    lt: Limit | None = None
    action: Literal["reject", "null", "clip"] = "reject"

    if TYPE_CHECKING:

        def __init__(
            self,
            columns: Columns | str,
            *,
            ge: Limit | str | None = None,
            gt: Limit | str | None = None,
            le: Limit | str | None = None,
            lt: Limit | str | None = None,
            action: Literal["reject", "null", "clip"] = "reject",
        ) -> None: ...

    @model_validator(mode="after")
    def _check_limits(self) -> Self:
        check_limits(self.limits)
        if self.action == "clip" and (self.gt is not None or self.lt is not None):
            raise ValueError("there is no value nearest to gt or lt; clip needs ge or le")
        return self

    def narrow(self, schema: Schema) -> Schema:
        """Return the schema with these limits as bounds of the columns."""
        columns = self.read(schema, *_KINDS, names=self.columns)
        for column in columns:
            self._check_type(column, schema)
        if self.action == "null":
            self.require_nullable(columns, schema)
        return schema.with_columns(replace(c, bounds=self._tighten(c, schema)) for c in columns)

    def changes(self, schema: Schema) -> tuple[pl.Expr, ...]:
        """Build the columns with nulls or limits in the place of values beyond the limits."""
        if self.action == "reject":
            return ()
        columns = self.read(schema, names=self.columns)
        if self.action == "clip":
            return tuple(pl.col(c.name).clip(self.ge, self.le) for c in columns)
        return tuple(
            pl.when(pl.all_horizontal(k.holds for k in self.build_limit_checks(c))).then(pl.col(c.name))
            for c in columns
        )

    def requirements(self, schema: Schema) -> tuple[Check, ...]:
        """Build the checks of the limits."""
        if self.action == "null":
            return ()
        return tuple(k for c in self.read(schema, names=self.columns) for k in self.build_limit_checks(c))

    def _tighten(self, column: Column, schema: Schema) -> dict[str, Any]:
        """Return the bounds of a column after the rule; raise a WiringError if no value is within them."""
        bounds = _tighten_bounds(column, self.limits)
        if _is_empty(bounds):
            known = join_names(f"{name} = {value}" for name, value in column.bounds.items())
            raise WiringError(
                f"{self!r} leaves no value of {column.name}, whose contract and earlier rules say {known}.",
                hint=f"choose limits within these, or change {column.name} in {schema.name}.",
            )
        return bounds

    def _check_type(self, column: Column, schema: Schema) -> None:
        """Raise a WiringError if the limits are no values of the column."""
        for name, limit in self.limits.items():
            fits = isinstance(limit, _KINDS[column.type])
            if column.type == "date" and isinstance(limit, dt.datetime):
                fits = False  # to Python a moment is a date
            is_whole = self.action == "clip" and column.type == "int"
            if not fits or (is_whole and (limit != int(limit) or abs(limit) >= 2**63)):
                is_day = column.type == "datetime" and isinstance(limit, dt.date)
                raise WiringError(
                    f"{self!r} limits {column.name} by {name} = {limit}, and {schema.name} has it as "
                    f"{column.type_text}.",
                    hint=f"write the time of day, too: {limit}T00:00:00."
                    if is_day
                    else f"give a limit that a value of {column.name} can have.",
                )


def find_range(bounds: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return the lowest and the highest value within bounds; None where there is no end.

    Example:
        >>> find_range({"ge": 0, "gt": 3})
        (3, None)
    """
    low = max((bounds[name] for name in ("ge", "gt") if name in bounds), default=None)
    high = min((bounds[name] for name in ("le", "lt") if name in bounds), default=None)
    return low, high


def _tighten_bounds(column: Column, limits: dict[str, Any]) -> dict[str, Any]:
    """Return the bounds of a column with these limits where they are tighter."""
    bounds = dict(column.bounds)
    for name, value in limits.items():
        known = bounds.get(name, value)
        bounds[name] = max(known, value) if name in ("ge", "gt") else min(known, value)
    return bounds


def check_limits(limits: dict[str, Any]) -> None:
    """Raise a ValueError if no value, or no clear one, is within limits; called when settings are read.

    Example:
        >>> check_limits({"ge": 0, "lt": 1})
    """
    if not limits:
        raise ValueError("no limit is set: give ge, gt, le or lt")
    for name, value in limits.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{name} is {value}, which is no limit; leave it out")
    for pair in (("ge", "gt"), ("le", "lt")):
        if all(name in limits for name in pair):
            raise ValueError(f"{join_names(pair)} are both set; give one of them")
    low, high = find_range(limits)
    try:
        is_empty = _is_empty(limits)
    except TypeError:
        raise ValueError(f"{low} and {high} are limits of different types") from None
    if is_empty:
        raise ValueError(f"no value is within {low} and {high}")


def _is_empty(bounds: Mapping[str, Any]) -> bool:
    low, high = find_range(bounds)
    if low is None or high is None:
        return False
    return bool(low > high or (low == high and not {"ge", "le"} <= set(bounds)))
