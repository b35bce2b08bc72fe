"""predict: a model and a table as a table of predictions."""

from typing import Any, TypeVar

from magical.contracts.contract import Contract
from magical.contracts.model import Model
from magical.contracts.promises import Frame, contract_of
from magical.contracts.schema import Column, Schema
from magical.errors import WiringError
from magical.steps import step

__all__ = ["predict"]

C = TypeVar("C", bound=Contract)


def _build_prediction_schema(model: Any, table: Schema | None) -> Schema:
    """The ids, the prediction, and both probabilities of a truth; other classes only the model knows."""
    if table is None:
        raise WiringError(
            "predict wants a table with a contract, and this one promises no columns.",
            hint="give it a part of a split, or the result of model_data(table, Contract).",
        )
    ids = tuple(c for c in table.columns if c.role == "id")
    target = table.by_name.get(table.target or "")
    kind, choices = "any", ()
    if target is not None:
        kind, choices = (target.type, target.choices) if target.is_class else ("float", ())
    chances = [f"probability_{truth}" for truth in (False, True) if kind == "bool"]
    probabilities = (Column(name, "float", bounds={"ge": 0, "le": 1}) for name in chances)
    return Schema(
        "Prediction", (*ids, Column("prediction", kind, choices=choices), *probabilities), source=table.source
    )


@step(promises=_build_prediction_schema)
def predict(model: Model, table: Frame[C]) -> Frame:
    """Predict each row of a table.

    Args:
        model: fitted.
        table: rows with the model's features, and a contract.

    Returns:
        For each row, in order, its id, ``prediction``, and for classes ``probability_CLASS`` for each.

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
