"""Find rows of one id in a table that is larger than memory."""

from __future__ import annotations

import polars as pl

__all__ = ["AT_ONCE", "repeats"]

AT_ONCE = 4_000_000
"""Rows whose ids are held in memory at a time."""


def repeats(table: pl.LazyFrame, ids: list[str], height: int, examples: int) -> tuple[int, pl.DataFrame]:
    """Count the rows whose id another row has too, and give the first few.

    The ids are looked at in as many passes as memory asks for, each over those of one residue of their hash,
    so that equal ones meet in one pass.

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
    keyed = table.select(ids)
    residue = (pl.col(ids[0]) if len(ids) == 1 else pl.struct(ids)).hash() % passes
    count, found = 0, []
    for number in range(passes):
        some = keyed if passes == 1 else keyed.filter(residue == number)
        several = some.group_by(ids).agg(pl.len().alias("__rows")).filter(pl.col("__rows") > 1)
        again = several.select(pl.col("__rows").sum()).collect(engine="streaming").item()
        count += again
        if again:
            found.append(_first(keyed, ids, pl.lit(True) if passes == 1 else residue == number, examples))
    none = table.select(ids).head(0).with_row_index("__row").collect()
    return count, pl.concat([none, *found]).sort("__row").head(examples)


def _first(keyed: pl.LazyFrame, ids: list[str], chosen: pl.Expr, examples: int) -> pl.DataFrame:
    rows = keyed.with_row_index("__row").filter(chosen).group_by(ids)
    places = rows.agg(pl.len().alias("__rows"), pl.col("__row").bottom_k(examples))
    several = places.filter(pl.col("__rows") > 1).drop("__rows")
    first = several.explode("__row").bottom_k(examples, by="__row").select("__row", *ids)
    return first.collect(engine="streaming")
