"""Tables as polars frames with the types of a contract, whatever they come as."""

from __future__ import annotations

from typing import Any

import polars as pl
import polars.selectors as cs

from magical.contracts.dtypes import DTYPES, kind_of
from magical.contracts.schema import Column, Schema
from magical.errors import BrokenPromise, did_you_mean, listing, shorten

__all__ = ["polars_frame", "typed"]


def polars_frame(table: Any) -> pl.DataFrame:
    """Give a table as a polars DataFrame: from polars, pandas, or rows as dictionaries.

    Raises:
        BrokenPromise: it is no table.
    """
    if isinstance(table, pl.DataFrame):
        return table
    if isinstance(table, pl.LazyFrame):
        return table.collect()
    if type(table).__module__.split(".")[0] == "pandas" and hasattr(table, "columns"):
        from magical.contracts.pandas_tables import from_pandas

        return from_pandas(
            table if _has_names(table) else table.set_axis(list(map(str, table.columns)), axis=1)
        )
    if isinstance(table, list) and all(isinstance(row, dict) for row in table):
        return pl.DataFrame(table, infer_schema_length=None)
    raise BrokenPromise(
        f"A table was expected, and a {type(table).__name__} came.", hint="give a polars or pandas DataFrame."
    )


def _has_names(table: Any) -> bool:
    return all(isinstance(label, str) for label in table.columns)


def typed(table: Any, schema: Schema, *, whose: str = "") -> pl.DataFrame:
    """Give the promised columns of a table, each in its one canonical type, nulls kept.

    A whole number stored as a float (pandas does so where a value is missing) is an ``int`` again, a
    timestamp at midnight a ``date``. Any other change of type is refused.

    Raises:
        BrokenPromise: a column is missing, or its values are not of the promised type.
    """
    frame = polars_frame(table)
    who = whose or f"A table of {schema.name}"
    missing = sorted(set(schema.names) - set(frame.columns), key=schema.names.index)
    if missing:
        raise BrokenPromise(
            f"{who} promised {len(schema.columns)} columns; missing: {listing(missing)}.",
            hint=did_you_mean(missing[0], frame.columns),
        )
    frame = frame.select(schema.names).with_columns(cs.float().fill_nan(None))
    columns = [_cast(series, column, who) for series, column in zip(frame, schema.columns, strict=True)]
    return frame.with_columns(columns)


def _cast(series: pl.Series, column: Column, who: str) -> pl.Series:
    wanted = DTYPES.get(column.type)
    if wanted is None or series.dtype == wanted:
        return series
    if series.null_count() == series.len():  # pandas cannot say what kind of values are missing
        return pl.Series(series.name, [None] * series.len(), dtype=wanted)
    have = kind_of(series.dtype)
    near = {
        "int": ("int", "float", "bool"),
        "float": ("int", "float", "bool"),
        "bool": ("bool", "int", "float"),
        "date": ("date", "datetime"),
        "datetime": ("date", "datetime"),
    }
    if series.dtype == pl.Object:
        series = pl.Series(series.name, series.to_list(), strict=False)
        have = kind_of(series.dtype)
    if have in near.get(column.type, (column.type,)):
        if have == "datetime" and getattr(series.dtype, "time_zone", None):
            series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        cast = series.cast(wanted, strict=False)
        if cast.null_count() == series.null_count() and _nothing_lost(series, cast, have, column.type):
            return cast
    examples = listing((repr(shorten(v, 20)) for v in series.drop_nulls().head(3)), 3)
    raise BrokenPromise(
        f"{who} promised {column.name}: {column.promise}, got {have} ({examples}).",
        hint="give the column in its promised type.",
    )


def _nothing_lost(series: pl.Series, cast: pl.Series, have: str, wanted: str) -> bool:
    """A number that is whole, or 0 or 1, and a timestamp at midnight stay what they are."""
    if (have, wanted) not in (("float", "int"), ("float", "bool"), ("int", "bool"), ("datetime", "date")):
        return True
    return bool((series == cast.cast(series.dtype)).all(ignore_nulls=True))
