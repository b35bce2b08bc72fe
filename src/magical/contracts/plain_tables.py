"""Tables for plain calls of steps: validated against a contract, and marked with it."""

from __future__ import annotations

from typing import Any

import polars as pl
from pydantic import BaseModel

from magical.contracts.contract_fields import schema_of
from magical.contracts.promises import Promise, attach_promise
from magical.contracts.schema import Schema
from magical.contracts.tables import coerce_table, convert_pandas, to_polars
from magical.contracts.validation import Failure, find_failures
from magical.errors import BrokenPromise, ContractError, did_you_mean, join_names

__all__ = ["validate_table"]


def validate_table(table: Any, contract: type[BaseModel]) -> pl.DataFrame:
    """Validate a table that no step made, and mark it with its contract; see ``Contract.validate``.

    Example:
        >>> from magical import Contract
        >>> class Visit(Contract):
        ...     rooms: int
        >>> validate_table(pl.DataFrame({"rooms": [2.0], "note": ["x"]}), Visit).row(0)
        (2, 'x')
    """
    schema = schema_of(contract)
    if not schema.columns:
        hint = "call it on a contract of yours, such as Customer.validate(table)."
        raise ContractError(f"{schema.name} has no columns to validate.", hint=hint)
    is_pandas = type(table).__module__.partition(".")[0] == "pandas" and hasattr(table, "columns")
    frame = convert_pandas(table, schema, label="The table") if is_pandas else to_polars(table)
    frame = frame.with_columns(_coerce_column(frame[n], schema) for n in schema.names if n in frame.columns)
    if failures := find_failures(frame, schema):
        raise _broken_error(failures, frame, schema)
    marked: pl.DataFrame = attach_promise(frame, Promise("table", schema=schema))
    return marked


def _coerce_column(values: pl.Series, schema: Schema) -> pl.Series:
    """Convert a column to its type if no value changes; else return it as it is, for validation to report."""
    column = Schema(schema.name, (schema.column(values.name),))
    try:
        return coerce_table(values.to_frame(), column).to_series()
    except BrokenPromise:
        return values


def _broken_error(failures: list[Failure], frame: pl.DataFrame, schema: Schema) -> BrokenPromise:
    """Make the error of a table that breaks its contract; what concerns whole columns comes first."""
    failures = sorted(failures, key=lambda f: (f.count > 0, f.rule != "must be unique"))
    rows, least = max(f.count for f in failures), "at least " if len(failures) > 1 else ""
    what = f"{least}{rows:,} of {frame.height:,} rows break it" if failures[0].count else "its columns differ"
    shown = [f"  {f}" for f in failures[:3]]
    if len(failures) > 3:
        shown[2] = f"  {join_names((f'{f.column} {f.rule}' for f in failures[2:]), 2)}"
    hint = _suggest_fix(failures[0], frame, schema)
    return BrokenPromise(f"The table is no Frame[{schema.name}], {what}:", *shown, hint=hint)


def _suggest_fix(failure: Failure, frame: pl.DataFrame, schema: Schema) -> str:
    raw = f"model_data(table, {schema.name})"
    if failure.rule == "is missing":
        others = [name for name in frame.columns if name not in schema.by_name]
        near = did_you_mean(failure.column, others)
        return near if near.startswith("did you") else f"a raw table gets its names and types by {raw}."
    if not failure.count:
        return f"cast it, or read the values as the contract says: {raw}."
    if failure.rule == "must be unique":
        return f"drop the rows that repeat {failure.column}, or take Id off {schema.name}."
    return f"magical.filter(table, {schema.name}) takes these rows out; or widen {schema.name}."
