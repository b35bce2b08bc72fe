"""The step ``featurize``: add the features of the settings as columns."""

from __future__ import annotations

from typing import TypeVar

from magical.contracts.contract import Contract
from magical.contracts.promises import Frame, contract_of
from magical.contracts.schema import Schema
from magical.errors import WiringError
from magical.features import Feature, with_features
from magical.steps import step

__all__ = ["featurize"]

C = TypeVar("C", bound=Contract)


def _extend_schema(table: Schema | None, features: tuple[Feature, ...]) -> Schema:
    if table is None:
        raise WiringError(
            "featurize wants a table with a contract, and this one promises no columns.",
            hint="give it the result of model_data(table, Contract).",
        )
    return with_features(table, features)


@step(promises=_extend_schema)
def featurize(table: Frame[C], features: tuple[Feature, ...]) -> Frame[C]:
    """Add features to the rows of a table, one feature after the other.

    Args:
        table: rows with a contract.
        features: each may read the columns that an earlier one added.

    Returns:
        The same rows, added columns last; its contract promises them too.

    Raises:
        WiringError: a feature reads a column that is missing or of another type. Found while drawing.

    Example:
        >>> import polars as pl
        >>> from magical.features import Log
        >>> from magical.library import model_data
        >>> class Customer(Contract):
        ...     income: float
        >>> customers = model_data(pl.DataFrame({"income": [0.0, 1.0]}), Customer)
        >>> featurize(customers, (Log("income"),)).columns
        ['income', 'log_income']
    """
    schema = contract_of(table)
    for feature in features:
        table = table.with_columns(feature.expressions(schema))
        schema = with_features(schema, [feature])
    return table
