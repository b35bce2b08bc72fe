"""What made-up rows take over from the inputs of the step that promises them.

Rows come from the first input with the same ``Id`` columns, else from the different values of those columns
where an input has them all, else they are new; without an ``Id``, from the first input that has one column
in common; never from one that the table names by a ``Key``. A column that this input has with the same name
and type is copied. Other inputs give their columns too where a row can meet but one of theirs: by a key that
names it, else by their own id; where no row meets any, these columns are drawn. A copied value that the new
contract forbids is drawn anew, and a row whose id it forbids is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import polars as pl

from magical.contracts.dtypes import dtype_kind
from magical.contracts.promises import PARTS, Promise
from magical.contracts.schema import Column, Schema
from magical.contracts.tables import to_polars
from magical.contracts.validation import build_column_checks

__all__ = ["InputTable", "carry_over_rows", "collect_input_tables", "match_keys"]


class InputTable(NamedTuple):
    """A table among the inputs, and what it promises, if anything."""

    schema: Schema | None
    table: pl.DataFrame

    def has_column(self, column: Column) -> bool:
        """Whether it has a column of this name and type."""
        dtype = self.table.schema.get(column.name)
        if dtype is None or column.type not in ("any", dtype_kind(dtype)):
            return False
        return not column.inner or column.inner in ("any", dtype_kind(dtype.inner))  # type: ignore[attr-defined]


def collect_input_tables(inputs: Sequence[tuple[Promise, Any]]) -> list[InputTable]:
    """Give the tables among the inputs in order; the parts of a split are one table."""
    return [source for promise, value in inputs for source in _iter_input_tables(promise, value)]


def _iter_input_tables(promise: Promise, value: Any) -> Iterator[InputTable]:
    if promise.is_table and value is not None:
        yield InputTable(promise.schema, to_polars(value))
    elif promise.kind == "parts" and hasattr(value, "assignment"):
        tables = [to_polars(getattr(value, name)) for name in PARTS]
        yield InputTable(promise.schema, pl.concat(tables, how="vertical_relaxed"))
    elif promise.kind in ("list", "tuple") and isinstance(value, (list, tuple)):
        items = promise.items if promise.kind == "tuple" else promise.items[:1] * len(value)
        for item, member in zip(items, value, strict=False):
            yield from _iter_input_tables(item, member)


def carry_over_rows(schema: Schema, sources: Sequence[InputTable]) -> pl.DataFrame | None:
    """Give the rows that a table takes over, with the columns that it wants; none if all is new."""
    found = _find_base_rows(schema, sources)
    if found is None:
        return None
    base, origin = found
    taken = {
        c.name for c in schema.columns if c.name in base.columns and InputTable(None, base).has_column(c)
    }
    for source in sources:
        wanted = [c.name for c in schema.columns if c.name not in taken and source.has_column(c)]
        on = _find_join_keys(base, [schema, *([origin] if origin else [])], source)
        wanted = [n for n in wanted if n not in on.values()]
        joined = _join(base, source.table, on, wanted) if on and wanted else None
        if joined is not None:
            base, taken = joined, taken | set(wanted)
    return base.select(n for n in schema.names if n in taken)


def match_keys(keys: Sequence[str], ids: Sequence[str]) -> dict[str, str]:
    """Say which of a parent's ids each key holds: by name, else in order.

    Example:
        >>> match_keys(["visit_day", "visit_shop"], ["shop", "day"]), match_keys(["a", "b"], ["shop", "day"])
        ({'visit_day': 'day', 'visit_shop': 'shop'}, {'a': 'shop', 'b': 'day'})
    """
    named = {k: next((i for i in ids if k == i or k.endswith(f"_{i}")), "") for k in keys}
    if all(named.values()) and len(set(named.values())) == len(keys):
        return named
    return dict(zip(keys, ids, strict=False))


def _find_base_rows(
    schema: Schema, sources: Sequence[InputTable]
) -> tuple[pl.DataFrame, Schema | None] | None:
    ids = [schema.column(n) for n in schema.ids]
    mine = [s for s in sources if not _is_parent_table(schema, s)]
    if not ids:
        shared = (s for s in mine if any(map(s.has_column, schema.columns)))
        return next(((s.table, s.schema) for s in shared), None)
    able = [s for s in mine if all(map(s.has_column, ids))]
    same = [s for s in able if s.schema and set(s.schema.ids) == set(schema.ids)]
    if same:
        return _drop_invalid_ids(same[0].table, ids), same[0].schema
    if able:
        table, origin = able[0].table, able[0].schema
        distinct = table.select(schema.ids).drop_nulls().unique(maintain_order=True)
        one_each = distinct.height == table.height
        return (
            (_drop_invalid_ids(table, ids), origin) if one_each else (_drop_invalid_ids(distinct, ids), None)
        )
    return None


def _is_parent_table(schema: Schema, source: InputTable) -> bool:
    """Whether a table's rows are not those of a source, but name them by a key which that has not itself."""
    keys = [c for c in schema.columns if c.role == "key" and source.schema and c.parent == source.schema.name]
    return any(not source.has_column(k) for k in keys)


def _drop_invalid_ids(table: pl.DataFrame, ids: Sequence[Column]) -> pl.DataFrame:
    checks = [k for c in ids for k in build_column_checks(c, table.schema[c.name])]
    broken = table.select(pl.any_horizontal(c.broken for c in checks)).to_series() if checks else None
    return table if broken is None or not broken.any() else table.filter(~broken)


def _find_join_keys(base: pl.DataFrame, schemas: Sequence[Schema], source: InputTable) -> dict[str, str]:
    """Which columns of the rows name one row of a source: by its id, else by keys that hold it."""
    ids = source.schema.ids if source.schema else []
    if not ids or not source.schema:
        return {}
    for schema in schemas:
        keys = [c.name for c in schema.columns if c.role == "key" and c.parent == source.schema.name]
        if len(keys) == len(ids) and set(keys) <= set(base.columns):
            return match_keys(keys, ids)
    if any(c.role == "key" and c.parent in {s.name for s in schemas} for c in source.schema.columns):
        return {}  # it has several rows for one of these
    same = all(
        n in base.columns and dtype_kind(base.schema[n]) == dtype_kind(source.table.schema[n]) for n in ids
    )
    return {n: n for n in ids} if same else {}


def _join(
    base: pl.DataFrame, other: pl.DataFrame, on: dict[str, str], wanted: list[str]
) -> pl.DataFrame | None:
    right = other.select(pl.col(i).cast(base.schema[k], strict=False).alias(k) for k, i in on.items())
    right = right.with_columns(other.get_columns()[other.columns.index(n)] for n in wanted)
    if right.select(pl.struct(on.keys()).is_duplicated().any()).item():
        return None
    if not base.join(right, on=list(on), how="semi").height:
        return None  # it meets none of them: all would be missing
    return base.drop(wanted, strict=False).join(right, on=list(on), how="left", maintain_order="left")
