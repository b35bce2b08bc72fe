"""The rows of a fold as numbers: views of large tables, shared by equal Pipelines."""

from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from magical.library.column_plan import build_pipeline
from magical.library.part_transformer import hash_pipeline, take_rows
from magical.library.prediction_task import Examples


def plan(step: Any) -> Any:
    columns = ColumnTransformer([("numbers", StandardScaler(), ["a", "b"])])
    return build_pipeline(("columns", columns), ("more", step))


def test_rows_that_follow_each_other_are_not_copied() -> None:
    rows = Examples(np.arange(12).reshape(6, 2), np.arange(6), np.arange(6.0))
    block, apart = take_rows(rows, np.array([2, 3, 4])), take_rows(rows, np.array([0, 3, 5]))
    assert np.shares_memory(block.X, rows.X)
    assert (block.y.tolist(), apart.y.tolist()) == ([2, 3, 4], [0, 3, 5])
    assert apart.X[:, 0].tolist() == [0, 6, 10]
    assert apart.weight is not None
    assert apart.weight.tolist() == [0, 3, 5]


def test_equal_pipelines_have_equal_texts_and_others_have_not() -> None:
    assert hash_pipeline(plan(PCA(2))) == hash_pipeline(plan(PCA(2)))
    assert hash_pipeline(plan(PCA(2))) != hash_pipeline(plan(PCA(1)))
    one, other = (plan(FunctionTransformer(lambda X, k=k: X * k)) for k in (1, 2))
    assert hash_pipeline(one) != hash_pipeline(other)
    assert hash_pipeline(one) == hash_pipeline(one)
