"""Blocks that show stored values: the first rows of a table, and nested values as facts and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import polars as pl

from magical.errors import join_names, shorten
from magical.views.document import Block, Cell, Facts, Paragraph, Table

__all__ = ["table_block", "value_blocks"]

_MAX_CELL, _MAX_TEXT, _MAX_VALUE = 100, 200, 2000


def table_block(table: pl.DataFrame, caption: str = "") -> Table:
    """Show all rows of a table, which should be few; its texts are masked and cut.

    Example:
        >>> table_block(pl.DataFrame({"name": ["a"], "age": [3]}))
        Table(columns=('name', '>age'), rows=(('a', '3'),), caption='', part='')
    """
    titles = [f"{'>' * dtype.is_numeric()}{shorten(n, _MAX_CELL)}" for n, dtype in table.schema.items()]
    # Whole numbers as texts: a year or an id has no comma.
    columns = [[str(v) if type(v) is int else _to_cell(v) for v in _to_list(values)] for values in table]
    return Table(tuple(titles), tuple(zip(*columns, strict=True)), caption)


def value_blocks(value: Any) -> tuple[Block, ...]:
    """Show a value: a mapping as facts, with a table for each entry that is nested.

    Example:
        >>> value_blocks({"part": "test", "metrics": {"auc": {"value": 0.8}}})[1]
        Table(columns=('', '>value'), rows=(('auc', 0.8),), caption='metrics', part='')
    """
    if isinstance(value, Mapping) and value:
        nested = {name: tables for name, v in value.items() if (tables := _nested_tables(str(name), v))}
        facts = [(shorten(n, _MAX_CELL), _fact_text(v)) for n, v in value.items() if n not in nested]
        return (*([Facts(tuple(facts))] if facts else []), *chain.from_iterable(nested.values()))
    return tuple(_nested_tables("", value)) or (Paragraph(shorten(value, _MAX_VALUE) or "an empty text"),)


def _nested_tables(name: str, value: Any) -> list[Table]:
    """Show a nested value as a table; as several if its entries are nested again."""
    if isinstance(value, Mapping) and value and all(_is_nested(v) for v in value.values()):
        return [table for k, v in value.items() for table in _nested_tables(f"{name}: {k}".strip(": "), v)]
    table = _nested_table(shorten(name, _MAX_CELL), value)
    return [table] if table else []


def _is_nested(value: Any) -> bool:
    return isinstance(value, Mapping) and bool(value) and all(isinstance(v, Mapping) for v in value.values())


def _nested_table(name: str, value: Any) -> Table | None:
    """Show a mapping, or a list of mappings, with a line an entry; None for any other value."""
    if isinstance(value, list | tuple) and value and all(isinstance(v, Mapping) for v in value):
        rows: Sequence[tuple[str, Any]] = [("", v) for v in value]
    elif isinstance(value, Mapping) and value:
        rows = [(shorten(k, _MAX_CELL), v) for k, v in value.items()]
    else:
        return None
    if not all(isinstance(v, Mapping) for _, v in rows):
        return Table(("", "value"), tuple((k, _to_cell(v)) for k, v in rows), name)
    keys = list(dict.fromkeys(k for _, v in rows for k in v))
    numeric = {k for k in keys if all(isinstance(v.get(k), int | float | None) for _, v in rows)}
    head = [f"{'>' * (k in numeric)}{shorten(k, _MAX_CELL)}" for k in keys]
    cells = [(label, *(_to_cell(v.get(k)) for k in keys)) for label, v in rows]
    if not any(label for label, _ in rows):
        return Table(tuple(head), tuple(row[1:] for row in cells), name)
    return Table(("", *head), tuple(cells), name)


def _fact_text(value: Any) -> str:
    if isinstance(value, list | tuple) and all(isinstance(v, str | int | float) for v in value):
        return shorten(join_names(map(str, value), 20), _MAX_TEXT) if value else "none"
    return shorten(value, _MAX_TEXT)


def _to_list(values: pl.Series) -> Sequence[Any]:
    try:
        return values.to_list()
    except (OverflowError, ValueError):  # a moment that Python lacks
        return ["?"] * len(values)


def _to_cell(value: Any) -> Cell:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return shorten(", ".join(f"{k} {v}" for k, v in value.items()), _MAX_CELL)
    return shorten(value, _MAX_CELL)
