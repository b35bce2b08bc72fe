"""The judge of the comparison of models."""

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from judging import BadPredictions, compare_losses, compute_error, read_losses
from sklearn.metrics import log_loss, root_mean_squared_error


def judge(folder: Path, predicted: dict[str, list[float]], truth: list[float], kind: str) -> np.ndarray:
    pl.DataFrame(predicted).write_parquet(folder / "predictions.parquet")
    pl.DataFrame({"target": truth}).write_parquet(folder / "truth.parquet")
    return read_losses(folder / "predictions.parquet", folder / "truth.parquet", kind)


def test_errors_are_those_of_scikit_learn(tmp_path: Path) -> None:
    share, truth = [0.9, 0.2, 0.6], [1, 0, 0]
    losses = judge(tmp_path, {"0": [1 - p for p in share], "1": share}, truth, "binary")
    assert compute_error(losses, "binary") == pytest.approx(log_loss(truth, share))
    losses = judge(tmp_path, {"0": [1.0, 5.0]}, [2.0, 2.0], "regression")
    assert compute_error(losses, "regression") == pytest.approx(
        root_mean_squared_error([2.0, 2.0], [1.0, 5.0])
    )


def test_what_was_held_impossible_has_a_finite_loss(tmp_path: Path) -> None:
    losses = judge(tmp_path, {"0": [1.0, 0.5], "1": [0.0, 0.5]}, [1, 1], "binary")
    assert losses[0] == pytest.approx(-math.log(1e-15))


@pytest.mark.parametrize(
    ("predicted", "truth", "kind", "text"),
    [
        ({"0": [1.0]}, [1.0, 2.0], "regression", "1 rows of 1 numbers, not 2 of 1"),
        ({"0": [0.5, 0.5]}, [0, 1], "binary", "2 rows of 1 numbers, not 2 of 2"),
        ({"0": [1.0, float("nan")]}, [1.0, 2.0], "regression", "missing or infinite"),
        ({"0": [1.0, None]}, [1.0, 2.0], "regression", "missing or infinite"),
        ({"0": [0.9, 0.1], "1": [0.9, 0.9]}, [0, 1], "binary", "their sum is not 1"),
        ({"0": [-0.5, 0.1], "1": [1.5, 0.9]}, [0, 1], "binary", "negative"),
    ],
)
def test_what_is_no_prediction_of_each_row_is_refused(
    tmp_path: Path, predicted: dict[str, list[float]], truth: list[float], kind: str, text: str
) -> None:
    with pytest.raises(BadPredictions, match=text):
        judge(tmp_path, predicted, truth, kind)


def test_two_models_are_compared_row_by_row() -> None:
    rng = np.random.default_rng(0)
    other = rng.exponential(size=1_000)
    assert compare_losses(other + rng.normal(0.1, 0.1, 1_000), other) > 20
    assert abs(compare_losses(other + rng.normal(0, 0.1, 1_000), other)) < 3
    assert compare_losses(other, other) == 0
