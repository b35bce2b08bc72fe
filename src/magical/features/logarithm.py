"""Log: a column with a number on a logarithmic scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from magical.contracts.schema import Column, Schema
from magical.features.column_selectors import Columns
from magical.features.feature import Feature

__all__ = ["Log"]


class Log(Feature):
    """The natural logarithm ``log(1 + x)`` of each column, named ``log_NAME``; it compresses skewed amounts.

    Below zero the scale is mirrored (``-log(1 - x)``): every number has a value, and only nulls stay null.

    Example:
        >>> Log("income")
        Log(columns='income')
        >>> schema = Schema("Customer", (Column("income", "float", nullable=True),))
        >>> table = pl.DataFrame({"income": [0.0, 99.0, -99.0, None]})
        >>> table.select(Log("income").expressions(schema)).to_series().round(2).to_list()
        [0.0, 4.61, -4.61, None]
    """

    columns: Columns

    if TYPE_CHECKING:

        def __init__(self, columns: Columns | Sequence[str] | str) -> None: ...

    def adds(self, schema: Schema) -> tuple[Column, ...]:
        """Declare ``log_NAME`` for each column, nullable if the column is nullable."""
        return tuple(Column(f"log_{c.name}", "float", c.nullable) for c in self._read(schema))

    def expressions(self, schema: Schema) -> tuple[pl.Expr, ...]:
        """Build the polars expressions that compute the logarithms."""
        return tuple(_compute_log(c.name).alias(f"log_{c.name}") for c in self._read(schema))

    def _read(self, schema: Schema) -> list[Column]:
        return self.read(schema, "int", "float", names=self.columns)


def _compute_log(name: str) -> pl.Expr:
    number = pl.col(name).cast(pl.Float64)  # log1p: exact for numbers near zero
    return number.sign() * number.abs().log1p()
