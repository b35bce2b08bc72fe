"""Log: a number on a logarithmic scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from magical.contracts.schema import Column, Schema
from magical.features.feature import Feature

__all__ = ["Log"]


class Log(Feature):
    """The logarithm of one more than a number, as ``log_NAME``, which brings amounts of many sizes together.

    Below zero the scale is mirrored (``-log(1 - x)``), so that every number has a value and only what is
    missing stays missing. Unit: the natural logarithm of the column's own.

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
        """Give ``log_NAME``, which may be missing where the number may be."""
        (column,) = self.read(schema, "int", "float", names=[self.column])
        return (Column(f"log_{self.column}", "float", column.nullable),)

    def expressions(self, schema: Schema) -> tuple[pl.Expr, ...]:
        """Give the one expression."""
        number = pl.col(self.column).cast(pl.Float64)
        return ((number.sign() * number.abs().log1p()).alias(f"log_{self.column}"),)
