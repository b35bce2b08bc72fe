"""Part results into floats, which may differ a little, and all else, which may not."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl

from magical.contracts.table_digest import table_digest

__all__ = ["floats_of", "has_floats", "leaves", "rest_of"]

_Numbers = np.ndarray[Any, Any]


def leaves(value: Any) -> tuple[Any, list[float]]:
    """Part a JSON value: the same with null in the place of each float, and the floats in order.

    Example:
        >>> leaves({"b": [1.5, "x"], "a": 2})
        ({'a': 2, 'b': [None, 'x']}, [1.5])
    """
    numbers: list[float] = []

    def without(item: Any) -> Any:
        if isinstance(item, float):
            numbers.append(item)
            return None
        if isinstance(item, Mapping):
            return {key: without(item[key]) for key in sorted(item)}
        return [without(x) for x in item] if isinstance(item, list) else item

    return without(value), numbers


def has_floats(kind: pl.DataType) -> bool:
    """Whether a column has floats, in lists or structs too.

    Example:
        >>> has_floats(pl.List(pl.Struct({"a": pl.Float32}))), has_floats(pl.Int64())
        (True, False)
    """
    if isinstance(kind, (pl.List, pl.Array)):
        return has_floats(pl.Series(dtype=kind.inner).dtype)
    if isinstance(kind, pl.Struct):
        return any(has_floats(pl.Series(dtype=inner).dtype) for inner in kind.to_schema().values())
    return kind.is_float()


def floats_of(series: pl.Series) -> _Numbers:
    """Give the floats of a column as float64, NaN for null."""
    found = [part.cast(pl.Float64).fill_null(float("nan")).to_numpy() for part in _parts(series) if _is(part)]
    return np.concatenate(found) if len(found) > 1 else found[0]


def rest_of(series: pl.Series) -> str:
    """Give the digest of all but the floats: where they are, which are null, and what stands beside them."""
    rest = [part.is_null() if _is(part) else part for part in _parts(series)]
    return hashlib.sha256("".join(table_digest(part.to_frame()) for part in rest).encode()).hexdigest()[:40]


def _is(series: pl.Series) -> bool:
    return series.dtype.is_float()


def _parts(series: pl.Series) -> Iterator[pl.Series]:
    """A column's own values; or those in its lists and structs, and how they lie in them."""
    series, kind = series.alias(""), series.dtype  # polars takes the name `^a.*$` for a pattern
    if isinstance(kind, pl.Array):
        series, kind = series.arr.to_list(), pl.List(kind.inner)
    if isinstance(kind, pl.List):
        lengths = series.list.len()
        yield lengths
        yield from _parts(series.filter((lengths > 0).fill_null(False)).explode())
    elif isinstance(kind, pl.Struct):
        yield series.is_null()
        for field in series.struct.unnest().get_columns():
            yield from _parts(field)
    else:
        yield series
