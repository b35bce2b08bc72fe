"""model_data: a raw table as the typed table of a contract."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
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
from magical.reading.casting import cast
from magical.reading.date_parsing import infer_date_format
from magical.steps import step

__all__ = ["model_data"]

C = TypeVar("C", bound=Contract)


@step
def model_data(raw: Frame, contract: type[C]) -> Frame[C]:
    """Give a raw table the columns and types of a contract.

    A column is found by the field's alias, else by its exact name, else by its name in snake case (``Income``
    and ``INCOME`` are ``income``). A value that cannot be cast becomes null and is counted (kept as
    ``uncastable``). Columns that no field takes pass through behind the others, under their raw names.

    Args:
        raw: any table, such as ``ingest`` gives.
        contract: what each row promises.

    Returns:
        As many rows in the same order: the contract's columns in its order and types, then the others.

    Raises:
        BrokenPromise: a column is missing or found twice, or values are null where the contract wants one.

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
    found = _match_columns(table, schema)
    columns, uncastable, empty = [], [], []
    for column in schema.columns:
        source = table.get_column(found[column.name])
        values, failed = cast(source, column)
        columns.append(values)
        uncastable += _collect_failures(column, source, failed, f"must be {column.type_text}")
        if not column.nullable:
            empty += _collect_failures(column, source, values.is_null() & ~failed, "must not be null")
    _raise_failures(
        [f for f in uncastable if not schema.by_name[f.column].nullable] + empty, schema, table.height
    )
    if uncastable:
        _report_uncastable(uncastable)
    taken = {*found.values(), *schema.names}
    return pl.DataFrame(columns).hstack([c for c in table.get_columns() if c.name not in taken])


def _match_columns(table: pl.DataFrame, schema: Schema) -> dict[str, str]:
    """For each column of the schema the raw column it is found in."""
    found: dict[str, str] = {}
    missing, raw, by_snake = [], set(table.columns), defaultdict(list)
    for name in table.columns:
        by_snake[to_snake_case(name)].append(name)
    for column in schema.columns:
        names = _candidates(raw, by_snake, column)
        if len(names) > 1:
            raise BrokenPromise(
                f"model_data: {join_names(map(repr, names), 4)} could all be {schema.name}.{column.name}.",
                hint=f'say which by Field(alias="{names[0]}") in {schema.name}{_format_source(schema)}, '
                "or rename one of them in the source.",
            )
        if names:
            found[column.name] = names[0]
        else:
            missing.append(column.alias or column.name)
    if missing:
        unused = [n for n in table.columns if n not in found.values()]
        near = did_you_mean(missing[0], unused).split("? ")[0]
        raise BrokenPromise(
            f"model_data promised Frame[{schema.name}], and the source lacks {join_names(missing, 6)}.",
            f"  it has {join_names(table.columns, 15)}",
            hint=f'{near}? Field(alias="...") names a column.'
            if near.startswith("did you")
            else (
                f'Field(alias="...") in {schema.name}{_format_source(schema)} names a column that '
                "is called otherwise."
            ),
        )
    return found


def _candidates(names: set[str], by_snake: Mapping[str, list[str]], column: Column) -> list[str]:
    """The raw columns that could be meant: those of the first rule that finds any, and who has the name."""
    exact = [[n] if n and n in names else [] for n in (column.alias, column.name)]
    by_rule = [*exact, by_snake.get(column.name, [])]
    chosen = next((matches for matches in by_rule if matches), [])
    other = [n for n in by_rule[1] if n not in chosen]
    return chosen + other


def _collect_failures(column: Column, source: pl.Series, failed: pl.Series, rule: str) -> list[Failure]:
    count = int(failed.sum())
    if not count:
        return []
    rows = failed.arg_true().head(MAX_EXAMPLES)
    values = () if "null" in rule else tuple(dict.fromkeys(repr(shorten(v, 24)) for v in source.gather(rows)))
    return [Failure(column.name, rule, count, values, tuple(rows.to_list()))]


def _raise_failures(failures: list[Failure], schema: Schema, height: int) -> None:
    if not failures:
        return
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
    column = schema.column(failure.column)
    if column.type in ("date", "datetime") and failure.values:
        guess = infer_date_format(v.strip("'\"") for v in failure.values) or column.format or "%d-%m-%Y"
        return (
            f'say how the source writes it: {column.name}: Annotated[{column.type}, Format("{guess}")] '
            f"in {schema.name}{_format_source(schema)}."
        )
    if column.role == "id":
        return (
            f"mend the source, or give {column.name} another type in {schema.name}{_format_source(schema)}."
        )
    hint = (
        f"{column.role.capitalize()}[{column.type_text} | None]"
        if column.role
        else f"{column.type_text} | None"
    )
    return f"mend the source, or write {column.name}: {hint} in {schema.name}{_format_source(schema)}."


def _report_uncastable(uncastable: list[Failure]) -> None:
    rows = [(f.column, f.rule, f.count, ", ".join(f.values), ", ".join(map(str, f.rows))) for f in uncastable]
    keep("uncastable", pl.DataFrame(rows, orient="row", schema=["column", "rule", "count", "values", "rows"]))
    for text in _describe_uncastable(uncastable):
        warn(text)


def _describe_uncastable(uncastable: list[Failure]) -> Iterator[str]:
    for failure in uncastable[:5]:
        plural = "value is" if failure.count == 1 else "values are"
        yield f"{failure.count:,} {plural} null now: {failure}"
    if len(uncastable) > 5:
        yield f"and values of {len(uncastable) - 5} more columns; `uncastable` has them all."


def _format_source(schema: Schema) -> str:
    return f" ({schema.source})" if schema.source else ""
