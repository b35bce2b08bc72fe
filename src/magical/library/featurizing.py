"""The step ``featurize``: add the features of the settings as columns."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel

from magical.contracts.contract import Contract
from magical.contracts.promises import Frame, contract_of, require_schema
from magical.contracts.schema import Schema
from magical.errors import WiringError
from magical.features import Feature, with_features
from magical.graph import Graph, Node
from magical.steps import step

__all__ = ["featurize"]

C = TypeVar("C", bound=Contract)


def _extend_schema(table: Schema | None, features: tuple[Feature, ...]) -> Schema:
    return with_features(require_schema(table, "featurize"), features)


@step(promises=_extend_schema)
def featurize(table: Frame[C], features: tuple[Feature, ...]) -> Frame[C]:
    """Add features to the rows of a table, one feature after the other.

    Args:
        table: rows with a contract.
        features: each may read the columns that an earlier one added.

    Returns:
        The same rows, added columns last; its contract promises them too.

    Raises:
        WiringError: a feature reads a column that is missing or of another type, or is fitted and no
            ``transform`` gets it. Found while drawing.

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


def _check_learned_features(graph: Graph, node: Node) -> None:
    """Raise a WiringError while drawing, if a feature that is fitted reaches no step but this one."""
    features = node.call.arguments["features"] if node.call else None
    calls = [n.call for n in graph.nodes if n.call is not None and n.call.step is not featurize]
    for feature in features or ():
        if feature.is_learned and not any(_holds(list(c.arguments.values()), feature) for c in calls):
            raise WiringError(
                f"{node.name} ({node.where}) gets {feature!r}, which is fitted in the Pipeline of transform, "
                f"and no other step of {graph.workflow} gets it.",
                hint="pass the same features to transform(train, ...), or leave it out.",
            )


def _holds(value: Any, feature: Feature) -> bool:
    """Return True if a value is the feature, or has it as a member at any depth."""
    if type(value) is type(feature):
        return bool(value == feature)
    if isinstance(value, (list, tuple)):
        return any(_holds(member, feature) for member in value)
    return isinstance(value, BaseModel) and _holds(list(vars(value).values()), feature)


featurize.check_graph = _check_learned_features
