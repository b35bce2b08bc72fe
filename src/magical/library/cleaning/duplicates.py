"""The step ``drop_duplicates``: of rows with the same facts, one is kept."""

from collections.abc import Iterable
from typing import Literal, TypeVar

import polars as pl

from magical.contracts.contract import Contract
from magical.contracts.promises import Frame, contract_of, require_schema
from magical.contracts.schema import TRAINING_ROLES, Column, Schema
from magical.errors import WiringError, did_you_mean, join_names
from magical.events import emit
from magical.features import Columns, select_columns
from magical.library.cleaning.cleaned_rows import keep_rows
from magical.steps import step

__all__ = ["drop_duplicates", "select_with_target"]

C = TypeVar("C", bound=Contract)

_KEPT = ("first", "last", "none")
_ROW, _FIRST, _LAST = "__row", "__first", "__last"  # no names that a table is likely to have


def select_with_target(selectors: Iterable[str], schema: Schema, asker: str) -> list[Column]:
    """Return the columns that selectors select; the target and the weight, too: scoring leaves the step out.

    Raises:
        WiringError: a selector selects no column.
    """
    names = list(selectors)
    unscored = [name for name in schema.names_with_role(*TRAINING_ROLES) if name in names]
    others = [name for name in names if name not in unscored]
    selected = select_columns(others, schema, asker) if others else []
    return [*selected, *map(schema.column, unscored)]


def _find_facts(table: Schema | None, columns: Columns, keep: str) -> list[str]:
    """Return the names of the columns that are compared."""
    schema = require_schema(table, "drop_duplicates")
    if keep not in _KEPT:
        raise WiringError(f"drop_duplicates keeps no {keep!r}.", hint=did_you_mean(keep, _KEPT))
    if columns:
        return [c.name for c in select_with_target(columns, schema, "drop_duplicates")]
    facts = [c.name for c in schema.columns if c.role != "id"]
    if not facts:
        raise WiringError(
            f"{schema.name} has no column but its id, so no two rows are equal.", hint="name columns."
        )
    return facts


def _check_duplicates(table: Schema | None, columns: Columns, keep: str) -> None:
    _find_facts(table, columns, keep)


@step(training_only=True, promises=_check_duplicates)
def drop_duplicates(
    table: Frame[C], columns: Columns = (), keep: Literal["first", "last", "none"] = "first"
) -> Frame[C]:
    """Keep one of the rows that are equal; nulls are equal to each other.

    The rows that are dropped are kept as ``dropped``, each with the number of a row that it is equal to; a
    thousand of them at most. Scoring leaves the step out.

    Args:
        table: rows with a contract.
        columns: the columns that are compared; by default all of the contract but the ``Id``.
        keep: the row that stays: ``first`` or ``last`` of the table, or ``none``.

    Raises:
        WiringError: there is no such column. Found while drawing.

    Example:
        >>> from magical import Id
        >>> from magical.library import model_data
        >>> class Customer(Contract):
        ...     id: Id[int]
        ...     income: float
        >>> raw = pl.DataFrame({"id": [1, 2, 3], "income": [20.0, 30.0, 20.0]})
        >>> drop_duplicates(model_data(raw, Customer))["id"].to_list()
        [1, 2]
    """
    schema = contract_of(table)
    names = _find_facts(schema, columns, keep)
    row, first, last = (pl.col(c) for c in (_ROW, _FIRST, _LAST))
    marks = (
        table.select(names)
        .with_row_index(_ROW)
        .select(
            row.cast(pl.Int64), row.first().over(names).alias(_FIRST), row.last().over(names).alias(_LAST)
        )
    )
    stays = {"first": row == first, "last": row == last, "none": first == last}[keep]
    is_dropped = marks.select(~stays).to_series()
    emit(f"{is_dropped.sum():,} of {table.height:,} rows dropped: equal to another in {join_names(names, 4)}")
    if not is_dropped.any():
        return table
    other = pl.when(row == first).then(last).otherwise(last if keep == "last" else first)
    dropped = marks.filter(is_dropped).select(row.alias("row"), other.cast(pl.Int64).alias("equal_to_row"))
    keep_rows("dropped", dropped, table, schema)
    return table.filter(~is_dropped)
