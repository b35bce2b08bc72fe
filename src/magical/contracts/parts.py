"""Cut a table into train, validation and test, and record which row went where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from magical.contracts.promises import PARTS, Parts
from magical.contracts.tables import polars_frame
from magical.contracts.tags import promised
from magical.errors import BrokenPromise, listing

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["partition"]


def partition(table: pl.DataFrame | pd.DataFrame, assignment: pl.Series | list[str | None]) -> Parts[Any]:
    """Cut a table by what a column says of each row: ``train``, ``validation``, ``test``, or null for none.

    Args:
        table: the rows, polars or pandas; their order is kept within each part.
        assignment: one text or null for each row.

    Returns:
        The three parts, and the assignment as a table of the rows' ids (or row numbers) with ``part``.

    Raises:
        BrokenPromise: a name is unknown, the lengths differ, a part is empty, or has one class only.

    Example:
        >>> table = pl.DataFrame({"x": [1, 2, 3]})
        >>> train, validation, test = partition(table, ["train", "test", "validation"])
        >>> test["x"].to_list()
        [2]
    """
    promise, table = promised(table), polars_frame(table)
    part = pl.Series("part", assignment, dtype=pl.String)
    if len(part) != table.height:
        raise BrokenPromise(
            f"partition: {table.height:,} rows and {len(part):,} assignments.", hint="give one for each row."
        )
    unknown = set(part.drop_nulls().unique()) - set(PARTS)
    if unknown:
        raise BrokenPromise(
            f"partition: unknown part {listing(sorted(map(repr, unknown)))}.",
            hint=f"use {listing(PARTS)} or null.",
        )
    cut = {name: table.filter(part == name) for name in PARTS}
    schema = promise.schema if promise else None
    for name, rows in cut.items():
        if rows.is_empty():
            sizes = ", ".join(f"{n} {r.height:,}" for n, r in cut.items())
            raise BrokenPromise(
                f"The {name} part of the split is empty ({sizes} rows).",
                hint="change its share, or give more rows.",
            )
        target = schema.column(schema.target) if schema and schema.target else None
        if target and target.is_class and rows[target.name].n_unique() < 2:
            raise BrokenPromise(
                f"The {name} part has one class only: {target.name} is {rows[target.name][0]} "
                f"in all of its {rows.height:,} rows.",
                hint="split with kind='stratified', or give more rows.",
            )
    ids = schema.ids if schema else []
    who = table.select(ids) if ids else pl.DataFrame({"row": pl.int_range(table.height, eager=True)})
    return Parts(cut["train"], cut["validation"], cut["test"], who.with_columns(part))
