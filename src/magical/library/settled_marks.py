"""Marks that the texts of a source settled in a run: ``model_data`` keeps them, and a version has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from magical.contracts.promises import Promise
from magical.contracts.schema import Column, Schema
from magical.engine.protocols import StepContext
from magical.events import keep
from magical.refs import Link

__all__ = ["keep_settled", "load_settled", "settle_row"]

Marks = Mapping[str, Mapping[str, str]]
"""For each column, how its texts are written, as fields of a column."""

_NUMBERS, _MOMENTS = ("int", "float", "duration"), ("date", "datetime")


def keep_settled(shown: Marks, schema: Schema) -> None:
    """Keep as ``settled`` how the texts of each column are written, where the contract does not say it.

    Args:
        shown: what the texts show, as ``cast`` returns it.
        schema: the contract of a row.
    """
    settled = {}
    for column in schema.columns:
        states_marks = bool(column.decimal or column.thousands)
        found = shown[column.name].items()
        if marks := {name: mark for name, mark in found if not states_marks or name == "unit"}:
            settled[column.name] = marks
    if settled:
        keep("settled", settled)


def load_settled(context: StepContext, source: Link) -> Marks:
    """Load how the texts of each column were written, which ``model_data`` kept in the run."""
    record = context.records.get(source.node)
    artifact = record.kept.get("settled") if record else None
    return dict(context.store.load(artifact, Promise("value", dict))) if artifact else {}


def settle_row(row: Schema, shown: Marks, decimal: str = "", thousands: str = "") -> Schema:
    """Settle the marks of a row's columns, so that a text alone is read as among the rows of the run.

    Args:
        row: the contract of a row.
        shown: for each column, the marks that its texts showed in the run, as fields of a column.
        decimal: the decimal mark that the ``Reading`` of the source states, for columns that state none.
        thousands: the mark between thousands that it states.

    Example:
        >>> row = Schema("Sale", (Column("price", "float"), Column("note", "str")))
        >>> [(c.decimal, c.settled) for c in settle_row(row, {"price": {"decimal": ","}}).columns]
        [(',', 'source'), ('', '')]
    """
    columns = [
        replace(c, decimal=decimal, thousands=thousands)
        if c.type in _NUMBERS and not (c.decimal or c.thousands)
        else c
        for c in row.columns
    ]
    return replace(row, columns=tuple(_settle_column(c, shown.get(c.name, {})) for c in columns))


def _settle_column(column: Column, shown: Mapping[str, str]) -> Column:
    if column.type in _NUMBERS and (column.decimal or column.thousands):
        return replace(column, settled="contract", unit=shown.get("unit", ""))
    # Numbers that came as numbers settle nothing: a text is then read like any other.
    if shown and (column.type in _NUMBERS or (column.type in _MOMENTS and not column.format)):
        marks: dict[str, Any] = {"settled": "source", **shown}
        return replace(column, **marks)
    return column
