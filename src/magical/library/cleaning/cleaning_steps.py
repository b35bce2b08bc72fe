"""The steps ``clean`` and ``leave_out``: rules for rows, and columns that no model should see."""

from __future__ import annotations

from typing import TypeVar

from magical.contracts.contract import Contract
from magical.contracts.promises import Frame, contract_of, require_schema
from magical.contracts.schema import Schema
from magical.features import Columns, select_columns
from magical.library.cleaning.cleaned_rows import CleanedRows, narrow_schema
from magical.library.cleaning.cleaning_rule import Cleaning
from magical.steps import step

__all__ = ["clean", "leave_out"]

C = TypeVar("C", bound=Contract)


def _promise_clean_rows(table: Schema | None, rules: tuple[Cleaning, ...]) -> Schema:
    return narrow_schema(require_schema(table, "clean"), rules)


@step(promises=_promise_clean_rows)
def clean(table: Frame[C], rules: tuple[Cleaning, ...]) -> Frame[C]:
    """Change and reject rows by rules, one rule after the other, each row by itself.

    Each rejected row is kept with the rule, the column and the value (as ``rejected``), each change with the
    old and the new value and its number of rows (as ``changed``), the counts of each rule as ``rules``; of
    the first two a thousand rows at most. New rows pass the same rules when they are scored; one that is
    rejected has no prediction, and its reason says why.

    Args:
        table: rows with a contract.
        rules: a rule sees the values that the rules before it left.

    Returns:
        The other rows in their order; the contract promises what the rules make sure.

    Raises:
        WiringError: a rule names a column that is missing, of another type, or the target, or it would write
            what the contract does not allow. Found while drawing.

    Example:
        >>> import polars as pl
        >>> from magical.library import Limits, model_data
        >>> class Customer(Contract):
        ...     income: float
        >>> customers = model_data(pl.DataFrame({"income": [20.0, -1.0]}), Customer)
        >>> clean(customers, (Limits("income", ge=0),)).rows()
        [(20.0,)]
    """
    rows = CleanedRows(table, contract_of(table))
    for rule in rules:
        rows.apply(rule)
    rows.report(rules)
    return rows.good


def _promise_other_columns(table: Schema | None, columns: Columns) -> Schema:
    schema = require_schema(table, "leave_out")
    left_out = select_columns(columns, schema, "leave_out") if columns else []
    return schema.without(c.name for c in left_out)


@step(promises=_promise_other_columns)
def leave_out(table: Frame[C], columns: Columns) -> Frame:
    """Drop columns that no model should see.

    Args:
        table: rows with a contract.
        columns: names, patterns, types or roles; none for no column.

    Raises:
        WiringError: there is no such column, or it is the target. Found while drawing.

    Example:
        >>> import polars as pl
        >>> from magical.library import model_data
        >>> class Customer(Contract):
        ...     income: float
        ...     agent: str
        >>> customers = model_data(pl.DataFrame({"income": [20.0], "agent": ["A"]}), Customer)
        >>> leave_out(customers, ("agent",)).columns
        ['income']
    """
    promised = _promise_other_columns(contract_of(table), columns)
    return table.drop(name for name in contract_of(table).names if name not in promised.by_name)
