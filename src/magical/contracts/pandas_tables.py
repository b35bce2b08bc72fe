"""Conversion between polars and pandas tables, both ways without a change of any value."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

from magical.contracts.dtypes import DTYPES
from magical.contracts.schema import Schema
from magical.errors import BrokenPromise, join_names, shorten

__all__ = ["from_pandas", "to_pandas"]

_UNIT_FACTORS = {"s": 1000, "ms": 1, "us": 1, "ns": 1}  # polars has no unit of seconds: they become "ms"


def to_pandas(table: pl.DataFrame) -> pd.DataFrame:
    """Convert a polars table to pandas, in the types that ``magical.pandas`` lists; no memory is shared.

    Raises:
        BrokenPromise: pandas has no type for a column.

    Example:
        >>> from datetime import date
        >>> to_pandas(pl.DataFrame({"n": [1, None], "day": [date(2024, 1, 31)] * 2})).dtypes.to_list()
        [Int64Dtype(), dtype('<M8[s]')]
    """
    columns = {series.name: _series_to_pandas(series) for series in table}
    return pd.DataFrame(columns, index=pd.RangeIndex(table.height))


def from_pandas(table: pd.DataFrame, schema: Schema | None = None, *, label: str = "A table") -> pl.DataFrame:
    """Convert a pandas table to polars; its index is dropped.

    Args:
        table: its column names must be strings, without duplicates.
        schema: the promised schema, by which types that pandas lacks are restored, such as dates.
        label: names the table in messages.

    Raises:
        BrokenPromise: a column's name or values cannot be converted, or a promised column is in the index.

    Example:
        >>> from_pandas(pd.DataFrame({"x": [0.5, float("nan")], "s": ["a", None]})).rows()
        [(0.5, 'a'), (None, None)]
    """
    _check_column_names(table, schema, label)
    types = {c.name: c.type for c in schema.columns} if schema else {}
    columns = [_series_from_pandas(table[name], types.get(name, ""), label) for name in table.columns]
    return pl.DataFrame(columns) if columns else pl.DataFrame(height=len(table))


def _series_to_pandas(series: pl.Series) -> Any:
    """Convert a column to a pandas array that keeps its type and its nulls."""
    dtype, base = series.dtype, series.dtype.base_type()
    mask = series.is_null().to_numpy()
    if base in (pl.Int128, pl.UInt128, pl.Float16, pl.Object):
        raise BrokenPromise(
            f"pandas has no type for the column {series.name}: {dtype}.",
            hint="cast it in the step before, such as to Int64, or leave it out.",
        )
    # Masked arrays for numbers: numpy's own would turn integers with nulls into floats, and mix NaN and null.
    if dtype.is_integer():
        return pd.arrays.IntegerArray(_writable_array(series.fill_null(0)), mask.copy())
    if dtype.is_float():
        return pd.arrays.FloatingArray(_writable_array(series.fill_null(0.0)), mask.copy())
    if base is pl.Boolean:
        return pd.arrays.BooleanArray(_writable_array(series.fill_null(False)), mask.copy())
    if base is pl.String:
        return pd.array(series.to_arrow(), dtype="str")
    if base in (pl.Categorical, pl.Enum):
        return _to_categorical(series)
    if base is pl.Date:
        seconds = series.cast(pl.Int64) * 86_400
        return _temporal_array(seconds, mask, "datetime64[s]")
    if isinstance(dtype, pl.Duration):
        return _temporal_array(series.to_physical(), mask, f"timedelta64[{dtype.time_unit}]")
    if isinstance(dtype, pl.Datetime):
        moments = _temporal_array(series.to_physical(), mask, f"datetime64[{dtype.time_unit}]")
        zone = dtype.time_zone
        return pd.DatetimeIndex(moments).tz_localize("UTC").tz_convert(zone).array if zone else moments
    return pd.arrays.ArrowExtensionArray(pa.chunked_array([series.to_arrow()]))


def _writable_array(series: pl.Series) -> Any:
    return np.array(series.to_numpy())  # a copy: to_numpy may be a read-only view of the polars table


def _temporal_array(numbers: pl.Series, mask: Any, dtype: str) -> Any:
    values = _writable_array(numbers.fill_null(0)).view(dtype)
    values[mask] = np.array("NaT", dtype=dtype)
    return values


def _to_categorical(series: pl.Series) -> Any:
    # An Enum becomes an ordered category, a Categorical an unordered one, so that each converts back.
    if isinstance(series.dtype, pl.Enum):
        categories, ordered = series.dtype.categories, True
    else:
        categories, ordered = series.cast(pl.String).unique().drop_nulls().sort(), False
    places = pl.DataFrame({"c": categories.cast(pl.String), "i": pl.int_range(len(categories), eager=True)})
    texts = series.cast(pl.String).alias("c").to_frame()
    codes = texts.join(places, on="c", how="left", maintain_order="left")["i"].fill_null(-1)
    dtype = pd.CategoricalDtype(pd.Index(places["c"].to_list(), dtype="str"), ordered=ordered)
    return pd.Categorical.from_codes(codes.to_numpy(), dtype=dtype)


def _check_column_names(table: pd.DataFrame, schema: Schema | None, label: str) -> None:
    """Raise a BrokenPromise for names that are no strings, duplicates, or promised columns in the index."""
    names: list[Any] = table.columns.to_list()
    unnamed = [name for name in names if not isinstance(name, str)]
    if unnamed:
        raise BrokenPromise(
            f"{label}: {len(unnamed)} of {len(names)} column names are no texts: {shorten(unnamed[0], 40)}.",
            hint='join its levels: table.columns = ["_".join(map(str, c)) for c in table.columns].'
            if table.columns.nlevels > 1
            else "name the columns: table.columns = table.columns.map(str).",
        )
    duplicates = table.columns[table.columns.duplicated()].unique()
    if len(duplicates):
        raise BrokenPromise(
            f"{label}: two columns have one name: {join_names(duplicates, 4)}.",
            hint="drop or rename one of them.",
        )
    indexed = [n for n in table.index.names if schema and n in schema.names and n not in table.columns]
    if indexed:
        raise BrokenPromise(
            f"{label}: {join_names(indexed, 4)} is in the index, which is not part of the table.",
            hint="make it a column: table.reset_index().",
        )


def _series_from_pandas(values: pd.Series[Any], wanted: str, label: str) -> pl.Series:
    """Convert a column to polars, in its promised type ``wanted`` if it has one (else empty)."""
    name, dtype = str(values.name), values.dtype
    try:
        return _restore_type(_convert_series(values).rename(name), wanted)
    except (pa.ArrowException, pl.exceptions.PolarsError, OverflowError, TypeError, ValueError) as error:
        kind = pd.api.types.infer_dtype(values, skipna=True) if dtype == np.dtype(object) else str(dtype)
        per_type = {type(v): v for v in values.dropna().head(1000)}.values()
        examples = join_names((shorten(repr(v), 30) for v in list(per_type)[:3]), 3)
        raise BrokenPromise(
            f"{label}: the column {name} holds {kind} values, for which polars has no one type ({examples}):",
            f"  {shorten(str(error).splitlines()[0], 120)}",
            hint=f'give it one, such as table["{name}"].astype("str").',
        ) from None


def _convert_series(values: pd.Series[Any]) -> pl.Series:
    convert = next((convert for accepts, convert in _CONVERTERS if accepts(values.dtype)), None)
    return convert(values) if convert else _from_arrow_array(pa.Array.from_pandas(values))


def _convert_numpy(values: pd.Series[Any]) -> pl.Series:
    numbers = values.to_numpy()
    # In numpy's types NaN is the only mark of a missing value, so it becomes null.
    return pl.Series(numbers, nan_to_null=True) if numbers.dtype.kind == "f" else pl.Series(numbers)


def _convert_masked(values: pd.Series[Any]) -> pl.Series:
    return _from_arrow_array(pa.array(values.array))


def _convert_temporal(values: pd.Series[Any]) -> pl.Series:
    # Convert the stored integers: polars' own conversion has no seconds, and warns about time zones.
    zone = getattr(values.dtype, "tz", None)
    moments = (values.dt.tz_convert("UTC").dt.tz_localize(None) if zone else values).to_numpy()
    unit = np.datetime_data(moments.dtype)[0]
    numbers = pl.Series(moments.view("int64"))
    numbers = numbers.set(pl.Series(np.isnat(moments)), None)
    if unit == "s" and not zone and moments.dtype.kind == "M" and (numbers % 86_400 == 0).all():
        # to_pandas writes dates as seconds at midnight, and nothing else in that unit.
        return (numbers // 86_400).cast(pl.Int32).cast(pl.Date)
    kind: Any = pl.Datetime if moments.dtype.kind == "M" else pl.Duration
    series = (numbers * _UNIT_FACTORS[unit]).cast(kind("ms" if unit == "s" else unit))
    return series.dt.replace_time_zone("UTC").dt.convert_time_zone(_zone_name(zone)) if zone else series


def _zone_name(zone: Any) -> str:
    """Return the IANA name of a zone; UTC for one without a name, such as a fixed offset."""
    name = str(getattr(zone, "key", None) or getattr(zone, "zone", None) or zone)
    try:
        return str(zoneinfo.ZoneInfo(name))
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return "UTC"


def _convert_categorical(values: pd.Series[Any]) -> pl.Series:
    texts = pl.Series(values.cat.categories.to_list())
    if len(texts) and texts.dtype != pl.String:
        return _convert_series(values.astype(values.cat.categories.dtype))
    codes = pl.Series(values.cat.codes.to_numpy())
    codes = codes.cast(pl.Int64).set(codes < 0, None)  # -1 is pandas' code of a missing value
    strings = texts.cast(pl.String).gather(codes)
    return strings.cast(pl.Enum(texts.cast(pl.String)) if values.cat.ordered else pl.Categorical())


def _convert_arrow(values: pd.Series[Any]) -> pl.Series:
    return _from_arrow_array(values.array.__arrow_array__())


def _convert_sparse(values: pd.Series[Any]) -> pl.Series:
    dense: Any = values
    return _convert_series(dense.sparse.to_dense())


def _from_arrow_array(array: Any) -> pl.Series:
    if isinstance(getattr(array, "type", None), pa.BaseExtensionType):  # polars would convert its storage
        raise TypeError(f"polars has no type for {array.type}")
    series = pl.from_arrow(array)
    if not isinstance(series, pl.Series) or series.dtype == pl.Object:
        raise TypeError("polars has no type for it")
    return series


def _restore_type(series: pl.Series, wanted: str) -> pl.Series:
    """Cast to the promised type where pandas has none: dates, integers with nulls, empty columns.

    A cast that would change a value is skipped; validation reports the column then.
    """
    if series.dtype == pl.Null and wanted in DTYPES:
        return series.cast(DTYPES[wanted])
    if wanted == "date" and isinstance(series.dtype, pl.Datetime) and not series.dtype.time_zone:
        days = series.cast(pl.Date)
        return days if (days.cast(series.dtype) == series).all() else series
    if wanted == "datetime" and series.dtype == pl.Date:
        return series.cast(pl.Datetime("ms"))
    if wanted == "int" and series.dtype.is_float():
        whole = series.cast(pl.Int64, strict=False)
        return whole if (whole.cast(series.dtype).eq_missing(series)).all() else series
    return series


# The first that accepts a type converts it: several of the special types are extension arrays too.
_CONVERTERS: tuple[tuple[Callable[[Any], bool], Callable[[Any], pl.Series]], ...] = (
    (lambda d: isinstance(d, pd.SparseDtype), _convert_sparse),
    (lambda d: isinstance(d, pd.CategoricalDtype), _convert_categorical),
    (lambda d: isinstance(d, pd.ArrowDtype), _convert_arrow),
    (lambda d: isinstance(d, pd.DatetimeTZDtype), _convert_temporal),
    (lambda d: isinstance(d, np.dtype) and d.kind in "Mm", _convert_temporal),
    (lambda d: isinstance(d, np.dtype) and d.kind in "iufb", _convert_numpy),
    (lambda d: isinstance(d, (pd.PeriodDtype, pd.IntervalDtype)), lambda v: _reject_dtype(v.dtype)),
    (lambda d: isinstance(d, np.dtype) and d.kind == "c", lambda v: _reject_dtype(v.dtype)),
    (pd.api.types.is_extension_array_dtype, _convert_masked),
)


def _reject_dtype(dtype: Any) -> pl.Series:
    raise TypeError(f"polars has no type for {dtype}")
