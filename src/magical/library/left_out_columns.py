"""The features of train that a model can learn from, and those that are left out, each with the reason."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import polars as pl

from magical.contracts.schema import Column, Schema

__all__ = ["MAX_ONE_HOT", "ColumnCounts", "LeftOutColumn", "UsableColumns", "find_usable_columns"]

MAX_ONE_HOT = 30  # more different texts would make wide, sparse columns: those are target-encoded
MAX_DISTINCT_SHARE = 0.5  # texts that hardly repeat, such as names, say nothing about other rows


class ColumnCounts(NamedTuple):
    """A column of train, with its numbers of distinct values, missing values and rows."""

    column: Column
    distinct: int
    missing: int
    rows: int

    @property
    def is_category(self) -> bool:
        """True for texts, and for numbers of a Literal: those have no distances that a model could use."""
        return self.column.type == "str" or (self.column.type == "int" and bool(self.column.choices))


class LeftOutColumn(NamedTuple):
    """A feature that no model gets: its name, the reason, and the column that it is a copy of, if any."""

    column: str
    reason: str
    of: str = ""

    def __str__(self) -> str:
        return f"{self.column} ({self.reason})"


class UsableColumns(NamedTuple):
    """The features of train, divided into those to use and those to leave out."""

    used: list[ColumnCounts]
    left_out: list[LeftOutColumn]


def find_usable_columns(train: pl.DataFrame, schema: Schema, named: Collection[str] = ()) -> UsableColumns:
    """Divide the features into those to use, with counts, and those to leave out, with the reason.

    Args:
        train: the rows.
        schema: the contract of train.
        named: columns that a learned feature of the settings names: texts that hardly repeat are kept then.

    Example:
        >>> schema = Schema("Customer", (Column("city", "str"), Column("income", "int")))
        >>> train = pl.DataFrame({"city": ["Rome", "Rome"], "income": [1, 2]})
        >>> used, left_out = find_usable_columns(train, schema)
        >>> [c.column.name for c in used], [str(c) for c in left_out]
        (['income'], ['city (one value only)'])
    """
    used, left_out = [], []
    for column in schema.features:
        values = train.get_column(column.name)
        if column.type in ("list", "any", "time"):
            left_out.append(LeftOutColumn(column.name, f"a {column.type}"))
            continue
        missing = values.null_count()
        counts = ColumnCounts(column, values.n_unique() - (missing > 0), missing, len(values))
        if reason := _find_reason(counts, is_named=column.name in named):
            left_out.append(LeftOutColumn(column.name, reason))
        else:
            used.append(counts)
    return UsableColumns(used, left_out)


def _find_reason(counts: ColumnCounts, is_named: bool) -> str:
    """Return the reason why no model can learn from a column; empty if one can."""
    # One value and nulls is still a feature: the column that marks missing values varies.
    if counts.distinct == 0 or (counts.distinct == 1 and not counts.missing):
        return "one value only"
    is_open_text = counts.column.type == "str" and not counts.column.choices
    if is_open_text and not is_named and _is_mostly_distinct(counts):
        return f"{counts.distinct:,} different texts in {counts.rows:,} rows"
    return ""


def _is_mostly_distinct(counts: ColumnCounts) -> bool:
    return counts.distinct > max(MAX_ONE_HOT, MAX_DISTINCT_SHARE * (counts.rows - counts.missing))
