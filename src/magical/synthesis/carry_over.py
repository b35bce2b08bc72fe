"""Rows and columns that a generated table takes over from the inputs of its step.

Rows come from the first input with the same ``Id`` columns; else they are the distinct values of these
columns in the first input that has them all; else they are new. Without an ``Id`` they come from the first
input with a column in common. They never come from a table that the new one refers to by a ``Key``.

The input's columns with the same name and type are copied. Another input's columns are joined if each row
matches at most one of its rows, by a key or by its id, and at least one row matches; else they are drawn.
Copied values that break the new contract are redrawn; rows whose id breaks it are dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import polars as pl

from magical.contracts.dtypes import dtype_kind
from magical.contracts.promises import PARTS, Promise
from magical.contracts.schema import Column, Schema, match_keys
from magical.contracts.tables import to_polars
from magical.synthesis.column_values import find_invalid_rows

__all__ = [
    "InputTable",
    "carry_over_rows",
    "collect_input_tables",
    "drop_invalid_rows",
    "flatten_inputs",
]


class InputTable(NamedTuple):
    """A table among the inputs of a step, with its schema if it has one."""

    schema: Schema | None
    table: pl.DataFrame

    def has_column(self, column: Column) -> bool:
        """Return True if the table has a column of this name and type."""
        values = self.table.get_column(column.name, default=None)
        if values is None or column.type not in ("any", dtype_kind(values.dtype)):
            return False
        return not column.inner or column.inner in ("any", dtype_kind(values.dtype.inner))


def flatten_inputs(inputs: Iterable[tuple[Promise, Any]]) -> Iterator[tuple[Promise, Any]]:
    """Yield the inputs of a step, with the members of lists and tuples one by one.

    Example:
        >>> models = Promise("list", items=(Promise("model"),))
        >>> [value for _, value in flatten_inputs([(models, ["a", "b"]), (Promise("value"), "c")])]
        ['a', 'b', 'c']
    """
    for promise, value in inputs:
        if isinstance(value, (list, tuple)) and promise.items:
            items = promise.items if promise.kind == "tuple" else promise.items[:1] * len(value)
            yield from flatten_inputs(zip(items, value, strict=False))
        else:
            yield promise, value


def collect_input_tables(inputs: Iterable[tuple[Promise, Any]]) -> list[InputTable]:
    """Collect the tables among the inputs in order; the parts of a split are concatenated."""
    tables = []
    for promise, value in flatten_inputs(inputs):
        if promise.is_table and value is not None:
            tables.append(InputTable(promise.schema, to_polars(value)))
        elif promise.kind == "parts" and hasattr(value, "assignment"):
            parts = [to_polars(getattr(value, name)) for name in PARTS]
            tables.append(InputTable(promise.schema, pl.concat(parts, how="diagonal_relaxed")))
    return tables


def carry_over_rows(schema: Schema, sources: Sequence[InputTable]) -> pl.DataFrame | None:
    """Build the rows that a table takes over, with the columns that the inputs have; None if rows are new.

    Example:
        >>> orders = InputTable(None, pl.DataFrame({"customer": [7, 7, 8], "paid": [1.0, 2.0, 3.0]}))
        >>> carry_over_rows(Schema("Customer", (Column("customer", "int", role="id"),)), [orders]).rows()
        [(7,), (8,)]
    """
    found = _find_base_rows(schema, sources)
    if found is None:
        return None
    base, origin = found
    taken = {c.name for c in schema.columns if InputTable(None, base).has_column(c)}
    for source in sources:
        wanted = [c.name for c in schema.columns if c.name not in taken and source.has_column(c)]
        on = _find_join_keys(base, [schema, *([origin] if origin else [])], source)
        wanted = [n for n in wanted if n not in on.values()]
        joined = _join(base, source.table, on, wanted) if on and wanted else None
        if joined is not None:
            base, taken = joined, taken | set(wanted)
    return base.select(n for n in schema.names if n in taken)


def _find_base_rows(
    schema: Schema, sources: Sequence[InputTable]
) -> tuple[pl.DataFrame, Schema | None] | None:
    """Return the rows to take over, with their input's schema unless only ids are taken; None if new."""
    ids = [schema.column(n) for n in schema.ids]
    candidates = [s for s in sources if not _is_parent_table(schema, s)]
    if not ids:
        shared = (s for s in candidates if any(map(s.has_column, schema.columns)))
        return next(((s.table, s.schema) for s in shared), None)
    candidates = [s for s in candidates if all(map(s.has_column, ids))]
    same_id = [s for s in candidates if s.schema and set(s.schema.ids) == set(schema.ids)]
    if not candidates:
        return None
    origin, table = (same_id or candidates)[0]
    if not same_id:
        distinct = table.select(schema.ids).drop_nulls().unique(maintain_order=True)
        if distinct.height < table.height:  # several rows for one id: only the ids can be taken over
            origin, table = None, distinct
    return drop_invalid_rows(table, ids), origin


def _is_parent_table(schema: Schema, source: InputTable) -> bool:
    """Return True if the schema refers to an input by a key that the input itself does not have."""
    keys = [c for c in schema.columns if c.role == "key" and source.schema and c.parent == source.schema.name]
    return any(not source.has_column(k) for k in keys)


def drop_invalid_rows(table: pl.DataFrame, columns: Iterable[Column]) -> pl.DataFrame:
    """Drop the rows that break the contract of any of these columns; another type is not checked."""
    broken = find_invalid_rows(
        table, [c for c in columns if c.type in ("any", dtype_kind(table.schema[c.name]))]
    )
    return table.filter(~broken) if broken.any() else table


def _find_join_keys(base: pl.DataFrame, schemas: Sequence[Schema], source: InputTable) -> dict[str, str]:
    """Map columns of the rows to id columns of a source: by keys that refer to it, else by name."""
    ids = source.schema.ids if source.schema else []
    if not ids or not source.schema:
        return {}
    for schema in schemas:
        keys = [c.name for c in schema.columns if c.role == "key" and c.parent == source.schema.name]
        if len(keys) == len(ids) and set(keys) <= set(base.columns):
            return match_keys(keys, ids)
    if any(c.role == "key" and c.parent in {s.name for s in schemas} for c in source.schema.columns):
        return {}  # the source refers to these rows, so it may have several for each
    kinds = {n: dtype_kind(dtype) for n, dtype in base.schema.items()}
    same = all(n in kinds and kinds[n] == dtype_kind(source.table.schema[n]) for n in ids)
    return {n: n for n in ids} if same else {}


def _join(
    base: pl.DataFrame, other: pl.DataFrame, on: dict[str, str], wanted: list[str]
) -> pl.DataFrame | None:
    """Add columns of another table; None if a row could match several of its rows, or if no row matches."""
    right = other.select(pl.col(i).cast(base.schema[k], strict=False).alias(k) for k, i in on.items())
    right = right.with_columns(other.get_column(n) for n in wanted)
    if right.select(pl.struct(on.keys()).is_duplicated().any()).item():
        return None
    if not base.join(right, on=list(on), how="semi").height:
        return None  # the join would add nulls only
    return base.drop(wanted, strict=False).join(right, on=list(on), how="left", maintain_order="left")
