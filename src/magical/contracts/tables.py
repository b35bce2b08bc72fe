"""Tables of any kind: converted to polars, coerced to a contract's types, cut into parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import polars.selectors as cs

from magical.contracts.dtypes import DTYPES, dtype_kind
from magical.contracts.promises import (
    FOLD,
    PARTS,
    TABLE_KINDS,
    TIME_FOLD,
    Parts,
    Promise,
    attach_promise,
    attached_promise,
)
from magical.contracts.schema import Column, Schema
from magical.errors import BrokenPromise, did_you_mean, join_names, shorten

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "coerce_table",
    "convert_kind",
    "convert_pandas",
    "format_kinds",
    "parse_kinds",
    "partition",
    "to_polars",
]


def to_polars(table: Any) -> pl.DataFrame:
    """Convert a polars or pandas table, or a list of rows as dictionaries, to a polars DataFrame.

    Raises:
        BrokenPromise: the value is not a table.

    Example:
        >>> to_polars([{"x": 1}, {"x": 2}])["x"].to_list()
        [1, 2]
    """
    if isinstance(table, pl.DataFrame):
        return table
    if isinstance(table, pl.LazyFrame):
        return table.collect()
    # The module's name suffices: importing pandas to test the type would be slow.
    if type(table).__module__.split(".")[0] == "pandas" and hasattr(table, "columns"):
        if not all(isinstance(label, str) for label in table.columns):
            table = table.set_axis(list(map(str, table.columns)), axis=1)
        return convert_pandas(table, None, label="A table")
    if isinstance(table, list) and all(isinstance(row, dict) for row in table):
        return pl.DataFrame(table, infer_schema_length=None)
    raise BrokenPromise(
        f"A table was expected, not {type(table).__name__}.", hint="give a polars or pandas DataFrame."
    )


def convert_pandas(table: pd.DataFrame, schema: Schema | None, *, label: str) -> pl.DataFrame:
    """Convert a pandas table by ``from_pandas``; pandas is imported only when this is called."""
    from magical.contracts.pandas_tables import from_pandas

    return from_pandas(table, schema, label=label)


def coerce_table(table: Any, schema: Schema, *, label: str = "") -> pl.DataFrame:
    """Select the promised columns of a table and convert each to its one canonical type; nulls are kept.

    A whole number stored as a float (pandas does so where a value is missing) becomes an ``int``, a
    timestamp at midnight a ``date``. Any other change of type is refused.

    Raises:
        BrokenPromise: a column is missing, or its values are not of the promised type.

    Example:
        >>> schema = Schema("Row", (Column("n", "int", nullable=True),))
        >>> coerce_table(pl.DataFrame({"n": [3.0, None], "more": "x"}), schema).to_dict(as_series=False)
        {'n': [3, None]}
    """
    frame, label = to_polars(table), label or f"A table of {schema.name}"
    missing = sorted(set(schema.names) - set(frame.columns), key=schema.names.index)
    if missing:
        raise BrokenPromise(
            f"{label} promised {len(schema.columns)} columns; missing: {join_names(missing)}.",
            hint=did_you_mean(missing[0], frame.columns),
        )
    columns = [frame.get_column(name) for name in schema.names]
    floats = [series for series in columns if series.dtype.is_float()]
    # Looked at as one column: a table may have thousands of short ones.
    if any(pl.concat(group).is_nan().any() for group in _group_by_dtype(floats)):
        columns = frame.select(schema.names).with_columns(cs.float().fill_nan(None)).get_columns()
    pairs = zip(columns, schema.columns, strict=True)
    coerced = [_coerce_series(series, column, label) for series, column in pairs]
    return pl.DataFrame(coerced) if coerced else frame.select(schema.names)


def _group_by_dtype(columns: list[pl.Series]) -> list[list[pl.Series]]:
    groups: dict[Any, list[pl.Series]] = {}
    for series in columns:
        groups.setdefault(series.dtype, []).append(series)
    return list(groups.values())


def _coerce_series(series: pl.Series, column: Column, label: str) -> pl.Series:
    """Cast a column to its promised type; raise a BrokenPromise if that would change a value."""
    wanted = DTYPES.get(column.type)
    if wanted is None or series.dtype == wanted:
        return series
    if series.null_count() == series.len():  # in pandas a column of nulls may have any type
        return pl.Series(series.name, [None] * series.len(), dtype=wanted)
    if series.dtype == pl.Object:  # any Python values: polars infers their type once more
        series = pl.Series(series.name, series.to_list(), strict=False)
    have = dtype_kind(series.dtype)
    families = (("int", "float", "bool"), ("date", "datetime"))
    if have == column.type or any({have, column.type} <= set(family) for family in families):
        if have == "datetime" and getattr(series.dtype, "time_zone", None):
            series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        cast = series.cast(wanted, strict=False)
        if cast.null_count() == series.null_count() and _is_lossless(series, cast, have, column.type):
            return cast
    examples = join_names((repr(shorten(v, 20)) for v in series.drop_nulls().head(3)), 3)
    raise BrokenPromise(
        f"{label} promised {column.name}: {column.type_text}, got {have} ({examples}).",
        hint="give the column in its promised type.",
    )


def _is_lossless(series: pl.Series, cast: pl.Series, have: str, wanted: str) -> bool:
    # Other pairs have no value that the cast could change without making it null.
    if (have, wanted) not in (("float", "int"), ("float", "bool"), ("int", "bool"), ("datetime", "date")):
        return True
    return bool((series == cast.cast(series.dtype)).all(ignore_nulls=True))


def partition(
    table: pl.DataFrame | pd.DataFrame,
    assignment: pl.Series | list[str | None],
    folds: pl.Series | list[int | None] | None = None,
    *,
    in_time: bool = False,
) -> Parts[Any]:
    """Cut a table into parts: ``assignment`` has ``train``, ``validation``, ``test`` or null for each row.

    Args:
        folds: a whole number for each row of train and validation, at least two different ones; those of
            other rows are ignored. They become the column ``_fold`` of train, validation and the assignment,
            and ``tune`` predicts the rows of a fold by fits on the others.
        in_time: name it ``_time_fold``: ``tune`` predicts the rows of a fold by fits on folds of lower
            numbers only.

    Returns:
        The three parts, rows in order, and the assignment: the rows' ids (or row numbers) with ``part``.

    Raises:
        BrokenPromise: a name is unknown, the lengths differ, a part is empty, or has one class only; or a
            row of train or validation has no fold, or all have the same.

    Example:
        >>> table = pl.DataFrame({"x": [1, 2, 3]})
        >>> train, validation, test = partition(table, ["train", "test", "validation"])
        >>> test["x"].to_list()
        [2]
        >>> partition(table, ["train", "test", "validation"], folds=[1, None, 2]).train.to_dicts()
        [{'x': 1, '_fold': 1}]
    """
    promise, table = attached_promise(table), to_polars(table)
    table = table.drop(FOLD, TIME_FOLD, strict=False)  # those of an earlier split
    part = pl.Series("part", assignment, dtype=pl.String)
    if len(part) != table.height:
        raise BrokenPromise(
            f"partition: {table.height:,} rows and {len(part):,} assignments.", hint="give one for each row."
        )
    unknown = set(part.drop_nulls().unique()) - set(PARTS)
    if unknown:
        raise BrokenPromise(
            f"partition: unknown part {join_names(sorted(map(repr, unknown)))}.",
            hint=f"use {join_names(PARTS)} or null.",
        )
    fold = None if folds is None else _check_folds(folds, part, TIME_FOLD if in_time else FOLD)
    cut = {name: table.filter(part == name) for name in PARTS}
    schema = promise.schema if promise else None
    _check_parts(cut, schema)
    ids = schema.ids if schema else []
    rows = table.select(ids) if ids else pl.DataFrame({"row": pl.int_range(table.height, eager=True)})
    assigned = rows.with_columns(part)
    if fold is not None:
        assigned = assigned.with_columns(fold)
        cut |= {n: cut[n].with_columns(fold.filter(part == n)) for n in PARTS if n != "test"}
    return Parts(cut["train"], cut["validation"], cut["test"], assigned)


def _check_parts(cut: dict[str, pl.DataFrame], schema: Schema | None) -> None:
    """Raise a BrokenPromise if a part is empty or has one class only."""
    target = schema.column(schema.target) if schema and schema.target else None
    for name, piece in cut.items():
        if piece.is_empty():
            sizes = ", ".join(f"{n} {r.height:,}" for n, r in cut.items())
            raise BrokenPromise(
                f"The {name} part of the split is empty ({sizes} rows).",
                hint="change its share, or give more rows.",
            )
        if target and target.is_class and piece[target.name].n_unique() < 2:
            raise BrokenPromise(
                f"The {name} part has one class only: {target.name} is {piece[target.name][0]} "
                f"in all of its {piece.height:,} rows.",
                hint="split with kind='stratified', or give more rows.",
            )


def _check_folds(folds: pl.Series | list[int | None], part: pl.Series, name: str) -> pl.Series:
    """Return the folds as a column that is null outside train and validation."""
    values = pl.Series(name, folds)
    if len(values) != len(part):
        raise BrokenPromise(
            f"partition: {len(part):,} rows and {len(values):,} folds.", hint="give one for each row."
        )
    in_fold = part.is_in(["train", "validation"]).fill_null(False)
    known = values.filter(in_fold)
    if not values.dtype.is_integer() or known.null_count() or known.n_unique() < 2:
        raise BrokenPromise(
            "partition: folds are whole numbers, at least two different ones, one for each row of train and "
            f"validation; got {join_names((repr(v) for v in known.unique().sort()), 5)}.",
            hint="number the folds from 0, or leave them out.",
        )
    return values.cast(pl.Int64).set(~in_fold, None)


def convert_kind(value: Any, wanted: Promise) -> Any:
    """Convert a table, or each table in a list or tuple, to the wanted kind; keep the promise attached to it.

    The kinds are polars, lazy and pandas.

    Example:
        >>> convert_kind(pl.DataFrame({"x": [1]}), Promise("lazy")).collect().item()
        1
    """
    if isinstance(value, (list, tuple)):
        promises = wanted.items if wanted.kind == "tuple" else wanted.items[:1] * len(value)
        if promises:
            value = [convert_kind(v, p) for v, p in zip(value, promises, strict=False)]
        # Compare the text of the hint: in a promise from parse_kinds, the hint is a string.
        return tuple(value) if str(wanted.hint).startswith("tuple") else value
    if not wanted.is_table or not isinstance(value, (pl.DataFrame, pl.LazyFrame)):
        return value
    promise, table = attached_promise(value), _convert_table(value, wanted.kind)
    return attach_promise(table, promise) if promise else table


def format_kinds(wanted: Promise) -> str:
    """Write the table kinds of a promise as text, for another process: ``pandas``, or ``tuple table lazy``.

    Example:
        >>> format_kinds(Promise("list", list, items=(Promise("pandas"),)))
        'list pandas'
    """
    if wanted.kind not in ("tuple", "list"):
        return wanted.kind if wanted.is_table else ""
    # "tuple*" is a tuple of any length, whose members are all of one kind.
    outer = "tuple*" if wanted.kind == "list" and str(wanted.hint).startswith("tuple") else wanted.kind
    return " ".join([outer, *(i.kind if i.is_table else "any" for i in wanted.items)])


def parse_kinds(kinds: str) -> Promise:
    """Read the promise that ``format_kinds`` wrote.

    Example:
        >>> convert_kind([pl.DataFrame({"x": [1]})], parse_kinds("tuple* lazy"))[0].collect().item()
        1
    """
    first, *others = kinds.split() or ["any"]
    if first in ("any", *TABLE_KINDS):
        return Promise(first)
    return Promise("tuple" if first == "tuple" else "list", first, items=tuple(map(Promise, others)))


def _convert_table(table: pl.DataFrame | pl.LazyFrame, kind: str) -> Any:
    if kind == "lazy":
        return table.lazy()
    whole = table.collect() if isinstance(table, pl.LazyFrame) else table
    if kind != "pandas":
        return whole
    from magical.contracts.pandas_tables import to_pandas

    return to_pandas(whole)
