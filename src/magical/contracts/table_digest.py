"""Digests of tables, over their logical content: equal for equal rows, whatever the chunks or the file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl

__all__ = ["BLOCK_ROWS", "stream_digest", "table_digest"]

BLOCK_ROWS = 65_536
"""Rows hashed at a time; part of the digest, so a change of it makes every result stale."""


def table_digest(table: pl.DataFrame) -> str:
    """Hash the schema and rows of a table; the order of rows and columns matters.

    Example:
        >>> a = pl.DataFrame({"x": [1, 2]})
        >>> b = pl.concat([a[:1], a[1:]], rechunk=False)
        >>> table_digest(a) == table_digest(b), table_digest(a) == table_digest(a.reverse())
        (True, False)
    """
    return _digest_blocks(table.schema, table.iter_slices(BLOCK_ROWS))


def stream_digest(table: pl.LazyFrame) -> str:
    """Hash a lazy table block by block; the digest equals that of the same rows in memory.

    Example:
        >>> a = pl.DataFrame({"x": [1, 2]})
        >>> stream_digest(a.lazy()) == table_digest(a)
        True
    """
    batches = table.collect_batches(chunk_size=BLOCK_ROWS, maintain_order=True, engine="streaming")
    return _digest_blocks(table.collect_schema(), _rechunk(batches))


def _digest_blocks(schema: Mapping[str, Any], blocks: Iterable[pl.DataFrame]) -> str:
    digest = hashlib.sha256()
    for name, dtype in schema.items():
        digest.update(f"{name}\0{_type_name(dtype)}\0".encode())
    for block in blocks:
        digest.update(f"\0{block.height}\0".encode())
        for series in block:
            _hash_series(digest, series)
    return digest.hexdigest()[:40]


def _rechunk(batches: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Cut batches of any size into blocks of ``BLOCK_ROWS``, as ``iter_slices`` cuts a table in memory."""
    waiting: list[pl.DataFrame] = []
    count = 0
    for batch in batches:
        waiting.append(batch)
        count += batch.height
        if count >= BLOCK_ROWS:
            rows = pl.concat(waiting, rechunk=False) if len(waiting) > 1 else batch
            whole = count - count % BLOCK_ROWS
            yield from rows[:whole].iter_slices(BLOCK_ROWS)
            waiting, count = [rows[whole:]], count - whole
    if count:
        yield pl.concat(waiting, rechunk=False)


def _type_name(dtype: Any) -> str:
    # The values of an Enum are part of its type. Those of a Categorical are not: they vary with the process.
    return f"Enum {list(dtype.categories)}" if dtype.base_type() is pl.Enum else str(dtype)


def _hash_series(digest: Any, series: pl.Series) -> None:
    """Add the values and nulls of a column to a digest."""
    series = series.alias("column")  # methods of a series look it up by its name, which may be a pattern
    # The null mask first: values beneath a null are arbitrary, and are replaced by a constant below.
    if series.null_count():
        digest.update(b"\2" + series.is_null().cast(pl.UInt8).to_numpy().tobytes())
    else:
        digest.update(b"\1")
    base = series.dtype.base_type()
    if base in (pl.Categorical, pl.Enum, pl.Decimal, pl.Int128, pl.UInt128):
        series, base = series.cast(pl.String), pl.String
    if base in (pl.String, pl.Binary):
        series = series.cast(pl.Binary).fill_null(b"")
        # Lengths first: joined bytes alone are the same for ["ab", "c"] and ["a", "bc"].
        digest.update(series.bin.size().to_numpy().tobytes())
        digest.update(b"".join(series.to_list()))
    elif base in (pl.List, pl.Array):
        lists = series if base is pl.List else series.arr.to_list()
        digest.update(lists.list.len().fill_null(0).to_numpy().tobytes())
        lists = lists.drop_nulls()
        if lists.len():
            _hash_series(digest, lists.explode(empty_as_null=False))
    elif base is pl.Struct:
        for field in series.struct.unnest():
            _hash_series(digest, field)
    elif base is pl.Boolean:
        digest.update(series.fill_null(False).cast(pl.UInt8).to_numpy().tobytes())
    elif base is pl.Null:
        digest.update(str(series.len()).encode())
    else:
        _hash_numbers(digest, series)


def _hash_numbers(digest: Any, series: pl.Series) -> None:
    physical = series.to_physical()
    numbers = (physical.fill_null(0) if physical.null_count() else physical).to_numpy()
    if numbers.dtype.kind == "f" and np.isnan(numbers).any():  # NaN has many bit patterns: make them one
        numbers = np.where(np.isnan(numbers), np.array(np.nan, numbers.dtype), numbers)
    digest.update(np.ascontiguousarray(numbers))
