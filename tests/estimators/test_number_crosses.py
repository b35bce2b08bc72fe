"""NumberCrosses: which columns are crossed, and what of missing numbers and of zeros."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from magical.estimators import NumberCrosses


def test_the_columns_that_matter_to_the_target_are_crossed_by_name() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(400, 5)), columns=[*"abcde"])
    target = frame["d"] * 3 + frame["b"]
    crosses = clone(NumberCrosses(2)).fit(frame, target)
    assert list(crosses.get_feature_names_out()) == ["b + d", "b - d", "b / d"]
    made = crosses.transform(frame)
    assert np.allclose(made[:, 0], frame["b"] + frame["d"])
    assert np.allclose(made[:, 2], frame["b"] / frame["d"])


@pytest.mark.parametrize(("row", "made"), [((np.nan, 2.0), 3), ((1.0, 0.0), 1), ((0.0, 4.0), 0)])
def test_missing_numbers_and_quotients_by_zero_are_missing(row: tuple[float, float], made: int) -> None:
    crosses = NumberCrosses().fit(np.array([[1.0, 2.0], [3.0, 5.0]]), [1.0, 2.0])
    assert np.isnan(crosses.transform(np.array([row]))).sum() == made


def test_one_column_has_nothing_to_be_crossed_with() -> None:
    X = np.array([[1.0], [2.0]])
    assert NumberCrosses().fit(X, [1.0, 2.0]).transform(X).shape == (2, 0)
