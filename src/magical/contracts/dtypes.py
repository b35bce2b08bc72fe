"""The types of columns, as contracts name them and as polars does."""

from __future__ import annotations

from typing import Any

import polars as pl

__all__ = ["DTYPES", "MAX_EXACT_FLOAT", "dtype_kind"]

MAX_EXACT_FLOAT = 2**53  # up to here a float represents every whole number

DTYPES: dict[str, Any] = {
    "int": pl.Int64,
    "float": pl.Float64,
    "str": pl.String,
    "bool": pl.Boolean,
    "date": pl.Date,
    "datetime": pl.Datetime("us"),
    "time": pl.Time,
    "duration": pl.Duration("us"),
}


_KINDS: dict[Any, str] = {
    pl.String: "str",
    pl.Categorical: "str",
    pl.Enum: "str",
    pl.Boolean: "bool",
    pl.Date: "date",
    pl.Datetime: "datetime",
    pl.Time: "time",
    pl.Duration: "duration",
    pl.List: "list",
    pl.Array: "list",
    pl.Null: "null",
}


def dtype_kind(dtype: Any) -> str:
    """Map a polars type to the name that contracts use; a type without one keeps its polars name.

    Example:
        >>> dtype_kind(pl.UInt8), dtype_kind(pl.Categorical), dtype_kind(pl.Datetime("ms"))
        ('int', 'str', 'datetime')
    """
    if dtype.is_integer():
        return "int"
    if dtype.is_float():
        return "float"
    return _KINDS.get(dtype.base_type(), str(dtype))
