"""What a contract says of its columns, in words for a table or a tooltip."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from magical.contracts.schema import Column, Schema
from magical.errors import listing, shorten
from magical.views.picture import DataNode, shown

__all__ = ["HEADS", "cells", "described"]

HEADS = ("column", "type", "null", "role", "values", "in the source")

_SIGNS = {"ge": "≥ {}", "gt": "> {}", "le": "≤ {}", "lt": "< {}", "multiple_of": "multiple of {}"}
_SIGNS |= {"min_length": "at least {} long", "max_length": "at most {} long", "pattern": "like {}"}
_MANY = 40


def cells(contract: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Give a row for each column: its name, type, whether it may be null, role, values, name in the source.

    Example:
        >>> column = {"name": "income", "type": "float", "nullable": True, "bounds": {"ge": "0"}}
        >>> cells({"contract": "Row", "columns": [column]})
        [('income', 'float', 'may be null', '', '≥ 0', '')]
    """
    return [tuple(map(shown, _cells(c))) for c in Schema.from_json(contract).columns]


def described(data: DataNode) -> str:
    """Say what data promise, a line for each column.

    Example:
        >>> schema = {"contract": "Row", "columns": [{"name": "id", "type": "int", "role": "id"}]}
        >>> print(described(DataNode("d0", "rows", "rows", "Frame[Row]", (schema,))))
        rows: Frame[Row]
        id: int, id
    """
    lines = [f"{data.label}: {data.promise}"]
    for contract in data.contracts:
        rows = cells(contract)
        lines += [f"{row[0]}: {', '.join(filter(None, row[1:5]))}" for row in rows[:_MANY]]
        lines += [f"… and {len(rows) - _MANY} more"] if len(rows) > _MANY else []
    return "\n".join(lines)


def _cells(column: Column) -> tuple[str, ...]:
    role = f"{column.role} of {column.parent}" if column.parent else column.role
    values = [listing(map(repr, column.choices))] if column.choices else []
    values += [_SIGNS.get(k, f"{k} {{}}").format(shorten(v)) for k, v in column.bounds.items()]
    source = " ".join(filter(None, (column.alias, column.format)))
    return column.name, column.type, "may be null" if column.nullable else "", role, ", ".join(values), source
