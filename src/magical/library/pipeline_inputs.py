"""The columns of a table that an unfitted Pipeline reads."""

from __future__ import annotations

from magical.contracts.promises import Pipeline
from magical.contracts.schema import Schema
from magical.named_columns import list_named_columns

__all__ = ["find_pipeline_inputs"]


def find_pipeline_inputs(preprocessing: Pipeline, schema: Schema) -> Schema:
    """Return a schema of the columns that a Pipeline reads: those that its ColumnTransformer names.

    A ColumnTransformer that chooses columns otherwise, or keeps the rest, gets all features and those.

    Example:
        >>> from sklearn.compose import ColumnTransformer
        >>> from sklearn.pipeline import make_pipeline
        >>> from magical.contracts.schema import Column
        >>> pipeline = make_pipeline(ColumnTransformer([("kept", "passthrough", ["income"])]))
        >>> schema = Schema("Customer", (Column("income", "float"), Column("city", "str")))
        >>> find_pipeline_inputs(pipeline, schema).names
        ['income']
    """
    from sklearn.compose import ColumnTransformer

    names = {c.name for c in schema.features} | {*list_named_columns(preprocessing)}
    first = preprocessing.steps[0][1]
    # Only columns given by name can be known before the fit; a selector or a callable reads any.
    if isinstance(first, ColumnTransformer) and first.remainder == "drop":
        columns = [block[2] for block in first.transformers]
        if all(isinstance(c, list) and all(isinstance(n, str) for n in c) for c in columns):
            names = {n for c in columns for n in c}
    return Schema(f"{schema.name}Features", tuple(c for c in schema.columns if c.name in names))
