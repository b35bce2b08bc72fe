"""Indicator: a column that says where a value is missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from magical.contracts.schema import Column, Schema
from magical.features.column_selectors import Columns
from magical.features.feature import Feature

__all__ = ["Indicator"]


class Indicator(Feature):
    """True where a value of a column is missing, in a column named ``NAME_is_missing``; NaN is missing too.

    Example:
        >>> schema = Schema("Customer", (Column("income", "float", nullable=True),))
        >>> table = pl.DataFrame({"income": [1.0, None]})
        >>> table.select(Indicator("income").expressions(schema)).to_series().to_list()
        [False, True]
    """

    columns: Columns

    if TYPE_CHECKING:

        def __init__(self, columns: Columns | Sequence[str] | str) -> None: ...

    def adds(self, schema: Schema) -> tuple[Column, ...]:
        """Declare one bool for each column, which is never null."""
        return tuple(Column(f"{c.name}_is_missing", "bool") for c in self.read(schema, names=self.columns))

    def expressions(self, schema: Schema) -> tuple[pl.Expr, ...]:
        """Build one expression for each column."""
        return tuple(
            _is_missing(c).alias(f"{c.name}_is_missing") for c in self.read(schema, names=self.columns)
        )


def _is_missing(column: Column) -> pl.Expr:
    values = pl.col(column.name)
    return values.fill_nan(None).is_null() if column.type == "float" else values.is_null()
