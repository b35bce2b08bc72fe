"""The step ``model_data``: convert a raw table to the typed table of a contract."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

import polars as pl

from magical.contracts.contract import Contract, schema_of
from magical.contracts.promises import Frame, contract_of
from magical.contracts.schema import TRAINING_ROLES, Column, Schema
from magical.contracts.tables import to_polars
from magical.contracts.validation import MAX_EXAMPLES, Failure
from magical.errors import BrokenPromise, WiringError, join_names, shorten
from magical.events import keep
from magical.library.column_matching import match_columns, suggest_alias
from magical.library.key_matching import enforce_keys, find_relations, with_key_types
from magical.library.remarks import warn
from magical.library.settled_marks import keep_settled
from magical.library.type_advice import suggest_type, write_hint
from magical.reading.casting import CastResult, cast
from magical.reading.number_reading import TableEvidence
from magical.steps import step

__all__ = ["model_data"]

C = TypeVar("C", bound=Contract)

_FEW_VALUES = 3  # fewer values than these are no mass, however small the table


def _promise_rows(
    raw: object,
    contract: type[Contract],
    parents: Sequence[Schema | None],
    target: bool,
    max_uncastable: float,
) -> Schema:
    """Check the arguments of ``model_data`` while the workflow is drawn, and return its contract."""
    if not 0 <= max_uncastable <= 1:
        raise WiringError(
            f"model_data: max_uncastable is {max_uncastable}, which is no share of values.",
            hint="give a number between 0 and 1.",
        )
    schema = schema_of(contract)
    find_relations(schema, parents)
    return schema if target else schema.without(schema.names_with_role(*TRAINING_ROLES))


@step(promises=_promise_rows)
def model_data(
    raw: Frame, contract: type[C], *parents: Frame, target: bool = True, max_uncastable: float = 0.05
) -> Frame[C]:
    """Convert a raw table to the columns and types of a contract.

    A column is found by the field's alias, else by its exact name, else by its name in snake case (``Income``
    and ``INCOME`` are ``income``). A value that cannot be cast becomes null and is counted (kept as
    ``uncastable``). Numbers and dates that another reader could read in another way are remarked (kept as
    ``readings``). Columns without a field keep their raw names, behind the others. The marks of numbers and
    the order of day and month that the texts show are kept as ``settled``: a registered model reads new rows
    by them.

    Args:
        raw: the rows; columns of texts are cast.
        contract: the contract of each row.
        parents: typed tables that keys of the contract refer to. A row whose key is no id of its parent is an
            orphan: an error, unless the key allows some by ``Orphans(share)`` (kept as ``orphans``).
        target: False for rows whose target is not known: the result then has no target and no weight, and
            those of the source, if there are any, are left out.
        max_uncastable: the largest share of a column's values that may become null; two always may.

    Returns:
        The same rows in the same order: the contract's columns in its order and types, then the others.

    Raises:
        BrokenPromise: a column is missing or ambiguous, its values can be read in two ways and nothing
            decides, values are null where the contract forbids it, too many values cannot be cast, or rows
            refer to no parent.
        WiringError: no key refers to a parent. Found while drawing.

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
    known = [contract_of(p) for p in parents]
    promised = _promise_rows(raw, contract, known, target, max_uncastable)
    table, schema = to_polars(raw), with_key_types(promised, known)
    if not target:
        table = _drop_columns(table, schema_of(contract), *TRAINING_ROLES)
    evidence, matches = TableEvidence(table), _match_columns(table, schema)
    sources = {name: table.get_column(raw_name) for name, raw_name in matches.items()}
    casts = {c.name: cast(sources[c.name], c, evidence) for c in schema.columns}
    _raise_conflict([*casts.values()], schema)
    _report_readings([*casts.values()])
    keep_settled({name: result.settled for name, result in casts.items()}, schema)
    advise = partial(_suggest_fix, schema=schema, sources=sources, evidence=evidence)
    _check_casts(casts, sources, schema, max_uncastable, advise)
    # A raw column may have the name of a field that another column filled: the raw one is dropped.
    taken = {*matches.values(), *schema.names}
    typed = pl.DataFrame([result.values for result in casts.values()])
    typed = typed.hstack([c for c in table.get_columns() if c.name not in taken])
    given = {schema.name: typed} | {k.name: to_polars(p) for k, p in zip(known, parents, strict=True)}
    enforce_keys(typed, schema, find_relations(schema, known), given)
    return typed


def _drop_columns(table: pl.DataFrame, schema: Schema, *roles: str) -> pl.DataFrame:
    """Drop the raw columns that the schema's columns of some roles mean."""
    columns = tuple(schema.column(name) for name in schema.names_with_role(*roles))
    matches, _ = match_columns(table.columns, replace(schema, columns=columns), label="model_data")
    return table.drop(matches.values())


def _match_columns(table: pl.DataFrame, schema: Schema) -> dict[str, str]:
    """Map the name of each column of the schema to the name of its raw column."""
    matches, missing = match_columns(table.columns, schema, label="model_data")
    if missing:
        names = [c.alias or c.name for c in missing]
        unused = [n for n in table.columns if n not in matches.values()]
        hint = suggest_alias(names, table.columns, unused, f"{schema.name}{_format_source(schema)}")
        if all(c.role in TRAINING_ROLES for c in missing):
            hint += f" Rows whose target is not known: model_data(raw, {schema.name}, target=False)."
        raise BrokenPromise(
            f"model_data promised Frame[{schema.name}], and the source lacks {join_names(names, 6)}.",
            f"  it has {join_names(table.columns, 15)}",
            hint=hint,
        )
    return matches


def _collect_failures(column: Column, source: pl.Series, failed: pl.Series, rule: str) -> list[Failure]:
    """Describe the rows that fail a rule in one column; empty if there are none."""
    count = int(failed.sum())
    if not count:
        return []
    rows = failed.arg_true().head(MAX_EXAMPLES)
    values = () if "null" in rule else tuple(dict.fromkeys(repr(shorten(v, 24)) for v in source.gather(rows)))
    return [Failure(column.name, rule, count, values, tuple(rows.to_list()))]


def _check_casts(
    casts: Mapping[str, CastResult],
    sources: Mapping[str, pl.Series],
    schema: Schema,
    max_uncastable: float,
    advise: Callable[[Failure], str],
) -> None:
    """Raise a BrokenPromise for values that must not be null, or for a mass of them; report the others."""
    uncastable, broken, masses, present = [], [], [], {}
    for column in schema.columns:
        result, source = casts[column.name], sources[column.name]
        found = _collect_failures(column, source, result.failed, _describe_rule(column, result))
        uncastable += found
        present[column.name] = len(source) - result.values.null_count() + sum(f.count for f in found)
        if not column.nullable:
            # A value that failed to cast is null now as well: report it once, under the better reason.
            empty = result.values.is_null() & ~result.failed
            broken += found + _collect_failures(column, source, empty, "must not be null")
        masses += [
            f for f in found if f.count >= _FEW_VALUES and f.count / present[f.column] > max_uncastable
        ]
    if broken:
        broken.sort(key=lambda f: not f.values)  # first what cannot be cast, then what is null in the source
        raise _broken_error(broken, schema, len(next(iter(sources.values()))), advise)
    if masses:
        raise _mass_error(masses, present, schema, advise)
    if uncastable:
        _report_uncastable(uncastable)


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


def _broken_error(
    failures: list[Failure], schema: Schema, height: int, advise: Callable[[Failure], str]
) -> BrokenPromise:
    # One row may fail in several columns: the largest count is the number of rows that surely fail.
    rows = max(f.count for f in failures)
    return BrokenPromise(
        f"model_data promised Frame[{schema.name}], but {rows:,} of {height:,} rows break it:",
        *_list_failures(failures),
        hint=advise(failures[0]),
    )


def _mass_error(
    masses: list[Failure], present: Mapping[str, int], schema: Schema, advise: Callable[[Failure], str]
) -> BrokenPromise:
    """Make the error about columns of which too many values would become null; the worst comes first."""
    masses = sorted(masses, key=lambda f: -f.count / present[f.column])
    worst, total = masses[0], present[masses[0].column]
    share = -(-worst.count * 100 // total) / 100
    return BrokenPromise(
        f"model_data promised Frame[{schema.name}], but {worst.count:,} of {total:,} values of "
        f"{worst.column} cannot be read:",
        *_list_failures(masses),
        hint=f"{advise(worst)[:-1]}; max_uncastable={share:g} makes them null.",
    )


def _list_failures(failures: list[Failure]) -> list[str]:
    shown = [f"  {f}" for f in failures[:3]]
    if len(failures) > 3:
        shown[2] = f"  {join_names((f'{f.column} {f.rule}' for f in failures[2:]), 2)}"
    return shown


def _suggest_fix(
    failure: Failure, schema: Schema, sources: Mapping[str, pl.Series], evidence: TableEvidence
) -> str:
    """Return a hint how to mend the first failure of a column; it never advises what loses a value."""
    column, place = schema.column(failure.column), f"{schema.name}{_format_source(schema)}"
    if not failure.values:
        if column.role == "id":  # an id is never null
            return "mend the source: an id is never null."
        nullable = replace(column, nullable=True)
        return f"mend the source, or write {column.name}: {write_hint(nullable)} in {place}."
    return suggest_type(sources[column.name], column, place, evidence)


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
