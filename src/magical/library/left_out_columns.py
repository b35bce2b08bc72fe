"""The features of train that a model can learn from, and those that are left out, each with the reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import polars as pl

from magical.contracts.schema import Column, Schema
from magical.errors import join_names
from magical.events import emit, keep

__all__ = [
    "MAX_ONE_HOT",
    "ColumnCounts",
    "LeftOutColumn",
    "UsableColumns",
    "find_usable_columns",
    "report_left_out",
]

MAX_ONE_HOT = 30  # more different texts would make wide, sparse columns: those are target-encoded
MAX_DISTINCT_SHARE = 0.5  # texts that hardly repeat, such as names, say nothing about other rows
HEAD_ROWS = 500  # columns that differ here are no copies: only the others are read as a whole

# The types that a Pipeline gets as one: equal values of int, float and bool are the same numbers to it.
_CANONICAL_TYPES: dict[str, pl.DataType] = {
    **dict.fromkeys(("int", "float", "bool"), pl.Float64()),
    **dict.fromkeys(("date", "datetime"), pl.Datetime("us")),
    "duration": pl.Duration("us"),
    "str": pl.String(),
}


class ColumnCounts(NamedTuple):
    """A column of train, with its numbers of distinct values, missing values and rows.

    Distinct values are counted of categories only; of other columns more than one are two.
    """

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

    Left out are columns with one value only, texts that hardly repeat, since a model would memorise them,
    and exact copies: of several equal columns the first is used.

    Args:
        train: the rows.
        schema: the contract of train.
        named: columns that a learned feature of the settings names, not by a selector: they are left out only
            if they have one value, or a type that no model takes.

    Example:
        >>> schema = Schema(
        ...     "Customer", (Column("city", "str"), Column("age", "int"), Column("years", "float"))
        ... )
        >>> train = pl.DataFrame({"city": ["Rome", "Rome"], "age": [20, 30], "years": [20.0, 30.0]})
        >>> used, left_out = find_usable_columns(train, schema)
        >>> [c.column.name for c in used], [str(c) for c in left_out]
        (['age'], ['city (one value only)', 'years (a copy of age)'])
    """
    reasons: dict[str, LeftOutColumn] = {}
    counts = {c.name: _count_values(train, c) for c in schema.features if c.type in _CANONICAL_TYPES}
    for column in schema.features:
        if column.name not in counts:
            reasons[column.name] = LeftOutColumn(column.name, f"a {column.type}")
        elif reason := _find_reason(counts[column.name], is_named=column.name in named):
            reasons[column.name] = LeftOutColumn(column.name, reason)
    used = [c for name, c in counts.items() if name not in reasons]
    for name, original in _find_copies(train, used, named).items():
        reasons[name] = LeftOutColumn(name, f"a copy of {original}", original)
    left_out = [reasons[c.name] for c in schema.features if c.name in reasons]
    return UsableColumns([c for c in used if c.column.name not in reasons], left_out)


def report_left_out(left_out: Sequence[LeftOutColumn]) -> None:
    """Log the columns that are left out in one line, and keep them as the table ``left_out``.

    Example:
        >>> report_left_out([LeftOutColumn("city", "one value only")])  # outside a run nothing is said
    """
    if not left_out:
        return
    emit(f"left out: {join_names(left_out)}")
    keep(
        "left_out",
        pl.DataFrame(left_out, orient="row", schema=dict.fromkeys(LeftOutColumn._fields, pl.String)),
    )


def _count_values(train: pl.DataFrame, column: Column) -> ColumnCounts:
    values = _drop_infinite(train.get_column(column.name))
    missing = values.null_count()
    counts = ColumnCounts(column, min(2, len(values) - missing), missing, len(values))
    if counts.is_category:
        return counts._replace(distinct=values.n_unique() - (missing > 0))
    return counts._replace(distinct=1) if counts.distinct and values.min() == values.max() else counts


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


def _find_copies(
    train: pl.DataFrame, counts: Iterable[ColumnCounts], named: Collection[str]
) -> dict[str, str]:
    """Map each column that is a copy to the column that it is a copy of; named columns are kept."""
    alike: dict[object, list[Column]] = defaultdict(list)
    for c in counts:
        # Only columns with the same treatment: a number of a Literal is a category, and no amount.
        kind = (str(_CANONICAL_TYPES[c.column.type]), c.is_category, c.distinct, c.missing)
        alike[kind].append(c.column)
    for rows in (HEAD_ROWS, train.height):
        alike = _divide_by_hash(train.head(rows), alike)
    copies: dict[str, str] = {}
    for columns in alike.values():
        columns.sort(key=lambda c: c.name not in named)  # stable: the first that is named, or else the first
        for i, column in enumerate(columns):
            values = _to_canonical(train, column)
            others = (o for o in columns[:i] if o.name not in copies)
            same = (o.name for o in others if _to_canonical(train, o).equals(values, null_equal=True))
            if column.name not in named and (original := next(same, "")):
                copies[column.name] = original
    return copies


def _divide_by_hash(rows: pl.DataFrame, groups: Mapping[object, list[Column]]) -> dict[object, list[Column]]:
    """Divide groups of columns by the hash of their values; columns alone in a group are dropped."""
    divided: dict[object, list[Column]] = defaultdict(list)
    for key, columns in groups.items():
        for column in columns if len(columns) > 1 else ():
            # The hash of polars is the same for 0.0 and -0.0; it stays in this process.
            divided[key, hash(_to_canonical(rows, column).hash().to_numpy().tobytes())].append(column)
    return divided


def _to_canonical(table: pl.DataFrame, column: Column) -> pl.Series:
    return _drop_infinite(table.get_column(column.name)).cast(_CANONICAL_TYPES[column.type])


def _drop_infinite(values: pl.Series) -> pl.Series:
    """Turn NaN and infinite numbers into null: to a Pipeline all three are missing values."""
    if not values.dtype.is_float() or (finite := values.is_finite()).all():
        return values
    return values.set(~finite, None)
