"""The one canonical polars type of each kind of column."""

from __future__ import annotations

from typing import Any

import polars as pl

__all__ = ["DTYPES"]

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
