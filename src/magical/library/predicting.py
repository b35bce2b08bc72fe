"""The step ``predict``: predict each row of a table with a model."""

from typing import Any, TypeVar

from magical.contracts.contract import Contract
from magical.contracts.model import Model
from magical.contracts.promises import Frame, contract_of, require_schema
from magical.contracts.schema import Schema
from magical.library.prediction_task import prediction_columns
from magical.steps import step

__all__ = ["predict"]

C = TypeVar("C", bound=Contract)


def _build_prediction_schema(model: Any, table: Schema | None) -> Schema:
    """Build the schema of predictions: the ids, ``prediction``, and the probabilities of a bool target."""
    table = require_schema(table, "predict")
    ids = tuple(c for c in table.columns if c.role == "id")
    target = table.by_name.get(table.target or "")
    kind, choices = "any", ()
    if target is not None:
        kind, choices = (target.type, target.choices) if target.is_class else ("float", ())
    # Other classes than those of a bool are known to the fitted model only, and this runs while drawing.
    classes = (False, True) if kind == "bool" else ()
    columns = prediction_columns(kind, classes, choices=choices)
    return Schema("Prediction", (*ids, *columns), source=table.source)


@step(promises=_build_prediction_schema)
def predict(model: Model, table: Frame[C]) -> Frame:
    """Predict each row of a table.

    Args:
        model: a fitted model.
        table: rows with the model's features, and a contract.

    Returns:
        For each row, in order, its ids, ``prediction``, and for each class ``probability_CLASS``.

    Raises:
        BrokenPromise: a feature is missing or of another type.

    Example:
        >>> import polars as pl
        >>> from magical import Id, Target
        >>> from magical.library import linear, model_data, train, transform
        >>> class Customer(Contract):
        ...     id: Id[int]
        ...     income: float
        ...     response: Target[bool]
        >>> raw = pl.DataFrame({"id": [1, 2], "income": [1.0, 2.0], "response": [False, True]})
        >>> table = model_data(raw, Customer)
        >>> predict(train(table, table, transform(table), linear()), table).columns
        ['id', 'prediction', 'probability_False', 'probability_True']
    """
    ids, predicted = contract_of(table).ids, model.predict(table)
    return table.select(ids).hstack(predicted) if ids else predicted
