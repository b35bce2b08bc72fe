"""Log: a column with a number on a logarithmic scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from magical.contracts.schema import Column, Schema
from magical.features.feature import Feature

__all__ = ["Log"]


class Log(Feature):
    """The natural logarithm ``log(1 + x)`` of a column, named ``log_NAME``; it compresses skewed amounts.

    Below zero the scale is mirrored (``-log(1 - x)``): every number has a value, and only nulls stay null.

    Example:
        >>> Log("income")
        Log(column='income')
        >>> schema = Schema("Customer", (Column("income", "float", nullable=True),))
        >>> table = pl.DataFrame({"income": [0.0, 99.0, -99.0, None]})
        >>> table.select(Log("income").expressions(schema)).to_series().round(2).to_list()
        [0.0, 4.61, -4.61, None]
    """

    column: str

    if TYPE_CHECKING:

        def __init__(self, column: str) -> None: ...

    def adds(self, schema: Schema) -> tuple[Column, ...]:
        """Declare ``log_NAME``, nullable if the source column is nullable."""
        (column,) = self.read(schema, "int", "float", names=[self.column])
        return (Column(f"log_{self.column}", "float", column.nullable),)

    def expressions(self, schema: Schema) -> tuple[pl.Expr, ...]:
        """Build the polars expression that computes the logarithm."""
        number = pl.col(self.column).cast(pl.Float64)  # log1p: exact for numbers near zero
        return ((number.sign() * number.abs().log1p()).alias(f"log_{self.column}"),)
