"""Which columns of a table a Pipeline gets."""

import pytest
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from magical.contracts.schema import Column, Schema
from magical.library.pipeline_inputs import find_pipeline_inputs

SCHEMA = Schema(
    "Person",
    (
        Column("id", "int", role="id"),
        Column("age", "int"),
        Column("income", "float"),
        Column("joined", "date", role="time"),
        Column("bought", "bool", role="target"),
    ),
)


def of(*columns: object, remainder: str = "drop") -> Pipeline:
    blocks = [(f"b{i}", StandardScaler(), c) for i, c in enumerate(columns)]
    return make_pipeline(ColumnTransformer(blocks, remainder=remainder))


@pytest.mark.parametrize(
    ("pipeline", "expected"),
    [
        (of(["income"], ["joined"]), ["income", "joined"]),
        (of(["income"], remainder="passthrough"), ["age", "income"]),
        (of(make_column_selector("age"), ["joined"]), ["age", "income", "joined"]),
        (of("joined"), ["age", "income", "joined"]),
        (make_pipeline(StandardScaler()), ["age", "income"]),
    ],
)
def test_it_gets_what_it_names_or_else_all_features_and_what_it_names(
    pipeline: Pipeline, expected: list[str]
) -> None:
    assert find_pipeline_inputs(pipeline, SCHEMA).names == expected
