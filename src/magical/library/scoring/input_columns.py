"""The columns of a source that a model needs: matched by name, and checked before any row is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from magical.contracts.dtypes import dtype_kind
from magical.contracts.schema import Column, Schema, to_snake_case
from magical.errors import BrokenPromise, did_you_mean, join_names

__all__ = ["match_input_columns"]

_NUMBERS = ("int", "float", "bool", "str", "decimal")
# The kinds of values that may be converted to a type without loss; each value is looked at later.
_KINDS: dict[str, tuple[str, ...]] = {
    "int": _NUMBERS,
    "float": _NUMBERS,
    "bool": _NUMBERS,
    "str": _NUMBERS,
    "date": ("date", "datetime", "str"),
    "datetime": ("date", "datetime", "str"),
    "time": ("time", "str"),
    "duration": ("duration", "int", "float", "decimal", "str"),
    "list": ("list",),
}


def match_input_columns(source: str, given: Mapping[str, Any], schema: Schema) -> dict[str, str]:
    """Map each column of a row's contract to its column in a source; a nullable one may be missing.

    A column is found by its alias, else by its exact name, else by its name in snake case.

    Args:
        source: the name of the source, for messages.
        given: the types of its columns.
        schema: the contract of a row, without the target.

    Raises:
        BrokenPromise: a column is missing, ambiguous, or of a type that can hold none of its values.

    Example:
        >>> import polars as pl
        >>> row = Schema("Row", (Column("income", "float"), Column("kids", "int", nullable=True)))
        >>> match_input_columns("a.csv", {"Income": pl.String()}, row)
        {'income': 'Income'}
    """
    matches, missing = {}, []
    for column in schema.columns:
        names = _find_names(given, column)
        if len(names) > 1:
            raise BrokenPromise(
                f"{source}: {join_names(map(repr, names), 4)} could all be {column.name} of {schema.name}.",
                hint="rename one of them.",
            )
        if names:
            matches[column.name] = names[0]
        elif not column.nullable:
            missing.append(column.alias or column.name)
    if missing:
        plural = "a column" if len(missing) == 1 else f"{len(missing)} columns"
        raise BrokenPromise(
            f"{source} lacks {plural} that the model needs: {join_names(missing, 6)}.",
            f"  it has {join_names(given, 15)}",
            hint=did_you_mean(missing[0], [n for n in given if n not in matches.values()]),
        )
    _check_types(source, {name: given[match] for name, match in matches.items()}, schema)
    return matches


def _find_names(given: Mapping[str, Any], column: Column) -> list[str]:
    by_alias, by_name = ([n] if n and n in given else [] for n in (column.alias, column.name))
    by_snake = [n for n in given if to_snake_case(n) == column.name]
    chosen = by_alias or by_name or by_snake
    # A column with the contract's own name beside the one with its alias is ambiguous too.
    return chosen + [n for n in by_name if n not in chosen]


def _check_types(source: str, given: Mapping[str, Any], schema: Schema) -> None:
    wrong: list[str] = []
    for name, dtype in given.items():
        column, kind = schema.column(name), "decimal" if dtype.is_decimal() else dtype_kind(dtype)
        if kind != "null" and kind not in _KINDS.get(column.type, (kind,)):
            wrong.append(f"{name} must be {column.type_text}, and is {kind}")
    if wrong:
        raise BrokenPromise(
            f"{source}: {join_names(wrong, 4)}.", hint="convert the column where the file is written."
        )
