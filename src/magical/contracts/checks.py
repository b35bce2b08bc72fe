"""What a contract asks of a table's values, as polars expressions."""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple

import polars as pl

from magical.contracts.schema import Column, Rule, Schema
from magical.errors import ContractError, listing

__all__ = ["Check", "checks_of", "rules_of", "unique_of"]


class Check(NamedTuple):
    """One thing that must hold for each row.

    Attributes:
        name: the column, or the name of the rule.
        words: what must hold, in words.
        holds: true where it does.
        ids: for a check that an id is unique, its columns.
    """

    name: str
    words: str
    holds: pl.Expr
    ids: tuple[str, ...] = ()

    @property
    def broken(self) -> pl.Expr:
        """True where it does not hold."""
        return (~self.holds).fill_null(True)


def checks_of(column: Column, dtype: Any) -> list[Check]:
    """Give what a column asks of its values, which are of a polars type that fits it."""
    col, out = pl.col(column.name), []
    if not column.nullable:
        out.append(Check(column.name, "must not be null", col.is_not_null()))

    def add(words: str, holds: pl.Expr) -> None:
        out.append(Check(column.name, words, holds | col.is_null()))

    if column.choices:
        add(f"must be one of {listing(map(repr, column.choices), 6)}", col.is_in(list(column.choices)))
    for bound, value in column.bounds.items():
        add(f"must {_WORDS[bound]} {value}", _holds(bound, value, col, dtype))
    return out


_WORDS = {
    "ge": "be >=",
    "gt": "be >",
    "le": "be <=",
    "lt": "be <",
    "multiple_of": "be a multiple of",
    "min_length": "have at least the length",
    "max_length": "have at most the length",
    "pattern": "match",
}


def _holds(bound: str, value: Any, col: pl.Expr, dtype: Any) -> pl.Expr:
    match bound:
        case "ge":
            return col.ge(value) & _is_number(col, dtype)
        case "gt":
            return col.gt(value) & _is_number(col, dtype)
        case "le":
            return col.le(value)
        case "lt":
            return col.lt(value)
        case "multiple_of" if dtype.is_float():  # as pydantic does it: 0.3 is a multiple of 0.1
            return col.sub(col.truediv(value).round().mul(value)).abs().le(col.abs() / 1e9)
        case "multiple_of" if isinstance(value, dt.timedelta):
            return col.dt.total_nanoseconds().mod(value // dt.timedelta(microseconds=1) * 1000).eq(0)
        case "multiple_of":
            return col.mod(value).eq(0)
        case "pattern":
            return col.cast(pl.String).str.contains(getattr(value, "pattern", value))
    size = _size(col, dtype)
    return size.ge(value) if bound == "min_length" else size.le(value)


def _is_number(col: pl.Expr, dtype: Any) -> pl.Expr:
    """NaN is greater than every number, says polars."""
    return col.is_not_nan() if dtype.is_float() else pl.lit(True)


def _size(col: pl.Expr, dtype: Any) -> pl.Expr:
    if dtype.base_type() is pl.List:
        return col.list.len()
    return col.arr.len() if dtype.base_type() is pl.Array else col.cast(pl.String).str.len_chars()


def unique_of(schema: Schema, wrong: set[str]) -> list[Check]:
    """Give the check that the id is unique, unless one of its columns is wrong."""
    ids = schema.ids
    if not ids or wrong & set(ids):
        return []
    columns = pl.col(ids[0]) if len(ids) == 1 else pl.struct(ids)
    name = ids[0] if len(ids) == 1 else f"({', '.join(ids)})"
    return [Check(name, "must be unique", ~columns.is_duplicated(), tuple(ids))]


def rules_of(schema: Schema) -> list[Check]:
    """Give the rules across columns or rows."""
    return [_rule(schema, rule) for rule in schema.rules]


def _rule(schema: Schema, rule: Rule) -> Check:
    holds = rule.expression()
    if not isinstance(holds, pl.Expr):
        raise ContractError(
            f"{schema.name}.{rule.name} gave a {type(holds).__name__}: a rule gives a polars expression.",
            hint='such as pl.col("left") >= pl.col("arrived").',
        )
    words = "must hold" if rule.text == rule.name.replace("_", " ") else f"must hold ({rule.text})"
    return Check(rule.name, words, holds)
