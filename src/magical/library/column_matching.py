"""The columns of a contract in a raw table: by alias, by exact name, or by the name in snake case."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Mapping, Sequence

from magical.contracts.schema import Column, Schema, to_snake_case
from magical.errors import BrokenPromise, join_names

__all__ = ["match_columns", "suggest_alias"]


def match_columns(names: Sequence[str], schema: Schema, *, label: str) -> tuple[dict[str, str], list[Column]]:
    """Find the column that each column of a schema means.

    Args:
        names: the names of the table's columns.
        label: names who asks, in messages.

    Returns:
        The name in the table by the name in the schema, and the columns of the schema that were not found.

    Raises:
        BrokenPromise: several columns could be meant by one.

    Example:
        >>> schema = Schema("S", (Column("income", "float"), Column("age", "int")))
        >>> match_columns(["Income", "id"], schema, label="S")[0]
        {'income': 'Income'}
    """
    matches: dict[str, str] = {}
    missing, raw, by_snake = [], set(names), None
    for column in schema.columns:
        if by_snake is None and not {column.alias, column.name} & raw:
            by_snake = _group_by_snake_case(names)  # only now: it is slow for thousands of columns
        found = _find_candidates(raw, by_snake or {}, column)
        if len(found) > 1:
            source = f" ({schema.source})" if schema.source else ""
            raise BrokenPromise(
                f"{label}: {join_names(map(repr, found), 4)} could all be {schema.name}.{column.name}.",
                hint=f'choose one with Field(alias="{found[0]}") in {schema.name}{source}, '
                "or rename one of them in the source.",
            )
        if found:
            matches[column.name] = found[0]
        else:
            missing.append(column)
    return matches, missing


def suggest_alias(missing: Sequence[str], columns: Sequence[str], unused: Sequence[str], place: str) -> str:
    """Suggest what to do about columns that were not found; ``place`` is where the contract stands."""
    if len(columns) == 1 < len(missing):
        return "is the source one column? If not, say how it is written: ingest(..., Reading(delimiter=...))."
    if near := difflib.get_close_matches(missing[0], unused, n=1):
        return f'did you mean {near[0]!r}? If so, set Field(alias="{near[0]}") in {place}.'
    return f'if a column has another name in the source, set Field(alias="...") in {place}.'


def _group_by_snake_case(names: Sequence[str]) -> Mapping[str, list[str]]:
    groups = defaultdict(list)
    for name in names:
        groups[to_snake_case(name)].append(name)
    return groups


def _find_candidates(names: set[str], by_snake: Mapping[str, list[str]], column: Column) -> list[str]:
    """Find the names of the raw columns that a column may mean; more than one is ambiguous."""
    by_alias, by_name = ([n] if n and n in names else [] for n in (column.alias, column.name))
    chosen = by_alias or by_name or by_snake.get(column.name, [])
    # A column with the field's own name beside the one with its alias is ambiguous too.
    return chosen + [n for n in by_name if n not in chosen]
