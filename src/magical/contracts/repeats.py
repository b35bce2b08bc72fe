"""Find rows of one id in a table that is larger than memory."""

from __future__ import annotations

import polars as pl

__all__ = ["AT_ONCE", "repeats"]

_HASH, _ROW = "__hash", "__row"

AT_ONCE = 4_000_000
"""Rows whose ids' hashes are held in memory at a time."""


def repeats(table: pl.LazyFrame, ids: list[str], height: int, examples: int) -> tuple[int, pl.DataFrame]:
    """Count the rows whose id another row has too, and give the first few.

    Rows of one id have one hash, so only rows that share a hash are looked at themselves. The hashes are
    looked at in as many passes as memory asks for, each over those of one residue.

    Args:
        table: is read once for each ``AT_ONCE`` rows, the columns ``ids`` only.
        ids: the columns that together are the id.
        height: how many rows there are.
        examples: how many rows to give at most.

    Example:
        >>> count, rows = repeats(pl.LazyFrame({"id": [7, 8, 7]}), ["id"], 3, 5)
        >>> count, rows.rows()
        (2, [(0, 7), (2, 7)])
    """
    passes = -(-height // AT_ONCE) or 1
    one = (pl.col(ids[0]) if len(ids) == 1 else pl.struct(ids)).hash().alias(_HASH)
    hashes, keyed = table.select(one), table.select(ids).with_row_index(_ROW).with_columns(one)
    count, found = 0, []
    for number in range(passes):
        some = hashes if passes == 1 else hashes.filter(pl.col(_HASH) % passes == number)
        shared = (
            some.group_by(_HASH).len().filter(pl.col("len") > 1).select(_HASH).collect(engine="streaming")
        )
        if shared.is_empty():
            continue
        rows = keyed.join(shared.lazy(), on=_HASH, how="semi").group_by(ids)
        several = rows.agg(pl.len().alias(_HASH), pl.col(_ROW).bottom_k(examples))
        again = several.filter(pl.col(_HASH) > 1).collect(engine="streaming")
        count += int(again[_HASH].sum())
        first = again.drop(_HASH).explode(_ROW).bottom_k(examples, by=_ROW)
        found.append(first.select(_ROW, *ids))
    none = table.select(ids).head(0).with_row_index(_ROW).collect()
    return count, pl.concat([none, *found]).sort(_ROW).head(examples)
