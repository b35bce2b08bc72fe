"""Descriptions of a contract's columns, for a table or a tooltip."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from magical.contracts.schema import Column, Schema
from magical.errors import join_names, shorten
from magical.views.picture import DataNode, sanitize_text

__all__ = ["COLUMN_HEADERS", "describe_data", "make_column_rows"]

COLUMN_HEADERS = ("column", "type", "null", "role", "values", "in the source")

_BOUND_FORMATS = {"ge": "≥ {}", "gt": "> {}", "le": "≤ {}", "lt": "< {}", "multiple_of": "multiple of {}"}
_BOUND_FORMATS |= {"min_length": "at least {} long", "max_length": "at most {} long", "pattern": "like {}"}
_MAX_COLUMNS = 40


def make_column_rows(contract: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Make a row for each column of a contract, with the cells of ``COLUMN_HEADERS``.

    Example:
        >>> column = {"name": "income", "type": "float", "nullable": True, "bounds": {"ge": "0"}}
        >>> make_column_rows({"contract": "Row", "columns": [column]})
        [('income', 'float', 'may be null', '', '≥ 0', '')]
    """
    return [tuple(map(sanitize_text, _make_column_row(c))) for c in Schema.from_json(contract).columns]


def describe_data(data: DataNode) -> str:
    """Describe the promise of data, a line for each column.

    Example:
        >>> schema = {"contract": "Row", "columns": [{"name": "id", "type": "int", "role": "id"}]}
        >>> print(describe_data(DataNode("d0", "rows", "rows", "Frame[Row]", (schema,))))
        rows: Frame[Row]
        id: int, id
    """
    lines = [f"{data.label}: {data.promise}"]
    for contract in data.contracts:
        rows = make_column_rows(contract)
        lines += [f"{row[0]}: {', '.join(filter(None, row[1:5]))}" for row in rows[:_MAX_COLUMNS]]
        lines += [f"… and {len(rows) - _MAX_COLUMNS} more"] if len(rows) > _MAX_COLUMNS else []
    return "\n".join(lines)


def _make_column_row(column: Column) -> tuple[str, ...]:
    role = f"{column.role} of {column.parent}" if column.parent else column.role
    values = [join_names(map(repr, column.choices))] if column.choices else []
    values += [_BOUND_FORMATS.get(k, f"{k} {{}}").format(shorten(v)) for k, v in column.bounds.items()]
    source = " ".join(filter(None, (column.alias, column.format)))
    return column.name, column.type, "may be null" if column.nullable else "", role, ", ".join(values), source
