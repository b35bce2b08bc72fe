"""Require: rows that lack a value are rejected."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from magical.contracts.schema import Column, Schema
from magical.contracts.validation import Check
from magical.features import Columns
from magical.library.cleaning.cleaning_rule import Cleaning

__all__ = ["Require"]


class Require(Cleaning):
    """A value in each of these columns; a row without one is rejected. NaN is none.

    Attributes:
        columns: any columns; selectors are allowed.

    Example:
        >>> Require("income").narrow(Schema("Row", (Column("income", "float", nullable=True),))).columns[
        ...     0
        ... ].type_text
        'float'
    """

    columns: Columns

    if TYPE_CHECKING:

        def __init__(self, columns: Columns | str) -> None: ...

    def narrow(self, schema: Schema) -> Schema:
        """Return the schema with columns that are never null."""
        return schema.with_columns(replace(c, nullable=False) for c in self._read(schema))

    def requirements(self, schema: Schema) -> tuple[Check, ...]:
        """Build the check of each column."""
        return tuple(Check(c.name, "must have a value", _has_value(c)) for c in self._read(schema))

    def _read(self, schema: Schema) -> list[Column]:
        return self.read(schema, names=self.columns)


def _has_value(column: Column) -> pl.Expr:
    value = pl.col(column.name)
    return value.is_not_null() & value.is_not_nan() if column.type == "float" else value.is_not_null()
