"""Make up what a promise says: tables, models, values, splits, lists and figures, from a seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from magical.contracts.promises import PARTS, Parts, Promise, attach_promise
from magical.contracts.schema import Schema
from magical.contracts.tables import partition
from magical.errors import BrokenPromise, ContractError
from magical.synthesis.carry_over import sources_of
from magical.synthesis.strategies import ROWS, cannot_pretend, refusal
from magical.synthesis.table_values import NULLS, How, table_of
from magical.synthesis.values import MEMBERS, value_of

__all__ = ["NULLS", "ROWS", "How", "cannot_pretend", "pretended", "pretended_table", "refusal"]

Given = Sequence[tuple[Promise, Any]]

_CYCLE = ("train", "validation", "test", "train", "train")


def pretended(
    promise: Promise,
    how: How,
    *,
    given: Given = (),
    parents: Mapping[str, pl.DataFrame] | None = None,
) -> Any:
    """Make up what is promised; a table comes as a polars DataFrame, whatever kind of table it is.

    Args:
        promise: what the step promises.
        how: the seed, how many rows a new table has, which share is null.
        given: the inputs of the step, as promises and values.
        parents: tables that hold the ids that keys refer to, by the names of their contracts.

    Raises:
        ContractError: it is of a type that cannot be made up, or its bounds leave nothing.

    Example:
        >>> from magical.contracts.promises import promise_of
        >>> pretended(promise_of(tuple[int, bool]), How("seed"))
        (521646, False)
    """
    if cannot_pretend(promise):
        raise refusal("This", promise)
    match promise.kind:
        case "table" | "lazy" | "pandas":
            return pretended_table(_schema(promise), how, given=given, parents=parents)
        case "parts":
            table = pretended_table(_schema(promise), how, given=given, parents=parents)
            try:
                return _parts(table, _schema(promise), given)
            except BrokenPromise as error:
                rows = f"{table.height:,} row{'s' * (table.height != 1)}"
                raise ContractError(
                    f"{promise} cannot be made up from {rows}: {error.lines[0]}", hint="pretend more rows."
                ) from None
        case "tuple":
            made = [
                pretended(p, _member(how, i), given=given, parents=parents)
                for i, p in enumerate(promise.items)
            ]
            return tuple(made)
        case "list":
            return _list(promise, how, given, parents)
        case "model":
            from magical.synthesis.stub_models import model_like

            return model_like(given, how.seed)
        case "pipeline":
            from magical.synthesis.stub_models import pipeline_like

            return pipeline_like(how.seed)
    return None if promise.kind in ("none", "receipt") else value_of(promise.annotated_hint or promise.hint, how.seed)


def pretended_table(
    schema: Schema,
    how: How,
    *,
    given: Given = (),
    parents: Mapping[str, pl.DataFrame] | None = None,
) -> pl.DataFrame:
    """Make up a table that keeps its contract; the same seed gives the same table on any machine.

    Rows come from the first input with the same ``Id`` columns, else from the different values of those
    columns where an input has them all, else they are new; without an ``Id``, from the first input that has
    one column in common; never from one that the table names by a ``Key``. A column that this input has with
    the same name and type is copied. Other inputs give their columns too where a row can meet but one of
    theirs: by a key that names it, else by their own id. A copied value that the contract forbids is drawn
    anew, and a row whose id it forbids is left out.

    Args:
        schema: what the table promises.
        how: the seed, how many rows a new table has, which share is null.
        given: the inputs of the step, as promises and values.
        parents: tables that hold the ids that keys refer to, by the names of their contracts.

    Raises:
        ContractError: bounds or rules that no value keeps, or an example that breaks them.

    Example:
        >>> from magical.contracts.schema import Column
        >>> age = Column("age", "int", bounds={"ge": 18, "le": 20})
        >>> customer = Schema("Customer", (Column("id", "int", role="id"), age))
        >>> pretended_table(customer, How("seed", rows=3)).rows()
        [(1, 19), (2, 18), (3, 20)]
    """
    return table_of(schema, how, sources_of(given), parents or {})


def _schema(promise: Promise) -> Schema:
    if promise.schema is None:
        raise refusal("This", promise)
    return promise.schema


def _member(how: How, number: int) -> How:
    return replace(how, seed=f"{how.seed}[{number}]")


def _list(promise: Promise, how: How, given: Given, parents: Mapping[str, pl.DataFrame] | None) -> Any:
    """As many members as a list among the inputs has, each made from the member at its place; else three."""
    size = next((len(v) for p, v in given if p.kind == "list" and isinstance(v, (list, tuple))), MEMBERS)
    made = []
    for number in range(size):
        mine = [
            (p.items[0], v[number]) if p.kind == "list" and p.items and len(v) == size else (p, v)
            for p, v in given
        ]
        made.append(pretended(promise.items[0], _member(how, number), given=mine, parents=parents))
    return tuple(made) if str(promise.hint).startswith("tuple") else made


def _parts(table: pl.DataFrame, schema: Schema, given: Given) -> Parts[Any]:
    """Cut a table: as the split among the inputs is cut, else by groups, else within each class."""
    table = attach_promise(table, Promise("table", schema=schema))
    for promise, value in given:
        sizes = [getattr(value, name).height for name in PARTS] if promise.kind == "parts" else []
        if sizes and sum(sizes) == table.height:
            return partition(table, [n for n, size in zip(PARTS, sizes, strict=True) for _ in range(size)])
    target = schema.column(schema.target) if schema.target else None
    classed = target is not None and target.is_class
    names = [target.name] if target and classed else []
    groups = schema.names_with_role("group")
    if groups:
        part = _cycled(table, pl.col(groups[0]).rank("dense") - 1, schema.target)
        cut = [table.filter(part == name) for name in PARTS]
        if all(c.height and (not names or c[names[0]].n_unique() > 1) for c in cut):
            return partition(table, part)
    number = pl.int_range(pl.len())
    return partition(table, _cycled(table, number.over(names) if names else number, schema.target))


def _cycled(table: pl.DataFrame, number: pl.Expr, target: str | None) -> pl.Series:
    """Which part each row goes to; a row without a target to none."""
    there = pl.col(target).is_not_null() if target else pl.lit(True)
    place = (number % len(_CYCLE)).cast(pl.UInt32)
    parts = pl.lit(pl.Series(_CYCLE)).gather(place)
    return table.select(pl.when(there).then(parts).alias("part")).to_series()
