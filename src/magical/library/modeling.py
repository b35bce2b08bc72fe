"""The step ``model_data``: convert a raw table to the typed table of a contract."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TypeVar

import polars as pl

from magical.contracts.contract import Contract, schema_of
from magical.contracts.promises import Frame
from magical.contracts.schema import Column, Schema, to_snake_case
from magical.contracts.tables import to_polars
from magical.contracts.validation import MAX_EXAMPLES, Failure
from magical.errors import BrokenPromise, did_you_mean, join_names, shorten
from magical.events import keep
from magical.library.remarks import warn
from magical.reading.casting import CastResult, cast
from magical.reading.date_parsing import infer_date_format
from magical.reading.number_reading import TableEvidence
from magical.steps import step

__all__ = ["model_data"]

C = TypeVar("C", bound=Contract)


@step
def model_data(raw: Frame, contract: type[C]) -> Frame[C]:
    """Convert a raw table to the columns and types of a contract.

    A column is found by the field's alias, else by its exact name, else by its name in snake case (``Income``
    and ``INCOME`` are ``income``). A value that cannot be cast becomes null and is counted (kept as
    ``uncastable``). Numbers and dates that another reader could read in another way are remarked (kept as
    ``readings``). Columns without a field keep their raw names, behind the others.

    Returns:
        The same rows in the same order: the contract's columns in its order and types, then the others.

    Raises:
        BrokenPromise: a column is missing or ambiguous, its values can be read in two ways and nothing
            decides, or values are null where the contract forbids it.

    Example:
        >>> from magical import Field
        >>> class Customer(Contract):
        ...     id: int
        ...     income: float | None
        ...     enrolled: str = Field(alias="Dt_Customer")
        >>> raw = pl.DataFrame({"ID": ["7"], "Income": ["n/a"], "Dt_Customer": ["2012"], "Kids": ["2"]})
        >>> model_data(raw, Customer).to_dicts()
        [{'id': 7, 'income': None, 'enrolled': '2012', 'Kids': '2'}]
    """
    table, schema = to_polars(raw), schema_of(contract)
    matches = _match_columns(table, schema)
    columns, uncastable, empty, casts = [], [], [], list[CastResult]()
    evidence = TableEvidence(table)
    for column in schema.columns:
        source = table.get_column(matches[column.name])
        casts.append(cast(source, column, evidence))
        values, failed = casts[-1].values, casts[-1].failed
        columns.append(values)
        uncastable += _collect_failures(column, source, failed, _describe_rule(column, casts[-1]))
        if not column.nullable:
            # A value that failed to cast is null now as well: report it once, under the better reason.
            empty += _collect_failures(column, source, values.is_null() & ~failed, "must not be null")
    _raise_conflict(casts, schema)
    _report_readings(casts)
    _raise_failures(
        [f for f in uncastable if not schema.by_name[f.column].nullable] + empty, schema, table.height
    )
    if uncastable:
        _report_uncastable(uncastable)
    # A raw column may have the name of a field that another column filled: the raw one is dropped.
    taken = {*matches.values(), *schema.names}
    return pl.DataFrame(columns).hstack([c for c in table.get_columns() if c.name not in taken])


def _match_columns(table: pl.DataFrame, schema: Schema) -> dict[str, str]:
    """Map the name of each column of the schema to the name of its raw column."""
    matches: dict[str, str] = {}
    missing, raw, by_snake = [], set(table.columns), defaultdict(list)
    for name in table.columns:
        by_snake[to_snake_case(name)].append(name)
    for column in schema.columns:
        names = _find_candidates(raw, by_snake, column)
        if len(names) > 1:
            raise BrokenPromise(
                f"model_data: {join_names(map(repr, names), 4)} could all be {schema.name}.{column.name}.",
                hint=f'choose one with Field(alias="{names[0]}") in {schema.name}{_format_source(schema)}, '
                "or rename one of them in the source.",
            )
        if names:
            matches[column.name] = names[0]
        else:
            missing.append(column.alias or column.name)
    if missing:
        unused = [n for n in table.columns if n not in matches.values()]
        near = did_you_mean(missing[0], unused).split("? ")[0]
        raise BrokenPromise(
            f"model_data promised Frame[{schema.name}], and the source lacks {join_names(missing, 6)}.",
            f"  it has {join_names(table.columns, 15)}",
            hint=f'{near}? If so, set Field(alias="...").'
            if near.startswith("did you")
            else (
                'if a column has another name in the source, set Field(alias="...") in '
                f"{schema.name}{_format_source(schema)}."
            ),
        )
    return matches


def _find_candidates(names: set[str], by_snake: Mapping[str, list[str]], column: Column) -> list[str]:
    """Find the names of the raw columns that a column may mean; more than one is ambiguous."""
    by_alias, by_name = ([n] if n and n in names else [] for n in (column.alias, column.name))
    chosen = by_alias or by_name or by_snake.get(column.name, [])
    # A column with the field's own name beside the one with its alias is ambiguous too.
    return chosen + [n for n in by_name if n not in chosen]


def _collect_failures(column: Column, source: pl.Series, failed: pl.Series, rule: str) -> list[Failure]:
    """Describe the rows that fail a rule in one column; empty if there are none."""
    count = int(failed.sum())
    if not count:
        return []
    rows = failed.arg_true().head(MAX_EXAMPLES)
    values = () if "null" in rule else tuple(dict.fromkeys(repr(shorten(v, 24)) for v in source.gather(rows)))
    return [Failure(column.name, rule, count, values, tuple(rows.to_list()))]


def _describe_rule(column: Column, result: CastResult) -> str:
    return f"must be {column.type_text}{f' ({result.reason})' if result.reason else ''}"


def _raise_conflict(casts: list[CastResult], schema: Schema) -> None:
    """Raise a BrokenPromise for columns whose texts have two readings, with the line that decides."""
    conflicts = [c for c in casts if c.conflict]
    if not conflicts:
        return
    first, place = conflicts[0], f"{schema.name}{_format_source(schema)}"
    shown = [f"  {c.values.name}: {c.conflict}" for c in conflicts[:2]]
    if len(conflicts) > 2:
        shown.append(f"  and the same in {join_names((c.values.name for c in conflicts[2:]), 6)}")
    columns = schema.by_name
    lines = [_annotate(columns[first.values.name], fix) for fix in first.fixes]
    hint = f"write {' or '.join(lines)} in {place}." if lines else "convert them to one in the source."
    raise BrokenPromise(
        f"model_data promised Frame[{schema.name}], and nothing decides how its source is written:",
        *shown,
        hint=hint,
    )


def _annotate(column: Column, mark: str) -> str:
    """Write the line of a field with a mark of how the source writes it."""
    kind = {"duration": "timedelta"}.get(column.type, column.type)
    hint = f"Annotated[{kind}, {mark}]{' | None' if column.nullable else ''}"
    return f"{column.name}: {column.role.capitalize()}[{hint}]" if column.role else f"{column.name}: {hint}"


def _report_readings(casts: list[CastResult]) -> None:
    """Keep the table ``readings`` of what another reader could have read in another way, and warn of each."""
    rows = [
        (c.values.name, n.example, n.read_as, n.also_possible, ", ".join(filter(None, [n.how, n.why])))
        for c in casts
        for n in c.notes
        if n.otherwise
    ]
    if rows:
        names = ["column", "example", "read as", "also possible", "why"]
        keep("readings", pl.DataFrame(rows, orient="row", schema=names))
    for result in casts:
        if result.remark:
            warn(result.remark)


def _raise_failures(failures: list[Failure], schema: Schema, height: int) -> None:
    if not failures:
        return
    # One row may fail in several columns: the largest count is the number of rows that surely fail.
    rows = max(f.count for f in failures)
    shown = [f"  {f}" for f in failures[:3]]
    if len(failures) > 3:
        shown[2] = f"  {join_names((f'{f.column} {f.rule}' for f in failures[2:]), 2)}"
    raise BrokenPromise(
        f"model_data promised Frame[{schema.name}], but {rows:,} of {height:,} rows break it:",
        *shown,
        hint=_suggest_fix(failures[0], schema),
    )


def _suggest_fix(failure: Failure, schema: Schema) -> str:
    """Return a hint how to mend the first failure of a column."""
    column, place = schema.column(failure.column), f"{schema.name}{_format_source(schema)}"
    if column.type in ("date", "datetime") and failure.values:
        guess = infer_date_format(v.strip("'\"") for v in failure.values) or column.format or "%d-%m-%Y"
        return (
            f'say how the source writes it: {column.name}: Annotated[{column.type}, Format("{guess}")] '
            f"in {place}."
        )
    if column.role == "id":  # an id is never null, so the wider type that helps others does not help here
        return f"mend the source, or give {column.name} another type in {place}."
    wider = f"{column.type_text} | None"
    wider = f"{column.role.capitalize()}[{wider}]" if column.role else wider
    return f"mend the source, or write {column.name}: {wider} in {place}."


def _report_uncastable(uncastable: list[Failure]) -> None:
    """Keep the table ``uncastable``, and warn of the first five columns."""
    rows = [(f.column, f.rule, f.count, ", ".join(f.values), ", ".join(map(str, f.rows))) for f in uncastable]
    keep("uncastable", pl.DataFrame(rows, orient="row", schema=["column", "rule", "count", "values", "rows"]))
    for failure in uncastable[:5]:
        plural = "value is" if failure.count == 1 else "values are"
        warn(f"{failure.count:,} {plural} null now: {failure}")
    if len(uncastable) > 5:
        warn(f"and values of {len(uncastable) - 5} more columns; `uncastable` has them all.")


def _format_source(schema: Schema) -> str:
    return f" ({schema.source})" if schema.source else ""
