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
from magical.synthesis.carry_over import collect_input_tables
from magical.synthesis.strategies import DEFAULT_ROWS, find_pretend_obstacle, pretend_error
from magical.synthesis.table_values import NULL_SHARE, GenerateOptions, build_table
from magical.synthesis.values import DEFAULT_MEMBERS, generate_value

__all__ = [
    "DEFAULT_ROWS",
    "NULL_SHARE",
    "GenerateOptions",
    "find_pretend_obstacle",
    "generate",
    "generate_table",
    "pretend_error",
]

StepInputs = Sequence[tuple[Promise, Any]]

_PART_CYCLE = ("train", "validation", "test", "train", "train")


def generate(
    promise: Promise,
    options: GenerateOptions,
    *,
    inputs: StepInputs = (),
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
        >>> generate(promise_of(tuple[int, bool]), How("seed"))
        (521646, False)
    """
    if find_pretend_obstacle(promise):
        raise pretend_error("This", promise)
    match promise.kind:
        case "table" | "lazy" | "pandas":
            return generate_table(_require_schema(promise), options, inputs=inputs, parents=parents)
        case "parts":
            table = generate_table(_require_schema(promise), options, inputs=inputs, parents=parents)
            try:
                return _split_table(table, _require_schema(promise), inputs)
            except BrokenPromise as error:
                rows = f"{table.height:,} row{'s' * (table.height != 1)}"
                raise ContractError(
                    f"{promise} cannot be made up from {rows}: {error.lines[0]}", hint="pretend more rows."
                ) from None
        case "tuple":
            made = [
                generate(p, _member_options(options, i), inputs=inputs, parents=parents)
                for i, p in enumerate(promise.items)
            ]
            return tuple(made)
        case "list":
            return _generate_list(promise, options, inputs, parents)
        case "model":
            from magical.synthesis.stub_models import build_stub_model

            return build_stub_model(inputs, options.seed)
        case "pipeline":
            from magical.synthesis.stub_models import build_stub_pipeline

            return build_stub_pipeline(options.seed)
    return (
        None
        if promise.kind in ("none", "receipt")
        else generate_value(promise.annotated_hint or promise.hint, options.seed)
    )


def generate_table(
    schema: Schema,
    options: GenerateOptions,
    *,
    inputs: StepInputs = (),
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
        >>> generate_table(customer, How("seed", rows=3)).rows()
        [(1, 19), (2, 18), (3, 20)]
    """
    return build_table(schema, options, collect_input_tables(inputs), parents or {})


def _require_schema(promise: Promise) -> Schema:
    if promise.schema is None:
        raise pretend_error("This", promise)
    return promise.schema


def _member_options(options: GenerateOptions, number: int) -> GenerateOptions:
    return replace(options, seed=f"{options.seed}[{number}]")


def _generate_list(
    promise: Promise, options: GenerateOptions, inputs: StepInputs, parents: Mapping[str, pl.DataFrame] | None
) -> Any:
    """As many members as a list among the inputs has, each made from the member at its place; else three."""
    size = next(
        (len(v) for p, v in inputs if p.kind == "list" and isinstance(v, (list, tuple))), DEFAULT_MEMBERS
    )
    made = []
    for number in range(size):
        mine = [
            (p.items[0], v[number]) if p.kind == "list" and p.items and len(v) == size else (p, v)
            for p, v in inputs
        ]
        made.append(
            generate(promise.items[0], _member_options(options, number), inputs=mine, parents=parents)
        )
    return tuple(made) if str(promise.hint).startswith("tuple") else made


def _split_table(table: pl.DataFrame, schema: Schema, inputs: StepInputs) -> Parts[Any]:
    """Cut a table: as the split among the inputs is cut, else by groups, else within each class."""
    table = attach_promise(table, Promise("table", schema=schema))
    for promise, value in inputs:
        sizes = [getattr(value, name).height for name in PARTS] if promise.kind == "parts" else []
        if sizes and sum(sizes) == table.height:
            return partition(table, [n for n, size in zip(PARTS, sizes, strict=True) for _ in range(size)])
    target = schema.column(schema.target) if schema.target else None
    classed = target is not None and target.is_class
    names = [target.name] if target and classed else []
    groups = schema.names_with_role("group")
    if groups:
        part = _assign_parts(table, pl.col(groups[0]).rank("dense") - 1, schema.target)
        cut = [table.filter(part == name) for name in PARTS]
        if all(c.height and (not names or c[names[0]].n_unique() > 1) for c in cut):
            return partition(table, part)
    number = pl.int_range(pl.len())
    return partition(table, _assign_parts(table, number.over(names) if names else number, schema.target))


def _assign_parts(table: pl.DataFrame, number: pl.Expr, target: str | None) -> pl.Series:
    """Which part each row goes to; a row without a target to none."""
    there = pl.col(target).is_not_null() if target else pl.lit(True)
    place = (number % len(_PART_CYCLE)).cast(pl.UInt32)
    parts = pl.lit(pl.Series(_PART_CYCLE)).gather(place)
    return table.select(pl.when(there).then(parts).alias("part")).to_series()
