"""Values for a promise, generated from a seed: tables, splits, models, lists and single values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from magical.contracts.promises import PARTS, Parts, Promise, attach_promise
from magical.contracts.schema import Column, Schema
from magical.contracts.tables import partition, to_polars
from magical.errors import BrokenPromise, ContractError
from magical.synthesis.carry_over import collect_input_tables, flatten_inputs
from magical.synthesis.strategies import DEFAULT_ROWS, find_pretend_obstacle, pretend_error
from magical.synthesis.stub_models import build_stub_model, build_stub_pipeline
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

_PART_CYCLE = ("train", "validation", "test", "train", "train")  # small tables get all parts, too


def generate(
    promise: Promise,
    options: GenerateOptions,
    *,
    inputs: StepInputs = (),
    parents: Mapping[str, pl.DataFrame] | None = None,
) -> Any:
    """Generate a value for a promise; a table of any kind is returned as a polars DataFrame.

    Args:
        promise: the promise of the step's output.
        options: the seed, the rows of a new table, the share of nulls.
        inputs: the step's inputs, as promises and values, whose rows and columns may be taken over.
        parents: the tables that keys refer to, by the names of their contracts.

    Raises:
        ContractError: no value can be generated for this type or these bounds.

    Example:
        >>> from magical.contracts.promises import promise_of
        >>> generate(promise_of(tuple[int, bool]), GenerateOptions("seed"))
        (521646, False)
    """
    if find_pretend_obstacle(promise):
        raise pretend_error("This", promise)
    if promise.schema is not None and (promise.is_table or promise.kind == "parts"):
        table = generate_table(promise.schema, options, inputs=inputs, parents=parents)
        return table if promise.is_table else _split_table(table, promise, inputs)
    match promise.kind:
        case "tuple":
            each = [(p, _member_options(options, i)) for i, p in enumerate(promise.items)]
            return tuple(generate(p, o, inputs=inputs, parents=parents) for p, o in each)
        case "list":
            return _generate_list(promise, options, inputs, parents)
        case "none" | "receipt":
            return None
        case "model":
            return build_stub_model(inputs, options.seed)
        case "pipeline":
            return build_stub_pipeline(options.seed)
    hint = promise.annotated_hint or promise.hint
    if hasattr(hint, "__pretend__") and (found := _find_tested(inputs)) is not None:
        return hint.__pretend__(*found)  # such as scores, whose metrics depend on the target
    return generate_value(hint, options.seed)


def generate_table(
    schema: Schema,
    options: GenerateOptions,
    *,
    inputs: StepInputs = (),
    parents: Mapping[str, pl.DataFrame] | None = None,
) -> pl.DataFrame:
    """Generate a table that satisfies its contract; the same seed gives the same table on any machine.

    `magical.synthesis.carry_over` describes which rows and columns come from the inputs; the arguments are
    those of `generate`.

    Raises:
        ContractError: no value satisfies the bounds or the rules, or an example breaks them.

    Example:
        >>> from magical.contracts.schema import Column
        >>> age = Column("age", "int", bounds={"ge": 18, "le": 20})
        >>> customer = Schema("Customer", (Column("id", "int", role="id"), age))
        >>> generate_table(customer, GenerateOptions("seed", rows=3)).rows()
        [(1, 19), (2, 18), (3, 20)]
    """
    return build_table(schema, options, collect_input_tables(inputs), parents or {})


def _find_tested(inputs: StepInputs) -> tuple[Column, pl.Series] | None:
    """Find the target of the last input that has one, and its values; of a split, those of test."""
    found = None
    for promise, value in flatten_inputs(inputs):
        target = promise.schema.target if promise.schema else None
        table = value.test if isinstance(value, Parts) else value
        if promise.schema and target and (promise.is_table or promise.kind == "parts"):
            table = to_polars(table)
            if target in table.columns and not table.schema[target].is_nested():
                found = promise.schema.column(target), table.get_column(target)
    return found


def _member_options(options: GenerateOptions, number: int) -> GenerateOptions:
    return replace(options, seed=f"{options.seed}[{number}]")


def _generate_list(
    promise: Promise, options: GenerateOptions, inputs: StepInputs, parents: Mapping[str, pl.DataFrame] | None
) -> Any:
    """Generate a list as long as the first list input, member from member; without one, of three members."""
    sizes = (len(v) for p, v in inputs if p.kind == "list" and isinstance(v, (list, tuple)))
    size = next(sizes, DEFAULT_MEMBERS)
    members = []
    for i in range(size):
        member_inputs = [
            (p.items[0], v[i]) if p.kind == "list" and p.items and len(v) == size else (p, v)
            for p, v in inputs
        ]
        member = generate(
            promise.items[0], _member_options(options, i), inputs=member_inputs, parents=parents
        )
        members.append(member)
    return tuple(members) if str(promise.hint).startswith("tuple") else members


def _split_table(table: pl.DataFrame, promise: Promise, inputs: StepInputs) -> Parts[Any]:
    schema = promise.schema
    assert schema is not None
    table = attach_promise(table, Promise("table", schema=schema))
    try:
        return partition(table, _assign_parts(table, schema, inputs))
    except BrokenPromise as error:
        rows = f"{table.height:,} row{'s' * (table.height != 1)}"
        raise ContractError(
            f"{promise} cannot be pretended from {rows}: {error.lines[0]}", hint="pretend more rows."
        ) from None


def _assign_parts(table: pl.DataFrame, schema: Schema, inputs: StepInputs) -> pl.Series:
    """Return the part of each row: as in a split among the inputs, else by groups, else within each class."""
    for promise, value in inputs:
        sizes = [getattr(value, name).height for name in PARTS] if promise.kind == "parts" else []
        if sizes and sum(sizes) == table.height:
            return pl.Series([n for n, size in zip(PARTS, sizes, strict=True) for _ in range(size)])
    target = schema.column(schema.target) if schema.target else None
    classes = [target.name] if target and target.is_class else []
    if groups := schema.names_with_role("group"):
        parts = _cycle_parts(table, pl.col(groups[0]).rank("dense") - 1, schema.target)
        pieces = [table.filter(parts == name) for name in PARTS]
        # With few groups a part may be empty, or have one class only, which no model can be tested on.
        if all(p.height and (not classes or p[classes[0]].n_unique() > 1) for p in pieces):
            return parts
    number = pl.int_range(pl.len())
    return _cycle_parts(table, number.over(classes) if classes else number, schema.target)


def _cycle_parts(table: pl.DataFrame, number: pl.Expr, target: str | None) -> pl.Series:
    """Assign rows to parts by their number; a row without a target gets no part."""
    has_target = pl.col(target).is_not_null() if target else pl.lit(True)
    parts = pl.lit(pl.Series(_PART_CYCLE)).gather((number % len(_PART_CYCLE)).cast(pl.UInt32))
    return table.select(pl.when(has_target).then(parts).alias("part")).to_series()
